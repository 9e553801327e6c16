//! Recoveries of a tree, with a monitor and programs that stand in for the real ones.

use super::*;
use crate::{
    config::{
        Config,
        probe::{Class, Limits, Origin, Recovery as Policy},
    },
    deadline::Deadline,
    fault::Code,
    host::Host,
    log::Log,
    probe::{
        classify::{
            classify,
            samples::{self, disk, nic},
        },
        evidence::{Agent, Checked, Deep, Fast, Path, ProcessState, Qmp, Slow, Vnc},
        figure::Figure,
        instance::Instance,
    },
    pve::qmp::fake::{fails, returns, serve},
    report::Output,
};
use serde_json::json;
use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    process::{Command, ExitStatus},
    sync::{Arc, Mutex},
    time::Duration,
};

fn known<T>(value: T) -> Figure<T> {
    Figure::known("test", value)
}

/// A host with VM 111, whose monitor answers and does what it is told.
struct World {
    dir: tempfile::TempDir,
    state: Arc<Mutex<String>>,
    told: Arc<Mutex<Vec<String>>>,
    policy: Policy,
}

impl World {
    fn new(state: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        for (path, text) in [("etc/pve/qemu-server/111.conf", "name: a\n"), ("disk.qcow2", "x")] {
            fs::create_dir_all(host.at(path).parent().unwrap()).unwrap();
            fs::write(host.at(path), text).unwrap();
        }
        let policy =
            Policy { network: true, qemu: true, client: true, mixed: true, restart: true, ..Policy::default() };
        let (state, told) = (Arc::new(Mutex::new(state.to_owned())), Arc::new(Mutex::new(Vec::new())));
        let (now, log) = (state.clone(), told.clone());
        serve(&host, 111, move |command, _| {
            let mut state = now.lock().unwrap();
            match (command, state.as_str()) {
                ("query-status", _) => return returns(json!({ "status": *state, "running": *state == "running" })),
                ("cont", "io-error" | "prelaunch") => *state = "running".into(),
                ("cont", _) => return fails("GenericError", "Resetting the Virtual Machine is required"),
                ("system_reset", _) => *state = "prelaunch".into(),
                _ => return fails("CommandNotFound", "no such command"),
            }
            log.lock().unwrap().push(command.to_owned());
            returns(json!({}))
        });
        Self { dir, state, told, policy }
    }

    fn host(&self) -> Host {
        Host::new(self.dir.path())
    }

    fn session(&self) -> Session {
        let mut config = Config::default();
        config.probe.recovery = self.policy.clone();
        let deadline = Deadline::after(Duration::from_secs(60));
        Session::new(self.host(), config, deadline, Log::new("test", -1), Output::new(false))
    }

    /// What a look at it finds.
    fn look(&self) -> Evidence {
        self.spoiled(|_, _, _| {})
    }

    fn spoiled(&self, spoil: impl FnOnce(&mut Instance, &mut Fast, &mut Deep)) -> Evidence {
        samples::evidence(|instance, fast, deep| {
            *deep = samples::deep(&self.state.lock().unwrap());
            (instance.seen_at, fast.at, deep.at) = (intent::millis(), intent::millis(), intent::millis());
            instance.qmp = Some(self.host().qemu_run().join("111.qmp"));
            deep.disks = known(vec![disk("nospace", "/disk.qcow2")]);
            spoil(instance, fast, deep);
        })
    }

    fn run(&self, context: &Context) -> anyhow::Result<Outcome> {
        self.run_with(context, || self.look())
    }

    fn run_with(&self, context: &Context, mut probe: impl FnMut() -> Evidence) -> anyhow::Result<Outcome> {
        let evidence = probe();
        run(&self.session(), &evidence, &judge(&evidence), context, &mut probe)
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    fn is(&self, state: &str) {
        *self.state.lock().unwrap() = state.to_owned();
    }

    fn refusal(&self, evidence: &Evidence, context: &Context) -> String {
        preview(&self.session(), evidence, &judge(evidence), context).refused_because.unwrap_or_default()
    }
}

fn judge(evidence: &Evidence) -> Verdict {
    classify(evidence, &Limits::default(), intent::millis())
}

fn policy() -> Context {
    Context { asked_by: AskedBy::Policy, force: false, ill_at_once: 1, settled: Ok(()) }
}

#[test]
fn a_machine_whose_storage_has_room_again_goes_on() {
    let world = World::new("io-error");
    let planned = preview(&world.session(), &world.look(), &judge(&world.look()), &policy());
    assert_eq!((planned.plan, planned.refused_because), (vec!["QMP 111: cont".to_owned()], None));
    let outcome = world.run(&policy()).unwrap();
    assert_eq!((outcome.result, outcome.text.as_str()), (Ended::Recovered, "no_space is over"));
    assert_eq!(world.told(), ["cont"]);
    let audit = entries(&world.host(), Some("111"));
    assert_eq!(audit.len(), 1);
    assert_eq!((audit[0].outcome, audit[0].nth, audit[0].asked_by), (Ended::Recovered, 1, AskedBy::Policy));
    assert_eq!((audit[0].commands.join(" "), audit[0].after.as_deref()), ("QMP 111: cont".into(), Some("healthy")));
    assert!(heal(&world.session()).is_empty(), "nothing is left to be healed");
    assert!(audit::text(&audit).contains("no_space"));
    assert!(entries(&world.host(), Some("112")).is_empty());
}

#[test]
fn a_panicked_guest_is_reset_and_goes_on() {
    for state in ["guest-panicked", "internal-error", "watchdog"] {
        let world = World::new(state);
        assert_eq!(world.run(&policy()).unwrap().result, Ended::Recovered, "{state}");
        assert_eq!(world.told(), ["system_reset", "cont"]);
    }
}

#[test]
fn who_paused_it_in_between_is_respected() {
    let world = World::new("paused");
    let stale = |state: &str| world.spoiled(|_, _, d| d.run_state = known(state.to_owned()));
    for state in ["io-error", "guest-panicked"] {
        let outcome = world.run_with(&policy_forced(), || stale(state)).unwrap();
        assert_eq!(outcome.result, Ended::Failed);
        assert!(outcome.text.contains("\"paused\" by now, so it was left alone"), "{}", outcome.text);
    }
    assert!(world.told().is_empty());
}

fn policy_forced() -> Context {
    Context { force: true, ..policy() }
}

#[test]
fn what_did_not_help_is_told_as_it_is() {
    let world = World::new("io-error");
    let full = || world.spoiled(|_, _, d| d.run_state = known("io-error".into()));
    let outcome = world.run_with(&policy(), full).unwrap();
    assert_eq!(outcome.result, Ended::Failed);
    assert!(outcome.text.starts_with("still: the storage of drive-scsi0"), "{}", outcome.text);
    // Evidence that could not have shown it, or was taken before, proves nothing.
    world.is("io-error");
    let mut looks = 0;
    let busy = || {
        looks += 1;
        world.spoiled(|_, _, d| {
            if looks > 2 {
                d.qmp = Qmp::Busy;
            }
        })
    };
    assert_eq!(world.run_with(&policy_forced(), busy).unwrap().result, Ended::Unknown);
    world.is("io-error");
    let (mut looks, old) = (0, intent::millis());
    let stale = || {
        looks += 1;
        world.spoiled(|_, _, d| {
            if looks > 2 {
                d.at = old;
            }
        })
    };
    assert_eq!(world.run_with(&policy_forced(), stale).unwrap().result, Ended::Unknown);
    assert_eq!(entries(&world.host(), None).len(), 3);
}

#[test]
fn what_is_well_again_costs_nothing() {
    let world = World::new("io-error");
    let evidence = world.look();
    world.is("running");
    let outcome = run(&world.session(), &evidence, &judge(&evidence), &policy(), &mut || world.look()).unwrap();
    assert_eq!(outcome.result, Ended::Needless);
    assert_eq!(BOOK.times(&world.host(), "111").unwrap().len(), 0);
    assert!(entries(&world.host(), None).is_empty());
}

#[test]
fn the_fourth_within_the_hour_is_refused_whoever_asks_and_after_a_restart() {
    let world = World::new("io-error");
    for context in [policy_forced(), Context::person(1), Context { asked_by: AskedBy::Api, ..policy_forced() }] {
        world.is("io-error");
        assert_eq!(world.run(&context).unwrap().result, Ended::Recovered);
    }
    world.is("io-error");
    for context in [policy_forced(), Context::person(1)] {
        assert!(world.refusal(&world.look(), &context).contains("3 recoveries within the hour"));
        let error = world.run(&context).unwrap_err();
        assert_eq!(Fault::code_of(&error), Code::Refused, "{error:#}");
    }
    assert_eq!(world.told().len(), 3);
}

#[test]
fn books_that_cannot_be_read_allow_nothing() {
    let world = World::new("io-error");
    fs::create_dir_all(world.host().lib_dir()).unwrap();
    fs::write(world.host().lib_dir().join("probe-recoveries.json"), "{").unwrap();
    assert!(world.refusal(&world.look(), &policy()).contains("is damaged"));
    let error = world.run(&Context::person(1)).unwrap_err();
    assert_eq!(Fault::code_of(&error), Code::Refused);
    assert!(error.to_string().contains("could not be read"), "{error}");
    assert!(world.told().is_empty());
}

#[test]
fn between_two_recoveries_time_has_to_pass_but_not_for_a_person() {
    let world = World::new("io-error");
    world.run(&policy()).unwrap();
    world.is("io-error");
    assert!(world.refusal(&world.look(), &policy()).contains("the next one in"));
    assert_eq!(world.refusal(&world.look(), &Context { asked_by: AskedBy::Person, ..policy() }), "");
    assert_eq!(world.refusal(&world.look(), &policy_forced()), "");
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let world = World::new("guest-panicked");
    let mut session = world.session();
    session.dry_run = true;
    let evidence = world.look();
    let outcome = run(&session, &evidence, &judge(&evidence), &policy(), &mut || world.look()).unwrap();
    assert_eq!((outcome.result, outcome.text.as_str()), (Ended::Planned, "a dry run"));
    assert_eq!(session.planned(), ["run QMP 111: system_reset", "run QMP 111: cont"]);
    assert!(world.told().is_empty() && entries(&world.host(), None).is_empty());
    assert_eq!(BOOK.times(&world.host(), "111").unwrap().len(), 0);
}

#[test]
fn one_recovery_at_a_time() {
    let world = World::new("io-error");
    let deadline = Deadline::after(Duration::ZERO);
    let _held = crate::lock::Locks::take(&world.host(), &[lock_name("111")], "test", &deadline).unwrap();
    assert!(world.refusal(&world.look(), &policy()).contains("another recovery of 111 is under way"));
    let mut session = world.session();
    session.lock_timeout = Duration::ZERO;
    let evidence = world.look();
    let error = run(&session, &evidence, &judge(&evidence), &policy(), &mut || world.look()).unwrap_err();
    assert_eq!(Fault::code_of(&error), Code::Busy);
}

type Spoil = fn(&mut Instance, &mut Fast, &mut Deep);

#[test]
fn every_refusal_names_its_reason() {
    #[rustfmt::skip]
    let table: &[(&str, Spoil)] = &[
        ("is locked (backup)", |i, _, _| i.lock = Some("backup".into())),
        ("is a template", |i, _, _| i.template = true),
        ("PVE's HA manager (it wants: stopped)", |i, _, _| i.ha = Some("stopped".into())),
        ("it is migrating", |_, _, d| d.migrating = known(true)),
        ("/gone.qcow2: No such file", |_, _, d| d.disks = known(vec![disk("nospace", "/gone.qcow2")])),
        ("is not known: QEMU does not say which disk", |_, _, d| d.disks = samples::unknown()),
        ("whether the cause is gone is not known", |_, _, d| d.disks = known(vec![disk("failed", "/disk.qcow2")])),
        ("nothing here treats this", |_, f, d| {
            f.process = known(crate::probe::evidence::Process { pid: 4711, state: ProcessState::Halted });
            d.qmp = Qmp::Hung;
        }),
        ("paused by a person", |_, _, d| d.run_state = known("paused".into())),
        ("its monitor cannot be reached from here", |i, _, _| i.origin = Origin::Api),
        ("its monitor cannot be reached from here", |i, _, _| (i.origin, i.qmp) = (Origin::Container, None)),
    ];
    let world = World::new("io-error");
    for (reason, spoil) in table {
        let evidence = world.spoiled(spoil);
        let verdict = judge(&evidence);
        let session = world.session();
        let error = run(&session, &evidence, &verdict, &policy(), &mut || world.look()).unwrap_err();
        assert!(error.to_string().contains(reason) || paused(&verdict, reason), "{reason}: {error}");
    }
    assert!(world.told().is_empty() && BOOK.times(&world.host(), "111").unwrap().is_empty());
}

/// What is no failure at all is refused for that alone.
fn paused(verdict: &Verdict, reason: &str) -> bool {
    verdict.problems.is_empty() && verdict.notes.iter().any(|note| note.contains(reason))
}

#[test]
fn what_only_the_host_knows_refuses_as_well() {
    let world = World::new("io-error");
    let host = world.host();
    let refused = |context: &Context| world.refusal(&world.look(), context);
    assert_eq!(refused(&policy()), "");
    assert!(refused(&Context { ill_at_once: 4, ..policy() }).contains("that is the node's failure"));
    let unsettled = Context { settled: Err("seen once".into()), ..policy() };
    assert_eq!(refused(&unsettled), "not settled: seen once");
    assert_eq!(refused(&Context { force: true, ..unsettled }), "");

    let conf = host.vm_configs().join("111.conf");
    fs::write(&conf, "lock: snapshot\n").unwrap();
    assert!(refused(&Context::person(1)).contains("is locked (snapshot)"));
    fs::write(&conf, "hostpci0: what\n").unwrap();
    assert!(refused(&policy()).contains("111.conf:1"));
    fs::write(&conf, "").unwrap();

    fs::create_dir_all(host.ha_resources().parent().unwrap()).unwrap();
    for (text, is) in [
        ("vm: 111\n\tstate stopped\n", true),
        ("vm: 111\n\nvm: 5\n\tstate ignored\n", true),
        ("vm: 111\n\tgroup a\n\tstate ignored\n", false),
        ("vm: 1111\n", false),
        ("ct: 111\n", false),
    ] {
        fs::write(host.ha_resources(), text).unwrap();
        assert_eq!(refused(&Context::person(1)).contains("HA manager"), is, "{text}");
    }
    fs::remove_file(host.ha_resources()).unwrap();

    let mut evidence = world.look();
    evidence.slow = Some(Arc::new(Slow {
        at: intent::millis(),
        frames: samples::unknown(),
        display: samples::unknown(),
        audio_level: samples::unknown(),
        agent: known(Agent::Ok { frozen: Some(true), addresses: Vec::new() }),
        memory: samples::unknown(),
    }));
    assert!(world.refusal(&evidence, &Context::person(1)).contains("frozen"));
}

#[test]
fn a_policy_is_needed_for_each_class_unless_a_person_asks() {
    let mut world = World::new("io-error");
    world.policy = Policy::default();
    let evidence = world.look();
    assert!(world.refusal(&evidence, &policy_forced()).contains("qemu in [probe.recovery]"));
    assert_eq!(world.refusal(&evidence, &Context { asked_by: AskedBy::Api, ..Context::person(1) }), "");
    assert_eq!(world.refusal(&evidence, &Context::person(1)), "");
    // A stop and a start are refused even to a person.
    let hung = world.spoiled(|_, _, d| (d.qmp, d.vnc, d.run_state) = (Qmp::Hung, Vnc::Silent, samples::unknown()));
    let planned = preview(&world.session(), &hung, &judge(&hung), &Context::person(1));
    assert_eq!(planned.plan, ["qm stop 111", "qm start 111"]);
    assert!(planned.refused_because.unwrap().contains("restart in [probe.recovery]"));
    world.policy.restart = true;
    assert_eq!(world.refusal(&hung, &Context::person(1)), "");
    assert!(world.refusal(&hung, &policy()).contains("qemu in [probe.recovery]"));
}

#[test]
fn each_ladder_has_its_exact_commands() {
    let world = World::new("running");
    let host = world.host();
    let cut = |path: Path| {
        let mut card = nic("net0", "tap111i0");
        card.path = known(path);
        known(vec![card])
    };
    let no_port = || Path::NoPort { interface: "tap111i0".into(), bridge: "vmbr0".into() };
    let commands =
        |evidence: &Evidence| plan::plan(&host, evidence, &judge(evidence), &world.policy).commands().join("; ");

    let down = world.spoiled(|_, f, _| f.nics = cut(Path::Down("fwpr111p0".into())));
    assert_eq!(commands(&down), "ip link set fwpr111p0 up");
    for foreign in ["eno1.5", "fwpr112p0", "-x", "vmbr0v5"] {
        let evidence = world.spoiled(|_, f, _| f.nics = cut(Path::Down(foreign.into())));
        assert_eq!(commands(&evidence), "", "{foreign}");
        assert!(world.refusal(&evidence, &policy()).contains("is not the VM's own"), "{foreign}");
    }
    let lost = world.spoiled(|_, f, _| f.nics = cut(no_port()));
    assert_eq!(commands(&lost), "");
    assert!(world.refusal(&lost, &policy()).contains("pve-bridge is not there"));
    let [new, old] = host.pve_bridge();
    for helper in [old, new] {
        fs::create_dir_all(helper.parent().unwrap()).unwrap();
        fs::write(&helper, "").unwrap();
        assert_eq!(commands(&lost), format!("{} tap111i0", host.shown(&helper)));
    }
    let firewall = world.spoiled(|_, f, _| f.nics = cut(Path::Missing("fwbr111i0".into())));
    assert_eq!(commands(&firewall), "/usr/libexec/qemu-server/pve-bridge tap111i0");
    // In a container there is no such helper, and nothing to lose but the port.
    let contained = world.spoiled(|i, f, _| (i.origin, f.nics) = (Origin::Container, cut(no_port())));
    assert_eq!(commands(&contained), "");
    fs::create_dir_all(host.net_class().join("vmbr0/bridge")).unwrap();
    assert_eq!(commands(&contained), "ip link set tap111i0 master vmbr0");
    // The network first, then QEMU; the same command once.
    let mixed = world.spoiled(|_, f, d| {
        f.nics = cut(Path::Down("tap111i0".into()));
        d.run_state = known("guest-panicked".into());
    });
    assert_eq!(commands(&mixed), "ip link set tap111i0 up; QMP 111: system_reset; QMP 111: cont");
}

#[test]
fn a_client_is_restarted_by_its_own_command_and_the_vm_left_alone() {
    let mut world = World::new("running");
    let evidence = |id: &str| {
        let mut evidence = world.spoiled(|i, _, _| id.clone_into(&mut i.id));
        let class = Class::Client;
        let check = Checked { at: intent::millis(), took: 1, passed: Some(false), detail: String::new(), class };
        evidence.checks.insert("stream".into(), check);
        evidence
    };
    let (plain, strange) = (evidence("111"), evidence("-rf"));
    assert!(world.refusal(&plain, &policy()).contains("set client_command"));
    world.policy.client_command = ["systemctl", "restart", "stream@{id}"].map(str::to_owned).into();
    let planned =
        |world: &World, evidence: &Evidence| plan::plan(&world.host(), evidence, &judge(evidence), &world.policy);
    assert_eq!(planned(&world, &plain).commands(), ["systemctl restart stream@111"]);
    world.policy.client_command = ["restart", "{id}"].map(str::to_owned).into();
    assert_eq!(planned(&world, &plain).commands(), ["restart 111"]);
    assert!(planned(&world, &strange).commands().is_empty());
}

#[test]
fn an_interrupted_reset_is_finished_told_once_and_not_repeated() {
    let world = World::new("prelaunch");
    let session = world.session();
    let evidence = world.spoiled(|_, _, d| d.run_state = known("guest-panicked".into()));
    let plan = plan::plan(&world.host(), &evidence, &judge(&evidence), &world.policy);
    let mut intent = intent::Intent::new(&session, &evidence.instance, &plan, AskedBy::Policy, 1);
    intent.begin(&session, 0).unwrap();
    audit::append(&session, &intent.entry(Ended::Begun, String::new(), None));
    assert_eq!(entries(&world.host(), None)[0].outcome, Ended::Interrupted, "nobody is at work on it");
    let healed = heal(&session);
    assert_eq!(healed.len(), 1);
    assert!(healed[0].detail.contains("it had reset the machine, which goes on now"), "{}", healed[0].detail);
    assert_eq!(world.told(), ["cont"]);
    assert!(heal(&session).is_empty());
    let audit = entries(&world.host(), None);
    assert_eq!((audit.len(), audit[0].outcome, audit[0].commands.len()), (1, Ended::Interrupted, 1));
    // What ended, and was only not cleaned up, is not told again.
    intent.save(&session).unwrap();
    assert!(heal(&session).is_empty());
    assert_eq!(entries(&world.host(), None).len(), 1);
}

#[test]
fn an_intent_of_an_earlier_boot_or_of_somebody_at_work_is_not_acted_upon() {
    let world = World::new("prelaunch");
    let session = world.session();
    let evidence = world.spoiled(|_, _, d| d.run_state = known("guest-panicked".into()));
    let plan = plan::plan(&world.host(), &evidence, &judge(&evidence), &world.policy);
    let mut intent = intent::Intent::new(&session, &evidence.instance, &plan, AskedBy::Policy, 1);
    intent.boot = "another".into();
    intent.begin(&session, 0).unwrap();
    let deadline = Deadline::after(Duration::ZERO);
    let held = crate::lock::Locks::take(&world.host(), &[lock_name("111")], "test", &deadline).unwrap();
    assert!(heal(&session).is_empty());
    drop(held);
    assert_eq!(heal(&session)[0].detail, "the program died in it");
    assert!(world.told().is_empty());
}

#[test]
fn an_id_is_no_path() {
    assert_eq!(file_name("../../etc/x\n"), "%2e%2e%2f%2e%2e%2fetc%2fx%0a");
    assert_eq!(lock_name("emulator-0"), "recover-emulator-0");
    assert!(file_name(&"é".repeat(500)).len() <= 120);
}

/// `qm`, `ip` and `pve-bridge` that write down how they were called, and have the effect.
const STAND_IN: &str = r#"#!/bin/sh
root=$(dirname "$0")/..
echo "$(basename "$0") $*" >>"$root/called"
case "$(basename "$0") $1" in
"qm stop") rm -rf "$root/run/qemu-server/111.pid"; echo off >"$root/is" ;;
"qm start")
  [ ! -e "$root/busy" ] || { rm "$root/busy"; echo "can't lock file 'lock-111.conf' - got timeout" >&2; exit 255; }
  mkdir -p "$root/run/qemu-server" "$root/proc/4711"
  echo 4711 >"$root/run/qemu-server/111.pid"
  printf '/usr/bin/kvm\0-id\000111\0-pidfile\0/var/run/qemu-server/111.pid\0' >"$root/proc/4711/cmdline"
  echo '4711 (kvm) S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 5 67 89' >"$root/proc/4711/stat"
  cat "$root/then" >"$root/is" ;;
*) cat "$root/linked" >"$root/is" ;;
esac
"#;

/// The part of a test that runs in a process of its own: with its own PATH, and to be killed.
#[test]
#[ignore = "run by other tests"]
fn in_a_process_of_its_own() {
    let root = std::env::var("PROBE_TEST_ROOT").unwrap();
    let host = Host::new(&root);
    let mut config = Config::default();
    config.probe.recovery = Policy { network: true, qemu: true, mixed: true, restart: true, ..Policy::default() };
    let deadline = Deadline::after(Duration::from_secs(60));
    let session = Session::new(host, config, deadline, Log::new("test", -1), Output::new(false));
    heal(&session);
    let mut probe = || {
        let is = is(&root, "is");
        samples::evidence(|i, f, d| {
            (i.seen_at, f.at, d.at) = (intent::millis(), intent::millis(), intent::millis());
            let mut card = nic("net0", "tap111i0");
            match is.as_str() {
                "hung" => (d.qmp, d.vnc) = (Qmp::Hung, Vnc::Silent),
                "down" => card.up = known(false),
                "both" => (card.up, d.qmp, d.vnc) = (known(false), Qmp::Hung, Vnc::Silent),
                "paused" => *d = Deep { at: d.at, ..samples::deep("paused") },
                "lost" => {
                    card.path = known(Path::NoPort { interface: "tap111i0".into(), bridge: "vmbr0".into() });
                }
                "off" => {
                    f.process = known(crate::probe::evidence::Process { pid: 0, state: ProcessState::Gone });
                    d.qmp = Qmp::Absent;
                }
                _ => {}
            }
            f.nics = known(vec![card]);
        })
    };
    let evidence = probe();
    let verdict = judge(&evidence);
    if verdict.recovery_needed {
        let outcome = run(&session, &evidence, &verdict, &policy_forced(), &mut probe).unwrap();
        let expected = if is(&root, "then") == "well" { Ended::Recovered } else { Ended::Failed };
        assert_eq!(outcome.result, expected, "{}", outcome.text);
    }
}

fn is(root: &str, file: &str) -> String {
    fs::read_to_string(format!("{root}/{file}")).unwrap().trim().to_owned()
}

struct Apart(tempfile::TempDir);

impl Apart {
    fn new(is: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        for place in ["bin", "etc/pve/qemu-server", "usr/libexec/qemu-server", "proc/sys/kernel/random"] {
            fs::create_dir_all(at(place)).unwrap();
        }
        fs::write(at("etc/pve/qemu-server/111.conf"), "name: a\n").unwrap();
        fs::write(at("usr/libexec/qemu-server/pve-bridge"), "").unwrap();
        fs::write(at("called"), "").unwrap();
        fs::write(at("then"), "well").unwrap();
        fs::write(at("linked"), "well").unwrap();
        for name in ["qm", "ip", "pve-bridge"] {
            fs::write(at("bin").join(name), STAND_IN).unwrap();
            fs::set_permissions(at("bin").join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let apart = Self(dir);
        apart.shell("qm start 111; : >$PROBE_TEST_ROOT/called");
        fs::write(apart.0.path().join("is"), is).unwrap();
        apart
    }

    fn command(&self, program: &std::path::Path) -> Command {
        let path = format!("{}:{}", self.0.path().join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command.env("PATH", path).env("PROBE_TEST_ROOT", self.0.path());
        command
    }

    fn shell(&self, script: &str) {
        assert!(self.command("/bin/sh".as_ref()).args(["-c", script]).status().unwrap().success());
    }

    fn run(&self, crash: Option<&str>) -> ExitStatus {
        let mut command = self.command(&std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "probe::recover::tests::in_a_process_of_its_own", "--quiet"]);
        if let Some(at) = crash {
            command.env("PVE_HOOKS_CRASH_AT", at);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() || output.status.signal() == Some(9), "{crash:?}: {said}");
        output.status
    }

    fn called(&self) -> Vec<String> {
        fs::read_to_string(self.0.path().join("called")).unwrap().lines().map(str::to_owned).collect()
    }

    fn is(&self) -> String {
        is(self.0.path().to_str().unwrap(), "is")
    }
}

#[test]
fn interfaces_and_hung_vms_are_healed_by_the_commands_that_were_shown() {
    for (is, called) in [
        ("down", vec!["ip link set tap111i0 up"]),
        ("lost", vec!["pve-bridge tap111i0"]),
        ("hung", vec!["qm stop 111", "qm start 111"]),
    ] {
        let apart = Apart::new(is);
        assert!(apart.run(None).success());
        assert_eq!((apart.called(), apart.is().as_str()), (called.iter().map(ToString::to_string).collect(), "well"));
    }
}

#[test]
fn between_the_network_and_qemu_it_is_looked_at_again() {
    let all = ["ip link set tap111i0 up", "qm stop 111", "qm start 111"];
    for (linked, called) in [("well", &all[..1]), ("hung", &all[..]), ("paused", &all[..1])] {
        let apart = Apart::new("both");
        fs::write(apart.0.path().join("linked"), linked).unwrap();
        assert!(apart.run(None).success(), "{linked}");
        assert_eq!(apart.called(), called, "{linked}");
    }
}

#[test]
fn a_start_that_meets_a_lock_is_tried_again() {
    let apart = Apart::new("hung");
    fs::write(apart.0.path().join("busy"), "").unwrap();
    assert!(apart.run(None).success());
    assert_eq!(apart.called(), ["qm stop 111", "qm start 111", "qm start 111"]);
    assert_eq!(apart.is(), "well");
}

#[test]
fn a_vm_that_hangs_again_was_not_healed() {
    let apart = Apart::new("hung");
    fs::write(apart.0.path().join("then"), "hung").unwrap();
    assert!(apart.run(None).success());
    assert_eq!(entries(&Host::new(apart.0.path()), None)[0].outcome, Ended::Failed);
}

#[test]
fn wherever_it_is_killed_the_vm_runs_again_and_nothing_is_done_twice() {
    std::thread::scope(|scope| {
        for when in ["", "after:"] {
            scope.spawn(move || {
                let last = (1..20).find(|n| !killed_at(&format!("{when}{n}")));
                assert!(last.is_some_and(|n| n > 5), "{when}: {last:?}");
            });
        }
    });
}

/// Kills a recovery there, and lets the next run find that. Returns whether it was still at work.
fn killed_at(crash: &str) -> bool {
    let apart = Apart::new("hung");
    let died = !apart.run(Some(crash)).success();
    let before = apart.called();
    assert!(apart.run(None).success(), "{crash}");
    let called = apart.called();
    assert_eq!(apart.is(), "well", "{crash}: {called:?}");
    assert_eq!(called, ["qm stop 111", "qm start 111"], "{crash}: {before:?}");
    let host = Host::new(apart.0.path());
    // One that was killed before it did anything has used up its attempt, and the next run makes another.
    let spent = BOOK.times(&host, "111").unwrap().len();
    assert!(spent == 1 || (spent == 2 && before.is_empty()), "{crash}: {spent}");
    let audit = entries(&host, Some("111"));
    assert!(audit.iter().all(|entry| entry.outcome != Ended::Begun), "{crash}");
    assert!(!audit.is_empty() && audit.len() <= spent, "{crash}: {audit:?}");
    died
}

#[test]
fn a_journal_that_cannot_be_read_is_no_journal_without_recoveries() {
    let world = World::new("io-error");
    assert_eq!(audit::unreadable(&world.host()), None, "there is none yet");
    world.run(&policy()).unwrap();
    assert_eq!(audit::unreadable(&world.host()), None);
    let path = world.host().lib_dir().join("probe-audit.jsonl");
    fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(
        audit::unreadable(&world.host()).as_deref(),
        Some("/var/lib/pve-hooks/probe-audit.jsonl: not a regular file")
    );
}

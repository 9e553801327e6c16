//! Recoveries in processes of their own, by programs that stand in for `qm`, `ip` and `pve-bridge`, and killed at every write.

use super::*;

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
            (i.seen_at, f.at, d.at) = (now(), now(), now());
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
        // Not by this process: what another test is just starting would have them open for writing, too, and nobody can run
        // them then.
        let make = r#"cd "$0"; printf %s "$1" >qm; chmod 755 qm; cp qm ip; cp qm pve-bridge"#;
        assert!(Command::new("/bin/sh").args(["-ec", make]).arg(at("bin")).arg(STAND_IN).status().unwrap().success());
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
        command.args(["--ignored", "--exact", "probe::recover::tests::process::in_a_process_of_its_own", "--quiet"]);
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

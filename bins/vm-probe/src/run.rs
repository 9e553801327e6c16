//! One verb after the other.

use crate::{
    cli::{Cli, Verb},
    daemon, table,
};
use anyhow::Result;
use passthrough::{
    config::{
        Config,
        probe::{Class, Limits, Origin},
    },
    deadline::Deadline,
    fault::{Code, Fault},
    host::Host,
    probe::{
        classify::classify,
        container, document,
        evidence::Evidence,
        history,
        instance::Instance,
        look::{self, Want},
        now,
        recover::{self, Context, Ended},
        service::{Attempt, Listing, Reading},
        settings,
        source::Directory,
        verdict::{FailureType, Problem, Status, Subsystem, Symptom, Verdict},
    },
    session::Session,
    tree,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// A look has an answer within this time, …
const LOOK: Duration = Duration::from_secs(30);
/// … a recovery, with a stop and a start in it, within this.
const RECOVERY: Duration = Duration::from_secs(300);

/// Runs; the number is the exit code.
pub fn run(cli: &Cli) -> Result<u8> {
    let session = session(cli)?;
    let code = match &cli.verb {
        Verb::List => list(&session)?,
        Verb::Discover => discover(&session)?,
        Verb::Check { ids, all: _, slow } => check(&session, ids, *slow)?,
        Verb::Report => report(&session)?,
        Verb::Serve { listen, token_file } => {
            let typed = daemon::Typed { listen: listen.clone(), token_file: token_file.clone() };
            let (own, host) = (cli.clone(), session.host.clone());
            daemon::serve(&session, typed, move || configured(&own, &host))?
        }
        Verb::Recover { id, apply } => recover(&session, id, *apply)?,
        Verb::Audit { id } => audit(&session, id.as_deref())?,
        Verb::History { id } => told(&session, id)?,
    };
    session.output.check()?;
    Ok(code)
}

fn session(cli: &Cli) -> Result<Session> {
    let host = cli.common.host()?;
    let config = configured(cli, &host)?;
    let timeout = if matches!(cli.verb, Verb::Recover { apply: true, .. }) { RECOVERY } else { LOOK };
    Ok(cli.common.session_with("vm-probe", timeout, host, config))
}

/// The configuration, with what was typed before what is in the file.
fn configured(cli: &Cli, host: &Host) -> Result<Config> {
    let mut config = cli.common.load_config(host)?;
    settings::check(host, &config.probe)?;
    let (probe, from) = (&mut config.probe, &cli.from);
    probe.source = from.source.map(Origin::from).or(probe.source);
    if from.api.is_some() {
        probe.api.url.clone_from(&from.api);
        probe.source = probe.source.or(Some(Origin::Api));
    }
    probe.api.token_file = from.api_token_file.clone().or(probe.api.token_file.take());
    probe.api.fingerprint = from.fingerprint.clone().or(probe.api.fingerprint.take());
    if from.instances.is_some() {
        probe.instances.clone_from(&from.instances);
        probe.source = probe.source.or(Some(Origin::File));
    }
    Ok(config)
}

fn found(session: &Session) -> Arc<Listing> {
    Directory::new(&session.host, &session.config.probe).refresh(&session.deadline)
}

/// The list, or why there is none.
fn listed(session: &Session) -> Result<Arc<Listing>> {
    let listing = found(session);
    if listing.origin.is_some() && listing.at > 0 {
        if let Some(left_out) = &listing.left_out {
            session.log.warn(left_out);
        }
        return Ok(listing);
    }
    // Of a source that was named, only that one matters.
    let named = |attempt: &&Attempt| listing.origin.is_none_or(|origin| origin == attempt.source);
    let tried =
        listing.attempts.iter().filter(named).map(|attempt| format!("{}: {}", attempt.source.word(), attempt.detail));
    let tried = tried.collect::<Vec<_>>().join("; ");
    let next = listing.attempts.iter().filter(named).find_map(|attempt| attempt.next.clone());
    // How the one that is asked failed: a mistake, a refusal, no answer in time.
    let asked = listing.attempts.iter().find(|attempt| listing.origin == Some(attempt.source));
    let code = asked.map_or(Code::Problem, |attempt| attempt.code);
    let fault = Fault { code, ..Fault::problem(format!("VMs are not to be had: {tried}")) };
    fault.next(next.unwrap_or_else(|| "vm-probe discover".into())).fail()
}

fn list(session: &Session) -> Result<u8> {
    let listing = listed(session)?;
    if listing.origin == Some(Origin::Container) && container::find(&session.host, &session.config.probe).is_err() {
        session.log.info("no QEMU runs here; what is listed is the one that ought to");
    }
    if session.output.is_json() {
        let instances: Vec<_> = listing.instances.iter().map(|one| document::instance(one, None)).collect();
        session.output.json(&json!({ "instances": instances, "source": listing.origin, "stale": listing.stale }))?;
    } else {
        session.output.text(&table::list(&listing, now()));
    }
    Ok(0)
}

fn discover(session: &Session) -> Result<u8> {
    let listing = found(session);
    if session.output.is_json() {
        session.output.json(&document::discovery_info(&listing, now()))?;
    } else {
        session.output.text(&table::sources(&listing));
    }
    Ok(u8::from(listing.at == 0))
}

/// The instances that were named; all where none was.
fn chosen(listing: &Listing, ids: &[String]) -> Result<Vec<Arc<Instance>>> {
    if ids.is_empty() {
        return Ok(listing.instances.clone());
    }
    let find = |id: &String| {
        let one = listing.instances.iter().find(|instance| instance.id == *id);
        one.cloned().ok_or_else(|| no_such(listing, id).into())
    };
    let unique = ids.iter().enumerate().filter(|(n, id)| !ids[..*n].contains(id));
    unique.map(|(_, id)| find(id)).collect()
}

/// Nothing is called that; a VM's name is no way to ask for it, as several may have the same.
fn no_such(listing: &Listing, id: &str) -> Fault {
    let named = listing.instances.iter().filter(|instance| instance.name == id).map(|instance| instance.id.as_str());
    let named: Vec<_> = named.collect();
    let (what, next) = match named.first() {
        None => (String::new(), "vm-probe list".to_owned()),
        Some(first) => {
            (format!(" by this id, but by this name: {}", named.join(", ")), format!("vm-probe check {first}"))
        }
    };
    Fault::usage(format!("{id}: there is no such VM{what}")).next(next)
}

/// Ends the run where nothing was written down of what is no VM; where no source answers, that cannot be told.
fn known(session: &Session, id: &str) -> Result<()> {
    let listing = found(session);
    let told = listing.origin.is_some() && listing.at > 0 && !listing.stale;
    if told && !listing.instances.iter().any(|instance| instance.id == id) {
        return Err(no_such(&listing, id).into());
    }
    Ok(())
}

/// What half a second saw of a processor or a counter says nothing: the daemon judges those, after several rounds.
fn calm(limits: Limits) -> Limits {
    let never = f64::INFINITY;
    Limits { cpu_percent: never, errors_per_second: never, drops_per_second: never, ..limits }
}

/// Looks at some of them, and judges.
fn readings(session: &Session, instances: &[Arc<Instance>], want: Want) -> Result<Vec<Reading>> {
    let mut settings = session.config.probe.clone();
    if want.slow {
        (settings.frames, settings.audio, settings.agent, settings.memory) = (true, true, true, true);
    }
    let all = look::all(&session.host, &settings, instances, want, &session.deadline)?;
    let limits = calm(settings.limits);
    let judged: Vec<_> = all
        .into_iter()
        .map(|evidence| {
            let mut verdict = classify(&evidence, &limits, now());
            left_undone(session, &evidence, &mut verdict);
            (evidence, verdict)
        })
        .collect();
    let ill_at_once = judged.iter().filter(|(_, verdict)| verdict.status == Status::Unhealthy).count();
    let context = Context::person(ill_at_once);
    let reading = |(evidence, verdict)| {
        let recovery = recover::preview(session, &evidence, &verdict, &context);
        Reading { evidence, verdict, recovery }
    };
    Ok(judged.into_iter().map(reading).collect())
}

fn is_well(reading: &Reading) -> bool {
    matches!(reading.verdict.status, Status::Healthy | Status::Stopped)
}

/// A VM that a recovery stopped, and was killed before it started it again, is off as nobody wants it.
fn left_undone(session: &Session, evidence: &Evidence, verdict: &mut Verdict) {
    let id = &evidence.instance.id;
    let Some(text) = recover::intent::unfinished(&session.host, id) else { return };
    if verdict.status != Status::Stopped {
        verdict.notes.push(text);
        return;
    }
    verdict.problems.push(Problem {
        symptom: Symptom::ProcessGone,
        class: Class::Qemu,
        subsystem: Subsystem::Qemu,
        status: Status::Unhealthy,
        text: format!("it is off: {text}"),
        next: Some(format!("vm-probe recover {id} --apply")),
    });
    (verdict.status, verdict.failure_type) = (Status::Unhealthy, FailureType::Qemu);
}

fn check(session: &Session, ids: &[String], slow: bool) -> Result<u8> {
    session.warn_unless_root();
    let listing = listed(session)?;
    let readings = readings(session, &chosen(&listing, ids)?, Want { slow, agent: true, checks: true })?;
    if session.output.is_json() {
        let vms: Vec<_> = readings.iter().map(|reading| document::vm(reading, now())).collect();
        session.output.json(&json!({ "vms": vms, "source": listing.origin, "stale": listing.stale }))?;
    } else {
        let verbosity = session.log.verbosity();
        let detail = !ids.is_empty() && verbosity >= 0 || verbosity > 0;
        let told: Vec<_> = readings.iter().filter(|reading| verbosity >= 0 || !is_well(reading)).collect();
        if verbosity >= 0 || !told.is_empty() {
            session.output.text(&table::check(&told, &listing, detail, &session.output, now()));
        }
    }
    Ok(u8::from(!readings.iter().all(is_well)))
}

/// Whether this is a host with VMs of its own, rather than what is around one QEMU. `/etc/pve` may hang: it is not opened.
fn no_container(session: &Session) -> bool {
    let host = &session.host;
    let pve = || tree::read_dir(&host.at("etc")).is_ok_and(|all| all.flatten().any(|entry| entry.file_name() == "pve"));
    container::find(host, &session.config.probe).is_err() && pve()
}

fn report(session: &Session) -> Result<u8> {
    if no_container(session) {
        session.log.info("this is a Proxmox VE host, no container with one QEMU; next: vm-probe check");
    }
    let instance = Arc::new(container::instance(&session.host, &session.config.probe)?);
    let want = Want { slow: true, agent: false, checks: false };
    let all = readings_as_configured(session, &instance, want)?;
    let report = document::report(&all, now());
    session.output.text(&format!("{report:#}"));
    Ok(u8::from(report["overall_status"] != "healthy"))
}

/// Only the costly probes that are switched on: a report is asked for often.
fn readings_as_configured(session: &Session, instance: &Arc<Instance>, want: Want) -> Result<Reading> {
    let settings = &session.config.probe;
    let mut all = look::all(&session.host, settings, std::slice::from_ref(instance), want, &session.deadline)?;
    let evidence = all.pop().unwrap_or_else(|| Evidence::new(Arc::clone(instance)));
    let verdict = classify(&evidence, &calm(settings.limits), now());
    Ok(Reading { evidence, verdict, recovery: passthrough::probe::service::Recovery::default() })
}

fn recover(session: &Session, id: &str, apply: bool) -> Result<u8> {
    if apply && !session.dry_run {
        session.require_root()?;
        // A recovery that was killed may have stopped a VM and not yet started it again: that comes first.
        for entry in recover::heal(session) {
            session.log.warn(&format!("{}: a recovery was interrupted: {}", entry.id, entry.detail));
        }
    }
    let listing = listed(session)?;
    let instances = chosen(&listing, &[id.to_owned()])?;
    // How many others are ill decides whether the node is at fault, so all are looked at.
    let everybody = readings(session, &listing.instances, Want { slow: false, agent: true, checks: true })?;
    let ill_at_once = everybody.iter().filter(|reading| reading.verdict.status == Status::Unhealthy).count();
    let Some(reading) = everybody.into_iter().find(|reading| reading.evidence.instance.id == instances[0].id) else {
        return Fault::problem(format!("{id} is gone")).next("vm-probe list").fail();
    };
    let context = Context::person(ill_at_once);
    let nothing =
        reading.verdict.problems.is_empty() && matches!(reading.verdict.status, Status::Healthy | Status::Stopped);
    if apply && !nothing {
        let settings = &session.config.probe;
        let instance = &reading.evidence.instance;
        let mut again = || look::one(&session.host, settings, instance, &Deadline::after(LOOK));
        let outcome = recover::run(session, &reading.evidence, &reading.verdict, &context, &mut again)?;
        if session.output.is_json() {
            session.output.json(
                &json!({ "id": id, "result": outcome.result, "text": outcome.text, "commands": outcome.commands }),
            )?;
        } else {
            session.output.text(&outcome.text);
        }
        let done = matches!(outcome.result, Ended::Recovered | Ended::Needless | Ended::Planned);
        let ill = outcome.result == Ended::Recovered && outcome.verdict.recovery_needed;
        if ill {
            session.log.info(&format!("{id} is still {}; next: vm-probe check {id}", outcome.verdict.status.word()));
        }
        return Ok(u8::from(!done || ill));
    }
    let preview = recover::preview(session, &reading.evidence, &reading.verdict, &context);
    if session.output.is_json() {
        let problems: Vec<_> = reading.verdict.problems.iter().map(|problem| problem.text.clone()).collect();
        session.output.json(&json!({ "id": id, "recovery": preview, "errors": problems }))?;
    } else {
        session.output.text(&table::recovery(&reading, &preview, recover::books(session).doubt(id)));
    }
    Ok(0)
}

fn audit(session: &Session, id: Option<&str>) -> Result<u8> {
    if let Some(why) = recover::audit::unreadable(&session.host) {
        return Fault::problem(format!("what was recovered is not known: {why}"))
            .next("ls -l /var/lib/pve-hooks")
            .fail();
    }
    let entries = recover::entries(&session.host, id);
    let damaged = recover::audit::damaged(&session.host);
    if damaged > 0 {
        session.log.warn(&format!("lines of the audit that cannot be understood, and are left out: {damaged}"));
    }
    if let Some(id) = id.filter(|_| entries.is_empty()) {
        known(session, id)?;
    }
    if session.output.is_json() {
        session.output.json(&json!({ "recoveries": entries }))?;
    } else {
        session.output.text(&recover::audit::text(&entries));
    }
    Ok(0)
}

fn told(session: &Session, id: &str) -> Result<u8> {
    let Some(record) = history::read(&session.host, id) else {
        if let Some(why) = history::unreadable(&session.host) {
            return Fault::problem(format!("{id}: its record cannot be read: {why}"))
                .next("ls -l /var/lib/pve-hooks/probe")
                .fail();
        }
        known(session, id)?;
        let service = session.host.systemd_marker().exists();
        return Fault::problem(format!("{id}: there is no record of it; vm-probe serve keeps one"))
            .next(if service { "systemctl enable --now vm-probe" } else { "vm-probe serve" })
            .fail();
    };
    if session.output.is_json() {
        session.output.json(&record.json())?;
    } else {
        session.output.text(&record.text());
    }
    Ok(0)
}

//! One function per verb.

use crate::{
    cli::{Change, Cli, Verb},
    show,
};
use anyhow::Result;
use passthrough::{
    fault::Code,
    gpu::{
        attach::attach_for_good,
        cycle::cycle,
        detach::{Consent, Outcome, detach, may_detach},
        doctor,
        holders::partly_hidden,
        operation::{self, Operation},
        reconcile, record,
        release::wait_until_released,
        status::{Status, status},
        target::{self, Target},
        unit::{Unit, gpus, unclassed},
        world::{LazyWorld, World},
    },
    session::Session,
};
use std::time::Duration;

/// Runs the verb; the number is the exit code.
pub fn run(cli: &Cli) -> Result<u8> {
    let session = cli.common.session("gpu-bind", Duration::from_secs(60))?;
    let code = verb(&session, cli)?;
    session.output.check()?;
    Ok(code)
}

fn verb(session: &Session, cli: &Cli) -> Result<u8> {
    let everything = match &cli.verb {
        Verb::Status(all) | Verb::Doctor(all) => all.targets.is_empty() || all.targets.contains(&Target::All),
        Verb::Detach(change) | Verb::Attach(change) | Verb::Cycle(change) => change.targets.contains(&Target::All),
        Verb::List => true,
        Verb::Reconcile => false,
    };
    if everything {
        session.require_bus("pci")?;
    }
    if matches!(cli.verb, Verb::Status(_) | Verb::Doctor(_) | Verb::Reconcile) {
        for what in record::damaged(&session.host) {
            session.log.warn(&what);
        }
    }
    match &cli.verb {
        Verb::Status(targets) => statuses(session, &targets.targets),
        Verb::List => list(session),
        Verb::Detach(change) => moved(session, change, "detach"),
        Verb::Attach(change) => moved(session, change, "attach"),
        Verb::Cycle(change) => moved(session, change, "cycle"),
        Verb::Reconcile => heal(session),
        Verb::Doctor(targets) => examine(session, &targets.targets),
    }
}

/// Who sees not all is told so, once.
fn warn_if_hidden(session: &Session) {
    session.warn_unless_root();
    if let Some(hidden) = partly_hidden(&session.host).filter(|_| !session.host.is_live()) {
        session.log.warn(&hidden);
    }
}

/// The same before a plan: what is not seen here may be what a real run is refused for.
fn plan_is_uncertain(session: &Session) -> Vec<String> {
    let hidden = partly_hidden(&session.host).filter(|_| session.dry_run || !session.host.is_live());
    let more = if session.dry_run { "; a real run may be refused" } else { "" };
    let told = hidden.map(|hidden| format!("{hidden}{more}"));
    if let Some(what) = &told {
        session.log.warn(what);
    }
    told.into_iter().collect()
}

fn statuses(session: &Session, targets: &[Target]) -> Result<u8> {
    warn_if_hidden(session);
    let units = target::resolve(session, targets)?;
    let world = World::load(&session.host);
    for problem in &world.problems {
        if world.hidden.is_some() {
            session.log.warn(problem);
        } else {
            session.log.info(&format!("warning: {problem}"));
        }
    }
    let list = status(session, &units, &world)?;
    let unclassed = if targets.is_empty() { unclassed(&session.host) } else { Vec::new() };
    for what in &unclassed {
        session.log.warn(what);
    }
    show::statuses(session, targets, &list, &world)?;
    // A copied tree without processes is consistent if what there is of it is.
    let unsure = |gpu: &Status| session.host.is_live() && gpu.use_unknown.is_some();
    let consistent = list.iter().all(|gpu| gpu.is_consistent() && !unsure(gpu));
    Ok(u8::from(!consistent || world.hidden.is_some() || !unclassed.is_empty()))
}

fn list(session: &Session) -> Result<u8> {
    let units = gpus(&session.host);
    show::list(session, &status(session, &units, &World::load(&session.host))?)?;
    Ok(0)
}

fn moved(session: &Session, change: &Change, verb: &'static str) -> Result<u8> {
    let units = target::resolve(session, &change.targets)?;
    if units.is_empty() {
        session.log.info(&format!("nothing to do: {}", none(&change.targets)));
    }
    let world = LazyWorld::new(&session.host);
    let consent = Consent { openers: change.force, console: change.allow_console };
    let mut access = operation::lock(session, &units, verb)?;
    let problems = if units.is_empty() { Vec::new() } else { plan_is_uncertain(session) };
    let mut may = |unit: &Unit| {
        let mut op = Operation::new(session, &mut access, unit.clone(), verb);
        if verb != "detach" {
            wait_until_released(&op, &world, Duration::ZERO)?;
        }
        let leaving = if verb == "detach" { units.as_slice() } else { &[] };
        if verb == "attach" { Ok(()) } else { may_detach(&mut op, leaving, consent) }
    };
    if units.len() > 1 {
        // Refusals come before the first move, so that "nothing was changed" is true of all of them.
        units.iter().try_for_each(&mut may)?;
    }
    let act = |op: &mut Operation, world: &LazyWorld, consent| match verb {
        "detach" => detach(op, None, consent),
        "attach" => attach_for_good(op, world, consent),
        _ => cycle(op, world, consent),
    };
    let mut results = Vec::new();
    for unit in units {
        let address = unit.address;
        let mut op = Operation::new(session, &mut access, unit, verb);
        let planned = session.planned().len();
        let outcome = act(&mut op, &world, consent);
        if matches!(outcome, Ok(Outcome::Unchanged)) {
            let place = if verb == "detach" { "on vfio-pci" } else { "on the host" };
            let rest = if session.planned().len() > planned { "it would stay there" } else { "nothing changed" };
            session.log.info(&format!("{address} is {place} already: verified, {rest}"));
        }
        let stop = outcome.is_err() && verb != "attach";
        results.push((address, outcome));
        if stop {
            break;
        }
    }
    show::results(session, verb, results, &problems)
}

/// Why targets name no GPU: addresses always name one.
fn none(targets: &[Target]) -> String {
    let names: Vec<_> = targets.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        _ if targets.contains(&Target::All) => "no GPU on this host".into(),
        [vm] => format!("{vm} passes no GPU through"),
        vms => format!("{} pass no GPU through", vms.join(", ")),
    }
}

fn heal(session: &Session) -> Result<u8> {
    session.require_root()?;
    let world = LazyWorld::new(&session.host);
    for problem in &world.problems {
        session.log.warn(problem);
    }
    if !world.vms.is_empty() {
        session.require_bus("pci")?;
    }
    let units = reconcile::concerned(session, &world);
    let hidden = if units.is_empty() { Vec::new() } else { plan_is_uncertain(session) };
    let healed: Vec<_> = units.iter().map(|unit| reconcile::heal(session, unit, &world)).collect();
    show::healed(session, &healed, &world, hidden)?;
    let worst = healed.iter().map(|h| h.code).find(|code| *code != 0).unwrap_or(0);
    // A configuration that cannot be read or understood may hide a GPU that should have been healed.
    Ok(match worst {
        0 if world.unread => Code::Problem.number(),
        0 if !world.problems.is_empty() => Code::Usage.number(),
        worst => worst,
    })
}

fn examine(session: &Session, targets: &[Target]) -> Result<u8> {
    warn_if_hidden(session);
    let report = doctor::examine(session, &target::resolve(session, targets)?)?;
    if session.output.is_json() {
        session.output.json(&report)?;
    } else {
        session.output.text(&doctor::text(&report)?);
    }
    Ok(u8::from(!report.is_healthy()))
}

//! From what was typed to the verb that does it, with what was typed before what is configured.

mod check;
mod listing;
mod record;
mod recover;
mod typed;

use crate::{
    cli::{Cli, Verb},
    daemon,
};
use anyhow::Result;
use check::{check, report};
use listing::{discover, list};
use passthrough::{
    config::{Config, probe::Origin},
    fault::Fault,
    host::Host,
    probe::settings,
    session::Session,
};
use record::{audit, history};
use recover::recover;
use std::time::Duration;

/// A look has an answer within this time, …
const LOOK: Duration = Duration::from_secs(30);
/// … a recovery, with a stop and a start in it, within this.
const RECOVERY: Duration = Duration::from_secs(300);

/// Runs; the number is the exit code. What to type next asks the source that was asked now.
pub fn run(cli: &Cli) -> Result<u8> {
    verb(cli).map_err(|mut error| {
        if let Some(fault) = error.downcast_mut::<Fault>()
            && let Some(next) = fault.next.as_deref().and_then(|next| cli.from.kept(next))
        {
            fault.next = Some(next);
        }
        error
    })
}

fn verb(cli: &Cli) -> Result<u8> {
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
        Verb::History { id } => history(&session, id)?,
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
    probe.source = from.source()?.map(Origin::from).or(probe.source);
    if from.api.is_some() {
        probe.api.url.clone_from(&from.api);
    }
    probe.api.token_file = from.api_token_file.clone().or(probe.api.token_file.take());
    probe.api.fingerprint = from.fingerprint.clone().or(probe.api.fingerprint.take());
    if from.instances.is_some() {
        probe.instances.clone_from(&from.instances);
    }
    Ok(config)
}

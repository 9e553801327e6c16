//! `vm-probe serve`: the engine, and HTTP in front of it.

use crate::serve::{self, Listen, Options, Token};
use anyhow::Result;
use passthrough::{
    limits,
    log::Log,
    probe::{
        engine::Engine,
        metrics::{self, Format},
        now,
        service::Service,
    },
    session::Session,
};
use std::{path::Path, sync::Arc, time::Duration};

/// Where it listens when nobody says otherwise.
const LISTEN: &str = passthrough::config::defaults::LISTEN;
/// The engine shows something new at least this often.
const OVERDUE: Duration = Duration::from_secs(10);

/// Watches and answers until it is told to end.
pub fn serve(session: &Session, listen: Option<&str>, token_file: Option<&Path>) -> Result<u8> {
    session.warn_unless_root();
    let settings = &session.config.probe.serve;
    let listen: Listen = listen.or(settings.listen.as_deref()).unwrap_or(LISTEN).parse()?;
    let token = token_file.or(settings.token_file.as_deref()).map(Token::load).transpose()?;
    let verbosity = session.log.verbosity();
    let options = Options {
        listen,
        token,
        hosts: settings.hosts.clone(),
        metrics: Box::new(|snapshot, open| {
            let mut text = String::new();
            let format = if open { Format::OpenMetrics } else { Format::Text004 };
            metrics::render(snapshot, now(), format, &mut text);
            text
        }),
        overdue: OVERDUE,
        host: session.host.clone(),
        log: Box::new(move |text| Log::new("vm-probe", verbosity).info(text)),
    };
    limits::many_files();
    let mut engine = None;
    let start = || {
        let started = Arc::new(Engine::start(session)?);
        engine = Some(Arc::clone(&started));
        Ok(started as Arc<dyn Service>)
    };
    let served = serve::serve(start, options);
    if let Some(engine) = engine {
        engine.stop();
    }
    served.map(|()| 0)
}

//! `vm-probe serve`: the engine, and HTTP in front of it.

use crate::serve::{self, Fresh, Listen, Options, Token};
use anyhow::Result;
use passthrough::{
    config::{Config, probe::Recovery},
    limits,
    log::Log,
    probe::{
        alone,
        engine::Engine,
        metrics::{self, Format},
        now,
        service::Service,
    },
    session::Session,
};
use serde_json::json;
use std::{path::PathBuf, sync::Arc, time::Duration};

/// Where it listens when nobody says otherwise.
const LISTEN: &str = passthrough::config::defaults::LISTEN;
/// The engine shows something new at least this often.
const OVERDUE: Duration = Duration::from_secs(10);
const SECTION: &[&str] = &["probe", "serve"];

/// What was typed, which comes before what is configured.
pub struct Typed {
    /// Where to listen.
    pub listen: Option<String>,
    /// The file with the token.
    pub token_file: Option<PathBuf>,
}

impl Typed {
    fn listen(&self, config: &Config) -> Result<Listen> {
        let probe = &config.probe;
        match (&self.listen, &probe.serve.listen) {
            (Some(typed), _) => typed.parse(),
            (None, Some(text)) => text.parse().map_err(|error| probe.written.blame(error, SECTION, "listen")),
            (None, None) => LISTEN.parse(),
        }
    }

    fn token(&self, config: &Config) -> Result<Option<Token>> {
        let probe = &config.probe;
        match (&self.token_file, &probe.serve.token_file) {
            (Some(typed), _) => Token::load(typed).map(Some),
            (None, Some(path)) => {
                let token = Token::load(path).map_err(|error| probe.written.blame(error, SECTION, "token_file"));
                token.map(Some)
            }
            (None, None) => Ok(None),
        }
    }
}

/// Watches and answers until it is told to end. `reread` gets the configuration anew.
pub fn serve(
    session: &Session,
    typed: Typed,
    reread: impl Fn() -> Result<Config> + Send + Sync + 'static,
) -> Result<u8> {
    session.warn_unless_root();
    let config = &session.config;
    let (listen, token) = (typed.listen(config)?, typed.token(config)?);
    serve::consents(&listen, token.as_ref())?;
    if session.dry_run {
        return rehearse(session, &listen);
    }
    let _alone = alone::take(&session.host, &format!("vm-probe serve on {listen}"))?;
    let verbosity = session.log.verbosity();
    let log = move |text: &str| Log::new("vm-probe", verbosity).info(text);
    let first = listen.clone();
    let options = Options {
        listen,
        token,
        hosts: config.probe.serve.hosts.clone(),
        metrics: Box::new(|snapshot, open| {
            let mut text = String::new();
            let format = if open { Format::OpenMetrics } else { Format::Text004 };
            metrics::render(snapshot, now(), format, &mut text);
            text
        }),
        overdue: OVERDUE,
        host: session.host.clone(),
        log: Box::new(log),
        reread: Box::new(move || {
            let config = reread()?;
            let token = typed.token(&config)?;
            if typed.listen(&config)? != first {
                log("warning: another address to listen on is taken at the next start: systemctl restart vm-probe");
            }
            Ok(Fresh { config, token })
        }),
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

/// What it would do, where the configuration is good: what a reload looks at beforehand.
fn rehearse(session: &Session, listen: &Listen) -> Result<u8> {
    session.would(&format!("listen on {listen}"));
    let Recovery { network, qemu, client, mixed, .. } = session.config.probe.recovery;
    let all = [(network, "network"), (qemu, "qemu"), (client, "client"), (mixed, "mixed")];
    let classes: Vec<_> = all.into_iter().filter_map(|(on, word)| on.then_some(word)).collect();
    if !classes.is_empty() {
        session.would(&format!("heal by itself what is of class {}", classes.join(", ")));
    }
    if session.output.is_json() {
        session.output.json(&json!({ "dry_run": true, "would": session.planned() }))?;
    }
    Ok(0)
}

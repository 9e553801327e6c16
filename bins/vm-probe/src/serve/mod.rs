//! The daemon's front end: HTTP on one thread, every answer from what is in memory.

mod answer;
mod connections;
mod documents;
mod events;
mod guard;
mod handle;
mod holder;
mod listen;
mod listener;
mod pace;
mod page;
mod recover;
mod reload;
mod stream;
mod target;
#[cfg(test)]
mod tests;
pub mod token;

pub use listen::{Listen, consents};
pub use token::Token;

use anyhow::{Context, Result};
use connections::Connections;
use handle::Server;
use listener::Listener;
use passthrough::{
    config::Config,
    host::{Host, read_text},
    probe::{
        now,
        service::{Service, Snapshot},
    },
};
use std::{fmt, future::poll_fn, sync::Arc, task::Poll, time::Duration};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long answers that are on their way may still take when the daemon ends.
const DRAIN: Duration = Duration::from_secs(if cfg!(test) { 60 } else { 3 });

/// Renders the metrics of a snapshot; `true` asks for `OpenMetrics` instead of Prometheus' text.
pub type Metrics = Box<dyn Fn(&Snapshot, bool) -> String + Send + Sync>;

/// How to serve.
pub struct Options {
    /// Where.
    pub listen: Listen,
    /// What everything needs that changes something.
    pub token: Option<Token>,
    /// Names by which the daemon is called, besides addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Where the metrics come from.
    pub metrics: Metrics,
    /// A snapshot that is older than this says that the engine's rounds are overdue.
    pub overdue: Duration,
    /// The host, to tell who has an address already.
    pub host: Host,
    /// Takes sentences for the log: where it listens, who asked for what.
    pub log: Box<dyn Fn(&str) + Send + Sync>,
    /// Reads the configuration anew.
    pub reread: Box<dyn Fn() -> Result<Fresh> + Send + Sync>,
}

/// What a configuration that was read anew says.
pub struct Fresh {
    /// All of it.
    pub config: Config,
    /// The token whose file it names.
    pub token: Option<Token>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("token", &self.token)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

/// Serves until SIGTERM, SIGINT or SIGHUP (its terminal is closed; a service reads its configuration anew by it). Answers that
/// are on their way are then given a little time. The service begins when it is certain that it can be reached, and by nobody
/// who must not.
pub fn serve(service: impl FnOnce() -> Result<Arc<dyn Service>>, options: Options) -> Result<()> {
    // Before anything is bound: what must not be reachable never is, not even for a moment.
    consents(&options.listen, options.token.as_ref())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(4)
        .build()
        .context("cannot start the HTTP server")?;
    let served = runtime.block_on(async {
        let listener = Listener::bind(&options)?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
        let hangup = (!keeps_on()).then(|| signal(SignalKind::hangup())).transpose();
        let mut hangup = hangup.context("cannot wait for SIGHUP")?;
        let reloads = if reload::is_service() { hangup.take() } else { None };
        let stop = poll_fn(move |cx| {
            let ended = terminate.poll_recv(cx).is_ready()
                | interrupt.poll_recv(cx).is_ready()
                | hangup.as_mut().is_some_and(|hangup| hangup.poll_recv(cx).is_ready());
            if ended { Poll::Ready(()) } else { Poll::Pending }
        });
        // Whoever is told to end from here on ends in order.
        let service = service()?;
        run(listener, service, options, stop, reloads).await;
        Ok(())
    });
    // A disk that does not answer holds a blocking call: the end does not wait for it.
    runtime.shutdown_background();
    served
}

/// Whether whoever started it wants it to outlive its terminal, as `nohup` does: SIGHUP is ignored.
fn keeps_on() -> bool {
    let ignored =
        |text: &str| text.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let status = read_text(&Host::default().process(own).join("status")).unwrap_or_default();
    ignored(&status).is_some_and(|mask| mask & 1 == 1)
}

/// Serves until `stop`.
async fn run(
    listener: Listener,
    service: Arc<dyn Service>,
    options: Options,
    stop: impl Future<Output = ()>,
    reloads: Option<Signal>,
) {
    (options.log)(&format!("listening on {}", listener.title()));
    let server = Server::new(service, options, listener.local());
    if let Some(signal) = reloads {
        tokio::spawn(Arc::clone(&server).reload_at(signal));
    }
    let connections = Connections::default();
    connections.accept(&listener, &server, stop).await;
    drop(listener);
    server.events.close();
    connections.drain(DRAIN).await;
    (server.options.log)("ended");
}

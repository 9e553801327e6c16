//! SIGHUP by a service manager: the configuration is read anew, and what is known stays. One that is no good is told, and the
//! one before goes on.

use super::{
    guard::Guard,
    handle::Server,
    listen::{Listen, consents},
};
use anyhow::Result;
use passthrough::fault::Fault;
use std::{env, sync::Arc};
use tokio::{signal::unix::Signal, task::spawn_blocking};

/// Whether systemd itself started this very process: it has no terminal that could be closed, and a SIGHUP means something else.
/// Before version 248 systemd does not say so; there it ends, and `Restart=always` brings it back.
pub(super) fn is_service() -> bool {
    let pid = env::var("SYSTEMD_EXEC_PID").ok().and_then(|text| text.parse().ok());
    pid == Some(std::process::id())
}

impl Server {
    /// Reads the configuration anew at each signal.
    pub(super) async fn reload_at(self: Arc<Self>, mut signal: Signal) {
        while signal.recv().await.is_some() {
            let server = Arc::clone(&self);
            // A file may lie where reading takes long.
            let _ = spawn_blocking(move || server.reload()).await;
        }
    }

    /// Reads it anew; whether it was taken.
    pub(super) fn reload(&self) -> bool {
        let log = &self.options.log;
        let Err(error) = self.try_reload() else {
            log("the configuration was read anew");
            return true;
        };
        log(&format!("warning: the configuration is not taken, the one before goes on: {error:#}"));
        if let Some(next) = Fault::of(&error).and_then(|fault| fault.next.as_ref()) {
            log(&format!("next: {next}"));
        }
        false
    }

    fn try_reload(&self) -> Result<()> {
        let fresh = (self.options.reread)()?;
        if let Some(local) = self.local {
            consents(&Listen::Tcp(local), fresh.token.as_ref())?;
        }
        let guard = Guard::new(fresh.token, &fresh.config.probe.serve.hosts, self.local);
        self.service.configure(fresh.config)?;
        self.admit(guard);
        Ok(())
    }
}

//! The API of a PVE cluster, asked sparingly: one call lists every VM and node, and nothing is ever asked per VM unless
//! somebody wants to know of that one.

mod access;
mod answer;
mod loose;
mod resources;
#[cfg(test)]
mod tests;
mod token;

pub use resources::{Resources, Vm};

use crate::{
    config::probe::Api,
    deadline::Deadline,
    fault::Fault,
    host::Host,
    plain::plain,
    web::{self, Request, Trouble},
};
use access::{address, segment, trust};
use anyhow::Result;
use loose::{Number, Text};
use serde::Deserialize;
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// PVE itself renews the list only every ten seconds.
const AS_OLD: Duration = Duration::from_secs(10);
/// The list of 10,000 guests takes some 5 MB.
const LARGEST_LIST: u64 = 64 << 20;
/// Any other answer.
const LARGEST: u64 = 1 << 20;

/// One API and who we are there. It blocks: whoever cannot wait asks from a thread of its own.
#[derive(Debug)]
pub struct Client {
    web: web::Client,
    base: String,
    token_file: PathBuf,
    trust: &'static str,
    kept: Option<(Instant, Result<Arc<Resources>, Fault>)>,
}

/// What is done to a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Start it.
    Start,
    /// End its QEMU.
    Stop,
    /// Ask the guest to shut down.
    Shutdown,
    /// Ask the guest to shut down, and start it again.
    Reboot,
    /// Press the reset button.
    Reset,
}

impl Verb {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Shutdown => "shutdown",
            Self::Reboot => "reboot",
            Self::Reset => "reset",
        }
    }
}

/// What PVE says of one VM at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// `running` or `stopped`.
    pub status: String,
    /// What QEMU says, or `running` where it says nothing.
    pub qmpstatus: Option<String>,
    /// The version of the QEMU that runs; a VM that runs and tells none does not answer at its monitor.
    pub running_qemu: Option<String>,
    /// The operation that has it locked.
    pub lock: Option<String>,
    /// Whether the HA manager looks after it.
    pub ha_managed: Option<bool>,
}

/// How a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// It is at work.
    Running,
    /// It has ended well.
    Done,
    /// It has ended, and not well: its own words.
    Failed(String),
}

impl Client {
    /// A client for the API of the settings. Nothing is asked yet.
    pub fn new(host: &Host, settings: &Api) -> Result<Self> {
        let Some(url) = &settings.url else {
            return Fault::usage("no address of a PVE API is given")
                .next("vm-probe list --api https://HOST:8006 --api-token-file FILE")
                .fail();
        };
        let base = url.trim_end_matches('/').trim_end_matches("/api2/json").trim_end_matches('/').to_owned();
        address(&base)?;
        let Some(token_file) = settings.token_file.clone() else {
            let url = plain(url, 200);
            let next = format!("{}; vm-probe list --api {url} --api-token-file FILE", token::made("FILE"));
            return Fault::usage(format!("{url}: no file with a token is given")).next(next).fail();
        };
        let (trust, why) = trust(host, settings, &base)?;
        Ok(Self { web: web::Client::new(trust), base, token_file, trust: why, kept: None })
    }

    /// Every VM and node of the cluster, in one call; within ten seconds of the last one, what that one said.
    pub fn cluster_resources(&mut self, deadline: &Deadline) -> Result<Arc<Resources>> {
        if let Some((_, kept)) = self.kept.as_ref().filter(|(at, _)| at.elapsed() < AS_OLD) {
            return kept.clone().map_err(Into::into);
        }
        let asked = Instant::now();
        let outcome = self.ask::<Resources>("/cluster/resources", false, LARGEST_LIST, deadline).map(Arc::new);
        self.kept = Some((asked, outcome.clone()));
        Ok(outcome?)
    }

    /// What the last list had and is no VM, though it is called one.
    pub fn left_out(&self) -> Option<String> {
        self.kept.as_ref()?.1.as_ref().ok()?.left_out()
    }

    /// One VM, at this moment.
    pub fn status_current(&self, node: &str, vmid: u32, deadline: &Deadline) -> Result<Current> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Answer {
            #[serde(default)]
            status: Text,
            #[serde(default)]
            qmpstatus: Text,
            #[serde(default)]
            running_qemu: Text,
            #[serde(default)]
            lock: Text,
            #[serde(default)]
            ha: Option<Ha>,
        }
        #[derive(Deserialize)]
        struct Ha {
            #[serde(default)]
            managed: Number,
        }
        let path = format!("/nodes/{}/qemu/{vmid}/status/current", segment(node)?);
        let answer: Answer = self.ask(&path, false, LARGEST, deadline)?;
        Ok(Current {
            status: answer.status.short().unwrap_or_else(|| "unknown".to_owned()),
            qmpstatus: answer.qmpstatus.short(),
            running_qemu: answer.running_qemu.short(),
            lock: answer.lock.short(),
            ha_managed: answer.ha.and_then(|ha| ha.managed.flag()),
        })
    }

    /// Has something done to a VM. Returns the task's id, the UPID: that it was accepted does not mean that it is done.
    pub fn power(&self, node: &str, vmid: u32, verb: Verb, deadline: &Deadline) -> Result<String> {
        let path = format!("/nodes/{}/qemu/{vmid}/status/{}", segment(node)?, verb.word());
        let upid: Text = self.ask(&path, true, LARGEST, deadline)?;
        match upid.short() {
            Some(upid) if upid.starts_with("UPID:") => Ok(upid),
            other => Fault::problem(format!("{}: POST {path}: no task, but {other:?}", self.base))
                .next(format!("qm status {vmid}"))
                .fail(),
        }
    }

    /// How a task stands.
    pub fn task(&self, node: &str, upid: &str, deadline: &Deadline) -> Result<Task> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            status: Text,
            #[serde(default)]
            exitstatus: Text,
        }
        let path = format!("/nodes/{}/tasks/{}/status", segment(node)?, segment(upid)?);
        let answer: Answer = self.ask(&path, false, LARGEST, deadline)?;
        Ok(match (answer.status.short().as_deref(), answer.exitstatus.short()) {
            (Some("running"), _) => Task::Running,
            (_, Some(exit)) if exit == "OK" || exit.starts_with("WARNINGS") => Task::Done,
            (_, Some(exit)) => Task::Failed(exit),
            (_, None) => Task::Failed("it has ended and does not say how".to_owned()),
        })
    }

    fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        post: bool,
        limit: u64,
        deadline: &Deadline,
    ) -> Result<T, Fault> {
        let token = token::read(&self.token_file)?;
        let url = format!("{}/api2/json{path}", self.base);
        let authorization = token.header();
        let request = Request { url: &url, authorization: Some(&authorization), post, limit };
        let what = format!("{}: {} {path}", self.base, if post { "POST" } else { "GET" });
        let reply = self.web.send(&request, deadline).map_err(|trouble| self.unanswered(&what, &trouble))?;
        if reply.head.status != 200 {
            return Err(answer::refused(&what, &reply, token.user(), token.id()));
        }
        answer::data(&what, &reply)
    }

    /// There is no answer: why, and what to look at.
    fn unanswered(&self, what: &str, trouble: &Trouble) -> Fault {
        let text = format!("{what}: {trouble}");
        let fault = if matches!(trouble, Trouble::Late(_)) { Fault::wedged(text) } else { Fault::problem(text) };
        let host = self.base.split("://").nth(1).unwrap_or(&self.base);
        match trouble {
            Trouble::Untrusted(_) => Fault::refused(format!("{what}: {trouble} ({})", self.trust))
                .next("on that node: pvenode cert info, then compare, and give its SHA-256 as --fingerprint"),
            // It lets whoever it refuses wait for three seconds.
            Trouble::Late(budget) if *budget < Duration::from_secs(4) => {
                fault.next("again with --timeout 10s: what is wrong with a token is told after three seconds only")
            }
            Trouble::Unreachable(_) | Trouble::Late(_) => {
                fault.next(format!("curl -k {}/api2/json/version; systemctl status pveproxy", self.base))
            }
            Trouble::TooLarge(_) => fault.next(format!("curl -k {}/api2/json/version", self.base)),
            Trouble::BrokenOff | Trouble::Garbage(_) => {
                fault.next(format!("is {host} a PVE API? journalctl -u pveproxy on it"))
            }
        }
    }
}

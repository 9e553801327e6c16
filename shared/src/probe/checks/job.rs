//! One check of one VM, run once.

use super::{
    fill::{self, Pattern},
    http::{self, Asked, Roots},
    plan::{Plan, What},
    tcp,
};
use crate::{
    command,
    deadline::Deadline,
    fault::{Code, Fault},
    host::Host,
    probe::{evidence::Checked, instance::Instance},
    pve::guest::{self, Answer},
};
use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

/// No detail is longer.
const LONGEST: usize = 200;

/// A check that is to be run. As long as it is there, the same check of the same VM is not started again.
#[derive(Debug)]
pub struct Job {
    plan: Arc<Plan>,
    instance: Arc<Instance>,
    address: Option<IpAddr>,
    roots: Arc<Roots>,
    running: Arc<AtomicBool>,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.running.store(false, Ordering::Release);
    }
}

/// `None` where it is not known whether it passed.
type Outcome = (Option<bool>, String);

impl Job {
    pub(super) fn new(
        plan: &Arc<Plan>,
        instance: &Arc<Instance>,
        address: Option<IpAddr>,
        roots: &Arc<Roots>,
        running: &Arc<AtomicBool>,
    ) -> Self {
        let (plan, instance, roots) = (plan.clone(), instance.clone(), roots.clone());
        Self { plan, instance, address, roots, running: running.clone() }
    }

    /// The instance that it is about.
    pub fn id(&self) -> &str {
        &self.instance.id
    }

    /// The check.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Runs it, which blocks until it has an answer or its time is over.
    pub fn run(&self, host: &Host) -> Checked {
        let started = Instant::now();
        let (passed, detail) = self.outcome(host).unwrap_or_else(|why| (None, why));
        Checked {
            at: crate::clock::millis(),
            took: crate::clock::in_millis(started.elapsed()),
            passed,
            detail: first_line(&detail),
            class: self.plan.class,
        }
    }

    fn outcome(&self, host: &Host) -> Result<Outcome, String> {
        let value = |key| fill::value(key, &self.instance, self.address);
        let words = |patterns: &[Pattern]| patterns.iter().map(|word| word.with(value)).collect::<Result<Vec<_>, _>>();
        match &self.plan.what {
            What::Command(patterns) if host.is_live() => Ok(self.command(&words(patterns)?)),
            What::Command(_) => Err("not run: a program of this machine says nothing about the tree of --root".into()),
            What::Guest(patterns) => self.guest(host, &words(patterns)?),
            What::Tcp(pattern) => {
                let address = pattern.with(|key| value(key).map(fill::in_address))?;
                Ok(match tcp::connect(&address, &Deadline::after(self.plan.timeout)) {
                    Ok(socket) => (Some(true), format!("{socket} accepts connections")),
                    Err(why) => (Some(false), why),
                })
            }
            What::Http(pattern) => {
                let url = pattern.with(|key| value(key).map(fill::in_url))?;
                Ok(match http::get(&url, &self.roots, self.plan.timeout) {
                    Asked::Status(status) => ((Some((200..400).contains(&status))), format!("{url}: {status}")),
                    Asked::Failed(why) => (Some(false), format!("{url}: {why}")),
                    Asked::Unknown(why) => (None, why),
                })
            }
        }
    }

    fn command(&self, words: &[String]) -> Outcome {
        let argv: Vec<_> = words.iter().map(String::as_str).collect();
        match command::run(&argv, self.plan.timeout) {
            Ok(output) if output.status.success() => (Some(true), output.stdout),
            Ok(output) if output.status.code().is_some() => {
                let said = [&output.stdout, &output.stderr].into_iter().find(|text| !text.trim().is_empty());
                (Some(false), said.cloned().unwrap_or_else(|| output.status.to_string()))
            }
            // Somebody ended it: it has not said anything about the VM.
            Ok(output) => (None, output.status.to_string()),
            // What hangs does not answer well.
            Err(error) if Fault::code_of(&error) == Code::Wedged => (Some(false), error.to_string()),
            Err(error) => (None, format!("{error:#}")),
        }
    }

    fn guest(&self, host: &Host, words: &[String]) -> Result<Outcome, String> {
        let vmid = self.instance.vmid.ok_or("only guests of Proxmox VE can be asked by their agent")?;
        let argv: Vec<_> = words.iter().map(String::as_str).collect();
        match guest::exec(host, vmid, &argv, self.plan.timeout) {
            Answer::Unknown(why) => Err(why),
            Answer::Ran { exit_code: 0, stdout, .. } => Ok((Some(true), stdout)),
            Answer::Ran { exit_code, stdout, stderr } => {
                let said = [stdout, stderr].into_iter().find(|text| !text.trim().is_empty());
                Ok((Some(false), said.unwrap_or_else(|| format!("exit code {exit_code} in the guest"))))
            }
        }
    }
}

/// What was said first, fit for a terminal.
fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

//! Recoveries of a tree, with a monitor and programs that stand in for the real ones.

mod books;
mod outcome;
mod plans;
mod process;
mod refusals;

use super::*;
use crate::{
    config::{
        Config,
        probe::{Class, Limits, Origin, Recovery as Policy},
    },
    deadline::Deadline,
    fault::Code,
    host::Host,
    log::Log,
    probe::{
        classify::{
            classify,
            samples::{self, disk, nic},
        },
        evidence::{Agent, Checked, Deep, Fast, Path, ProcessState, Qmp, Slow, Vnc},
        figure::Figure,
        instance::Instance,
        now,
    },
    pve::qmp::fake::{fails, returns, serve},
    report::Output,
};
use serde_json::json;
use std::{
    fs,
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus},
    sync::{Arc, Mutex},
    time::Duration,
};

fn known<T>(value: T) -> Figure<T> {
    Figure::known("test", value)
}

/// A host with VM 111, whose monitor answers and does what it is told.
struct World {
    dir: tempfile::TempDir,
    state: Arc<Mutex<String>>,
    told: Arc<Mutex<Vec<String>>>,
    policy: Policy,
}

impl World {
    fn new(state: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        for (path, text) in [("etc/pve/qemu-server/111.conf", "name: a\n"), ("disk.qcow2", "x")] {
            fs::create_dir_all(host.at(path).parent().unwrap()).unwrap();
            fs::write(host.at(path), text).unwrap();
        }
        let policy =
            Policy { network: true, qemu: true, client: true, mixed: true, restart: true, ..Policy::default() };
        let (state, told) = (Arc::new(Mutex::new(state.to_owned())), Arc::new(Mutex::new(Vec::new())));
        let (now, log) = (state.clone(), told.clone());
        serve(&host, 111, move |command, _| {
            let mut state = now.lock().unwrap();
            match (command, state.as_str()) {
                ("query-status", _) => return returns(json!({ "status": *state, "running": *state == "running" })),
                ("cont", "io-error" | "prelaunch") => *state = "running".into(),
                ("cont", _) => return fails("GenericError", "Resetting the Virtual Machine is required"),
                ("system_reset", _) => *state = "prelaunch".into(),
                _ => return fails("CommandNotFound", "no such command"),
            }
            log.lock().unwrap().push(command.to_owned());
            returns(json!({}))
        });
        Self { dir, state, told, policy }
    }

    fn host(&self) -> Host {
        Host::new(self.dir.path())
    }

    fn session(&self) -> Session {
        let mut config = Config::default();
        config.probe.recovery = self.policy.clone();
        let deadline = Deadline::after(Duration::from_secs(60));
        Session::new(self.host(), config, deadline, Log::new("test", -1), Output::new(false))
    }

    /// What a look at it finds.
    fn look(&self) -> Evidence {
        self.spoiled(|_, _, _| {})
    }

    fn spoiled(&self, spoil: impl FnOnce(&mut Instance, &mut Fast, &mut Deep)) -> Evidence {
        samples::evidence(|instance, fast, deep| {
            *deep = samples::deep(&self.state.lock().unwrap());
            (instance.seen_at, fast.at, deep.at) = (now(), now(), now());
            instance.qmp = Some(self.host().qemu_run().join("111.qmp"));
            deep.disks = known(vec![disk("nospace", "/disk.qcow2")]);
            spoil(instance, fast, deep);
        })
    }

    fn run(&self, context: &Context) -> anyhow::Result<Outcome> {
        self.run_with(context, || self.look())
    }

    fn run_with(&self, context: &Context, mut probe: impl FnMut() -> Evidence) -> anyhow::Result<Outcome> {
        let evidence = probe();
        run(&self.session(), &evidence, &judge(&evidence), context, &mut probe)
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    fn is(&self, state: &str) {
        *self.state.lock().unwrap() = state.to_owned();
    }

    fn refusal(&self, evidence: &Evidence, context: &Context) -> String {
        preview(&self.session(), evidence, &judge(evidence), context).refused_because.unwrap_or_default()
    }
}

fn judge(evidence: &Evidence) -> Verdict {
    classify(evidence, &Limits::default(), now())
}

fn policy() -> Context {
    Context { asked_by: AskedBy::Policy, force: false, ill_at_once: 1, settled: Ok(()) }
}

fn policy_forced() -> Context {
    Context { force: true, ..policy() }
}

type Spoil = fn(&mut Instance, &mut Fast, &mut Deep);

//! One look at some instances, by a deadline, for who asks without a daemon.

mod reports;

use super::{
    checks::Checks,
    deep::{Target, ask_all},
    evidence::{Checked, Evidence},
    fast::Sampler,
    instance::{Instance, Power},
    slow,
};
use crate::{
    config::probe::{Origin, Settings},
    deadline::Deadline,
    host::Host,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Between two readings of the same counters.
const APART: Duration = Duration::from_millis(400);
/// How long one VM may take to answer.
const ANSWER: Duration = Duration::from_millis(1500);
/// So many VMs are asked at once.
const AT_ONCE: usize = 256;
/// So many blocking questions at once.
const WORKERS: usize = 64;
/// How long a guest agent may take.
const AGENT: Duration = Duration::from_secs(1);

/// What to look at besides the host's own files and QEMU.
#[derive(Debug, Clone, Copy, Default)]
pub struct Want {
    /// What is costly, as far as it is switched on.
    pub slow: bool,
    /// The guest agent, where it is enabled: no more than whether it answers within a second.
    pub agent: bool,
    /// The administrator's own checks.
    pub checks: bool,
}

/// What is known of each, in the same order.
pub fn all(
    host: &Host,
    settings: &Settings,
    instances: &[Arc<Instance>],
    want: Want,
    deadline: &Deadline,
) -> anyhow::Result<Vec<Evidence>> {
    let mut sampler = Sampler::new(host, settings);
    let first = sampler.sample(instances);
    let begun = Instant::now();
    let mut all: Vec<_> = instances.iter().map(|instance| Evidence::new(Arc::clone(instance))).collect();
    let targets = instances.iter().filter_map(|instance| target(instance)).collect();
    let answer = settings.answer.unwrap_or(ANSWER);
    let ask = move || ask_all(host, targets, answer, AT_ONCE, deadline);
    let deep = if want.slow {
        // Both need the monitor, which serves one.
        let deep = ask();
        ask_the_others(host, settings, &mut all, want, deadline)?;
        deep
    } else {
        thread::scope(|scope| {
            let deep = scope.spawn(ask);
            ask_the_others(host, &gentle(settings), &mut all, want, deadline)?;
            deep.join().map_err(|_| anyhow::anyhow!("QEMU could not be asked"))
        })?
    };
    let mut deep: HashMap<_, _> = deep.into_iter().collect();
    for evidence in &mut all {
        evidence.deep = deep.remove(&evidence.instance.id).map(Arc::new);
    }
    if first.iter().any(Option::is_some) {
        thread::sleep(APART.saturating_sub(begun.elapsed()).min(deadline.remaining()));
        for (evidence, fast) in all.iter_mut().zip(sampler.sample(instances)) {
            evidence.fast = fast.map(Arc::new);
        }
    }
    Ok(all)
}

/// Of what is costly, only the agent, which costs nothing where it answers.
fn gentle(settings: &Settings) -> Settings {
    Settings { frames: false, audio: false, memory: false, agent: true, ..settings.clone() }
}

/// What is known of one, without what is costly.
pub fn one(host: &Host, settings: &Settings, instance: &Arc<Instance>, deadline: &Deadline) -> Evidence {
    let all = all(host, settings, std::slice::from_ref(instance), Want::default(), deadline);
    all.ok().and_then(|mut all| all.pop()).unwrap_or_else(|| Evidence::new(Arc::clone(instance)))
}

/// What there is to be asked of an instance; `None` where its source names neither monitor nor VNC.
pub fn target(instance: &Instance) -> Option<Target> {
    let there = instance.qmp.is_some() || instance.vnc.is_some();
    there.then(|| Target { id: instance.id.clone(), qmp: instance.qmp.clone(), vnc: instance.vnc.clone(), pid: None })
}

/// Reports, costly probes and checks: each may take its time, so they run side by side.
fn ask_the_others(
    host: &Host,
    settings: &Settings,
    all: &mut [Evidence],
    want: Want,
    deadline: &Deadline,
) -> anyhow::Result<()> {
    let mut checks = Checks::new(host, settings)?;
    let instances: Vec<_> = all.iter().map(|evidence| Arc::clone(&evidence.instance)).collect();
    let jobs = if want.checks { checks.all(&instances) } else { Vec::new() };
    let here = |instance: &Instance| matches!(instance.origin, Origin::Pve | Origin::Container);
    let mut work: Vec<Work<'_>> = jobs.into_iter().map(Work::Check).collect();
    work.extend(all.iter_mut().filter_map(|evidence| {
        let on = here(&evidence.instance) && evidence.instance.power != Power::Stopped;
        let agent = evidence.instance.hardware.as_ref().is_some_and(|hardware| hardware.agent);
        (on && (want.slow || want.agent && agent)).then_some(Work::Slow(evidence))
    }));
    let done: Mutex<Vec<(String, String, Checked)>> = Mutex::default();
    let workers = work.len().min(WORKERS);
    let work = Mutex::new(work);
    let answer = settings.answer.unwrap_or(ANSWER);
    let reports = thread::scope(|scope| {
        let reports = scope.spawn(|| reports::ask(&instances, answer, AT_ONCE, deadline));
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = work.lock().unwrap_or_else(PoisonError::into_inner).pop();
                    match next {
                        None => return,
                        Some(Work::Check(job)) => {
                            let checked = job.run(host);
                            let entry = (job.id().to_owned(), job.name().to_owned(), checked);
                            done.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
                        }
                        Some(Work::Slow(evidence)) => {
                            let time = if want.slow { *deadline } else { deadline.within(AGENT) };
                            let seen = slow::look(host, &evidence.instance, settings, &time);
                            evidence.slow = Some(Arc::new(seen));
                        }
                    }
                }
            });
        }
        reports.join().map_err(|_| anyhow::anyhow!("no report could be asked for"))
    })?;
    for (evidence, report) in all.iter_mut().zip(reports) {
        evidence.remote = report.map(Arc::new);
    }
    for (id, name, checked) in done.into_inner().unwrap_or_else(PoisonError::into_inner) {
        if let Some(evidence) = all.iter_mut().find(|evidence| evidence.instance.id == id) {
            evidence.checks.insert(name, checked);
        }
    }
    Ok(())
}

/// One blocking question.
enum Work<'a> {
    Check(super::checks::Job),
    Slow(&'a mut Evidence),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::fake::Server;

    #[test]
    fn an_instance_that_hangs_takes_its_own_time_and_not_all_there_is() {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::serve(|_, _| thread::sleep(Duration::from_secs(60)));
        let instance = Instance { health_url: Some(server.url()), ..Instance::new("a", Origin::File) };
        let settings = Settings { answer: Some(Duration::from_millis(200)), ..Settings::default() };
        let begun = Instant::now();
        let all = all(
            &Host::new(dir.path()),
            &settings,
            &[Arc::new(instance)],
            Want::default(),
            &Deadline::after(Duration::from_secs(30)),
        );
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert!(all.unwrap()[0].remote.as_ref().unwrap().unreachable);
    }
}

//! What instances report of themselves, asked side by side: each has its own time, so that one that hangs delays no other,
//! and whoever was not given all of it is unknown rather than unreachable.

use crate::{
    clock,
    deadline::Deadline,
    plain::plain,
    probe::{evidence::Remote, instance::Instance, remote},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Whoever asks by HTTP keeps little on its stack.
const STACK: usize = 512 << 10;

/// The report of each instance whose source names an address, in their order; each may take `answer`, and at most so many
/// are asked at once.
pub(super) fn ask(
    instances: &[Arc<Instance>],
    answer: Duration,
    at_once: usize,
    deadline: &Deadline,
) -> Vec<Option<Remote>> {
    let asked = instances.iter().filter(|instance| instance.health_url.is_some()).count();
    let next = AtomicUsize::new(0);
    let ask_some = || {
        let mut some = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(instance) = instances.get(n) else { return some };
            some.extend(ask_one(instance, answer, deadline).map(|remote| (n, remote)));
        }
    };
    let mut all: Vec<_> = instances.iter().map(|_| None).collect();
    thread::scope(|scope| {
        let start = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, ask_some).ok();
        let workers: Vec<_> = (0..asked.min(at_once)).filter_map(start).collect();
        // Without another thread, this one does it; one that panicked has said so.
        let own = if workers.is_empty() { ask_some() } else { Vec::new() };
        for (n, remote) in workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().chain(own) {
            all[n] = Some(remote);
        }
    });
    all
}

fn ask_one(instance: &Instance, answer: Duration, deadline: &Deadline) -> Option<Remote> {
    let time = deadline.within(answer);
    let left = time.remaining();
    if left.is_zero() {
        let url = plain(instance.health_url.as_deref()?, 500);
        let why = "not asked: no time was left".to_owned();
        return Some(Remote { at: clock::millis(), url, report: Err(why), unreachable: false });
    }
    let mut remote = remote::ask(instance, &time)?;
    // `within` gives what is left of the whole where that is less.
    let cut_short = left < answer && time.remaining().is_zero() && deadline.expired();
    if cut_short && remote.unreachable {
        remote.report = Err(format!("no answer within {}, and no more time was left", clock::spoken(left)));
        remote.unreachable = false;
    }
    Some(remote)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::probe::{Limits, Origin},
        probe::{classify::classify, evidence::Evidence, now, verdict::Status},
        web::fake::{Server, json},
    };
    use std::{io::Write, time::Instant};

    const HANGS: Duration = Duration::from_secs(60);

    fn hangs() -> Server {
        Server::serve(|_, _| thread::sleep(HANGS))
    }

    fn instance(id: &str, server: &Server) -> Arc<Instance> {
        Arc::new(Instance { health_url: Some(format!("{}/health", server.url())), ..Instance::new(id, Origin::File) })
    }

    fn status(instance: &Arc<Instance>, remote: Option<&Remote>) -> Status {
        let mut evidence = Evidence::new(Arc::clone(instance));
        evidence.remote = remote.cloned().map(Arc::new);
        classify(&evidence, &Limits::default(), now()).status
    }

    #[test]
    fn one_that_hangs_or_drips_takes_no_longer_than_an_answer_may() {
        let drips = Server::serve(|_, stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
            while stream.write_all(b" ").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let (hangs, well) = (hangs(), Server::start(|_| json(r#"{"overall_status":"healthy"}"#)));
        let all = [instance("a", &hangs), instance("b", &drips), instance("c", &well)];
        let begun = Instant::now();
        // The one that is well has to say so within that time, on whatever machine.
        let remotes = ask(&all, Duration::from_secs(4), 8, &Deadline::after(HANGS));
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        let told: Vec<_> =
            all.iter().zip(&remotes).map(|(instance, remote)| status(instance, remote.as_ref())).collect();
        assert_eq!(told, [Status::Unhealthy, Status::Unhealthy, Status::Healthy]);
    }

    #[test]
    fn one_that_was_never_asked_is_unknown() {
        let (hangs, well) = (hangs(), Server::start(|_| json(r#"{"overall_status":"healthy"}"#)));
        let all = [instance("a", &hangs), instance("b", &hangs), instance("c", &well)];
        // Two at once, and no time for a third; nor for what the two might have been given.
        let remotes = ask(&all, Duration::from_secs(5), 2, &Deadline::after(Duration::from_secs(1)));
        let why: Vec<_> = remotes.iter().map(|remote| remote.as_ref().unwrap().report.clone().unwrap_err()).collect();
        assert_eq!(why[2], "not asked: no time was left");
        assert!(why[0].ends_with("and no more time was left"), "{}", why[0]);
        for (instance, remote) in all.iter().zip(&remotes) {
            assert_eq!(status(instance, remote.as_ref()), Status::Unknown, "{remote:?}");
        }
        assert!(well.asked().is_empty());
        // Who has no address is not asked at all.
        let nowhere = [Arc::new(Instance::new("d", Origin::File))];
        assert_eq!(ask(&nowhere, HANGS, 2, &Deadline::after(HANGS)), [None]);
    }
}

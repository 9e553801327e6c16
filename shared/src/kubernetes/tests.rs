use super::{fake::Fake, *};
use crate::command;
use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const FAST: Pace = Pace { first: Duration::from_millis(20), most: Duration::from_millis(100) };

struct Place {
    dir: tempfile::TempDir,
    settings: Kubernetes,
}

impl Place {
    fn new(fake: &Fake) -> Self {
        let settings =
            Kubernetes { url: Some(fake.server.url()), namespace: Some("loco".into()), ..Kubernetes::default() };
        Self { dir: tempfile::tempdir().unwrap(), settings }
    }

    fn cluster(&self) -> Cluster {
        Cluster::new(&Host::new(self.dir.path()), &self.settings).unwrap()
    }

    fn token(&self, text: &str) {
        let account = Host::new(self.dir.path()).service_account();
        fs::create_dir_all(&account).unwrap();
        fs::write(account.join("token"), text).unwrap();
    }
}

/// As long as a machine may stand still that has other things to do.
fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

/// Waits until what is known is as it should be.
fn eventually(follow: &Follow, what: &str, holds: impl Fn(&Known) -> bool) -> Known {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let known = follow.known(&soon());
        if holds(&known) {
            return known;
        }
        assert!(Instant::now() < until, "{what}: {known:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn names(known: &Known) -> Vec<&str> {
    known.pods.keys().map(String::as_str).collect()
}

#[test]
fn a_list_is_read_page_by_page() {
    let fake = Fake::start();
    fake.change(|state| (0..5).for_each(|n| state.put(&format!("emulator-{n}"), "Running", n != 3)));
    let all = Place::new(&fake).cluster().list(&soon()).unwrap();
    assert_eq!(all.pods.len(), 5);
    assert_eq!(fake.asked(), (3, 0));
    let pod = &all.pods["emulator-3"];
    assert_eq!((pod.phase.as_str(), pod.ready, pod.ip.as_deref()), ("Running", false, Some("10.0.0.7")));
    assert_eq!((pod.node.as_deref(), pod.stateful_set.as_deref()), (Some("w1"), Some("emulator")));
    assert!(all.pods["emulator-4"].ready && all.version.text() == "5");
}

#[test]
fn pages_that_expire_are_read_anew_once() {
    let fake = Fake::start();
    fake.change(|state| {
        (0..5).for_each(|n| state.put(&format!("emulator-{n}"), "Running", true));
        state.oldest = 1;
    });
    assert_eq!(Place::new(&fake).cluster().list(&soon()).unwrap().pods.len(), 5);
}

#[test]
fn changes_arrive_without_another_list() {
    let fake = Fake::start();
    fake.change(|state| state.put("emulator-0", "Pending", false));
    let follow = Follow::start(Place::new(&fake).cluster(), FAST).unwrap();
    assert_eq!(follow.known(&soon()).pods["emulator-0"].phase, "Pending");
    fake.change(|state| {
        state.put("emulator-0", "Running", true);
        state.put("emulator-1", "Running", true);
    });
    let known = eventually(&follow, "both run", |known| known.pods.values().filter(|pod| pod.ready).count() == 2);
    assert!(known.failure.is_none());
    fake.change(|state| state.delete("emulator-0"));
    eventually(&follow, "one is gone", |known| names(known) == ["emulator-1"]);
    // Bookmarks say that nothing has changed, which is news too.
    let at = follow.known(&soon()).at;
    eventually(&follow, "a bookmark", |known| known.at > at);
    assert_eq!(fake.asked(), (1, 1));
}

#[test]
fn an_expired_watch_is_found_in_an_answer_that_says_all_is_well() {
    let fake = Fake::start();
    fake.change(|state| state.put("emulator-0", "Running", true));
    let follow = Follow::start(Place::new(&fake).cluster(), FAST).unwrap();
    follow.known(&soon());
    fake.change(|state| {
        state.put("emulator-1", "Running", true);
        state.forget();
        state.broken += 1;
    });
    let known = eventually(&follow, "listed anew", |known| known.lists == 2 && known.pods.len() == 2);
    assert_eq!(known.failures, 0, "an expired watch is no failure");
}

#[test]
fn a_broken_watch_goes_on_where_it_was() {
    let fake = Fake::start();
    fake.change(|state| state.put("emulator-0", "Running", true));
    let follow = Follow::start(Place::new(&fake).cluster(), FAST).unwrap();
    follow.known(&soon());
    for n in 1..4 {
        fake.change(|state| {
            state.broken += 1;
            state.put(&format!("emulator-{n}"), "Running", true);
        });
        eventually(&follow, "the next pod", |known| known.pods.len() == n + 1);
    }
    assert_eq!(fake.asked().0, 1, "nothing was listed again");
    let last = fake.server.asked().pop().unwrap();
    assert!(last.contains("resourceVersion=3 ") || last.contains("resourceVersion=3&"), "{last}");
}

#[test]
fn what_cannot_be_understood_is_listed_anew() {
    let fake = Fake::start();
    fake.change(|state| state.put("emulator-0", "Running", true));
    let follow = Follow::start(Place::new(&fake).cluster(), FAST).unwrap();
    follow.known(&soon());
    fake.change(|state| state.garbage = Some("{\"type\":".into()));
    let known = eventually(&follow, "listed anew", |known| known.lists == 2 && known.failure.is_none());
    assert_eq!(names(&known), ["emulator-0"]);
}

#[test]
fn a_token_that_was_replaced_is_read_again() {
    let fake = Fake::start();
    fake.change(|state| {
        state.put("emulator-0", "Running", true);
        state.token = Some("first".into());
    });
    let place = Place::new(&fake);
    place.token("first\n");
    let follow = Follow::start(place.cluster(), FAST).unwrap();
    assert_eq!(follow.known(&soon()).pods.len(), 1);
    fake.change(|state| {
        state.token = Some("second".into());
        state.broken += 1;
    });
    let known = eventually(&follow, "refused", |known| known.failure.is_some());
    let fault = known.failure.unwrap();
    assert!(fault.what.contains("401 Unauthorized") && fault.next.is_some(), "{fault:?}");
    assert_eq!(known.pods.len(), 1, "what was known is kept");
    place.token("second");
    eventually(&follow, "taken", |known| known.failure.is_none());
}

#[test]
fn a_missing_role_is_told_with_the_way_to_get_it() {
    let fake = Fake::start();
    fake.change(|state| state.refuse = Some(403));
    let fault = Place::new(&fake).cluster().list(&soon()).unwrap_err();
    assert!(fault.what.contains("403 pods is forbidden"), "{}", fault.what);
    assert!(fault.next.unwrap().contains("kubectl auth can-i watch pods -n loco"));
    let follow = Follow::start(Place::new(&fake).cluster(), FAST).unwrap();
    assert!(follow.known(&soon()).failure.is_some());
    fake.change(|state| state.refuse = None);
    eventually(&follow, "allowed", |known| known.failure.is_none() && known.at > 0);
}

#[test]
fn settings_that_cannot_work_are_named_at_once() {
    let host = Host::new(tempfile::tempdir().unwrap().path());
    let made = |url: Option<&str>, namespace: &str| {
        let (url, namespace) = (url.map(str::to_owned), Some(namespace.to_owned()));
        Cluster::new(&host, &Kubernetes { url, namespace, ..Kubernetes::default() }).unwrap_err().to_string()
    };
    assert!(made(None, "a").contains("no pod with a service account"));
    assert!(made(Some("http://10.0.0.1:8001"), "a").contains("without encryption"));
    assert!(made(Some("https://10.0.0.1"), "a").contains("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"));
    assert!(made(Some("http://127.0.0.1:8001"), "a/../b").contains("is no namespace"));
}

#[test]
fn a_thread_that_nobody_needs_any_more_ends_in_the_middle_of_its_watch() {
    let fake = Fake::start();
    fake.change(|state| state.put("emulator-0", "Running", true));
    let follow = Follow::start(Place::new(&fake).cluster(), FAST).unwrap();
    eventually(&follow, "watching", |known| known.at > 0 && fake.asked().1 == 1);
    let ended = follow.ended();
    drop(follow);
    let until = Instant::now() + Duration::from_secs(60);
    while !ended() {
        assert!(Instant::now() < until, "it goes on");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_list_without_a_version_is_not_asked_for_again_and_again() {
    let server = crate::web::fake::Server::start(|_| crate::web::fake::json("{\"metadata\":{},\"items\":[]}"));
    let settings = Kubernetes { url: Some(server.url()), ..Kubernetes::default() };
    let cluster = Cluster::new(&Host::new(tempfile::tempdir().unwrap().path()), &settings).unwrap();
    let slow = Pace { first: Duration::from_secs(5), most: Duration::from_secs(5) };
    let known = Follow::start(cluster, slow).unwrap().known(&soon());
    assert!(known.failure.unwrap().what.contains("names no version"));
    thread::sleep(Duration::from_millis(100));
    assert_eq!(server.asked().len(), 1);
}

/// The fake is worth something only as long as the real client reads it.
#[test]
fn the_real_kubectl_reads_the_fake() {
    let Some(kubectl) = command::find("kubectl") else { return };
    let fake = Fake::start();
    fake.change(|state| (0..3).for_each(|n| state.put(&format!("emulator-{n}"), "Running", true)));
    let dir = tempfile::tempdir().unwrap();
    let (kubectl, url, cache) = (kubectl.display(), fake.server.url(), dir.path().display());
    let base = format!(
        "{kubectl} --kubeconfig=/dev/null --cache-dir={cache} --server={url} -n loco get pods \
         -l app.kubernetes.io/component=emulator"
    );
    let run = |script: &str| command::run(&["/bin/sh", "-c", script], Duration::from_secs(120)).unwrap();
    let listed = run(&format!("{base} --chunk-size=2 -o name"));
    assert_eq!(listed.stdout, "pod/emulator-0\npod/emulator-1\npod/emulator-2\n", "{}", listed.stderr);
    let columns = r#"jsonpath='{.type} {.object.metadata.name}{"\n"}'"#;
    let watch = format!("exec timeout 120 {base} --watch --output-watch-events -o {columns}");
    let mut watching = Command::new("/bin/sh").args(["-c", &watch]).stdout(Stdio::piped()).spawn().unwrap();
    let mut told = Vec::new();
    for line in BufReader::new(watching.stdout.take().unwrap()).lines().map_while(Result::ok) {
        // Some versions tell the list first, as one object without a name.
        if told.is_empty() {
            fake.change(|state| state.delete("emulator-1"));
        }
        let over = line.starts_with("DELETED ");
        told.push(line);
        if over {
            break;
        }
    }
    // Of `timeout`, which ends what it runs by that.
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(watching.id()).unwrap()),
        nix::sys::signal::Signal::SIGTERM,
    )
    .unwrap();
    watching.wait().unwrap();
    assert!(told.len() > 1 && told.last().is_some_and(|line| line == "DELETED emulator-1"), "{told:?}");
}

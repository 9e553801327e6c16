//! Which source is asked, and what it said last. A source that was chosen stays chosen: when it fails, its last list is
//! kept and called stale, rather than another source's VMs shown in its place. Only the list written down by hand stands in
//! for a source that never answered.

use super::{api, file, kubernetes, local, told};
use crate::{
    clock,
    config::probe::{Origin, Settings},
    deadline::Deadline,
    fault::Fault,
    host::Host,
    kubernetes::{Cluster, Follow, Pace},
    probe::{
        instance::Instance,
        service::{Attempt, Listing},
    },
    pve::api::Client,
};
use anyhow::Result;
use std::sync::Arc;

/// The order in which sources are tried.
const ORDER: [Origin; 5] = [Origin::Pve, Origin::Api, Origin::Kubernetes, Origin::File, Origin::Container];

/// Whether a source can be asked.
enum Presence {
    /// It can.
    There,
    /// It cannot: why, and what would change that.
    Absent(String, Option<String>),
}

/// The instances, from wherever they come.
pub struct Directory {
    host: Host,
    settings: Settings,
    chosen: Option<Origin>,
    api: Option<Client>,
    watching: bool,
    follow: Option<Follow>,
    last: Arc<Listing>,
}

impl Directory {
    /// Nothing is asked yet.
    pub fn new(host: &Host, settings: &Settings) -> Self {
        Self {
            host: host.clone(),
            settings: settings.clone(),
            chosen: settings.source,
            api: None,
            watching: false,
            follow: None,
            last: Arc::default(),
        }
    }

    /// The same for a daemon: what can be followed is followed, in a thread of its own, instead of being listed each time.
    #[must_use]
    pub fn watching(self) -> Self {
        Self { watching: true, ..self }
    }

    /// What was found last.
    pub fn listing(&self) -> Arc<Listing> {
        Arc::clone(&self.last)
    }

    /// Asks again. What cannot be asked, and why, is told in the listing's attempts.
    pub fn refresh(&mut self, deadline: &Deadline) -> Arc<Listing> {
        let mut listing = None;
        let mut attempts = Vec::new();
        for source in ORDER {
            let attempt = match (&listing, self.chosen) {
                (None, Some(chosen)) if chosen == source => self.ask(source, deadline, &mut listing),
                (None, None) => match self.presence(source) {
                    Presence::There => {
                        self.chosen = Some(source);
                        self.ask(source, deadline, &mut listing)
                    }
                    Presence::Absent(why, next) => absent(source, why, next),
                },
                _ => self.leave(source),
            };
            attempts.push(attempt);
        }
        let mut listing = listing.unwrap_or_default();
        listing.attempts = attempts;
        self.last = Arc::new(listing);
        self.listing()
    }

    /// Asks the chosen source.
    fn ask(&mut self, source: Origin, deadline: &Deadline, listing: &mut Option<Listing>) -> Attempt {
        match self.instances(source, deadline) {
            Ok((instances, at)) => {
                let detail = count(instances.len());
                let next = hint(source, &instances);
                *listing = Some(Listing { at, ..fresh(source, instances) });
                Attempt { source, available: true, detail, next }
            }
            Err(error) => {
                let (mut detail, next) = told(&error);
                let (failed, what) = self.without(source);
                detail.push_str(&what);
                *listing = Some(failed);
                Attempt { source, available: false, detail, next }
            }
        }
    }

    /// What there is while the chosen source fails, and a word about it.
    fn without(&self, source: Origin) -> (Listing, String) {
        let last = &self.last;
        if last.origin == Some(source) && last.at > 0 {
            let what = format!("; its last list is kept, {} s old", clock::millis().saturating_sub(last.at) / 1000);
            return (Listing { stale: true, ..Listing::clone(last) }, what);
        }
        // Who names a source means that one.
        let remote = matches!(source, Origin::Api | Origin::Kubernetes);
        if remote && self.settings.source.is_none() && file::path(&self.host, &self.settings).exists() {
            if let Ok(instances) = file::list(&self.host, &self.settings) {
                return (fresh(Origin::File, instances), "; the list written down by hand stands in".to_owned());
            }
            if last.origin == Some(Origin::File) {
                return (Listing { stale: true, ..Listing::clone(last) }, "; the last list is kept".to_owned());
            }
        }
        (Listing { origin: Some(source), stale: true, ..Listing::default() }, String::new())
    }

    /// The instances of a source, and when it said so.
    fn instances(&mut self, source: Origin, deadline: &Deadline) -> Result<(Vec<Instance>, u64)> {
        let all = match source {
            Origin::Pve => local::list(&self.host),
            Origin::File => file::list(&self.host, &self.settings),
            Origin::Container => container(&self.host, &self.settings),
            Origin::Api => {
                let resources = self.client()?.cluster_resources(deadline)?;
                Ok(api::instances(&resources))
            }
            Origin::Kubernetes => return self.pods(deadline),
        };
        Ok((all?, clock::millis()))
    }

    fn pods(&mut self, deadline: &Deadline) -> Result<(Vec<Instance>, u64)> {
        let settings = self.settings.kubernetes.clone();
        if !self.watching {
            let pods = Cluster::new(&self.host, &settings)?.list(deadline)?.pods;
            let at = clock::millis();
            return Ok((kubernetes::instances(&pods, &settings, at), at));
        }
        let follow = match &mut self.follow {
            Some(follow) => follow,
            none => none.insert(Follow::start(Cluster::new(&self.host, &settings)?, Pace::default())?),
        };
        let known = follow.known(deadline);
        match known.failure {
            Some(fault) => Err(fault.into()),
            None if known.at == 0 => {
                let millis = deadline.budget().as_millis();
                Fault::problem(format!("the Kubernetes API: no list within {millis} ms"))
                    .next("kubectl get --raw /readyz")
                    .fail()
            }
            None => Ok((kubernetes::instances(&known.pods, &settings, known.at), known.at)),
        }
    }

    /// The API's client, which also limits how often it is asked. Made anew until the settings are good.
    fn client(&mut self) -> Result<&mut Client> {
        match &mut self.api {
            Some(client) => Ok(client),
            none => Ok(none.insert(Client::new(&self.host, &self.settings.api)?)),
        }
    }

    fn presence(&self, source: Origin) -> Presence {
        let absent = |why: &str, next: Option<&str>| Presence::Absent(why.to_owned(), next.map(str::to_owned));
        match source {
            Origin::Pve if local::is_there(&self.host) || local::is_dark(&self.host) => Presence::There,
            Origin::Pve => absent("this is no Proxmox VE host: there is no /etc/pve/qemu-server", None),
            Origin::File => {
                let path = file::path(&self.host, &self.settings);
                if path.exists() {
                    return Presence::There;
                }
                Presence::Absent(
                    format!("{}: no such file", self.host.shown(&path)),
                    Some("vm-probe list --instances FILE".to_owned()),
                )
            }
            Origin::Container => match container(&self.host, &self.settings) {
                Ok(_) => Presence::There,
                Err(error) => {
                    let (why, next) = told(&error);
                    Presence::Absent(why, next)
                }
            },
            Origin::Api if self.settings.api.url.is_some() => Presence::There,
            Origin::Api => {
                absent("no address is given", Some("vm-probe list --api https://HOST:8006 --api-token-file FILE"))
            }
            Origin::Kubernetes if crate::kubernetes::is_there(&self.host, &self.settings.kubernetes) => Presence::There,
            Origin::Kubernetes => absent(
                "this is no pod with a service account, and no address is given",
                Some("kubectl proxy, and [probe.kubernetes] url = \"http://127.0.0.1:8001\""),
            ),
        }
    }

    /// A source that is not asked, as another one is.
    fn leave(&self, source: Origin) -> Attempt {
        let word = self.chosen.map_or("another one", Origin::word);
        match self.presence(source) {
            Presence::Absent(why, next) => absent(source, why, next),
            Presence::There if source == Origin::File => match file::list(&self.host, &self.settings) {
                Ok(all) => {
                    let detail = format!("{}; not asked, as {word} is", count(all.len()));
                    Attempt { source, available: true, detail, next: Some("vm-probe list --source file".to_owned()) }
                }
                Err(error) => {
                    let (why, next) = told(&error);
                    absent(source, why, next)
                }
            },
            Presence::There => Attempt {
                source,
                available: false,
                detail: format!("there; not asked, as {word} is"),
                next: Some(format!("vm-probe list --source {}", source.word())),
            },
        }
    }
}

/// The one QEMU of this container.
fn container(_host: &Host, _settings: &Settings) -> Result<Vec<Instance>> {
    Fault::problem("no QEMU was found in this container").fail()
}

fn fresh(origin: Origin, instances: Vec<Instance>) -> Listing {
    let instances = instances.into_iter().map(Arc::new).collect();
    Listing { origin: Some(origin), at: clock::millis(), stale: false, instances, attempts: Vec::new() }
}

fn absent(source: Origin, detail: String, next: Option<String>) -> Attempt {
    Attempt { source, available: false, detail, next }
}

/// An API lists only what its token may see, and calls that all: an empty list is likelier a token without rights.
fn hint(source: Origin, instances: &[Instance]) -> Option<String> {
    let blind = source == Origin::Api && instances.is_empty();
    blind.then(|| "a token without VM.Audit sees none: pveum acl modify / --tokens TOKEN --roles PVEAuditor".to_owned())
}

fn count(number: usize) -> String {
    match number {
        1 => "1 instance".to_owned(),
        n => format!("{n} instances"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::fake::{Server, json, reply};
    use std::{
        fs,
        io::Write,
        os::unix::fs::PermissionsExt,
        thread,
        time::{Duration, Instant},
    };

    fn tree() -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::create_dir_all(host.instances_file().parent().unwrap()).unwrap();
        (dir, host)
    }

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(5))
    }

    fn attempt(listing: &Listing, source: Origin) -> &Attempt {
        listing.attempts.iter().find(|attempt| attempt.source == source).unwrap()
    }

    #[test]
    fn a_machine_without_any_source_says_what_to_do() {
        let (_dir, host) = tree();
        let mut directory = Directory::new(&host, &Settings::default());
        assert_eq!(directory.listing().origin, None);
        let listing = directory.refresh(&soon());
        assert_eq!((listing.origin, listing.at, listing.stale), (None, 0, false));
        assert_eq!(listing.attempts.len(), 5);
        assert!(listing.attempts.iter().all(|attempt| !attempt.available && !attempt.detail.is_empty()));
        assert!(attempt(&listing, Origin::File).detail.contains("/etc/pve-hooks/instances.json: no such file"));
    }

    #[test]
    fn the_host_comes_first_and_the_list_is_told_of() {
        let (_dir, host) = tree();
        fs::create_dir_all(host.vm_configs()).unwrap();
        fs::write(host.vm_configs().join("111.conf"), "name: a\n").unwrap();
        fs::write(host.instances_file(), "[{\"id\":\"x\"},{\"id\":\"y\"}]").unwrap();
        let listing = Directory::new(&host, &Settings::default()).refresh(&soon());
        assert_eq!((listing.origin, listing.instances.len()), (Some(Origin::Pve), 1));
        assert!(listing.at > 0 && !listing.stale);
        assert!(attempt(&listing, Origin::File).detail.starts_with("2 instances; not asked"));
        let named = Settings { source: Some(Origin::File), ..Settings::default() };
        let listing = Directory::new(&host, &named).refresh(&soon());
        assert_eq!((listing.origin, listing.instances.len()), (Some(Origin::File), 2));
    }

    #[test]
    fn a_source_that_answered_before_is_kept_and_called_stale() {
        let (_dir, host) = tree();
        fs::create_dir_all(host.vm_configs()).unwrap();
        fs::write(host.vm_configs().join("111.conf"), "name: a\n").unwrap();
        fs::write(host.instances_file(), "[{\"id\":\"x\"}]").unwrap();
        let mut directory = Directory::new(&host, &Settings::default());
        let first = directory.refresh(&soon());
        fs::remove_dir_all(host.vm_configs()).unwrap();
        let second = directory.refresh(&soon());
        assert!(second.stale, "{second:?}");
        assert_eq!((second.origin, second.at, &second.instances), (Some(Origin::Pve), first.at, &first.instances));
        let told = attempt(&second, Origin::Pve);
        assert!(!told.available && told.detail.contains("its last list is kept"), "{told:?}");
        fs::create_dir_all(host.vm_configs()).unwrap();
        let third = directory.refresh(&soon());
        assert!(!third.stale && third.instances.is_empty());
    }

    #[test]
    fn a_list_that_went_wrong_keeps_what_it_said_before() {
        let (_dir, host) = tree();
        fs::write(host.instances_file(), "[{\"id\":\"x\"}]").unwrap();
        let mut directory = Directory::new(&host, &Settings::default());
        assert_eq!(directory.refresh(&soon()).instances.len(), 1);
        fs::write(host.instances_file(), "[{\"id\":\"x\"").unwrap();
        let listing = directory.refresh(&soon());
        assert!(listing.stale && listing.instances.len() == 1);
        assert!(attempt(&listing, Origin::File).detail.starts_with("/etc/pve-hooks/instances.json:1:"));
    }

    #[test]
    fn the_list_stands_in_for_a_source_that_never_answered() {
        let server = Server::start(|_| reply("503 x", "text/plain", ""));
        let (_dir, host) = tree();
        fs::write(host.instances_file(), "[{\"id\":\"x\"}]").unwrap();
        let mut settings = Settings::default();
        settings.kubernetes.url = Some(server.url());
        let listing = Directory::new(&host, &settings).refresh(&soon());
        assert_eq!((listing.origin, listing.stale, listing.instances.len()), (Some(Origin::File), false, 1));
        let told = attempt(&listing, Origin::Kubernetes);
        assert!(!told.available && told.detail.contains("503") && told.detail.ends_with("stands in"), "{told:?}");
        // Who names a source means that one.
        settings.source = Some(Origin::Kubernetes);
        let listing = Directory::new(&host, &settings).refresh(&soon());
        assert_eq!((listing.origin, listing.stale, listing.at), (Some(Origin::Kubernetes), true, 0));
        assert!(listing.instances.is_empty());
    }

    #[test]
    fn a_cluster_is_listed_once_and_followed_by_a_daemon() {
        let pods = r#"{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"emulator-0"},
            "status":{"phase":"Running","podIP":"10.0.0.7"}}]}"#;
        let server = Server::serve(move |request, stream| {
            if !request.contains("watch=1") {
                let _ = stream.write_all(&json(pods));
                return;
            }
            let added = r#"{"type":"ADDED","object":{"metadata":{"name":"emulator-1","resourceVersion":"8"}}}"#;
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n\r\n{added}\n").as_bytes());
            thread::sleep(Duration::from_secs(60));
        });
        let (_dir, host) = tree();
        let mut settings = Settings::default();
        settings.kubernetes.url = Some(server.url());
        let listing = Directory::new(&host, &settings).refresh(&soon());
        assert_eq!(listing.instances[0].health_url.as_deref(), Some("http://10.0.0.7:8080/health"));
        let mut directory = Directory::new(&host, &settings).watching();
        let until = Instant::now() + Duration::from_secs(10);
        while directory.refresh(&soon()).instances.len() < 2 {
            assert!(Instant::now() < until, "{:?}", directory.listing());
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(server.asked().iter().filter(|request| !request.contains("watch=1")).count(), 2);
        let listing = directory.listing();
        assert!(!listing.stale && listing.at > 0 && listing.origin == Some(Origin::Kubernetes));
    }

    #[test]
    fn a_token_that_sees_nothing_is_told_how_it_would_see() {
        let server = Server::start(|_| json(r#"{"data":[]}"#));
        let (dir, host) = tree();
        let token = dir.path().join("token");
        fs::write(&token, "root@pam!probe=uuid").unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        let mut settings = Settings::default();
        settings.api.url = Some(server.url());
        settings.api.token_file = Some(token);
        let listing = Directory::new(&host, &settings).refresh(&soon());
        let told = attempt(&listing, Origin::Api);
        assert!(told.available && told.detail == "0 instances" && told.next.is_some(), "{told:?}");
    }
}

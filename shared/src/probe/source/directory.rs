//! Which source is asked, and what it said last. A source that was chosen stays chosen: when it fails, its last list is
//! kept and called stale, rather than another source's VMs shown in its place. Only the list written down by hand stands in
//! for a source that never answered.

use super::{file, local, now, told};
use crate::{
    config::probe::{Origin, Settings},
    deadline::Deadline,
    fault::Fault,
    host::Host,
    probe::{
        instance::Instance,
        service::{Attempt, Listing},
    },
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
    last: Arc<Listing>,
}

impl Directory {
    /// Nothing is asked yet.
    pub fn new(host: &Host, settings: &Settings) -> Self {
        Self { host: host.clone(), settings: settings.clone(), chosen: settings.source, last: Arc::default() }
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
            Ok(instances) => {
                let detail = count(instances.len());
                *listing = Some(fresh(source, instances));
                Attempt { source, available: true, detail, next: None }
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
            let what = format!("; its last list is kept, {} s old", now().saturating_sub(last.at) / 1000);
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

    fn instances(&mut self, source: Origin, _deadline: &Deadline) -> Result<Vec<Instance>> {
        match source {
            Origin::Pve => local::list(&self.host),
            Origin::File => file::list(&self.host, &self.settings),
            Origin::Container => container(&self.host, &self.settings),
            Origin::Api | Origin::Kubernetes => Fault::problem("cannot be asked").fail(),
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
            Origin::Api => {
                absent("no address is given", Some("vm-probe list --api https://HOST:8006 --api-token-file FILE"))
            }
            Origin::Kubernetes => absent("this is no pod with a service account, and no address is given", None),
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
    Listing { origin: Some(origin), at: now(), stale: false, instances, attempts: Vec::new() }
}

fn absent(source: Origin, detail: String, next: Option<String>) -> Attempt {
    Attempt { source, available: false, detail, next }
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
    use std::{fs, time::Duration};

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
}

//! Which source is asked, and what it said last. A source that was chosen stays chosen: when it fails, its last list is
//! kept and called stale, rather than another source's VMs shown in its place. Only the list written down by hand stands in
//! for a source that never answered, and where it does, the listing says so; a list without anybody on it tells of nobody, and
//! stands in for none.

mod presence;
#[cfg(test)]
mod tests;

use super::{api, file, known::Known, kubernetes, local, told};
use crate::{
    clock,
    config::probe::{Origin, Settings},
    deadline::Deadline,
    fault::{Code, Fault},
    host::Host,
    kubernetes::{Cluster, Follow, Pace, namespace},
    probe::{
        instance::Instance,
        may_hang::MayHang,
        service::{Attempt, Listing},
    },
    pve::api::Client,
};
use anyhow::Result;
use presence::Presence;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The order in which sources are tried.
const ORDER: [Origin; 5] = [Origin::Pve, Origin::Api, Origin::Kubernetes, Origin::File, Origin::Container];

const NO_PVE: &str = "this is no Proxmox VE host: there is no /etc/pve/qemu-server";

/// A source that is not asked is looked for no longer than this.
const GLANCE: Duration = Duration::from_secs(1);

/// The instances, from wherever they come.
pub struct Directory {
    host: Host,
    settings: Settings,
    chosen: Option<Origin>,
    local: MayHang<Option<Result<Vec<Instance>>>>,
    known: Arc<Mutex<Known>>,
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
            local: MayHang::default(),
            known: Arc::default(),
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
                (None, Some(chosen)) if chosen == source => {
                    let found = self.instances(source, deadline);
                    self.answered(source, found, &mut listing)
                }
                (None, None) => match self.presence(source, deadline) {
                    Presence::There(read) => {
                        self.chosen = Some(source);
                        let read = read.map(|found| found.map(|all| (all, clock::millis())));
                        let found = read.unwrap_or_else(|| self.instances(source, deadline));
                        self.answered(source, found, &mut listing)
                    }
                    Presence::Absent(why, next) => absent(source, why, next),
                },
                (found, _) => {
                    let stands_in_for = found.as_ref().and_then(|found| found.stands_in_for);
                    self.leave(source, stands_in_for, &deadline.within(GLANCE))
                }
            };
            attempts.push(attempt);
        }
        let mut listing = listing.unwrap_or_default();
        listing.attempts = attempts;
        let cluster = self.chosen == Some(Origin::Kubernetes);
        listing.namespace = cluster.then(|| namespace(&self.host, &self.settings.kubernetes));
        self.last = Arc::new(listing);
        self.listing()
    }

    /// What the chosen source said, or what there is instead.
    fn answered(&self, source: Origin, found: Result<(Vec<Instance>, u64)>, listing: &mut Option<Listing>) -> Attempt {
        match found {
            Ok((instances, at)) => {
                let left_out = self.api.as_ref().filter(|_| source == Origin::Api).and_then(Client::left_out);
                let also = left_out.as_ref().map_or_else(String::new, |text| format!("; {text}"));
                let detail = format!("{}{also}", count(instances.len()));
                let next = hint(source, &instances);
                *listing = Some(Listing { at, left_out, ..fresh(source, instances) });
                Attempt { source, available: true, detail, next, code: Code::Problem }
            }
            Err(error) => {
                let (mut detail, next) = told(&error);
                let (failed, what) = self.without(source);
                detail.push_str(&what);
                *listing = Some(failed);
                Attempt { source, available: false, detail, next, code: Fault::code_of(&error) }
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
            match file::list(&self.host, &self.settings) {
                Ok(instances) if instances.is_empty() => {
                    let failed = Listing { origin: Some(source), stale: true, ..Listing::default() };
                    return (failed, "; the list written down by hand is empty, and does not stand in".to_owned());
                }
                Ok(instances) => {
                    let what = "; the list written down by hand stands in".to_owned();
                    return (Listing { stands_in_for: Some(source), ..fresh(Origin::File, instances) }, what);
                }
                Err(_) if last.origin == Some(Origin::File) => {
                    return (Listing { stale: true, ..Listing::clone(last) }, "; the last list is kept".to_owned());
                }
                Err(_) => {}
            }
        }
        (Listing { origin: Some(source), stale: true, ..Listing::default() }, String::new())
    }

    /// The instances of a source, and when it said so.
    fn instances(&mut self, source: Origin, deadline: &Deadline) -> Result<(Vec<Instance>, u64)> {
        let all = match source {
            Origin::Pve => {
                self.own(deadline).unwrap_or_else(|| Fault::problem(NO_PVE).next("systemctl status pve-cluster").fail())
            }
            Origin::File => file::list(&self.host, &self.settings),
            Origin::Container => container(&self.host, &self.settings),
            Origin::Api => {
                let resources = self.client()?.cluster_resources(deadline)?;
                // It may have said so a few seconds ago.
                return Ok((api::instances(&resources), resources.at));
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
                Fault::wedged(format!("the Kubernetes API: no list within {millis} ms"))
                    .next("kubectl get --raw /readyz")
                    .fail()
            }
            None => Ok((kubernetes::instances(&known.pods, &settings, known.at), known.at)),
        }
    }

    /// The VMs of this host; `None` where it is no PVE host.
    fn own(&mut self, deadline: &Deadline) -> Option<Result<Vec<Instance>>> {
        let host = self.host.clone();
        // Nobody else holds it: a look that hangs is waited for, and none is begun beside it.
        let known = Arc::clone(&self.known);
        let look = move || local::look(&host, &mut known.lock().unwrap_or_else(PoisonError::into_inner));
        match self.local.ask(deadline, look) {
            Ok(Some(found)) => found,
            Ok(None) => {
                let what = format!("{}: no answer by the deadline", self.host.shown(&self.host.pve()));
                Some(Fault::wedged(what).next("systemctl status pve-cluster").fail())
            }
            Err(error) => Some(Err(error.into())),
        }
    }

    /// The API's client, which also limits how often it is asked. Made anew until the settings are good.
    fn client(&mut self) -> Result<&mut Client> {
        match &mut self.api {
            Some(client) => Ok(client),
            none => Ok(none.insert(Client::new(&self.host, &self.settings.api)?)),
        }
    }
}

/// The one QEMU of this container.
fn container(host: &Host, settings: &Settings) -> Result<Vec<Instance>> {
    // Who names this source is told of a QEMU that ought to be there; who does not, only of one that is.
    if settings.source != Some(Origin::Container) && crate::probe::container::find(host, settings).is_err() {
        return Fault::problem("no QEMU was found in this container").fail();
    }
    Ok(vec![crate::probe::container::instance(host, settings)?])
}

fn fresh(origin: Origin, instances: Vec<Instance>) -> Listing {
    let instances = instances.into_iter().map(Arc::new).collect();
    Listing { origin: Some(origin), at: clock::millis(), instances, ..Listing::default() }
}

fn absent(source: Origin, detail: String, next: Option<String>) -> Attempt {
    Attempt { source, available: false, detail, next, code: Code::Problem }
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

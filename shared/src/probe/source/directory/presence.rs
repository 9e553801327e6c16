//! Sources that are there, and what is said of those that are not asked.

use super::{
    super::{file, told},
    Directory, NO_PVE, absent, container, count,
};
use crate::{
    config::probe::Origin,
    deadline::Deadline,
    fault::Code,
    probe::{instance::Instance, service::Attempt},
};
use anyhow::Result;

/// Whether a source can be asked.
pub(super) enum Presence {
    /// It can; what was read to find that out need not be read again.
    There(Option<Result<Vec<Instance>>>),
    /// It cannot: why, and what would change that.
    Absent(String, Option<String>),
}

impl Directory {
    /// Whether it can be asked.
    pub(super) fn presence(&mut self, source: Origin, deadline: &Deadline) -> Presence {
        let absent = |why: &str, next: Option<&str>| Presence::Absent(why.to_owned(), next.map(str::to_owned));
        match source {
            Origin::Pve => match self.own(deadline) {
                Some(found) => Presence::There(Some(found)),
                None => absent(NO_PVE, None),
            },
            Origin::File => {
                let path = file::path(&self.host, &self.settings);
                if path.exists() {
                    return Presence::There(None);
                }
                Presence::Absent(
                    format!("{}: no such file", self.host.shown(&path)),
                    Some("vm-probe list --instances FILE".to_owned()),
                )
            }
            Origin::Container => match container(&self.host, &self.settings) {
                Ok(_) => Presence::There(None),
                Err(error) => {
                    let (why, next) = told(&error);
                    Presence::Absent(why, next)
                }
            },
            Origin::Api if self.settings.api.url.is_some() => Presence::There(None),
            Origin::Api => {
                absent("no address is given", Some("vm-probe list --api https://HOST:8006 --api-token-file FILE"))
            }
            Origin::Kubernetes if crate::kubernetes::is_there(&self.host, &self.settings.kubernetes) => {
                Presence::There(None)
            }
            Origin::Kubernetes => absent(
                "this is no pod with a service account, and no address is given",
                Some("kubectl proxy, and [probe.kubernetes] url = \"http://127.0.0.1:8001\""),
            ),
        }
    }

    /// A source that is not asked, as another one is; the list written down by hand may stand in for that.
    pub(super) fn leave(&mut self, source: Origin, stands_in_for: Option<Origin>, deadline: &Deadline) -> Attempt {
        let word = self.chosen.map_or("another one", Origin::word);
        if source == Origin::Container {
            // To look for a QEMU means to read the command line of every process.
            let next = Some("vm-probe list --source container".to_owned());
            return absent(source, format!("not looked for, as {word} is asked"), next);
        }
        match self.presence(source, deadline) {
            Presence::Absent(why, next) => absent(source, why, next),
            Presence::There(_) if source == Origin::File => match file::list(&self.host, &self.settings) {
                Ok(all) => {
                    let count = count(all.len());
                    let (detail, next) = match stands_in_for {
                        Some(failed) => (format!("{count}; shown, as {} does not answer", failed.word()), None),
                        None => (
                            format!("{count}; not shown, as {word} is asked"),
                            Some("vm-probe list --source file".into()),
                        ),
                    };
                    Attempt { source, available: true, detail, next, code: Code::Problem }
                }
                Err(error) => {
                    let (why, next) = told(&error);
                    absent(source, why, next)
                }
            },
            Presence::There(_) => Attempt {
                source,
                available: false,
                detail: format!("there; not asked, as {word} is asked"),
                next: Some(format!("vm-probe list --source {}", source.word())),
                code: Code::Problem,
            },
        }
    }
}

//! Places where a Coral should be and is not.

use super::{
    collect::{Wanted, held},
    evidence::Evidence,
    host_side,
    lines::Line,
    seen, whole,
};
use crate::{
    host::Host,
    pve::{RunningVm, VmConfig},
    session::Session,
    usb::UsbDevice,
};

/// What was looked at, and is not looked at again.
pub(super) struct Looked<'a> {
    pub host: &'a Host,
    pub wanted: &'a Wanted,
    pub lines: &'a [Line<'a>],
    pub all: &'a [UsbDevice<'a>],
    pub running: &'a [RunningVm],
    pub configs: &'a [VmConfig],
    /// Whether no Coral was found that a VM is given.
    pub found_none: bool,
    /// Of each line, whether it is about a Coral that is there.
    pub claimed: &'a [bool],
    /// Whether something is plugged in that does not tell what it is.
    pub hidden: bool,
}

impl Looked<'_> {
    /// The places where a Coral should be and is not. `alone`: nothing else was found, so that it has to be somewhere.
    pub fn absent(&self, alone: bool) -> Vec<Evidence> {
        let Self { host, wanted, lines, all, found_none, .. } = *self;
        let known = seen::ports(host);
        // Of a VM that was asked about and has no Coral, any port that is empty may be the Coral's.
        let guess = wanted.port.is_some() || (wanted.vm.is_some() && found_none);
        let mut cases = self.named(&known, guess);
        if all.is_empty() && wanted.port.is_none() {
            // Not behind a controller that nobody can look at, if its place is one that the host sees.
            let seen = |port: &String| UsbDevice::new(host, port.as_str()).controller().is_some();
            let here = known.iter().any(seen)
                || lines.iter().filter_map(Line::port).any(|port| seen(&port) && is_empty(host, &port));
            cases.extend(whole::controllers(self, !here));
        }
        if cases.is_empty() && alone && known.is_empty() {
            // Nobody knows of any: a VM that names an empty socket may mean one.
            cases = self.named(&known, true);
        }
        if cases.is_empty() && alone {
            let port = wanted.port.clone().or_else(|| known.first().cloned());
            let because = match (&wanted.port, &port) {
                (None, Some(port)) => Some(format!("last seen at {port}")),
                _ => None,
            };
            cases.push(Evidence { missed: host_side::missed(host, port, because), ..Evidence::default() });
        }
        if wanted.port.is_some() {
            let ports: Vec<_> = all.iter().map(|coral| coral.port.clone()).collect();
            for case in &mut cases {
                case.missed.elsewhere.clone_from(&ports);
            }
        }
        cases
    }

    /// Those that lines of configurations tell of. `known`: where Corals were; with `guess`, any port may have had one.
    fn named(&self, known: &[String], guess: bool) -> Vec<Evidence> {
        let Self { host, wanted, lines, all, claimed, hidden, .. } = *self;
        let about = |line: &Line<'_>| all.iter().any(|coral| line.means(coral) || line.meant(coral));
        let expects = |line: &Line<'_>| {
            let port = line.port();
            let wanted_port = wanted.port.as_ref().is_none_or(|wanted| port.as_ref() == Some(wanted));
            let of_vm = wanted.vm.is_none_or(|vmid| vmid == line.config.vmid);
            let by_port = port.is_some_and(|port| is_empty(host, &port) && (guess || known.contains(&port)));
            of_vm
                && wanted_port
                && !about(line)
                && (by_port || line.names_coral())
                && (line.port().is_some() || (all.is_empty() && !hidden))
        };
        let mut cases: Vec<Evidence> = Vec::new();
        let unclaimed = lines.iter().zip(claimed).filter(|(_, claimed)| !**claimed).map(|(line, _)| line);
        for line in unclaimed.filter(|line| expects(line)) {
            let port = line.port();
            let mut vm = line.vm_side(host, false);
            vm.handle = held(host, &vm, None);
            vm.given = 1;
            let because = format!("{} is given {}", vm.title(), vm.line());
            // Two lines by id, one for each id, are about one Coral.
            let guessed = guess && port.as_ref().is_some_and(|port| !known.contains(port));
            let same = |case: &&mut Evidence| case.missed.port == port || port.is_none() || guessed;
            if let Some(case) = cases.iter_mut().find(same) {
                if case.vms.iter().all(|other| other.vmid != vm.vmid) {
                    case.vms.push(vm);
                }
                continue;
            }
            let port = port.or_else(|| known.first().cloned());
            let missed = host_side::missed(host, port, Some(because));
            cases.push(Evidence { missed, vms: vec![vm], ..Evidence::default() });
        }
        cases
    }
}

fn is_empty(host: &Host, port: &str) -> bool {
    !UsbDevice::new(host, port).exists()
}

/// A Coral that was there a moment ago and is nowhere now.
pub(super) fn gone(session: &Session, was: Evidence) -> Evidence {
    let Some(side) = was.host else { return was };
    let because = Some("it was there before it was treated".to_owned());
    let missed = host_side::missed(&session.host, Some(side.port), because);
    Evidence { host: None, missed, ..was }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        coral::{
            diagnose::{diagnose, samples},
            finding::State,
        },
        deadline::Deadline,
        log::Log,
        report::Output,
    };
    use std::time::Duration;

    #[test]
    fn what_was_there_and_did_not_come_back_is_absent_and_not_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let deadline = Deadline::after(Duration::from_secs(20));
        let session =
            Session::new(Host::new(dir.path()), Config::default(), deadline, Log::new("test", -2), Output::new(true));
        let now = gone(&session, samples::healthy());
        let found = diagnose(&now);
        assert_eq!(found[0].state, State::HostAbsent);
        assert!(found[0].text.ends_with("at 2-3 (it was there before it was treated)"), "{}", found[0].text);
        // And stays so.
        assert_eq!(gone(&session, now.clone()), now);
    }
}

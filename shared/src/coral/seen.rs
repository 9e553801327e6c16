//! Where Corals were seen last: remembered by runs that are told to do more than to look.

use super::evidence::Evidence;
use crate::{host::Host, session::Session, state};

/// Enough for every socket of a host.
const LIMIT: usize = 32;

/// The ports where Corals were seen, the latest first.
pub(super) fn ports(host: &Host) -> Vec<String> {
    state::load(&host.lib_dir().join("coral-seen.json")).unwrap_or_default()
}

/// Remembers where Corals are. Nothing rests on it but the advice where to look, so a failure is only told.
pub(super) fn remember<'a>(session: &Session, cases: impl Iterator<Item = &'a Evidence>) {
    let known = ports(&session.host);
    let mut places: Vec<_> = cases.filter_map(|evidence| Some(evidence.host.as_ref()?.port.clone())).collect();
    let older: Vec<_> = known.iter().filter(|port| !places.contains(port)).cloned().collect();
    places.extend(older);
    places.truncate(LIMIT);
    if session.dry_run || places == known {
        return;
    }
    if let Err(error) = state::save(&session.host.lib_dir().join("coral-seen.json"), &places) {
        session.log.warn(&format!("where the Coral is was not remembered: {error:#}"));
    }
}

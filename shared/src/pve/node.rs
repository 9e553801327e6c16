//! Which node of the cluster this host is.

use crate::{
    host::{Host, names},
    tree,
};
use std::path::Path;

/// This node's name. A copied tree may lack the link and the host name that tell it on a running machine; then the
/// configurations tell it, as long as there is one node only.
pub(super) fn this_node(host: &Host) -> Option<String> {
    let known = host.node();
    if !known.is_empty() {
        return Some(known);
    }
    let by_link = tree::read_link(&host.vm_configs()).ok();
    let linked = by_link.as_deref().and_then(Path::parent).and_then(Path::file_name);
    linked.map(|name| name.to_string_lossy().into_owned()).or_else(|| match names(&host.pve_nodes()).as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    })
}

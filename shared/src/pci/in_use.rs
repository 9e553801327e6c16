//! What the host itself does with a network or storage function: what would break if it went to a VM.

use super::Device;
use crate::{
    host::{Host, names},
    in_use::{Users, multipath_head},
};
use std::collections::BTreeSet;

/// Whether anybody asked for a function to be taken from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A person named it: that an interface is merely up says nothing.
    ByName,
    /// It would only go with another.
    No,
}

/// What speaks against taking a function from the host, in sentences: `eno1 belongs to vmbr0`, `sda1 is mounted on /srv`;
/// where nothing is found, what of it cannot be known is the error. Disks that another program opened raw are not seen.
pub fn in_use(host: &Host, device: &Device<'_>, asked: Asked) -> Result<Vec<String>, Vec<String>> {
    let users = Users::look(host);
    let part = format!("/{}/", device.address);
    let mut uses = match asked {
        Asked::ByName => users.needing(&part),
        Asked::No => users.of(&part),
    };
    let mut disks = multipath_disks(host, device);
    let known = users.disks_of(&part);
    disks.retain(|disk| !known.contains(disk));
    users.of_disks(&disks, &mut uses);
    let mut unknown = users.unknown(&part);
    unknown.extend(users.unknown_of_disks(&disks));
    if uses.is_empty() && !unknown.is_empty() { Err(unknown) } else { Ok(uses) }
}

/// With native multipath, a namespace's disk hangs at its NVM subsystem instead of the controller, which only has a hidden
/// `nvme0c1n2` for `nvme0n2` (`drivers/nvme/host/multipath.c`).
fn multipath_disks(host: &Host, device: &Device<'_>) -> Vec<String> {
    let controllers = device.dir().join("nvme");
    let hidden = names(&controllers).into_iter().flat_map(|c| names(&controllers.join(c)));
    let heads: BTreeSet<_> = hidden.filter_map(|name| multipath_head(&name)).collect();
    if heads.is_empty() {
        return Vec::new();
    }
    let of_head = |name: &String| {
        let rests = heads.iter().filter_map(|head| name.strip_prefix(head.as_str()));
        rests.into_iter().any(|rest| rest.is_empty() || rest.starts_with('p'))
    };
    names(&host.block_class()).into_iter().filter(of_head).collect()
}

#[cfg(test)]
mod tests;

//! What keeps a unit from going to a VM, and what goes along with it.

use passthrough::{
    gpu::{
        console,
        holders::host_openers,
        refuse::{needed_by_host, units},
        unit::Unit,
    },
    host::names,
    modules::is_vfio,
    pci::{Address, Device},
    proc::Opener,
    session::Session,
};

/// The GPUs with which the host's last screen goes: the hook takes the configuration as consent to that.
pub(super) fn consoles(session: &Session, taken: &[(String, Unit)]) -> Vec<String> {
    let leaving: Vec<Unit> = taken.iter().map(|(_, unit)| unit.clone()).collect();
    let goes = taken.iter().filter(|(_, unit)| console::would_go_with(&session.host, unit, &leaving));
    goes.map(|(key, unit)| {
        format!("{key}: no other GPU stays on the host; the console goes with {}: have SSH ready", unit.address)
    })
    .collect()
}

/// The functions that are taken from the host as well, though the configuration does not name them.
pub(super) fn go_along(unit: &Unit, named: &[Address]) -> Option<String> {
    let others = unit.functions.iter().filter(|function| !named.contains(function));
    let others: Vec<_> = others.map(ToString::to_string).collect();
    let what = || format!("{} leaves the host as well: same slot or IOMMU group", others.join(" "));
    (!others.is_empty()).then(what)
}

/// What will keep a unit from going to a VM.
pub(super) fn obstacles(session: &Session, unit: &Unit) -> Vec<String> {
    let host = &session.host;
    let mut found = Vec::new();
    if names(&host.iommu_groups()).is_empty() {
        found.push("the IOMMU is off: enable VT-d or AMD-Vi in the firmware, and intel_iommu=on for Intel".into());
    } else if unit.group.is_none() {
        found.push(format!("{} has no IOMMU group", unit.address));
    }
    let host_has_it = !Device::new(host, unit.address).driver().is_some_and(|driver| is_vfio(&driver));
    let openers = if host_has_it { host_openers(host, unit).found } else { Vec::new() };
    let units = units(session, unit);
    if !openers.is_empty() && units.is_empty() {
        let list = openers.iter().map(Opener::title).collect::<Vec<_>>().join(", ");
        found.push(format!("the VM cannot be started now, {} is in use on the host: {list}", unit.address));
    }
    for function in &unit.functions {
        let device = Device::new(host, *function);
        if host.is_live() && device.config_id() == Some(u32::MAX) {
            found.push(format!("{function} answers ffffffff: it fell off the bus; gpu-bind attach {function}"));
        }
        let leaves = !device.driver().is_some_and(|driver| is_vfio(&driver));
        // What its units use of it, they will leave.
        if leaves && (function.slot != unit.address.slot || units.is_empty()) {
            found.extend(needed_by_host(host, unit, *function).map(|(what, _)| what));
        }
        if device.virtual_functions() > 0 {
            found.push(format!("{function} has SR-IOV virtual functions enabled"));
        }
    }
    found
}

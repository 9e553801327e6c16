//! Virtual consoles on a framebuffer. Before the last framebuffer goes away, the console is taken off it, and put back
//! after. Firmware framebuffers are never restored: the DRM driver's own takes their place.

use super::{
    observe::{Function, Observation},
    unit::{Unit, gpus},
};
use crate::{
    host::{Host, names},
    modules,
    pci::{Address, Device},
    sysfs,
};

/// The consoles that have to let go before this unit leaves the host.
pub fn to_unbind(host: &Host, unit: &Unit) -> Vec<String> {
    let ours: Vec<String> = unit.functions.iter().flat_map(|f| Device::new(host, *f).made().framebuffers).collect();
    let is_fb = |name: &String| name.strip_prefix("fb").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    let others = names(&host.graphics_class()).into_iter().filter(is_fb).any(|name| !ours.contains(&name));
    // With another framebuffer left, the kernel moves the consoles there by itself.
    if ours.is_empty() || others { Vec::new() } else { bound(host) }
}

fn bound(host: &Host) -> Vec<String> {
    let class = host.vtconsole_class();
    let on_framebuffer = |name: &String| {
        let about = sysfs::read(&class.join(name).join("name")).unwrap_or_default();
        about.contains("frame buffer") && is_bound(host, name)
    };
    names(&class).into_iter().filter(on_framebuffer).collect()
}

/// Whether a console is bound.
pub fn is_bound(host: &Host, name: &str) -> bool {
    sysfs::read_number(&host.vtconsole_class().join(name).join("bind")) == Some(1)
}

/// Whether the console would go with a unit: it drives a screen, and no GPU besides those that are leaving would stay.
pub fn goes_with(host: &Host, unit: &Unit, seen: &Observation, leaving: &[Unit]) -> bool {
    let shows = |f: &Function| f.display && f.host_driver().is_some();
    seen.functions.iter().any(shows) && !another_stays(host, unit, leaving)
}

/// The same by the drivers that sysfs shows, for who has not observed the unit.
pub fn would_go_with(host: &Host, unit: &Unit, leaving: &[Unit]) -> bool {
    let shows = |f: &Address| {
        let device = Device::new(host, *f);
        device.is_display() && device.driver().is_some_and(|driver| !modules::is_vfio(&driver))
    };
    unit.functions.iter().any(shows) && !another_stays(host, unit, leaving)
}

fn another_stays(host: &Host, unit: &Unit, leaving: &[Unit]) -> bool {
    let on_host = |unit: &Unit| {
        let driver = Device::new(host, unit.address).driver();
        driver.is_some_and(|driver| !modules::is_vfio(&driver))
    };
    let leaves = |other: &Unit| other.key() == unit.key() || leaving.iter().any(|unit| unit.key() == other.key());
    gpus(host).into_iter().any(|other| !leaves(&other) && on_host(&other))
}

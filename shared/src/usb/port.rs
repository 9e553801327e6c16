//! A port of a hub: what it says of over-current, and the switch that makes the kernel enumerate what is plugged in.

use crate::{host::Host, sysfs, tree};
use std::path::PathBuf;

/// One port.
#[derive(Debug, Clone)]
pub struct Port<'h> {
    /// The host.
    pub host: &'h Host,
    /// The bus-port of what is or was plugged in: `3-1.4`.
    pub name: String,
    /// `/sys/bus/usb/devices/3-1:1.0/3-1-port4`.
    pub dir: PathBuf,
}

impl<'h> Port<'h> {
    /// The port that a bus-port names, whether or not anything is plugged in; `None` where the hub is not there.
    pub fn of(host: &'h Host, name: &str) -> Option<Self> {
        let (bus, path) = name.split_once('-')?;
        let (hub, interface, number) = match path.rsplit_once('.') {
            Some((hub, number)) => (format!("{bus}-{hub}"), format!("{bus}-{hub}:1.0"), number),
            None => (format!("usb{bus}"), format!("{bus}-0:1.0"), path),
        };
        let dir = host.usb_devices().join(&interface).join(format!("{hub}-port{number}"));
        tree::is_dir(&dir).then(|| Self { host, name: name.to_owned(), dir })
    }

    /// The file that disables the port (kernel 6.0 and newer). Its reads and writes take the hub's lock.
    pub fn disable(&self) -> PathBuf {
        self.dir.join("disable")
    }

    /// How often the port drew too much current.
    pub fn over_current_count(&self) -> Option<u32> {
        sysfs::read_number(&self.dir.join("over_current_count")).and_then(|n| u32::try_from(n).ok())
    }

    /// The same socket on the bus of the other speed.
    pub fn peer(&self) -> Option<Self> {
        let link = tree::canonicalize(&self.dir.join("peer")).ok()?;
        let (hub, number) = link.file_name()?.to_str()?.rsplit_once("-port")?;
        let name = match hub.strip_prefix("usb") {
            Some(bus) => format!("{bus}-{number}"),
            None => format!("{hub}.{number}"),
        };
        Self::of(self.host, &name)
    }
}

//! What sysfs says of a unit right now, without ever hanging on it.

use super::{record::Record, unit::Unit};
use crate::{
    deadline::Deadline,
    host::{Host, read_file},
    modules,
    pci::{Address, Device},
    proc,
    sysfs::{Access, Answer},
};
use anyhow::Result;
use std::{io::ErrorKind, path::Path, time::Duration};

/// How long a single attribute usually takes at most to be read; whether it hangs is looked at after that.
const PATIENCE: Duration = Duration::from_millis(1500);
/// What a device answers that is no longer on the bus.
const GONE: u32 = 0xffff_ffff;

/// One function as it is.
#[allow(clippy::struct_excessive_bools, reason = "independent facts, none of which follows from another")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its address.
    pub address: Address,
    /// Whether it is on the bus.
    pub present: bool,
    /// Class, subclass and programming interface.
    pub class: u32,
    /// Vendor and device.
    pub id: (u16, u16),
    /// The driver that it is bound to.
    pub driver: Option<String>,
    /// `driver_override`; `None` when it is clear or could not be read.
    pub driver_override: Option<String>,
    /// The header of configuration space; empty where it could not be read.
    pub header: Vec<u8>,
    /// Why it is not known whether configuration space answers, or what else could not be read; a tree that has no such file
    /// makes no claim about it.
    pub unanswered: Option<String>,
    /// Whether it is a display function.
    pub display: bool,
    /// Whether the driver made what a screen needs: a DRM node, NVIDIA's own, or a framebuffer of an fbdev driver.
    pub screen: bool,
    /// DRM nodes (`card0`).
    pub drm: Vec<String>,
    /// Sound cards (`card1`).
    pub sound: Vec<String>,
    /// No driver of this kernel knows the device, so being unbound is its normal state.
    pub driverless: bool,
}

impl Function {
    /// Whether it is bound to a driver that VFIO hands out to VMs; pci-stub and pciback serve nobody.
    pub fn on_vfio(&self) -> bool {
        self.driver.as_deref().is_some_and(|driver| driver.contains("vfio"))
    }

    /// Its host driver, if that is what it is bound to.
    pub fn host_driver(&self) -> Option<&str> {
        self.driver.as_deref().filter(|driver| !modules::is_vfio(driver))
    }

    /// Whether configuration space answers with the id that was read when the device was found; `None` = cannot be read.
    pub fn config_ok(&self) -> Option<bool> {
        let id = u32::from(self.id.1) << 16 | u32::from(self.id.0);
        if self.present { self.dword(0).map(|dword| dword == id) } else { Some(false) }
    }

    /// A dword of the header.
    pub fn dword(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.header.get(at..at + 4)?.try_into().ok()?))
    }

    /// Whether it is dead: off the bus, or answering ones.
    pub fn is_lost(&self) -> bool {
        !self.present || self.dword(0) == Some(GONE)
    }
}

/// A unit as it is.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Its functions, in the unit's order.
    pub functions: Vec<Function>,
    /// Why it must be called wedged; empty when it need not.
    pub wedged: Vec<String>,
}

impl Observation {
    /// The function of an address.
    pub fn function(&self, address: Address) -> Option<&Function> {
        self.functions.iter().find(|f| f.address == address)
    }

    /// Why it is not known whether a function answers; nothing is moved then.
    pub fn unanswered(&self) -> Vec<String> {
        self.functions.iter().filter_map(|f| f.unanswered.clone()).collect()
    }

    /// Whether every function is on vfio-pci (those without any driver on this kernel do not count as long as others are).
    pub fn all_vfio(&self) -> bool {
        self.functions.iter().all(Function::on_vfio)
    }
}

/// Looks at a unit.
pub fn observe(
    host: &Host,
    unit: &Unit,
    record: &Record,
    access: &mut Access,
    deadline: &Deadline,
) -> Result<Observation> {
    let mut wedged = Vec::new();
    if let Some(stuck) = record.still_stuck(host) {
        wedged.push(format!(
            "pid {} has been writing {:?} to {} for {} s and the kernel has not answered",
            stuck.pid,
            stuck.value,
            stuck.file,
            super::record::now().saturating_sub(stuck.since)
        ));
    }
    let mut functions = Vec::with_capacity(unit.functions.len());
    for address in &unit.functions {
        functions.push(look(host, *address, access, deadline, &mut wedged)?);
    }
    if functions.iter().any(|f| f.present && f.driver.is_none()) || !wedged.is_empty() {
        wedged.extend(writers_about(host, unit));
    }
    Ok(Observation { functions, wedged })
}

fn look(
    host: &Host,
    address: Address,
    access: &mut Access,
    deadline: &Deadline,
    wedged: &mut Vec<String>,
) -> Result<Function> {
    let device = Device::new(host, address);
    let driver = device.driver();
    let display = device.is_display();
    let made = device.made();
    let fbdev = driver.as_deref().is_some_and(|d| d.ends_with("fb")) && !made.framebuffers.is_empty();
    let mut late = None;
    let mut guarded = |name: &str, length| {
        let read = guarded_read(host, (&device.dir().join(name), length), access, deadline, wedged)?;
        if let Read::Late(why) = &read {
            late = Some(format!("{address}: {why}"));
        }
        Ok::<_, anyhow::Error>(read.bytes())
    };
    let driver_override = guarded("driver_override", 256)?.and_then(|bytes| named(&bytes));
    let header = guarded("config", 64)?.unwrap_or_default();
    let known = || if wedged.is_empty() { unanswered(host, &device, &header) } else { None };
    let unanswered = late.or_else(known);
    Ok(Function {
        unanswered,
        address,
        present: device.exists(),
        class: device.class(),
        id: (device.vendor(), device.device_id()),
        driverless: driver.is_none() && device.exists() && is_driverless(host, &device),
        screen: !made.drm.is_empty() || fbdev || (display && device.nvidia_lists_it()),
        driver,
        driver_override,
        header,
        display,
        drm: made.drm,
        sound: made.sound,
    })
}

/// Why configuration space says nothing, if so.
fn unanswered(host: &Host, device: &Device<'_>, header: &[u8]) -> Option<String> {
    if header.len() >= 4 || !device.exists() {
        return None;
    }
    let path = device.dir().join("config");
    let why = match read_file(&path) {
        // It was the worker that failed, not the device.
        Ok(bytes) if bytes.len() >= 4 => return None,
        Ok(bytes) => format!("has {} bytes", bytes.len()),
        Err(error) if error.kind() == ErrorKind::NotFound && !host.is_live() => return None,
        Err(error) if error.kind() == ErrorKind::NotFound => "is not there".into(),
        Err(error) => format!("cannot be read: {error}"),
    };
    let what = "whether configuration space answers is not known";
    Some(format!("{}: {what}: {} {why}", device.address, host.shown(&path)))
}

/// The override of a function as it is now.
pub fn driver_override(
    host: &Host,
    address: Address,
    access: &mut Access,
    deadline: &Deadline,
) -> Result<Option<String>> {
    let path = Device::new(host, address).dir().join("driver_override");
    let bytes = guarded_read(host, (&path, 256), access, deadline, &mut Vec::new())?;
    Ok(bytes.bytes().and_then(|bytes| named(&bytes)))
}

/// The kernel prints `(null)` for an override that is not set.
fn named(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes).trim().to_owned();
    Some(text).filter(|text| !text.is_empty() && text != "(null)")
}

/// What came of reading what may block.
enum Read {
    Bytes(Vec<u8>),
    /// It cannot be read, or hangs.
    Nothing,
    /// Not known, and why.
    Late(String),
}

impl Read {
    fn bytes(self) -> Option<Vec<u8>> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }
}

/// Reads what may block: on 6.1 `driver_override` takes the device lock, which a hung unbind never gives back.
fn guarded_read(
    host: &Host,
    (path, length): (&Path, u16),
    access: &mut Access,
    deadline: &Deadline,
    wedged: &mut Vec<String>,
) -> Result<Read> {
    if !wedged.is_empty() {
        return Ok(Read::Nothing);
    }
    let answer = access.read(path, length, PATIENCE, deadline)?;
    access.leave_stuck();
    let shown = || host.shown(path);
    Ok(match answer {
        Answer::Done(bytes) => Read::Bytes(bytes),
        Answer::Failed(_) | Answer::Died => Read::Nothing,
        Answer::Late => Read::Late(format!("this machine is too busy: {} was not read in time", shown())),
        Answer::Stuck => {
            wedged.push(format!("reading {} did not return: somebody's bind or unbind holds the device", shown()));
            Read::Nothing
        }
    })
}

/// Processes that sit inside a write about one of these functions: the driver link is gone before the driver lets go.
fn writers_about(host: &Host, unit: &Unit) -> Vec<String> {
    let mentions = |text: &str| unit.functions.iter().any(|f| text.contains(&f.to_string()));
    let writers = proc::blocked_writers(host).into_iter();
    let ours = writers.filter(|w| mentions(&w.file) || w.text.as_deref().is_some_and(mentions));
    ours.map(|w| w.title()).collect()
}

fn is_driverless(host: &Host, device: &Device) -> bool {
    modules::known(host) && device.modalias().is_none_or(|alias| modules::candidates(host, &alias).is_empty())
}

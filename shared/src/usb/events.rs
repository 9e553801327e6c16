//! What the kernel logged about a USB device: resets, errors of the link, refused configurations, dead controllers.

use super::{Controller, UsbDevice};
use crate::{deadline::Deadline, host::Host, kernel_log};
use serde::Serialize;
use std::{fs, time::Duration};

/// Bounds on the look at the log: more than the kernel keeps by default, and less than anybody waits for.
const SIZE: usize = 4 << 20;
const PATIENCE: Duration = Duration::from_millis(500);

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// `reset SuperSpeed USB device`.
    Reset,
    /// `USB disconnect`.
    Disconnect,
    /// `new SuperSpeed USB device`.
    Connect,
    /// `error -71`, `-32`, `-110` and so on: cable, power, or a device that does not answer.
    LinkError,
    /// `can't set config`.
    ConfigRefused,
    /// `over-current`.
    OverCurrent,
    /// `HC died`.
    ControllerDied,
}

/// One message of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// What it means.
    pub what: What,
    /// Seconds since boot.
    pub at: u64,
    /// The message itself.
    pub text: String,
}

/// The events of a bus-port in the last `window`, oldest first; `None` where the log cannot be read, so that they are unknown.
pub fn events(host: &Host, port: &str, window: Duration) -> Option<Vec<Event>> {
    let log = kernel_log::whole(host, SIZE, &Deadline::after(PATIENCE))?;
    let controller = Controller::of(&UsbDevice::new(host, port)).map(|controller| controller.name());
    let mut found = find(&log, port, controller.as_deref());
    let uptime = fs::read_to_string(host.proc().join("uptime")).ok();
    let uptime = uptime.and_then(|text| text.split('.').next()?.parse::<u64>().ok());
    let now = uptime.or_else(|| found.last().map(|event| event.at)).unwrap_or_default();
    found.retain(|event| event.at + window.as_secs() >= now);
    Some(found)
}

/// The events of a port in a text of the log. A record is `priority,sequence,time,flags;message`, then lines that begin
/// with a space (Documentation/ABI/testing/dev-kmsg).
fn find(log: &str, port: &str, controller: Option<&str>) -> Vec<Event> {
    let records = log.lines().filter(|line| !line.starts_with(' '));
    records.filter_map(|record| event(record, port, controller)).collect()
}

fn event(record: &str, port: &str, controller: Option<&str>) -> Option<Event> {
    let (head, text) = record.split_once(';')?;
    let micros: u64 = head.split(',').nth(2)?.parse().ok()?;
    let (subject, message) = text.split_once(": ")?;
    let what = match subject.split_once(' ')? {
        ("usb" | "hub", name) if is_about(name, message, port) => of_device(message)?,
        (_, name) if Some(name) == controller => of_controller(message)?,
        _ => return None,
    };
    Some(Event { what, at: micros / 1_000_000, text: text.to_owned() })
}

/// Devices are called `3-1.4`, hubs' ports `usb3-port1` and `3-1-port4`; older kernels tell of a port as
/// `hub 3-1:1.0: … port 4 …`.
fn is_about(name: &str, message: &str, port: &str) -> bool {
    if name == port {
        return true;
    }
    let (hub, number) = match (port.rsplit_once('.'), port.split_once('-')) {
        (Some((hub, number)), _) => (hub.to_owned(), number),
        (None, Some((bus, number))) => (format!("usb{bus}"), number),
        _ => return false,
    };
    if let Some((of, n)) = name.rsplit_once("-port") {
        return of == hub && n == number;
    }
    let interface = match hub.strip_prefix("usb") {
        Some(bus) => format!("{bus}-0:1.0"),
        None => format!("{hub}:1.0"),
    };
    let mut words = message.split(|c: char| !c.is_ascii_alphanumeric()).skip_while(|word| *word != "port");
    name == interface && words.nth(1) == Some(number)
}

fn of_device(message: &str) -> Option<What> {
    let has = |part: &str| message.contains(part);
    Some(match () {
        () if has("over-current") => What::OverCurrent,
        () if has("can't set config") => What::ConfigRefused,
        () if message.starts_with("reset ") && has("USB device") => What::Reset,
        () if message.starts_with("USB disconnect") => What::Disconnect,
        () if message.starts_with("new ") && has("USB device number") => What::Connect,
        () if has("error -") || has("err = -") => What::LinkError,
        () if has("not responding") || has("unable to enumerate") || has("Cannot enable") => What::LinkError,
        () => return None,
    })
}

fn of_controller(message: &str) -> Option<What> {
    let died = ["HC died", "Host halt failed", "not responding to stop endpoint command", "assume dead"];
    died.iter().any(|words| message.contains(words)).then_some(What::ControllerDied)
}

#[cfg(test)]
mod tests {
    use super::{
        What::{ConfigRefused, Connect, ControllerDied, Disconnect, LinkError, OverCurrent, Reset},
        *,
    };
    use proptest::prelude::*;

    const LOG: &str = "\
6,1,1000000,-;usb 3-1.4: new SuperSpeed USB device number 5 using xhci_hcd
 SUBSYSTEM=usb
6,2,2000000,-;usb 3-1.4: New USB device found, idVendor=18d1, idProduct=9302
6,3,3000000,-;usb 3-1.4: reset SuperSpeed USB device number 5 using xhci_hcd
6,4,3100000,-;usb 3-1: reset high-speed USB device number 2 using xhci_hcd
3,5,4000000,-;usb 3-1.4: device descriptor read/64, error -71
3,6,4000001,-;usb 3-1-port4: cannot reset (err = -110)
3,7,4000002,-;usb 3-1-port41: cannot reset (err = -110)
3,8,5000000,-;usb 3-1.4: can't set config #1, error -110
2,9,6000000,-;hub 3-1:1.0: over-current condition on port 4
2,10,6000000,-;hub 3-1:1.0: over-current condition on port 1
3,11,7000000,-;xhci_hcd 0000:03:00.0: HC died; cleaning up
3,12,7000000,-;xhci_hcd 0000:04:00.0: HC died; cleaning up
6,13,8000000,-;usb 3-1.4: USB disconnect, device number 5
6,14,8000000,-;some text without a subject
";

    #[test]
    fn each_message_is_told_for_its_port_only() {
        let of = |port: &str| {
            let found = find(LOG, port, Some("0000:03:00.0"));
            found.iter().map(|event| (event.what, event.at)).collect::<Vec<_>>()
        };
        let all = [
            (Connect, 1),
            (Reset, 3),
            (LinkError, 4),
            (LinkError, 4),
            (ConfigRefused, 5),
            (OverCurrent, 6),
            (ControllerDied, 7),
            (Disconnect, 8),
        ];
        assert_eq!(of("3-1.4"), all);
        assert_eq!(of("3-1"), [(Reset, 3), (ControllerDied, 7)]);
        assert_eq!(of("3-1.1"), [(OverCurrent, 6), (ControllerDied, 7)]);
    }

    #[test]
    fn ports_of_root_hubs_are_known_by_both_names() {
        let log = "3,1,1,-;usb usb3-port2: Cannot enable. Maybe the USB cable is bad?\n\
            3,2,1,-;hub 3-0:1.0: unable to enumerate USB device on port 2\n";
        assert_eq!(find(log, "3-2", None).len(), 2);
        assert!(find(log, "3-1", None).is_empty() && find(log, "4-2", None).is_empty());
    }

    #[test]
    fn only_what_is_recent_counts_and_no_log_is_unknown() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::new(root.path());
        assert_eq!(events(&host, "3-1.4", Duration::from_secs(3)), None);
        for (file, text) in [("dev/kmsg", LOG), ("proc/uptime", "10.52 1.00\n")] {
            fs::create_dir_all(host.at(file).parent().unwrap()).unwrap();
            fs::write(host.at(file), text).unwrap();
        }
        let recent = |seconds| events(&host, "3-1.4", Duration::from_secs(seconds)).unwrap().len();
        assert_eq!((recent(3600), recent(6), recent(1)), (7, 5, 0));
    }

    proptest! {
        #[test]
        fn no_log_makes_it_panic(text in any::<String>(), near in "[0-9,;\n :.a-]*", port in "(usb)?[0-9.-]{0,8}") {
            let _ = (find(&text, &port, Some("")), find(&near, &port, None));
            let _ = find(&format!("3,1,1,-;hub {port}:1.0: {text} port\n6,1,1,-;usb {port}: {near}"), &port, None);
        }
    }
}

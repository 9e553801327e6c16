//! How loud a VM is: QEMU records what it mixes, for half a second.

use super::{scratch::Scratch, wave};
use crate::{
    deadline::Deadline,
    host::{Host, read_file},
    pve::qmp::{Monitor, Trouble, message::printable},
};
use serde_json::{Value, json};
use std::{path::Path, thread, time::Duration};

pub(super) const SOURCE: &str = "qemu wavcapture";

/// How long it listens; the monitor is held meanwhile, so that nothing can come between beginning and end.
const LISTEN: Duration = Duration::from_millis(500);
/// A recording that was begun is ended, also when the time for all of it is over: it would grow for ever.
const END: Duration = Duration::from_secs(3);

/// The root mean square of what is played, 0 to 1.
pub(super) fn level(host: &Host, path: &Path, scratch: &Scratch, deadline: &Deadline) -> Result<f64, String> {
    let words = |trouble: Trouble| trouble.to_string();
    let mut monitor = Monitor::open_at(host, path, deadline).map_err(words)?;
    let device = backend(host, &mut monitor)?;
    end_ours(&mut monitor, scratch).map_err(words)?;
    let file = scratch.file("sound.wav");
    let told = monitor.human(&format!("wavcapture {} {device}", quoted(&file)?)).map_err(words)?;
    if !told.trim().is_empty() {
        return Err(format!("QEMU says: {}", printable(told.trim())));
    }
    thread::sleep(LISTEN);
    let mut monitor = monitor.until(Deadline::after(END));
    end_ours(&mut monitor, scratch).map_err(words)?;
    let recording = read_file(&file).map_err(|error| format!("the recording that QEMU wrote: {error}"))?;
    wave::level(&recording).ok_or_else(|| "QEMU wrote something else than a recording".to_owned())
}

/// Ends recordings into files of ours: the one that runs, and those of a run that was killed.
fn end_ours(monitor: &mut Monitor, scratch: &Scratch) -> Result<(), Trouble> {
    let list = monitor.human("info capture")?;
    let mut numbers: Vec<_> =
        captures(&list).filter(|(_, file)| scratch.is_ours(Path::new(file))).map(|(n, _)| n).collect();
    // Each that ends makes the later ones move up.
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.iter().try_for_each(|number| monitor.human(&format!("stopcapture {number}")).map(drop))
}

/// `[0]: Capturing audio(44100,16,2) to /run/x.wav: 88200 bytes`.
fn captures(list: &str) -> impl Iterator<Item = (u32, &str)> {
    list.lines().filter_map(|line| {
        let (number, rest) = line.trim_start().strip_prefix('[')?.split_once("]: ")?;
        let (file, _) = rest.split_once(") to ")?.1.rsplit_once(": ")?;
        Some((number.parse().ok()?, file))
    })
}

fn quoted(path: &Path) -> Result<String, String> {
    let text = path.to_str().filter(|text| !text.chars().any(|c| matches!(c, '"' | '\\') || c.is_control()));
    text.map(|text| format!("\"{text}\"")).ok_or_else(|| "its name is not one that QEMU's monitor takes".to_owned())
}

/// The first audio backend by its id. Not every QEMU lists them; its command line does.
fn backend(host: &Host, monitor: &mut Monitor) -> Result<String, String> {
    let listed = match monitor.execute("query-audiodevs", &json!({})) {
        Ok(list) => list[0]["id"].as_str().map(ToOwned::to_owned),
        Err(Trouble::Failed { .. }) => {
            let line = monitor.process().and_then(|pid| read_file(&host.process(pid).join("cmdline")).ok());
            on_command_line(&String::from_utf8_lossy(&line.ok_or("its command line cannot be read")?))
        }
        Err(trouble) => return Err(trouble.to_string()),
    };
    let id = listed.ok_or("QEMU has no audio backend")?;
    let is_plain = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if is_plain { Ok(id) } else { Err(format!("its audio backend has a strange name: {}", printable(&id))) }
}

fn on_command_line(line: &str) -> Option<String> {
    let mut words = line.split_terminator('\0').skip_while(|word| !matches!(*word, "-audiodev" | "--audiodev")).skip(1);
    let value = words.next()?;
    if value.starts_with('{') {
        return serde_json::from_str::<Value>(value).ok()?["id"].as_str().map(ToOwned::to_owned);
    }
    value.split(',').find_map(|option| option.strip_prefix("id=")).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_backend_is_read_off_the_command_line() {
        for (line, id) in [
            ("kvm\0-id\0vm\0-audiodev\0spice,id=spice-backend0\0-device\0x\0", Some("spice-backend0")),
            ("kvm\0-audiodev\0{\"driver\":\"none\",\"id\":\"none-backend0\"}\0", Some("none-backend0")),
            ("kvm\0-audiodev\0none\0", None),
            ("kvm\0-audiodev", None),
            ("", None),
        ] {
            assert_eq!(on_command_line(line).as_deref(), id, "{line:?}");
        }
    }

    #[test]
    fn recordings_are_listed_with_number_and_file() {
        let list = "[0]: Capturing audio(44100,16,2) to /run/a b: c.wav: 88200 bytes\r\n[1]: Capturing audio(8000,8,1) to /x: 1 bytes\r\n?\r\n";
        assert_eq!(captures(list).collect::<Vec<_>>(), [(0, "/run/a b: c.wav"), (1, "/x")]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(-audiodev\0)?(\\[[0-9]\\]: )?\\PC*(\\) to )?\\PC*(: )?\\PC*") {
            let _ = (on_command_line(&text), captures(&text).count());
        }
    }
}

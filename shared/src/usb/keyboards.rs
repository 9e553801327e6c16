//! The keyboards of the host, so that the last one is not taken away.

use crate::{host::Host, in_use::table};

/// Where each keyboard hangs in the device tree, by the kernel's list of inputs. Power buttons and the remote controls of
/// speakers have the handler `kbd` as well; a keyboard has the keys of one (udev's test: all of the first 31).
/// Otherwise why it is not known.
pub(super) fn keyboards(host: &Host) -> Result<Vec<Keyboard>, String> {
    table(host, &host.input_devices(), |text| text.lines().all(is_line).then(|| parse(text)))
}

/// `N: Name="Dell KB216"`; nothing between two inputs.
fn is_line(line: &str) -> bool {
    line.is_empty() || matches!(line.as_bytes(), [b'A'..=b'Z', b':', b' ', ..])
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Keyboard {
    pub(super) name: String,
    pub(super) place: String,
}

const FIRST_KEYS: u64 = 0xffff_fffe;

fn parse(text: &str) -> Vec<Keyboard> {
    let keyboard = |block: &str| {
        let value = |key: &str| block.lines().find_map(|line| line.strip_prefix(key));
        let handled = value("H: Handlers=")?.split_ascii_whitespace().any(|handler| handler == "kbd");
        let keys = u64::from_str_radix(value("B: KEY=")?.rsplit(' ').find(|word| !word.is_empty())?, 16).ok()?;
        let place = value("S: Sysfs=")?.to_owned();
        let name = value("N: Name=").unwrap_or_default().trim_matches('"').to_owned();
        (handled && keys & FIRST_KEYS == FIRST_KEYS).then_some(Keyboard { name, place })
    };
    text.split("\n\n").filter_map(keyboard).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_keyboard_is_told_from_a_power_button() {
        let text = "I: Bus=0019\nN: Name=\"Power Button\"\nS: Sysfs=/devices/LNXSYSTM:00/input/input0\nH: Handlers=kbd \
            event0 \nB: EV=3\nB: KEY=10000000000000 0\n\nI: Bus=0003\nN: Name=\"Dell KB216\"\nS: Sysfs=/devices/\
            pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0/0003:413C:2113.0001/input/input3\nH: Handlers=sysrq kbd leds event3 \
            \nB: EV=120013\nB: KEY=1000000000007 ff800000000007ff febeffdff3cfffff fffffffffffffffe\nB: LED=1f\n\nI: \
            Bus=0003\nN: Name=\"Tablet\"\nS: Sysfs=/devices/x\nH: Handlers=mouse0 event2 \nB: KEY=70000 0 0 0 0\n";
        let found = parse(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].name == "Dell KB216" && found[0].place.contains("/1-4/1-4:1.0/"));
    }

    proptest! {
        #[test]
        fn no_list_makes_it_panic(text in any::<String>(), near in "([HBSN]: (Handlers|KEY|Sysfs)=[kbd 0-9a-f]*\n){0,6}") {
            let _ = (parse(&text), parse(&near));
        }
    }
}

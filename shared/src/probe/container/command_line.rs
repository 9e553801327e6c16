//! QEMU's command line, as far as it says what there is to probe.

use crate::{
    net::is_name,
    probe::instance::{Endpoint, Hardware},
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

/// The port of display 0.
const VNC: u16 = 5900;
/// What a machine has where nothing is told, in bytes.
const MEMORY: u64 = 128 << 20;

/// What one QEMU was told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommandLine {
    /// The socket of a monitor that speaks QMP.
    pub qmp: Option<PathBuf>,
    /// Its VNC server.
    pub vnc: Option<Endpoint>,
    /// The host's ends of its network cards.
    pub taps: Vec<String>,
    /// Whether its sound goes to a sound server.
    pub sound_server: bool,
    /// The rest of what there is to measure; network cards are in [`Self::taps`].
    pub hardware: Hardware,
}

impl CommandLine {
    /// Takes the words apart, which a zero byte ends each; `None` where they are not QEMU's.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_terminator('\0');
        let program = words.next()?.rsplit('/').next()?;
        if !program.starts_with("qemu-system-") && !matches!(program, "qemu-kvm" | "kvm") {
            return None;
        }
        let words: Vec<_> = words.collect();
        let mut it = Self::default();
        (it.hardware.cores, it.hardware.memory) = (Some(1), Some(MEMORY));
        let (mut bare, mut sockets) = (false, Vec::new());
        for (n, word) in words.iter().enumerate() {
            let Some(option) = word.strip_prefix("--").or(word.strip_prefix('-')) else { continue };
            let value = words.get(n + 1).copied().unwrap_or_default();
            match option {
                "qmp" => it.qmp = socket(value).or(it.qmp),
                "chardev" => sockets.extend(named(value)),
                "mon" => {
                    let id = get(value, "chardev")
                        .or_else(|| first(value))
                        .filter(|_| get(value, "mode") == Some("control"));
                    let path = id.and_then(|id| sockets.iter().find(|(of, _)| *of == id));
                    it.qmp = path.map(|(_, path)| PathBuf::from(path)).or(it.qmp);
                }
                "vnc" => it.vnc = vnc(value),
                "display" => it.vnc = value.strip_prefix("vnc=").and_then(vnc).or(it.vnc),
                "netdev" | "nic" | "net" => it.taps.extend(tap(value)),
                "nodefaults" => bare = true,
                "vga" => it.hardware.display = value != "none",
                "device" => it.device(value),
                "soundhw" => it.hardware.audio = true,
                "audio" => {
                    it.hardware.audio |= get(value, "model").is_some();
                    it.sound_server |= is_server(value);
                }
                "audiodev" => it.sound_server |= is_server(value),
                "smp" => it.hardware.cores = processors(value),
                "m" => it.hardware.memory = memory(get(value, "size").or_else(|| first(value)).unwrap_or_default()),
                _ => {}
            }
        }
        let told = words.iter().any(|word| matches!(*word, "-vga" | "--vga"));
        it.hardware.display |= !told && !bare;
        Some(it)
    }

    fn device(&mut self, value: &str) {
        let driver =
            if value.trim_start().starts_with('{') { json(value, "driver") } else { first(value).map(str::to_owned) };
        let Some(driver) = driver else { return };
        let has = |words: &[&str]| words.iter().any(|word| driver.contains(word));
        self.hardware.display |= has(&["vga", "VGA", "qxl", "virtio-gpu", "bochs-display", "ramfb"]);
        self.hardware.audio |=
            has(&["hda-", "AC97", "ES1370", "sb16", "adlib", "cs4231a", "gus", "usb-audio", "virtio-sound"]);
        self.hardware.agent |= driver == "virtserialport" && value.contains("org.qemu.guest_agent.0");
    }
}

/// The word in front, which needs no key.
fn first(value: &str) -> Option<&str> {
    value.split(',').next().filter(|word| !word.is_empty() && !word.contains('='))
}

/// The value of a key.
fn get<'a>(value: &'a str, key: &str) -> Option<&'a str> {
    value.split(',').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}

fn json(value: &str, key: &str) -> Option<String> {
    let object: serde_json::Value = serde_json::from_str(value).ok()?;
    object.get(key)?.as_str().map(str::to_owned)
}

/// `unix:/run/qmp,server=on,wait=off`, or `unix:path=…`.
fn socket(value: &str) -> Option<PathBuf> {
    let path = value.strip_prefix("unix:")?.split(',').next()?;
    Some(path.strip_prefix("path=").unwrap_or(path)).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// `socket,id=mon0,path=/run/qmp,server=on,wait=off`.
fn named(value: &str) -> Option<(&str, &str)> {
    (first(value)? == "socket").then(|| Some((get(value, "id")?, get(value, "path")?)))?
}

/// `:1`, `127.0.0.1:1,password=on`, `unix:/run/vnc`. One that calls its viewer, or seeks its port, says not where it is.
fn vnc(value: &str) -> Option<Endpoint> {
    let place = value.split(',').next()?;
    if let Some(path) = place.strip_prefix("unix:") {
        return Some(Endpoint::Unix(path.into()));
    }
    if get(value, "to").is_some() || value.split(',').any(|word| matches!(word, "reverse" | "reverse=on")) {
        return None;
    }
    let (host, display) = place.rsplit_once(':')?;
    let port = VNC.checked_add(display.parse().ok()?)?;
    // From here, one that listens at all addresses is reached at the loopback.
    let address = match host.trim_matches(['[', ']']) {
        "" | "localhost" | "0.0.0.0" => Ipv4Addr::LOCALHOST.into(),
        "::" => Ipv6Addr::LOCALHOST.into(),
        other => other.parse::<IpAddr>().ok()?,
    };
    Some(Endpoint::Tcp(SocketAddr::new(address, port)))
}

/// `tap,id=net0,ifname=tap0`, or the same as an object.
fn tap(value: &str) -> Option<String> {
    let name = if value.trim_start().starts_with('{') {
        json(value, "ifname").filter(|_| json(value, "type").as_deref() == Some("tap"))
    } else {
        get(value, "ifname").filter(|_| first(value) == Some("tap")).map(str::to_owned)
    };
    name.filter(|name| is_name(name))
}

fn is_server(value: &str) -> bool {
    let driver = get(value, "driver").or_else(|| first(value));
    matches!(driver, Some("pa" | "pipewire"))
}

/// `4`, `cpus=4`, `sockets=1,cores=4,threads=2`.
fn processors(value: &str) -> Option<u32> {
    let number = |key| get(value, key).and_then(|n| n.parse::<u32>().ok());
    let told = first(value).and_then(|n| n.parse().ok()).or_else(|| number("cpus"));
    let parts = ["sockets", "dies", "clusters", "cores", "threads"].map(|key| number(key).unwrap_or(1));
    told.or_else(|| parts.iter().try_fold(1_u32, |all, n| all.checked_mul(*n))).filter(|n| *n > 0)
}

/// `512`, `2G`: mebibytes where no unit is told.
fn memory(value: &str) -> Option<u64> {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match value[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "M" => 20,
        "K" => 10,
        "G" => 30,
        "T" => 40,
        "B" => 0,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(words: &str) -> CommandLine {
        CommandLine::parse(&format!("/usr/bin/qemu-system-x86_64 {words} ").replace(' ', "\0")).unwrap()
    }

    #[test]
    fn monitors_are_found_in_every_spelling() {
        for words in [
            "-qmp unix:/run/q,server,nowait",
            "--qmp unix:path=/run/q,server=on",
            "-chardev socket,id=a,path=/run/hmp -chardev socket,id=b,path=/run/q,server=on -mon a -mon chardev=b,mode=control",
        ] {
            assert_eq!(of(words).qmp, Some("/run/q".into()), "{words}");
        }
        for words in
            ["-monitor unix:/run/q,server", "-qmp tcp:127.0.0.1:4444,server", "-qmp", "-mon chardev=b,mode=control"]
        {
            assert_eq!(of(words).qmp, None, "{words}");
        }
    }

    #[test]
    fn vnc_is_found_where_it_can_be_reached() {
        for (words, address) in [
            ("-vnc :1", "127.0.0.1:5901"),
            ("-vnc 0.0.0.0:2,password=on", "127.0.0.1:5902"),
            ("-display vnc=[::]:3", "[::1]:5903"),
            ("-vnc 10.0.0.5:0", "10.0.0.5:5900"),
        ] {
            assert_eq!(of(words).vnc, Some(Endpoint::Tcp(address.parse().unwrap())), "{words}");
        }
        assert_eq!(of("-vnc unix:/run/v").vnc, Some(Endpoint::Unix("/run/v".into())));
        for words in ["-vnc none", "-vnc :0,to=9", "-vnc viewer:5500,reverse=on", "-vnc :99999", "-vnc host.example:1"]
        {
            assert_eq!(of(words).vnc, None, "{words}");
        }
    }

    #[test]
    fn hardware_is_read_off_the_command_line() {
        let it = of(
            r#"-m 2G -smp sockets=2,cores=2 -netdev {"type":"tap","ifname":"tap1","id":"b"} -nic user -nic tap,ifname=tap2 -audiodev pa,id=p -device intel-hda -device hda-duplex -device virtserialport,name=org.qemu.guest_agent.0"#,
        );
        assert_eq!((it.hardware.memory, it.hardware.cores), (Some(2 << 30), Some(4)));
        assert_eq!(it.taps, ["tap1", "tap2"]);
        assert!(it.hardware.display && it.hardware.audio && it.sound_server && it.hardware.agent);
        let it = of("-m size=1T,slots=2 -smp 3,maxcpus=8 -netdev tap,ifname=../../x -vga none");
        assert_eq!(
            (it.hardware.memory, it.hardware.cores, it.taps.len(), it.hardware.display),
            (Some(1 << 40), Some(3), 0, false)
        );
        let display = |words: &str| of(words).hardware.display;
        assert!(!display("-nodefaults") && display("-nodefaults -device virtio-gpu-pci") && display(""));
    }

    #[test]
    fn others_are_not_qemu() {
        for line in ["/bin/sh\0-c\0qemu-system-x86_64\0", "qemu-nbd\0", "qemu-x86_64\0", "", "\0"] {
            assert_eq!(CommandLine::parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(
            line in "(-(qmp|vnc|m|smp|mon|chardev|netdev|device|audio)\0)?(unix:|tap,|socket,|\\{|:)?\\PC*\0?\\PC*", number in "[0-9]{0,22}\\PC?"
        ) {
            let _ = CommandLine::parse(&format!("kvm\0{line}"));
            let _ = (memory(&number), processors(&number), vnc(&format!(":{number}")));
        }
    }
}

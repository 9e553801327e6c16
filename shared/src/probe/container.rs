//! The one QEMU in this container: which process it is, and what its command line tells.

mod command_line;

pub use command_line::CommandLine;

use super::{
    evidence::{Process, ProcessState},
    figure::Figure,
    instance::{Endpoint, Hardware, Instance, Nic, Power},
};
use crate::{
    config::probe::{Origin, Settings},
    fault::Fault,
    host::{Host, read_file},
    proc,
};
use anyhow::Result;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

const SOURCE: &str = "/proc/PID/cmdline";

/// A QEMU that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its process.
    pub pid: i32,
    /// What it was told.
    pub line: CommandLine,
}

/// The QEMU of this container; where there is none, a figure that says so or why it cannot be told.
pub fn find(host: &Host, settings: &Settings) -> Result<Found, Figure<Process>> {
    let mut all = all(host);
    let of_settings = |found: &Found| fits(host, settings, found);
    if all.len() > 1 && all.iter().filter(|found| of_settings(found)).count() == 1 {
        all.retain(of_settings);
    }
    match all.len() {
        0 => Err(Figure::known(SOURCE, Process { pid: 0, state: ProcessState::Gone })),
        1 => Ok(all.remove(0)),
        _ => Err(Figure::unknown(SOURCE, several(&all))),
    }
}

/// What there is to probe. A container is there for its QEMU: where none runs, the instance is listed as running all the
/// same, so that the missing process is a failure rather than peace.
pub fn instance(host: &Host, settings: &Settings) -> Result<Instance> {
    let own = &settings.container;
    let found = match find(host, settings) {
        Ok(found) => Some(found),
        Err(Figure { value: Ok(_), .. }) => None,
        Err(Figure { value: Err(why), .. }) => {
            return Fault::usage(why).next("[probe.container] qmp = \"…\" in config.toml says which").fail();
        }
    };
    let line = found.as_ref().map(|found| found.line.clone()).unwrap_or_default();
    let reach = |path: &Path| found.as_ref().map_or_else(|| at(host, path), |found| reached(host, found.pid, path));
    let name = own.name.clone().unwrap_or_else(|| host.node());
    let name = if name.is_empty() { "qemu".to_owned() } else { name };
    let local = |port| Endpoint::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let vnc = match line.vnc {
        Some(Endpoint::Unix(path)) => Some(Endpoint::Unix(reach(&path))),
        other => other,
    };
    let mut taps = line.taps;
    if let Some(tap) = &own.tap {
        taps = vec![tap.clone()];
    }
    let nic =
        |(n, tap): (usize, String)| Nic { key: format!("net{n}"), tap, bridge: own.bridge.clone(), ..Nic::default() };
    let hardware = Hardware {
        nics: taps.into_iter().enumerate().map(nic).collect(),
        display: found.is_none() || line.hardware.display,
        ..line.hardware
    };
    Ok(Instance {
        power: Power::Running,
        qmp: own.qmp.as_deref().map(|path| at(host, path)).or_else(|| line.qmp.as_deref().map(reach)),
        vnc: own.vnc_port.map(local).or(vnc),
        hardware: Some(hardware),
        seen_at: super::now(),
        ..Instance::new(name, Origin::Container)
    })
}

fn all(host: &Host) -> Vec<Found> {
    let qemu = |pid: i32| {
        let bytes = read_file(&host.process(pid).join("cmdline")).ok()?;
        let line = CommandLine::parse(&String::from_utf8_lossy(&bytes))?;
        proc::stat(host, pid).filter(|stat| !stat.is_dead())?;
        Some(Found { pid, line })
    };
    proc::pids(host).into_iter().filter_map(qemu).collect()
}

/// Whether the settings name what this one was told.
fn fits(host: &Host, settings: &Settings, found: &Found) -> bool {
    let own = &settings.container;
    let qmp = own.qmp.as_deref().map(|path| at(host, path));
    let line = &found.line;
    let port = match &line.vnc {
        Some(Endpoint::Tcp(address)) => Some(address.port()),
        _ => None,
    };
    let by_qmp = qmp.map(|path| line.qmp.as_deref().is_some_and(|of| reached(host, found.pid, of) == path));
    let by_port = own.vnc_port.map(|wanted| port == Some(wanted));
    let by_tap = own.tap.as_ref().map(|tap| line.taps.contains(tap));
    let told = [by_qmp, by_port, by_tap];
    told.iter().any(Option::is_some) && told.iter().flatten().all(|fits| *fits)
}

fn several(all: &[Found]) -> String {
    let one = |found: &Found| {
        let qmp = found.line.qmp.as_ref().map_or("no monitor socket".to_owned(), |qmp| qmp.display().to_string());
        let qmp: String = qmp.chars().filter(|c| !c.is_control()).take(100).collect();
        format!("pid {} ({qmp})", found.pid)
    };
    let shown: Vec<_> = all.iter().take(5).map(one).collect();
    format!("{} QEMU processes run here: {}", all.len(), shown.join(", "))
}

fn at(host: &Host, path: &Path) -> PathBuf {
    host.at(&path.to_string_lossy())
}

/// A path as that process sees it: relative to its own directory, and perhaps in a container beside this one.
fn reached(host: &Host, pid: i32, path: &Path) -> PathBuf {
    let of = |what: &str| host.process(pid).join(what);
    if path.is_relative() {
        return of("cwd").join(path);
    }
    let (here, there) = (at(host, path), of("root").join(path.strip_prefix("/").unwrap_or(path)));
    if !here.exists() && there.exists() { there } else { here }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree(qemus: &[(i32, char, &[&str])]) -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::create_dir_all(host.at("etc")).unwrap();
        fs::write(host.at("etc/hostname"), "emulator-0\n").unwrap();
        for (pid, state, arguments) in qemus {
            fs::create_dir_all(host.process(*pid)).unwrap();
            fs::write(host.process(*pid).join("cmdline"), arguments.join("\0") + "\0").unwrap();
            let stat = format!("{pid} (q) {state} 1 1 1 0 0 0 0 0 0 0 1 1 0 0 20 0 1 0 77 0");
            fs::write(host.process(*pid).join("stat"), stat).unwrap();
        }
        (dir, host)
    }

    const ONE: [&str; 9] = [
        "/usr/bin/qemu-system-i386",
        "-m",
        "512",
        "-vnc",
        ":1",
        "-netdev",
        "tap,id=n,ifname=tap0",
        "-qmp",
        "unix:/run/a.qmp,server",
    ];
    const OTHER: [&str; 3] = ["qemu-system-x86_64", "-qmp", "unix:/run/b.qmp,server=on,wait=off"];

    #[test]
    fn the_command_line_says_what_to_probe() {
        let (_dir, host) = tree(&[(7, 'S', &ONE), (8, 'S', &["/bin/sh", "-c", "qemu-system-i386"]), (9, 'Z', &OTHER)]);
        let it = instance(&host, &Settings::default()).unwrap();
        assert_eq!((it.id.as_str(), it.power, it.qmp), ("emulator-0", Power::Running, Some(host.at("run/a.qmp"))));
        assert_eq!(it.vnc, Some(Endpoint::Tcp("127.0.0.1:5901".parse().unwrap())));
        let hardware = it.hardware.unwrap();
        assert_eq!((hardware.memory, hardware.nics[0].tap.as_str()), (Some(512 << 20), "tap0"));
        assert_eq!(find(&host, &Settings::default()).unwrap().pid, 7);
    }

    #[test]
    fn settings_go_before_the_command_line() {
        let (_dir, host) = tree(&[(7, 'S', &ONE)]);
        let mut settings = Settings::default();
        let own = &mut settings.container;
        (own.name, own.tap, own.bridge) = (Some("win98".into()), Some("loco0".into()), Some("loco-br".into()));
        (own.vnc_port, own.qmp) = (Some(5999), Some("/tmp/qmp".into()));
        let it = instance(&host, &settings).unwrap();
        assert_eq!((it.id.as_str(), it.qmp), ("win98", Some(host.at("tmp/qmp"))));
        assert_eq!(it.vnc, Some(Endpoint::Tcp("127.0.0.1:5999".parse().unwrap())));
        let nic = &it.hardware.unwrap().nics[0];
        assert_eq!((nic.tap.as_str(), nic.bridge.as_deref()), ("loco0", Some("loco-br")));
    }

    #[test]
    fn of_several_the_settings_choose() {
        let (_dir, host) = tree(&[(7, 'S', &ONE), (8, 'S', &OTHER)]);
        let error = instance(&host, &Settings::default()).unwrap_err().to_string();
        assert_eq!(error, "2 QEMU processes run here: pid 7 (/run/a.qmp), pid 8 (/run/b.qmp)");
        let mut settings = Settings::default();
        settings.container.qmp = Some("/run/b.qmp".into());
        assert_eq!(find(&host, &settings).unwrap().pid, 8);
        settings.container.vnc_port = Some(5901);
        assert!(find(&host, &settings).is_err());
    }

    #[test]
    fn none_is_a_process_that_has_gone() {
        let (_dir, host) = tree(&[(9, 'Z', &ONE)]);
        assert_eq!(instance(&host, &Settings::default()).unwrap().power, Power::Running);
        let gone = find(&host, &Settings::default()).unwrap_err();
        assert_eq!(gone.get().unwrap().state, ProcessState::Gone);
    }
}

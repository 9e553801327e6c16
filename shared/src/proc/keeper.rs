//! Who starts a process and ends it in order: a service of systemd's, or a container's.

use crate::host::{self, Host};

/// What to type to end a process by the one that keeps it, as its control group tells. `None` for one that a person started.
///
/// Whoever is root in a container names its services, and what is told here is pasted: only plain names are.
pub fn stop_command(host: &Host, pid: i32) -> Option<String> {
    let groups = host::read_text(&host.process(pid).join("cgroup")).ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    // PVE gives each container a group, and its systemd one below that.
    if let Some(container) = path.strip_prefix("lxc/") {
        let mut names = container.split('/');
        let id = names.next().filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))?;
        return Some(match service(names) {
            Some(unit) => format!("pct exec {id} -- systemctl stop {unit}"),
            None => format!("pct shutdown {id}"),
        });
    }
    service(path.split('/')).map(|unit| format!("systemctl stop {unit}"))
}

/// The first service of the system's: what a person started lies below his session.
fn service<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut names = names.skip_while(|name| *name != "system.slice");
    names.find(|name| name.ends_with(".service")).filter(|name| is_plain(name) && !is_vital(name))
}

/// What the host itself lives on: logind has the GPU of each session open, and to stop it would help nobody.
fn is_vital(name: &str) -> bool {
    ["systemd-", "dbus", "pve", "qmeventd", "ssh"].iter().any(|vital| name.starts_with(vital))
}

fn is_plain(name: &str) -> bool {
    !name.starts_with('-') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b":_.@-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn who_keeps_a_process_is_named_by_what_ends_it() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::create_dir_all(host.process(7)).unwrap();
        let told = |groups: &str| {
            fs::write(host.process(7).join("cgroup"), groups).unwrap();
            stop_command(&host, 7)
        };
        for (groups, command) in [
            ("0::/system.slice/gdm.service\n", Some("systemctl stop gdm.service")),
            (
                "1:name=systemd:/\n0::/system.slice/system-getty.slice/getty@tty1.service\n",
                Some("systemctl stop getty@tty1.service"),
            ),
            (
                "0::/lxc/101/ns/system.slice/zigbee2mqtt.service\n",
                Some("pct exec 101 -- systemctl stop zigbee2mqtt.service"),
            ),
            ("0::/lxc/101/ns/init.scope\n", Some("pct shutdown 101")),
            ("0::/lxc/101/ns/system.slice/$(reboot).service\n", Some("pct shutdown 101")),
            ("0::/lxc/1;reboot/ns\n", None),
            ("0::/system.slice/-H.service\n", None),
            ("0::/system.slice/systemd-logind.service\n", None),
            ("0::/system.slice/pvedaemon.service\n", None),
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-node.service\n", None),
            ("0::/\n", None),
            ("", None),
        ] {
            assert_eq!(told(groups).as_deref(), command, "{groups}");
        }
        assert_eq!(stop_command(&host, 8), None);
    }
}

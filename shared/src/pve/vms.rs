//! Which VMs there are, and where their configurations lie.

use super::{node::this_node, vm_config::VmConfig};
use crate::{
    fault::Fault,
    host::{Host, names, read_if_there},
    tree,
};
use anyhow::{Context as _, Error, Result};
use std::{
    ffi::OsStr,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// The VMs of this node, sorted.
pub fn vm_ids(host: &Host) -> Vec<u32> {
    let mut entries = names(&host.vm_configs());
    if entries.is_empty()
        && let Some(dir) = own_dir(host)
    {
        entries = names(&dir);
    }
    let mut ids: Vec<_> = entries.iter().filter_map(|name| name.strip_suffix(".conf")?.parse().ok()).collect();
    ids.sort_unstable();
    ids
}

/// Fails where there are no configurations at all, not even a place for them, or where they cannot be read; a node without VMs
/// has a place.
pub fn require_configs(host: &Host) -> Result<()> {
    let places: Vec<_> = [Some(host.vm_configs()), own_dir(host)].into_iter().flatten().collect();
    if places.iter().any(|dir| tree::read_dir(dir).is_ok()) {
        return Ok(());
    }
    let shown = host.shown(&host.vm_configs());
    let denied = |dir: &PathBuf| tree::read_dir(dir).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
    if places.iter().any(denied) {
        return Err(self::denied(&shown));
    }
    Fault::problem(format!("{shown} is not there: this is no Proxmox VE host, or pve-cluster does not run"))
        .next("systemctl status pve-cluster")
        .fail()
}

/// Why it is not known which VMs there are, if so: their place is gone, as while pmxcfs does not run, or may not be looked
/// into. A tree that has nothing of a cluster tells that there are none.
pub fn require_known(host: &Host) -> Result<()> {
    let Some((why, next)) = unlisted(host) else { return Ok(()) };
    Fault::problem(format!("which VMs there are is not known: {why}")).next(next).fail()
}

/// The same in words, with the next command.
pub fn unlisted(host: &Host) -> Option<(String, String)> {
    if !host.is_live() && !tree::is_dir(&host.pve()) {
        return None;
    }
    let dir = host.vm_configs();
    let dir = own_dir(host).filter(|own| !tree::is_dir(&dir) && tree::is_dir(own)).unwrap_or(dir);
    let shown = host.shown(&dir);
    let error = tree::read_dir(&dir).err()?;
    Some(match error.kind() {
        ErrorKind::NotFound => (format!("{shown} is not there"), "systemctl status pve-cluster".to_owned()),
        ErrorKind::PermissionDenied => (format!("{shown} cannot be read: Permission denied"), as_root()),
        _ => (format!("{shown} cannot be read: {error}"), "systemctl status pve-cluster".to_owned()),
    })
}

/// A VM's configuration: this node's, or that of the node where it still lies while the VM migrates to here.
pub fn load(host: &Host, vmid: u32) -> Result<VmConfig> {
    let first = host.vm_configs().join(format!("{vmid}.conf"));
    if let Some(config) = read(host, &first)? {
        return Ok(config);
    }
    let elsewhere = names(&host.pve_nodes()).into_iter().map(|node| host.pve_nodes().join(node).join("qemu-server"));
    for dir in own_dir(host).into_iter().chain(elsewhere) {
        if let Some(config) = read(host, &dir.join(format!("{vmid}.conf")))? {
            return Ok(config);
        }
    }
    require_known(host)?;
    Fault::usage(format!("{}: there is no such VM", host.shown(&first))).next("qm list").fail()
}

/// Every VM of this node; those that cannot be read beside them, with the reason.
pub fn load_all(host: &Host) -> (Vec<VmConfig>, Vec<(u32, Error)>) {
    let mut configs = Vec::new();
    let mut errors = Vec::new();
    for vmid in vm_ids(host) {
        match load(host, vmid) {
            Ok(config) => configs.push(config),
            Err(error) => errors.push((vmid, error)),
        }
    }
    (configs, errors)
}

/// Only root and www-data read what is in `/etc/pve`.
fn denied(shown: &str) -> Error {
    Fault::problem(format!("cannot read {shown}: Permission denied")).next(as_root()).into()
}

fn as_root() -> String {
    let program = std::env::args_os().next().map(PathBuf::from);
    let name = program.as_ref().and_then(|path| path.file_name()).map(OsStr::to_string_lossy).unwrap_or_default();
    format!("sudo {name} …")
}

fn own_dir(host: &Host) -> Option<PathBuf> {
    Some(host.pve_nodes().join(this_node(host)?).join("qemu-server"))
}

fn read(host: &Host, path: &Path) -> Result<Option<VmConfig>> {
    let shown = host.shown(path);
    let unreadable = || Fault::usage(format!("cannot read {shown}")).next(format!("ls -l {shown}"));
    let text = match read_if_there(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(denied(&shown)),
        text => text.with_context(unreadable)?,
    };
    let Some(text) = text else { return Ok(None) };
    VmConfig::parse(&text, Path::new(&shown)).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    #[test]
    fn a_bare_tree_of_configurations_is_enough() {
        let (_dir, host) = planted(&[
            ("etc/pve/qemu-server/111.conf", "name: a\n"),
            ("etc/pve/qemu-server/20.conf", "name: b\n"),
            ("etc/pve/qemu-server/112.conf", "hostpci0: what\n"),
            ("etc/pve/qemu-server/111.conf.tmp.4711", ""),
            ("etc/pve/qemu-server/notes.conf", ""),
        ]);
        assert_eq!(vm_ids(&host), [20, 111, 112]);
        let (configs, errors) = load_all(&host);
        assert_eq!(configs.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(errors.iter().map(|(vmid, _)| *vmid).collect::<Vec<_>>(), [112]);
    }

    #[test]
    fn without_the_link_the_nodes_directory_serves() {
        let (_dir, host) = planted(&[
            ("etc/hostname", "pve1\n"),
            ("etc/pve/nodes/pve1/qemu-server/111.conf", "name: own\n"),
            ("etc/pve/nodes/pve2/qemu-server/112.conf", "name: other\n"),
        ]);
        assert_eq!(vm_ids(&host), [111]);
        assert_eq!(load(&host, 111).unwrap().name, "own");
    }

    #[test]
    fn a_vm_that_migrates_to_here_is_found_under_its_source() {
        let (_dir, host) = planted(&[
            ("etc/hostname", "pve1\n"),
            ("etc/pve/qemu-server/111.conf", "name: own\n"),
            ("etc/pve/nodes/pve2/qemu-server/112.conf", "name: other\n"),
        ]);
        let config = load(&host, 112).unwrap();
        assert_eq!(config.name, "other");
        assert_eq!(config.file, Path::new("/etc/pve/nodes/pve2/qemu-server/112.conf"));
    }

    #[test]
    fn a_vm_that_is_nowhere_is_a_usage_error() {
        let (_dir, host) = planted(&[]);
        let error = load(&host, 999).unwrap_err();
        assert_eq!(error.to_string(), "/etc/pve/qemu-server/999.conf: there is no such VM");
        assert_eq!(Fault::code_of(&error), crate::fault::Code::Usage);
        assert!(vm_ids(&host).is_empty());
    }

    #[test]
    fn what_may_not_be_read_is_not_missing() {
        let (_dir, host) = planted(&[("etc/pve/qemu-server/111.conf", "name: a\n")]);
        let mode = |path: &str, mode| fs::set_permissions(host.at(path), fs::Permissions::from_mode(mode)).unwrap();
        mode(".", 0o755);
        let told = |path: &str| {
            mode(path, 0);
            let ask = || {
                // Root reads everything, this thread does not.
                nix::unistd::setfsuid(nix::unistd::Uid::from_raw(65534));
                let error = require_configs(&host).and_then(|()| load(&host, 111)).unwrap_err();
                let known = require_known(&host).err();
                let next = known.as_ref().and_then(|error| Fault::of(error)?.next.as_deref());
                assert!(next.is_none_or(|next| next.starts_with("sudo ")), "{known:?}");
                (error.to_string(), Fault::of(&error).and_then(|fault| fault.next.clone()).unwrap_or_default())
            };
            let told = std::thread::scope(|scope| scope.spawn(ask).join().unwrap());
            mode(path, 0o755);
            assert!(told.1.starts_with("sudo "), "{told:?}");
            told.0
        };
        assert_eq!(told("etc/pve"), "cannot read /etc/pve/qemu-server: Permission denied");
        assert_eq!(told("etc/pve/qemu-server"), "cannot read /etc/pve/qemu-server: Permission denied");
        let file = "etc/pve/qemu-server/111.conf";
        assert_eq!(told(file), format!("cannot read /{file}: Permission denied"));
    }

    #[test]
    fn no_place_for_configurations_is_another_thing_than_no_vm() {
        let (_dir, host) = planted(&[("etc/hostname", "pve1\n")]);
        let error = require_configs(&host).unwrap_err();
        assert_eq!(Fault::code_of(&error), crate::fault::Code::Problem);
        fs::create_dir_all(host.at("etc/pve/nodes/pve1/qemu-server")).unwrap();
        assert!(require_configs(&host).is_ok() && vm_ids(&host).is_empty());
    }
}

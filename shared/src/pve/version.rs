//! Which Proxmox VE this is, as dpkg has it: no program is run.

use crate::host::{Host, read_if_there};

/// The version of the installed package pve-manager; `None` where there is none.
pub fn version(host: &Host) -> Option<String> {
    let status = read_if_there(&host.dpkg_status()).ok().flatten()?;
    let mut stanzas = status.split("\n\n").map(|stanza| stanza.trim_start_matches('\n'));
    let own = stanzas.find(|stanza| stanza.lines().any(|line| line == "Package: pve-manager"))?;
    let field = |name: &str| own.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    field("Status:").filter(|status| status.ends_with(" installed"))?;
    field("Version:").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_what_is_installed_counts() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        assert_eq!(version(&host), None);
        fs::create_dir_all(host.dpkg_status().parent().unwrap()).unwrap();
        let with = |state: &str| {
            let text = format!(
                "Package: pve-docs\nStatus: install ok installed\nVersion: 1\n\n\
                 Package: pve-manager\nStatus: {state}\nVersion: 8.4.1\nDepends: pve-docs\n\nPackage: zlib\nVersion: 2\n"
            );
            fs::write(host.dpkg_status(), text).unwrap();
            version(&host)
        };
        assert_eq!(with("install ok installed").as_deref(), Some("8.4.1"));
        assert_eq!(with("deinstall ok config-files"), None);
    }
}

//! What only PVE's own programs may do: changing a VM's configuration, and telling where a volume lies.

use crate::{
    command::{self, run},
    fault::Fault,
    host::Host,
};
use anyhow::Result;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// The command that gives a VM a hookscript, or with `None` takes it away.
pub fn set_hookscript_command(vmid: u32, script: Option<&str>) -> Vec<String> {
    let (option, value) = script.map_or(("--delete", "hookscript"), |script| ("--hookscript", script));
    ["qm", "set", &vmid.to_string(), option, value].map(str::to_owned).into()
}

/// The command that has PVE give a VM's guest agent its channel, which counts from the VM's next start.
pub fn enable_agent_command(vmid: u32) -> String {
    format!("qm set {vmid} --agent 1")
}

/// Gives a VM a hookscript, or with `None` takes it away. A dry run changes nothing. Returns the command, run or not.
pub fn set_hookscript(
    host: &Host,
    vmid: u32,
    script: Option<&str>,
    timeout: Duration,
    dry_run: bool,
) -> Result<Vec<String>> {
    let argv = set_hookscript_command(vmid, script);
    if dry_run {
        return Ok(argv);
    }
    let shown = argv.join(" ");
    let program = program(host, "qm", &shown)?;
    change(&program, &argv, timeout)?;
    Ok(argv)
}

/// Has a VM rebooted: its guest is asked to shut down, and QEMU is started anew, with its devices. Waits for the shutdown.
pub fn reboot(host: &Host, vmid: u32, timeout: Duration) -> Result<()> {
    let seconds = timeout.as_secs().saturating_sub(5).max(1);
    let argv = ["qm", "reboot", &vmid.to_string(), "--timeout", &seconds.to_string()].map(str::to_owned);
    change(&program(host, "qm", &argv.join(" "))?, &argv, timeout)
}

fn change(program: &str, argv: &[String], timeout: Duration) -> Result<()> {
    let words: Vec<_> = [program].into_iter().chain(argv.iter().skip(1).map(String::as_str)).collect();
    let output = run(&words, timeout)?;
    if output.status.success() {
        return Ok(());
    }
    let shown = argv.join(" ");
    let why = output.complaint();
    // lock_file in PVE::Tools gives up after ten seconds with these words; nothing has been changed then.
    let locked = why.contains("can't lock file") || why.contains("got timeout") || why.contains("VM is locked");
    let fault = if locked { Fault::busy } else { Fault::problem };
    let vmid = argv.get(2).map_or("VMID", String::as_str);
    let next = match lock(&why) {
        Some(lock) => format!("qm config {vmid}   # its lock is \"{lock}\": try again when that is over"),
        None if locked => format!("{shown}   # when whoever changes the VM now has ended"),
        None => format!("as root: {shown}"),
    };
    fault(format!("{shown}: {why}")).next(next).fail()
}

/// What PVE says that a VM is locked for (`check_lock` in `PVE::AbstractConfig`).
fn lock(why: &str) -> Option<&str> {
    why.split_once("is locked (")?.1.split_once(')').map(|(lock, _)| lock)
}

/// The file behind a volume id such as `local:snippets/pve-hook`; `None` where that cannot be told.
pub fn snippet_path(host: &Host, volume: &str) -> Option<PathBuf> {
    let (storage, name) = volume.split_once(":snippets/")?;
    if storage.is_empty() || matches!(name, "" | "." | "..") || name.contains('/') {
        return None;
    }
    if storage == "local" {
        return Some(host.snippets().join(name));
    }
    if !host.is_live() {
        return None;
    }
    let pvesm = program(host, "pvesm", volume).ok()?;
    let output = run(&[&pvesm, "path", volume], Duration::from_secs(10)).ok()?;
    let path = output.stdout.trim();
    (output.status.success() && path.starts_with('/')).then(|| PathBuf::from(path))
}

/// One of PVE's programs. The machine's own change the machine, so for a tree that merely stands in for one only a
/// stand-in serves: a program of that name from somewhere else in PATH.
pub(crate) fn program(host: &Host, name: &str, shown: &str) -> Result<String> {
    let found = command::find(name).or_else(|| command::find(&format!("/usr/sbin/{name}")));
    let Some(path) = found else {
        return Fault::problem(format!("{shown}: {name} is not installed, so this is no Proxmox VE host")).fail();
    };
    if !host.is_live() && is_systems(&path) {
        return Fault::refused(format!("{shown}: would change this machine, not the tree that is looked at"))
            .next("leave out --root, or add --dry-run")
            .fail();
    }
    Ok(path.to_string_lossy().into_owned())
}

fn is_systems(path: &Path) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|dir| path.parent() == Some(Path::new(dir)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Code;

    #[test]
    fn the_command_is_a_list_of_words() {
        assert_eq!(
            set_hookscript_command(111, Some("local:snippets/pve-hook")),
            ["qm", "set", "111", "--hookscript", "local:snippets/pve-hook"]
        );
        assert_eq!(set_hookscript_command(111, None), ["qm", "set", "111", "--delete", "hookscript"]);
    }

    #[test]
    fn a_dry_run_runs_nothing() {
        let argv = set_hookscript(&Host::new("/nonexistent"), 111, None, Duration::ZERO, true).unwrap();
        assert_eq!(argv, set_hookscript_command(111, None));
    }

    #[test]
    fn what_qm_says_is_what_the_user_reads() {
        for (script, expected) in [
            ("echo 'update VM 111'", None),
            ("echo 'VM is locked (backup)' >&2; exit 255", Some((Code::Busy, "VM is locked (backup)"))),
            ("echo \"can't lock file x - got timeout\"; exit 4", Some((Code::Busy, "can't lock file x - got timeout"))),
            ("echo 'only root' >&2; exit 1", Some((Code::Problem, "only root"))),
        ] {
            let outcome = change("/bin/sh", &["qm", "-c", script].map(str::to_owned), Duration::from_secs(20));
            let next = outcome.as_ref().err().and_then(|e| Fault::of(e)?.next.clone()).unwrap_or_default();
            assert_eq!(next.contains("its lock is \"backup\""), script.contains("(backup)"), "{next}");
            assert_eq!(next.starts_with("as root: "), script.contains("only root"), "{next}");
            let got = outcome.err().map(|e| (Fault::code_of(&e), e.to_string()));
            let expected = expected.map(|(code, why)| (code, format!("qm -c {script}: {why}")));
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn the_machines_own_programs_never_act_for_a_tree() {
        let error = program(&Host::new("/nonexistent"), "sh", "sh x").unwrap_err();
        assert_eq!(Fault::code_of(&error), Code::Refused);
        assert!(program(&Host::default(), "sh", "sh x").is_ok());
        assert!(!is_systems(Path::new("/tmp/stand-ins/qm")));
    }

    #[test]
    fn a_local_snippet_lies_where_it_is_known_to_lie() {
        let host = Host::new("/tree");
        for (volume, path) in [
            ("local:snippets/pve-hook", Some("/tree/var/lib/vz/snippets/pve-hook")),
            ("nfs:snippets/pve-hook", None),
            ("local:snippets/../x", None),
            ("local:snippets/..", None),
            ("local:snippets/", None),
            ("local:iso/a.iso", None),
            (":snippets/x", None),
            ("", None),
        ] {
            assert_eq!(snippet_path(&host, volume), path.map(PathBuf::from), "{volume}");
        }
    }
}

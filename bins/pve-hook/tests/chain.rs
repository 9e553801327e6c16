//! A link to this program in hooks.d does not call itself for ever.

use std::{fs, os::unix::fs::symlink, process::Command};

#[test]
fn called_by_itself_it_does_nothing_and_says_so() {
    let program = env!("CARGO_BIN_EXE_pve-hook");
    let dir = tempfile::tempdir().unwrap();
    let tree = |path: &str| dir.path().join(path);
    fs::create_dir_all(tree("etc/pve-hooks/hooks.d/111")).unwrap();
    fs::create_dir_all(tree("etc/pve/qemu-server")).unwrap();
    fs::write(tree("etc/pve/qemu-server/111.conf"), "name: win\n").unwrap();
    symlink(program, tree("etc/pve-hooks/hooks.d/111/pve-hook")).unwrap();
    fs::copy(program, tree("etc/pve-hooks/hooks.d/50-copy")).unwrap();
    for phase in ["pre-start", "post-start"] {
        let run = Command::new(program).arg("--root").arg(dir.path()).args(["111", phase]).output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(run.status.success(), "{said}");
        assert_eq!(said.matches("this is pve-hook itself").count(), 2, "{said}");
    }
}

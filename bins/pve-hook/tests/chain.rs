//! What hooks.d runs: what it says, what it leaves behind, and that a link to this program does not call itself for ever.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// Has a shell make a file that is to be run. While a file is open for writing nobody can run it, and what another test is just
/// starting has all files open that this process has.
fn make(script: &str, file: &Path, what: &str) {
    let made = Command::new("sh").args(["-ec", script]).arg(file).arg(what).status().unwrap();
    assert!(made.success());
}

#[test]
fn called_by_itself_it_does_nothing_and_says_so() {
    let program = env!("CARGO_BIN_EXE_pve-hook");
    let dir = tempfile::tempdir().unwrap();
    let tree = |path: &str| dir.path().join(path);
    fs::create_dir_all(tree("etc/pve-hooks/hooks.d/111")).unwrap();
    fs::create_dir_all(tree("etc/pve/qemu-server")).unwrap();
    fs::write(tree("etc/pve/qemu-server/111.conf"), "name: win\n").unwrap();
    fs::create_dir_all(tree("usr/sbin")).unwrap();
    make("cp \"$1\" \"$0\"", &tree("usr/sbin/pve-hook"), program);
    symlink("/usr/sbin/pve-hook", tree("etc/pve-hooks/hooks.d/111/pve-hook")).unwrap();
    make("cp \"$1\" \"$0\"", &tree("etc/pve-hooks/hooks.d/50-copy"), program);
    for phase in ["pre-start", "post-start"] {
        let run = Command::new(program).arg("--root").arg(dir.path()).args(["111", phase]).output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(run.status.success(), "{said}");
        assert_eq!(said.matches("this is pve-hook itself").count(), 2, "{said}");
    }
}

#[test]
fn what_a_hook_left_behind_may_call_it_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("etc/pve/qemu-server")).unwrap();
    fs::write(dir.path().join("etc/pve/qemu-server/111.conf"), "name: win\n").unwrap();
    // No such process: the call that this was inherited from is over.
    for marker in ["111 post-stop 2147483646 1", "111 post-stop", "", "111 post-stop 1 1"] {
        let mut run = Command::new(env!("CARGO_BIN_EXE_pve-hook"));
        let run = run.arg("--root").arg(dir.path()).args(["111", "post-stop"]).env("PVE_HOOKS_CALLED_FOR", marker);
        let run = run.output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(run.status.success() && !said.contains("pve-hook itself"), "{marker}: {said}");
    }
}

#[test]
fn what_it_says_is_no_part_of_a_document_and_what_it_leaves_behind_holds_no_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let tree = |path: &str| dir.path().join(path);
    fs::create_dir_all(tree("etc/pve-hooks/hooks.d")).unwrap();
    fs::create_dir_all(tree("etc/pve/qemu-server")).unwrap();
    fs::write(tree("etc/pve/qemu-server/111.conf"), "name: win\n").unwrap();
    let script = "#!/bin/sh\nsleep 60 &\necho said; echo complained >&2\n";
    make("printf %s \"$1\" >\"$0\"; chmod 755 \"$0\"", &tree("etc/pve-hooks/hooks.d/50-x"), script);
    let run = |words: &[&str]| {
        let started = Instant::now();
        let mut program = Command::new(env!("CARGO_BIN_EXE_pve-hook"));
        // Until both pipes are at their end, as PVE does it.
        let run = program.arg("--root").arg(dir.path()).args(words).output().unwrap();
        assert!(run.status.success() && started.elapsed() < Duration::from_secs(30), "{run:?}");
        (String::from_utf8(run.stdout).unwrap(), String::from_utf8(run.stderr).unwrap())
    };
    assert_eq!(run(&["111", "post-start"]), ("said\n".into(), "complained\n".into()));
    let (stdout, stderr) = run(&["--json", "111", "post-start"]);
    assert!(stdout.starts_with('{') && !stdout.contains("said"), "{stdout}");
    assert_eq!(stderr, "said\ncomplained\n");
}

//! What only the running machine can lack: a usable `/proc`, the cluster's file system, configuration space. A planted tree
//! is made the root of a process, so that to the program it is the machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[allow(dead_code, reason = "the transcripts plant all trees")]
#[path = "../../../tests/cli/trees.rs"]
mod trees;

const PROGRAM: &str = env!("CARGO_BIN_EXE_gpu-bind");

/// A tree with the program and what it is linked to; `None` where this test cannot make it a machine.
fn machine(name: &str, tree: &str) -> Option<PathBuf> {
    let below = Path::new(env!("CARGO_TARGET_TMPDIR")).join("live").join(name);
    trees::plant_these(&[tree], &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cli/trees"), &below);
    let root = below.join(tree);
    // Not by this process: what another test is just starting would have the copy open for writing, too, and nobody can run it
    // until then.
    let copy = |from: &str, to: &Path| assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
    copy(PROGRAM, &root.join("program"));
    let ldd = Command::new("ldd").arg(PROGRAM).output().expect("ldd is there");
    let listed = String::from_utf8_lossy(&ldd.stdout).into_owned();
    for library in listed.split_whitespace().filter(|word| word.starts_with('/')) {
        let place = root.join(library.trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        copy(library, &place);
    }
    if run(&root, &["--version"]).0 == Some(0) {
        return Some(root);
    }
    eprintln!("SKIPPED: neither root nor a user namespace of its own (unshare --map-root-user) is to be had here");
    None
}

fn run(root: &Path, words: &[&str]) -> (Option<i32>, String) {
    let mut program = Command::new("unshare");
    if !fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t0\t") {
        program.arg("--map-root-user");
    }
    let run = program.arg("--root").arg(root).arg("/program").args(words).output().expect("unshare is there");
    let told = [run.stdout, run.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (run.status.code(), told.concat())
}

/// Something that looks like a process: with it, `/proc` is in use.
fn process(root: &Path) {
    fs::create_dir_all(root.join("proc/1/fd")).unwrap();
    fs::write(root.join("proc/1/stat"), "1 (init) S 0 1 1 0").unwrap();
}

#[test]
fn without_processes_nothing_is_moved() {
    let Some(root) = machine("no-processes", "left-behind") else { return };
    for words in [&["-n", "attach", "01:00"][..], &["-n", "cycle", "01:00"], &["attach", "01:00"], &["-n", "reconcile"]]
    {
        let (code, told) = run(&root, words);
        assert_eq!(code, Some(5), "{words:?}: {told}");
        let what = "0000:01:00.0: cannot tell who uses it: no process is to be seen in /proc; nothing was changed";
        assert!(told.contains(what) && told.contains("next: ls /proc"), "{words:?}: {told}");
        assert!(!told.contains("would write"), "{words:?}: {told}");
    }
    process(&root);
    let (code, told) = run(&root, &["-n", "attach", "01:00"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("would write"), "{told}");
}

#[test]
fn configurations_that_are_away_are_not_the_same_as_none() {
    let Some(root) = machine("no-configurations", "left-behind") else { return };
    process(&root);
    for gone in ["etc/pve/qemu-server", "etc/pve"] {
        fs::rename(root.join("etc/pve/nodes"), root.join("etc/pve/before")).unwrap_or_default();
        if gone == "etc/pve" {
            fs::rename(root.join(gone), root.join("etc/before")).unwrap();
        }
        let (code, told) = run(&root, &["-n", "reconcile"]);
        let what =
            "which VMs there are is not known: /etc/pve/qemu-server is not there; next: systemctl status pve-cluster";
        assert_eq!(code, Some(1), "{gone}: {told}");
        assert!(told.contains(what) && !told.contains("nothing to do"), "{gone}: {told}");
        let (_, told) = run(&root, &["status"]);
        assert!(told.contains(&format!("warning: {what}")), "{gone}: {told}");
        let (code, told) = run(&root, &["-n", "detach", "vm:111"]);
        assert_eq!(code, Some(1), "{gone}: {told}");
        assert!(told.contains("not known") && !told.contains("no such VM"), "{gone}: {told}");
    }
}

#[test]
fn one_configuration_that_cannot_be_read_keeps_no_other_from_being_healed() {
    let Some(root) = machine("one-unreadable", "left-behind") else { return };
    process(&root);
    fs::create_dir(root.join("etc/pve/nodes/pve/qemu-server/115.conf")).unwrap();
    let (code, told) = run(&root, &["-n", "reconcile"]);
    assert_eq!(code, Some(1), "{told}");
    let file = "/etc/pve/qemu-server/115.conf";
    assert!(told.contains(&format!("cannot read {file}: not a regular file; next: ls -l {file}")), "{told}");
    assert!(told.contains("would be returned"), "{told}");
}

#[test]
fn configuration_space_that_says_nothing_is_neither_attached_nor_moved() {
    let Some(root) = machine("no-answer", "attached") else { return };
    process(&root);
    assert_eq!(run(&root, &["status", "01:00"]).0, Some(0));
    let config = root.join("sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/config");
    fs::write(&config, "").unwrap();
    let is = |why: &str| {
        let file = "/sys/bus/pci/devices/0000:01:00.0/config";
        let what = format!("0000:01:00.0: whether configuration space answers is not known: {file} {why}");
        let (code, told) = run(&root, &["status", "01:00"]);
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains(&what) && !told.contains("ATTACHED"), "{told}");
        for verb in ["attach", "detach", "cycle"] {
            let (code, told) = run(&root, &["-n", verb, "01:00"]);
            assert_eq!(code, Some(1), "{verb}: {told}");
            assert!(told.contains(&what) && !told.contains("would write"), "{verb}: {told}");
        }
    };
    is("has 0 bytes");
    fs::remove_file(&config).unwrap();
    is("is not there");
    // A tree without the file makes no claim.
    let tree = Command::new(PROGRAM).arg("--root").arg(&root).args(["status", "01:00"]).output().unwrap();
    assert_eq!(tree.status.code(), Some(0), "{tree:?}");
}

#[test]
fn a_device_whose_class_cannot_be_read_is_told() {
    let Some(root) = machine("no-class", "attached") else { return };
    process(&root);
    let class = root.join("sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/class");
    fs::remove_file(&class).unwrap();
    fs::create_dir(&class).unwrap();
    let (code, told) = run(&root, &["status"]);
    assert_eq!(code, Some(1), "{told}");
    let what = "0000:01:00.0: whether it is a GPU is not known: cannot read /sys/bus/pci/devices/0000:01:00.0/class";
    assert!(told.contains(what) && told.contains("0000:00:02.0"), "{told}");
}

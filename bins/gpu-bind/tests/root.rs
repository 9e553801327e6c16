//! A run with `--root DIR` writes below DIR only, wherever the links of that tree lead.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

#[allow(dead_code, reason = "the transcripts plant all trees")]
#[path = "../../../tests/cli/trees.rs"]
mod trees;

/// A machine with the GPU on the host, and beside it what stands for the running machine.
fn ground(name: &str) -> (PathBuf, PathBuf) {
    let below = Path::new(env!("CARGO_TARGET_TMPDIR")).join("root").join(name);
    trees::plant_these(&["attached"], &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cli/trees"), &below);
    let outside = below.join("outside");
    fs::create_dir_all(&outside).unwrap();
    (below.join("attached"), outside)
}

fn detach(tree: &Path) -> (bool, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_gpu-bind"));
    let run = program.arg("--root").arg(tree).args(["detach", "01:00"]).output().unwrap();
    (run.status.success(), String::from_utf8_lossy(&run.stderr).into_owned())
}

#[test]
fn an_attribute_that_leads_out_of_the_tree_is_not_written() {
    let (tree, outside) = ground("attribute");
    let (file, link) = (
        outside.join("driver_override"),
        tree.join("sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/driver_override"),
    );
    fs::write(&file, "(null)\n").unwrap();
    fs::remove_file(&link).unwrap();
    symlink(&file, &link).unwrap();
    let (done, said) = detach(&tree);
    assert_eq!(fs::read_to_string(&file).unwrap(), "(null)\n", "{said}");
    assert!(!done && said.contains("driver_override"), "{said}");
}

#[test]
fn state_is_not_kept_outside_of_the_tree() {
    let (tree, outside) = ground("state");
    fs::remove_dir_all(tree.join("run")).unwrap();
    symlink(&outside, tree.join("run")).unwrap();
    let (done, said) = detach(&tree);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{said}");
    assert!(!done && said.contains("/run/pve-hooks"), "{said}");
}

#[test]
fn links_that_name_places_of_the_tree_itself_serve() {
    let (tree, _) = ground("absolute");
    let devices = tree.join("sys/bus/pci/devices");
    for (name, place) in [("0000:01:00.0", "0000:00:01.0/0000:01:00.0"), ("0000:01:00.1", "0000:00:01.0/0000:01:00.1")]
    {
        fs::remove_file(devices.join(name)).unwrap();
        symlink(format!("/sys/devices/pci0000:00/{place}"), devices.join(name)).unwrap();
    }
    let run = Command::new(env!("CARGO_BIN_EXE_gpu-bind")).arg("--root").arg(&tree).arg("status").output().unwrap();
    let told = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(told.contains("0000:01:00.0  ATTACHED  nvidia,snd_hda_intel  card1  111,112"), "{told}");
}

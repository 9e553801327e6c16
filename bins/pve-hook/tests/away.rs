//! What cannot be read is told as such, and keeps nothing from coming back that is on record.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[allow(dead_code, reason = "the transcripts plant all trees")]
#[path = "../../../tests/cli/trees.rs"]
mod trees;

fn planted(name: &str) -> PathBuf {
    let below = Path::new(env!("CARGO_TARGET_TMPDIR")).join("away").join(name);
    trees::plant_these(&["left-behind"], &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cli/trees"), &below);
    below.join("left-behind")
}

fn hook(root: &Path, words: &[&str]) -> (Option<i32>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_pve-hook"));
    let run = program.arg("--root").arg(root).arg("-n").args(words).output().unwrap();
    (run.status.code(), String::from_utf8([run.stdout, run.stderr].concat()).unwrap())
}

#[test]
fn while_the_configurations_are_away_what_is_on_record_goes_home() {
    let root = planted("configurations");
    fs::rename(root.join("etc/pve/nodes"), root.join("etc/nodes")).unwrap();
    for phase in ["pre-start", "post-stop"] {
        let (code, told) = hook(&root, &["111", phase]);
        assert_eq!(code, Some(1), "{phase}: {told}");
        assert!(told.contains("not known: /etc/pve/qemu-server is not there"), "{phase}: {told}");
        assert!(told.contains("next: systemctl status pve-cluster") && !told.contains("would"), "{phase}: {told}");
    }
    let records = root.join("run/pve-hooks/gpu");
    fs::create_dir_all(&records).unwrap();
    let record = r#"{"boot_id":"6c6f9a40-0000-4000-8000-000000000001","address":"0000:01:00.0","group":13,"to":"vfio",
        "done":true,"vmid":111,"by":"pve-hook pre-start","originals":{"0000:01:00.0":{"driver":"nvidia"}}}"#;
    fs::write(records.join("0000:01:00.0.json"), record).unwrap();
    let (code, told) = hook(&root, &["111", "post-stop"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("going by what was taken for it"), "{told}");
    assert!(told.contains("would write \"0000:01:00.0\" to /sys/bus/pci/drivers/nvidia/bind"), "{told}");
}

#[test]
fn a_configuration_that_is_no_file_stops_the_start_of_its_own_vm() {
    let root = planted("no-file");
    fs::create_dir(root.join("etc/pve/nodes/pve/qemu-server/115.conf")).unwrap();
    let (code, told) = hook(&root, &["115", "pre-start"]);
    assert_eq!(code, Some(2), "{told}");
    let file = "/etc/pve/qemu-server/115.conf";
    assert!(told.contains(&format!("cannot read {file}: not a regular file")), "{told}");
    assert!(told.contains(&format!("next: ls -l {file}")), "{told}");
}

#[test]
fn a_mistake_in_the_settings_stops_only_who_has_something_moved() {
    let root = planted("settings");
    let configs = root.join("etc/pve/nodes/pve/qemu-server");
    fs::write(configs.join("116.conf"), "usb0: host=1234:5678\n").unwrap();
    fs::create_dir_all(root.join("etc/pve-hooks")).unwrap();
    fs::write(root.join("etc/pve-hooks/config.toml"), "retrun = \"host\"\n").unwrap();
    let (code, told) = hook(&root, &["116", "pre-start"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("unknown field `retrun`") && told.contains("going on with the defaults"), "{told}");
    assert_eq!(hook(&root, &["111", "pre-start"]).0, Some(2));
}

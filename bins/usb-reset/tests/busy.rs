//! Another one has the lock of a controller where a reset was interrupted.

#[path = "../../../tests/cli/trees.rs"]
mod trees;

use passthrough::{deadline::Deadline, host::Host, lock::Locks};
use std::{path::Path, process::Command, time::Duration};

#[test]
fn what_is_left_to_the_holder_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let descriptions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cli/trees");
    trees::plant(&descriptions, &dir.path().join("trees"));
    let root = dir.path().join("trees/usb-interrupted");
    let name = ["usb-0000:03:00.0".to_owned()];
    let _held = Locks::take(&Host::new(&root), &name, "another", &Deadline::after(Duration::ZERO)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_usb-reset"));
    let output = command.arg("--root").arg(&root).args(["--lock-timeout", "20ms", "5-2"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert_eq!(told.matches("port 5-1: left to the one who holds its lock").count(), 1, "{told}");
}

//! What harms more than the Coral is asked for on a terminal, with No as the default, and never without one.

#[path = "../../../tests/cli/trees.rs"]
#[allow(dead_code, reason = "one tree is enough here")]
mod trees;

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Runs `--fix` with this typed beforehand; what it said, and what it had qm do.
fn fix(name: &str, typed: &str, terminal: bool) -> (String, String) {
    let cli = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cli");
    let here = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("coral-check-terminal-{name}"));
    trees::plant_these(&["coral-offer"], &cli.join("trees"), &here);
    let program = PathBuf::from(env!("CARGO_BIN_EXE_coral-check"));
    let words = [program.to_str().unwrap(), "--root", "coral-offer", "--no-guest", "--fix"];
    let mut command = if terminal {
        // Of bsdutils, which every Debian has.
        let mut script = Command::new("script");
        script.args(["-qec", &words.join(" "), "/dev/null"]);
        script
    } else {
        let mut plain = Command::new(words[0]);
        plain.args(&words[1..]);
        plain
    };
    command.current_dir(&here).env("PATH", "coral-offer/bin:/usr/bin:/bin").env("SHELL", "/bin/sh");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    (said, fs::read_to_string(here.join("coral-offer/asked")).unwrap_or_default())
}

#[test]
fn a_reboot_needs_a_clear_yes() {
    let (said, asked) = fix("yes", "y\n", true);
    assert!(said.contains("Reboot VM 275? [y/N]"), "{said}");
    assert_eq!(asked.lines().count(), 1, "{said}\n{asked}");
    assert!(asked.starts_with("reboot 275"), "{asked}");
    // Done is what was read back: the same QEMU runs on.
    assert!(said.contains("vm-reboot failed"), "{said}");
    for (name, typed) in [("enter", "\n"), ("no", "n\n"), ("perhaps", "perhaps\n")] {
        let (said, asked) = fix(name, typed, true);
        assert!(said.contains("Reboot VM 275? [y/N]"), "{name}: {said}");
        assert_eq!(asked, "", "{name}: {said}");
    }
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let (said, asked) = fix("none", "y\n", false);
    assert!(!said.contains("[y/N]"), "{said}");
    assert!(said.contains("reboot the VM: qm reboot 275"), "{said}");
    assert_eq!(asked, "");
}

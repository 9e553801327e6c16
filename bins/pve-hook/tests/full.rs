//! Half of a report is told apart from a whole one: where it cannot be printed, the program fails.

use std::{
    fs::{self, File},
    process::Command,
};

#[test]
fn what_cannot_be_printed_fails_and_a_phase_does_not() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("etc/pve/qemu-server")).unwrap();
    fs::write(dir.path().join("etc/pve/qemu-server/111.conf"), "name: a\n").unwrap();
    let snippets = dir.path().join("var/lib/vz/snippets");
    fs::create_dir_all(&snippets).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_pve-hook"), snippets.join("pve-hook")).unwrap();
    let run = |words: &[&str]| {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_pve-hook"));
        let output = program.arg("--root").arg(dir.path()).args(words).stdout(full).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for words in
        [&["check"][..], &["check", "--json"], &["-n", "register", "111"], &["-n", "unregister", "111", "--json"]]
    {
        let (code, told) = run(words);
        assert_eq!(code, Some(1), "{words:?}: {told}");
        assert!(told.contains("cannot write to stdout"), "{words:?}: {told}");
    }
    assert_eq!(run(&["-n", "111", "post-start"]).0, Some(0));
}

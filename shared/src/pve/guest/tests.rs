//! Guests that answer, and agents that do not.

use super::*;
use proptest::prelude::*;
use std::{fs, path::Path, time::Instant};

/// A tree with VM 275 and a stand-in for qm, which is called by its path.
fn with_qm(script: &str, agent: &str) -> (tempfile::TempDir, Host) {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    fs::create_dir_all(host.vm_configs()).unwrap();
    fs::write(host.vm_configs().join("275.conf"), format!("agent: {agent}\nostype: l26\n")).unwrap();
    let qm = dir.path().join("qm");
    // Not by this process: what another test is just starting would have it open for writing, too, and nobody can run it then.
    let make = r#"printf '#!/bin/sh\n%s\n' "$1" >"$0"; chmod 755 "$0""#;
    command::run(&["/bin/sh", "-ec", make, qm.to_str().unwrap(), script], LONG).unwrap().check().unwrap();
    (dir, host)
}

fn run(script: &str, timeout: Duration) -> Answer {
    let (dir, _host) = with_qm(script, "1");
    let qm = dir.path().join("qm");
    exec_by(qm.to_str().unwrap(), 275, &["/bin/true"], timeout)
}

const LONG: Duration = Duration::from_secs(20);

fn unknown(why: &str) -> Answer {
    Answer::Unknown(why.to_owned())
}

#[test]
fn the_command_is_a_list_of_words_and_its_time_is_shorter_than_ours() {
    let script = r#"for word; do printf '%s|' "$word"; done >&2; echo '{"exitcode":0,"exited":1}'; exit 0"#;
    let (dir, _host) = with_qm(&format!("exec 2>\"$(dirname \"$0\")/words\"\n{script}"), "1");
    let qm = dir.path().join("qm");
    let argv = ["/bin/sh", "-c", "echo $HOME; *"];
    let answer = exec_by(qm.to_str().unwrap(), 275, &argv, LONG);
    assert_eq!(answer, Answer::Ran { exit_code: 0, stdout: String::new(), stderr: String::new() });
    let words = fs::read_to_string(dir.path().join("words")).unwrap();
    assert_eq!(words, "guest|exec|275|--timeout|16|--|/bin/sh|-c|echo $HOME; *|");
}

#[test]
fn what_the_guest_did_is_told_with_its_own_exit_code() {
    let script = r#"printf '%s' '{"err-data":"oh\n","exitcode":3,"exited":1,"out-data":"a\nb\n"}'"#;
    let ran = Answer::Ran { exit_code: 3, stdout: "a\nb\n".into(), stderr: "oh\n".into() };
    assert_eq!(run(script, LONG), ran);
}

#[test]
fn everything_else_is_unknown() {
    for (script, why) in [
        ("echo 'QEMU guest agent is not running' >&2; exit 255", "QEMU guest agent is not running"),
        ("echo 'No QEMU guest agent configured' >&2; exit 255", "No QEMU guest agent configured"),
        ("echo 'VM 275 is not running' >&2; exit 255", "VM 275 is not running"),
        (
            r#"echo 'timeout reached, returning pid' >&2; echo '{"pid":4711}'"#,
            "the command did not end in the guest within 16s",
        ),
        (r#"echo '{"exited":1,"signal":9}'"#, "signal 9 ended the command in the guest"),
        (r#"echo '{"exited":1}'"#, "the guest did not say how the command ended"),
        (
            r#"echo '{"exited":1,"exitcode":0,"out-data":"x","out-truncated":1}'"#,
            "the guest's answer was too long and is cut off",
        ),
        (r#"echo '{"result":{"error":"x"}}'"#, r#"qm said: {"result":{"error":"x"}}"#),
        ("printf 'gar\\033[2Jbage\\377'", "qm said: gar[2Jbage\u{fffd}"),
        ("exit 0", "qm said: exit status: 0"),
        ("exit 5", "exit status: 5"),
    ] {
        assert_eq!(run(script, LONG), unknown(why), "{script}");
    }
}

#[test]
fn a_flood_does_no_harm() {
    let script = r#"printf '{"exited":1,"exitcode":0,"out-data":"'; head -c 5000000 /dev/zero | tr '\0' x; echo '"}'"#;
    let Answer::Unknown(why) = run(script, LONG) else { panic!("half a document is no answer") };
    assert!(why.len() < 400, "{}", why.len());
}

#[test]
fn a_qm_that_hangs_is_ended() {
    let started = Instant::now();
    assert_eq!(run("sleep 30", Duration::from_millis(300)), unknown("qm guest exec 275: no end within 300ms"));
    assert!(started.elapsed() < LONG);
}

#[test]
fn without_an_agent_in_the_configuration_nobody_is_asked() {
    let (_dir, host) = with_qm("touch \"$0.asked\"", "0");
    let why = "the guest agent is not enabled in the VM's configuration (qm set 275 --agent 1, then restart the VM)";
    assert_eq!(exec(&host, 275, &["true"], LONG), unknown(why));
    assert_eq!(usb_ids(&host, &load(&host, 275).unwrap(), LONG), Err(why.into()));
    let Answer::Unknown(why) = exec(&host, 999, &["true"], LONG) else { panic!("there is no VM 999") };
    assert!(why.ends_with("there is no such VM"), "{why}");
}

#[test]
fn the_machines_own_qm_is_not_asked_about_a_tree() {
    let (_dir, host) = with_qm("", "1");
    assert!(matches!(exec(&host, 275, &["true"], LONG), Answer::Unknown(_)));
}

#[test]
fn the_script_for_linux_lists_what_sysfs_has() {
    let dir = tempfile::tempdir().unwrap();
    let devices = dir.path().join("sys/bus/usb/devices");
    for (port, vendor, product) in [("usb1", "1d6b", "0002"), ("1-1", "18d1", "9302")] {
        fs::create_dir_all(devices.join(port)).unwrap();
        fs::write(devices.join(port).join("idVendor"), format!("{vendor}\n")).unwrap();
        fs::write(devices.join(port).join("idProduct"), format!("{product}\n")).unwrap();
    }
    fs::create_dir_all(devices.join("1-1:1.0")).unwrap();
    let list = |root: &Path| {
        let script = LINUX.replace("/sys/", &format!("{}/sys/", root.display())).replace("/sys ]", "/sys/ ]");
        command::run(&["/bin/sh", "-c", &script], LONG).unwrap()
    };
    assert_eq!(listed(&list(dir.path()).stdout, false), Some(vec![(0x18d1, 0x9302), (0x1d6b, 2)]));
    fs::remove_dir_all(dir.path().join("sys/bus/usb")).unwrap();
    assert_eq!(listed(&list(dir.path()).stdout, false), Some(vec![]), "a kernel without USB");
    let output = list(Path::new("/nonexistent"));
    assert_eq!((output.status.code(), listed(&output.stdout, false)), (Some(3), None));
}

#[test]
fn a_windows_list_is_understood() {
    let text = "USB\\VID_18D1&PID_9302\\5&2B1C&0&1\r\nUSB\\VID_046D&PID_C52B&MI_00\\6&1\r\nUSB\\ROOT_HUB30\\4&1\r\n\
        USB\\VID_046D&PID_C52B\\5&3\r\nend\r\n";
    assert_eq!(listed(text, true), Some(vec![(0x046d, 0xc52b), (0x18d1, 0x9302)]));
}

#[test]
fn half_a_list_is_no_list() {
    for text in ["", "18d1:9302\n", "18d1:9302\nen", "end\n18d1:9302\n"] {
        assert_eq!(listed(text, false), None, "{text}");
    }
    let garbage = "\x1b[2J\n18d1:930\n18d1:93022\n+8d1:9302\n18d1-9302\nend";
    assert_eq!(listed(garbage, false), Some(vec![]));
}

proptest! {
    #[test]
    fn no_list_makes_it_panic(text in "((18d1:|USB\\\\VID_|&PID_|\\\\)?\\PC{0,6}\n?){0,6}(\nend)?") {
        let _ = (listed(&text, true), listed(&text, false));
    }

    #[test]
    fn no_document_makes_it_panic(text in "\\{(\"(exited|exitcode|pid|out-data|out-truncated)\": ?(1|0|\"x\"|null|\\{\\}),?){0,4}\\PC*\\}?") {
        let status = std::os::unix::process::ExitStatusExt::from_raw(0);
        let _ = understand(&command::Output { status, stdout: text, stderr: String::new() }, "1");
    }
}

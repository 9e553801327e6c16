use super::*;
use passthrough::{config::Config, deadline::Deadline, host::Host, log::Log, report::Output};
use std::{fs, fs::Permissions, os::unix::fs::symlink, time::Duration};

fn tree(hookscript: &str) -> (tempfile::TempDir, Session) {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    for dir in [host.vm_configs(), host.snippets(), host.hooks_d().join("111"), host.lib_dir().join("chained")] {
        fs::create_dir_all(dir).unwrap();
    }
    fs::write(host.vm_configs().join("111.conf"), format!("hookscript: {hookscript}\n")).unwrap();
    fs::write(host.snippets().join("theirs"), "#!/bin/sh\n").unwrap();
    mode(&host.snippets().join("theirs"), 0o755);
    let log = Log::new("pve-hook", -1);
    let deadline = Deadline::after(Duration::from_secs(9));
    (dir, Session::new(host, Config::default(), deadline, log, Output::new(false)))
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// What the error says, its code, and what it says to type next.
fn parts(error: &Error) -> (Code, String, String) {
    let next = Fault::of(error).and_then(|fault| fault.next.clone()).unwrap_or_default();
    (Fault::code_of(error), format!("{error:#}"), next)
}

const THEIRS: &str = "local:snippets/theirs";

#[test]
fn the_configuration_has_the_last_word() {
    let (_dir, session) = tree(THEIRS);
    is_set(&session, 111, Some(THEIRS), "qm").unwrap();
    for (volume, vmid, why) in [
        (Some(VOLUME), 111, "/etc/pve/qemu-server/111.conf has the hookscript local:snippets/theirs"),
        (None, 111, "/etc/pve/qemu-server/111.conf has the hookscript local:snippets/theirs"),
        (None, 112, "/etc/pve/qemu-server/112.conf: there is no such VM"),
    ] {
        let error = is_set(&session, vmid, volume, "qm set x").unwrap_err();
        let what = format!("VM {vmid}: qm set x reported success, but {why}");
        assert_eq!(parts(&error), (Code::Problem, what, format!("qm config {vmid}")));
    }
}

#[test]
fn what_would_be_skipped_is_not_chained() {
    let (_dir, session) = tree(THEIRS);
    let snippets = session.host.snippets();
    mode(&snippets.join("theirs"), 0o644);
    fs::write(snippets.join(".dot"), "").unwrap();
    for (volume, why, next) in [
        (THEIRS, "it is not executable", "chmod +x /var/lib/vz/snippets/theirs   # --replace drops it"),
        (
            "local:snippets/.dot",
            "its name begins with a dot",
            "mv /var/lib/vz/snippets/.dot /var/lib/vz/snippets/dot && qm set 111 --hookscript local:snippets/dot   \
             # --replace drops it",
        ),
    ] {
        let error = chained::put(&session, 111, volume).err().unwrap();
        let what = format!("VM 111: {volume} would not run from hooks.d/111: {why}");
        assert_eq!(parts(&error), (Code::Refused, what, next.to_owned()));
    }
    assert_eq!(fs::read_dir(session.host.hooks_d().join("111")).unwrap().count(), 0);
}

#[test]
fn a_chain_that_comes_to_nothing_is_undone_unless_qm_was_done() {
    let (_dir, session) = tree(THEIRS);
    let link = session.host.hooks_d().join("111/theirs");
    let memory = session.host.lib_dir().join("chained/111");
    chained::put(&session, 111, THEIRS).unwrap().undo_unless_registered(&session);
    assert!(link.symlink_metadata().is_err() && memory.symlink_metadata().is_err());

    let chained = chained::put(&session, 111, THEIRS).unwrap();
    fs::write(session.host.vm_configs().join("111.conf"), format!("hookscript: {VOLUME}\n")).unwrap();
    chained.undo_unless_registered(&session);
    assert!(link.is_file() && chained::before(&session, 111).unwrap().as_deref() == Some(THEIRS));
    chained::forget(&session, 111, Some(THEIRS)).unwrap();
    assert!(link.symlink_metadata().is_err() && memory.symlink_metadata().is_err());
}

#[test]
fn a_file_in_the_links_place_stays_and_nothing_is_remembered() {
    let (_dir, session) = tree(THEIRS);
    let link = session.host.hooks_d().join("111/theirs");
    fs::write(&link, "mine").unwrap();
    let (code, what, next) = parts(&chained::put(&session, 111, THEIRS).err().unwrap());
    assert_eq!(code, Code::Problem);
    assert!(what.contains("is there already") && next.starts_with("ls -l /etc/pve-hooks/hooks.d/111/theirs"));
    assert_eq!(chained::before(&session, 111).unwrap(), None);
    chained::forget(&session, 111, Some(THEIRS)).unwrap();
    assert_eq!(fs::read_to_string(&link).unwrap(), "mine");
}

#[test]
fn a_lost_memory_stops_unregister_while_something_is_chained() {
    let (_dir, session) = tree(VOLUME);
    let memory = session.host.lib_dir().join("chained/111");
    let link = session.host.hooks_d().join("111/theirs");
    let mut dry = tree(VOLUME).1;
    dry.host = session.host.clone();
    dry.dry_run = true;
    for (text, why) in
        [("", "is empty"), ("garb", "names no snippet"), ("\"\"", "names no snippet"), ("3", "names no snippet")]
    {
        fs::write(&memory, text).unwrap();
        let _ = fs::remove_file(&link);
        assert_eq!(chained::before(&session, 111).unwrap(), None, "nothing is chained");
        symlink(session.host.snippets().join("theirs"), &link).unwrap();
        let config = pve::load(&session.host, 111).unwrap();
        let (code, what, next) = parts(&unregister_one(&dry, &config).unwrap_err());
        assert_eq!(code, Code::Problem);
        assert!(what.starts_with(&format!("VM 111: /var/lib/pve-hooks/chained/111 {why}, so ")), "{what}");
        let files = "/etc/pve-hooks/hooks.d/111/theirs /var/lib/pve-hooks/chained/111";
        assert_eq!(next, format!("qm set 111 --hookscript {THEIRS} && rm {files}"));
    }
}

#[test]
fn this_program_is_never_chained_to_itself() {
    let (_dir, session) = tree("local:snippets/hook");
    let host = &session.host;
    let snippets = host.snippets();
    fs::write(snippets.join("pve-hook"), "").unwrap();
    mode(&snippets.join("pve-hook"), 0o755);
    symlink("pve-hook", snippets.join("hook")).unwrap();
    symlink("theirs", snippets.join("gpu-bind")).unwrap();
    for (volume, ours) in [
        (VOLUME, true),
        ("local:snippets/hook", true),
        (THEIRS, false),
        ("local:snippets/gpu-bind", false),
        ("nas:snippets/pve-hook", false),
    ] {
        assert_eq!(own::is_ours(host, volume), ours, "{volume}");
    }
    let config = pve::load(host, 111).unwrap();
    let which = || Which { vmids: vec![111], all: false };
    for (chain, replace) in [(true, false), (false, true), (false, false)] {
        let outcome = register_one(&session, &config, &Register { which: which(), chain, replace });
        assert_eq!(outcome.unwrap(), Outcome::Unchanged);
    }
    let (code, what, next) = parts(&chained::put(&session, 111, "local:snippets/hook").err().unwrap());
    assert_eq!((code, next.as_str()), (Code::Refused, "pve-hook register 111 --replace"));
    assert!(what.contains("is pve-hook itself"), "{what}");
    assert_eq!(fs::read_dir(host.hooks_d().join("111")).unwrap().count(), 0);
    // The program itself, a copy of it, a script that calls it, and one that does not.
    assert!(own::is_program(host, Path::new("/proc/self/exe")));
    fs::create_dir_all(host.at("usr/sbin")).unwrap();
    fs::write(host.at("usr/sbin/pve-hook"), "").unwrap();
    for (text, program, foreign) in [
        ("\x7fELF pre-start|post-start|pre-stop|post-stop", true, false),
        ("#!/bin/sh\nexec /usr/sbin/pve-hook \"$@\"\n", false, false),
        ("#!/bin/sh\n", false, true),
    ] {
        let file = snippets.join("file");
        fs::write(&file, text).unwrap();
        assert_eq!((own::is_program(host, &file), own::is_foreign(host, &file)), (program, foreign), "{text}");
    }
}

#[test]
fn all_is_taken_off_where_it_is_named() {
    let (_dir, mut session) = tree(THEIRS);
    session.dry_run = true;
    for (name, text) in [
        ("112.conf", "hookscript: local:snippets/pve-hook\n"),
        ("113.conf", "template: 1\nhookscript: local:snippets/pve-hook\n"),
        ("114.conf", "hostpci0: 01:00\n"),
        ("115.conf", "name: nas\n[before]\nhookscript: local:snippets/pve-hook\n"),
    ] {
        fs::write(session.host.vm_configs().join(name), text).unwrap();
    }
    assert_eq!(unregister(&session, &Which { vmids: Vec::new(), all: true }).unwrap(), 0);
    let expected = [112, 113].map(|vmid| format!("run qm set {vmid} --delete hookscript"));
    assert_eq!(session.planned(), expected);
}

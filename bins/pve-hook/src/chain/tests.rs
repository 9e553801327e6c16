use super::*;
use passthrough::{config::Config, host::Host, log::Log, report::Output};
use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    time::Instant,
};

fn tree() -> (tempfile::TempDir, Host) {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    fs::create_dir_all(host.hooks_d().join("111")).unwrap();
    (dir, host)
}

fn script(path: &Path, mode: u32) {
    fs::write(path, "#!/bin/sh\n").unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn session(host: Host) -> Session {
    let log = Log::new("pve-hook", -1);
    Session::new(host, Config::default(), Deadline::after(Duration::from_secs(9)), log, Output::new(false))
}

fn sh(text: &str) -> Child {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", text]).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn().unwrap()
}

#[test]
fn everyones_run_first_and_what_is_switched_off_does_not() {
    let (_dir, host) = tree();
    let dir = host.hooks_d();
    for (name, mode) in [("20-b", 0o755), ("10-a", 0o755), ("111/05-own", 0o755), ("30-off", 0o644), (".40-x", 0o755)] {
        script(&dir.join(name), mode);
    }
    let found = survey::survey(&host, 111);
    assert_eq!(found.scripts, ["10-a", "20-b", "111/05-own"].map(|name| dir.join(name)));
    assert!(found.warnings.is_empty() && found.broken.is_empty(), "{found:?}");
    assert!(found.details.contains(&"/etc/pve-hooks/hooks.d/30-off is not run: it is not executable".to_owned()));
    assert!(survey::survey(&Host::new("/nonexistent"), 111).scripts.is_empty());
}

#[test]
fn a_dangling_link_keeps_its_vm_from_starting_and_from_nothing_else() {
    let (_dir, host) = tree();
    let link = host.hooks_d().join("111/10-gone");
    symlink("/nonexistent/gone", &link).unwrap();
    // An editor's lock, and the directory of another VM.
    symlink("root@pve.4711", host.hooks_d().join(".#x")).unwrap();
    symlink("/nonexistent", host.hooks_d().join("112")).unwrap();
    script(&host.hooks_d().join("10-a"), 0o755);
    let session = session(host);
    let error = scripts(&session, 111, Phase::PreStart).unwrap_err();
    let what = "/etc/pve-hooks/hooks.d/111/10-gone cannot be run: its target cannot be reached: No such file";
    assert!(error.to_string().starts_with(what), "{error}");
    assert!(told(&error).ends_with("; next: rm /etc/pve-hooks/hooks.d/111/10-gone   # or put back what it leads to"));
    for phase in [Phase::PostStart, Phase::PreStop, Phase::PostStop] {
        assert_eq!(scripts(&session, 111, phase).unwrap().len(), 1);
    }
    assert_eq!(scripts(&session, 113, Phase::PreStart).unwrap().len(), 1);
    assert!(scripts(&session, 112, Phase::PreStart).is_err());
    fs::remove_file(link).unwrap();
    assert_eq!(scripts(&session, 111, Phase::PreStart).unwrap().len(), 1);
}

#[test]
fn a_name_that_is_no_text_is_complained_about() {
    let (_dir, host) = tree();
    script(&host.hooks_d().join(OsStr::from_bytes(b"10-\xff")), 0o755);
    let found = survey::survey(&host, 111);
    assert!(found.scripts.is_empty() && found.broken.is_empty());
    let expected = "/etc/pve-hooks/hooks.d/10-\u{fffd} is not run: its name is not UTF-8; \
                    next: ls -b /etc/pve-hooks/hooks.d   # rename it";
    assert_eq!(found.warnings, [expected]);
}

#[test]
fn a_link_in_the_directorys_place_runs_nothing_twice() {
    let (_dir, host) = tree();
    script(&host.hooks_d().join("10-a"), 0o755);
    symlink(".", host.hooks_d().join("123")).unwrap();
    let found = survey::survey(&host, 123);
    assert_eq!(found.scripts, [host.hooks_d().join("10-a")]);
    let expected = "/etc/pve-hooks/hooks.d/123 is not a directory, so nothing in it is run; \
                    next: rm /etc/pve-hooks/hooks.d/123 && mkdir /etc/pve-hooks/hooks.d/123";
    assert_eq!(found.warnings, [expected]);
    assert!(survey::survey(&host, 111).warnings.is_empty());
}

#[test]
fn on_the_live_machine_only_roots_own_files_run() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x");
    script(&file, 0o777);
    assert_eq!(obstacle(&Host::default(), &file), Some(Obstacle::NotOnlyRoots));
    assert_eq!(obstacle(&Host::new(dir.path()), &file), None);
    assert_eq!(Obstacle::NotOnlyRoots.cure("/x"), "chown root: /x && chmod go-w /x");
    assert_eq!(Obstacle::Hidden.cure("/d/.x"), "mv /d/.x /d/x");
}

/// Also the way through links, each of which somebody else could turn.
#[test]
fn what_lies_where_others_can_change_it_does_not_run() {
    // As root there is a place that is root's alone; where the tests run as somebody else, the first look finds theirs.
    let base = Path::new("/root").join(format!("pve-hook-test-{}", std::process::id()));
    let (parent, made) = (base.parent().unwrap(), fs::create_dir(&base).is_ok());
    if !made || survey::loose_directory(parent).unwrap().is_some() {
        let _ = fs::remove_dir(&base);
        let dir = tempfile::tempdir().unwrap();
        script(&dir.path().join("x"), 0o755);
        assert!(survey::loose_directory(&dir.path().join("x")).unwrap().is_some());
        return;
    }
    let loose = |file: &Path| survey::loose_directory(file).unwrap();
    let (own, open) = (base.join("own"), base.join("open"));
    fs::create_dir_all(&own).unwrap();
    fs::create_dir_all(&open).unwrap();
    script(&own.join("x"), 0o755);
    script(&open.join("x"), 0o755);
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    symlink("../open/x", own.join("to-open")).unwrap();
    symlink(&own, open.join("back")).unwrap();
    symlink(open.join("back/x"), own.join("by-open")).unwrap();
    let live = Host::default();
    let seen =
        [loose(&own.join("x")), loose(&open.join("x")), loose(&own.join("to-open")), loose(&own.join("by-open"))];
    let obstacles = [obstacle(&live, &own.join("x")), obstacle(&live, &own.join("by-open"))];
    std::os::unix::fs::chown(&own, Some(65534), None).unwrap();
    let chowned = loose(&own.join("x"));
    fs::remove_dir_all(&base).unwrap();
    assert_eq!(seen, [None, Some(open.clone()), Some(open.clone()), Some(open.clone())]);
    let shown = open.display().to_string();
    assert_eq!(obstacles, [None, Some(Obstacle::Way(shown.clone()))]);
    assert_eq!(chowned, Some(own));
    assert_eq!(Obstacle::Way(shown.clone()).cure("/x"), format!("chown root: {shown} && chmod go-w {shown}"));
    assert_eq!(Obstacle::Way("/tmp".into()).cure("/x"), "move what /x leads to into a directory of root's");
}

#[test]
fn what_takes_too_long_is_killed_and_not_waited_for_to_its_end() {
    let started = Instant::now();
    let mut child = sh("sleep 1000; :");
    let mut silent = Relay::of(&mut child, true).unwrap();
    assert_eq!(until(&mut child, &mut silent, &Deadline::after(Duration::from_millis(80))).unwrap(), None);
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(80), "{waited:?}");
    assert_eq!(wait(&mut child, true, &Deadline::after(Duration::ZERO)).unwrap(), End::Killed);
    assert!(started.elapsed() < Duration::from_secs(60));
    let mut child = sh("exit 3");
    let end = wait(&mut child, true, &Deadline::after(Duration::from_secs(60))).unwrap();
    assert!(matches!(end, End::Itself(status) if status.code() == Some(3)), "{end:?}");
}

#[test]
fn what_is_left_in_the_background_holds_nothing_of_ours_and_is_not_waited_for() {
    let mut child = sh("sleep 1000 & echo $!");
    let mut pids = child.stdout.take().unwrap();
    let end = wait(&mut child, true, &Deadline::after(Duration::from_secs(60))).unwrap();
    assert!(matches!(end, End::Itself(status) if status.success()), "{end:?}");
    let mut pid = [0; 16];
    let n = io::Read::read(&mut pids, &mut pid).unwrap();
    let pid: i32 = String::from_utf8_lossy(&pid[..n]).trim().parse().unwrap();
    // It goes on: whoever left it there meant it.
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

#[test]
fn much_that_is_said_is_handed_on_to_its_end() {
    struct Kept(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);
    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut child = sh("head -c 3000000 /dev/zero; echo; echo the end");
    let mut relay = Relay::of(&mut child, true).unwrap();
    let kept = std::rc::Rc::default();
    relay.hand_to(|| Box::new(Kept(std::rc::Rc::clone(&kept))));
    assert!(until(&mut child, &mut relay, &Deadline::after(Duration::from_secs(20))).unwrap().is_some());
    let kept = kept.borrow();
    assert_eq!(kept.len(), 3_000_000 + "\nthe end\n".len());
    assert!(kept.ends_with(b"the end\n"));
}

#[test]
fn times_are_told_as_they_were_given() {
    for (time, words) in [
        (Duration::from_millis(500), "500ms"),
        (PATIENCE, "5m"),
        (Duration::from_micros(1_500_100), "1s 501ms"),
        (Duration::from_nanos(1), "1ms"),
        (Duration::ZERO, "0s"),
    ] {
        assert_eq!(in_words(time), words);
    }
    assert!(in_words(Duration::MAX).contains("years"));
}

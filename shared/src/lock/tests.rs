use super::*;
use crate::fault::Code;

fn take(host: &Host, names: &[&str], wait: u64) -> Result<Locks> {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    Locks::take(host, &names, "gpu-bind attach 0000:01:00.0", &Deadline::after(Duration::from_millis(wait)))
}

/// Waits until a lock that was let go of is free: a process that another test is just starting shares all descriptors of this
/// one, and so its locks, until it is another program.
pub(crate) fn freed(host: &Host, name: &str) {
    let deadline = Deadline::after(Duration::from_secs(60));
    while holder(host, name).is_some() {
        assert!(!deadline.expired(), "{name} is still held");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_second_caller_is_told_who_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let first = take(&host, &["slot-b", "slot-a", "slot-b"], 0).unwrap();
    assert_eq!(first.files.len(), 2);
    assert_eq!(holder(&host, "slot-a").unwrap().pid, i32::try_from(std::process::id()).unwrap());
    let error = take(&host, &["slot-b"], 30).unwrap_err();
    assert_eq!(Fault::code_of(&error), Code::Busy);
    assert!(error.to_string().contains(&format!("pid {}", std::process::id())), "{error}");
    drop(first);
    freed(&host, "slot-a");
    take(&host, &["slot-b"], 60_000).unwrap();
}

#[test]
fn who_has_ended_or_is_another_by_now_is_not_named_as_the_holder() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let locks = take(&host, &["slot-a"], 0).unwrap();
    let own = locks.holder.clone();
    let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let worker = i32::try_from(other.id()).unwrap();
    let told = |holder: &Holder| {
        fs::write(directory(&host).join("slot-a"), serde_json::to_string(holder).unwrap()).unwrap();
        let error = take(&host, &["slot-a"], 0).unwrap_err();
        assert_eq!(Fault::code_of(&error), Code::Busy);
        error.to_string()
    };
    let before = "(gpu-bind attach 0000:01:00.0), which had it before, has ended";
    let reused = Holder { started: own.started.map(|at| at + 1), ..own.clone() };
    assert!(told(&reused).contains(&format!("pid {} {before}", own.pid)), "{}", told(&reused));
    // The worker of a caller that has ended holds on.
    let left = Holder { worker: Some(worker), ..reused };
    assert!(told(&left).contains(&format!("by pid {worker} (")), "{}", told(&left));
    let gone = Holder { worker_started: Some(1), ..left.clone() };
    assert!(told(&gone).contains(before), "{}", told(&gone));
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(told(&left).contains(before), "{}", told(&left));
    // As an older version of the programs leaves it.
    assert!(told(&Holder { started: None, ..own.clone() }).contains(&format!("by pid {} (", own.pid)));
    assert!(told(&Holder::default()).contains("somebody who could not leave his name there"));
}

#[test]
fn without_room_for_its_file_it_is_a_lock_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    drop(take(&host, &["slot-a"], 0).unwrap());
    let nearest = |name: &str| open_nearest(&host, &directory(&host).join(name)).unwrap();
    let (place, file) = nearest("slot-b");
    assert_eq!(place, directory(&host));
    FileExt::try_lock_exclusive(&file).unwrap();
    assert!(FileExt::try_lock_exclusive(&nearest("slot-c").1).is_err());
    assert_eq!(nearest("slot-a").0, place.join("slot-a"));
}

#[test]
fn what_stands_in_the_place_of_the_directory_is_called_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    fs::create_dir_all(dir.path().join("run")).unwrap();
    let told = || {
        let error = take(&host, &["slot-a"], 0).unwrap_err();
        assert_eq!(Fault::code_of(&error), Code::Refused);
        error.to_string()
    };
    fs::write(host.run_dir(), "").unwrap();
    assert_eq!(told(), "/run/pve-hooks is a file, not a directory");
    fs::remove_file(host.run_dir()).unwrap();
    std::os::unix::fs::symlink("elsewhere", host.run_dir()).unwrap();
    assert_eq!(told(), "/run/pve-hooks is a link, not a directory");
}

#[test]
fn a_planted_link_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    drop(take(&host, &["slot-a"], 0).unwrap());
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), directory(&host).join("slot-b")).unwrap();
    assert!(take(&host, &["slot-b"], 0).is_err());
    assert!(!dir.path().join("elsewhere").exists());
}

#[test]
fn what_is_no_file_in_a_locks_place_holds_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    drop(take(&host, &["slot-a"], 0).unwrap());
    nix::unistd::mkfifo(&directory(&host).join("slot-b"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::create_dir(directory(&host).join("slot-c")).unwrap();
    let (told, answer) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for name in ["slot-b", "slot-c"] {
            let error = take(&host, &[name], 0).unwrap_err();
            let next = Fault::of(&error).and_then(|fault| fault.next.clone());
            told.send((error.to_string(), next, holder(&host, name))).unwrap();
        }
    });
    for name in ["slot-b", "slot-c"] {
        let (what, next, holder) = answer.recv_timeout(Duration::from_secs(20)).expect("it hangs");
        let path = format!("/run/pve-hooks/lock/{name}");
        assert_eq!(what, format!("cannot open the lock {path}: not a regular file"));
        assert_eq!(next, Some(format!("ls -ld {path} && rm -r {path}")));
        assert_eq!(holder, None);
    }
}

#[test]
fn who_may_not_open_it_is_told_what_for_and_how() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    drop(take(&host, &["group-13"], 0).unwrap());
    let path = host.run_dir();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    let asked = host.clone();
    // Of this thread alone; root's right to open everything goes with it.
    let error = thread::spawn(move || {
        nix::unistd::setfsuid(nix::unistd::Uid::from_raw(65534));
        take(&asked, &["group-13"], 0).unwrap_err()
    });
    let error = error.join().unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let told =
        "attach 0000:01:00.0: cannot open the lock /run/pve-hooks/lock/group-13: Permission denied (os error 13)";
    assert_eq!(format!("{error:#}"), told);
    assert_eq!(Fault::of(&error).unwrap().next.as_deref(), Some("sudo gpu-bind …"));
    assert_eq!(error.downcast_ref::<std::io::Error>().unwrap().kind(), ErrorKind::PermissionDenied);
}

#[test]
fn who_may_have_it_without_a_name_goes_by_the_kind_of_lock() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let next = |name: &str| {
        let _held = take(&host, &[name], 0).unwrap();
        fs::write(directory(&host).join(name), "").unwrap();
        Fault::of(&take(&host, &[name], 0).unwrap_err()).unwrap().next.clone().unwrap()
    };
    let grep = "wait for it; ps -ef | grep";
    for (name, programs) in [
        ("usb-0000:03:00.0", "-e usb-reset -e coral-check"),
        ("usb-275-usb0", "-e usb-reset -e coral-check"),
        ("coral-reboots", "-e coral-check"),
        ("probe-audit", "-e vm-probe"),
        ("recover-111", "-e vm-probe"),
        ("group-13", "-e gpu-bind -e pve-hook"),
    ] {
        assert_eq!(next(name), format!("{grep} {programs}"), "{name}");
    }
}

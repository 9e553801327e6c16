//! Commands, ports and guests, and when each is asked.

use super::*;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, socket};
use std::os::fd::AsRawFd;

#[test]
fn a_guest_cannot_name_the_hosts_own_address() {
    let mut checks = Checks::new(&Host::default(), &Settings::default()).unwrap();
    let own: Vec<_> = fill::own_addresses().iter().map(ToString::to_string).collect();
    assert!(!own.is_empty());
    checks.learn("111", &own);
    assert!(checks.addresses.is_empty(), "{:?}", checks.addresses);
    checks.learn("111", &[own.clone(), vec!["203.0.113.9".into()]].concat());
    assert_eq!(checks.addresses["111"].to_string(), "203.0.113.9");
}

#[test]
fn a_command_says_by_its_exit_code_whether_all_is_well() {
    let host = Host::default();
    for (script, passed, detail) in [
        ("echo \"$1 $2\"; echo more", Some(true), "111 x-111"),
        ("echo; printf 'no\\033[2J'; echo; exit 3", Some(false), "no[2J"),
        ("echo broken >&2; exit 1", Some(false), "broken"),
        ("exit 1", Some(false), "exit status: 1"),
        ("kill -9 $$", None, "signal: 9 (SIGKILL)"),
    ] {
        let checked = once(&host, sh(script), &vm("111"));
        assert_eq!((checked.passed, checked.detail.as_str()), (passed, detail), "{script}");
    }
    let missing = Check { command: Some(words(&["no-such-program-at-all"])), ..Check::default() };
    assert_eq!(once(&host, missing, &vm("111")).passed, None);
    let hangs = Check { timeout: Some(Duration::from_millis(200)), ..sh("sleep 60") };
    assert_eq!(once(&host, hangs, &vm("111")).passed, Some(false));
}

#[test]
fn nothing_of_this_machine_is_run_for_a_tree() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("mark");
    let checked = once(&Host::new(dir.path()), sh(&format!("touch {}", mark.display())), &vm("111"));
    assert!(checked.passed.is_none() && checked.detail.starts_with("not run"), "{checked:?}");
    assert!(!mark.exists());
}

#[test]
fn a_name_that_could_be_an_option_is_refused() {
    let mut instance = Instance::new("111", Origin::Pve);
    instance.name = "--force".into();
    let checked = once(&Host::default(), sh("exit 0"), &Arc::new(instance));
    assert!(checked.passed.is_none() && checked.detail.starts_with("refused: "), "{checked:?}");
}

#[test]
fn a_port_accepts_or_does_not() {
    let host = Host::default();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let tcp =
        |address: String| Check { tcp: Some(address), timeout: Some(Duration::from_secs(60)), ..Check::default() };
    let mut instance = Instance::new("web", Origin::Kubernetes);
    instance.pod = Some(Pod { ip: Some("127.0.0.1".into()), ..Pod::default() });
    let instance = Arc::new(instance);
    assert_eq!(once(&host, tcp(format!("{{ip}}:{port}")), &instance).passed, Some(true));
    assert_eq!(once(&host, tcp(format!("localhost:{port}")), &instance).passed, Some(true));
    // Bound, and nobody listens: no other test is given this port meanwhile.
    let deaf = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None).unwrap();
    bind(deaf.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    let port = getsockname::<SockaddrIn>(deaf.as_raw_fd()).unwrap().port();
    let checked = once(&host, tcp(format!("127.0.0.1:{port}")), &instance);
    assert_eq!(checked.passed, Some(false));
    assert!(checked.detail.contains("refused"), "{checked:?}");
    let unknown = once(&host, tcp("{ip}:22".into()), &vm("111"));
    assert!(unknown.passed.is_none() && unknown.detail.contains("no address"), "{unknown:?}");
}

#[test]
fn a_guest_is_asked_by_its_agent_and_silence_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    fs::create_dir_all(host.vm_configs()).unwrap();
    fs::write(host.vm_configs().join("275.conf"), "agent: 0\n").unwrap();
    let guest = Check { guest: Some(words(&["/bin/true", "{id}"])), class: Class::Client, ..Check::default() };
    let checked = once(&host, guest.clone(), &vm("275"));
    assert!(checked.passed.is_none() && checked.detail.contains("agent is not enabled"), "{checked:?}");
    assert_eq!(checked.class, Class::Client);
    assert_eq!(once(&host, guest, &Arc::new(Instance::new("web", Origin::Kubernetes))).passed, None);
}

#[test]
fn runs_are_spread_over_the_interval_and_each_comes_once_in_it() {
    let tcp = Check { tcp: Some("127.0.0.1:1".into()), ..Check::default() };
    let mut checks = Checks::new(&Host::default(), &settings(&[("port", tcp)])).unwrap();
    let vms: Vec<_> = (100..1100).map(|id| vm(&id.to_string())).collect();
    let counts: Vec<_> = (0..180).map(|second| checks.due(&vms, 1_000_000_000 + second * 1000).len()).collect();
    assert!(counts.iter().all(|count| *count < 50), "{counts:?}");
    assert_eq!(counts.chunks(60).map(|minute| minute.iter().sum::<usize>()).max(), Some(1000), "{counts:?}");
    // The clock is set back by an hour, then to far ahead: they go on within a minute, and still not all at once.
    for start in [996_400_000, 2_000_000_000, u64::MAX - 62_000] {
        let counts: Vec<_> = (0..62).map(|second| checks.due(&vms, start + second * 1000).len()).collect();
        assert!(counts.iter().sum::<usize>() >= 1000 && counts.iter().all(|count| *count < 50), "{counts:?}");
    }
}

#[test]
fn what_still_runs_is_not_started_again() {
    let mut checks = Checks::new(&Host::default(), &settings(&[("c", sh("exit 0"))])).unwrap();
    let vms = [vm("111"), vm("112")];
    let mut jobs = checks.all(&vms);
    assert_eq!((jobs.len(), checks.all(&vms).len()), (2, 0));
    jobs.pop();
    assert_eq!(checks.all(&vms).iter().map(|job| job.id().to_owned()).collect::<Vec<_>>(), ["112"]);
}

#[test]
fn only_the_vms_that_are_named_and_on_are_asked() {
    let check = Check { vms: vec!["111".into(), "113".into(), "web".into()], ..sh("exit 0") };
    let mut checks = Checks::new(&Host::default(), &settings(&[("c", check)])).unwrap();
    let mut off = Instance::clone(&vm("113"));
    off.power = Power::Stopped;
    let vms = [vm("111"), vm("112"), Arc::new(off)];
    let asked: Vec<_> = checks.all(&vms).iter().map(|job| job.id().to_owned()).collect();
    assert_eq!(asked, ["111"]);
    assert!(checks.applies("c", &vms[0]) && !checks.applies("c", &vms[2]) && !checks.applies("d", &vms[0]));
    assert_eq!(checks.unknown(&vms), ["check c: there is no VM web"]);
    assert!(checks.unknown(&vms).is_empty(), "each is told once");
}

#[test]
fn an_address_that_the_agent_told_is_used() {
    let tcp = Check { tcp: Some("{ip}:9".into()), timeout: Some(Duration::from_millis(50)), ..Check::default() };
    let mut checks = Checks::new(&Host::default(), &settings(&[("c", tcp)])).unwrap();
    checks.learn("111", &["127.0.0.1".into(), "192.0.2.7".into()]);
    let detail = checks.all(&[vm("111")])[0].run(&Host::default()).detail;
    assert!(detail.starts_with("192.0.2.7:9: "), "{detail}");
}

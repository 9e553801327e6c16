//! Checks that pass, fail, hang and cannot be told.

use super::*;
use crate::{
    config::{
        Config,
        probe::{Check, Class, Origin},
    },
    fault::{Code, Fault},
    probe::{evidence::Checked, instance::Pod},
};
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn settings(checks: &[(&str, Check)]) -> Settings {
    let checks = checks.iter().map(|(name, check)| ((*name).to_owned(), check.clone())).collect();
    Settings { checks, ..Settings::default() }
}

fn vm(id: &str) -> Arc<Instance> {
    let mut instance = Instance::new(id, Origin::Pve);
    instance.vmid = id.parse().ok();
    instance.power = Power::Running;
    Arc::new(instance)
}

fn once(host: &Host, check: Check, instance: &Arc<Instance>) -> Checked {
    let mut checks = Checks::new(host, &settings(&[("x", check)])).unwrap();
    let jobs = checks.all(std::slice::from_ref(instance));
    assert_eq!((jobs.len(), jobs[0].id(), jobs[0].name()), (1, instance.id.as_str(), "x"));
    jobs[0].run(host)
}

fn sh(script: &str) -> Check {
    Check { command: Some(words(&["/bin/sh", "-c", script, "sh", "{id}", "x-{name}"])), ..Check::default() }
}

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
fn what_is_wrong_in_the_settings_is_named_with_its_check() {
    let both = Check { tcp: Some("a:1".into()), http: Some("http://a".into()), ..Check::default() };
    let tcp = |address: &str| Check { tcp: Some(address.into()), ..Check::default() };
    let http = |url: &str| Check { http: Some(url.into()), ..Check::default() };
    for check in [
        Check::default(),
        both,
        tcp("{ip}"),
        tcp("a:0"),
        tcp(":22"),
        tcp("a:70000"),
        tcp("{vmid}:22"),
        http("ftp://a"),
        http("a"),
        http("http://user@a/"),
        Check { command: Some(vec![]), ..Check::default() },
        Check { guest: Some(words(&[""])), ..Check::default() },
        Check { interval: Some(Duration::ZERO), ..tcp("a:1") },
        Check { timeout: Some(Duration::ZERO), ..tcp("a:1") },
    ] {
        let error = Checks::new(&Host::default(), &settings(&[("web", check.clone())])).unwrap_err();
        assert_eq!(Fault::code_of(&error), Code::Usage, "{check:?}");
        assert!(error.to_string().starts_with("[probe.checks.web]"), "{error}");
    }
    for check in [tcp("{ip}:22"), tcp("[::1]:22"), http("https://{ip}:8443/{name}"), http("http://{name}/")] {
        Checks::new(&Host::default(), &settings(&[("web", check)])).unwrap();
    }
}

#[test]
fn what_is_wrong_in_the_file_is_named_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    for (text, what) in [
        ("tcp = \"a:1\"\ninterval = \"0s\"", "config.toml:4: [probe.checks.web] interval = \"0s\": from 1s to 7days"),
        (
            "tcp = \"a:1\"\ninterval = \"1year\"",
            "config.toml:4: [probe.checks.web] interval = \"1year\": from 1s to 7days",
        ),
        (
            "timeout = \"0s\"\ntcp = \"a:1\"",
            "config.toml:3: [probe.checks.web] timeout = \"0s\": more than 0s, and 10m at most",
        ),
        (
            "tcp = \"a:0\"",
            "config.toml:3: [probe.checks.web] tcp = \"a:0\": an ADDRESS:PORT is wanted (example: \"{ip}:22\")",
        ),
        ("guest = [\"\"]", "config.toml:3: [probe.checks.web] guest = [\"\"]: there is no program to run"),
        ("", "config.toml:2: [probe.checks.web]: say exactly one of command, tcp, http and guest"),
    ] {
        fs::write(&file, format!("# mine\n[probe.checks.web]\n{text}\n")).unwrap();
        let config = Config::load(&file, "config.toml", true).unwrap();
        assert_eq!(Checks::new(&Host::default(), &config.probe).unwrap_err().to_string(), what);
    }
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
    let tcp = |address: String| Check { tcp: Some(address), timeout: Some(Duration::from_secs(2)), ..Check::default() };
    let mut instance = Instance::new("web", Origin::Kubernetes);
    instance.pod = Some(Pod { ip: Some("127.0.0.1".into()), ..Pod::default() });
    let instance = Arc::new(instance);
    assert_eq!(once(&host, tcp(format!("{{ip}}:{port}")), &instance).passed, Some(true));
    assert_eq!(once(&host, tcp(format!("localhost:{port}")), &instance).passed, Some(true));
    drop(listener);
    let checked = once(&host, tcp(format!("127.0.0.1:{port}")), &instance);
    assert_eq!(checked.passed, Some(false));
    assert!(checked.detail.contains("refused"), "{checked:?}");
    let unknown = once(&host, tcp("{ip}:22".into()), &vm("111"));
    assert!(unknown.passed.is_none() && unknown.detail.contains("no address"), "{unknown:?}");
}

/// A web server that gives each connection the same answer.
fn server(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                // What was not read is answered by the kernel, with a reset.
                let (mut request, mut bite) = (Vec::new(), [0; 4096]);
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut bite) {
                        Ok(n) if n > 0 => request.extend_from_slice(&bite[..n]),
                        _ => return,
                    }
                }
                let _ = stream.write_all(answer.as_bytes());
                if answer.is_empty() {
                    thread::sleep(Duration::from_secs(30));
                }
            });
        }
    });
    port
}

#[test]
fn a_web_server_answers_well_or_does_not() {
    let host = Host::default();
    let get = |port: u16, timeout: u64| {
        let http = Some(format!("http://127.0.0.1:{port}/{{name}}"));
        once(&host, Check { http, timeout: Some(Duration::from_millis(timeout)), ..Check::default() }, &vm("111"))
    };
    for (answer, passed, detail) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", true, "/111: 204"),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", true, ": 304"),
        ("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", false, ": 503"),
        ("HTTP/1.1 302 Found\r\nLocation: /again\r\nConnection: close\r\n\r\n", false, "more than 3 redirects"),
        ("garbage\r\n\r\n", false, ""),
    ] {
        let checked = get(server(answer), 5000);
        assert_eq!(checked.passed, Some(passed), "{answer:?} {checked:?}");
        assert!(checked.detail.ends_with(detail), "{checked:?}");
    }
    let started = Instant::now();
    let silent = get(server(""), 300);
    assert!(silent.passed == Some(false) && started.elapsed() < Duration::from_secs(5), "{silent:?}");
}

#[test]
fn without_a_list_of_authorities_https_cannot_be_judged() {
    let dir = tempfile::tempdir().unwrap();
    let http = Some("https://127.0.0.1:1/".to_owned());
    let checked = once(&Host::new(dir.path()), Check { http, ..Check::default() }, &vm("111"));
    assert!(checked.passed.is_none() && checked.detail.contains("ca-certificates"), "{checked:?}");
}

/// A web server whose certificate is for `localhost` and `127.0.0.1`, signed by `testdata/authority.pem`.
fn secure_server() -> u16 {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let certificate = CertificateDer::from_pem_slice(include_bytes!("testdata/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("testdata/server-key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    port
}

#[test]
fn a_certificate_counts_only_where_the_host_trusts_who_signed_it() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let http = Some(format!("https://127.0.0.1:{}/", secure_server()));
    let check = Check { http, timeout: Some(Duration::from_secs(20)), ..Check::default() };
    let list = host.trusted_authorities();
    fs::create_dir_all(list.parent().unwrap()).unwrap();
    // The server's own is an authority of nothing.
    fs::write(&list, include_bytes!("testdata/server.pem")).unwrap();
    let foreign = once(&host, check.clone(), &vm("111"));
    assert!(foreign.passed == Some(false) && foreign.detail.contains("certificate"), "{foreign:?}");
    fs::write(&list, include_bytes!("testdata/authority.pem")).unwrap();
    let trusted = once(&host, check, &vm("111"));
    assert!(trusted.passed == Some(true) && trusted.detail.ends_with(": 200"), "{trusted:?}");
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

#[test]
fn the_settings_in_the_documentation_are_understood() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/vm-probe.md")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    for block in text.split("```toml\n").skip(1) {
        let file = dir.path().join("config.toml");
        fs::write(&file, block.split("```").next().unwrap()).unwrap();
        let config = Config::load(&file, "docs/vm-probe.md", true).unwrap();
        Checks::new(&Host::default(), &config.probe).unwrap();
        names.extend(config.probe.checks.into_keys());
    }
    assert_eq!(names, ["database", "shop", "ssh", "stream"]);
}

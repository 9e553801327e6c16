//! What is written in config.toml, and what is wrong with it.

use super::*;

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

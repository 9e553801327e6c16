//! The example configuration is held against what the program knows.

use crate::config_file::{Key, Section, header_of, key_of, sections, text};
use passthrough::{
    config::{
        Config, Defaults, Hook, Return, defaults,
        probe::{Check, Class, Settings},
    },
    host::Host,
};
use std::{collections::BTreeSet, fs};

/// What a text means to the program, or what it says about it.
fn parsed(text: &str) -> Result<Config, String> {
    let dir =
        std::env::temp_dir().join(format!("pve-hooks-manual-{}-{:?}", std::process::id(), std::thread::current().id()));
    fs::write(&dir, text).expect("a temporary file can be written");
    let config = Config::load(&dir, "config.toml", true).map_err(|error| format!("{error:#}"));
    fs::remove_file(&dir).expect("it can be removed again");
    config
}

/// The text with the keys in effect that are wanted; with `examples`, the sections too that are only examples.
fn in_effect(examples: bool, wanted: impl Fn(&Section, &Key) -> bool) -> String {
    let mut out = String::new();
    for section in sections(&text()) {
        if section.is_example && !examples {
            continue;
        }
        if !section.header.is_empty() {
            out.push_str(&format!("[{}]\n", section.header));
        }
        for key in section.keys.iter().filter(|key| wanted(&section, key)) {
            out.push_str(&format!("{} = {}\n", key.name, key.value));
        }
    }
    out
}

#[test]
fn as_it_is_it_says_nothing() {
    assert_eq!(format!("{:?}", parsed(&text()).unwrap()), format!("{:?}", Config::default()));
}

#[test]
fn what_it_calls_a_default_is_one() {
    let said = parsed(&in_effect(false, |_, key| key.is_default())).unwrap();
    let mut known = Config {
        lock_timeout: Some(defaults::LOCK_TIMEOUT),
        defaults: Defaults { back: Some(Return::default()), units: Some(Vec::new()) },
        hook: Hook { chain_timeout: Some(defaults::CHAIN_TIMEOUT) },
        probe: Settings {
            discovery: Some(defaults::DISCOVERY),
            fast: Some(defaults::FAST),
            deep: Some(defaults::DEEP),
            slow: Some(defaults::SLOW),
            answer: Some(defaults::ANSWER),
            cgroup: Some(defaults::CGROUP.into()),
            instances: Some(Host::default().instances_file()),
            ..Settings::default()
        },
        ..Config::default()
    };
    known.probe.api.ca_file = Some(Host::default().pve_root_ca());
    known.probe.kubernetes.selector = Some(defaults::SELECTOR.into());
    known.probe.kubernetes.health_port = Some(defaults::HEALTH_PORT);
    known.probe.kubernetes.vnc_port = Some(defaults::VNC_PORT);
    known.probe.serve.listen = Some(defaults::LISTEN.into());
    known.probe.recovery.most_at_once = Some(defaults::MOST_AT_ONCE);
    assert_eq!(format!("{said:#?}"), format!("{known:#?}"));
}

#[test]
fn what_it_calls_a_default_of_a_check_is_one() {
    let said =
        parsed(&in_effect(true, |section, key| section.header == "probe.checks.ssh" && key.is_default())).unwrap();
    let known = Check {
        interval: Some(defaults::CHECK_INTERVAL),
        timeout: Some(defaults::CHECK_TIMEOUT),
        class: Class::default(),
        ..Check::default()
    };
    assert_eq!(said.probe.checks["ssh"], known);
}

#[test]
fn with_every_key_in_effect_it_is_a_configuration() {
    let config = parsed(&in_effect(true, |_, _| true)).unwrap();
    assert_eq!((config.gpu.len(), config.pci.len(), config.probe.checks.len()), (1, 1, 4));
    // By hand as well: what is commented out is what was in effect here.
    let is_setting = |line: &str| key_of(line).is_some() || header_of(line).is_some();
    let text = text();
    let uncommented = text.lines().map(|line| if is_setting(line) { line.trim_start_matches("# ") } else { line });
    let uncommented = uncommented.collect::<Vec<_>>().join("\n");
    assert_eq!(format!("{:?}", parsed(&uncommented).unwrap()), format!("{config:?}"));
}

#[test]
fn a_key_can_be_put_in_effect_alone() {
    for section in sections(&text()) {
        for key in &section.keys {
            let line = format!("# {} = {}", key.name, key.value);
            let mut seen = String::new();
            let alone: String = text()
                .lines()
                .map(|other| {
                    if let Some(header) = header_of(other) {
                        header.clone_into(&mut seen);
                    }
                    if other == line && seen == section.header {
                        format!("{}\n", &other[2..])
                    } else {
                        format!("{other}\n")
                    }
                })
                .collect();
            // In a section that is an example, forgetting the section's own line has to be an error.
            let answer = parsed(&alone);
            assert_eq!(answer.is_err(), section.is_example, "{line} in [{}]: {answer:?}", section.header);
        }
    }
}

/// The keys that the parser knows in a section: it names them when it meets one that it does not know.
fn known_in(header: &str) -> Option<BTreeSet<String>> {
    let table = if header.is_empty() { String::new() } else { format!("[{header}]\n") };
    let said = parsed(&format!("{table}nonsense = 1\n")).err()?;
    let (_, names) = said.split_once("unknown field `nonsense`, expected ")?;
    Some(names.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

fn every_key(header: &str, all: &mut BTreeSet<String>) {
    let above = if header.is_empty() { String::new() } else { format!("{header}.") };
    for name in known_in(header).unwrap_or_else(|| panic!("[{header}] is no section")) {
        let path = format!("{above}{name}");
        let named = format!("{path}.\"0000:01:00.0\"");
        // A section of one name, one for every address or name, or a key.
        match (known_in(&path), known_in(&named)) {
            (Some(_), _) => every_key(&path, all),
            (None, Some(_)) => every_key(&named, all),
            (None, None) => _ = all.insert(path),
        }
    }
}

#[test]
fn no_key_is_forgotten() {
    let mut known = BTreeSet::new();
    every_key("", &mut known);
    assert!(known.contains("timeout") && known.contains("probe.limits.cpu_percent"), "{known:?}");
    // All addresses are the same here, and so are all names of checks.
    let general = |header: &str| match header.split('.').collect::<Vec<_>>()[..] {
        [kind @ ("gpu" | "pci"), ..] => format!("{kind}.\"0000:01:00.0\"."),
        ["probe", "checks", ..] => "probe.checks.\"0000:01:00.0\".".to_owned(),
        [""] => String::new(),
        _ => format!("{header}."),
    };
    let text = text();
    let mut named: BTreeSet<String> = sections(&text)
        .iter()
        .flat_map(|section| section.keys.iter().map(|key| general(&section.header) + &key.name))
        .collect();
    // A device that is no GPU has the keys of one.
    for key in known.iter().filter_map(|key| key.strip_prefix("gpu.")) {
        named.insert(format!("pci.{key}"));
    }
    let forgotten: Vec<_> = known.difference(&named).collect();
    assert!(forgotten.is_empty(), "config/config.toml does not name {forgotten:?}");
    let unknown: Vec<_> = named.difference(&known).collect();
    assert!(unknown.is_empty(), "config/config.toml names what nothing reads: {unknown:?}");
}

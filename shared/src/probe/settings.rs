//! Settings that only their subjects understand, looked at before anything is asked: each mistake is told with its line.

use super::checks::Checks;
use crate::{
    config::probe::Settings,
    host::Host,
    plain::plain,
    web::{self, trust::Fingerprint},
};
use anyhow::Result;

/// Fails with the first that is no good.
pub fn check(host: &Host, settings: &Settings) -> Result<()> {
    let wrong = |section: &str, key: &str, allowed: &str| settings.written.wrong(&["probe", section], key, allowed);
    let is_address = |url: &Option<String>| url.as_deref().is_none_or(|url| web::scheme(url).is_some());
    if !is_address(&settings.api.url) {
        return wrong("api", "url", "an address of an API is wanted (example: \"https://pve1:8006\")").fail();
    }
    if let Some(Err(why)) = settings.api.fingerprint.as_ref().map(|text| text.parse::<Fingerprint>()) {
        return wrong("api", "fingerprint", &plain(&why, 200)).next("on that node: pvenode cert info").fail();
    }
    if !is_address(&settings.kubernetes.url) {
        return wrong("kubernetes", "url", "an address of an API is wanted (example: \"https://10.0.0.1:6443\")")
            .fail();
    }
    Checks::new(host, settings).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::fs;

    #[test]
    fn each_mistake_is_told_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        let said = |text: &str| {
            fs::write(&file, text).unwrap();
            let config = Config::load(&file, "f", true).unwrap();
            check(&Host::default(), &config.probe).map_or_else(|error| error.to_string(), |()| String::new())
        };
        for (text, begin) in [
            ("[probe.api]\nurl = \"pve1\"", "f:2: [probe.api] url = \"pve1\": an address of an API"),
            ("[probe.api]\n\nfingerprint = \"AA:BB\"", "f:3: [probe.api] fingerprint = \"AA:BB\": "),
            (
                "[probe.kubernetes]\nurl = \"ftp://a\"",
                "f:2: [probe.kubernetes] url = \"ftp://a\": an address of an API",
            ),
            ("[probe.checks.a]\nvms = []", "f:1: [probe.checks.a]: say exactly one of"),
            ("[probe.checks.a]\ntcp = \"x\"", "f:2: [probe.checks.a] tcp = \"x\": an ADDRESS:PORT"),
        ] {
            assert!(said(text).starts_with(begin), "{}", said(text));
        }
        assert_eq!(said("[probe.api]\nurl = \"https://pve1:8006\"\n[probe.checks.a]\ntcp = \"{ip}:22\""), "");
    }
}

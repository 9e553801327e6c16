//! One check as it is written in config.toml, looked at before anything is run.

use super::{fill::Pattern, is_on};
use crate::{
    config::{
        defaults,
        probe::{Check, Class},
        written::Written,
    },
    probe::instance::Instance,
};
use anyhow::Result;
use std::time::Duration;

/// What is written where `{ip}` and its like stand, to see whether the whole makes sense.
const STAND_IN: &str = "192.0.2.1";
/// Once a second at most, once a week at least, and no check lasts longer than ten minutes.
const SHORTEST: Duration = Duration::from_secs(1);
const RAREST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const LONGEST: Duration = Duration::from_secs(600);

/// A check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) vms: Vec<String>,
    pub(super) what: What,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) class: Class,
}

/// What it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// Runs a program on the host.
    Command(Vec<Pattern>),
    /// Connects.
    Tcp(Pattern),
    /// Asks a web server.
    Http(Pattern),
    /// Runs a program in the guest.
    Guest(Vec<Pattern>),
}

impl Plan {
    /// Fails with what is wrong.
    pub(super) fn new(name: &str, check: &Check, written: &Written) -> Result<Self> {
        let wrong = |key: &str, what: &str| written.wrong(&["probe", "checks", name], key, what);
        let nothing = |words: &Vec<String>| words.first().is_none_or(String::is_empty);
        let patterns = |words: &[String]| words.iter().map(|word| Pattern::new(word)).collect::<Result<Vec<_>, _>>();
        if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
            return wrong("", "a check has a name of 1 to 64 characters").fail();
        }
        let what = match (&check.command, &check.tcp, &check.http, &check.guest) {
            (Some(words), None, None, None) | (None, None, None, Some(words)) if nothing(words) => {
                let key = if check.guest.is_some() { "guest" } else { "command" };
                return wrong(key, "there is no program to run").fail();
            }
            (Some(words), None, None, None) => What::Command(patterns(words).map_err(|e| wrong("command", &e))?),
            (None, None, None, Some(words)) => What::Guest(patterns(words).map_err(|e| wrong("guest", &e))?),
            (None, Some(address), None, None) => {
                let port =
                    address.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then(|| port.parse().ok())?);
                if port.is_none_or(|port: u16| port == 0) {
                    return wrong("tcp", "an ADDRESS:PORT is wanted (example: \"{ip}:22\")").fail();
                }
                What::Tcp(Pattern::new(address).map_err(|e| wrong("tcp", &e))?)
            }
            (None, None, Some(url), None) => {
                let pattern = Pattern::new(url).map_err(|e| wrong("http", &e))?;
                let there = pattern.with(|_| Ok(STAND_IN.into())).is_ok_and(|url| super::http::is_address(&url));
                if !there {
                    return wrong("http", "an address is wanted (example: \"http://{ip}:8080/health\")").fail();
                }
                What::Http(pattern)
            }
            _ => return wrong("", "say exactly one of command, tcp, http and guest").fail(),
        };
        let interval = check.interval.unwrap_or(defaults::CHECK_INTERVAL);
        if interval < SHORTEST || interval > RAREST {
            return wrong("interval", "from 1s to 7days").fail();
        }
        let in_guest = matches!(what, What::Guest(_));
        let usual = if in_guest { defaults::GUEST_CHECK_TIMEOUT } else { defaults::CHECK_TIMEOUT };
        let timeout = check.timeout.unwrap_or(usual);
        if timeout.is_zero() || timeout > LONGEST {
            return wrong("timeout", "more than 0s, and 10m at most").fail();
        }
        Ok(Self { name: name.to_owned(), vms: check.vms.clone(), what, interval, timeout, class: check.class })
    }

    /// Whether it is for this instance as it is now.
    pub(super) fn is_for(&self, instance: &Instance) -> bool {
        let chosen = self.vms.is_empty() || self.vms.iter().any(|name| Self::named(name, instance));
        chosen && is_on(instance)
    }

    /// Whether an instance is called that: by its id or its VMID.
    pub(super) fn named(name: &str, instance: &Instance) -> bool {
        instance.id == name || instance.vmid.is_some_and(|vmid| name.parse() == Ok(vmid))
    }
}

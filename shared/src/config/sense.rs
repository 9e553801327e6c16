//! What can be read and makes no sense: refused by its name, with its line, and with what is allowed. An interval of nothing
//! would be a loop, no answer comes in no time, and what is for ever is a slip of the pen.

use super::Config;
use crate::fault::Fault;
use std::time::Duration;

const NOTHING: Duration = Duration::ZERO;
/// Nothing that a program waits for takes less.
const LEAST: Duration = Duration::from_millis(200);
const MOST: Duration = Duration::from_secs(24 * 60 * 60);

const TOP: &[&str] = &[];
const HOOK: &[&str] = &["hook"];
const PROBE: &[&str] = &["probe"];
const LIMITS: &[&str] = &["probe", "limits"];
const KUBERNETES: &[&str] = &["probe", "kubernetes"];
const CONTAINER: &[&str] = &["probe", "container"];
const RECOVERY: &[&str] = &["probe", "recovery"];

/// A section, a key in it, and what is allowed there, where what it says is not.
type Wrong = (&'static [&'static str], &'static str, &'static str);

impl Config {
    /// Fails with the first thing that makes no sense.
    pub(super) fn sense(&self) -> Result<(), Fault> {
        let wrong = self.times().or_else(|| self.figures()).or_else(|| self.numbers());
        wrong.map_or(Ok(()), |(section, key, allowed)| Err(self.probe.written.wrong(section, key, allowed)))
    }

    fn times(&self) -> Option<Wrong> {
        let probe = &self.probe;
        let all = [
            (TOP, "timeout", self.timeout, LEAST, "from 200ms to 24h"),
            (TOP, "lock_timeout", self.lock_timeout, NOTHING, "from 0s, which is not to wait, to 24h"),
            (HOOK, "chain_timeout", self.hook.chain_timeout, LEAST, "from 200ms to 24h"),
            (PROBE, "discovery", probe.discovery, LEAST, "from 200ms to 24h"),
            (PROBE, "fast", probe.fast, LEAST, "from 200ms to 24h"),
            (PROBE, "deep", probe.deep, LEAST, "from 200ms to 24h"),
            (PROBE, "slow", probe.slow, LEAST, "from 200ms to 24h"),
            (PROBE, "answer", probe.answer, LEAST, "from 200ms to 24h"),
        ];
        let bad = |time: Option<Duration>, least| time.is_some_and(|time| time < least || time > MOST);
        let found = all.into_iter().find(|(_, _, time, least, _)| bad(*time, *least));
        found.map(|(section, key, _, _, allowed)| (section, key, allowed))
    }

    fn figures(&self) -> Option<Wrong> {
        let limits = &self.probe.limits;
        let all = [
            ("cpu_percent", limits.cpu_percent),
            ("memory_percent", limits.memory_percent),
            ("pressure_percent", limits.pressure_percent),
            ("errors_per_second", limits.errors_per_second),
            ("drops_per_second", limits.drops_per_second),
        ];
        let found = all.into_iter().find(|(_, limit)| limit.is_nan() || *limit <= 0.0);
        found.map(|(key, _)| (LIMITS, key, "more than 0"))
    }

    fn numbers(&self) -> Option<Wrong> {
        let probe = &self.probe;
        let port = "a port from 1 to 65535";
        let all = [
            (KUBERNETES, "health_port", probe.kubernetes.health_port == Some(0), port),
            (KUBERNETES, "vnc_port", probe.kubernetes.vnc_port == Some(0), port),
            (CONTAINER, "vnc_port", probe.container.vnc_port == Some(0), port),
            (RECOVERY, "most_at_once", probe.recovery.most_at_once == Some(0), "1 or more"),
        ];
        let found = all.into_iter().find(|(_, _, zero, _)| *zero);
        found.map(|(section, key, _, allowed)| (section, key, allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        Config::parse(text, "f").map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_line_and_what_is_allowed() {
        for (text, what) in [
            ("timeout = \"0s\"", "f:1: timeout = \"0s\": from 200ms to 24h"),
            ("\nlock_timeout = \"2days\"", "f:2: lock_timeout = \"2days\": from 0s, which is not to wait, to 24h"),
            ("[hook]\nchain_timeout = \"0ms\"", "f:2: [hook] chain_timeout = \"0ms\": from 200ms to 24h"),
            ("[probe]\nfast = \"0s\"", "f:2: [probe] fast = \"0s\": from 200ms to 24h"),
            ("probe.deep = \"1ms\"", "f:1: [probe] deep = \"1ms\": from 200ms to 24h"),
            (
                "[probe]\n\nanswer = \"584542046090years\"",
                "f:3: [probe] answer = \"584542046090years\": from 200ms to 24h",
            ),
            ("[probe.limits]\ncpu_percent = nan", "f:2: [probe.limits] cpu_percent = nan: more than 0"),
            ("[probe.limits]\nmemory_percent = -5.0", "f:2: [probe.limits] memory_percent = -5.0: more than 0"),
            ("[probe.kubernetes]\nvnc_port = 0", "f:2: [probe.kubernetes] vnc_port = 0: a port from 1 to 65535"),
            ("[probe.kubernetes]\nhealth_port = 0", "f:2: [probe.kubernetes] health_port = 0: a port from 1 to 65535"),
            ("[probe.container]\nvnc_port = 0", "f:2: [probe.container] vnc_port = 0: a port from 1 to 65535"),
            ("[probe.recovery]\nqemu = true\nmost_at_once = 0", "f:3: [probe.recovery] most_at_once = 0: 1 or more"),
        ] {
            assert_eq!(said(text), what);
        }
    }

    #[test]
    fn what_makes_sense_is_taken() {
        for text in [
            "",
            "timeout = \"200ms\"\nlock_timeout = \"0s\"",
            "[probe]\nfast = \"1s\"\n[probe.limits]\ncpu_percent = 150.0",
            "[probe.recovery]\nmost_at_once = 1",
        ] {
            assert_eq!(said(text), "", "{text}");
        }
    }
}

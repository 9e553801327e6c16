//! `{id}`, `{name}` and `{ip}` in what an administrator wrote. What replaces them comes from elsewhere: it can neither become
//! an option of a program nor another part of an address.

use crate::probe::instance::Instance;
use nix::{ifaddrs::getifaddrs, sys::socket::SockaddrStorage};
use std::net::IpAddr;

/// What can be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// `{id}`.
    Id,
    /// `{name}`.
    Name,
    /// `{ip}`.
    Ip,
}

const KEYS: [(&str, Key); 3] = [("{id}", Key::Id), ("{name}", Key::Name), ("{ip}", Key::Ip)];
/// Longer than any name.
const LONGEST: usize = 256;

/// A text with places to be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Key(Key),
}

impl Pattern {
    /// Other braces stay as they are, so that JSON can be written; a key that is misspelled is better told than passed on.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        if text.chars().any(char::is_control) {
            return Err(format!("{text:?} has control characters"));
        }
        let mut parts = vec![Part::Text(String::new())];
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if let Some((key, place)) = KEYS.into_iter().find(|(key, _)| rest.starts_with(key)) {
                parts.extend([Part::Key(place), Part::Text(String::new())]);
                rest = &rest[key.len()..];
                continue;
            }
            if let Some(word) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(word, _)| word)
                && !word.is_empty()
                && word.bytes().all(|b| b.is_ascii_lowercase())
            {
                return Err(format!("{{{word}}} is none of {{id}}, {{name}} and {{ip}}"));
            }
            if let Some(Part::Text(text)) = parts.last_mut() {
                text.push(next);
            }
            rest = &rest[next.len_utf8()..];
        }
        Ok(Self(parts))
    }

    /// The text with everything filled in.
    pub(super) fn with(&self, value: impl Fn(Key) -> Result<String, String>) -> Result<String, String> {
        self.0.iter().try_fold(String::new(), |text, part| {
            Ok(text
                + &match part {
                    Part::Text(text) => text.clone(),
                    Part::Key(key) => value(*key)?,
                })
        })
    }
}

/// What stands for a key, or why nothing can.
pub(super) fn value(key: Key, instance: &Instance, learned: Option<IpAddr>) -> Result<String, String> {
    let (shown, value) = match key {
        Key::Id => ("{id}", instance.id.clone()),
        Key::Name => ("{name}", instance.name.clone()),
        Key::Ip => ("{ip}", ip(instance, learned).map(|ip| ip.to_string()).unwrap_or_default()),
    };
    if value.is_empty() {
        return Err(match key {
            Key::Ip => {
                "no address of it is known: {ip} needs its pod's, or the guest agent's (agent = true)".to_owned()
            }
            _ => format!("it has nothing that {shown} could stand for"),
        });
    }
    if value.starts_with('-') || value.len() > LONGEST || value.chars().any(char::is_control) {
        return Err(format!("refused: what {shown} stands for could be taken for something else: {value:?}"));
    }
    Ok(value)
}

/// For a place in an address: with brackets where it has colons.
pub(super) fn in_address(value: String) -> String {
    if value.parse::<std::net::Ipv6Addr>().is_ok() { format!("[{value}]") } else { value }
}

/// For a place in a URL: whatever could end one part of it and begin another is written as a number.
pub(super) fn in_url(value: String) -> String {
    if value.parse::<IpAddr>().is_ok() {
        return in_address(value);
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    value.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Its pod's address is its source's word; a guest's own word comes after it.
fn ip(instance: &Instance, learned: Option<IpAddr>) -> Option<IpAddr> {
    let pod = instance.pod.as_ref().and_then(|pod| pod.ip.as_ref()?.parse().ok());
    pod.or(learned)
}

/// The addresses of this machine.
pub(super) fn own_addresses() -> Vec<IpAddr> {
    let of = |address: &SockaddrStorage| {
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    };
    let all = getifaddrs().into_iter().flatten();
    all.filter_map(|interface| of(interface.address.as_ref()?)).collect()
}

/// An address that a guest claims, where it can be that of a guest: the host's own is not for it to name.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.split(['/', '%']).next()?.parse().ok()?;
    let local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.to_ipv4_mapped().is_some(),
    };
    (!address.is_loopback() && !address.is_unspecified() && !address.is_multicast() && !local).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::probe::Origin;
    use proptest::prelude::*;

    #[test]
    fn braces_that_are_no_keys_stay() {
        let pattern = Pattern::new("a{id}b{name}{\"x\": {}}${HOME}").unwrap();
        assert_eq!(pattern.with(|key| Ok(format!("{key:?}"))).unwrap(), "aIdbName{\"x\": {}}${HOME}");
        assert_eq!(Pattern::new("{vmid}").unwrap_err(), "{vmid} is none of {id}, {name} and {ip}");
        assert!(Pattern::new("a\nb").is_err());
    }

    #[test]
    fn what_a_source_says_can_be_no_option_and_no_other_address() {
        let mut instance = Instance::new("web", Origin::Kubernetes);
        for name in ["-rf", "--", "a\u{1b}[2J", "a\nb", "", &"x".repeat(300)] {
            name.clone_into(&mut instance.name);
            assert!(value(Key::Name, &instance, None).is_err(), "{name:?}");
        }
        assert_eq!(in_url("a/../@evil.example:80?#%".into()), "a%2F..%2F%40evil.example%3A80%3F%23%25");
        assert_eq!(in_address("fd00::1".into()), "[fd00::1]");
    }

    #[test]
    fn a_guest_cannot_name_the_hosts_own_addresses() {
        for text in
            ["127.0.0.1", "::1", "0.0.0.0", "169.254.169.254", "fe80::1%eth0", "224.0.0.1", "::ffff:127.0.0.1", "x"]
        {
            assert_eq!(address(text), None, "{text}");
        }
        assert_eq!(address("192.168.1.7/24"), Some("192.168.1.7".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn a_url_has_the_same_parts_whatever_is_filled_in(name in "\\PC{1,40}") {
            let url = format!("http://host.example/{}/x", in_url(name));
            prop_assert!(url.bytes().filter(|b| *b == b'/').count() == 4 && url.is_ascii(), "{url}");
        }

        #[test]
        fn no_pattern_makes_it_panic(text in any::<String>()) {
            let _ = Pattern::new(&text).map(|pattern| pattern.with(|_| Ok("x".into())));
        }
    }
}

//! PVE's property strings: `0000:01:00,pcie=1,x-vga=1`.

use anyhow::{Result, anyhow, bail};
use std::fmt;

/// More keys than any option of PVE has; what is longer is no configuration.
pub(super) const MOST: usize = 64;

/// The keys and values of one property string, in the order they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Properties<'a> {
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Properties<'a> {
    /// Takes a property string apart. A value without a key belongs to `default_key`, wherever it stands.
    pub fn parse(text: &'a str, default_key: Option<&'a str>) -> Result<Self> {
        let mut pairs: Vec<(&str, &str)> = Vec::with_capacity(4);
        // parse_property_string in PVE::JSONSchema skips empty parts, but trims none.
        for part in text.split(',').filter(|p| !p.trim().is_empty()) {
            let (key, value) = match part.split_once('=') {
                Some(("", value)) => bail!("{value:?} has no key before its \"=\""),
                Some((key, "")) => bail!("{key:?} has no value"),
                Some(pair) => pair,
                None => (default_key.ok_or_else(|| anyhow!("{part:?} has no key"))?, part),
            };
            if pairs.len() == MOST {
                bail!("more than {MOST} keys");
            }
            if pairs.iter().any(|(k, _)| *k == key) {
                bail!("duplicate key {key:?}");
            }
            pairs.push((key, value));
        }
        Ok(Self { pairs })
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| *v)
    }

    /// The value of a key that is either on or off.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        boolean(value).map(Some).ok_or_else(|| anyhow!("{key}={value}: neither on nor off"))
    }

    /// All pairs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + '_ {
        self.pairs.iter().copied()
    }

    /// The keys that are not among `known`. PVE refuses them; a later PVE may know them, so they are worth a warning only.
    pub fn unknown<'s>(&'s self, known: &'s [&str]) -> impl Iterator<Item = &'a str> + 's {
        self.iter().map(|(key, _)| key).filter(|key| !known.contains(key))
    }
}

impl fmt::Display for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (key, value)) in self.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{key}={value}")?;
        }
        Ok(())
    }
}

/// What PVE takes for a boolean.
pub fn boolean(text: &str) -> Option<bool> {
    let among = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if among(["1", "on", "yes", "true"]) {
        return Some(true);
    }
    among(["0", "off", "no", "false"]).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bare_value_may_stand_anywhere() {
        for text in ["01:00,pcie=1", "pcie=1,01:00", "host=01:00,pcie=1", ",pcie=1,,01:00,"] {
            let properties = Properties::parse(text, Some("host")).unwrap();
            assert_eq!(properties.get("host"), Some("01:00"), "{text}");
            assert_eq!(properties.flag("pcie").unwrap(), Some(true), "{text}");
            assert_eq!(properties.get("x-vga"), None);
        }
    }

    #[test]
    fn what_pve_refuses_is_refused() {
        for (text, why) in [
            ("pcie=1,pcie=0", "duplicate key \"pcie\""),
            ("01:00,host=02:00", "duplicate key \"host\""),
            ("01:00,02:00", "duplicate key \"host\""),
            ("=1", "\"1\" has no key before its \"=\""),
            ("pcie=", "\"pcie\" has no value"),
        ] {
            assert_eq!(Properties::parse(text, Some("host")).unwrap_err().to_string(), why, "{text}");
        }
        assert!(Properties::parse("bare", None).is_err());
        assert!(Properties::parse("a=maybe", None).unwrap().flag("a").is_err());
    }

    #[test]
    fn booleans_come_in_any_case() {
        for text in ["1", "on", "Yes", "TRUE"] {
            assert_eq!(boolean(text), Some(true), "{text}");
        }
        for text in ["0", "oFF", "no", "False"] {
            assert_eq!(boolean(text), Some(false), "{text}");
        }
        for text in ["", "2", "enabled", " 1"] {
            assert_eq!(boolean(text), None, "{text}");
        }
    }

    #[test]
    fn unknown_keys_are_told_apart() {
        let properties = Properties::parse("a=1,new=2", None).unwrap();
        assert_eq!(properties.unknown(&["a"]).collect::<Vec<_>>(), ["new"]);
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC*", default in proptest::option::of("[a-z]+")) {
            let _ = Properties::parse(&text, default.as_deref());
        }

        #[test]
        fn what_is_printed_is_parsed_back(text in "([a-c]{0,3}=)?[a-z0-9=:;. ]{0,6}(,[a-c]{0,3}=?[a-z0-9=]{0,3}){0,4}") {
            if let Ok(properties) = Properties::parse(&text, Some("host")) {
                let printed = properties.to_string();
                prop_assert_eq!(Properties::parse(&printed, None).unwrap(), properties);
            }
        }
    }
}

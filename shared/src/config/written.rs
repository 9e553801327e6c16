//! Where in the file a setting stands: for what can be read, and is found wrong only by who knows what it means.

use crate::{fault::Fault, plain::plain};
use anyhow::Error;
use std::{fmt, sync::Arc};
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

/// A longer value is not repeated.
const LONGEST: usize = 60;

/// The file as it was read; nothing where there was none.
#[derive(Clone, Default)]
pub struct Written(Option<Arc<File>>);

struct File {
    shown: String,
    text: String,
}

/// It says nothing of the settings: two that say the same are shown the same.
impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written(…)")
    }
}

impl Written {
    pub(super) fn new(text: &str, shown: &str) -> Self {
        Self(Some(Arc::new(File { shown: shown.to_owned(), text: text.to_owned() })))
    }

    /// A setting that makes no sense, and what is allowed instead: `FILE:LINE: [SECTION] KEY = VALUE: ALLOWED`. Without a key
    /// it is the section that is wrong.
    pub fn wrong(&self, section: &[&str], key: &str, allowed: &str) -> Fault {
        let (place, value) = self.find(section, key);
        let value = value.map(|value| format!(" = {value}")).unwrap_or_default();
        Fault::usage(format!("{place}{}{value}: {allowed}", name(section, key)))
    }

    /// An error that this setting is to blame for.
    pub fn blame(&self, error: Error, section: &[&str], key: &str) -> Error {
        let of = format!("{}{}", self.find(section, key).0, name(section, key));
        match Fault::of(&error) {
            Some(fault) => Fault { what: format!("{of}: {}", fault.what), ..fault.clone() }.into(),
            None => error.context(of),
        }
    }

    /// `FILE:LINE: ` of a key, or of the innermost section around it that there is; and its value, as it is written.
    fn find(&self, section: &[&str], key: &str) -> (String, Option<String>) {
        let Some(file) = &self.0 else { return (String::new(), None) };
        let Ok(document) = DeTable::parse(&file.text) else { return (format!("{}: ", file.shown), None) };
        let (mut table, mut at, mut value) = (Some(document.get_ref()), 0, None);
        for word in section.iter().copied().chain(Some(key).filter(|key| !key.is_empty())) {
            let Some((name, inner)) = table.and_then(|table| entry(table, word)) else {
                value = None;
                break;
            };
            (at, value) = (name.span().start, Some(inner));
            table = inner.get_ref().as_table();
        }
        let raw = value.filter(|_| !key.is_empty()).and_then(|value| file.text.get(value.span()));
        (format!("{}:{}: ", file.shown, line(&file.text, at)), raw.and_then(short))
    }
}

/// The line of a place in a text, counted from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn entry<'a, 'i>(table: &'a DeTable<'i>, word: &str) -> Option<(&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>)> {
    table.iter().find(|(name, _)| name.get_ref() == word)
}

fn short(raw: &str) -> Option<String> {
    (raw.chars().count() <= LONGEST && !raw.contains('\n')).then(|| plain(raw, LONGEST))
}

/// `[SECTION] KEY`, as it is written in the file.
fn name(section: &[&str], key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let word = |word: &&str| {
        if !word.is_empty() && word.chars().all(bare) { (*word).to_owned() } else { format!("{word:?}") }
    };
    let section = section.iter().map(word).collect::<Vec<_>>().join(".");
    match (section.is_empty(), key.is_empty()) {
        (true, _) => key.to_owned(),
        (false, true) => format!("[{section}]"),
        (false, false) => format!("[{section}] {key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Code;
    use proptest::prelude::*;

    const TEXT: &str = "timeout = \"0s\"\n\n[probe]\nfast = \"1s\" # not this\n\n[probe.checks.\"a b\"]\nvms = [\n]\n\
                        checks.web = 1\n[probe.recovery]\n";

    fn wrong(section: &[&str], key: &str) -> String {
        Written::new(TEXT, "f").wrong(section, key, "no").what
    }

    #[test]
    fn a_setting_is_found_where_it_stands() {
        assert_eq!(wrong(&[], "timeout"), "f:1: timeout = \"0s\": no");
        assert_eq!(wrong(&["probe"], "fast"), "f:4: [probe] fast = \"1s\": no");
        assert_eq!(wrong(&["probe", "checks", "a b"], ""), "f:6: [probe.checks.\"a b\"]: no");
        assert_eq!(wrong(&["probe", "checks", "a b"], "vms"), "f:7: [probe.checks.\"a b\"] vms: no");
        // What is not written there has the line of what is around it.
        assert_eq!(wrong(&["probe", "recovery"], "most_at_once"), "f:10: [probe.recovery] most_at_once: no");
        assert_eq!(wrong(&["probe", "api"], "url"), "f:3: [probe.api] url: no");
        assert_eq!(Written::default().wrong(&["probe"], "fast", "no").what, "[probe] fast: no");
    }

    #[test]
    fn an_error_keeps_its_code_and_its_advice() {
        let written = Written::new(TEXT, "f");
        let refused = Fault::refused("it is open").next("chmod").into();
        let blamed = written.blame(refused, &["probe"], "fast");
        let fault = Fault::of(&blamed).unwrap();
        assert_eq!((fault.code, fault.next.as_deref()), (Code::Refused, Some("chmod")));
        assert_eq!(fault.what, "f:4: [probe] fast: it is open");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", key in "[a-z]{0,3}") {
            let _ = Written::new(&format!("{key} = {text}"), "f").wrong(&[&text], &key, "no");
        }
    }
}

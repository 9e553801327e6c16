//! The example configuration: its keys, and the man page that is made of them.

use crate::{parts::Parts, roff};
use std::fs;

/// One key as the example has it.
#[derive(Debug)]
pub struct Key {
    pub name: String,
    pub value: String,
    pub about: String,
}

impl Key {
    /// Whether its value is the default rather than an example.
    pub fn is_default(&self) -> bool {
        !self.about.ends_with("Example:")
    }
}

/// A section; `[]` is what stands before the first one.
#[derive(Debug)]
pub struct Section {
    pub header: String,
    pub about: String,
    pub is_example: bool,
    pub keys: Vec<Key>,
}

pub fn text() -> String {
    fs::read_to_string(crate::root().join("config/config.toml")).expect("config/config.toml can be read")
}

/// The key of a commented-out line, and its value.
pub fn key_of(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("# ")?.split_once(" = ")?;
    name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_').then_some((name, value))
}

pub fn header_of(line: &str) -> Option<&str> {
    line.trim_start_matches("# ").strip_prefix('[')?.strip_suffix(']')
}

pub fn sections(text: &str) -> Vec<Section> {
    let mut all = vec![Section { header: String::new(), about: String::new(), is_example: false, keys: Vec::new() }];
    let mut about = Vec::new();
    for line in text.lines() {
        if let Some(header) = header_of(line) {
            let is_example = line.starts_with('#');
            all.push(Section { header: header.to_owned(), about: about.join(" "), is_example, keys: Vec::new() });
        } else if let Some((name, value)) = key_of(line) {
            let section = all.last_mut().expect("there is one");
            section.keys.push(Key { name: name.to_owned(), value: value.to_owned(), about: about.join(" ") });
        } else if let Some(comment) = line.strip_prefix("# ") {
            about.push(comment);
            continue;
        }
        about.clear();
    }
    all
}

/// As it is typed. What is too long for a line may be broken behind its colons.
fn value(key: &Key) -> String {
    let text = roff::bold(&key.value);
    if text.len() > 70 { text.replace(':', ":\\:") } else { text }
}

/// `pve-hooks.toml(5)`.
pub fn page(head: &str, mut parts: Parts, common: &Parts) -> String {
    let mut page = format!("{head}.SH NAME\n{}.SH SYNOPSIS\n{}", parts.take("NAME"), parts.take("SYNOPSIS"));
    page.push_str(&format!(".SH DESCRIPTION\n{}.SH KEYS\n", parts.take("DESCRIPTION")));
    for section in sections(&text()) {
        if !section.header.is_empty() {
            let about =
                section.about.split(" Its section is an example").next().unwrap_or_default().trim_end_matches('.');
            page.push_str(&format!(".SS [{}]\n{}.\n", roff::plain(&section.header), roff::plain(about)));
        }
        for key in &section.keys {
            let (about, shown) = match key.about.split_once(" Example:") {
                Some((about, "")) => (about, format!("Example: {}.", value(key))),
                Some((about, more)) => {
                    let default = value(key);
                    (about, format!("Default: {default}. Example: {}.", roff::bold(more.trim())))
                }
                None => (key.about.as_str(), format!("Default: {}.", value(key))),
            };
            page.push_str(&roff::entry(&roff::bold(&key.name), &format!("{} {shown}", roff::plain(about))));
        }
    }
    for name in parts.names() {
        page.push_str(&format!(
            ".SH {name}\n{}",
            if name == "SEE ALSO" { common.without(&name, "pve-hooks.toml") } else { String::new() }
        ));
        page.push_str(&parts.take(&name));
    }
    page
}

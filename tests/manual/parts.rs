//! `parts/NAME.roff`: what a man page says that clap does not know. Every section has to find its place.

use crate::roff::plain;
use std::{fs, path::Path};

/// The sections of one file. A subsection of COMMANDS is called `COMMANDS/verb`.
#[derive(Debug)]
pub struct Parts {
    file: String,
    sections: Vec<(String, String)>,
}

impl Parts {
    /// The file for this page.
    pub fn load(name: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("parts").join(format!("{name}.roff"));
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut sections: Vec<(String, String)> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with(".\\\"")) {
            let in_commands = sections.last().is_some_and(|(name, _)| name.starts_with("COMMANDS"));
            match (line.strip_prefix(".SH "), line.strip_prefix(".SS ").filter(|_| in_commands)) {
                (Some(name), _) => sections.push((name.to_owned(), String::new())),
                (None, Some(verb)) => sections.push((format!("COMMANDS/{verb}"), String::new())),
                _ => {
                    let (_, text) = sections.last_mut().unwrap_or_else(|| panic!("{name}.roff begins with no .SH"));
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        Self { file: name.to_owned(), sections }
    }

    /// The section, which stays, without a page's reference to itself; nothing where there is none.
    pub fn without(&self, name: &str, page: &str) -> String {
        let text = self.sections.iter().find(|(own, _)| own == name).map_or("", |(_, text)| text);
        let itself = format!(".BR {} (", plain(page));
        text.split_inclusive('\n').filter(|line| name != "SEE ALSO" || !line.starts_with(&itself)).collect()
    }

    /// The section, once; nothing where there is none.
    pub fn take(&mut self, name: &str) -> String {
        let at = self.sections.iter().position(|(own, _)| own == name);
        at.map(|at| self.sections.remove(at).1).unwrap_or_default()
    }

    /// The names of what was not taken yet.
    pub fn names(&self) -> Vec<String> {
        self.sections.iter().map(|(name, _)| name.clone()).filter(|name| !name.contains('/')).collect()
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let left: Vec<_> = self.sections.iter().map(|(name, _)| name).collect();
        // What every page has is only read.
        let lost = !left.is_empty() && self.file != "common" && !std::thread::panicking();
        assert!(!lost, "parts/{}.roff: {left:?} has no place in the page", self.file);
    }
}

//! The examples that a help text ends with.

use clap::Command;

/// A line to paste, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// What is typed.
    pub line: String,
    /// What it is for.
    pub what: String,
}

/// The examples of a help text, and what is said below them.
pub fn of(command: &Command) -> (Vec<Example>, String) {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let name = command.get_name();
    let text = text.strip_prefix("Examples:\n").unwrap_or_else(|| panic!("{name} --help has no examples"));
    let (lines, below) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut examples: Vec<Example> = Vec::new();
    for line in lines.lines() {
        let typed = line.strip_prefix("  ").unwrap_or_else(|| panic!("{name} --help: {line:?} is not indented"));
        if let Some(last) = examples.last_mut().filter(|_| typed.starts_with(' ')) {
            typed.trim().clone_into(&mut last.what);
        } else {
            let (line, what) = typed.split_once("  ").unwrap_or((typed, ""));
            examples.push(Example { line: line.to_owned(), what: what.trim().to_owned() });
        }
    }
    let silent = examples.iter().find(|example| example.what.is_empty());
    assert_eq!(silent, None, "{name} --help does not say what this is for");
    (examples, below.to_owned())
}

/// The words of a line, as a shell would give them to the program; `None` where it would do more than that.
pub fn words(line: &str) -> Option<Vec<String>> {
    let line = line.split_once(" > ").map_or(line, |(line, _)| line);
    let plain = |c: char| c.is_ascii_alphanumeric() || " -_./:=@,".contains(c);
    line.chars().all(plain).then(|| line.split_whitespace().map(str::to_owned).collect())
}

/// The lines of a man page that are to be pasted into a shell.
#[cfg(test)]
fn lines_of_page(page: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            ".EX" => inside = true,
            ".EE" => inside = false,
            _ if inside => lines.push(line.replace("\\-", "-").replace("\\(dq", "\"").replace("\\(aq", "'")),
            _ => {}
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{commands, made, programs};
    use std::ffi::OsString;

    /// What the program itself says to these words.
    fn understood(words: &[String]) -> Result<(), String> {
        let mut command =
            commands().into_iter().find(|command| command.get_name() == words[0]).ok_or("no such program")?;
        let result = match words[0].as_str() {
            // Its options may have a single dash.
            "coral-check" => programs::coral_check::parse(words.iter().map(OsString::from)).map(drop),
            _ => command.try_get_matches_from_mut(words).map(drop),
        };
        result.map_err(|error| error.to_string())
    }

    #[test]
    fn every_line_is_understood_by_its_program() {
        let mut lines = Vec::new();
        for command in commands() {
            let name = command.get_name().to_owned();
            let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
            for example in verbs.chain([&command]).flat_map(|command| of(command).0) {
                assert!(example.line.starts_with(&format!("{name} ")) || example.line == name, "{}", example.line);
                lines.push(example.line);
            }
        }
        let pages = made().into_iter().filter(|(path, _)| path.extension().is_some_and(|section| section == "8"));
        lines.extend(pages.flat_map(|(_, page)| lines_of_page(&page)));
        let mut others = 0;
        for line in &lines {
            let words = words(line).unwrap_or_else(|| panic!("{line}: more than words"));
            if !commands().iter().any(|command| command.get_name() == words[0]) {
                others += 1;
                continue;
            }
            understood(&words).unwrap_or_else(|why| panic!("{line}: {why}"));
        }
        assert!(lines.len() > 80 && others < 8, "{} lines, {others} of other programs", lines.len());
        assert!(understood(&["gpu-bind".into(), "detatch".into()]).is_err());
    }
}

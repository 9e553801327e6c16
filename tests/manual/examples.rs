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

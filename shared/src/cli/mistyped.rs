//! What was nearly a command: told as it is meant.

use super::grammar;
use crate::{plain::harmless, report::Output};
use clap::{
    Command, CommandFactory,
    error::{ContextKind, ContextValue, ErrorKind},
};
use serde_json::json;
use std::{
    ffi::OsString,
    io::{self, Write},
};

fn program() -> Option<String> {
    std::env::args_os().next().map(|name| name.to_string_lossy().into_owned())
}

/// Ends the program over what cannot be understood, or with the help that was asked for. Where the same words in another
/// order are a command, that command is told.
pub fn mistyped<C: CommandFactory>(mut error: clap::Error) -> ! {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let command = grammar::<C>();
    let meant = || {
        let slipped = || slipped(&command, &words).map(|(_, meant)| meant);
        in_order(&command, &words).or_else(|| other_form(&command, &words)).or_else(slipped)
    };
    let meant = if error.use_stderr() { meant() } else { None };
    let guess = match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(guess)) => Some(guess.clone()),
        _ => None,
    };
    // Options that begin with another letter only look alike: who types --bogus does not mean --no-guest.
    if guess.is_some_and(|guess| !words.iter().any(|word| starts_alike(&word.to_string_lossy(), &guess))) {
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Usage, ContextValue::StyledStr(C::command().render_usage()));
    }
    if let Some(meant) = &meant {
        let tip = format!("did you mean: {meant}");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    if error.use_stderr() && words.iter().any(|word| word == "--json") {
        let message = paragraph(&error.to_string());
        let help = || program().map(|name| format!("{} --help", name.rsplit('/').next().unwrap_or_default()));
        let next = meant.or_else(help);
        let document = json!({ "error": { "exit_code": 2, "message": message, "next": next } });
        Output::new(true).text(&format!("{document:#}"));
    }
    if !error.use_stderr() {
        // Help that nobody got is no success.
        let written = error.print().and_then(|()| io::stdout().flush());
        if written.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
            let _ = writeln!(io::stderr(), "cannot write to stdout");
            std::process::exit(1);
        }
        std::process::exit(error.exit_code());
    }
    // In colours, unless what was typed has some of its own.
    let text = error.to_string();
    let shown = harmless(&text, false);
    if shown != text {
        let _ = io::stderr().write_all(shown.as_bytes());
        std::process::exit(error.exit_code());
    }
    error.exit()
}

/// What is wrong, in one line: what is missing stands in lines of its own.
fn paragraph(text: &str) -> String {
    let lines: Vec<_> = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    lines.join(" ").trim_start_matches("error: ").to_owned()
}

/// Letters behind one dash of which one asks for the help or the version, and another is no option at all: clap stops at the
/// first, so that `-history` would be a success.
fn is_slip(command: &Command, word: &str) -> bool {
    let letters = word.strip_prefix('-').filter(|letters| !letters.starts_with('-') && letters.chars().count() > 1);
    let Some(letters) = letters.filter(|letters| !["help", "version"].contains(letters)) else { return false };
    let known = |letter: char| {
        let all = std::iter::once(command).chain(command.get_subcommands());
        "hV".contains(letter) || all.flat_map(Command::get_arguments).any(|arg| arg.get_short() == Some(letter))
    };
    letters.contains(['h', 'V']) && !letters.chars().all(known)
}

/// The first such word before the help or the version was really asked for, and the command that it may stand for.
fn slipped(command: &Command, words: &[OsString]) -> Option<(String, String)> {
    let asks = |word: &&str| ["-h", "--help", "-help", "-V", "--version", "-version", "help", "--"].contains(word);
    let texts: Vec<_> = words.iter().map(|word| word.to_str().unwrap_or_default()).collect();
    let at = texts.iter().take_while(|word| !asks(word)).position(|word| is_slip(command, word))?;
    let mut doubled = words.to_vec();
    doubled[at] = OsString::from(format!("-{}", texts[at]));
    let meant = is_command(command, &doubled).then(|| spelled(command, &doubled));
    let meant = meant.or_else(|| other_form(command, &doubled)).unwrap_or_else(|| {
        let version = texts[at].chars().find(|letter| "hV".contains(*letter)) == Some('V');
        format!("{} --{}", command.get_name(), if version { "version" } else { "help" })
    });
    Some((texts[at].to_owned(), meant))
}

/// The mistake that such a word is, where clap took it for a question.
pub(super) fn slip(command: &mut Command, words: &[OsString]) -> Option<clap::Error> {
    let (word, meant) = slipped(command, words)?;
    let mut error = clap::Error::new(ErrorKind::UnknownArgument).with_cmd(command);
    error.insert(ContextKind::InvalidArg, ContextValue::String(word));
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![format!("did you mean: {meant}").into()]));
    error.insert(ContextKind::Usage, ContextValue::StyledStr(command.render_usage()));
    Some(error)
}

/// More words than that nobody swaps.
const MOST_WORDS: usize = 12;

/// The command that these words are when one of them comes first: `01:00 detach` is `detach 01:00`. Whether it is one, the
/// program's own grammar says.
fn in_order(command: &Command, words: &[OsString]) -> Option<String> {
    let is_option = |word: &OsString| word.as_encoded_bytes().starts_with(b"-");
    let movable = (1..words.len().min(MOST_WORDS)).filter(|at| !is_option(&words[*at]));
    let orders = movable.map(|at| {
        let mut order = words.to_vec();
        order[..=at].rotate_right(1);
        order
    });
    let found = { orders }.find(|order| is_command(command, order))?;
    Some(spelled(command, &found))
}

fn starts_alike(typed: &str, option: &str) -> bool {
    let first = |text: &str| text.strip_prefix("--").and_then(|name| name.chars().next());
    first(typed).is_some() && first(typed) == first(option)
}

/// What the programs do by themselves, so that there is no verb for it.
const WITHOUT_A_VERB: [&str; 3] = ["check", "reset", "status"];

/// The command that these words are when one of them is spelled otherwise: a verb that is an option (`fix` is `--fix`), an
/// option that is a verb (`--history` is `history`), or a verb that goes without saying (`reset 3-1`).
fn other_form(command: &Command, words: &[OsString]) -> Option<String> {
    let changed = words.iter().take(MOST_WORDS).enumerate().flat_map(|(at, word)| {
        let word = word.to_str().unwrap_or_default();
        let with = |other: Option<String>| {
            let mut words = words.to_vec();
            words.splice(at..=at, other.map(OsString::from));
            words
        };
        let plain = !word.is_empty() && !word.starts_with('-');
        let option = command.get_arguments().any(|arg| plain && arg.get_long() == Some(word));
        let verb = word.strip_prefix("--").filter(|name| command.find_subcommand(name).is_some());
        let needless = plain && WITHOUT_A_VERB.contains(&word) && command.find_subcommand(word).is_none();
        let forms = [
            option.then(|| with(Some(format!("--{word}")))),
            verb.map(|verb| with(Some(verb.to_owned()))),
            needless.then(|| with(None)),
        ];
        forms.into_iter().flatten().collect::<Vec<_>>()
    });
    changed.into_iter().find(|words| is_command(command, words)).map(|words| spelled(command, &words))
}

/// Whether the program's own grammar has it.
fn is_command(command: &Command, words: &[OsString]) -> bool {
    let line = std::iter::once(OsString::from(command.get_name())).chain(words.iter().cloned());
    command.clone().try_get_matches_from(line).is_ok()
}

fn spelled(command: &Command, words: &[OsString]) -> String {
    let words = words.iter().map(|word| word.to_string_lossy().into_owned());
    std::iter::once(command.get_name().to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;

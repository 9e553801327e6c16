//! The options that every program has, and the one place where a run ends.

use crate::{
    config::Config, deadline::Deadline, fault::Fault, host::Host, limits, log::Log, plain::harmless, report::Output,
    session::Session,
};
use anyhow::Result;
use clap::{
    Args, Command, CommandFactory, Parser,
    error::{ContextKind, ContextValue},
};
use serde_json::json;
use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

/// They stand below the program's own in its help.
const COMMON: &str = "Common options";

/// Options that every program has.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Print one JSON document on stdout, and nothing else there
    #[arg(long, global = true, help_heading = COMMON)]
    pub json: bool,
    /// Print every change that would be made, in order, and make none
    #[arg(short = 'n', long, global = true, help_heading = COMMON)]
    pub dry_run: bool,
    /// Tell more, such as each write
    #[arg(short, long, global = true, help_heading = COMMON, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Tell only what is wrong
    #[arg(short, long, global = true, help_heading = COMMON)]
    pub quiet: bool,
    /// Bound on the whole operation, such as 30s or 2m
    #[arg(long, global = true, help_heading = COMMON, value_name = "TIME", value_parser = time_to_act)]
    pub timeout: Option<Duration>,
    /// How long to wait while somebody else moves the same devices [default: 10s]
    #[arg(long, global = true, help_heading = COMMON, value_name = "TIME", value_parser = duration)]
    pub lock_timeout: Option<Duration>,
    /// Look at a copied host tree below DIR (DIR/sys, DIR/etc/pve, ...) instead of /
    #[arg(long, global = true, help_heading = COMMON, value_name = "DIR", default_value = "/", hide_default_value = true)]
    pub root: PathBuf,
    /// Configuration file [default: /etc/pve-hooks/config.toml]
    #[arg(long, global = true, help_heading = COMMON, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Common {
    /// The session that these options ask for. `timeout` is the program's own default.
    pub fn session(&self, program: &'static str, timeout: Duration) -> Result<Session> {
        let host = self.host()?;
        let config = self.load_config(&host)?;
        Ok(self.session_with(program, timeout, host, config))
    }

    /// The host that is looked at.
    pub fn host(&self) -> Result<Host> {
        limits::loosen()?;
        if self.root.is_dir() {
            return Ok(Host::new(&self.root));
        }
        Fault::usage(format!("--root {}: no such directory", self.root.display())).fail()
    }

    /// The configuration.
    pub fn load_config(&self, host: &Host) -> Result<Config> {
        match &self.config {
            Some(path) => Config::load(path, &path.display().to_string(), true),
            None => Config::load(&host.config_file(), &host.shown(&host.config_file()), false),
        }
    }

    /// The session with a configuration of the caller's.
    pub fn session_with(&self, program: &'static str, timeout: Duration, host: Host, config: Config) -> Session {
        let verbosity = if self.quiet { -1 } else { i8::try_from(self.verbose).unwrap_or(i8::MAX) };
        let deadline = Deadline::after(self.timeout.or(config.timeout).unwrap_or(timeout));
        let mut session = Session::new(host, config, deadline, Log::new(program, verbosity), Output::new(self.json));
        session.lock_timeout = self.lock_timeout.unwrap_or(session.lock_timeout);
        session.dry_run = self.dry_run;
        session
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "expected a time such as 30s or 2m".into())
}

/// Nothing can be done in no time.
fn time_to_act(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| if time.is_zero() { Err("expected more than 0s".into()) } else { Ok(time) })
}

/// A VMID as PVE has them.
pub fn vmid(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "expected the number of a VM, such as 111".into())
}

/// What was typed. A mistake ends the program with exit code 2, and with `--json` it is a document, as every error is.
pub fn read<C: Parser>() -> C {
    C::try_parse().unwrap_or_else(|error| mistyped::<C>(error))
}

/// Ends the program over what cannot be understood, or with the help that was asked for. Where the same words in another
/// order are a command, that command is told.
pub fn mistyped<C: CommandFactory>(mut error: clap::Error) -> ! {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let command = C::command();
    let meant = || in_order(&command, &words).or_else(|| other_form(&command, &words));
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
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let help =
            || std::env::args().next().map(|name| format!("{} --help", name.rsplit('/').next().unwrap_or_default()));
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

/// Ends a run: an error is printed with its cause and the next command to type, and becomes the exit code.
pub fn finish(program: &str, json: bool, result: Result<u8>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let mut text = format!("{program}: {error:#}\n");
            if let Some(next) = Fault::of(&error).and_then(|fault| fault.next.as_ref()) {
                text.push_str(&format!("{program}: next: {next}\n"));
            }
            let _ = io::stderr().write_all(harmless(&text, false).as_bytes());
            let code = Fault::code_of(&error).number();
            if json {
                let next = Fault::of(&error).and_then(|fault| fault.next.clone());
                let message = format!("{error:#}");
                let document = json!({ "error": { "exit_code": code, "message": message, "next": next } });
                Output::new(true).text(&format!("{document:#}"));
            }
            ExitCode::from(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Arg;

    #[test]
    fn words_in_the_wrong_order_are_told_in_the_right_one() {
        let many = |name: &'static str| Arg::new(name).required(true).num_args(1..).value_parser(duration);
        let force = Arg::new("force").long("force").action(clap::ArgAction::SetTrue);
        let command = Command::new("program")
            .subcommand_required(true)
            .arg(Arg::new("root").long("root").global(true))
            .subcommand(Command::new("detach").arg(many("target")).arg(force))
            .subcommand(Command::new("list"));
        for (typed, meant) in [
            ("1s detach", Some("program detach 1s")),
            ("1s 2s detach --force", Some("program detach 1s 2s --force")),
            ("--root / 1s detach", Some("program detach --root / 1s")),
            ("1s list", None),
            ("what detach", None),
            ("detach", None),
            ("1s detach --help", None),
            ("", None),
        ] {
            let words: Vec<_> = typed.split_whitespace().map(OsString::from).collect();
            assert_eq!(in_order(&command, &words).as_deref(), meant, "{typed}");
        }
    }

    #[test]
    fn verbs_and_options_that_are_mixed_up_are_told_as_they_are() {
        let command = Command::new("program")
            .arg(Arg::new("fix").long("fix").action(clap::ArgAction::SetTrue))
            .arg(Arg::new("target").value_parser(duration))
            .subcommand(Command::new("history"));
        for (typed, meant) in [
            ("fix", Some("program --fix")),
            ("fix 1s", Some("program --fix 1s")),
            ("--history", Some("program history")),
            ("reset 1s", Some("program 1s")),
            ("status", Some("program")),
            ("explode", None),
            ("reset what", None),
            ("--bogus", None),
        ] {
            let words: Vec<_> = typed.split_whitespace().map(OsString::from).collect();
            assert_eq!(other_form(&command, &words).as_deref(), meant, "{typed}");
        }
        assert!(starts_alike("--jsno", "--json") && !starts_alike("--bogus", "--no-guest") && !starts_alike("x", "y"));
    }
}

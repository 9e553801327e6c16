//! The options that every program has, and the one place where a run ends.

mod mistyped;

pub use mistyped::mistyped;
use mistyped::slip;

use crate::{
    config::Config, deadline::Deadline, fault::Fault, host::Host, limits, log::Log, plain::harmless, report::Output,
    session::Session,
};
use anyhow::Result;
use clap::{Args, Command, CommandFactory, Parser};
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
    parse(std::env::args_os()).unwrap_or_else(|error| mistyped::<C>(error))
}

/// The same of these words, the first of which is the program. An option that is there twice counts as its last, and a
/// misspelled one that begins with `-h` or `-V` asks for nothing.
pub fn parse<C: Parser>(words: impl IntoIterator<Item = OsString>) -> Result<C, clap::Error> {
    let words: Vec<_> = words.into_iter().collect();
    let mut command = grammar::<C>();
    match command.try_get_matches_from_mut(&words).and_then(|mut matches| C::from_arg_matches_mut(&mut matches)) {
        Err(error) if !error.use_stderr() => Err(slip(&mut command, &words[1.min(words.len())..]).unwrap_or(error)),
        result => result.map_err(|error| error.format(&mut command)),
    }
}

fn grammar<C: CommandFactory>() -> Command {
    C::command().args_override_self(true)
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

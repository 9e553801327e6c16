//! What can be typed.

use clap::{CommandFactory, Parser, Subcommand};
use passthrough::{
    cli::{Common, vmid},
    report::Output,
};
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

/// Says whether a Coral works, from the socket to the guest; cures it with --fix
#[derive(Debug, Parser)]
#[command(name = "coral-check", version, after_help = EXAMPLES, args_conflicts_with_subcommands = false)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct Cli {
    /// What every program understands.
    #[command(flatten)]
    pub common: Common,
    /// Something else than to look
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Only what this VM is given
    #[arg(long, value_name = "VMID", value_parser = vmid)]
    pub vm: Option<u32>,
    /// Only the Coral at this bus-port, such as 2-3
    #[arg(long, value_name = "BUS-PORT", value_parser = port)]
    pub port: Option<String>,
    /// Cure what was found with what touches only the Coral: power, re-plug, reset, port
    #[arg(long)]
    pub fix: bool,
    /// Fix even where nothing was found (implies --fix)
    #[arg(long)]
    pub skip_checks: bool,
    /// Print what --fix would do (the same as --fix --dry-run)
    #[arg(long)]
    pub test: bool,
    /// Reboot the VM where nothing else helped, at most 3 times an hour (implies --fix)
    #[arg(long)]
    pub auto_reboot: bool,
    /// Tell everything (the same as -vv)
    #[arg(long)]
    pub debug: bool,
    /// Do not ask the guests
    #[arg(long)]
    pub no_guest: bool,
    /// So many resets an hour are called normal
    #[arg(long, value_name = "N", default_value_t = passthrough::coral::collect::RESETS_ALLOWED)]
    pub resets: u32,
    /// One line for Nagios and its kin; exit 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN
    #[arg(long, conflicts_with_all = ["json", "guest", "dry_run", "test"])]
    pub nagios: bool,
    /// Also write a file for Prometheus (textfile collector of its node exporter)
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
    /// Also mail root when a state changes, and once a day while it is bad
    #[arg(long)]
    pub notify: bool,
    /// Run inside the VM: what is visible here, and what to try; changes nothing
    #[arg(long, conflicts_with_all = ["fix", "skip_checks", "auto_reboot", "vm", "port", "metrics", "notify"])]
    pub guest: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What was done for Corals, oldest first
    #[command(after_help = HISTORY)]
    History,
}

impl Cli {
    /// Whether anything may be cured.
    pub fn fixes(&self) -> bool {
        self.fix || self.skip_checks || self.auto_reboot || self.test
    }
}

/// A bus-port: `2-3`, `3-1.4`.
fn port(text: &str) -> Result<String, String> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let well = text.split_once('-').is_some_and(|(bus, path)| is_number(bus) && path.split('.').all(is_number));
    well.then(|| text.to_owned()).ok_or_else(|| "expected a bus-port, such as 2-3 or 3-1.4".into())
}

/// Parses a command line. Long options work with a single dash too, as in `-skip-checks`.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut cli = passthrough::cli::parse::<Cli>(doubled(arguments))?;
    cli.common.dry_run |= cli.test;
    cli.common.verbose = cli.common.verbose.saturating_add(if cli.debug { 2 } else { 0 });
    Ok(cli)
}

/// Ends a run that could not be understood. To Nagios, 2 would mean that the Coral is broken.
pub fn mistyped(error: clap::Error) -> ExitCode {
    let nagios = std::env::args_os().any(|word| word.to_string_lossy().trim_start_matches('-') == "nagios");
    if !error.use_stderr() || !nagios {
        passthrough::cli::mistyped::<Cli>(error);
    }
    let text = error.to_string();
    unknown(text.lines().next().unwrap_or_default().trim_start_matches("error: "))
}

/// The one line of a plugin that does not know, and its exit code, also where the line cannot be written.
pub fn unknown(why: &str) -> ExitCode {
    Output::new(false).text(&format!("CORAL UNKNOWN - {}", why.replace(['\n', '|'], " ")));
    ExitCode::from(3)
}

fn doubled(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let command = Cli::command();
    let known: Vec<_> = command.get_arguments().filter_map(clap::Arg::get_long).chain(["help", "version"]).collect();
    let mut plain = false;
    let double = |argument: OsString| {
        plain |= argument == "--";
        let word = argument.to_str().and_then(|text| text.strip_prefix('-')).filter(|_| !plain);
        let name = word.map(|word| word.split('=').next().unwrap_or_default());
        if name.is_some_and(|name| name.len() > 1 && known.contains(&name)) {
            return OsString::from(format!("-{}", argument.to_string_lossy()));
        }
        argument
    };
    arguments.into_iter().map(double).collect()
}

const EXAMPLES: &str = "\
Examples:
  coral-check                      does every Coral work, from the socket to the guest?
  coral-check --fix                cure what is wrong with what touches only the Coral
  coral-check -test                print what --fix would do
  coral-check --vm 275 --json      one VM, for programs
  coral-check -skip-checks         fix even though nothing was found
  coral-check --fix --auto-reboot  ... and reboot the VM where nothing else helped
  coral-check --nagios --no-guest  one line for monitoring, without asking the guest
  coral-check --guest              inside the VM: is it visible here?
  coral-check history              what was done, and did it help?

Exit codes: 0 healthy or cured, 1 problem, 2 usage or configuration, 3 busy, 4 the kernel does not answer, 5 refused for safety";

const HISTORY: &str = "\
Examples:
  coral-check history              the last 50
  coral-check history --json       for programs";

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Cli {
        parse(line.split(' ').map(OsString::from)).unwrap_or_else(|_| panic!("{line}"))
    }

    #[test]
    fn the_spellings_of_the_script_work() {
        let cli = typed("coral-check -test");
        assert!(cli.fixes() && cli.common.dry_run && cli.test);
        let cli = typed("coral-check -debug -skip-checks");
        assert!(cli.fixes() && cli.skip_checks && !cli.common.dry_run && cli.common.verbose == 2);
        assert!(typed("coral-check -skip-checks -auto-reboot").auto_reboot);
        assert!(typed("coral-check -test -test -q -q --json --json").test);
        assert!(parse(["coral-check", "-history"].map(OsString::from)).is_err_and(|error| error.exit_code() == 2));
        // Of the script for inside the VM, which changes nothing either way.
        assert!(typed("coral-check -guest -test").guest);
        assert!(typed("coral-check --auto-reboot").fixes());
        assert!(!typed("coral-check").fixes());
    }

    #[test]
    fn single_dashes_do_not_break_short_options() {
        let cli = typed("coral-check -vn -vm 275 -port=2-3 -timeout 5s");
        assert_eq!(
            (cli.common.verbose, cli.common.dry_run, cli.vm, cli.port.as_deref()),
            (1, true, Some(275), Some("2-3"))
        );
        assert!(parse(["coral-check", "--", "-fix"].map(OsString::from)).is_err());
    }

    #[test]
    fn a_port_is_a_bus_port() {
        assert_eq!(port("3-1.4").as_deref(), Ok("3-1.4"));
        for text in ["", "3", "3-", "-1", "3-1.", "3-1:1.0", "usb3", "../x", "3-1.4/.."] {
            assert!(port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}

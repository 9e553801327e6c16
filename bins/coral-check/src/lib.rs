//! Says whether a Coral works, from the socket to the guest, and cures it.

mod cli;
mod run;

use std::process::ExitCode;

/// The program.
pub fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return cli::mistyped(error),
    };
    if cli.nagios {
        return run::nagios(&cli);
    }
    passthrough::cli::finish("coral-check", cli.common.json, run::run(&cli))
}

//! `vm-probe`: the health of VMs.

mod cli;
mod daemon;
mod evidence;
mod run;
mod serve;
mod table;

use std::process::ExitCode;

/// The program.
pub fn main() -> ExitCode {
    let cli = passthrough::cli::read::<cli::Cli>();
    passthrough::cli::finish("vm-probe", cli.common.json, run::run(&cli))
}

//! The hookscript of Proxmox VE, and what sets it up.

mod chain;
mod check;
mod cli;
mod guard;
mod own;
mod phase;
mod register;
mod run;

use std::process::ExitCode;

/// The program.
pub fn main() -> ExitCode {
    let cli: cli::Cli = passthrough::cli::read();
    passthrough::cli::finish("pve-hook", cli.common.json, run::run(&cli))
}

//! The hookscript of Proxmox VE, and what sets it up.

mod chain;
mod check;
mod cli;
mod guard;
mod phase;
mod register;
mod run;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    passthrough::cli::finish("pve-hook", run::run(&cli::Cli::parse()))
}

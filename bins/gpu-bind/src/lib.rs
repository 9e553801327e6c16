//! Moves GPUs between their host driver and vfio-pci.

mod cli;
mod run;
mod show;

use std::process::ExitCode;

/// The program.
pub fn main() -> ExitCode {
    let cli: cli::Cli = passthrough::cli::read();
    passthrough::cli::finish("gpu-bind", cli.common.json, run::run(&cli))
}

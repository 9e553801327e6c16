//! Moves GPUs between their host driver and vfio-pci.

mod cli;
mod run;
mod show;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    passthrough::cli::finish("gpu-bind", run::run(&cli::Cli::parse()))
}

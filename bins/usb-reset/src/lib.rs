//! Resets one USB device, by the least that helps, and proves that it came back.

mod cli;
mod list;
mod next;
mod run;
mod show;

use std::process::ExitCode;

/// The program.
pub fn main() -> ExitCode {
    let cli: cli::Cli = passthrough::cli::read();
    passthrough::cli::finish("usb-reset", cli.common.json, run::run(&cli))
}

//! One verb after the other.

use crate::cli::Cli;
use anyhow::Result;
use passthrough::fault::Fault;

/// Runs; the number is the exit code.
pub fn run(cli: &Cli) -> Result<u8> {
    Fault::usage(format!("{:?} is not there yet", cli.verb)).fail()
}

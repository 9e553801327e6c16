//! What can be typed, and what PVE calls.

use clap::{Args, Parser, Subcommand, ValueEnum};
use passthrough::cli::Common;

/// Hookscript for Proxmox VE: binds passed-through devices before a VM starts and returns them after it stops
#[derive(Debug, Parser)]
#[command(name = "pve-hook", version, override_usage = USAGE, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    /// What every program understands.
    #[command(flatten)]
    pub common: Common,
    /// The VM that PVE starts or stops
    #[arg(value_parser = passthrough::cli::vmid)]
    pub vmid: Option<u32>,
    /// What PVE is doing with it
    pub phase: Option<Phase>,
    /// What a person wants.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// The phases in which PVE calls a hookscript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Phase {
    /// Before QEMU; the only phase whose failure aborts the start
    PreStart,
    /// QEMU runs
    PostStart,
    /// Before QEMU is stopped
    PreStop,
    /// QEMU has ended
    PostStop,
}

impl Phase {
    /// As PVE spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreStart => "pre-start",
            Self::PostStart => "post-start",
            Self::PreStop => "pre-stop",
            Self::PostStop => "post-stop",
        }
    }
}

/// What a person can ask for.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make pve-hook the hookscript of VMs
    #[command(after_help = REGISTER)]
    Register(Register),
    /// Take it off again
    #[command(after_help = UNREGISTER, mut_arg("all", |all| all.help("Every VM that names this hook")))]
    Unregister(Which),
    /// Say for each VM whether the hook is in place and its devices can be bound (exit 1 if not)
    #[command(after_help = CHECK)]
    Check {
        /// VMs [default: all that pass devices through or name this hook]
        #[arg(value_name = "VMID", value_parser = passthrough::cli::vmid)]
        vmids: Vec<u32>,
    },
    /// Wait until the start of a VM has ended, and return its devices if it does not run (started by pre-start)
    #[command(hide = true)]
    Guard {
        /// The VM
        vmid: u32,
    },
}

/// Which VMs.
#[derive(Debug, Args)]
pub struct Which {
    /// These VMs
    #[arg(required_unless_present = "all", value_name = "VMID", value_parser = passthrough::cli::vmid)]
    pub vmids: Vec<u32>,
    /// Every VM that passes PCI or USB devices through
    #[arg(long, conflicts_with = "vmids")]
    pub all: bool,
}

/// How to register.
#[derive(Debug, Args)]
pub struct Register {
    /// Which VMs.
    #[command(flatten)]
    pub which: Which,
    /// Move an existing hookscript into hooks.d/VMID, where it runs after this one
    #[arg(long, conflicts_with = "replace")]
    pub chain: bool,
    /// Replace an existing hookscript
    #[arg(long)]
    pub replace: bool,
}

const USAGE: &str = "pve-hook [OPTIONS] VMID pre-start|post-start|pre-stop|post-stop
       pve-hook [OPTIONS] register|unregister VMID...|--all
       pve-hook [OPTIONS] check [VMID...]";

const EXAMPLES: &str = "\
Examples:
  pve-hook register 111            set it up for VM 111
  pve-hook register --all          ... for every VM that passes devices through
  pve-hook check                   is everything in place?
  pve-hook -n 111 pre-start        print what would be done at the next start

Executables in /etc/pve-hooks/hooks.d/ and /etc/pve-hooks/hooks.d/VMID/ run after it with the same arguments.

Exit codes: 0 done, 1 problem, 2 usage or configuration, 3 busy, 4 the kernel does not answer, 5 refused for safety";

const REGISTER: &str = "\
Examples:
  pve-hook register 111            from now on, whoever starts the VM
  pve-hook register --all          every VM that passes devices through
  pve-hook register 111 --chain    keep the hookscript that it has: it runs after this one
  pve-hook -n register --all       only print what would be changed";

const UNREGISTER: &str = "\
Examples:
  pve-hook unregister 111          this VM
  pve-hook unregister --all        before the package is removed";

const CHECK: &str = "\
Examples:
  pve-hook check                   every VM that passes devices through or names this hook
  pve-hook check 111               one
  pve-hook check --json            for programs";

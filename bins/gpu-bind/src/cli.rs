//! What can be typed.

use clap::{Args, Parser, Subcommand};
use passthrough::{cli::Common, gpu::target::Target};

/// Moves GPUs between their host driver and vfio-pci, verified
#[derive(Debug, Parser)]
#[command(name = "gpu-bind", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What every program understands.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Where each GPU is, who holds it, and what is wrong (exit 1 if anything is)
    #[command(after_help = STATUS)]
    Status(Targets),
    /// The GPUs of this host with all their functions
    #[command(after_help = LIST)]
    List,
    /// Take GPUs from the host and give them to vfio-pci, for a VM
    #[command(after_help = DETACH)]
    Detach(Change),
    /// Bring GPUs back to their host drivers, whatever state they are in
    #[command(after_help = ATTACH)]
    Attach(Change),
    /// Detach, then attach: for a screen that stays black
    #[command(after_help = CYCLE)]
    Cycle(Change),
    /// Bring every passed-through GPU to where it belongs: running VM -> vfio-pci, otherwise -> host
    #[command(after_help = RECONCILE)]
    Reconcile,
    /// One report to paste into a bug report (exit 1 if anything is wrong)
    #[command(after_help = DOCTOR)]
    Doctor(Targets),
}

/// Targets to look at.
#[derive(Debug, Args)]
pub struct Targets {
    /// 0000:01:00.0, 01:00 (all its functions), vm:111 (what that VM is given) or all [default: all]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<Target>,
}

/// Targets to change.
#[derive(Debug, Args)]
pub struct Change {
    /// 0000:01:00.0, 01:00 (all its functions), vm:111 (what that VM is given) or all
    #[arg(required = true, value_name = "TARGET")]
    pub targets: Vec<Target>,
    /// Proceed although processes of the host have it open (nothing overrides a VM that holds it)
    #[arg(long)]
    pub force: bool,
    /// Proceed although no other GPU stays on a host driver: the screen of the host goes dark
    #[arg(long)]
    pub allow_console: bool,
}

const EXAMPLES: &str = "\
Examples:
  gpu-bind status                  where is everything?
  gpu-bind attach 01:00            bring it back to the host
  gpu-bind -n detach vm:111        print what would be written for VM 111
  gpu-bind cycle 01:00             the screen stays black although it is ATTACHED
  gpu-bind reconcile               heal what a missed hook or a crash left behind
  gpu-bind doctor > report.txt     everything for a bug report

Exit codes: 0 done, 1 problem, 2 usage or configuration, 3 busy, 4 the kernel does not answer, 5 refused for safety";

const STATUS: &str = "\
Examples:
  gpu-bind status                  every GPU
  gpu-bind status vm:111           what VM 111 is given
  gpu-bind status 01:00 --json     one, for programs

ATTACHED: on the host, and works. DETACHED: on vfio-pci. MIXED, UNBOUND, LOST, WEDGED: wrong, and the next command is named.";

const LIST: &str = "\
Examples:
  gpu-bind list                    addresses, functions, drivers, IOMMU groups
  gpu-bind list --json             for programs";

const DETACH: &str = "\
Examples:
  gpu-bind detach 01:00            all functions of the card, and what shares its IOMMU group
  gpu-bind detach vm:111           what VM 111 is given
  gpu-bind -n detach 01:00         only print what would be written
  gpu-bind detach all --allow-console --force
                                   although a desktop runs, and the screen goes dark";

const ATTACH: &str = "\
Examples:
  gpu-bind attach 01:00            to its host driver, and read back
  gpu-bind attach all              every GPU that no VM holds
  gpu-bind -n attach vm:111        only print what would be written";

const CYCLE: &str = "\
Examples:
  gpu-bind cycle 01:00             the screen stays black although it is ATTACHED
  gpu-bind -n cycle 01:00          only print what would be written";

const RECONCILE: &str = "\
Examples:
  gpu-bind reconcile               heal now; pve-hooks-reconcile.timer does it every minute
  gpu-bind -n reconcile            what it would do";

const DOCTOR: &str = "\
Examples:
  gpu-bind doctor                  every GPU
  gpu-bind doctor 01:00            one
  gpu-bind doctor > report.txt     everything for a bug report";

//! What can be typed.

use clap::{Parser, Subcommand, ValueEnum};
use passthrough::{
    cli::Common,
    usb::{reset::Rung, target::Target},
};

/// Resets a USB device by the least that helps, verified, and nobody else's
#[derive(Debug, Parser)]
#[command(name = "usb-reset", version, after_help = EXAMPLES, subcommand_negates_reqs = true, arg_required_else_help = true)]
#[command(
    override_usage = "usb-reset [OPTIONS] TARGET [--rung RUNG] [--controller ADDRESS]\n       usb-reset [OPTIONS] list\n       usb-reset [OPTIONS] heal"
)]
pub struct Cli {
    /// What every program understands.
    #[command(flatten)]
    pub common: Common,
    /// 18d1:9302, 3-1.4 (bus-port), 003/002 (bus and device, as lsusb has them), /dev/bus/usb/003/002 or vm:111
    #[arg(required = true)]
    pub target: Option<Target>,
    /// This reset and no other; auto tries them from the least
    #[arg(long, value_name = "RUNG", default_value = "auto")]
    pub rung: Choice,
    /// Consent to the reset of this controller with all that hangs on it, such as 0000:03:00.0 or 03:00.0
    #[arg(long, value_name = "ADDRESS")]
    pub controller: Option<String>,
    /// Something else than a reset.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What is not a reset.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Every USB device: where, what, who holds it, and which VM is given it
    #[command(after_help = LIST)]
    List,
    /// Switch on what a reset that was killed left off (every reset does so first)
    #[command(after_help = HEAL)]
    Heal,
}

/// The rungs of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// From the least rung that fits: replug, port for what a running VM has; ioctl, port for others
    Auto,
    /// Keep it awake (power/control = on)
    Power,
    /// Off the VM and back, by QEMU's monitor
    Replug,
    /// The kernel's reset of the device, by the ioctl `USBDEVFS_RESET`
    Ioctl,
    /// The hub's port off and on (kernel 6.0 and newer)
    Port,
    /// The power of the hub's port off and on, both halves
    HubPower,
    /// The whole controller off its driver and back; needs --controller
    Controller,
}

impl Choice {
    /// The rung, unless it is left to the program.
    pub fn rung(self) -> Option<Rung> {
        Some(match self {
            Self::Auto => return None,
            Self::Power => Rung::Power,
            Self::Replug => Rung::Replug,
            Self::Ioctl => Rung::Ioctl,
            Self::Port => Rung::Port,
            Self::HubPower => Rung::HubPower,
            Self::Controller => Rung::Controller,
        })
    }
}

const EXAMPLES: &str = "\
Examples:
  usb-reset list                             what is plugged in where, and who has it
  usb-reset 18d1:9302                        the Coral, by the least that helps
  usb-reset -n 3-1.4                         print what would be written
  usb-reset vm:275                           the one USB device of VM 275
  usb-reset 3-1.4 --rung port                the hub's port off and on
  usb-reset 3-1.4 --rung controller --controller 0000:03:00.0
                                             the whole controller, with all that hangs on it

What is mounted, a network interface that is up, the last keyboard, and what another process has open are never reset.

Exit codes: 0 done, 1 problem, 2 usage or configuration, 3 busy, 4 the kernel does not answer, 5 refused for safety";

const LIST: &str = "\
Examples:
  usb-reset list                             the tree, from the root hubs down
  usb-reset list --json                      for programs";

const HEAL: &str = "\
Examples:
  usb-reset heal                             switch it on, and say what is still away
  usb-reset -n heal                          what it would do";

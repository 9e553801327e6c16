//! What can be typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use passthrough::{cli::Common, config::probe::Origin};
use std::path::PathBuf;

/// Says what ails a VM, to people and machines, and heals what it may
#[derive(Debug, Parser)]
#[command(name = "vm-probe", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What every program understands.
    #[command(flatten)]
    pub common: Common,
    /// Where instances come from.
    #[command(flatten)]
    pub from: From,
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// Where instances come from.
#[derive(Debug, Args)]
pub struct From {
    /// Ask only this source instead of the first one that there is
    #[arg(long, global = true, value_name = "SOURCE")]
    pub source: Option<Source>,
    /// The API of a PVE cluster
    #[arg(long, global = true, value_name = "https://HOST:8006")]
    pub api: Option<String>,
    /// File with its token: USER@REALM!ID=UUID
    #[arg(long, global = true, value_name = "FILE")]
    pub api_token_file: Option<PathBuf>,
    /// SHA-256 of its certificate; without it PVE's own authority has to have signed it
    #[arg(long, global = true, value_name = "SHA256")]
    pub fingerprint: Option<String>,
    /// List of instances written down by hand [default: /etc/pve-hooks/instances.json]
    #[arg(long, global = true, value_name = "FILE")]
    pub instances: Option<PathBuf>,
}

/// A source's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Source {
    /// This PVE host
    Pve,
    /// The API of a PVE cluster
    Api,
    /// The pods of a Kubernetes cluster
    Kubernetes,
    /// A list written down by hand
    File,
    /// The one QEMU in this container
    Container,
}

impl std::convert::From<Source> for Origin {
    fn from(source: Source) -> Self {
        match source {
            Source::Pve => Self::Pve,
            Source::Api => Self::Api,
            Source::Kubernetes => Self::Kubernetes,
            Source::File => Self::File,
            Source::Container => Self::Container,
        }
    }
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The instances: source, state, age
    List,
    /// Where instances come from, and why not from elsewhere
    Discover,
    /// How VMs are, with the evidence; exit 0 healthy, 1 not
    Check {
        /// Only these
        #[arg(value_name = "VMID")]
        ids: Vec<String>,
        /// All of them (the same as naming none)
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// Also what is costly: picture, sound, guest agent, memory
        #[arg(long)]
        slow: bool,
    },
    /// The health of the one QEMU in this container, as one document
    Report,
    /// Watch, and answer by HTTP
    Serve {
        /// ADDRESS:PORT or unix:PATH [default: 127.0.0.1:8080]
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<String>,
        /// File with the bearer token that everything needs that changes something
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
    /// What would be done about a VM, and why it may or may not; acts with --apply
    Recover {
        /// Which
        #[arg(value_name = "VMID")]
        id: String,
        /// Do it
        #[arg(long)]
        apply: bool,
    },
    /// Past recoveries
    Audit {
        /// Only of this one
        #[arg(value_name = "VMID")]
        id: Option<String>,
    },
    /// The record of a VM: readings and events
    History {
        /// Which
        #[arg(value_name = "VMID")]
        id: String,
    },
}

const EXAMPLES: &str = "\
Examples:
  vm-probe check                 every VM of this host in one table
  vm-probe check 111 --json      one VM, for programs
  vm-probe check 111 --slow      also picture, sound, guest agent and memory
  vm-probe recover 111           what would be done about it, and why it may or may not
  vm-probe recover 111 --apply   do it
  vm-probe serve                 watch; page, API and metrics on http://127.0.0.1:8080
  vm-probe discover              where VMs are looked for
  vm-probe report                inside a container: its QEMU

Exit codes: 0 healthy or done, 1 problem, 2 usage or configuration, 3 busy, 4 no answer, 5 refused for safety";

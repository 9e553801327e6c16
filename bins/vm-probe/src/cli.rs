//! What can be typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use passthrough::{cli::Common, config::probe::Origin};
use std::path::PathBuf;

/// Says what ails a VM, to people and machines, and heals what it may
#[derive(Debug, Clone, Parser)]
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

/// They stand below the verb's own in the help.
const WHERE: &str = "Where to look";

/// Where instances come from.
#[derive(Debug, Clone, Args)]
pub struct From {
    /// Look only there, instead of at the first of these that there is
    #[arg(long, global = true, help_heading = WHERE, value_name = "SOURCE")]
    pub source: Option<Source>,
    /// The API of a PVE cluster (implies --source api)
    #[arg(long, global = true, help_heading = WHERE, value_name = "https://HOST:8006")]
    pub api: Option<String>,
    /// File with the token for --api: USER@REALM!ID=UUID
    #[arg(long, global = true, help_heading = WHERE, value_name = "FILE")]
    pub api_token_file: Option<PathBuf>,
    /// SHA-256 of the certificate of --api; without it PVE's own authority has to have signed it
    #[arg(long, global = true, help_heading = WHERE, value_name = "SHA256")]
    pub fingerprint: Option<String>,
    /// A list written down by hand (implies --source file) [default: /etc/pve-hooks/instances.json]
    #[arg(long, global = true, help_heading = WHERE, value_name = "FILE")]
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
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// The VMs: source, state, age
    #[command(after_help = LIST)]
    List,
    /// Where VMs are looked for, and why not elsewhere
    #[command(after_help = DISCOVER)]
    Discover,
    /// How VMs are, with the evidence; exit 0 when all are healthy, 1 when not
    #[command(after_help = CHECK)]
    Check {
        /// Only these VMs [default: all]
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
    #[command(after_help = REPORT)]
    Report,
    /// Watch, and answer by HTTP: page, API, metrics
    #[command(after_help = SERVE)]
    Serve {
        /// ADDRESS:PORT or unix:PATH [default: 127.0.0.1:8080]
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<String>,
        /// File with the bearer token that everything needs that changes something
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
    /// What would be done about a VM, and why it may or may not; acts only with --apply
    #[command(after_help = RECOVER)]
    Recover {
        /// The VM
        #[arg(value_name = "VMID")]
        id: String,
        /// Do it
        #[arg(long)]
        apply: bool,
    },
    /// Past recoveries: when, who asked, what was done, and did it help
    #[command(after_help = AUDIT)]
    Audit {
        /// Only of this VM
        #[arg(value_name = "VMID")]
        id: Option<String>,
    },
    /// The last hours of a VM: readings and events
    #[command(after_help = HISTORY)]
    History {
        /// The VM
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

const LIST: &str = "\
Examples:
  vm-probe list                  of this host
  vm-probe list --json           for programs";

const DISCOVER: &str = "\
Examples:
  vm-probe discover              which source is used, and what the others say
  vm-probe discover --source kubernetes
                                 one of them, and what it says";

const CHECK: &str = "\
Examples:
  vm-probe check                 every VM in one table
  vm-probe check 111 -v          one, with the evidence
  vm-probe check -q              only what is not well
  vm-probe check --api https://pve1:8006 --api-token-file /etc/pve-hooks/api.token
                                 every VM of a cluster";

const REPORT: &str = "\
Examples:
  vm-probe report                as GET /health of vm-probe serve answers it";

const SERVE: &str = "\
Examples:
  vm-probe serve                 on http://127.0.0.1:8080; nothing can be changed without a token
  vm-probe serve --listen unix:/run/vm-probe.sock
                                 for a proxy on this host
  vm-probe serve --listen 192.168.1.10:8080 --token-file /etc/pve-hooks/probe.token
                                 for others; the token is needed for all that changes something";

const RECOVER: &str = "\
Examples:
  vm-probe recover 111           the plan
  vm-probe recover 111 --apply   do it: at most 3 times per VM and hour

Never touched: a VM that is locked, migrating, paused by a person or under PVE's HA manager.";

const AUDIT: &str = "\
Examples:
  vm-probe audit                 of every VM
  vm-probe audit 111 --json      of one, for programs";

const HISTORY: &str = "\
Examples:
  vm-probe history 111           a line for every five minutes, and what happened
  vm-probe history 111 --json    for programs";

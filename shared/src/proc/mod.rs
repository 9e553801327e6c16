//! Processes: what they are, what they hold open, and which of them the kernel does not let go.

mod dev_no;
mod keeper;
mod mappers;
mod openers;
mod process;
mod writers;

pub use dev_no::DevNo;
pub use keeper::stop_command;
pub use mappers::mappers;
pub use openers::{Opener, Openers, openers, openers_among, openers_of_all};
pub use process::{Stat, command, is_alive, pids, start_time, stat, state, unseen, voluntary_switches};
pub use writers::{BlockedWriter, blocked_writers};

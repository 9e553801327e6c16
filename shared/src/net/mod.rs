//! Network interfaces: which there are, whether they are up, what they belong to, and what goes through them.

mod changes;
mod counters;
mod interface;

pub use changes::Changes;
pub use counters::{Counters, Table, read_table};
pub use interface::{Interface, Link, is_bridge, is_name};

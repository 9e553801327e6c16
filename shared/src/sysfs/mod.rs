//! Attributes of sysfs: read at once, written by a process that may be left behind.

mod access;
mod attribute;
mod worker;

pub use access::Access;
pub use attribute::{link_name, read, read_number};
pub use worker::{Answer, Worker};

//! Attributes of sysfs: read at once, written by a process that may be left behind.

mod access;
mod attribute;
mod worker;

pub use access::Access;
pub use attribute::{link_name, read, read_number, read_within};
pub use worker::{Answer, Worker};

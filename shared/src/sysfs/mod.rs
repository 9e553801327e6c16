//! Attributes of sysfs: read at once, written by a process that may be left behind.

mod access;
mod attribute;
mod step;
mod usbfs;
mod worker;

pub use access::{Access, Taken};
pub use attribute::{link_name, read, read_number, read_within};
pub use step::{Control, Did, Do, Step};
pub use worker::{Answer, Worker};

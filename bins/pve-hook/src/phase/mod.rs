//! What is done in each phase. Nothing needs doing in pre-stop.

pub mod post_start;
pub mod post_stop;
pub mod pre_start;

//! GPUs between their host driver and vfio-pci.
//!
//! [`unit`] says what moves together, [`observe`] and [`verdict`] what state it is in, [`policy`] where it belongs;
//! [`plan`] computes the writes, [`operation`] makes them under locks, and [`detach`], [`attach`], [`cycle`] and
//! [`reconcile`] are the verbs.

pub mod assigned;
pub mod attach;
pub mod baseline;
pub mod console;
pub mod cycle;
pub mod detach;
pub mod doctor;
pub mod drivers;
pub mod history;
pub mod holders;
pub mod leftover;
pub mod observe;
pub mod operation;
pub mod plan;
pub mod policy;
pub mod reconcile;
pub mod record;
pub mod refuse;
pub mod release;
pub mod revive;
pub mod settle;
pub mod status;
pub mod target;
pub mod unit;
pub mod units;
pub mod verdict;
pub mod verify;
pub mod world;

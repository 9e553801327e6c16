//! What is the same for all VMs of one round.

use crate::{
    host::Host,
    net::{Interface, Link, Table, is_bridge},
    reread::Pool,
};
use std::{collections::HashMap, io, time::Instant};

/// When it is, which interfaces there are, and how their bridges are.
pub(super) struct Round<'a> {
    pub host: &'a Host,
    pub table: Result<Table<'a>, String>,
    pub now: Instant,
    /// Whether any interface may be otherwise than in the round before.
    pub changed: bool,
    bridges: HashMap<String, Bridge>,
}

/// How a bridge is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bridge {
    Up,
    Down,
    /// Open vSwitch: whether its own interface is up says nothing about its ports.
    Foreign,
}

impl<'a> Round<'a> {
    pub fn new(host: &'a Host, table: Result<Table<'a>, String>, now: Instant, changed: bool) -> Self {
        Self { host, table, now, changed, bridges: HashMap::new() }
    }

    /// Whether there is such an interface.
    pub fn has(&self, name: &str) -> bool {
        self.table.as_ref().is_ok_and(|table| table.has(name))
    }

    /// How a bridge is; each is looked at once.
    pub fn bridge(&mut self, name: &str, pool: &mut Pool) -> io::Result<Bridge> {
        if let Some(known) = self.bridges.get(name) {
            return Ok(*known);
        }
        let state = match is_bridge(self.host, name) {
            false => Bridge::Foreign,
            true if Interface::new(self.host, name).link(pool)? == Link::Down => Bridge::Down,
            true => Bridge::Up,
        };
        self.bridges.insert(name.to_owned(), state);
        Ok(state)
    }
}

//! Checks that pass, fail, hang and cannot be told.

mod configured;
mod runs;
mod web;

use super::*;
use crate::{
    config::{
        Config,
        probe::{Check, Class, Origin},
    },
    fault::{Code, Fault},
    probe::{evidence::Checked, instance::Pod},
};
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn settings(checks: &[(&str, Check)]) -> Settings {
    let checks = checks.iter().map(|(name, check)| ((*name).to_owned(), check.clone())).collect();
    Settings { checks, ..Settings::default() }
}

fn vm(id: &str) -> Arc<Instance> {
    let mut instance = Instance::new(id, Origin::Pve);
    instance.vmid = id.parse().ok();
    instance.power = Power::Running;
    Arc::new(instance)
}

fn once(host: &Host, check: Check, instance: &Arc<Instance>) -> Checked {
    let mut checks = Checks::new(host, &settings(&[("x", check)])).unwrap();
    let jobs = checks.all(std::slice::from_ref(instance));
    assert_eq!((jobs.len(), jobs[0].id(), jobs[0].name()), (1, instance.id.as_str(), "x"));
    jobs[0].run(host)
}

fn sh(script: &str) -> Check {
    Check { command: Some(words(&["/bin/sh", "-c", script, "sh", "{id}", "x-{name}"])), ..Check::default() }
}

//! The daemon's front end on an engine that measures nothing: `page [ADDRESS [COUNT [TOKEN-FILE]]]`.

mod fake;
#[allow(dead_code)]
#[path = "../../src/serve/mod.rs"]
mod serve;

use anyhow::Result;
use passthrough::{config::Config, host::Host};
use serve::{Options, Token};
use std::{env, path::Path, thread, time::Duration};

fn main() -> Result<()> {
    let mut words = env::args().skip(1);
    let listen = words.next().unwrap_or("127.0.0.1:8080".into()).parse()?;
    let count = words.next().map_or(Ok(12), |count| count.parse())?;
    let token = words.next().map(|path| Token::load(Path::new(&path))).transpose()?;
    let fake = fake::Fake::new(count);
    let engine = fake.clone();
    thread::spawn(move || {
        for round in 0u64.. {
            thread::sleep(Duration::from_secs(2));
            engine.tick();
            if round % 5 == 2 {
                engine.tell("status", "103", "router: degraded, tap103i0 is no port of vmbr0");
            }
        }
    });
    serve::serve(
        || Ok(fake),
        Options {
            listen,
            token,
            hosts: Vec::new(),
            metrics: Box::new(|snapshot, _| {
                format!("# TYPE vm_probe_up gauge\nvm_probe_up {}\n", snapshot.readings.len())
            }),
            overdue: Duration::from_secs(30),
            host: Host::default(),
            log: Box::new(|text| eprintln!("{text}")),
            reread: Box::new(|| Ok(serve::Fresh { config: Config::default(), token: None })),
        },
    )
}

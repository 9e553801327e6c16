//! `ask DIR SECONDS [INTERVAL]`: asks every VM of a host tree every INTERVAL seconds, spread over the interval as the daemon
//! does it, and says what that took of a processor. With an interval of 0: all at once, round after round.

use nix::sys::resource::{UsageWho, getrusage};
use passthrough::{
    host::Host,
    probe::{
        deep::{Prober, Target},
        instance::Endpoint,
    },
    pve,
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

const TICK: Duration = Duration::from_millis(250);
const ANSWER: Duration = Duration::from_secs(2);
const AT_ONCE: usize = 256;

fn main() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let number = |n: usize| words.get(n).and_then(|word| word.parse::<f64>().ok());
    let (Some(dir), Some(seconds)) = (words.first(), number(1)) else {
        eprintln!("usage: ask DIR SECONDS [INTERVAL]");
        std::process::exit(2)
    };
    let interval = Duration::from_secs_f64(number(2).unwrap_or(15.0));
    let host = Host::new(dir);
    let vms = pve::running(&host);
    let target = |vmid: u32, pid: i32| Target {
        id: vmid.to_string(),
        qmp: Some(host.qemu_run().join(format!("{vmid}.qmp"))),
        vnc: Some(Endpoint::Unix(host.qemu_run().join(format!("{vmid}.vnc")))),
        pid: Some(pid),
    };
    let mut prober = Prober::new(&host).expect("a prober");
    let mut words = BTreeMap::<&str, usize>::new();
    let (begun, used) = (Instant::now(), used());
    let mut asked = 0;
    let mut longest = 0;
    while begun.elapsed().as_secs_f64() < seconds {
        let tick = Instant::now();
        let owed = if interval.is_zero() {
            vms.len()
        } else {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let owed = (begun.elapsed().as_secs_f64() / interval.as_secs_f64() * vms.len() as f64) as usize;
            owed - asked
        };
        let mut due = (0..owed).map(|n| (asked + n) % vms.len());
        let mut begin = |prober: &mut Prober| {
            while prober.in_flight() < AT_ONCE {
                let Some(at) = due.next() else { return };
                prober.begin(target(vms[at].vmid, vms[at].pid), ANSWER);
            }
        };
        begin(&mut prober);
        loop {
            let left = TICK.saturating_sub(tick.elapsed());
            for (_, deep) in prober.poll(if interval.is_zero() { ANSWER } else { left }) {
                *words.entry(deep.qmp.word()).or_default() += 1;
                longest = longest.max(deep.took);
            }
            begin(&mut prober);
            if interval.is_zero() && prober.in_flight() == 0 || !interval.is_zero() && left.is_zero() {
                break;
            }
        }
        asked += owed;
    }
    let (took, cpu) = (begun.elapsed().as_secs_f64(), self::used() - used);
    #[allow(clippy::cast_precision_loss)]
    let each = cpu / asked as f64 * 1e6;
    println!("{asked} asked in {took:.1} s: {words:?}, the longest {longest} ms");
    println!("{:.2} % of one processor, {each:.0} us for each VM", cpu / took * 100.0);
}

/// Processor time of this process, in seconds.
fn used() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("getrusage");
    #[allow(clippy::cast_precision_loss)]
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

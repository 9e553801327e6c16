//! The costly probes against guests of which the truth is known: a screen that changes at the timer's tick, and a beep. Real
//! QEMUs run for it; without one, nothing is proven, and that is said.

use passthrough::{
    config::probe::{Origin, Settings},
    deadline::Deadline,
    host::Host,
    probe::{
        deep::{Target, ask_all},
        evidence::{Qmp, Slow, Vnc},
        instance::{Endpoint, Hardware, Instance},
        slow,
    },
    pve::qmp::Monitor,
};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError, mpsc::RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

const QEMU: &str = "qemu-system-x86_64";

/// The rate of the timer's tick, 1193182 / 65536.
const TICK: f64 = 18.2065;

/// One guest after the other: what is measured is time.
static ALONE: Mutex<()> = Mutex::new(());

/// A guest that boots from one sector; dropping it ends it.
struct Guest {
    _alone: MutexGuard<'static, ()>,
    dir: tempfile::TempDir,
    host: Host,
    qemu: Child,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

impl Guest {
    fn start(sector: &str, more: &[&str]) -> Option<Self> {
        if !Command::new(QEMU).arg("--version").output().is_ok_and(|output| output.status.success()) {
            println!("SKIPPED: there is no {QEMU}, so nothing was proven");
            return None;
        }
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::create_dir_all(host.qemu_run()).unwrap();
        symlink("/proc", host.proc()).unwrap();
        fs::write(dir.path().join("disk"), boot_sector(sector)).unwrap();
        let run = host.qemu_run();
        let qemu = Command::new(QEMU)
            .args(["-accel", "tcg", "-m", "32", "-display", "none", "-net", "none"])
            // Its count of ticks begins anew at midnight.
            .args(["-rtc", "base=2020-01-01T12:00:00"])
            .args(["-drive", "file=disk,format=raw,if=ide", "-vnc", &format!("unix:{}/7.vnc", run.display())])
            .args(["-qmp", &format!("unix:{}/7.qmp,server=on,wait=off", run.display())])
            .args(more)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let guest = Self { _alone: alone, dir, host, qemu };
        wait_until("QEMU's monitor", || guest.monitor().exists());
        Some(guest)
    }

    fn monitor(&self) -> PathBuf {
        self.host.qemu_run().join("7.qmp")
    }

    /// Whether the screen is being drawn.
    fn draws(&self) -> bool {
        let deadline = Deadline::after(Duration::from_secs(20));
        let mut monitor = Monitor::open_at(&self.host, &self.monitor(), &deadline).unwrap();
        memory(&mut monitor, "bx", "0xb8000") == 0xdb
    }

    /// The guest's count of ticks, and when it had just become that.
    fn tick(&self) -> (u32, Instant) {
        let deadline = Deadline::after(Duration::from_secs(20));
        let mut monitor = Monitor::open_at(&self.host, &self.monitor(), &deadline).unwrap();
        let first = memory(&mut monitor, "wx", "0x46c");
        loop {
            let now = memory(&mut monitor, "wx", "0x46c");
            if now != first {
                return (now, Instant::now());
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn look(&self, settings: &Settings) -> Slow {
        let mut instance = Instance::new("7", Origin::Container);
        instance.qmp = Some(self.monitor());
        instance.hardware = Some(Hardware { display: true, audio: true, ..Hardware::default() });
        slow::look(&self.host, &instance, settings, &Deadline::after(Duration::from_secs(20)))
    }
}

fn wait_until(what: &str, is_there: impl Fn() -> bool) {
    let deadline = Deadline::after(Duration::from_secs(60));
    while !is_there() {
        assert!(!deadline.expired(), "{what} is not there after a minute");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A number in the guest's memory.
fn memory(monitor: &mut Monitor, format: &str, address: &str) -> u32 {
    let told = monitor.human(&format!("xp /1{format} {address}")).unwrap();
    u32::from_str_radix(told.trim().rsplit("0x").next().unwrap(), 16).unwrap()
}

/// The bytes of a listing, as a sector that a BIOS boots from.
fn boot_sector(listing: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/probe/truth").join(listing);
    let text = fs::read_to_string(path).unwrap();
    let code = text.lines().filter_map(|line| line.split('#').next()).flat_map(str::split_ascii_whitespace);
    let mut sector: Vec<_> = code.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    sector.resize(510, 0);
    sector.extend([0x55, 0xaa]);
    sector
}

fn assert_near(what: &str, measured: f64, truth: f64) {
    println!("{what}: measured {measured:.4}, in truth {truth:.4}, {:+.2} %", (measured / truth - 1.0) * 100.0);
    assert!((measured / truth - 1.0).abs() < 0.05, "{what}: measured {measured}, in truth {truth}");
}

/// So many looks are taken, of at most so many.
const LOOKS: usize = 3;
const ATTEMPTS: usize = 25;

#[test]
fn frames_are_counted_within_five_percent() {
    let Some(guest) = Guest::start("tick.boot", &[]) else { return };
    wait_until("the first picture", || guest.draws());
    let settings = Settings { frames: true, memory: true, ..Settings::default() };
    let (mut looks, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ATTEMPTS {
        let (first, begun) = guest.tick();
        let slow = guest.look(&settings);
        let (last, ended) = guest.tick();
        let truth = f64::from(last - first) / (ended - begun).as_secs_f64();
        // A machine that is too busy to give the guest its ticks in time has no truth to tell.
        if (truth / TICK - 1.0).abs() > 0.01 {
            println!("the guest had {truth:.2} ticks in a second: once more");
            continue;
        }
        match slow.frames.get() {
            Some(measured) => looks.push((*measured, truth, slow)),
            None => without.push(slow),
        }
        if looks.len() == LOOKS || without.len() == 2 * LOOKS {
            break;
        }
    }
    if looks.len() < LOOKS {
        assert!(without.len() < 2 * LOOKS || !looks.is_empty(), "{without:?}");
        println!("SKIPPED: this machine is too busy to give a guest its ticks, so nothing was proven");
        return;
    }
    // The one in the middle: what else runs on this machine may spoil a look.
    looks.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    let (measured, truth, slow) = looks.swap_remove(looks.len() / 2);
    assert_near("changes of the picture per second", measured, truth);
    let display = slow.display.get().unwrap();
    assert!(display.changed && !display.blank && display.width >= 640 && display.height >= 350, "{display:?}");
    assert!(*slow.memory.get().unwrap() > 10 << 20);
    let left: Vec<_> = fs::read_dir(guest.host.run_dir()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn others_get_their_turn_at_the_monitor_while_pictures_are_taken() {
    let Some(guest) = Guest::start("tick.boot", &[]) else { return };
    wait_until("the first picture", || guest.draws());
    // So long does PVE wait. Who held the monitor all the time would leave one turn at most to anybody else, whatever else this
    // machine does; that may make any one of them wait.
    let patience = Duration::from_secs(3);
    let mut all = Vec::new();
    for _ in 0..5 {
        let (slow, waits) = look_beside_another(&guest);
        println!("another client waited {:?} at most, of {}", waits.iter().max(), waits.len());
        assert!(slow.display.get().unwrap().changed, "{slow:?}");
        if waits.len() > 2 && waits.iter().all(|wait| *wait < patience) {
            return;
        }
        all.push(waits);
    }
    panic!("{all:?}");
}

/// Takes pictures while somebody else asks again and again, and how long each of his sessions took that was begun meanwhile.
fn look_beside_another(guest: &Guest) -> (Slow, Vec<Duration>) {
    let (host, path) = (guest.host.clone(), guest.monitor());
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    // PVE's own sessions, and more often.
    let other = thread::spawn(move || {
        let mut waits = Vec::new();
        while stopped.recv_timeout(Duration::from_millis(200)).is_err_and(|e| e == RecvTimeoutError::Timeout) {
            let asked = Instant::now();
            let deadline = Deadline::after(Duration::from_secs(60));
            Monitor::open_at(&host, &path, &deadline).unwrap().human("info status").unwrap();
            waits.push(asked.elapsed());
        }
        waits
    });
    let slow = guest.look(&Settings { frames: true, ..Settings::default() });
    drop(stop);
    (slow, other.join().unwrap())
}

#[test]
fn a_guest_that_plays_nothing_is_silent() {
    let backend = ["-machine", "pc,pcspk-audiodev=a0", "-audiodev", "none,id=a0"];
    let Some(guest) = Guest::start("tick.boot", &backend) else { return };
    wait_until("the first picture", || guest.draws());
    let slow = guest.look(&Settings { audio: true, ..Settings::default() });
    assert_eq!(slow.audio_level.get(), Some(&0.0), "{slow:?}");
    let mut monitor =
        Monitor::open_at(&guest.host, &guest.monitor(), &Deadline::after(Duration::from_secs(9))).unwrap();
    assert_eq!(monitor.human("info capture").unwrap(), "", "a recording goes on");
}

#[test]
fn a_beep_is_as_loud_as_qemu_itself_writes_it() {
    let backend = ["-machine", "pc,pcspk-audiodev=a0", "-audiodev", "wav,id=a0,path=truth.wav"];
    let Some(guest) = Guest::start("beep.boot", &backend) else { return };
    let file = guest.dir.path().join("truth.wav");
    wait_until("the beep", || levels(&file).last().is_some_and(|level| *level > 0.01));
    for _ in 0..10 {
        // Until it is under way.
        thread::sleep(Duration::from_secs(1));
        let before = levels(&file).len();
        let slow = guest.look(&Settings { audio: true, ..Settings::default() });
        let levels = levels(&file).split_off(before.saturating_sub(5));
        let (least, most) = levels.iter().fold((1.0, 0.0), |(least, most), level| (level.min(least), level.max(most)));
        // A machine that is too busy to let the guest beep all the time has no truth to tell.
        if least < most * 0.97 {
            println!("the beep was between {least:.3} and {most:.3}: once more");
            continue;
        }
        let measured = *slow.audio_level.get().unwrap_or_else(|| panic!("{slow:?}"));
        return assert_near("level of the beep", measured, most);
    }
    println!("SKIPPED: this machine is too busy to let a guest beep, so nothing was proven");
}

#[test]
fn a_real_qemu_answers_and_is_seen_to_hang_when_it_is_halted() {
    let Some(guest) = Guest::start("beep.boot", &[]) else { return };
    // Who does not answer is waited for to the end, who does is not.
    let (long, short) = (Duration::from_secs(20), Duration::from_secs(1));
    let ask = |answer| {
        let run = guest.host.qemu_run();
        let vnc = Some(Endpoint::Unix(run.join("7.vnc")));
        let target = Target { id: "7".into(), qmp: Some(run.join("7.qmp")), vnc, pid: None };
        let deadline = Deadline::after(Duration::from_secs(60));
        ask_all(&guest.host, vec![target], answer, 1, &deadline).remove(0).1
    };
    let well = ask(long);
    assert_eq!((&well.qmp, &well.vnc), (&Qmp::Ok, &Vnc::Banner("RFB 003.008".into())));
    assert_eq!((well.run_state.get().unwrap().as_str(), well.vnc_clients.get()), ("running", Some(&0)));
    assert_eq!(well.disks.get().unwrap().len(), 1, "{:?}", well.disks);
    assert_eq!((well.migrating.get(), well.audio_device.get()), (Some(&false), Some(&false)));
    let deadline = Deadline::after(Duration::from_secs(20));
    let person = Monitor::open_at(&guest.host, &guest.monitor(), &deadline).unwrap();
    assert_eq!(ask(short).qmp, Qmp::Busy);
    drop(person);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(guest.qemu.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).unwrap();
    let halted = ask(short);
    assert_eq!((&halted.qmp, &halted.vnc), (&Qmp::Hung, &Vnc::Silent));
    // Whoever asks again and again finds the queue full, and still knows why.
    assert_eq!((ask(short).qmp, ask(short).qmp), (Qmp::Hung, Qmp::Hung));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGCONT).unwrap();
    assert_eq!(ask(long).qmp, Qmp::Ok);
}

/// The root mean square of each tenth of a second of what QEMU has written so far: 16 bits, stereo, 44.1 kHz.
fn levels(file: &Path) -> Vec<f64> {
    let bytes = fs::read(file).unwrap_or_default();
    let level = |tenth: &[u8]| {
        let square = |p: &[u8]| f64::from(i16::from_le_bytes([p[0], p[1]])).powi(2);
        (tenth.chunks_exact(2).map(square).sum::<f64>() / 8_820.0).sqrt() / 32768.0
    };
    bytes.get(44..).unwrap_or_default().chunks_exact(4 * 4_410).map(level).collect()
}

//! Workers that answer, wait and starve.

use super::*;
use nix::sys::signal::{Signal, kill};
use std::{ffi::CString, time::Instant};

const LONG: Duration = Duration::from_secs(15);

/// As long as a machine may stand still that has other things to do.
fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

#[test]
fn writes_and_reads_and_reports_errno() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("driver_override");
    fs::write(&file, "").unwrap();
    let mut worker = Worker::start(&[]).unwrap();
    assert!(matches!(worker.write(&file, "vfio-pci", &soon()), Answer::Done(_)));
    assert!(matches!(worker.read(&file, 4096, LONG, &soon()), Answer::Done(data) if data == b"vfio-pci"));
    let Answer::Failed(error) = worker.write(&dir.path().join("absent"), "1", &soon()) else { panic!("no error") };
    assert_eq!(error.raw_os_error(), Some(nix::libc::ENOENT));
}

#[test]
fn a_write_that_blocks_is_left_behind_by_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("unbind");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut worker = Worker::start(&[]).unwrap();
    let begin = Instant::now();
    // Opening a FIFO without a reader blocks, like an unbind of a device in use.
    let answer = worker.write(&fifo, "x", &Deadline::after(Duration::from_millis(50)));
    assert!(matches!(answer, Answer::Stuck));
    assert!(begin.elapsed() < 4 * LONG);
    assert!(matches!(worker.read(&fifo, 1, LONG, &soon()), Answer::Stuck), "a stuck worker answers nothing more");
    let pid = worker.pid();
    drop(worker);
    assert!(Path::new(&format!("/proc/{pid}")).exists(), "it is never signalled");
    // Letting it go ends it.
    let path = CString::new(fifo.as_os_str().as_bytes()).unwrap();
    drop(fs::File::open(OsStr::from_bytes(path.as_bytes())).unwrap());
}

#[test]
fn one_that_gets_no_processor_is_not_taken_for_stuck() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config");
    fs::write(&file, "here").unwrap();
    let mut worker = Worker::start(&[]).unwrap();
    let pid = Pid::from_raw(worker.pid());
    let short = Duration::from_millis(50);
    kill(pid, Signal::SIGSTOP).unwrap();
    let begin = Instant::now();
    assert!(matches!(worker.read(&file, 4, short, &Deadline::after(2 * TURN)), Answer::Late), "the deadline holds");
    assert!(begin.elapsed() < 4 * LONG);
    // A late answer is not taken for that to another question.
    kill(pid, Signal::SIGCONT).unwrap();
    assert!(worker.is_stuck() && matches!(worker.read(&file, 1, LONG, &soon()), Answer::Stuck));

    let mut worker = Worker::start(&[]).unwrap();
    let pid = Pid::from_raw(worker.pid());
    kill(pid, Signal::SIGSTOP).unwrap();
    let later = std::thread::spawn(move || {
        std::thread::sleep(22 * TURN);
        kill(pid, Signal::SIGCONT).unwrap();
    });
    let answer = worker.read(&file, 4, 20 * TURN, &Deadline::after(Duration::from_secs(60)));
    let text = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    assert!(
        matches!(&answer, Answer::Done(data) if data == b"here"),
        "{answer:?}: {} in {}, {}",
        text("stat"),
        text("wchan"),
        text("syscall"),
    );
    later.join().unwrap();
}

#[test]
fn a_read_that_waits_is_left_behind_at_the_end_of_its_patience() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("driver_override");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut worker = Worker::start(&[]).unwrap();
    let plain = dir.path().join("vendor");
    fs::write(&plain, "here").unwrap();
    // One that has not even begun is late, not stuck.
    assert!(matches!(worker.read(&plain, 4, LONG, &soon()), Answer::Done(_)));
    let begin = Instant::now();
    // What is short of a processor gets five times that.
    let patience = Duration::from_millis(500);
    assert!(matches!(worker.read(&fifo, 4, patience, &Deadline::after(10 * LONG)), Answer::Stuck));
    assert!(begin.elapsed() < 4 * LONG && worker.is_stuck());
    drop(fs::File::options().write(true).open(&fifo).unwrap());
}

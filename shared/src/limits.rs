//! The caller's resource limits. They may be those of a service that was made for something else, and must neither end a
//! program in the middle of a move nor make it take for absent what it could not open.

use crate::fault::Fault;
use anyhow::Result;
use nix::sys::{
    resource::{Resource, getrlimit, rlim_t, setrlimit},
    signal::{SigHandler, Signal, signal},
};

/// Open files that are enough for everything.
const PLENTY: rlim_t = 1024;
/// More than a daemon ever keeps open.
const MANY: rlim_t = 65536;
/// Bytes that are many at once.
#[cfg(target_env = "gnu")]
const LARGE: nix::libc::c_int = 256 << 10;
/// With fewer than this, directories of the host might look empty.
const FEWEST: rlim_t = 64;

/// For a daemon that keeps files open: as many as root may have without asking.
pub fn many_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where that is refused, it keeps fewer.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(MANY).max(soft), hard);
    }
}

/// For a daemon whose threads hand on what they made: one heap for all of them. With one for each, what a thread has freed is
/// of no use to the others, and a fifth of the memory lies idle. Large answers get memory of their own, which the system has
/// back once they were sent.
pub fn one_heap() {
    #[cfg(target_env = "gnu")]
    {
        use nix::libc::{M_ARENA_MAX, M_MMAP_THRESHOLD, mallopt};
        // SAFETY: it sets numbers of the allocator's, which guards them by itself.
        #[allow(unsafe_code)]
        let _ = unsafe { (mallopt(M_ARENA_MAX, 1), mallopt(M_MMAP_THRESHOLD, LARGE)) };
    }
}

/// Makes what can be made of them; fails where the host could not be looked at.
pub fn loosen() -> Result<()> {
    // A file that may not grow any more (ulimit -f) is then an error, like a disk that is full.
    // SAFETY: no handler is installed that could interrupt anything.
    #[allow(unsafe_code)]
    let ignored = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
    ignored?;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= PLENTY {
        return Ok(());
    }
    // Beyond the hard limit only for root.
    setrlimit(Resource::RLIMIT_NOFILE, PLENTY, hard.max(PLENTY))
        .or_else(|_| setrlimit(Resource::RLIMIT_NOFILE, hard.min(PLENTY), hard))?;
    match getrlimit(Resource::RLIMIT_NOFILE)?.0 {
        now if now < FEWEST => {
            Fault::problem(format!("only {now} files may be open at once: too few to look at the host"))
                .next(format!("ulimit -n {PLENTY}"))
                .fail()
        }
        _ => Ok(()),
    }
}

//! Reading what may never answer: `/etc/pve` is a file system of a process, and hangs when that does.

use crate::deadline::Deadline;
use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel},
    thread,
};

/// Work in a thread of its own. When it takes too long, it is waited for again the next time, and not begun twice.
#[derive(Debug)]
pub(super) struct MayHang<T> {
    pending: Option<Receiver<T>>,
}

impl<T> Default for MayHang<T> {
    fn default() -> Self {
        Self { pending: None }
    }
}

impl<T: Send + 'static> MayHang<T> {
    /// Does the work, or waits for what was begun before; `None` when there is nothing by the deadline.
    pub(super) fn ask(
        &mut self,
        deadline: &Deadline,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Option<T>> {
        let answer = if let Some(pending) = self.pending.take() {
            pending
        } else {
            let (sender, receiver) = channel();
            thread::Builder::new().name("may hang".to_owned()).spawn(move || {
                let _ = sender.send(work());
            })?;
            receiver
        };
        match answer.recv_timeout(deadline.remaining()) {
            Ok(found) => Ok(Some(found)),
            Err(RecvTimeoutError::Timeout) => {
                self.pending = Some(answer);
                Ok(None)
            }
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("its thread ended without an answer")),
        }
    }

    /// Whether what was begun before still has no answer. One that has come since is nobody's any more.
    pub(super) fn hangs(&mut self) -> bool {
        let hangs = self.pending.as_ref().is_some_and(|pending| matches!(pending.try_recv(), Err(TryRecvError::Empty)));
        if !hangs {
            self.pending = None;
        }
        hangs
    }
}

/// A storage that does not answer, for tests: as long as the tree has a file of this name.
#[cfg(test)]
pub(super) fn storage(host: &crate::host::Host) {
    while host.at("hangs").exists() {
        thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
        time::Duration,
    };

    #[test]
    fn what_hangs_is_left_and_not_begun_twice() {
        let mut patient = MayHang::default();
        let begun = Arc::new(AtomicU32::new(0));
        let (release, wait) = channel::<()>();
        let soon = Deadline::after(Duration::from_millis(20));
        let count = Arc::clone(&begun);
        let work = move || {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = wait.recv();
            7
        };
        assert_eq!(patient.ask(&soon, work).unwrap(), None);
        assert_eq!(patient.ask(&Deadline::after(Duration::from_millis(20)), || 8).unwrap(), None);
        assert!(patient.hangs());
        release.send(()).unwrap();
        let later = Deadline::after(Duration::from_secs(60));
        assert_eq!(patient.ask(&later, || 9).unwrap(), Some(7), "it is the one that was begun first");
        assert_eq!(patient.ask(&later, || 9).unwrap(), Some(9));
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        assert!(!patient.hangs());
    }
}

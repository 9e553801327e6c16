//! How an operation ends when it does not end well: the exit code, the sentence, and the next thing to type.

use std::fmt;

/// The exit codes that every program shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A problem was found, or the operation failed.
    Problem = 1,
    /// Usage or configuration error.
    Usage = 2,
    /// Somebody else holds the lock or the device; nothing was changed.
    Busy = 3,
    /// The kernel did not answer by the deadline; no further write was made.
    Wedged = 4,
    /// Refused for safety.
    Refused = 5,
}

impl Code {
    /// The number that the process exits with.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// A failure with a code of its own and advice. Anything else that fails is a [`Code::Problem`].
#[derive(Debug, Clone)]
pub struct Fault {
    /// The exit code.
    pub code: Code,
    /// What failed, on what, and why.
    pub what: String,
    /// What to do next, if there is something to do.
    pub next: Option<String>,
    /// Whether only this way is barred, so that another may still be tried.
    pub this_way_only: bool,
}

impl Fault {
    fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), next: None, this_way_only: false }
    }

    /// A problem was found or the operation failed (exit 1).
    pub fn problem(what: impl Into<String>) -> Self {
        Self::new(Code::Problem, what)
    }

    /// Usage or configuration error (exit 2).
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Code::Usage, what)
    }

    /// Somebody else holds it (exit 3).
    pub fn busy(what: impl Into<String>) -> Self {
        Self::new(Code::Busy, what)
    }

    /// The kernel did not answer by the deadline (exit 4).
    pub fn wedged(what: impl Into<String>) -> Self {
        Self::new(Code::Wedged, what)
    }

    /// Refused for safety (exit 5).
    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(Code::Refused, what)
    }

    /// Adds the next command to type.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Only this way is barred: another may still be tried.
    #[must_use]
    pub fn this_way_only(mut self) -> Self {
        self.this_way_only = true;
        self
    }

    /// Ends the calling function with this fault.
    pub fn fail<T>(self) -> anyhow::Result<T> {
        Err(self.into())
    }

    /// The fault inside an error, wherever it was wrapped.
    pub fn of(error: &anyhow::Error) -> Option<&Fault> {
        error.downcast_ref::<Fault>()
    }

    /// The exit code that an error stands for.
    pub fn code_of(error: &anyhow::Error) -> Code {
        Self::of(error).map_or(Code::Problem, |f| f.code)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Fault {}

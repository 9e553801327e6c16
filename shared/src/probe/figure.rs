//! One figure: a value, or the reason why there is none; in either case where it is from.

use std::borrow::Cow;

/// A figure. When it was taken is told by the tier that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure<T> {
    /// The value, or why it is not known.
    pub value: Result<T, Cow<'static, str>>,
    /// Where it is from, such as `qmp query-status` or `/proc/net/dev`.
    pub source: &'static str,
}

impl<T> Figure<T> {
    /// A figure that is known.
    pub fn known(source: &'static str, value: T) -> Self {
        Self { value: Ok(value), source }
    }

    /// A figure that is not known, and why.
    pub fn unknown(source: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { value: Err(reason.into()), source }
    }

    /// The value where it is known.
    pub fn get(&self) -> Option<&T> {
        self.value.as_ref().ok()
    }

    /// Why it is not known, where it is not.
    pub fn reason(&self) -> Option<&str> {
        self.value.as_ref().err().map(AsRef::as_ref)
    }

    /// Another figure from the same source.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Figure<U> {
        Figure { value: self.value.map(change), source: self.source }
    }
}

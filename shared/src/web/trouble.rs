//! Why there is no answer.

use super::trust::Other;
use crate::{clock, deadline::Deadline, plain::plain};
use rustls::CertificateError;
use std::{fmt, io, time::Duration};
use ureq::Error;

/// Why there is no answer, or none that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The server was not reached: the system's own words.
    Unreachable(String),
    /// It did not answer in time.
    Late(Duration),
    /// Its certificate is not trusted: why.
    Untrusted(String),
    /// It ended the connection in the middle of an answer.
    BrokenOff,
    /// It answered more than was asked for: so many bytes at least.
    TooLarge(u64),
    /// What it says is no HTTP, or the address is none.
    Garbage(String),
}

impl Trouble {
    /// Whether the failure is that of the way to the server rather than of its answer.
    pub fn is_way(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Late(_))
    }

    pub(super) fn of(error: Error, deadline: &Deadline) -> Self {
        match error {
            Error::Timeout(_) => Self::Late(deadline.budget()),
            Error::Io(error) => Self::of_io(&error, deadline),
            Error::HostNotFound => Self::Unreachable("no such host".to_owned()),
            Error::ConnectionFailed => Self::Unreachable("no connection".to_owned()),
            Error::BodyExceedsLimit(bytes) => Self::TooLarge(bytes),
            Error::Rustls(error) => Self::of_tls(&error),
            other => Self::Garbage(plain(&other.to_string(), 200)),
        }
    }

    /// Of an answer that is read as it comes.
    pub fn of_read(error: io::Error, deadline: &Deadline) -> Self {
        Self::of(Error::from(error), deadline)
    }

    fn of_io(error: &io::Error, deadline: &Deadline) -> Self {
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return Self::of_tls(error);
        }
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Late(deadline.budget()),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Self::BrokenOff
            }
            _ => Self::Unreachable(plain(&error.to_string(), 200)),
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        let rustls::Error::InvalidCertificate(why) = error else {
            // A server that speaks no TLS, or none that is safe.
            return Self::Garbage(plain(&format!("TLS: {error}"), 200));
        };
        let text = match why {
            CertificateError::Other(other) => match other.0.downcast_ref::<Other>() {
                Some(other) => other.to_string(),
                None => why.to_string(),
            },
            CertificateError::UnknownIssuer => "its certificate is signed by nobody who is trusted".to_owned(),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired".to_owned()
            }
            other => format!("its certificate: {other}"),
        };
        Self::Untrusted(plain(&text, 400))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) | Self::Untrusted(why) => f.write_str(why),
            Self::Late(budget) => {
                write!(f, "no answer within {}", clock::spoken(*budget))
            }
            Self::BrokenOff => f.write_str("the connection ended in the middle of the answer"),
            Self::TooLarge(bytes) => write!(f, "the answer is larger than {bytes} bytes"),
            Self::Garbage(why) => write!(f, "what it says cannot be understood: {why}"),
        }
    }
}

impl std::error::Error for Trouble {}

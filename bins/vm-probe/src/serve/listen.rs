//! Where the daemon is to listen, and whether it may.

use super::Token;
use anyhow::Result;
use passthrough::fault::Fault;
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address.
    Tcp(SocketAddr),
    /// A Unix socket that only its owner may use.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            if path.starts_with('/') {
                return Ok(Self::Unix(path.into()));
            }
            return Fault::usage(format!("{text}: the path of a socket starts with a slash")).fail();
        }
        let address = text.replacen("localhost:", "127.0.0.1:", 1).parse();
        match address {
            Ok(address) => Ok(Self::Tcp(address)),
            Err(_) => Fault::usage(format!("{text} is no address to listen on"))
                .next("--listen 127.0.0.1:8080, --listen [::1]:8080 or --listen unix:/run/vm-probe.sock")
                .fail(),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Refuses to be reached from elsewhere by people of whom nothing is asked.
pub fn consents(listen: &Listen, token: Option<&Token>) -> Result<()> {
    match listen {
        Listen::Tcp(address) if token.is_none() && !is_loopback(address.ip()) => {
            Fault::refused(format!("{address} can be reached from other machines, and there is no token"))
                .next(format!("vm-probe serve --listen {address} --token-file FILE, or listen on 127.0.0.1"))
                .fail()
        }
        _ => Ok(()),
    }
}

/// Whether only this machine can reach it; an IPv4 address may be dressed up as IPv6.
fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_reach_needs_a_token() {
        let token = Token::new(b"0123456789abcdef").unwrap();
        for (text, free) in [
            ("127.0.0.1:8080", true),
            ("127.9.9.9:1", true),
            ("[::1]:8080", true),
            ("[::ffff:127.0.0.1]:80", true),
            ("localhost:8080", true),
            ("unix:/run/x", true),
            ("0.0.0.0:8080", false),
            ("[::]:8080", false),
            ("10.0.0.1:8080", false),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!(consents(&listen, None).is_ok(), free, "{text}");
            assert!(consents(&listen, Some(&token)).is_ok(), "{text}");
        }
        for text in ["8080", "unix:x", "", "pve1:8080", "127.0.0.1"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}

//! Who may ask: the name by which the daemon is called, the page that a request comes from, the token.

use super::{answer::Failure, token::Token};
use hyper::{
    HeaderMap, StatusCode, Uri, Version,
    header::{AUTHORIZATION, HOST, HeaderName, ORIGIN},
    http::uri::Authority,
};
use std::net::{IpAddr, SocketAddr};

/// What is looked at before anything is answered.
pub struct Guard {
    token: Option<Token>,
    hosts: Vec<String>,
    local: Option<SocketAddr>,
}

impl Guard {
    /// A guard of what listens on `local`, or on a Unix socket.
    pub fn new(token: Option<Token>, hosts: &[String], local: Option<SocketAddr>) -> Self {
        let plain = |name: &String| name.trim_end_matches('.').to_ascii_lowercase();
        Self { token, hosts: hosts.iter().map(plain).collect(), local }
    }

    /// The name by which it is called. A foreign page can make its own name lead here (DNS rebinding), but no address and
    /// no name that we are known by. Returns `NAME:PORT` as it was written.
    pub fn host(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<String, Failure> {
        let bad = |text| Failure::new(StatusCode::BAD_REQUEST, text);
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().map_err(|_| bad("a Host that is no text"))?,
            (Some(_), Some(_)) => return Err(bad("more than one Host")),
            // Only browsers can be led astray, and every browser sends it.
            (None, _) if version < Version::HTTP_11 => return Ok(String::new()),
            (None, _) => return Err(bad("no Host")),
        };
        let named = uri.authority().map(Authority::as_str);
        if !self.knows(host) || named.is_some_and(|named| !self.knows(named)) {
            return Err(Failure::new(StatusCode::MISDIRECTED_REQUEST, "this daemon is not known by that name")
                .next("ask by its address, or name it in config.toml: [probe.serve] hosts = [\"…\"]"));
        }
        Ok(host.to_ascii_lowercase())
    }

    fn knows(&self, host: &str) -> bool {
        let Some(name) = name(host) else { return false };
        // Nothing but the owner's own programs reach a Unix socket.
        let Some(local) = self.local.map(|local| local.ip().to_canonical()) else { return true };
        match name.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
            // Behind a wildcard (or a load balancer before it) any address may be ours, and none can be rebound.
            Ok(ip) => local.is_unspecified() || ip == local || (local.is_loopback() && ip.is_loopback()),
            Err(_) => name == "localhost" || self.hosts.contains(&name),
        }
    }

    /// What changes something: only from our own page or from no page at all, and only with the token.
    pub fn change(&self, host: &str, headers: &HeaderMap) -> Result<(), Failure> {
        let forbidden = |text| Failure::new(StatusCode::FORBIDDEN, text);
        let own = [format!("http://{host}"), format!("https://{host}")];
        for origin in headers.get_all(ORIGIN) {
            let ours = origin.to_str().is_ok_and(|origin| own.iter().any(|own| own.eq_ignore_ascii_case(origin)));
            if !ours || host.is_empty() {
                return Err(forbidden("another page's request"));
            }
        }
        let site = headers.get(HeaderName::from_static("sec-fetch-site"));
        if site.is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none")) {
            return Err(forbidden("another page's request"));
        }
        let Some(token) = &self.token else {
            return Err(forbidden("no token is configured, so nothing can be changed from here")
                .next("openssl rand -hex 32 into a file with mode 600, then vm-probe serve --token-file FILE; or vm-probe recover ID --apply"));
        };
        let wrong = |text| Failure::new(StatusCode::UNAUTHORIZED, text).authenticate();
        let mut offered = headers.get_all(AUTHORIZATION).iter();
        let (Some(offered), None) = (offered.next(), offered.next()) else {
            return Err(wrong("this needs one Authorization: Bearer TOKEN"));
        };
        match offered.as_bytes().split_at_checked(7) {
            Some((scheme, offered)) if scheme.eq_ignore_ascii_case(b"bearer ") && token.is(offered.trim_ascii()) => {
                Ok(())
            }
            _ => Err(wrong("the token is wrong")),
        }
    }
}

/// The name or address out of `NAME[:PORT]`, in lower case and without brackets; none where it is neither.
fn name(host: &str) -> Option<String> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    let clean = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if name.is_empty() || !name.chars().all(clean) || !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(name.trim_end_matches('.').to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn guard(local: &str) -> Guard {
        let token = Token::new(b"0123456789abcdef").unwrap();
        Guard::new(Some(token), &["Probe.example.org.".into()], Some(local.parse().unwrap()))
    }

    #[test]
    fn only_names_that_we_are_known_by_are_answered() {
        let loopback = guard("127.0.0.1:8080");
        for host in [
            "127.0.0.1:8080",
            "127.0.0.1",
            "[::1]:8080",
            "localhost:9",
            "LOCALHOST",
            "probe.example.org",
            "probe.EXAMPLE.org.:1",
        ] {
            assert!(loopback.knows(host), "{host}");
        }
        for host in [
            "evil.example",
            "10.0.0.1",
            "localhost.evil.example",
            "",
            ":8080",
            "[::1",
            "localhost:8x",
            "a b",
            "user@localhost",
        ] {
            assert!(!loopback.knows(host), "{host}");
        }
        assert!(guard("0.0.0.0:8080").knows("10.0.0.1:8080"));
        assert!(guard("[::]:8080").knows("[fd00::1]:8080"));
        assert!(!guard("0.0.0.0:8080").knows("evil.example"));
        assert!(guard("10.0.0.1:8080").knows("10.0.0.1"));
        assert!(!guard("10.0.0.1:8080").knows("10.0.0.2"));
    }

    #[test]
    fn a_change_needs_the_token_and_no_foreign_page() {
        let guard = guard("127.0.0.1:8080");
        let asked = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            guard.change("127.0.0.1:8080", &headers).map_err(|failure| failure.status.as_u16())
        };
        let token = ("authorization", "Bearer 0123456789abcdef");
        assert_eq!(asked(&[token]), Ok(()));
        assert_eq!(asked(&[("authorization", "bearer  0123456789abcdef")]), Ok(()));
        assert_eq!(asked(&[token, ("origin", "http://127.0.0.1:8080")]), Ok(()));
        assert_eq!(asked(&[]), Err(401));
        assert_eq!(asked(&[token, token]), Err(401));
        assert_eq!(asked(&[("authorization", "Basic 0123456789abcdef")]), Err(401));
        assert_eq!(asked(&[("authorization", "Bearer 0123456789abcdeg")]), Err(401));
        for origin in ["null", "http://127.0.0.1", "http://127.0.0.1:8080.evil", "http://evil.example", "", "file://"] {
            assert_eq!(asked(&[token, ("origin", origin)]), Err(403), "{origin}");
        }
        assert_eq!(asked(&[token, ("sec-fetch-site", "cross-site")]), Err(403));
        let none = Guard::new(None, &[], None);
        assert_eq!(none.change("x", &HeaderMap::new()).unwrap_err().status, StatusCode::FORBIDDEN);
    }

    proptest! {
        #[test]
        fn no_host_is_too_strange(host in "\\PC{0,40}|[\\[\\]:.a-z0-9@]{0,30}") {
            let _ = guard("127.0.0.1:80").knows(&host);
        }
    }
}

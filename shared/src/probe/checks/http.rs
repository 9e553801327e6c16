//! Does a web server answer well? Certificates are checked against what the host trusts; where it has no list of that, an
//! https address cannot be judged.

use crate::{
    clock,
    host::{Host, read_file},
};
use rustls::crypto::ring;
use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use ureq::{
    http::Uri,
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

/// So many redirects are followed.
const REDIRECTS: u32 = 3;

/// The authorities that the host trusts, read again when their file changes.
#[derive(Debug)]
pub(super) struct Roots {
    path: PathBuf,
    shown: String,
    read: Mutex<Option<(SystemTime, RootCerts)>>,
}

impl Roots {
    pub(super) fn new(host: &Host) -> Self {
        let path = host.trusted_authorities();
        Self { shown: host.shown(&path), path, read: Mutex::default() }
    }

    fn get(&self) -> Result<RootCerts, String> {
        let fail = |why: String| format!("{}: {why} (apt install ca-certificates)", self.shown);
        let changed = fs::metadata(&self.path).and_then(|meta| meta.modified()).map_err(|e| fail(e.to_string()))?;
        let mut read = self.read.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((when, roots)) = &*read
            && *when == changed
        {
            return Ok(roots.clone());
        }
        let pem = read_file(&self.path).map_err(|e| fail(e.to_string()))?;
        let certificates = parse_pem(&pem).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        });
        let certificates: Vec<_> = certificates.collect();
        if certificates.is_empty() {
            return Err(fail("no certificate in it".into()));
        }
        let roots = RootCerts::from(certificates);
        *read = Some((changed, roots.clone()));
        Ok(roots)
    }
}

/// What a request came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It answered with this number.
    Status(u16),
    /// It did not, and why.
    Failed(String),
    /// It could not be asked, and why.
    Unknown(String),
}

/// Whether a text is an address that can be asked.
pub(super) fn is_address(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
    })
}

/// Asks, and reads nothing but the head.
pub(super) fn get(url: &str, roots: &Roots, timeout: Duration) -> Asked {
    if !is_address(url) {
        return Asked::Unknown(format!("{url:?} is no address"));
    }
    let mut tls = TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()));
    match roots.get() {
        Ok(roots) => tls = tls.root_certs(roots),
        Err(why) if url.starts_with("https:") => return Asked::Unknown(why),
        // A redirect to https finds nobody that is trusted.
        Err(_) => tls = tls.root_certs(RootCerts::new_with_certs(&[])),
    }
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(REDIRECTS)
        .max_redirects_will_error(true)
        .http_status_as_error(false)
        .max_response_header_size(16 * 1024)
        .proxy(None)
        .user_agent(concat!("vm-probe/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls.build())
        .build()
        .new_agent();
    match agent.get(url).call() {
        Ok(answer) => Asked::Status(answer.status().as_u16()),
        Err(ureq::Error::Timeout(_)) => Asked::Failed(format!("no answer within {}", clock::spoken(timeout))),
        Err(ureq::Error::TooManyRedirects) => Asked::Failed(format!("more than {REDIRECTS} redirects")),
        Err(error) => Asked::Failed(error.to_string()),
    }
}

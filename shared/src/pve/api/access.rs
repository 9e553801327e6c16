//! Whom an API has to be, for a token to be sent to it.

use crate::{
    config::probe::Api,
    fault::Fault,
    host::{Host, read_file},
    plain::plain,
    web::{self, Trust, trust::Fingerprint},
};
use anyhow::Result;

/// Whether a token may be sent there at all.
pub(super) fn address(base: &str) -> Result<()> {
    match web::scheme(base) {
        Some("http") if !web::is_loopback(base) => {
            Fault::refused(format!("{}: would send the token without encryption", plain(base, 200)))
                .next("https://HOST:8006, or http://127.0.0.1:85 on a node itself")
                .fail()
        }
        Some(_) => Ok(()),
        None => Fault::usage(format!("{}: is no address of an API", plain(base, 200)))
            .next("vm-probe list --api https://HOST:8006 --api-token-file FILE")
            .fail(),
    }
}

/// Whom the settings trust at a good address, and a word for it.
pub(super) fn trust(host: &Host, settings: &Api, base: &str) -> Result<(Trust, &'static str)> {
    if web::scheme(base) == Some("http") {
        return Ok((Trust::nobody(), "no encryption"));
    }
    if let Some(text) = &settings.fingerprint {
        let fingerprint: Fingerprint = text.parse().map_err(|why: String| {
            Fault::usage(format!("--fingerprint {}: {why}", plain(text, 100))).next("on that node: pvenode cert info")
        })?;
        return Ok((Trust::pinned(fingerprint), "only its fingerprint is trusted"));
    }
    let path = settings.ca_file.clone().unwrap_or_else(|| host.pve_root_ca());
    let shown = host.shown(&path);
    let bytes = read_file(&path).map_err(|error| {
        Fault::usage(format!("{shown}: {error}; so nothing says whom to trust"))
            .next("on a node of that cluster: pvenode cert info, and give the SHA-256 as --fingerprint")
    })?;
    let trust = Trust::signed_by(&bytes).map_err(|why| Fault::usage(format!("{shown}: {why}")))?;
    Ok((
        trust,
        if settings.ca_file.is_some() { "only ca_file is trusted" } else { "only PVE's own authority is trusted" },
    ))
}

/// What may stand between two slashes of a path, such as a node or a UPID.
pub(super) fn segment(text: &str) -> Result<&str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:@!".contains(c);
    if !text.is_empty() && !text.starts_with('.') && text.chars().all(allowed) {
        return Ok(text);
    }
    Fault::usage(format!("{:?} is neither a node nor a task", plain(text, 100))).fail()
}

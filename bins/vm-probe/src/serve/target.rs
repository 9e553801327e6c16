//! What a request is for: the path, taken apart.

use super::answer::Failure;
use hyper::{Method, StatusCode, Uri};

/// Longer targets are nobody's.
const LONGEST: usize = 2048;
/// Longer ids do not exist.
const LONGEST_ID: usize = 256;

/// What can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// The page, or the report for who does not want one.
    Root,
    /// The page in any case.
    Page,
    /// The report.
    Health,
    /// How every instance is.
    DeepHealth,
    /// How one is.
    DeepHealthOf(String),
    /// A recovery.
    Recover(String),
    /// How many recoveries are left.
    RecoveryStatus,
    /// The record of one.
    History(String),
    /// The instances.
    Instances,
    /// Where they come from.
    DiscoveryInfo,
    /// A discovery.
    Refresh,
    /// Figures for Prometheus.
    Metrics,
    /// What happens, as it happens.
    Events,
    /// Whether the daemon lives.
    Live,
    /// Whether it knows anything.
    Ready,
    /// The description of all this.
    OpenApi,
}

impl Target {
    /// The target of a request, or what is wrong with it.
    pub fn of(uri: &Uri) -> Result<Self, Failure> {
        let (path, query) = (uri.path(), uri.query().unwrap_or_default());
        if path.len() + query.len() > LONGEST {
            return Err(Failure::new(StatusCode::URI_TOO_LONG, "the address is longer than 2048 characters"));
        }
        let unknown = || Failure::new(StatusCode::NOT_FOUND, "there is no such thing; see /api/openapi.json");
        let path = path.strip_prefix('/').ok_or_else(unknown)?;
        // A slash at the end changes nothing, as front ends write both.
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments: Vec<&str> = path.split('/').collect();
        Ok(match *segments {
            [""] => Self::Root,
            ["index.html"] => Self::Page,
            ["health"] => Self::Health,
            ["livez"] => Self::Live,
            ["readyz"] => Self::Ready,
            ["metrics"] => Self::Metrics,
            ["api", "events"] => Self::Events,
            ["api", "openapi.json"] => Self::OpenApi,
            ["api", "instances"] => Self::Instances,
            ["api", "instances", "discovery-info"] => Self::DiscoveryInfo,
            ["api", "instances", "refresh"] => Self::Refresh,
            ["api", "quality", "deep-health"] => Self::DeepHealth,
            ["api", "quality", "recovery-status"] => Self::RecoveryStatus,
            ["api", "quality", "deep-health", id] => Self::DeepHealthOf(decode(id)?),
            ["api", "quality", "recover", id] => Self::Recover(decode(id)?),
            ["api", "quality", "history", id] => Self::History(decode(id)?),
            _ => return Err(unknown()),
        })
    }

    /// Whether it changes something.
    pub fn changes(&self) -> bool {
        matches!(self, Self::Recover(_) | Self::Refresh)
    }

    /// The methods that it takes.
    pub fn allow(&self) -> &'static str {
        if self.changes() { "POST" } else { "GET, HEAD" }
    }

    /// Whether it takes this one.
    pub fn takes(&self, method: &Method) -> bool {
        if self.changes() { method == Method::POST } else { method == Method::GET || method == Method::HEAD }
    }
}

/// An id out of a path. A slash within it has to be written `%2F`; control characters are in no id.
fn decode(segment: &str) -> Result<String, Failure> {
    let bad = |why| Failure::new(StatusCode::BAD_REQUEST, why);
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push(high << 4 | low),
            _ => return Err(bad("a % without two hexadecimal digits")),
        }
    }
    let id = String::from_utf8(bytes).map_err(|_| bad("an id that is no UTF-8"))?;
    if id.is_empty() || id.len() > LONGEST_ID || id.chars().any(char::is_control) {
        return Err(bad("an id that is empty, too long or has control characters"));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(path: &str) -> Result<Target, StatusCode> {
        Target::of(&path.parse().unwrap()).map_err(|failure| failure.status)
    }

    #[test]
    fn paths_are_taken_apart_before_they_are_decoded() {
        assert_eq!(of("/"), Ok(Target::Root));
        assert_eq!(of("/?x=1"), Ok(Target::Root));
        assert_eq!(of("/health/"), Ok(Target::Health));
        assert_eq!(of("/api/quality/deep-health/a%2Fb"), Ok(Target::DeepHealthOf("a/b".into())));
        assert_eq!(of("/api/quality/recover/k%C3%BCche"), Ok(Target::Recover("küche".into())));
        assert_eq!(of("/api%2Finstances"), Err(StatusCode::NOT_FOUND));
        assert_eq!(of("//"), Ok(Target::Root));
        assert_eq!(of("/../health"), Err(StatusCode::NOT_FOUND));
        for bad in ["%", "%4", "%zz", "%00", "%ff", "%1b[2J", "%+1"] {
            assert_eq!(of(&format!("/api/quality/history/{bad}")), Err(StatusCode::BAD_REQUEST), "{bad}");
        }
        assert_eq!(of(&format!("/{}", "a".repeat(3000))), Err(StatusCode::URI_TOO_LONG));
        assert_eq!(of(&format!("/api/quality/history/{}", "a".repeat(300))), Err(StatusCode::BAD_REQUEST));
    }

    proptest! {
        #[test]
        fn no_target_is_too_strange(text in "\\PC{0,80}|/api/quality/(recover|history)/[%0-9a-fA-F/.]{0,40}") {
            if let Ok(uri) = text.parse::<Uri>() {
                let _ = Target::of(&uri);
            }
        }

        #[test]
        fn every_id_comes_back_as_it_was_escaped(id in "[^\\p{Cc}]{1,60}") {
            let escaped = id.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"));
            let uri: Uri = format!("/api/quality/deep-health/{escaped}").parse().unwrap();
            prop_assert_eq!(Target::of(&uri).map_err(|failure| failure.status), Ok(Target::DeepHealthOf(id)));
        }
    }
}

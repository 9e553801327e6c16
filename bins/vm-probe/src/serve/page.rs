//! The status page: one file, whose script and style are allowed by their hashes and nothing else is.

use super::answer::{Answer, whole};
use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{
    StatusCode,
    header::{CONTENT_SECURITY_POLICY, HeaderValue},
};
use ring::digest::{SHA256, digest};
use std::sync::LazyLock;

const PAGE: &str = include_str!("page/index.html");

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = |tag| {
        let text = between(tag).unwrap_or_default();
        STANDARD.encode(digest(&SHA256, text.as_bytes()))
    };
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("script"),
        hash("style")
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// The page.
pub fn page() -> Answer {
    let mut answer = whole(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    answer
}

/// The text of the one element of its kind.
fn between(tag: &str) -> Option<&'static str> {
    let rest = PAGE.split_once(&format!("<{tag}>"))?.1;
    Some(rest.split_once(&format!("</{tag}>"))?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_never_makes_markup_of_data() {
        for tag in ["script", "style"] {
            assert_eq!(PAGE.matches(&format!("<{tag}")).count(), 1);
            assert!(between(tag).unwrap().len() > 100);
        }
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "https://",
            "src=",
            "style=\"",
            "onclick=",
        ] {
            assert!(!PAGE.contains(word), "{word}");
        }
        // The name of a namespace, which nobody fetches.
        assert_eq!(PAGE.matches("http://").count(), PAGE.matches("http://www.w3.org/2000/svg").count());
    }
}

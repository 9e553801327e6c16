//! Answers: their bodies, and the headers that each of them carries.

use super::events::Stream;
use http_body_util::{Either, Full};
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
        RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    },
};
use serde_json::{Value, json};

/// All at once, or as it happens.
pub type Body = Either<Full<Bytes>, Stream>;
/// An answer.
pub type Answer = Response<Body>;

/// JSON.
pub const JSON: &str = "application/json";
/// Plain text.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// Why a request is not answered as it was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The status.
    pub status: StatusCode,
    /// A sentence for people.
    text: String,
    header: Option<(HeaderName, HeaderValue)>,
    next: Option<&'static str>,
}

impl Failure {
    /// A failure.
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), header: None, next: None }
    }

    /// What to do about it.
    pub fn next(mut self, next: &'static str) -> Self {
        self.next = Some(next);
        self
    }

    /// Which methods are taken.
    pub fn allow(mut self, methods: &'static str) -> Self {
        self.header = Some((ALLOW, HeaderValue::from_static(methods)));
        self
    }

    /// When to come again.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.header = Some((RETRY_AFTER, seconds.into()));
        self
    }

    /// How to say who one is.
    pub fn authenticate(mut self) -> Self {
        self.header = Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        self
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        let mut body = json!({ "error": failure.text });
        if let Some(next) = failure.next {
            body["next"] = next.into();
        }
        let mut answer = whole(failure.status, JSON, body.to_string());
        if let Some((name, value)) = failure.header {
            answer.headers_mut().insert(name, value);
        }
        answer
    }
}

/// A document.
pub fn json(document: &Value) -> Answer {
    whole(StatusCode::OK, JSON, document.to_string())
}

/// A body that is complete.
pub fn whole(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    with_headers(status, kind, Either::Left(Full::new(body.into())))
}

/// A body that goes on.
pub fn stream(stream: Stream) -> Answer {
    with_headers(StatusCode::OK, "text/event-stream", Either::Right(stream))
}

fn with_headers(status: StatusCode, kind: &'static str, body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

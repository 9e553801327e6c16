//! What changes something: a recovery that is asked for, and a discovery.

use super::{
    answer::{Answer, Failure, json},
    documents::{instances, nobody},
    handle::Server,
};
use http_body_util::{BodyExt, Limited};
use hyper::{HeaderMap, Request, StatusCode, body::Incoming, header::CONTENT_TYPE};
use passthrough::probe::service::Refusal;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The largest body.
const LARGEST_BODY: usize = 4 * 1024;
/// How long a body may take.
const BODY: Duration = Duration::from_secs(5);

impl Server {
    /// Begins a recovery.
    pub(super) async fn recover(&self, id: String, request: Request<Incoming>) -> Result<Answer, Failure> {
        let body = body(request).await?;
        let force = match body.get("forceRecovery") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(force)) => *force,
            Some(_) => return Err(Failure::new(StatusCode::BAD_REQUEST, "forceRecovery is neither true nor false")),
        };
        let snapshot = self.service.snapshot();
        let reading = snapshot.reading(&id).ok_or_else(nobody)?;
        self.recoveries.take(Instant::now()).map_err(|seconds| {
            Failure::new(StatusCode::TOO_MANY_REQUESTS, "recoveries are asked for too often").retry_after(seconds)
        })?;
        (self.options.log)(&format!("recovery of {id} asked for by HTTP{}", if force { ", forced" } else { "" }));
        let service = self.service.clone();
        let conflict = |text: String| Failure::new(StatusCode::CONFLICT, text);
        match Self::aside(move || service.recover(&id, force)).await? {
            Ok(()) => Ok(json(&json!({
                "message": "Recovery started; how it goes is told by /api/events",
                "failureType": reading.verdict.failure_type,
                "forceRecovery": force,
                "plan": reading.recovery.plan,
            }))),
            Err(Refusal::NoSuchInstance) => Err(nobody()),
            Err(Refusal::Running) => Err(conflict("a recovery of it runs already".into())),
            Err(Refusal::Refused(why)) => Err(conflict(why)),
        }
    }

    /// Asks for a discovery, and tells what is known until it has ended.
    pub(super) async fn refresh(&self, request: Request<Incoming>) -> Result<Answer, Failure> {
        body(request).await?;
        self.refreshes.take(Instant::now()).map_err(|seconds| {
            Failure::new(StatusCode::TOO_MANY_REQUESTS, "discoveries are asked for too often").retry_after(seconds)
        })?;
        self.service.refresh();
        let known = instances(&self.service.snapshot()).unwrap_or_else(|_| Value::Array(Vec::new()));
        Ok(json(&json!({
            "message": "Discovery started; these are the instances known so far",
            "instanceCount": known.as_array().map_or(0, Vec::len),
            "instances": known,
        })))
    }
}

/// The body: an object, or nothing, which is an empty one.
async fn body(request: Request<Incoming>) -> Result<Value, Failure> {
    let (head, body) = request.into_parts();
    let bad = |text| Failure::new(StatusCode::BAD_REQUEST, text);
    let large = || Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 4096 bytes");
    if hyper::body::Body::size_hint(&body).lower() > LARGEST_BODY as u64 {
        return Err(large());
    }
    let collected = match timeout(BODY, Limited::new(body, LARGEST_BODY).collect()).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => return Err(large()),
        Ok(Err(_)) => return Err(bad("the body cannot be read")),
        Err(_) => return Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "the body took longer than 5 s")),
    };
    if collected.trim_ascii().is_empty() {
        return Ok(json!({}));
    }
    if !is_json(&head.headers) {
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body has to be application/json"));
    }
    match serde_json::from_slice(&collected) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(bad("the body is no JSON object")),
        Err(error) => Err(Failure::new(StatusCode::BAD_REQUEST, format!("the body is no JSON: {error}"))),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

//! What an instance reports of itself, by HTTP.

use super::{evidence::Remote, instance::Instance};
use crate::{
    clock,
    deadline::Deadline,
    plain::plain,
    web::{Client, Request, Trust, scheme},
};
use serde_json::Value;

/// A report takes some 2 KB.
const LARGEST: u64 = 256 << 10;

/// Asks an instance for its report; `None` where its source names no address to ask.
pub fn ask(instance: &Instance, deadline: &Deadline) -> Option<Remote> {
    let url = instance.health_url.as_deref()?;
    let (report, unreachable) = match fetch(url, deadline) {
        Ok(report) => (Ok(report), false),
        Err((why, unreachable)) => (Err(why), unreachable),
    };
    Some(Remote { at: clock::millis(), url: plain(url, 500), report, unreachable })
}

/// The report, or why there is none, and whether that is the fault of the way there.
fn fetch(url: &str, deadline: &Deadline) -> Result<Value, (String, bool)> {
    if scheme(url) != Some("http") {
        return Err(("its address is none of http".to_owned(), false));
    }
    let request = Request { url, authorization: None, post: false, limit: LARGEST };
    let reply = Client::new(Trust::nobody()).send(&request, deadline);
    let reply = reply.map_err(|trouble| (trouble.to_string(), trouble.is_way()))?;
    let head = &reply.head;
    // A report of bad health may come with 503, as a report all the same.
    match serde_json::from_slice::<Value>(&reply.body) {
        Ok(report @ Value::Object(_)) if matches!(head.status, 200 | 503) => Ok(cleaned(report)),
        Ok(_) if head.status == 200 => Err(("it answers with JSON that is no report".to_owned(), false)),
        _ if head.status == 200 => {
            let content = if head.content.is_empty() { "something" } else { &head.content };
            Err((format!("it answers with {content} that is no JSON"), false))
        }
        _ => Err((format!("it answers {} {}", head.status, head.reason).trim_end().to_owned(), false)),
    }
}

/// Its texts may end up on a terminal.
fn cleaned(value: Value) -> Value {
    match value {
        Value::String(text) => plain(&text, 400).into(),
        Value::Array(list) => list.into_iter().map(cleaned).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (plain(&key, 100), cleaned(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::probe::Origin,
        web::fake::{Server, json, reply},
    };
    use std::{thread, time::Duration};

    fn asked(url: Option<String>) -> Option<Remote> {
        asked_within(url, Duration::from_secs(60))
    }

    fn asked_within(url: Option<String>, time: Duration) -> Option<Remote> {
        let instance = Instance { health_url: url, ..Instance::new("a", Origin::File) };
        ask(&instance, &Deadline::after(time))
    }

    #[test]
    fn a_report_is_an_object() {
        let server = Server::start(|request| match request.split(' ').nth(1).unwrap_or_default() {
            "/health" => json(r#"{"overall_status":"healthy","a":[{"\u001b[2J":"b\u001b[31m\u0007"}]}"#),
            "/ill" => reply("503 x", "application/json", r#"{"overall_status":"unhealthy"}"#),
            "/list" => json("[1]"),
            "/page" => reply("200 OK", "text/html", "<html>"),
            "/moved" => b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec(),
            "/large" => json(&format!("{{\"a\":\"{}\"}}", "x".repeat(300 << 10))),
            "/slow" => {
                thread::sleep(Duration::from_secs(1000));
                Vec::new()
            }
            _ => reply("404 Not Found", "text/plain", "no"),
        });
        let at = |path: &str| {
            // Only who never answers is waited for to the end.
            let time = if path == "/slow" { Duration::from_millis(500) } else { Duration::from_secs(60) };
            asked_within(Some(format!("{}{path}", server.url())), time).unwrap()
        };
        let report = at("/health").report.unwrap();
        assert_eq!((&report["overall_status"], &report["a"][0]["[2J"]), (&"healthy".into(), &"b [31m".into()));
        assert_eq!(at("/ill").report.unwrap()["overall_status"], "unhealthy");
        for (path, word, unreachable) in [
            ("/list", "no report", false),
            ("/page", "text/html that is no JSON", false),
            ("/moved", "it answers 302 Found", false),
            ("/large", "larger than", false),
            ("/slow", "no answer within 500ms", true),
            ("/none", "it answers 404 Not Found", false),
        ] {
            let remote = at(path);
            let why = remote.report.unwrap_err();
            assert!(why.contains(word), "{path}: {why}");
            assert_eq!(remote.unreachable, unreachable, "{path}");
        }
    }

    #[test]
    fn only_an_address_of_http_is_asked() {
        assert_eq!(asked(None), None);
        for url in ["https://127.0.0.1:1/", "file:///etc/passwd", "http://a@127.0.0.1:1/", "127.0.0.1:1", "\x1b"] {
            let remote = asked(Some(url.into())).unwrap();
            assert!(!remote.unreachable && remote.report.unwrap_err().contains("none of http"), "{url}");
        }
        assert!(asked(Some("http://127.0.0.1:1/health".into())).unwrap().unreachable);
    }
}

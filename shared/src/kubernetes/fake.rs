//! A server that speaks as much of the Kubernetes API as watching pods needs: list in pages, watch, bookmarks, versions that
//! expire, tokens. The real `kubectl` reads it.

use crate::web::fake::{Server, json, reply};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::Write,
    net::TcpStream,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

/// The server, and what it knows.
pub(super) struct Fake {
    pub(super) server: Server,
    pub(super) state: Arc<Mutex<State>>,
}

/// What it knows, and how it behaves.
#[derive(Default)]
pub(super) struct State {
    version: u64,
    pods: BTreeMap<String, Value>,
    log: Vec<(u64, String)>,
    /// Versions up to this one are forgotten.
    pub(super) oldest: u64,
    /// Tokens other than this one are refused.
    pub(super) token: Option<String>,
    /// All are refused, with this status.
    pub(super) refuse: Option<u16>,
    /// Watches that run are broken off.
    pub(super) broken: u64,
    /// What the next watch says first.
    pub(super) garbage: Option<String>,
}

impl State {
    /// Makes or changes a pod.
    pub(super) fn put(&mut self, name: &str, phase: &str, ready: bool) {
        self.version += 1;
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": "loco", "resourceVersion": self.version.to_string(), "uid": name,
                "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"app.kubernetes.io/component": "emulator"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "emulator", "uid": "1"}],
            },
            "spec": {"nodeName": "w1", "containers": [{"name": "qemu", "image": "x"}]},
            "status": {
                "phase": phase, "podIP": "10.0.0.7", "startTime": "2026-01-01T00:00:01Z",
                "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
            },
        });
        let kind = if self.pods.contains_key(name) { "MODIFIED" } else { "ADDED" };
        self.log.push((self.version, json!({"type": kind, "object": pod}).to_string()));
        self.pods.insert(name.to_owned(), pod);
    }

    /// Deletes a pod.
    pub(super) fn delete(&mut self, name: &str) {
        self.version += 1;
        let mut pod = self.pods.remove(name).unwrap();
        pod["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.log.push((self.version, json!({"type": "DELETED", "object": pod}).to_string()));
    }

    /// Time passes: all that was is forgotten.
    pub(super) fn forget(&mut self) {
        self.version += 1000;
        self.oldest = self.version;
        self.log.clear();
    }

    fn list(&self, limit: usize, next: usize) -> Value {
        let items: Vec<_> = self.pods.values().skip(next).take(limit).collect();
        let more = next + items.len() < self.pods.len();
        let next = if more { (next + items.len()).to_string() } else { String::new() };
        json!({
            "kind": "PodList", "apiVersion": "v1",
            "metadata": {"resourceVersion": self.version.to_string(), "continue": next}, "items": items,
        })
    }
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code})
}

impl Fake {
    pub(super) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let its = Arc::clone(&state);
        Self { server: Server::serve(move |request, stream| answer(&its, request, stream)), state }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    /// How many lists, and how many watches, were asked for.
    pub(super) fn asked(&self) -> (usize, usize) {
        let all = self.server.asked();
        let pods = all.iter().filter(|request| request.contains("/pods?"));
        let (watches, lists): (Vec<_>, Vec<_>) = pods.partition(|request| request.contains("watch="));
        (lists.len(), watches.len())
    }
}

fn answer(state: &Mutex<State>, request: &str, stream: &mut TcpStream) {
    let target = request.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query: BTreeMap<_, _> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let known = state.lock().unwrap();
    let bearer = request.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
    let refused = match (&known.token, known.refuse) {
        (Some(token), _) if bearer != Some(token) => Some(status(401, "Unauthorized", "Unauthorized")),
        (_, Some(code)) => {
            Some(status(code, "Forbidden", "pods is forbidden: User \"x\" cannot list resource \"pods\""))
        }
        _ => None,
    };
    let body = if let Some(status) = refused {
        let _ = stream.write_all(&reply(&format!("{} x", status["code"]), "application/json", &status.to_string()));
        return;
    } else if path == "/api/v1/namespaces/loco/pods" && query.contains_key("watch") {
        drop(known);
        return watch(state, &query, stream);
    } else if path == "/api/v1/namespaces/loco/pods" {
        assert_eq!(query["labelSelector"], "app.kubernetes.io%2Fcomponent%3Demulator");
        let number = |key: &str| query.get(key).and_then(|text| text.parse().ok());
        let next = number("continue").unwrap_or(0);
        if next > 0 && known.oldest > 0 {
            let expired = status(410, "Expired", "The provided continue parameter is too old").to_string();
            drop(known);
            state.lock().unwrap().oldest = 0;
            let _ = stream.write_all(&reply("410 Gone", "application/json", &expired));
            return;
        }
        known.list(number("limit").unwrap_or(500).min(2), next)
    } else {
        discovery(path)
    };
    let _ = stream.write_all(&json(&body.to_string()));
}

/// What `kubectl` asks before it asks for pods.
fn discovery(path: &str) -> Value {
    match path {
        "/version" => json!({"major": "1", "minor": "33", "gitVersion": "v1.33.0"}),
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"]}),
        "/api/v1" => json!({
            "kind": "APIResourceList", "groupVersion": "v1",
            "resources": [{"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod", "verbs": ["get", "list", "watch"]}],
        }),
        "/apis" => json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []}),
        _ => status(404, "NotFound", "not found"),
    }
}

fn watch(state: &Mutex<State>, query: &BTreeMap<&str, &str>, stream: &mut TcpStream) {
    let chunk = |stream: &mut TcpStream, text: &str| -> bool {
        stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).is_ok()
    };
    // In two pieces: a line ends where it ends, not where a packet does.
    let line = |stream: &mut TcpStream, text: &str| {
        let (head, tail) = text.split_at(text.len() / 2);
        chunk(stream, head) && {
            thread::sleep(Duration::from_millis(5));
            chunk(stream, &format!("{tail}\n"))
        }
    };
    let mut from: u64 = query.get("resourceVersion").and_then(|text| text.parse().ok()).unwrap_or(0);
    let _ =
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    let broken = state.lock().unwrap().broken;
    let until = Instant::now() + Duration::from_secs(20);
    let mut told = Instant::now();
    while Instant::now() < until {
        let mut known = state.lock().unwrap();
        if known.broken != broken {
            return;
        }
        let garbage = known.garbage.take();
        if from < known.oldest {
            // Exactly as kube-apiserver does: the answer's status says that all is well.
            drop(known);
            let expired = status(410, "Expired", "too old resource version");
            line(stream, &json!({"type": "ERROR", "object": expired}).to_string());
            break;
        }
        let mut news: Vec<_> =
            known.log.iter().filter(|(version, _)| *version > from).map(|(_, text)| text.clone()).collect();
        from = known.version;
        drop(known);
        news.splice(0..0, garbage);
        if told.elapsed() > Duration::from_millis(100) && query.contains_key("allowWatchBookmarks") {
            let object = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": from.to_string()}, "spec": {"containers": null}, "status": {}});
            news.push(json!({"type": "BOOKMARK", "object": object}).to_string());
            told = Instant::now();
        }
        if !news.iter().all(|text| line(stream, text)) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _ = stream.write_all(b"0\r\n\r\n");
}

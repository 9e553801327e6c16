//! The server on loopback, asked by hand: what hyper is told to refuse has to be refused on the wire.

#[path = "../../examples/page/fake.rs"]
#[allow(dead_code)]
mod fake;

use super::{Listen, Options, Token, listen::Listener, run};
use fake::Fake;
use passthrough::{
    fault::{Code, Fault},
    host::Host,
};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

const TOKEN: &str = "0123456789abcdef";

struct Running {
    address: Option<SocketAddr>,
    fake: Arc<Fake>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn options(listen: Listen, token: bool) -> Options {
    Options {
        listen,
        token: token.then(|| Token::new(TOKEN.as_bytes()).unwrap()),
        hosts: vec!["probe.example.org".into()],
        metrics: Box::new(|snapshot, open| {
            format!("vm_probe_vms {}{}\n", snapshot.readings.len(), if open { "\n# EOF" } else { "" })
        }),
        overdue: Duration::from_secs(30),
        host: Host::default(),
        log: Box::new(|_| ()),
    }
}

impl Running {
    fn start(count: usize, listen: &str, token: bool) -> Self {
        let fake = Fake::new(count);
        let (service, listen) = (fake.clone(), listen.parse().unwrap());
        let (stop, stopped) = oneshot::channel();
        let (told, address) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let options = options(listen, token);
                let listener = Listener::bind(&options).unwrap();
                told.send(listener.local()).unwrap();
                let stop = async {
                    let _ = stopped.await;
                };
                run(listener, service, options, stop).await;
            });
        });
        Self { address: address.recv().unwrap(), fake, stop: Some(stop), thread: Some(thread) }
    }

    fn new(count: usize) -> Self {
        Self::start(count, "127.0.0.1:0", true)
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address.unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// The whole answer to what is sent as it is.
    fn raw(&self, text: &[u8]) -> String {
        let mut stream = self.connect();
        // An answer may come, and the connection be closed, before all was taken.
        let _ = stream.write_all(text);
        rest(&mut stream)
    }

    fn ask(&self, line: &str, headers: &[&str], body: &str) -> String {
        let mut text = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        for header in headers {
            text.push_str(&format!("{header}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.raw(format!("{text}\r\n{body}").as_bytes())
    }

    fn post(&self, path: &str, headers: &[&str], body: &str) -> String {
        let token = format!("Authorization: Bearer {TOKEN}");
        let mut all = vec![token.as_str(), "Content-Type: application/json"];
        all.extend(headers);
        self.ask(&format!("POST {path}"), &all, body)
    }

    fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.ask(&format!("GET {path}"), &[], "");
        assert_eq!(status(&answer), 200, "{path}: {answer}");
        serde_json::from_str(body(&answer)).unwrap()
    }
}

fn rest(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split_once("\r\n\r\n").map_or(answer, |(head, _)| head);
    head.lines().find_map(|line| {
        line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}

#[test]
fn the_endpoints_have_the_shapes_that_front_ends_know() {
    let server = Running::new(4);
    let health = server.json("/health");
    assert_eq!(health["overall_status"], "unhealthy");
    for block in ["video", "audio", "performance", "network"] {
        assert!(health[block].is_object(), "{block}");
    }
    assert_eq!(server.json("/")["overall_status"], "unhealthy");
    let deep = server.json("/api/quality/deep-health");
    assert_eq!(deep.as_object().unwrap().len(), 4);
    assert_eq!(deep["101"]["failureType"], "qemu");
    assert_eq!(server.json("/api/quality/deep-health/103")["failureType"], "network");
    let whole = server.json("/api/quality/deep-health/104");
    let brief = server.json("/api/quality/deep-health/104?brief=1");
    assert!(whole["deepHealth"]["video"]["figures"].is_object() && brief["deepHealth"]["video"]["figures"].is_null());
    let recovery = server.json("/api/quality/recovery-status");
    assert_eq!((&recovery["102"]["attempts"], &recovery["102"]["maxAttempts"]), (&1.into(), &3.into()));
    assert_eq!(recovery["102"]["history"].as_array().unwrap().len(), 1);
    assert_eq!(recovery["103"]["canRecover"], false);
    assert_eq!(server.json("/api/quality/history/101")["readings"].as_array().unwrap().len(), 120);
    assert_eq!(server.json("/api/instances")[3]["name"], "backup-target");
    assert_eq!(server.json("/api/instances/discovery-info")["fallbackToStatic"], false);
    assert_eq!(server.json("/readyz")["ready"], true);
    assert_eq!(server.json("/api/openapi.json")["openapi"], "3.1.0");
    for path in ["deep-health", "history"] {
        let answer = server.ask(&format!("GET /api/quality/{path}/999"), &[], "");
        assert_eq!((status(&answer), body(&answer)), (404, "{\"error\":\"Instance not found\"}"));
    }
    let answer = server.ask("GET /metrics", &[], "");
    assert_eq!(
        (header(&answer, "content-type"), body(&answer)),
        (Some("text/plain; version=0.0.4; charset=utf-8"), "vm_probe_vms 4\n")
    );
    let answer =
        server.ask("GET /metrics", &["Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5"], "");
    assert!(body(&answer).ends_with("# EOF\n") && answer.contains("application/openmetrics-text; version=1.0.0"));
    assert_eq!(body(&server.ask("GET /livez", &[], "")), "alive\n");
}

#[test]
fn before_the_first_discovery_it_lives_and_is_not_ready() {
    let server = Running::new(0);
    assert_eq!(status(&server.ask("GET /livez", &[], "")), 200);
    for path in ["/readyz", "/api/instances"] {
        let answer = server.ask(&format!("GET {path}"), &[], "");
        assert_eq!(status(&answer), 503, "{path}");
        assert!(header(&answer, "retry-after").is_some());
    }
    assert_eq!(server.json("/health")["overall_status"], "unknown");
    assert_eq!(server.json("/api/quality/deep-health"), serde_json::json!({}));
}

#[test]
fn every_answer_forbids_what_a_browser_need_not_do() {
    let server = Running::new(1);
    let page = server.ask("GET /", &["Accept: text/html,application/xhtml+xml"], "");
    assert!(body(&page).starts_with("<!doctype html>"));
    assert!(header(&page, "content-security-policy").unwrap().contains("script-src 'sha256-"));
    for answer in
        [page, server.ask("GET /health", &[], ""), server.ask("GET /nothing", &["Origin: http://evil.example"], "")]
    {
        assert!(header(&answer, "content-security-policy").unwrap().starts_with("default-src 'none'"), "{answer}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
        assert_eq!(header(&answer, "referrer-policy"), Some("no-referrer"));
        assert_eq!(header(&answer, "cache-control"), Some("no-store"));
        assert!(!answer.to_ascii_lowercase().contains("access-control-"), "{answer}");
    }
    let head = server.ask("HEAD /health", &[], "");
    assert_eq!((status(&head), body(&head)), (200, ""));
    assert!(header(&head, "content-length").unwrap().parse::<usize>().unwrap() > 100);
}

#[test]
fn requests_that_are_too_much_or_make_no_sense_are_refused() {
    let server = Running::new(1);
    let large = "x".repeat(9000);
    assert_eq!(status(&server.ask("GET /health", &[&format!("X-Large: {large}")], "")), 431);
    let many: Vec<String> = (0..100).map(|n| format!("X-{n}: 1")).collect();
    assert_eq!(status(&server.ask("GET /health", &many.iter().map(String::as_str).collect::<Vec<_>>(), "")), 431);
    assert_eq!(status(&server.ask(&format!("GET /{}", "a".repeat(3000)), &[], "")), 414);
    assert_eq!(status(&server.ask("GET /nothing", &[], "")), 404);
    assert_eq!(status(&server.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")), 400);
    assert_eq!(status(&server.raw(b"GET /health HTTP/1.1\r\n\r\n")), 400);
    assert_eq!(status(&server.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n")), 400);
    for (line, allow) in [
        ("POST /health", "GET, HEAD"),
        ("OPTIONS /api/instances", "GET, HEAD"),
        ("DELETE /", "GET, HEAD"),
        ("GET /api/instances/refresh", "POST"),
        ("GET /api/quality/recover/101", "POST"),
    ] {
        let answer = server.ask(line, &[], "");
        assert_eq!((status(&answer), header(&answer, "allow")), (405, Some(allow)), "{line}");
    }
    let recover = "/api/quality/recover/101";
    assert_eq!(status(&server.post(recover, &[], &large)), 413);
    let chunked = format!(
        "POST {recover} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n\
        Transfer-Encoding: chunked\r\n\r\n2328\r\n{large}\r\n0\r\n\r\n"
    );
    assert_eq!(status(&server.raw(chunked.as_bytes())), 413);
    for bad in ["{", "[]", "7", "{\"forceRecovery\":\"yes\"}", "\u{0}"] {
        assert_eq!(status(&server.post(recover, &[], bad)), 400, "{bad}");
    }
    let token = format!("Authorization: Bearer {TOKEN}");
    assert_eq!(status(&server.ask(&format!("POST {recover}"), &[&token, "Content-Type: text/plain"], "{}")), 415);
    assert!(server.fake.recovered.lock().unwrap().is_empty());
}

#[test]
fn foreign_names_foreign_pages_and_wrong_tokens_change_nothing() {
    let server = Running::new(4);
    let named = |host: &str| {
        status(&server.raw(format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()))
    };
    for host in ["localhost:1", "127.0.0.1", "[::1]:8080", "Probe.Example.org"] {
        assert_eq!(named(host), 200, "{host}");
    }
    for host in ["evil.example", "10.0.0.1", "localhost.evil.example"] {
        assert_eq!(named(host), 421, "{host}");
    }
    assert_eq!(
        status(&server.raw(b"GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")),
        421
    );
    let recover = "/api/quality/recover/101";
    assert_eq!(status(&server.post(recover, &["Origin: http://evil.example"], "{}")), 403);
    assert_eq!(status(&server.post(recover, &["Origin: null"], "{}")), 403);
    assert_eq!(status(&server.post(recover, &["Sec-Fetch-Site: cross-site"], "{}")), 403);
    let wrong = server.ask(&format!("POST {recover}"), &["Authorization: Bearer 0123456789abcdeg"], "");
    assert_eq!((status(&wrong), header(&wrong, "www-authenticate")), (401, Some("Bearer")));
    assert_eq!(status(&server.ask(&format!("POST {recover}"), &[], "")), 401);
    let open = Running::start(4, "127.0.0.1:0", false);
    let answer = open.ask(&format!("POST {recover}"), &["Authorization: Bearer "], "");
    assert_eq!(status(&answer), 403);
    assert!(answer.contains("--token-file"), "{answer}");
    assert!(server.fake.recovered.lock().unwrap().is_empty() && open.fake.recovered.lock().unwrap().is_empty());
}

#[test]
fn a_recovery_is_handed_on_once_and_the_sixth_in_a_minute_has_to_wait() {
    let server = Running::new(4);
    let answer = server.post("/api/quality/recover/101", &["Origin: http://localhost"], "{\"forceRecovery\":true}");
    assert_eq!(status(&answer), 200, "{answer}");
    let told: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!((&told["failureType"], &told["forceRecovery"]), (&"qemu".into(), &true.into()));
    assert_eq!(status(&server.post("/api/quality/recover/103", &[], "")), 409);
    assert_eq!(status(&server.post("/api/quality/recover/999", &[], "")), 404);
    for _ in 0..3 {
        assert_eq!(status(&server.post("/api/quality/recover/102", &[], "{}")), 200);
    }
    let answer = server.post("/api/quality/recover/102", &[], "{}");
    assert_eq!(status(&answer), 429);
    assert!((1..=61).contains(&header(&answer, "retry-after").unwrap().parse().unwrap()));
    let done = server.fake.recovered.lock().unwrap().clone();
    assert_eq!(done[0], ("101".to_owned(), true));
    assert_eq!(done.len(), 4);
    let answer = server.post("/api/instances/refresh", &[], "");
    assert!(body(&answer).contains("\"instanceCount\":4"), "{answer}");
}

#[test]
fn events_arrive_and_end_with_the_daemon() {
    let mut server = Running::new(1);
    let mut stream = server.connect();
    stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut bytes = [0; 4096];
    let mut text = String::new();
    while !text.contains("retry: 3000") {
        let read = stream.read(&mut bytes).unwrap();
        text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
    }
    server.fake.tell("status", "101", "it is ill");
    while !text.contains("it is ill") {
        let read = stream.read(&mut bytes).unwrap();
        text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
    }
    assert!(text.contains("event: status\ndata: {"), "{text}");
    let begin = Instant::now();
    server.end();
    assert!(begin.elapsed() < Duration::from_secs(3));
    rest(&mut stream);
}

#[test]
fn four_hundred_half_open_connections_keep_no_good_client_waiting() {
    let server = Running::new(20);
    let mut half: Vec<TcpStream> = Vec::new();
    let mut slowest = Duration::ZERO;
    for n in 0..400 {
        let mut stream = server.connect();
        let _ = stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
        half.push(stream);
        if n % 20 == 19 {
            let begin = Instant::now();
            assert_eq!(status(&server.ask("GET /health", &[], "")), 200);
            slowest = slowest.max(begin.elapsed());
        }
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    // One of those who were too slow sees it within the deadline, without a byte more being sent.
    let begin = Instant::now();
    let _ = rest(half.last_mut().unwrap());
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
}

#[test]
fn a_body_that_does_not_come_is_waited_for_with_a_limit() {
    let server = Running::new(1);
    let mut stream = server.connect();
    write!(stream, "POST /api/quality/recover/101 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 10\r\n\r\n{{").unwrap();
    let begin = Instant::now();
    assert_eq!(status(&rest(&mut stream)), 408);
    assert!(begin.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_unix_socket_is_its_owners_and_an_old_one_is_replaced_if_nobody_listens() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("probe.sock");
    let listen = format!("unix:{}", path.display());
    drop(UnixListener::bind(&path).unwrap());
    let mut server = Running::start(1, &listen, true);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: whatever\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(status(&rest(&mut stream)), 200);
    let refused = |path: &Path| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let error = Listener::bind(&options(Listen::Unix(path.into()), true)).err().unwrap();
        Fault::code_of(&error)
    };
    assert_eq!(refused(&path), Code::Busy);
    server.end();
    assert!(!path.exists());
    std::fs::write(&path, "a file").unwrap();
    assert_eq!(refused(&path), Code::Refused);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a file");
}

#[test]
fn an_address_in_use_names_who_has_it() {
    let server = Running::new(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let error = Listener::bind(&options(Listen::Tcp(server.address.unwrap()), true)).err().unwrap();
    assert_eq!(Fault::code_of(&error), Code::Busy);
    assert!(error.to_string().contains(&format!("pid {}", std::process::id())), "{error}");
}

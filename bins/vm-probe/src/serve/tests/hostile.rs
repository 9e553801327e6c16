//! What is answered to who asks too much, too slowly, from elsewhere, or nonsense.

use super::*;
use crate::serve::connections::HEAD;

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
fn two_lengths_of_one_body_are_taken_for_one_and_end_the_connection() {
    let server = Running::new(1);
    for (first, second) in
        [("Content-Length: 49", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", "Content-Length: 49")]
    {
        // What is behind the chunks was smuggled in by whoever believes the length: it must not be answered.
        let asked = format!(
            "POST /api/quality/recover/101 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n{first}\r\n{second}\r\n\r\n\
            0\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
        );
        let answer = server.raw(asked.as_bytes());
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert_eq!(header(&answer, "connection"), Some("close"), "{answer}");
    }
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
fn four_hundred_half_open_connections_keep_no_good_client_waiting() {
    let server = Running::new(20);
    let mut half: Vec<TcpStream> = Vec::new();
    let mut waits = Vec::new();
    for n in 0..400 {
        let mut stream = server.connect();
        let _ = stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
        half.push(stream);
        if n % 20 == 19 {
            let begin = Instant::now();
            assert_eq!(status(&server.ask("GET /health", &[], "")), 200);
            waits.push(begin.elapsed());
        }
    }
    // Without room they would wait until the first of those loses its patience. One or two may find a machine that stands still.
    waits.sort_unstable();
    assert!(waits[waits.len() - 3] < HEAD / 5, "{waits:?}");
    // One of those who were too slow sees it by the server's deadline, without a byte more being sent, and not by ours.
    let begin = Instant::now();
    let mut left = Vec::new();
    half.last_mut().unwrap().read_to_end(&mut left).unwrap();
    assert!(begin.elapsed() < 3 * HEAD, "{:?}", begin.elapsed());
}

#[test]
fn a_body_that_does_not_come_is_waited_for_with_a_limit() {
    let server = Running::new(1);
    let mut stream = server.connect();
    write!(stream, "POST /api/quality/recover/101 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 10\r\n\r\n{{").unwrap();
    let begin = Instant::now();
    assert_eq!(status(&rest(&mut stream)), 408);
    assert!(begin.elapsed() < 3 * HEAD);
}

#[test]
fn whatever_is_sent_is_answered_or_ended_and_the_next_one_is_served() {
    use proptest::{prelude::*, test_runner::TestRunner};
    let server = Running::new(1);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(200));
    let head = "(GET|POST|[A-Z]{1,8}) [/a-z%0-9.?=*]{0,40} HTTP/1\\.[0-9]\r\n((Host|Content-Length|Transfer-Encoding|Expect|[a-z-]{1,9}): ?[ -~]{0,20}\r\n){0,5}\r\n[ -~]{0,30}";
    let sent = prop_oneof![head.prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..200)];
    runner
        .run(&sent, |bytes| {
            let mut stream = server.connect();
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            prop_assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{:?}", String::from_utf8_lossy(&answer));
            prop_assert_eq!(status(&server.ask("GET /livez", &[], "")), 200);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_hundred_clients_who_ask_for_the_same_get_one_document() {
    let server = Running::new(200);
    let begin = Instant::now();
    let first = server.ask("GET /api/quality/deep-health", &[], "");
    let one = begin.elapsed();
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| assert_eq!(status(&server.ask("GET /api/quality/deep-health", &[], "")), 200));
        }
    });
    // Were it made anew for each, it would take a hundred times as long as the first.
    let bound = Duration::from_secs(5).max(30 * one);
    assert!(begin.elapsed() < bound, "{:?} for {} bytes", begin.elapsed(), first.len());
}

//! Where it listens, and how it ends.

use super::*;

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
    // Nobody waits for the end of what has none.
    assert!(begin.elapsed() < Duration::from_secs(30));
    rest(&mut stream);
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

//! Web servers, and whose certificates count.

use super::*;

/// A web server that gives each connection the same answer.
fn server(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                // What was not read is answered by the kernel, with a reset.
                let (mut request, mut bite) = (Vec::new(), [0; 4096]);
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut bite) {
                        Ok(n) if n > 0 => request.extend_from_slice(&bite[..n]),
                        _ => return,
                    }
                }
                let _ = stream.write_all(answer.as_bytes());
                if answer.is_empty() {
                    thread::sleep(Duration::from_secs(30));
                }
            });
        }
    });
    port
}

#[test]
fn a_web_server_answers_well_or_does_not() {
    let host = Host::default();
    let get = |port: u16, timeout: u64| {
        let http = Some(format!("http://127.0.0.1:{port}/{{name}}"));
        once(&host, Check { http, timeout: Some(Duration::from_millis(timeout)), ..Check::default() }, &vm("111"))
    };
    for (answer, passed, detail) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", true, "/111: 204"),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", true, ": 304"),
        ("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", false, ": 503"),
        ("HTTP/1.1 302 Found\r\nLocation: /again\r\nConnection: close\r\n\r\n", false, "more than 3 redirects"),
        ("garbage\r\n\r\n", false, ""),
    ] {
        let checked = get(server(answer), 60_000);
        assert_eq!(checked.passed, Some(passed), "{answer:?} {checked:?}");
        assert!(checked.detail.ends_with(detail), "{checked:?}");
    }
    let started = Instant::now();
    let silent = get(server(""), 300);
    assert!(silent.passed == Some(false) && started.elapsed() < Duration::from_secs(20), "{silent:?}");
}

#[test]
fn without_a_list_of_authorities_https_cannot_be_judged() {
    let dir = tempfile::tempdir().unwrap();
    let http = Some("https://127.0.0.1:1/".to_owned());
    let checked = once(&Host::new(dir.path()), Check { http, ..Check::default() }, &vm("111"));
    assert!(checked.passed.is_none() && checked.detail.contains("ca-certificates"), "{checked:?}");
}

/// A web server whose certificate is for `localhost` and `127.0.0.1`, signed by `testdata/authority.pem`.
fn secure_server() -> u16 {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let certificate = CertificateDer::from_pem_slice(include_bytes!("../testdata/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../testdata/server-key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    port
}

#[test]
fn a_certificate_counts_only_where_the_host_trusts_who_signed_it() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let http = Some(format!("https://127.0.0.1:{}/", secure_server()));
    let check = Check { http, timeout: Some(Duration::from_secs(20)), ..Check::default() };
    let list = host.trusted_authorities();
    fs::create_dir_all(list.parent().unwrap()).unwrap();
    // The server's own is an authority of nothing.
    fs::write(&list, include_bytes!("../testdata/server.pem")).unwrap();
    let foreign = once(&host, check.clone(), &vm("111"));
    assert!(foreign.passed == Some(false) && foreign.detail.contains("certificate"), "{foreign:?}");
    fs::write(&list, include_bytes!("../testdata/authority.pem")).unwrap();
    let trusted = once(&host, check, &vm("111"));
    assert!(trusted.passed == Some(true) && trusted.detail.ends_with(": 200"), "{trusted:?}");
}

use super::{
    fake::{Server, json, reply},
    *,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use trust::Fingerprint;

/// As long as a machine may stand still that has other things to do.
fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

fn get(url: &str) -> Result<Reply, Trouble> {
    Client::new(Trust::nobody()).send(&request(url), &soon())
}

fn request(url: &str) -> Request<'_> {
    Request { url, authorization: None, post: false, limit: 1000 }
}

#[test]
fn the_words_behind_the_status_are_kept() {
    let server = Server::start(|request| match request {
        _ if request.starts_with("GET /a ") => reply("500 no such VM ('9') é", "text/plain", "x"),
        _ => b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n".to_vec(),
    });
    let client = Client::new(Trust::nobody());
    let answer = client.send(&request(&format!("{}/a", server.url())), &soon()).unwrap();
    assert_eq!((answer.head.status, answer.head.reason.as_str()), (500, "no such VM ('9') é"));
    assert_eq!((answer.head.content.as_str(), answer.body.as_slice()), ("text/plain", b"x".as_slice()));
    let answer = client.send(&request(&format!("{}/b", server.url())), &soon()).unwrap();
    assert_eq!((answer.head.status, answer.head.reason.as_str()), (200, ""), "nothing is left of the one before");
}

#[test]
fn a_post_has_a_length_and_a_redirect_is_not_followed() {
    let server = Server::start(|_| b"HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n".to_vec());
    let client = Client::new(Trust::nobody());
    let url = format!("{}/a", server.url());
    let answer = client.send(&Request { post: true, authorization: Some("x y"), ..request(&url) }, &soon()).unwrap();
    assert_eq!(answer.head.status, 302);
    let asked = server.asked().join("").to_ascii_lowercase();
    assert!(asked.starts_with("post /a http/1.1\r\n") && asked.contains("\r\ncontent-length: 0\r\n"), "{asked}");
    assert!(asked.contains("\r\nauthorization: x y\r\n") && !asked.contains("chunked"), "{asked}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn what_is_no_answer_is_told_apart() {
    let cut = Server::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"data\":".to_vec());
    assert_eq!(get(&cut.url()), Err(Trouble::BrokenOff));
    let nothing = Server::start(|_| Vec::new());
    assert_eq!(get(&nothing.url()), Err(Trouble::BrokenOff));
    let large = Server::start(|_| json(&"x".repeat(1001)));
    assert!(matches!(get(&large.url()), Err(Trouble::TooLarge(_))));
    let endless = Server::serve(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 100]).is_ok() {}
    });
    assert!(matches!(get(&endless.url()), Err(Trouble::TooLarge(_))));
    let other = Server::start(|_| b"SSH-2.0-OpenSSH_9.2\r\n".to_vec());
    assert!(matches!(get(&other.url()), Err(Trouble::Garbage(_))), "{:?}", get(&other.url()));
    assert!(matches!(get("http://127.0.0.1:1/"), Err(Trouble::Unreachable(_))));
    // Too long for any name: nobody in the network is asked for it.
    let nowhere = format!("http://{}.invalid/", "x".repeat(64));
    assert!(matches!(get(&nowhere), Err(Trouble::Unreachable(_))), "{:?}", get(&nowhere));
    assert!(matches!(get("nonsense"), Err(Trouble::Garbage(_))));
}

#[test]
fn a_server_that_is_silent_or_drips_is_left_by_the_deadline() {
    let drips = Server::serve(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let silent = Server::serve(|_, _| thread::sleep(Duration::from_secs(60)));
    for url in [drips.url(), silent.url()] {
        let started = Instant::now();
        let deadline = Deadline::after(Duration::from_millis(300));
        let trouble = Client::new(Trust::nobody()).send(&request(&url), &deadline).unwrap_err();
        assert_eq!(trouble, Trouble::Late(Duration::from_millis(300)));
        assert_eq!(trouble.to_string(), "no answer within 300ms");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}

/// An authority, a certificate that it signed for 127.0.0.1, and a server that has it, or claims to.
pub(crate) struct Secure {
    pub(crate) url: String,
    pub(crate) authority: String,
    pub(crate) fingerprint: Fingerprint,
}

pub(crate) fn secure(names: &[&str], answer: &'static [u8], impostor: bool) -> Secure {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let der = leaf.der().to_vec();
    let fingerprint = Fingerprint::of(&der).unwrap();
    // Who copied a certificate does not have its key.
    let key = if impostor { KeyPair::generate().unwrap() } else { key };
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = ring::default_provider();
    let signer = provider.key_provider.load_private_key(key).unwrap();
    let certified = rustls::sign::CertifiedKey::new(vec![CertificateDer::from(der)], signer);
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let config = Arc::new(config);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(session, stream.unwrap()));
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|n| n > 2) {
                line.clear();
            }
            let _ = stream.get_mut().write_all(answer);
            stream.get_mut().conn.send_close_notify();
            let _ = stream.get_mut().flush();
        }
    });
    Secure { url, authority: authority.pem(), fingerprint }
}

const OK: &[u8] = b"HTTP/1.1 200 fine\r\ncontent-length: 2\r\n\r\nok";

fn over(server: &Secure, trust: Trust) -> Result<Reply, Trouble> {
    Client::new(trust).send(&request(&server.url), &soon())
}

#[test]
fn a_certificate_is_good_by_its_authority_or_by_its_fingerprint() {
    let server = secure(&["127.0.0.1"], OK, false);
    let by_authority = Trust::signed_by(server.authority.as_bytes()).unwrap();
    let reply = over(&server, by_authority).unwrap();
    assert_eq!((reply.head.reason.as_str(), reply.body.as_slice()), ("fine", b"ok".as_slice()));
    assert_eq!(over(&server, Trust::pinned(server.fingerprint)).unwrap().body, b"ok");
    // Whoever pins a certificate does not mind its names.
    let nameless = secure(&["pve1.example"], OK, false);
    assert_eq!(over(&nameless, Trust::pinned(nameless.fingerprint)).unwrap().body, b"ok");
}

#[test]
fn any_other_certificate_is_not() {
    let server = secure(&["127.0.0.1"], OK, false);
    let stranger = secure(&["127.0.0.1"], OK, false);
    let told = |outcome: Result<Reply, Trouble>| match outcome {
        Err(Trouble::Untrusted(why)) => why,
        other => panic!("{other:?}"),
    };
    let why = told(over(&server, Trust::pinned(stranger.fingerprint)));
    assert!(why.ends_with(&format!("with the fingerprint {}", server.fingerprint)), "{why}");
    let why = told(over(&server, Trust::signed_by(stranger.authority.as_bytes()).unwrap()));
    assert!(why.contains("signed by nobody who is trusted") || why.contains("BadSignature"), "{why}");
    let elsewhere = secure(&["pve1.example"], OK, false);
    let why = told(over(&elsewhere, Trust::signed_by(elsewhere.authority.as_bytes()).unwrap()));
    assert!(why.contains("pve1.example"), "{why}");
    assert!(matches!(over(&server, Trust::nobody()), Err(Trouble::Garbage(_))));
}

#[test]
fn a_copied_certificate_without_its_key_is_found_out() {
    let server = secure(&["127.0.0.1"], OK, true);
    let trouble = over(&server, Trust::pinned(server.fingerprint)).unwrap_err();
    assert!(
        matches!(&trouble, Trouble::Untrusted(why) if why.contains("signature") || why.contains("BadSignature")),
        "{trouble:?}"
    );
}

#[test]
fn a_fingerprint_has_many_spellings() {
    let print = Fingerprint::of(b"abc").unwrap();
    let shown = print.to_string();
    assert!(shown.starts_with("BA:78:16:BF:") && shown.len() == 95);
    for text in [shown.clone(), shown.replace(':', ""), shown.to_lowercase(), format!(" {shown}\n")] {
        assert_eq!(text.parse(), Ok(print), "{text}");
    }
    for text in ["", "BA:78", &shown[1..], &shown.replace('B', "G"), &format!("{shown}00")] {
        assert!(text.parse::<Fingerprint>().is_err(), "{text}");
    }
}

#[test]
fn an_authority_that_is_none_is_an_error() {
    assert!(Trust::signed_by(b"").is_err());
    assert!(Trust::signed_by(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
}

#[test]
fn only_this_machine_is_asked_without_encryption() {
    for (url, loopback, scheme_is) in [
        ("http://127.0.0.1:85", true, Some("http")),
        ("http://[::1]:85/x", true, Some("http")),
        ("http://LOCALHOST", true, Some("http")),
        ("http://127.0.0.1.example", false, Some("http")),
        ("http://10.0.0.1", false, Some("http")),
        ("https://pve1:8006", false, Some("https")),
        ("http://127.0.0.1@example", false, None),
        ("ftp://127.0.0.1", true, None),
        ("127.0.0.1", true, None),
        ("", false, None),
    ] {
        assert_eq!((is_loopback(url), scheme(url)), (loopback, scheme_is), "{url}");
    }
}

//! Another configuration while it runs.

use super::super::handle::Server;
use super::*;
use hyper::{
    HeaderMap, Uri, Version,
    header::{AUTHORIZATION, HOST},
};
use std::sync::Mutex;

const OTHER: &str = "fedcba9876543210";

/// A file of settings and the token beside it, or why it cannot be read.
type File = Result<(String, Option<&'static str>), String>;

/// A server on an address of its own, what its file of settings says, and what it has told.
struct Reloading {
    server: Arc<Server>,
    file: Arc<Mutex<File>>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Reloading {
    fn new(local: &str) -> Self {
        let file = Arc::new(Mutex::new(Ok((String::new(), Some(TOKEN)))));
        let told = Arc::new(Mutex::new(Vec::new()));
        let (read, log) = (file.clone(), told.clone());
        let options = Options {
            log: Box::new(move |text| log.lock().unwrap().push(text.to_owned())),
            reread: Box::new(move || {
                let (text, token) = read.lock().unwrap().clone().map_err(|why| Fault::usage(why).next("look"))?;
                let dir = tempfile::tempdir()?;
                let path = dir.path().join("config.toml");
                std::fs::write(&path, text)?;
                let config = Config::load(&path, "config.toml", true)?;
                Ok(Fresh { config, token: token.map(|token| Token::new(token.as_bytes()).unwrap()) })
            }),
            ..options(local.parse().unwrap(), true)
        };
        Self { server: Server::new(Fake::new(1), options, local.parse().ok()), file, told }
    }

    fn reload(&self, text: &str, token: Option<&'static str>) -> bool {
        *self.file.lock().unwrap() = Ok((text.to_owned(), token));
        self.server.reload()
    }

    fn takes(&self, token: &str) -> bool {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())]);
        self.server.guard().change("localhost", &headers).is_ok()
    }

    fn knows(&self, name: &str) -> bool {
        let headers = HeaderMap::from_iter([(HOST, name.parse().unwrap())]);
        self.server.guard().host(Version::HTTP_11, &Uri::from_static("/"), &headers).is_ok()
    }

    fn last(&self) -> String {
        self.told.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

#[test]
fn another_token_and_other_names_hold_at_once() {
    let running = Reloading::new("127.0.0.1:8080");
    assert!(running.takes(TOKEN) && running.knows("probe.example.org") && !running.knows("other.example.org"));
    assert!(running.reload("[probe.serve]\nhosts = [\"other.example.org\"]", Some(OTHER)));
    assert!(running.takes(OTHER) && !running.takes(TOKEN));
    assert!(running.knows("other.example.org") && !running.knows("probe.example.org"));
    assert_eq!(running.last(), "the configuration was read anew");
}

#[test]
fn what_is_no_good_is_told_and_the_one_before_goes_on() {
    let running = Reloading::new("127.0.0.1:8080");
    let begin = "warning: the configuration is not taken, the one before goes on: ";
    assert!(!running.reload("[probe]\nfast = \"0s\"", Some(OTHER)));
    assert!(running.last().starts_with(&format!("{begin}config.toml:2: [probe] fast")), "{}", running.last());
    // What the engine refuses changes nothing of the rest either.
    assert!(!running.reload("[probe]\nslow = \"5s\"", Some(OTHER)));
    assert_eq!(running.last(), format!("{begin}nothing here is slow"));
    *running.file.lock().unwrap() = Err("it is gone".into());
    assert!(!running.server.reload());
    assert_eq!(running.told.lock().unwrap()[2..], [format!("{begin}it is gone"), "next: look".into()]);
    assert!(running.takes(TOKEN) && !running.takes(OTHER) && running.knows("probe.example.org"));
}

#[test]
fn what_others_reach_keeps_a_token() {
    let running = Reloading::new("0.0.0.0:8080");
    assert!(!running.reload("", None));
    assert!(running.last().contains("vm-probe serve --listen 0.0.0.0:8080 --token-file"), "{}", running.last());
    assert!(running.takes(TOKEN));
}

//! The server on loopback, asked by hand: what hyper is told to refuse has to be refused on the wire.

#[path = "../../../examples/page/fake.rs"]
#[allow(dead_code)]
mod fake;
mod hostile;
mod listening;
mod reloading;
mod shapes;

use super::{Fresh, Listen, Options, Token, listener::Listener, run};
use fake::Fake;
use passthrough::{
    config::Config,
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
        reread: Box::new(|| Ok(Fresh { config: Config::default(), token: None })),
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
                run(listener, service, options, stop, None).await;
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

//! A server for tests: it answers each connection with what a function makes of the request.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A server on loopback. Its thread ends with the process.
pub(crate) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each request with bytes, then closes.
    pub(crate) fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::serve(move |request, stream| {
            let _ = stream.write_all(&answer(request));
        })
    }

    /// Hands each request and its connection to a function.
    pub(crate) fn serve(handle: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, handle) = (Arc::clone(&asked), Arc::new(handle));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, handle) = (Arc::clone(&log), Arc::clone(&handle));
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let request = head(&mut stream);
                    log.lock().unwrap().push(request.clone());
                    handle(&request, &mut stream);
                });
            }
        });
        Self { address, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn head(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        bytes.push(byte[0]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An answer with a status line, a kind and a body.
pub(crate) fn reply(status: &str, content: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A JSON answer that all is well.
pub(crate) fn json(body: &str) -> Vec<u8> {
    reply("200 OK", "application/json;charset=UTF-8", body)
}

//! One connection: encrypted where the address says so, and with an eye on the first line of the answer.

use super::trust::Trust;
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};
use std::{
    cell::RefCell,
    io::{self, Read, Write},
    sync::Arc,
};
use ureq::{
    Error,
    unversioned::transport::{
        Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport, TransportAdapter,
    },
};

thread_local! {
    /// The words behind the status, which the library drops. A request is made by one thread from its beginning to the
    /// end of the answer's head, so what a thread finds here belongs to what it asked.
    static REASON: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The words behind the last status that this thread was given.
pub(super) fn reason() -> String {
    REASON.take()
}

pub(super) fn forget_reason() {
    REASON.take();
}

/// Makes connections.
#[derive(Debug)]
pub(super) struct Connection {
    trust: Trust,
}

impl Connection {
    pub(super) fn new(trust: Trust) -> Self {
        Self { trust }
    }
}

impl<In: Transport> Connector<In> for Connection {
    type Out = Overheard;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Overheard>, Error> {
        let Some(transport) = chained else { return Ok(None) };
        let transport: Box<dyn Transport> = match (details.needs_tls(), self.trust.config()) {
            (false, _) => Box::new(transport),
            (true, Some(config)) => Box::new(Encrypted::open(config, details, Box::new(transport))?),
            (true, None) => return Err(Error::Tls("no certificate is trusted")),
        };
        Ok(Some(Overheard { transport, listening: false }))
    }
}

/// Keeps the first line of each answer.
#[derive(Debug)]
pub(super) struct Overheard {
    transport: Box<dyn Transport>,
    listening: bool,
}

impl Transport for Overheard {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.listening = true;
        self.transport.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let more = self.transport.await_input(timeout)?;
        if self.listening {
            let input = self.transport.buffers().input();
            if let Some(end) = input.iter().position(|b| *b == b'\n') {
                self.listening = false;
                REASON.set(words(&input[..end]));
            }
        }
        Ok(more)
    }

    fn is_open(&mut self) -> bool {
        self.transport.is_open()
    }

    fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }
}

/// `HTTP/1.1 500 Configuration file 'nodes/a/qemu-server/9.conf' does not exist`.
fn words(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    line.trim_end().splitn(3, ' ').nth(2).unwrap_or_default().to_owned()
}

/// A TLS session on another transport.
struct Encrypted {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl Encrypted {
    fn open(config: Arc<ClientConfig>, details: &ConnectionDetails, below: Box<dyn Transport>) -> Result<Self, Error> {
        let host = details.uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(|_| Error::Tls("the address has no name for a certificate"))?;
        let mut session = ClientConnection::new(config, name)?;
        let mut socket = TransportAdapter::new(below, details.current_time.clone());
        socket.set_timeout(details.timeout);
        while session.is_handshaking() {
            // Who closes in the middle of it is not to be asked for ever.
            if session.complete_io(&mut socket)? == (0, 0) {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Self { buffers, stream: StreamOwned::new(session, socket) })
    }
}

impl Transport for Encrypted {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().set_timeout(timeout);
        Ok(self.stream.write_all(&self.buffers.output()[..amount])?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().set_timeout(timeout);
        let read = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encrypted")
    }
}

//! The connections: so many and no more, and whoever does not come to the point makes room for who does.

use super::{
    handle::Server,
    listener::{Accepted, Listener},
    stream::Patient,
};
use http_body_util::Either;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::poll_fn,
    io,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    sync::{Notify, watch},
    task::AbortHandle,
    time::{sleep, timeout},
};

/// So many connections at once.
pub const MOST: usize = 256;
/// How long a head may take, and how long a connection may wait for its next request.
pub const HEAD: Duration = Duration::from_secs(5);
/// The largest head; hyper takes no smaller one.
pub const LARGEST_HEAD: usize = 8 * 1024;
/// So many header lines.
const MOST_HEADERS: usize = 64;

/// All connections.
#[derive(Default)]
pub struct Connections {
    slots: Arc<Slots>,
    draining: watch::Sender<bool>,
}

/// The places of connections.
#[derive(Default)]
pub struct Slots {
    table: Mutex<Table>,
    left: Notify,
}

#[derive(Default)]
struct Table {
    next: u64,
    /// By number; grows only to the limit.
    slots: BTreeMap<u64, Slot>,
}

struct Slot {
    /// Since when it waits for a head, by the table's count; `None` while a request is answered.
    waiting: Option<u64>,
    task: Option<AbortHandle>,
}

/// A connection's place, given back when it ends in whatever way.
struct Lease {
    slots: Arc<Slots>,
    number: u64,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.slots.table().slots.remove(&self.number);
        self.slots.left.notify_waiters();
    }
}

impl Slots {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place. Where all are taken, that of whoever has waited longest without having sent a head.
    fn take(self: &Arc<Self>) -> Option<Lease> {
        let mut table = self.table();
        if table.slots.len() >= MOST {
            let oldest = table.slots.iter().filter_map(|(number, slot)| Some((slot.waiting?, *number))).min();
            let slot = table.slots.remove(&oldest?.1)?;
            if let Some(task) = slot.task {
                task.abort();
            }
        }
        let number = table.count();
        table.slots.insert(number, Slot { waiting: Some(number), task: None });
        Some(Lease { slots: self.clone(), number })
    }

    fn set(&self, number: u64, change: impl FnOnce(&mut Slot, u64)) {
        let mut table = self.table();
        let count = table.count();
        if let Some(slot) = table.slots.get_mut(&number) {
            change(slot, count);
        }
    }
}

impl Table {
    fn count(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Connections {
    /// Accepts until `stop`.
    pub async fn accept(&self, listener: &Listener, server: &Arc<Server>, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            let next = poll_fn(|cx| match stop.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => listener.poll_accept(cx).map(Some),
            });
            match next.await {
                None => return,
                Some(Ok(Accepted::Tcp(stream))) => self.begin(stream, server, TcpStream::try_write),
                Some(Ok(Accepted::Unix(stream))) => self.begin(stream, server, UnixStream::try_write),
                // Out of descriptors, mostly: the next attempt would fail at once as well.
                Some(Err(_)) => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    fn begin<S>(&self, stream: S, server: &Arc<Server>, write: fn(&S, &[u8]) -> io::Result<usize>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(lease) = self.slots.take() else {
            // Everybody is being answered. What does not fit at once is not waited for.
            let _ = write(
                &stream,
                b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            );
            return;
        };
        let number = lease.number;
        let connection = converse(stream, lease, server.clone(), self.draining.subscribe());
        let task = tokio::spawn(connection).abort_handle();
        self.slots.set(number, |slot, _| slot.task = Some(task));
    }

    /// Lets answers that are on their way arrive, and ends the rest.
    pub async fn drain(&self, limit: Duration) {
        self.draining.send_replace(true);
        let empty = async {
            loop {
                let left = self.slots.left.notified();
                if self.slots.table().slots.is_empty() {
                    return;
                }
                left.await;
            }
        };
        let _ = timeout(limit, empty).await;
    }
}

/// Serves one connection to its end.
async fn converse<S>(stream: S, lease: Lease, server: Arc<Server>, mut draining: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (slots, number) = (lease.slots.clone(), lease.number);
    let answer = service_fn(|request: Request<Incoming>| {
        slots.set(number, |slot, _| slot.waiting = None);
        let (slots, server) = (slots.clone(), server.clone());
        async move {
            let answer = server.answer(request).await;
            // Who listens to events does not wait for a request, and makes room for nobody.
            if matches!(answer.body(), Either::Left(_)) {
                slots.set(number, |slot, count| slot.waiting = Some(count));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(LARGEST_HEAD)
            .max_headers(MOST_HEADERS)
            .serve_connection(TokioIo::new(Patient::new(stream)), answer)
    );
    let mut ends = pin!(draining.wait_for(|ends| *ends));
    let mut told = false;
    // How it ended concerns the client alone.
    let _ = poll_fn(|cx| {
        if !told && ends.as_mut().poll(cx).is_ready() {
            told = true;
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    })
    .await;
}

//! What happens, as server-sent events: a ring of the last ones, and a bounded queue for each who listens.

use hyper::body::{Body, Bytes, Frame};
use passthrough::probe::service::Event;
use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, Sleep, sleep},
};

/// So many may listen.
pub const MOST: usize = 64;
/// So many of the last events are told to who comes again.
const RING: usize = 256;
/// Who is so many events behind is let go, and comes again.
const QUEUE: usize = 64;
/// No connection is silent for longer.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The last events, and who listens.
pub struct Events {
    /// Numbers of another run mean nothing: each has a name.
    run: u64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    count: u64,
    ring: VecDeque<(u64, Bytes)>,
    listeners: Vec<mpsc::Sender<Bytes>>,
    closed: bool,
}

impl Events {
    /// None yet.
    pub fn new(run: u64) -> Arc<Self> {
        Arc::new(Self { run, inner: Mutex::default() })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells everybody. Waits for nobody.
    pub fn publish(&self, event: &Event) {
        let Ok(data) = serde_json::to_string(event) else { return };
        let mut inner = self.inner();
        inner.count += 1;
        let number = inner.count;
        let text = Bytes::from(format!("id: {}-{number}\nevent: {}\ndata: {data}\n\n", self.run, event.kind));
        if inner.ring.len() == RING {
            inner.ring.pop_front();
        }
        inner.ring.push_back((number, text.clone()));
        inner.listeners.retain(|listener| listener.try_send(text.clone()).is_ok());
    }

    /// Listens from now on, and first to what came after the event that was last heard; `None` where too many do.
    pub fn listen(&self, last: Option<&str>) -> Option<Stream> {
        let mut inner = self.inner();
        inner.listeners.retain(|listener| !listener.is_closed());
        if inner.closed || inner.listeners.len() >= MOST {
            return None;
        }
        let mut first = b"retry: 3000\n\n".to_vec();
        if let Some(last) = last {
            let number = last.split_once('-').filter(|(run, _)| run.parse() == Ok(self.run));
            let number = number.and_then(|(_, number)| number.parse::<u64>().ok());
            let oldest = inner.ring.front().map_or(inner.count + 1, |(number, _)| *number);
            if number.is_none_or(|number| number + 1 < oldest) {
                first.extend(b": some events were missed\n\n");
            }
            let unheard = inner.ring.iter().filter(|(event, _)| *event > number.unwrap_or(0));
            first.extend(unheard.flat_map(|(_, text)| text.iter().copied()));
        }
        let (sender, queue) = mpsc::channel(QUEUE);
        inner.listeners.push(sender);
        Some(Stream { first: Some(first.into()), queue, heartbeat: Box::pin(sleep(HEARTBEAT)) })
    }

    /// Lets everybody go.
    pub fn close(&self) {
        let mut inner = self.inner();
        inner.closed = true;
        inner.listeners.clear();
    }
}

/// What one listener gets.
pub struct Stream {
    first: Option<Bytes>,
    queue: mpsc::Receiver<Bytes>,
    heartbeat: Pin<Box<Sleep>>,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let text = if let Some(first) = self.first.take() {
            first
        } else if let Poll::Ready(event) = self.queue.poll_recv(cx) {
            match event {
                Some(event) => event,
                None => return Poll::Ready(None),
            }
        } else if self.heartbeat.as_mut().poll(cx).is_ready() {
            Bytes::from_static(b": still here\n\n")
        } else {
            return Poll::Pending;
        };
        self.heartbeat.as_mut().reset(Instant::now() + HEARTBEAT);
        Poll::Ready(Some(Ok(Frame::data(text))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn event(text: &str) -> Event {
        Event { at: 1, kind: "status", id: Some("111".into()), text: text.into() }
    }

    async fn next(stream: &mut Stream) -> Option<String> {
        let frame = stream.frame().await?.unwrap();
        Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_again_hears_what_was_missed() {
        let events = Events::new(7);
        events.publish(&event("one"));
        events.publish(&event("two\nlines"));
        let mut stream = events.listen(Some("7-1")).unwrap();
        let first = next(&mut stream).await.unwrap();
        assert!(first.starts_with("retry: 3000\n\nid: 7-2\nevent: status\ndata: {"), "{first}");
        assert!(first.contains("two\\nlines") && !first.contains("missed"), "{first}");
        assert_eq!(next(&mut stream).await.unwrap(), ": still here\n\n");
        events.publish(&event("three"));
        assert!(next(&mut stream).await.unwrap().starts_with("id: 7-3\n"));
        for strange in ["6-1", "x", "", "7-", "7-99999999999999999999"] {
            let first = next(&mut events.listen(Some(strange)).unwrap()).await.unwrap();
            assert!(first.contains("missed") && first.contains("id: 7-1\n"), "{strange}: {first}");
        }
        let quiet = next(&mut events.listen(None).unwrap()).await.unwrap();
        assert_eq!(quiet, "retry: 3000\n\n");
        events.close();
        assert_eq!(next(&mut stream).await, None);
        assert!(events.listen(None).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_let_go_and_others_are_not() {
        let events = Events::new(7);
        let mut lazy = events.listen(None).unwrap();
        for number in 0..1000 {
            events.publish(&event(&number.to_string()));
        }
        let mut heard = 0;
        while next(&mut lazy).await.is_some() {
            heard += 1;
        }
        assert_eq!(heard, QUEUE + 1);
        let all: Vec<_> = (0..MOST).map(|_| events.listen(None).unwrap()).collect();
        assert!(events.listen(None).is_none());
        drop(all);
        assert!(events.listen(None).is_some());
    }
}

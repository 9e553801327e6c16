//! One request, answered from memory.

use super::{
    Options,
    answer::{Answer, Failure, JSON, TEXT, stream, whole},
    documents::{self, Documents, Form},
    events::Events,
    guard::Guard,
    now,
    pace::Pace,
    page::page,
    target::Target,
};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Incoming,
    header::{ACCEPT, HeaderName},
};
use passthrough::probe::{
    document,
    service::{Service, Snapshot},
};
use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};
use tokio::{task::spawn_blocking, time::timeout};

/// The description of the interface.
const OPENAPI: &str = include_str!("../../../../docs/openapi.json");
/// So many recoveries may be asked for in a minute, of one instance and of all together.
const RECOVERIES: usize = 5;
/// So many discoveries.
const REFRESHES: usize = 30;
/// How long what may have to read a disk may take.
const ASIDE: Duration = Duration::from_secs(5);
/// The past recoveries of an instance that its status carries.
const PAST: usize = 20;

/// What answers.
pub struct Server {
    pub(super) service: Arc<dyn Service>,
    pub(super) options: Options,
    pub(super) events: Arc<Events>,
    pub(super) recoveries: Pace,
    pub(super) refreshes: Pace,
    pub(super) local: Option<SocketAddr>,
    guard: RwLock<Guard>,
    documents: Documents,
}

impl Server {
    /// Answers for `service`, which is reached by `local` (or a Unix socket).
    pub fn new(service: Arc<dyn Service>, options: Options, local: Option<SocketAddr>) -> Arc<Self> {
        let events = Events::new(now());
        let told = events.clone();
        service.subscribe(Box::new(move |event| told.publish(event)));
        Arc::new(Self {
            local,
            guard: RwLock::new(Guard::new(options.token.clone(), &options.hosts, local)),
            service,
            options,
            events,
            recoveries: Pace::new(RECOVERIES),
            refreshes: Pace::new(REFRESHES),
            documents: Documents::default(),
        })
    }

    /// Who may ask.
    pub(super) fn guard(&self) -> RwLockReadGuard<'_, Guard> {
        self.guard.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another guard, from the next request on.
    pub(super) fn admit(&self, guard: Guard) {
        *self.guard.write().unwrap_or_else(PoisonError::into_inner) = guard;
    }

    /// Answers.
    pub async fn answer(&self, request: Request<Incoming>) -> Answer {
        self.try_answer(request).await.unwrap_or_else(Into::into)
    }

    async fn try_answer(&self, request: Request<Incoming>) -> Result<Answer, Failure> {
        let host = self.guard().host(request.version(), request.uri(), request.headers())?;
        let target = Target::of(request.uri())?;
        if !target.takes(request.method()) {
            let text = format!("{} is not possible here", request.method());
            return Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, text).allow(target.allow()));
        }
        if target.changes() {
            self.guard().change(&host, request.headers())?;
            return match target {
                Target::Recover(id) => self.recover(id, request).await,
                _ => self.refresh(request).await,
            };
        }
        self.read(target, &request).await
    }

    async fn read(&self, target: Target, request: &Request<Incoming>) -> Result<Answer, Failure> {
        let headers = request.headers();
        let snapshot = self.service.snapshot();
        let brief = request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "brief=1"));
        let form = if brief { Form::Other } else { Form::Whole };
        let kept = |form, make: &dyn Fn() -> Result<String, Failure>| {
            let body = self.documents.get(&snapshot, (target.clone(), form), make)?;
            Ok(whole(StatusCode::OK, JSON, body))
        };
        match &target {
            Target::Page => Ok(page()),
            Target::Root if accepts(headers, "text/html") => Ok(page()),
            Target::Root | Target::Health => kept(Form::Whole, &|| Ok(documents::health(&snapshot))),
            Target::DeepHealth => kept(form, &|| Ok(documents::deep_health(&snapshot, form))),
            Target::DeepHealthOf(id) => kept(form, &|| documents::deep_health_of(&snapshot, id, form)),
            Target::Instances => kept(Form::Whole, &|| Ok(documents::instances(&snapshot)?.to_string())),
            Target::DiscoveryInfo => kept(Form::Whole, &|| Ok(documents::discovery_info(&snapshot))),
            Target::RecoveryStatus => self.recovery_status(snapshot.clone()).await,
            Target::History(id) => self.history(id.clone()).await,
            Target::Metrics => {
                let open = accepts(headers, "application/openmetrics-text");
                let (form, kind) = if open {
                    (Form::Other, "application/openmetrics-text; version=1.0.0; charset=utf-8")
                } else {
                    (Form::Whole, "text/plain; version=0.0.4; charset=utf-8")
                };
                let make = || Ok((self.options.metrics)(&snapshot, open));
                Ok(whole(StatusCode::OK, kind, self.documents.get(&snapshot, (Target::Metrics, form), make)?))
            }
            Target::Events => self.listen(request.method(), headers),
            Target::Live => Ok(whole(StatusCode::OK, TEXT, "alive\n")),
            Target::Ready => {
                documents::ready(&snapshot, self.options.overdue).map(|text| whole(StatusCode::OK, JSON, text))
            }
            Target::OpenApi => Ok(whole(StatusCode::OK, JSON, OPENAPI)),
            // These change something and never come here.
            Target::Recover(_) | Target::Refresh => Err(documents::nobody()),
        }
    }

    fn listen(&self, method: &Method, headers: &HeaderMap) -> Result<Answer, Failure> {
        if method == Method::HEAD {
            return Ok(whole(StatusCode::OK, "text/event-stream", ""));
        }
        let last = headers.get(HeaderName::from_static("last-event-id")).and_then(|last| last.to_str().ok());
        let full = || Failure::new(StatusCode::SERVICE_UNAVAILABLE, "64 listen already").retry_after(10);
        Ok(stream(self.events.listen(last).ok_or_else(full)?))
    }

    async fn recovery_status(&self, snapshot: Arc<Snapshot>) -> Result<Answer, Failure> {
        let key = (Target::RecoveryStatus, Form::Whole);
        if let Some(made) = self.documents.made(&snapshot, &key) {
            return Ok(whole(StatusCode::OK, JSON, made));
        }
        let (service, of) = (self.service.clone(), snapshot.clone());
        let text = Self::aside(move || {
            documents::map(of.readings.iter().map(|reading| {
                let id = reading.evidence.instance.id.as_str();
                // Whoever saw none within the hour is not looked up: there may be thousands.
                let past = if reading.recovery.attempts_last_hour > 0 { service.recoveries(id) } else { Vec::new() };
                let past = &past[past.len().saturating_sub(PAST)..];
                (id, document::recovery_status(reading, past))
            }))
        });
        let text = text.await?;
        Ok(whole(StatusCode::OK, JSON, self.documents.keep(&snapshot, key, text)))
    }

    async fn history(&self, id: String) -> Result<Answer, Failure> {
        let service = self.service.clone();
        let record = Self::aside(move || service.history(&id)).await?.ok_or_else(documents::nobody)?;
        Ok(whole(StatusCode::OK, JSON, record.to_string()))
    }

    /// Does what may have to wait for a disk or a lock beside the one thread that answers everybody.
    pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        match timeout(ASIDE, spawn_blocking(work)).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) => Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "it failed; the daemon's log says more")),
            Err(_) => Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "no answer within 5 s").retry_after(10)),
        }
    }
}

/// Whether a client names this kind of document itself: `*/*` is everybody's.
fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    let kinds =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    kinds.into_iter().any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(kind));
        named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

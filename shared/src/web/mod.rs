//! HTTP from the client's side: one request by a deadline, an answer of bounded size, no redirects, no proxies, and no trust
//! but the one that is given. Who asks decides what the status means.

mod connection;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
pub(crate) mod tests;
mod trouble;
pub mod trust;

pub use trouble::Trouble;
pub use trust::Trust;

use crate::{deadline::Deadline, plain::plain};
use connection::Connection;
use std::{io::Read, net::IpAddr};
use ureq::{
    Agent, Body,
    http::{HeaderMap, Response, Uri, header::CONTENT_TYPE},
    unversioned::{
        resolver::DefaultResolver,
        transport::{Connector, TcpConnector},
    },
};

/// A server's certificate is judged by the [`Trust`] that the client was made with.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The whole address.
    pub url: &'a str,
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// Whether something is to be done (POST, with an empty body) rather than told.
    pub post: bool,
    /// The largest answer that is taken, in bytes.
    pub limit: u64,
}

/// The beginning of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The number.
    pub status: u16,
    /// The words behind it: some servers say there, and nowhere else, what is wrong.
    pub reason: String,
    /// What the body is, such as `application/json`.
    pub content: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its beginning.
    pub head: Head,
    /// All of the rest.
    pub body: Vec<u8>,
}

impl Client {
    /// A client that trusts only this.
    pub fn new(trust: Trust) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Where an answer sends us is nothing that anybody has agreed to, and a token would go with us.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            // Requests are seconds apart: a connection that was kept would rather be found closed than save time.
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .user_agent(concat!("vm-probe/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .build();
        let connector = TcpConnector::default().chain(Connection::new(trust));
        Self { agent: Agent::with_parts(config, connector, DefaultResolver::default()) }
    }

    /// Sends a request and reads the whole answer, all of it by the deadline.
    pub fn send(&self, request: &Request, deadline: &Deadline) -> Result<Reply, Trouble> {
        let (head, mut body) = self.begin(request, deadline)?;
        let body =
            body.with_config().limit(request.limit).read_to_vec().map_err(|error| Trouble::of(error, deadline))?;
        Ok(Reply { head, body })
    }

    /// Sends a request; the answer is read as it comes, until the deadline at the latest.
    pub fn stream(&self, request: &Request, deadline: &Deadline) -> Result<(Head, impl Read + Send + use<>), Trouble> {
        let (head, body) = self.begin(request, deadline)?;
        Ok((head, body.into_with_config().limit(request.limit).reader()))
    }

    fn begin(&self, request: &Request, deadline: &Deadline) -> Result<(Head, Body), Trouble> {
        if deadline.expired() {
            return Err(Trouble::Late(deadline.budget()));
        }
        connection::forget_reason();
        let time = Some(deadline.remaining());
        let answer = if request.post {
            let builder = self.agent.post(request.url).config().timeout_global(time).build();
            // PVE answers 501 to a body in chunks: this one has a length, which is 0.
            authorized(builder, request.authorization).send_empty()
        } else {
            let builder = self.agent.get(request.url).config().timeout_global(time).build();
            authorized(builder, request.authorization).call()
        };
        let answer = answer.map_err(|error| Trouble::of(error, deadline))?;
        Ok((head(&answer), answer.into_body()))
    }

    /// Breaks off whatever runs; the client is of no more use afterwards.
    pub fn shut(&self) {
        self.agent.clone().shutdown();
    }
}

fn authorized<B>(builder: ureq::RequestBuilder<B>, authorization: Option<&str>) -> ureq::RequestBuilder<B> {
    match authorization {
        Some(value) => builder.header("authorization", value),
        None => builder,
    }
}

fn head(answer: &Response<Body>) -> Head {
    let content = |headers: &HeaderMap| Some(headers.get(CONTENT_TYPE)?.to_str().ok()?.to_owned());
    Head {
        status: answer.status().as_u16(),
        reason: plain(&connection::reason(), 400),
        content: plain(&content(answer.headers()).unwrap_or_default(), 100),
    }
}

/// Whether an address leads to this very machine: only there may a token go without encryption.
pub fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// `https` or `http`, and nothing that would not be seen (`http://user@host`): what a base address may be.
pub fn scheme(url: &str) -> Option<&'static str> {
    let uri: Uri = url.parse().ok()?;
    let authority =
        uri.authority().filter(|authority| !authority.as_str().contains('@') && !authority.host().is_empty());
    authority.and(match uri.scheme_str()? {
        "https" => Some("https"),
        "http" => Some("http"),
        _ => None,
    })
}

//! The pods of a Kubernetes cluster, as far as finding instances needs them: listed in pages, and followed by a watch.

mod access;
#[cfg(test)]
mod fake;
mod follow;
mod pod;
mod status;
#[cfg(test)]
mod tests;
mod watch;

pub use access::namespace;
pub use follow::{Follow, Known, Pace};
pub use pod::Pod;

use crate::{
    config::probe::Kubernetes,
    deadline::Deadline,
    fault::Fault,
    host::Host,
    web::{self, Reply, Request},
};
use access::Access;
use anyhow::Result;
use pod::{Page, Version};
use std::{collections::BTreeMap, io::Read as _};
use watch::Watch;

/// The label by which the emulator's pods are found.
const SELECTOR: &str = crate::config::defaults::SELECTOR;
/// Pods in one page.
const PAGE: usize = 500;
/// A page is never larger than this: 500 pods of 100 KB.
const LARGEST: u64 = 64 << 20;
/// More pods than a cluster may have; a server that goes on for ever is left.
const MOST: usize = 200_000;

/// One cluster, and the pods in it that are asked for.
#[derive(Debug, Clone)]
pub struct Cluster {
    web: web::Client,
    access: Access,
    selector: String,
}

/// Pods by name, and the version of the cluster that they were read at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pods {
    /// By name.
    pub pods: BTreeMap<String, Pod>,
    version: Version,
}

/// Why there is no watch.
enum Refused {
    /// The version is too old.
    Expired,
    /// Something failed.
    Failed(Fault),
}

/// Whether there is a cluster to be asked: around this pod, or at an address that was given.
pub fn is_there(host: &Host, settings: &Kubernetes) -> bool {
    settings.url.is_some() || access::around(host).is_some()
}

impl Cluster {
    /// The cluster of the settings, or the one around this pod. Nothing is asked yet.
    pub fn new(host: &Host, settings: &Kubernetes) -> Result<Self> {
        let (access, trust) = Access::new(host, settings)?;
        let selector = settings.selector.clone().unwrap_or_else(|| SELECTOR.to_owned());
        Ok(Self { web: web::Client::new(trust), access, selector })
    }

    /// The namespace that is looked at.
    pub fn namespace(&self) -> &str {
        self.access.namespace()
    }

    /// All pods, page by page.
    pub fn list(&self, deadline: &Deadline) -> Result<Pods, Fault> {
        let mut again = true;
        'anew: loop {
            let mut all = Pods::default();
            let mut next: Option<String> = None;
            loop {
                let token = next.as_ref().map(|token| ("continue", token.as_str()));
                let limit = PAGE.to_string();
                let reply = self.get([("limit", limit.as_str())].into_iter().chain(token), deadline)?;
                if reply.head.status == 410 && next.is_some() && again {
                    // The pages took longer than the server keeps their version.
                    again = false;
                    continue 'anew;
                }
                let page: Page = self.understood(&reply)?;
                all.pods.extend(page.items.into_iter().map(|pod| (pod.name.clone(), pod)));
                all.version = page.metadata.version;
                let token = page.metadata.next.filter(|token| !token.is_empty());
                if token.is_none() {
                    return Ok(all);
                }
                if token == next || all.pods.len() > MOST {
                    return Err(
                        Fault::problem(format!("{}: its list has no end", self.what())).next("kubectl get pods")
                    );
                }
                next = token;
            }
        }
    }

    /// What has changed since a version, as it happens, until the server ends it or the deadline passes.
    fn watch(&self, version: &Version, deadline: &Deadline) -> Result<Watch, Refused> {
        let seconds = deadline.remaining().as_secs().saturating_sub(10).min(watch::SECONDS).to_string();
        let query = [
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", seconds.as_str()),
            ("resourceVersion", version.text()),
        ];
        let url = self.url(query);
        let authorization = self.access.authorization().map_err(Refused::Failed)?;
        let request = Request { url: &url, authorization: authorization.as_deref(), post: false, limit: u64::MAX };
        let unreached = |trouble| Refused::Failed(self.access.unanswered(&self.what(), &trouble));
        let (head, mut body) = self.web.stream(&request, deadline).map_err(unreached)?;
        if head.status == 200 {
            return Ok(Watch::new(body, *deadline));
        }
        let mut text = Vec::new();
        let _ = body.by_ref().take(64 << 10).read_to_end(&mut text);
        if head.status == 410 {
            return Err(Refused::Expired);
        }
        Err(Refused::Failed(status::refused(&self.what(), &Reply { head, body: text }, self.namespace())))
    }

    fn get<'a>(
        &self,
        query: impl IntoIterator<Item = (&'a str, &'a str)>,
        deadline: &Deadline,
    ) -> Result<Reply, Fault> {
        let url = self.url(query);
        let authorization = self.access.authorization()?;
        let request = Request { url: &url, authorization: authorization.as_deref(), post: false, limit: LARGEST };
        self.web.send(&request, deadline).map_err(|trouble| self.access.unanswered(&self.what(), &trouble))
    }

    fn understood(&self, reply: &Reply) -> Result<Page, Fault> {
        if reply.head.status != 200 {
            return Err(status::refused(&self.what(), reply, self.namespace()));
        }
        pod::page(&reply.body).map_err(|why| {
            Fault::problem(format!("{}: {why}", self.what()))
                .next("is that the address of a Kubernetes API? kubectl cluster-info")
        })
    }

    fn url<'a>(&self, query: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut url = format!("{}/api/v1/namespaces/{}/pods?labelSelector=", self.access.base(), self.namespace());
        encode(&self.selector, &mut url);
        for (key, value) in query {
            url.push_str(&format!("&{key}="));
            encode(value, &mut url);
        }
        url
    }

    fn what(&self) -> String {
        format!("{}: pods of {}", self.access.base(), self.namespace())
    }
}

/// As a query writes it: everything but letters, digits and four marks in hex.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => into.push(char::from(byte)),
            _ => into.push_str(&format!("%{byte:02X}")),
        }
    }
}

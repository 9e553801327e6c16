//! What the API says when it does not do what it was asked: an HTTP status, and an object of the kind `Status`.

use crate::{fault::Fault, plain::plain, web::Reply};
use serde::Deserialize;

/// The object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) message: String,
    pub(super) reason: String,
    pub(super) code: u16,
}

impl Status {
    /// Whether a version is too old to be followed from: what holds then has to be listed anew.
    pub(super) fn is_expired(&self) -> bool {
        self.code == 410 || matches!(self.reason.as_str(), "Expired" | "Gone")
    }

    pub(super) fn fault(&self, what: &str, namespace: &str) -> Fault {
        let said = if self.message.is_empty() { &self.reason } else { &self.message };
        let fault = Fault::problem(format!("{what}: {} {}", self.code, plain(said, 300)));
        match self.code {
            401 => fault.next("kubectl auth whoami; kubectl get serviceaccount vm-probe"),
            403 => fault.next(format!(
                "kubectl auth can-i watch pods -n {namespace} --as=system:serviceaccount:{namespace}:vm-probe \
                 (the Role is in snippets/kubernetes/rbac.yaml)"
            )),
            404 => fault.next(format!("kubectl get pods -n {namespace}")),
            429 => fault.next("kubectl get flowschemas"),
            _ => fault.next("kubectl get --raw '/readyz?verbose'"),
        }
    }
}

/// What a status other than 200 means.
pub(super) fn refused(what: &str, reply: &Reply, namespace: &str) -> Fault {
    let mut status: Status = serde_json::from_slice(&reply.body).unwrap_or_default();
    status.code = reply.head.status;
    if status.message.is_empty() && status.reason.is_empty() {
        let content = if reply.head.content.is_empty() { "nothing that it names" } else { &reply.head.content };
        status.message = format!("{} (with {content}: is that a Kubernetes API?)", reply.head.reason);
    }
    status.fault(what, namespace)
}

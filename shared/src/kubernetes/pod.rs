//! Pods and lists of them, as the API writes them.

use crate::plain::plain;
use serde::Deserialize;

/// What is of interest in one pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The node that it is on.
    pub node: Option<String>,
    /// Its address.
    pub ip: Option<String>,
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: String,
    /// Whether its condition `Ready` holds.
    pub ready: bool,
    /// When it started, as Kubernetes writes it.
    pub start_time: Option<String>,
    /// The stateful set that it belongs to.
    pub stateful_set: Option<String>,
    /// Whether it is being deleted.
    pub leaving: bool,
}

/// The version of the cluster that something was read at. What it means is the server's business.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub(super) struct Version(String);

impl Version {
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    pub(super) fn is_known(&self) -> bool {
        !self.0.is_empty()
    }
}

/// One page of a list.
pub(super) struct Page {
    pub(super) metadata: PageMetadata,
    pub(super) items: Vec<Pod>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct PageMetadata {
    #[serde(rename = "resourceVersion")]
    pub(super) version: Version,
    #[serde(rename = "continue")]
    pub(super) next: Option<String>,
}

/// Reads a page.
pub(super) fn page(bytes: &[u8]) -> Result<Page, String> {
    #[derive(Deserialize)]
    struct Whole {
        metadata: PageMetadata,
        items: Option<Vec<Raw>>,
    }
    let whole: Whole = serde_json::from_slice(bytes).map_err(|error| {
        if error.is_eof() { "the answer ends in the middle".to_owned() } else { plain(&error.to_string(), 200) }
    })?;
    let items = whole.items.unwrap_or_default().into_iter().filter_map(|raw| raw.pod().map(|(pod, _)| pod)).collect();
    Ok(Page { metadata: whole.metadata, items })
}

/// A pod as it is written.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Raw {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    resource_version: Version,
    deletion_timestamp: Option<String>,
    owner_references: Option<Vec<Owner>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Owner {
    kind: String,
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: Option<String>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    start_time: Option<String>,
    conditions: Option<Vec<Condition>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
}

impl Raw {
    /// The version alone: all that a bookmark carries.
    pub(super) fn version(self) -> Version {
        self.metadata.resource_version
    }

    /// The pod and the version that it was read at; `None` for what has no name.
    pub(super) fn pod(self) -> Option<(Pod, Version)> {
        let short = |text: &str| plain(text, 253);
        let optional = |text: Option<String>| text.map(|text| short(&text)).filter(|text| !text.is_empty());
        let owners = self.metadata.owner_references.unwrap_or_default();
        let conditions = self.status.conditions.unwrap_or_default();
        let pod = Pod {
            name: short(&self.metadata.name),
            namespace: short(&self.metadata.namespace),
            node: optional(self.spec.node_name),
            ip: optional(self.status.pod_ip),
            phase: optional(self.status.phase).unwrap_or_else(|| "Unknown".to_owned()),
            ready: conditions.iter().any(|condition| condition.r#type == "Ready" && condition.status == "True"),
            start_time: optional(self.status.start_time),
            stateful_set: owners.iter().find(|owner| owner.kind == "StatefulSet").map(|owner| short(&owner.name)),
            leaving: self.metadata.deletion_timestamp.is_some(),
        };
        (!pod.name.is_empty() && !pod.name.contains('/')).then_some((pod, self.metadata.resource_version))
    }
}

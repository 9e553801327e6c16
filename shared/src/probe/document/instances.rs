//! Instances as front ends expect them: the names are those of a Kubernetes cluster, null where there is none.

use super::{clean, maybe, timestamp};
use crate::{
    config::probe::Origin,
    probe::{
        instance::{Endpoint, Instance, Power},
        service::{Listing, Reading},
        verdict::Status,
    },
};
use serde_json::{Value, json};

/// One element of `/api/instances`; the reading, where there is one, tells whether it is ready.
pub fn instance(instance: &Instance, reading: Option<&Reading>) -> Value {
    let pod = instance.pod.as_ref();
    let ip = pod.and_then(|pod| pod.ip.as_deref());
    let status = reading.map_or(Status::Unknown, |reading| reading.verdict.status);
    let running = instance.power == Power::Running;
    let ready = pod.map_or(running && status != Status::Unhealthy, |pod| pod.ready);
    let vnc_url = instance.vnc_url.clone().or_else(|| match &instance.vnc {
        Some(Endpoint::Tcp(address)) => Some(address.to_string()),
        _ => None,
    });
    json!({
        "id": clean(&instance.id),
        "name": clean(&instance.name),
        "description": clean(&instance.description),
        "podName": maybe(pod.map(|pod| pod.name.as_str())),
        "podIP": maybe(ip),
        "streamUrl": maybe(instance.stream_url.as_deref().or(vnc_url.as_deref())),
        "vncUrl": maybe(vnc_url.as_deref()),
        "healthUrl": maybe(instance.health_url.as_deref()),
        "provisioned": running || instance.power == Power::Starting,
        "ready": ready,
        "status": match (instance.power, ready) {
            (Power::Running, true) => "ready",
            (Power::Running, false) => "not_ready",
            (Power::Starting, _) => "booting",
            (Power::Stopped, _) => "stopped",
            (Power::Unknown, _) => "unknown",
        },
        "discoveredAt": timestamp(instance.seen_at),
        "kubernetes": pod.map(|pod| json!({
            "namespace": clean(&pod.namespace),
            "nodeName": maybe(instance.node.as_deref()),
            "podIP": maybe(ip),
            "startTime": maybe(pod.start_time.as_deref()),
            "statefulSet": maybe(pod.stateful_set.as_deref()),
        })),
        "vmid": instance.vmid,
        "node": maybe(instance.node.as_deref()),
        "source": instance.origin,
        "power": instance.power,
        "health": status,
    })
}

/// `/api/instances/discovery-info`.
pub fn discovery_info(listing: &Listing, now: u64) -> Value {
    let kubernetes = listing.origin == Some(Origin::Kubernetes);
    let pods = || listing.instances.iter().find_map(|instance| Some(instance.pod.as_ref()?.namespace.as_str()));
    let namespace = listing.namespace.as_deref().or_else(pods);
    let available = listing.attempts.iter().any(|a| a.source == Origin::Kubernetes && a.available);
    let services: std::collections::BTreeSet<_> =
        listing.instances.iter().filter_map(|i| i.pod.as_ref()?.stateful_set.as_deref()).collect();
    json!({
        "kubernetesDiscovery": {
            "namespace": maybe(namespace),
            "services": services.iter().map(|name| clean(name)).collect::<Vec<_>>(),
            "discoveryEnabled": kubernetes || available,
            "lastDiscovery": timestamp(listing.at),
            "cachedInstancesCount": listing.instances.len(),
            "kubernetes": {
                "available": available,
                "namespace": maybe(namespace),
                "servicesFound": services.len(),
            },
        },
        "usingAutoDiscovery": listing.origin.is_some_and(|origin| origin != Origin::File),
        "fallbackToStatic": listing.origin == Some(Origin::File),
        "source": listing.origin,
        "stale": listing.stale,
        "standsInFor": listing.stands_in_for,
        "ageSeconds": (listing.at > 0).then(|| now.saturating_sub(listing.at) / 1000),
        "attempts": listing.attempts.iter().map(|attempt| json!({
            "source": attempt.source,
            "available": attempt.available,
            "detail": clean(&attempt.detail),
            "next": maybe(attempt.next.as_deref()),
        })).collect::<Vec<_>>(),
    })
}

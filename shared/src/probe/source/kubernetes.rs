//! The pods of a Kubernetes cluster, as instances: each has a QEMU, and reports its own health.

use crate::{
    config::probe::{Kubernetes, Origin},
    kubernetes::Pod,
    probe::instance::{self, Instance, Power},
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

/// Where a pod reports its health.
const HEALTH: u16 = crate::config::defaults::HEALTH_PORT;
/// Where its VNC is.
const VNC: u16 = crate::config::defaults::VNC_PORT;

/// The pods, as instances.
pub(super) fn instances(pods: &BTreeMap<String, Pod>, settings: &Kubernetes, at: u64) -> Vec<Instance> {
    pods.values().map(|pod| instance(pod, settings, at)).collect()
}

fn instance(pod: &Pod, settings: &Kubernetes, at: u64) -> Instance {
    let mut instance = Instance::new(pod.name.clone(), Origin::Kubernetes);
    instance.node.clone_from(&pod.node);
    instance.power = match pod.phase.as_str() {
        _ if pod.leaving => Power::Stopped,
        "Running" => Power::Running,
        "Pending" => Power::Starting,
        "Succeeded" | "Failed" => Power::Stopped,
        _ => Power::Unknown,
    };
    if pod.leaving {
        instance.notes.push("Kubernetes is deleting it".to_owned());
    }
    if pod.phase == "Failed" {
        instance.notes.push("its containers have failed".to_owned());
    }
    if let Some(address) = pod.ip.as_ref().and_then(|ip| ip.parse::<IpAddr>().ok()) {
        let health = SocketAddr::new(address, settings.health_port.unwrap_or(HEALTH));
        let vnc = SocketAddr::new(address, settings.vnc_port.unwrap_or(VNC));
        instance.health_url = Some(format!("http://{health}/health"));
        // For people: what is to be known of it, the pod's own report says.
        instance.vnc_url = Some(format!("vnc://{vnc}"));
    }
    instance.pod = Some(instance::Pod {
        name: pod.name.clone(),
        namespace: pod.namespace.clone(),
        ip: pod.ip.clone(),
        start_time: pod.start_time.clone(),
        stateful_set: pod.stateful_set.clone(),
        phase: pod.phase.clone(),
        ready: pod.ready,
    });
    instance.seen_at = at;
    instance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_an_instance_that_reports_its_own_health() {
        let pod = |name: &str, phase: &str, ip: &str, leaving| Pod {
            name: name.into(),
            phase: phase.into(),
            ip: Some(ip.into()),
            leaving,
            ..Pod::default()
        };
        let pods = [
            pod("a", "Running", "10.0.0.7", false),
            pod("b", "Pending", "", false),
            pod("c", "Running", "fd00::7", true),
            pod("d", "Failed", "10.0.0.8/../x", false),
            pod("e", "Unknown", "10.0.0.9", false),
        ];
        let pods = pods.into_iter().map(|pod| (pod.name.clone(), pod)).collect();
        let all = instances(&pods, &Kubernetes { health_port: Some(81), ..Kubernetes::default() }, 7);
        let short: Vec<_> = all.iter().map(|i| (i.id.as_str(), i.power, i.health_url.as_deref())).collect();
        assert_eq!(
            short,
            [
                ("a", Power::Running, Some("http://10.0.0.7:81/health")),
                ("b", Power::Starting, None),
                ("c", Power::Stopped, Some("http://[fd00::7]:81/health")),
                ("d", Power::Stopped, None),
                ("e", Power::Unknown, Some("http://10.0.0.9:81/health")),
            ]
        );
        assert_eq!(all[0].vnc_url.as_deref(), Some("vnc://10.0.0.7:5901"));
        assert_eq!(all[2].notes, ["Kubernetes is deleting it"]);
    }
}

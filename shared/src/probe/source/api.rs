//! The VMs of a cluster, as its API lists them: containers are left out, and a VM of a node that is offline is not called
//! off.

use super::NAME;
use crate::{
    config::probe::Origin,
    plain::plain,
    probe::instance::{Instance, Power, Reported},
    pve::api::{Resources, Vm},
};

/// What the API listed, as instances.
pub(super) fn instances(resources: &Resources) -> Vec<Instance> {
    resources.vms.iter().map(|vm| instance(vm, resources)).collect()
}

fn instance(vm: &Vm, resources: &Resources) -> Instance {
    let mut instance = Instance::new(vm.vmid.to_string(), Origin::Api);
    let node_online = vm.node.as_ref().and_then(|node| resources.nodes.get(node)).copied();
    instance.vmid = Some(vm.vmid);
    if let Some(name) = &vm.name {
        instance.name = plain(name, NAME);
    }
    instance.node.clone_from(&vm.node);
    instance.power = match (node_online, vm.status.as_deref()) {
        // What its node said last holds no longer.
        (Some(false), _) => Power::Unknown,
        (_, Some("running")) => Power::Running,
        (_, Some("stopped")) => Power::Stopped,
        _ => Power::Unknown,
    };
    instance.lock.clone_from(&vm.lock);
    instance.template = vm.template;
    // It is as though these were not managed.
    instance.ha = vm.ha.clone().filter(|state| state != "ignored");
    if node_online == Some(false) {
        instance.notes.push("its node is offline".to_owned());
    }
    instance.reported = Some(Reported {
        status: vm.status.clone().unwrap_or_else(|| "unknown".to_owned()),
        cpu: vm.cpu,
        memory: vm.memory,
        memory_total: vm.memory_total,
        cores: vm.cores,
        net_in: vm.net_in,
        net_out: vm.net_out,
        uptime: vm.uptime,
        node_online,
    });
    instance.seen_at = resources.at;
    instance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vm_of_a_dead_node_is_not_called_off_or_on() {
        let text = r#"[{"type":"node","node":"a","status":"online"},{"type":"node","node":"b","status":"offline"},
            {"type":"qemu","vmid":111,"name":"x","node":"a","status":"running","cpu":"0.5","maxmem":1024,"hastate":"started"},
            {"type":"qemu","vmid":"112","node":"b","status":"running","hastate":"ignored"},
            {"type":"qemu","vmid":113,"node":"c","status":"stopped","template":"1","lock":"backup"},
            {"type":"lxc","vmid":114,"node":"a","status":"running"}]"#;
        let all = instances(&serde_json::from_str(text).unwrap());
        let short: Vec<_> = all.iter().map(|i| (i.id.as_str(), i.name.as_str(), i.power, i.ha.as_deref())).collect();
        assert_eq!(
            short,
            [
                ("111", "x", Power::Running, Some("started")),
                ("112", "112", Power::Unknown, None),
                ("113", "113", Power::Stopped, None),
            ]
        );
        assert!(all[2].template && all[2].lock.as_deref() == Some("backup"));
        let online: Vec<_> = all.iter().map(|i| i.reported.as_ref().unwrap().node_online).collect();
        assert_eq!(online, [Some(true), Some(false), None]);
        assert_eq!(all[0].reported.as_ref().unwrap().cpu, Some(0.5));
    }
}

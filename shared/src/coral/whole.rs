//! Controllers that a VM is given as a whole, with what hangs on them.

use super::{
    absent::Looked,
    evidence::{Evidence, Form, VmSide},
};
use crate::{
    host::Host,
    pci::{Address, Device},
    pve::{RunningVm, VmConfig, passthroughs},
    usb::XHCI,
};

/// The VMs that were given a whole USB controller, which may have the Coral on it: those that run, and with `stopped` those
/// that do not, where the host cannot look at the controller either.
pub(super) fn controllers(looked: &Looked<'_>, stopped: bool) -> Option<Evidence> {
    let Looked { host, wanted, running, configs, .. } = *looked;
    let of_vm = |config: &&VmConfig| wanted.vm.is_none_or(|vmid| vmid == config.vmid);
    let side = |config: &VmConfig| match running.iter().find(|vm| vm.vmid == config.vmid) {
        Some(vm) => {
            let function = vm.passed.iter().find(|function| is_usb(host, **function))?;
            Some(VmSide { pid: Some(vm.pid), ..given(config, "hostpci", *function) })
        }
        None if stopped => {
            let hidden = |function: Address| Device::new(host, function).driver().as_deref() != Some(XHCI);
            let (key, function) = named(host, config).into_iter().find(|(_, function)| hidden(*function))?;
            Some(given(config, &key, function))
        }
        None => None,
    };
    let mut vms: Vec<_> = configs.iter().filter(of_vm).filter_map(side).collect();
    vms.sort_by_key(|vm| (vm.pid.is_none(), vm.vmid));
    (!vms.is_empty()).then(|| Evidence { vms, ..Evidence::default() })
}

/// A Coral that no VM is given by itself may be given with its controller, to a VM that is off.
pub(super) fn complete(host: &Host, configs: &[VmConfig], running: &[RunningVm], case: &mut Evidence) {
    let controller = case.host.as_ref().and_then(|side| side.controller.clone());
    if !case.vms.is_empty() || controller.is_none() {
        return;
    }
    for config in configs.iter().filter(|config| running.iter().all(|vm| vm.vmid != config.vmid)) {
        let own = named(host, config).into_iter().find(|(_, function)| Some(function.to_string()) == controller);
        if let Some((key, function)) = own {
            case.vms.push(given(config, &key, function));
        }
    }
}

/// The USB controllers that a configuration names. A template never runs with what it names.
fn named(host: &Host, config: &VmConfig) -> Vec<(String, Address)> {
    let all = if config.template { Vec::new() } else { passthroughs(host, config).unwrap_or_default() };
    let usb = |function: &Address| is_usb(host, *function);
    all.iter()
        .flat_map(|one| one.functions().into_iter().filter(usb).map(|function| (one.key.clone(), function)))
        .collect()
}

fn is_usb(host: &Host, function: Address) -> bool {
    Device::new(host, function).class() >> 8 == 0x0c03
}

fn given(config: &VmConfig, key: &str, function: Address) -> VmSide {
    VmSide {
        vmid: config.vmid,
        name: config.name.clone(),
        key: key.into(),
        form: Form::Controller,
        source: function.to_string(),
        fits: true,
        lock: config.lock.clone(),
        given: 1,
        ..VmSide::default()
    }
}

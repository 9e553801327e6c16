//! Which lines of which configurations mean a Coral, and which Coral.

use super::{
    evidence::{Form, VmSide},
    is_coral,
};
use crate::{
    host::Host,
    pve::{UsbSource, VmConfig, mapping, qemu_pid},
    usb::{Passed, UsbDevice, UsbId},
};

/// A `usbN` of a VM, with what a name stands for.
#[derive(Debug, Clone)]
pub(super) struct Line<'c> {
    pub config: &'c VmConfig,
    pub passed: Passed,
    pub form: Form,
    pub mapping_id: Option<UsbId>,
}

/// Every line of these configurations; a template never runs with what it names.
pub(super) fn lines<'c>(host: &Host, configs: &'c [VmConfig]) -> Vec<Line<'c>> {
    let running = configs.iter().filter(|config| !config.template);
    running
        .flat_map(|config| Passed::of(host, config).into_iter().map(move |passed| Line::new(host, config, passed)))
        .collect()
}

impl<'c> Line<'c> {
    fn new(host: &Host, config: &'c VmConfig, passed: Passed) -> Self {
        let mapping_id = passed.usb.mapping().and_then(|name| mapping::usb_mapping_id(host, name));
        let form = match &passed.usb.source {
            UsbSource::Mapping(_) => Form::Mapping,
            UsbSource::Id { .. } => Form::Id,
            UsbSource::Port { .. } | UsbSource::Spice => Form::Port,
        };
        Self { config, passed, form, mapping_id: mapping_id.map(|(vendor, product)| UsbId(vendor, product)) }
    }

    /// The id that it asks for.
    pub fn id(&self) -> Option<UsbId> {
        match &self.passed.source {
            Ok(UsbSource::Id { vendor, product }) => Some(UsbId(*vendor, *product)),
            _ => self.mapping_id,
        }
    }

    /// The port that it asks for.
    pub fn port(&self) -> Option<String> {
        match &self.passed.source {
            Ok(source @ UsbSource::Port { .. }) => Some(source.to_string()),
            _ => None,
        }
    }

    /// Whether it says of itself that it is about a Coral.
    pub fn names_coral(&self) -> bool {
        self.id().is_some_and(is_coral)
    }

    /// Whether it means this Coral as it is now.
    pub fn means(&self, coral: &UsbDevice<'_>) -> bool {
        self.passed.means(coral)
    }

    /// Whether it meant this Coral until it took its other id, or came up on the other half of its socket.
    pub fn meant(&self, coral: &UsbDevice<'_>) -> bool {
        match self.port() {
            None => self.names_coral(),
            Some(port) => {
                let peer = coral.hub_port().and_then(|port| port.peer()).map(|peer| peer.name);
                peer.as_ref() == Some(&port) && !UsbDevice::new(coral.host, port).exists()
            }
        }
    }

    /// The VM's side as far as its configuration tells it.
    pub fn vm_side(&self, host: &Host, fits: bool) -> VmSide {
        let mut vm = VmSide {
            vmid: self.config.vmid,
            name: self.config.name.clone(),
            form: self.form,
            means: Some(self.passed.source.as_ref().map(ToString::to_string).map_err(Clone::clone)),
            fits,
            passed: Some(self.passed.clone()),
            mapping_id: self.mapping_id,
            lock: self.config.lock.clone(),
            pid: qemu_pid(host, self.config.vmid),
            ..VmSide::default()
        };
        vm.take_line(&self.passed.usb);
        vm
    }
}

//! Two identical cards on a machine: what is seen of them, how the first is moved, and every state it may be found in.

use crate::kernel::{Device, Driver, Id, Kernel, VFIO};
use passthrough::{
    gpu::{
        observe::{Function, Observation},
        plan::{self, Step},
        verdict::{State, judge},
    },
    pci::Address,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

pub const DRIVERS: [&str; 6] = ["nvidia", "nouveau", "snd_hda_intel", "xhci_hcd", "pci-stub", VFIO];
pub const GPU: Id = (0x10de, 0x2204);
/// The functions of the card: its id, its driver on the host.
pub const CARD: [(Id, &str); 3] =
    [(GPU, "nvidia"), ((0x10de, 0x1aef), "snd_hda_intel"), ((0x10de, 0x1ad8), "xhci_hcd")];

pub fn address(bus: u8, function: usize) -> Address {
    format!("0000:{bus:02x}:00.{function}").parse().unwrap()
}

pub fn ours() -> Vec<Address> {
    (0..CARD.len()).map(|n| address(1, n)).collect()
}

pub fn second() -> Vec<Address> {
    (0..CARD.len()).map(|n| address(2, n)).collect()
}

pub fn table(driver: &str) -> Vec<Id> {
    let is_gpu_driver = matches!(driver, "nvidia" | "nouveau");
    CARD.iter().filter(|(id, host)| *host == driver || (is_gpu_driver && *id == GPU)).map(|(id, _)| *id).collect()
}

/// A machine with two identical cards at rest on the host, its drivers registered in this order.
pub fn machine(order: &[&'static str]) -> Kernel {
    let drivers = order.iter().map(|name| Driver { name, table: table(name), dynamic: Vec::new() }).collect();
    let device = |bus: u8, n: usize| Device {
        address: address(bus, n),
        id: CARD[n].0,
        group: u32::from(bus),
        driver: Some(CARD[n].1),
        driver_override: None,
        held: false,
    };
    let devices = [1, 2].into_iter().flat_map(|bus| (0..CARD.len()).map(move |n| device(bus, n))).collect();
    Kernel { drivers, devices }
}

/// What sysfs would show of our card.
pub fn observe(kernel: &Kernel) -> Observation {
    let look = |address: &Address| {
        let device = kernel.device(*address);
        let display = address.function == 0;
        let (vendor, id) = device.id;
        Function {
            address: *address,
            present: true,
            class: if display { 0x03_0000 } else { 0x04_0300 },
            id: device.id,
            driver: device.driver.map(Into::into),
            driver_override: device.driver_override.clone(),
            header: [vendor.to_le_bytes(), id.to_le_bytes()].concat(),
            unanswered: None,
            display,
            screen: matches!(device.driver, Some("nvidia" | "nouveau")),
            drm: Vec::new(),
            sound: Vec::new(),
            driverless: false,
        }
    };
    Observation { functions: ours().iter().map(look).collect(), wedged: Vec::new() }
}

pub fn wanted() -> BTreeMap<Address, Option<String>> {
    ours().into_iter().zip(CARD.map(|(_, driver)| Some(driver.to_owned()))).collect()
}

/// The ids that vfio-pci need not keep: none that another device on vfio-pci came by, none at all when the GPU is reserved.
pub fn forgettable(kernel: &Kernel, reserved: bool) -> Vec<Id> {
    let shared = |id: Id| second().iter().map(|a| kernel.device(*a)).any(|d| d.id == id && d.driver == Some(VFIO));
    CARD.map(|(id, _)| id).into_iter().filter(|id| !reserved && !shared(*id)).collect()
}

/// Takes steps as an operation does: up to the first error that matters.
pub fn take(kernel: &mut Kernel, steps: &[Step]) -> Result<(), String> {
    for step in steps {
        let before: Vec<_> = second().iter().map(|a| kernel.device(*a).clone()).collect();
        if let Err(error) = kernel.write(step) {
            let reached = step.is_reached(|address| kernel.device(address).driver.map(Into::into));
            if !reached && !step.tolerates(error) {
                return Err(format!("{step:?}: error {error}"));
            }
        }
        for device in before {
            assert_eq!(kernel.device(device.address), &device, "{step:?} touched the second card");
        }
    }
    Ok(())
}

pub fn to_vfio(kernel: &Kernel) -> Vec<Step> {
    plan::to_vfio(&observe(kernel).functions, &[])
}

pub fn to_host(kernel: &Kernel, reserved: bool) -> Vec<Step> {
    plan::to_host(&observe(kernel).functions, &wanted(), &forgettable(kernel, reserved))
}

/// `gpu-bind attach` while nobody else writes: one pass and the settling have to do.
pub fn attach(kernel: &mut Kernel, reserved: bool) -> Result<(), String> {
    if judge(&observe(kernel)).0 != State::Host || ours().iter().any(|a| !at_home(kernel, *a)) {
        take(kernel, &to_host(kernel, reserved))?;
    }
    let seen = observe(kernel);
    let left: Vec<_> = seen.functions.iter().filter(|f| f.driver_override.is_some()).map(|f| f.address).collect();
    take(kernel, &plan::settle(&left, &BTreeMap::new(), &[]))
}

pub fn at_home(kernel: &Kernel, address: Address) -> bool {
    kernel.device(address).driver == Some(CARD[usize::from(address.function)].1)
}

/// On the one driver that PVE accepts, not on another of its kind.
pub fn on_vfio(kernel: &Kernel) -> bool {
    ours().iter().all(|a| kernel.device(*a).driver == Some(VFIO))
}

/// What has to be true after any attach.
pub fn assert_home(kernel: &Kernel) {
    for address in ours() {
        let device = kernel.device(address);
        assert!(at_home(kernel, address), "{address} is on {:?}", device.driver);
        assert_eq!(device.driver_override, None, "{address}");
    }
    assert_eq!(judge(&observe(kernel)).0, State::Host);
}

/// A host as a crash, PVE, a person or an older tool may have left it.
pub fn any_machine() -> impl Strategy<Value = Kernel> {
    let order = Just(DRIVERS.to_vec()).prop_shuffle();
    let mine = proptest::collection::vec((any_driver(), any_override()), CARD.len());
    let theirs = proptest::collection::vec(prop_oneof![Just(None), Just(Some(VFIO)), Just(Some("host"))], CARD.len());
    let left_behind = || proptest::sample::subsequence(CARD.map(|(id, _)| id).to_vec(), 0..=CARD.len());
    (order, mine, theirs, left_behind(), left_behind()).prop_map(|(order, mine, theirs, of_vfio, of_stub)| {
        let mut kernel = machine(&order);
        for (n, (driver, over)) in mine.into_iter().enumerate() {
            kernel.devices[n].driver = driver.map(|name| if name == "host" { CARD[n].1 } else { name });
            kernel.devices[n].driver_override = over;
        }
        for (n, driver) in theirs.into_iter().enumerate() {
            let device = &mut kernel.devices[CARD.len() + n];
            device.driver = driver.map(|name| if name == "host" { CARD[n].1 } else { name });
            device.held = driver == Some(VFIO);
        }
        for driver in &mut kernel.drivers {
            match driver.name {
                VFIO => driver.dynamic.clone_from(&of_vfio),
                "pci-stub" => driver.dynamic.clone_from(&of_stub),
                _ => {}
            }
        }
        kernel
    })
}

pub fn any_driver() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![Just(None), Just(Some("host")), Just(Some(VFIO)), Just(Some("pci-stub")), Just(Some("nouveau"))]
}

pub fn any_machine_without_stub() -> impl Strategy<Value = Kernel> {
    any_machine()
        .prop_filter("on pci-stub", |kernel| ours().iter().all(|a| kernel.device(*a).driver != Some("pci-stub")))
}

pub fn any_override() -> impl Strategy<Value = Option<String>> {
    let names = proptest::sample::select(vec![VFIO, "nvidia", "snd_hda_intel", "pci-stub", "none"]);
    proptest::option::of(names.prop_map(str::to_owned))
}

//! The plans of a move, on a model of the kernel's binding rules: whatever state a crash, PVE or a person left behind, and
//! wherever a move is cut off, the plan computed from what is seen then brings the GPU home.

mod card;
mod kernel;
mod pve;

use card::{
    CARD, address, any_machine, any_machine_without_stub, assert_home, at_home, attach, forgettable, machine, observe,
    on_vfio, ours, second, take, to_host, to_vfio,
};
use kernel::{EBUSY, ENODEV, Kernel, VFIO};
use passthrough::{
    gpu::{
        plan::Step,
        verdict::{State, judge},
    },
    pci::Address,
};
use proptest::prelude::*;
use pve::Pve;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn attach_brings_it_home_from_any_state(mut kernel in any_machine(), reserved: bool) {
        let kept = kernel.driver(VFIO).unwrap().dynamic.clone();
        let was_home = ours().iter().all(|a| at_home(&kernel, *a));
        let forget = forgettable(&kernel, reserved);
        attach(&mut kernel, reserved).unwrap();
        assert_home(&kernel);
        for id in kept {
            let gone = !kernel.driver(VFIO).unwrap().dynamic.contains(&id);
            prop_assert_eq!(gone, forget.contains(&id) && !was_home, "{:?}", id);
        }
    }

    #[test]
    fn detach_takes_it_from_any_state_and_attach_undoes_it(mut kernel in any_machine_without_stub()) {
        let steps = to_vfio(&kernel);
        take(&mut kernel, &steps).unwrap();
        let seen = observe(&kernel);
        prop_assert!(on_vfio(&kernel));
        prop_assert_eq!(judge(&seen).0, State::Vfio);
        prop_assert_eq!(to_vfio(&kernel), Vec::new(), "a second detach writes nothing");
        attach(&mut kernel, false).unwrap();
        assert_home(&kernel);
    }

    #[test]
    fn a_crash_at_any_write_is_healed(mut kernel in any_machine(), leaving: bool, at: prop::sample::Index, again: prop::sample::Index) {
        let steps = if leaving { to_vfio(&kernel) } else { to_host(&kernel, false) };
        take(&mut kernel, &steps[..at.index(steps.len() + 1)]).unwrap();
        // What is left of it is cut off once more, on the way home.
        let steps = to_host(&kernel, false);
        take(&mut kernel, &steps[..again.index(steps.len() + 1)]).unwrap();
        attach(&mut kernel, false).unwrap();
        assert_home(&kernel);
    }

    #[test]
    fn whatever_pve_writes_in_between_it_comes_home(
        mut kernel in any_machine(),
        leaving: bool,
        turns in proptest::collection::vec(any::<bool>(), 0..60),
    ) {
        let steps = if leaving { to_vfio(&kernel) } else { to_host(&kernel, false) };
        let mut pve = Pve::binding(&ours());
        let mut steps = steps.iter();
        for ours_to_write in turns {
            if ours_to_write {
                // A step that fails ends this move; the next one begins anew, from what it sees.
                if steps.next().is_some_and(|step| take(&mut kernel, std::slice::from_ref(step)).is_err()) {
                    steps = [].iter();
                }
            } else {
                pve.write(&mut kernel);
            }
        }
        attach(&mut kernel, false).unwrap();
        assert_home(&kernel);
    }

    #[test]
    fn a_vm_that_starts_with_the_second_card_does_not_get_ours(
        mut kernel in any_machine(),
        turns in proptest::collection::vec(any::<bool>(), 60),
    ) {
        prop_assume!(ours().iter().all(|a| kernel.device(*a).driver.is_some()));
        let steps = to_host(&kernel, false);
        let mut steps = steps.iter();
        let mut pve = Pve::binding(&second());
        for ours_to_write in turns {
            if !ours_to_write {
                pve.write(&mut kernel);
            } else if let Some(step) = steps.next() {
                take(&mut kernel, std::slice::from_ref(step)).unwrap();
            }
        }
        take(&mut kernel, steps.as_slice()).unwrap();
        prop_assert!(ours().iter().all(|a| at_home(&kernel, *a)), "its new_id binds whatever has no driver and no override");
    }

    #[test]
    fn after_a_detach_pve_finds_nothing_to_write(mut kernel in any_machine_without_stub()) {
        let steps = to_vfio(&kernel);
        take(&mut kernel, &steps).unwrap();
        let before = kernel.clone();
        let mut pve = Pve::binding(&ours());
        while !pve.is_done() {
            pve.write(&mut kernel);
        }
        prop_assert_eq!(kernel, before);
    }

    #[test]
    fn nothing_is_bound_or_unbound_before_its_override_is_set(kernel in any_machine(), leaving: bool) {
        let steps = if leaving { to_vfio(&kernel) } else { to_host(&kernel, false) };
        let last_override = steps.iter().rposition(|s| matches!(s, Step::Override(..)));
        let first_move = steps.iter().position(|s| matches!(s, Step::Unbind(..) | Step::Bind(..)));
        if let (Some(last), Some(first)) = (last_override, first_move) {
            prop_assert!(last < first);
        }
        // The consumers of function 0 go before it and come after it.
        let order = |pick: fn(&Step) -> Option<Address>| steps.iter().filter_map(pick).collect::<Vec<_>>();
        let down = order(|s| if let Step::Unbind(a, _) = s { Some(*a) } else { None });
        let up = order(|s| if let Step::Bind(a, _) = s { Some(*a) } else { None });
        prop_assert!(down.is_sorted_by(|a, b| a > b), "{:?}", down);
        prop_assert!(up.is_sorted(), "{:?}", up);
    }
}

/// PVE started a VM without any hook, and the VM has stopped.
fn after_pve(order: &[&'static str]) -> Kernel {
    let mut kernel = machine(order);
    let mut pve = Pve::binding(&ours());
    while !pve.is_done() {
        pve.write(&mut kernel);
    }
    assert!(on_vfio(&kernel));
    kernel
}

/// What scripts do: clear the override, unbind, probe. Every write of it succeeds.
fn naive(kernel: &mut Kernel) {
    for address in ours() {
        kernel.write(&Step::Override(address, None)).unwrap();
        kernel.unbind(VFIO, address).unwrap();
        kernel.drivers_probe(address);
    }
}

const VFIO_FIRST: [&str; 6] = [VFIO, "pci-stub", "snd_hda_intel", "xhci_hcd", "nvidia", "nouveau"];
const VFIO_LAST: [&str; 6] = ["nvidia", "nouveau", "snd_hda_intel", "xhci_hcd", "pci-stub", VFIO];

#[test]
fn the_naive_way_ends_on_vfio_when_vfio_registered_first() {
    let mut kernel = after_pve(&VFIO_FIRST);
    naive(&mut kernel);
    assert!(on_vfio(&kernel), "this is the story that the plans exist for");
    attach(&mut kernel, false).unwrap();
    assert_home(&kernel);
    assert_eq!(kernel.driver(VFIO).unwrap().dynamic, []);

    let mut kernel = after_pve(&VFIO_LAST);
    naive(&mut kernel);
    assert_home(&kernel);
}

#[test]
fn a_card_that_pci_stub_reserves_goes_to_vfio_all_the_same() {
    let mut kernel = machine(&VFIO_FIRST);
    for device in kernel.devices.iter_mut().take(CARD.len()) {
        device.driver = Some("pci-stub");
    }
    assert_ne!(judge(&observe(&kernel)).0, State::Vfio);
    let steps = to_vfio(&kernel);
    take(&mut kernel, &steps).unwrap();
    assert!(on_vfio(&kernel));
}

#[test]
fn the_leftover_id_steals_a_second_card_unless_it_is_removed() {
    let reprobe_second = |kernel: &mut Kernel| {
        let gpu = address(2, 0);
        kernel.unbind("nvidia", gpu).unwrap();
        kernel.drivers_probe(gpu);
        kernel.device(gpu).driver
    };
    let mut kernel = after_pve(&VFIO_FIRST);
    assert_eq!(reprobe_second(&mut kernel), Some(VFIO));

    let mut kernel = after_pve(&VFIO_FIRST);
    attach(&mut kernel, false).unwrap();
    assert_eq!(reprobe_second(&mut kernel), Some("nvidia"));
}

#[test]
fn an_id_that_a_second_card_is_with_a_vm_by_stays() {
    let mut kernel = after_pve(&VFIO_FIRST);
    let mut pve = Pve::binding(&second());
    while !pve.is_done() {
        pve.write(&mut kernel);
    }
    for address in second() {
        kernel.devices.iter_mut().find(|d| d.address == address).unwrap().held = true;
    }
    attach(&mut kernel, false).unwrap();
    assert_home(&kernel);
    assert_eq!(kernel.driver(VFIO).unwrap().dynamic.len(), CARD.len());
    assert!(second().iter().all(|a| kernel.device(*a).driver == Some(VFIO)));
}

#[test]
fn the_model_answers_as_the_kernel_does() {
    let mut kernel = machine(&VFIO_FIRST);
    let (gpu, audio) = (address(1, 0), address(1, 1));
    assert_eq!(kernel.bind("nvidia", gpu), Err(EBUSY), "bound already");
    assert_eq!(kernel.bind(VFIO, gpu), Err(ENODEV), "no id");
    kernel.write(&Step::Override(gpu, Some(VFIO.into()))).unwrap();
    assert_eq!(kernel.device(gpu).driver, Some("nvidia"), "an override triggers nothing");
    assert_eq!(kernel.unbind(VFIO, gpu), Err(ENODEV), "another driver's");
    kernel.unbind("nvidia", gpu).unwrap();
    assert_eq!(kernel.bind("nvidia", gpu), Err(ENODEV), "override mismatch");
    kernel.bind(VFIO, gpu).unwrap();

    kernel.devices[0].held = true;
    kernel.unbind("snd_hda_intel", audio).unwrap();
    assert_eq!(kernel.bind("snd_hda_intel", audio), Err(EBUSY), "a VM has the group");
    kernel.drivers_probe(audio);
    assert_eq!(kernel.device(audio).driver, None);

    kernel.new_id(VFIO, CARD[1].0).unwrap();
    assert_eq!(kernel.device(audio).driver, Some(VFIO), "new_id binds what has no driver");
    assert_eq!(kernel.new_id(VFIO, CARD[1].0), Err(kernel::EEXIST));
    kernel.remove_id(VFIO, CARD[1].0).unwrap();
    assert_eq!(kernel.remove_id(VFIO, CARD[1].0), Err(ENODEV));
}

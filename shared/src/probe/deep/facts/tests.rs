//! Answers of a QEMU 7.2, and none that makes it panic.

use super::{super::shapes::GuestStats, *};
use crate::probe::deep::questions::ORDER;
use proptest::prelude::*;

#[test]
fn old_figures_of_a_guest_are_none() {
    let stats = GuestStats { total: Some(1), free: None, available: Some(MISSING) };
    let mut guest = Guest { stats, last_update: 1000 };
    assert_eq!(fresh(&guest, 1030).total, Some(1));
    assert_eq!(fresh(&guest, 1030).available, None);
    assert_eq!(fresh(&guest, 1061), GuestMemory::default());
    guest.last_update = 0;
    assert_eq!(fresh(&guest, 10), GuestMemory::default());
}

#[test]
fn migrations_that_have_ended_are_none() {
    for (status, moving) in
        [("active", true), ("setup", true), ("completed", false), ("none", false), ("failed", false)]
    {
        assert_eq!(is_moving(status), moving, "{status}");
    }
}

#[test]
fn a_controller_is_no_sound_card() {
    let has_audio = |kinds: &[&str]| {
        let all: Vec<_> = kinds.iter().map(|kind| serde_json::json!({ "name": "a", "type": kind })).collect();
        serde_json::from_str::<Audio>(&serde_json::Value::from(all).to_string()).unwrap().0
    };
    assert!(has_audio(&["string", "child<AC97>"]));
    assert!(has_audio(&["child<hda-micro>", "child<VGA>"]));
    assert!(!has_audio(&["child<virtio-scsi-pci>", "child<usb-tablet>", "hda-micro"]));
    assert!(!has_audio(&[]) && serde_json::from_str::<Audio>("{}").is_err());
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(value in "\\[?\\{?(\"(status|device|inserted|stats|file|actual|clients|type|last-update)\": ?(1|\"a\"|\\{|\\[),?)*\\PC*", end in "[\\]}]*") {
        let mut facts = Facts::default();
        for (number, question) in (0..).zip(ORDER) {
            let _ = facts.take(question, number, format!("{{\"return\": {value}{end}, \"id\": {number}}}").as_bytes());
        }
        let _ = (facts.has_audio(&Trouble::NoAnswer), facts.disks(&Trouble::NoAnswer));
    }
}

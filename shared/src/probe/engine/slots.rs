//! All slots, in the order of the listing: to go through a thousand of them several times a second must not mean to look
//! each of them up by its name.

use super::slot::Slot;
use crate::probe::instance::Instance;
use std::{collections::HashMap, sync::Arc};

/// The slots.
#[derive(Default)]
pub(super) struct Slots {
    all: Vec<Slot>,
    places: HashMap<Arc<str>, usize>,
}

impl Slots {
    /// The slot of an instance.
    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Slot> {
        self.all.get_mut(*self.places.get(id)?)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Slot> {
        self.all.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = &mut Slot> {
        self.all.iter_mut()
    }

    /// Makes it those of these instances, in their order. Those that stay keep what is known of them, `make` makes a new one
    /// from its place; the names of those that came, and of those that are gone.
    pub(super) fn arrange(
        &mut self,
        instances: &[Arc<Instance>],
        mut make: impl FnMut(usize, &Arc<Instance>) -> Slot,
    ) -> (Vec<String>, Vec<String>) {
        let same = self.all.len() == instances.len()
            && self.all.iter().zip(instances).all(|(slot, instance)| slot.evidence.instance.id == instance.id);
        let (mut come, mut gone) = (Vec::new(), Vec::new());
        if !same {
            let mut before: Vec<_> = std::mem::take(&mut self.all).into_iter().map(Some).collect();
            let places = std::mem::take(&mut self.places);
            for (n, instance) in instances.iter().enumerate() {
                // A name that a source tells twice has one slot.
                if self.places.contains_key(instance.id.as_str()) {
                    continue;
                }
                let known = places.get(instance.id.as_str()).and_then(|at| before[*at].take());
                let slot = known.unwrap_or_else(|| {
                    come.push(instance.id.clone());
                    make(n, instance)
                });
                self.places.insert(instance.id.as_str().into(), self.all.len());
                self.all.push(slot);
            }
            gone.extend(before.into_iter().flatten().map(|slot| slot.evidence.instance.id.clone()));
        }
        for instance in instances {
            if let Some(slot) = self.get_mut(&instance.id)
                && slot.evidence.instance != *instance
            {
                slot.is_now(instance);
            }
        }
        (come, gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::probe::Origin, probe::classify::Patience};

    #[test]
    fn who_stays_keeps_what_is_known_wherever_it_stands() {
        let of = |ids: &[&str]| -> Vec<_> {
            ids.iter().map(|id| Arc::new(Instance::new((*id).to_owned(), Origin::Pve))).collect()
        };
        let make = |_: usize, instance: &Arc<Instance>| Slot::new(Arc::clone(instance), Patience::default());
        let mut slots = Slots::default();
        assert_eq!(slots.arrange(&of(&["1", "2", "3"]), make).0, ["1", "2", "3"]);
        slots.get_mut("3").unwrap().deep_due = 7;
        let (come, gone) = slots.arrange(&of(&["4", "3", "1", "3"]), make);
        assert_eq!((come, gone), (vec!["4".to_owned()], vec!["2".to_owned()]));
        let order: Vec<_> = slots.iter().map(|slot| slot.evidence.instance.id.as_str()).collect();
        assert_eq!(order, ["4", "3", "1"]);
        assert_eq!(slots.get_mut("3").unwrap().deep_due, 7);
        assert!(slots.get_mut("2").is_none());
    }
}

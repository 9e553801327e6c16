//! What a unit's observation amounts to. A pure function: it never says *host* where anything is missing.

use super::observe::{Function, Observation};
use crate::report::Colour;
use serde::Serialize;

/// The state of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Every function works with its host driver.
    Host,
    /// Every function is on vfio-pci.
    Vfio,
    /// Functions are on different sides, or a driver is bound that does not drive.
    Mixed,
    /// No function has a driver.
    Unbound,
    /// A function is off the bus or answers only ones.
    Lost,
    /// The kernel is inside a bind or unbind that does not end.
    Wedged,
}

impl State {
    /// The word that scripts look for.
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "ATTACHED",
            Self::Vfio => "DETACHED",
            Self::Mixed => "MIXED",
            Self::Unbound => "UNBOUND",
            Self::Lost => "LOST",
            Self::Wedged => "WEDGED",
        }
    }

    /// Whether the unit is wholly on one side.
    pub fn is_consistent(self) -> bool {
        matches!(self, Self::Host | Self::Vfio)
    }

    /// The colour of the word.
    pub fn colour(self) -> Colour {
        match self {
            Self::Host | Self::Vfio => Colour::Green,
            Self::Mixed | Self::Unbound => Colour::Yellow,
            Self::Lost | Self::Wedged => Colour::Red,
        }
    }
}

/// The state of an observation, and in words what is wrong with it.
pub fn judge(seen: &Observation) -> (State, Vec<String>) {
    if !seen.wedged.is_empty() {
        return (State::Wedged, seen.wedged.clone());
    }
    let lost: Vec<_> = seen.functions.iter().filter(|f| f.is_lost()).map(describe_lost).collect();
    if !lost.is_empty() {
        return (State::Lost, lost);
    }
    let mut problems: Vec<String> = seen.functions.iter().filter_map(problem).collect();
    let counted: Vec<_> = seen.functions.iter().filter(|f| !f.driverless).collect();
    // Where no driver of this kernel knows any function, there is still nobody driving the GPU.
    let counted = if counted.is_empty() { seen.functions.iter().collect() } else { counted };
    let all = |test: fn(&Function) -> bool| counted.iter().all(|f| test(f));
    let state = if all(|f| f.driver.is_none()) {
        State::Unbound
    } else if seen.functions.iter().all(Function::on_vfio) {
        State::Vfio
    } else if all(|f| f.host_driver().is_some()) && problems.is_empty() {
        State::Host
    } else {
        State::Mixed
    };
    if state == State::Mixed && problems.is_empty() {
        problems.push(sides(seen));
    }
    (state, problems)
}

fn describe_lost(f: &Function) -> String {
    if f.present {
        format!("{} answers ffffffff: it fell off the bus", f.address)
    } else {
        format!("{} is no longer on the PCI bus", f.address)
    }
}

/// What is wrong with one function that is there.
fn problem(f: &Function) -> Option<String> {
    if f.unanswered.is_some() {
        return f.unanswered.clone();
    }
    if f.config_ok() == Some(false) {
        let id = format!("{:04x}:{:04x}", f.id.0, f.id.1);
        return Some(format!(
            "{} answers with another id than {id}: {:08x}",
            f.address,
            f.dword(0).unwrap_or_default()
        ));
    }
    match &f.driver {
        None if f.driverless => None,
        None => Some(format!("{} has no driver", f.address)),
        Some(driver) if f.display && !f.on_vfio() && !f.screen => {
            Some(format!("{} is bound to {driver}, but there is no DRM node: the screen stays black", f.address))
        }
        Some(driver) if !f.on_vfio() && f.host_driver().is_none() => {
            Some(format!("{} is on {driver}, which serves neither the host nor a VM", f.address))
        }
        Some(_) => None,
    }
}

fn sides(seen: &Observation) -> String {
    let each =
        seen.functions.iter().map(|f| format!("{} on {}", f.address, f.driver.as_deref().unwrap_or("no driver")));
    format!("functions are on different sides: {}", each.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn function(address: &str, driver: Option<&str>) -> Function {
        let display = address.ends_with(".0");
        Function {
            address: address.parse().unwrap(),
            present: true,
            class: if display { 0x03_0000 } else { 0x04_0300 },
            id: (0x1234, 0x1111),
            driver: driver.map(Into::into),
            driver_override: None,
            header: vec![0x34, 0x12, 0x11, 0x11],
            unanswered: None,
            display,
            screen: display && driver == Some("bochs-drm"),
            drm: Vec::new(),
            sound: Vec::new(),
            driverless: false,
        }
    }

    fn judged(functions: Vec<Function>) -> (State, Vec<String>) {
        judge(&Observation { functions, wedged: Vec::new() })
    }

    fn pair(gpu: Option<&str>, audio: Option<&str>) -> Vec<Function> {
        vec![function("0000:01:00.0", gpu), function("0000:01:00.1", audio)]
    }

    #[test]
    fn the_state_follows_the_drivers() {
        let host = Some("bochs-drm");
        let audio = Some("snd_hda_intel");
        let vfio = Some("vfio-pci");
        for (gpu, sound, state) in [
            (host, audio, State::Host),
            (vfio, vfio, State::Vfio),
            (vfio, audio, State::Mixed),
            (host, vfio, State::Mixed),
            (host, None, State::Mixed),
            (None, audio, State::Mixed),
            (vfio, None, State::Mixed),
            (None, None, State::Unbound),
            (host, Some("pci-stub"), State::Mixed),
            (Some("pci-stub"), Some("pci-stub"), State::Mixed),
            (Some("nvidia"), audio, State::Mixed),
        ] {
            let (judged, problems) = judged(pair(gpu, sound));
            assert_eq!(judged, state, "{gpu:?} {sound:?}");
            assert_eq!(problems.is_empty(), state.is_consistent(), "{gpu:?} {sound:?} {problems:?}");
        }
    }

    #[test]
    fn a_dead_function_outweighs_its_driver_link() {
        let mut functions = pair(Some("bochs-drm"), Some("snd_hda_intel"));
        functions[1].header = vec![0xff; 64];
        assert_eq!(judged(functions).0, State::Lost);
        let mut functions = pair(Some("vfio-pci"), Some("vfio-pci"));
        functions[0].present = false;
        assert_eq!(judged(functions).0, State::Lost);
    }

    #[test]
    fn what_no_driver_knows_may_stay_unbound() {
        let mut functions = pair(Some("bochs-drm"), None);
        functions[1].driverless = true;
        assert_eq!(judged(functions).0, State::Host);
        let mut functions = pair(None, None);
        for f in &mut functions {
            f.driverless = true;
        }
        assert_eq!(judged(functions).0, State::Unbound);
    }

    #[test]
    fn configuration_space_that_cannot_be_read_is_unknown_not_lost() {
        let mut functions = pair(Some("bochs-drm"), Some("snd_hda_intel"));
        for f in &mut functions {
            f.header.clear();
        }
        assert_eq!(judged(functions.clone()).0, State::Host, "a tree without the file");
        functions[1].unanswered = Some("0000:01:00.1: not known".into());
        assert_eq!(judged(functions), (State::Mixed, vec!["0000:01:00.1: not known".into()]));
    }
}

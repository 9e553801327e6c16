//! What is looked up on the machine when Tab is pressed, by functions of the shells themselves.

use clap::Arg;

/// What there is to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// Virtual machines of this node.
    Vms,
    /// GPUs, and the VMs that are given PCI devices.
    Gpus,
    /// USB devices, and the VMs that are given some.
    Usb,
    /// The ports of Corals.
    Corals,
    /// USB controllers.
    Controllers,
}

impl Live {
    /// What a value means, by the name that the help gives it.
    pub fn of(program: &str, arg: &Arg) -> Option<Self> {
        match (program, value_name(arg)) {
            (_, "VMID") => Some(Self::Vms),
            ("gpu-bind", "TARGET") => Some(Self::Gpus),
            ("usb-reset", "TARGET") => Some(Self::Usb),
            ("usb-reset", "ADDRESS") => Some(Self::Controllers),
            ("coral-check", "BUS-PORT") => Some(Self::Corals),
            _ => None,
        }
    }

    /// The function for it, in bash and zsh; in fish with one more underscore in front.
    pub fn function(self) -> &'static str {
        match self {
            Self::Vms => "_pve_hooks_vms",
            Self::Gpus => "_pve_hooks_gpus",
            Self::Usb => "_pve_hooks_usb",
            Self::Corals => "_pve_hooks_corals",
            Self::Controllers => "_pve_hooks_controllers",
        }
    }
}

/// What the help calls a value.
pub fn value_name(arg: &Arg) -> &str {
    arg.get_value_names().and_then(<[_]>::first).map_or("", |name| name.as_str())
}

/// The functions of a library that a script calls, and those that they call. A blank line stands between two of them.
pub fn functions(library: &str, script: &str) -> String {
    let known: Vec<_> = library.split("\n\n").map(|text| (name(text), text.trim_end())).collect();
    let mut used: Vec<&str> = Vec::new();
    let mut before = usize::MAX;
    while used.len() != before {
        before = used.len();
        let called = |name: &str| script.contains(name) || used.iter().any(|text| text.contains(name));
        used = known.iter().filter(|(name, _)| called(name)).map(|(_, text)| *text).collect();
    }
    if used.is_empty() { String::new() } else { format!("\n{ABOUT}\n{}\n", used.join("\n\n")) }
}

/// The name of a function, which stands in the first line below its comment.
fn name(function: &str) -> &str {
    let line = function.lines().find(|line| !line.starts_with('#')).expect("a function below its comment");
    let name = line.trim_start_matches("function ");
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    assert!(name.contains("pve_hooks"), "{name:?} may be somebody else's function");
    &name[..end]
}

const ABOUT: &str = "\
# What is on this machine right now. No program is started for it, and nothing that a file says is expanded or run.
";

#[cfg(test)]
mod tests {
    use super::functions;

    #[test]
    fn a_script_carries_the_functions_that_it_calls() {
        let library =
            "pve_hooks_c() {\n    :\n}\n\n# Of b.\npve_hooks_b() {\n    :\n}\n\npve_hooks_a() {\n    pve_hooks_c\n}\n";
        let used = functions(library, "pve_hooks_a");
        assert!(used.contains("pve_hooks_a() {") && used.contains("pve_hooks_c() {"), "{used}");
        assert!(!used.contains("pve_hooks_b"), "{used}");
        assert_eq!(functions(library, "nothing"), "");
    }
}

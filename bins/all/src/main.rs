//! The five programs in one file, which has their five names (hard links): what they have in common is there once.

use std::{
    env,
    ffi::OsStr,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

type Program = fn() -> ExitCode;
const PROGRAMS: [(&str, Program); 5] = [
    ("pve-hook", pve_hook::main),
    ("gpu-bind", gpu_bind::main),
    ("usb-reset", usb_reset::main),
    ("coral-check", coral_check::main),
    ("vm-probe", vm_probe::main),
];

fn main() -> ExitCode {
    // Through a link of any name the kernel tells the file's own. Where it cannot tell, or a copy has a name that says
    // nothing, the caller's word counts.
    let words: Vec<_> = env::args_os().take(3).collect();
    let called = words.first().map(PathBuf::from);
    let named = [env::current_exe().ok(), called].into_iter().flatten().find_map(|path| program(path.file_name()?));
    // PVE lets a hookscript have any name.
    let hook =
        || words.get(2).and_then(|word| word.to_str()).is_some_and(is_phase).then_some(pve_hook::main as Program);
    if let Some(program) = named.or_else(hook) {
        return program();
    }
    let names = PROGRAMS.map(|(name, _)| name).join(", ");
    let _ = writeln!(io::stderr(), "pve-hooks: the file's name tells which program is meant; name it one of {names}");
    ExitCode::from(2)
}

/// By a file's name, which may say more: `vm-probe.old`.
fn program(file: &OsStr) -> Option<Program> {
    let file = file.to_str()?;
    PROGRAMS.into_iter().find_map(|(name, program)| file.contains(name).then_some(program))
}

fn is_phase(word: &str) -> bool {
    matches!(word, "pre-start" | "post-start" | "pre-stop" | "post-stop")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_program() {
        for (file, expected) in [("gpu-bind", 1), ("vm-probe.old", 4), ("my-pve-hook", 0), ("pve-hooks", 0)] {
            let found = program(OsStr::new(file)).unwrap();
            assert!(std::ptr::fn_addr_eq(found, PROGRAMS[expected].1), "{file}");
        }
        assert!(program(OsStr::new("hook.sh")).is_none());
        assert!(is_phase("pre-start") && !is_phase("start"));
    }
}

//! Which files are this program, by whatever name and from whatever storage PVE runs them.

use crate::register::VOLUME;
use passthrough::{
    host::Host,
    pve::{VmConfig, qm},
    tree,
};
use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What no other program carries: a line of our usage.
const MARK: &[u8] = b"pre-start|post-start|pre-stop|post-stop";
/// What a script says that calls us.
const CALL: &[u8] = b"sbin/pve-hook";
/// We are smaller; so is every script.
const LARGEST: u64 = 64 << 20;

/// Whether a hookscript is this program, by the name that we give it or by another.
pub fn is_ours(host: &Host, volume: &str) -> bool {
    volume == VOLUME || behind(host, volume).is_some_and(|file| is_program(host, &file))
}

/// Whether a VM's hookscript is this program.
pub fn is_hook_of(host: &Host, config: &VmConfig) -> bool {
    config.hookscript.as_deref().is_some_and(|volume| is_ours(host, volume))
}

/// The file behind a hookscript. Asking PVE for it takes a second, so only what has our name is asked for.
pub fn behind(host: &Host, volume: &str) -> Option<PathBuf> {
    let local = volume.starts_with("local:");
    (local || volume.ends_with(":snippets/pve-hook")).then(|| qm::snippet_path(host, volume)).flatten()
}

/// Whether a file is this program, or a copy of it.
pub fn is_program(host: &Host, file: &Path) -> bool {
    let Ok(meta) = tree::metadata(file) else { return false };
    !is_another(file) && (is_one_of(&places(host), &meta) || content(file, &meta).is_some_and(|text| is_copy(&text)))
}

/// What is to be said of a hookscript that has our name and is something else.
pub fn foreign(host: &Host, file: &Path) -> Option<String> {
    let shown = host.shown(file);
    let next = format!("ls -l {shown}   # move it away, then: ln -s /usr/sbin/pve-hook {shown}");
    is_foreign(host, file).then(|| format!("{shown} is not this program: no device would be moved; next: {next}"))
}

/// Whether a file is neither this program nor a script that calls it. Where the program itself is not to be found, as in
/// a tree of configurations, nothing can be told.
pub fn is_foreign(host: &Host, file: &Path) -> bool {
    let Ok(meta) = tree::metadata(file) else { return false };
    let known = host.is_live() || tree::exists(&host.at(PROGRAM));
    let calls = |text: &[u8]| is_copy(text) || contains(text, CALL);
    let ours = || is_one_of(&places(host), &meta) || content(file, &meta).is_none_or(|text| calls(&text));
    known && (is_another(file) || !ours())
}

/// One of the other programs: all are names of one file, and the name tells which is meant.
fn is_another(file: &Path) -> bool {
    let path = tree::canonicalize(file).unwrap_or_default();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !name.contains("pve-hook") && OTHERS.iter().any(|other| name.contains(other))
}

const PROGRAM: &str = "usr/sbin/pve-hook";
const OTHERS: [&str; 4] = ["gpu-bind", "usb-reset", "coral-check", "vm-probe"];

/// Where we lie: as installed, and as we run. In a tree without us, the local snippet stands for us.
fn places(host: &Host) -> Vec<PathBuf> {
    let mut places = vec![host.at(PROGRAM), PathBuf::from("/proc/self/exe")];
    if !host.is_live() && !tree::exists(&host.at(PROGRAM)) {
        places.push(host.snippets().join("pve-hook"));
    }
    places
}

fn is_one_of(places: &[PathBuf], meta: &Metadata) -> bool {
    let same = |other: Metadata| (other.dev(), other.ino()) == (meta.dev(), meta.ino());
    places.iter().any(|place| tree::metadata(place).is_ok_and(same))
}

fn content(file: &Path, meta: &Metadata) -> Option<Vec<u8>> {
    (meta.is_file() && meta.len() <= LARGEST).then(|| fs::read(tree::target(file).ok()?).ok()).flatten()
}

fn is_copy(text: &[u8]) -> bool {
    text.starts_with(b"\x7fELF") && contains(text, MARK)
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}

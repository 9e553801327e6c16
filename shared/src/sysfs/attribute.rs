//! Reading an attribute that never blocks. Those that may (`driver_override`, `config`) are read by a [`super::Worker`].

use std::{fs, io, path::Path};

/// An attribute's text without the trailing newline.
pub fn read(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\0']).to_owned())
}

/// An attribute that holds a number, decimal or `0x…`.
pub fn read_number(path: &Path) -> Option<u64> {
    let text = read(path).ok()?;
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The last part of where a link points, such as the name behind `driver`.
pub fn link_name(path: &Path) -> Option<String> {
    Some(fs::read_link(path).ok()?.file_name()?.to_string_lossy().into_owned())
}

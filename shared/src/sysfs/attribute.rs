//! Reading an attribute that never blocks. Those that may (`driver_override`, `config`) are read by a [`super::Worker`].

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// An attribute's text without the end of its line. An attribute is a page at most, and the kernel hands it out in one read.
pub fn read(path: &Path) -> io::Result<String> {
    let mut page = [0; 4096];
    let length = File::open(path)?.read(&mut page)?;
    Ok(String::from_utf8_lossy(&page[..length]).trim_end().to_owned())
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

//! The names that people know hardware by, out of the pci.ids database.

use crate::{host::Host, tree};
use std::{
    fs::File,
    io::{self, BufRead, BufReader},
};

/// What a device is called: `NVIDIA Corporation GA102 [GeForce RTX 3090]`. A device that the database does not have
/// is told by its vendor and number; `None` where there is no database or it does not have the vendor.
pub fn name(host: &Host, vendor: u16, device: u16) -> Option<String> {
    let database = host.pci_ids().into_iter().find_map(|path| File::open(tree::target(&path).ok()?).ok())?;
    find(BufReader::with_capacity(64 << 10, database), vendor, device).ok()?
}

fn find(mut database: impl BufRead, vendor: u16, device: u16) -> io::Result<Option<String>> {
    let (vendor, number) = (format!("{vendor:04x}"), format!("{device:04x}"));
    let mut maker = None;
    let mut line = Vec::with_capacity(256);
    while database.read_until(b'\n', &mut line)? > 0 {
        match (&maker, line.first()) {
            (None, _) => maker = entry(&line, &vendor),
            // Lines with two tabs are subsystems, none of which starts with a number after the first.
            (Some(maker), Some(b'\t')) => {
                if let Some(model) = entry(&line[1..], &number) {
                    return Ok(Some(format!("{maker} {model}")));
                }
            }
            (Some(_), Some(b'#' | b'\n')) => {}
            (Some(_), _) => break,
        }
        line.clear();
    }
    Ok(maker.map(|maker| format!("{maker} device {number}")))
}

fn entry(line: &[u8], number: &str) -> Option<String> {
    let name = line.strip_prefix(number.as_bytes())?.strip_prefix(b"  ")?;
    Some(String::from_utf8_lossy(name).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DATABASE: &str = "# comment\n\n10de  NVIDIA Corporation\n\t2203  GA102 [GeForce RTX 3090 Ti]\n\t\t2204 1234  Trap\n\
        # between\n\t2204  GA102 [GeForce RTX 3090]\n10df  Emulex\n\t2205  Other\nC 03  Display controller\n";

    #[test]
    fn names_are_found_under_their_vendor() {
        let find = |vendor, device| find(DATABASE.as_bytes(), vendor, device).unwrap();
        assert_eq!(find(0x10de, 0x2204).as_deref(), Some("NVIDIA Corporation GA102 [GeForce RTX 3090]"));
        assert_eq!(find(0x10de, 0x2205).as_deref(), Some("NVIDIA Corporation device 2205"));
        assert_eq!(find(0x10df, 0x2205).as_deref(), Some("Emulex Other"));
        assert_eq!(find(0x1234, 1), None);
    }

    #[test]
    fn without_a_database_there_is_no_name() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(name(&Host::new(root.path()), 0x10de, 0x2204), None);
    }

    proptest! {
        #[test]
        fn no_database_makes_it_panic(bytes in any::<Vec<u8>>()) {
            let _ = find(&bytes[..], 0x10de, 0x2204);
            let _ = find(&[b"10de  X\n", &bytes[..]].concat()[..], 0x10de, 0x2204);
        }
    }
}

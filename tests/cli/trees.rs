//! Host trees for the transcripts, made from short descriptions: `trees/NAME.tree` becomes the directory `NAME`.
//!
//! ```text
//! # a comment
//! < other            begins with all of another tree
//! some/dir           a directory; indented lines are below it
//!   file = text      a file with one line
//!   file := a\0\xff  a file with exactly these bytes; \xff*64 repeats the byte
//!   link -> target   a link
//!   * file           makes it executable
//!   - file           takes something away that another tree has
//! ```

use std::{
    fs::{self, Permissions},
    io::ErrorKind,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

/// Makes every tree anew below a directory.
pub fn plant(descriptions: &Path, below: &Path) {
    let entries = fs::read_dir(descriptions).expect("tests/cli/trees is there");
    let names = entries.map(|entry| entry.expect("a directory entry").path());
    let names: Vec<_> = names.map(|path| path.file_stem().expect("a tree has a name").to_owned()).collect();
    plant_these(&names, descriptions, below);
}

/// Makes some trees anew below a directory.
pub fn plant_these(names: &[impl AsRef<Path>], descriptions: &Path, below: &Path) {
    if below.exists() {
        fs::remove_dir_all(below).expect("the trees of an earlier run can be removed");
    }
    for name in names.iter().map(AsRef::as_ref) {
        grow(&descriptions.join(name.with_extension("tree")), &below.join(name));
    }
}

fn grow(description: &Path, root: &Path) {
    let text = fs::read_to_string(description).unwrap_or_else(|e| panic!("{}: {e}", description.display()));
    let mut dir = root.to_owned();
    for (n, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#')) {
        let place = format!("{}:{}", description.display(), n + 1);
        if let Some(other) = line.strip_prefix("< ") {
            grow(&description.with_file_name(format!("{other}.tree")), root);
        } else if line.starts_with("  ") {
            put(&dir, line.trim()).unwrap_or_else(|e| panic!("{place}: {e}"));
        } else {
            dir = root.join(line.trim());
            fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("{place}: {e}"));
        }
    }
}

fn put(dir: &Path, line: &str) -> std::io::Result<()> {
    if let Some(name) = line.strip_prefix("- ") {
        return remove(&dir.join(name));
    }
    if let Some(name) = line.strip_prefix("* ") {
        return fs::set_permissions(dir.join(name), Permissions::from_mode(0o755));
    }
    let at = |name: &str| -> std::io::Result<PathBuf> {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        remove(&path)?;
        Ok(path)
    };
    if let Some((name, target)) = line.split_once(" -> ") {
        symlink(target, at(name)?)
    } else if let Some((name, bytes)) = line.split_once(" := ") {
        fs::write(at(name)?, unescaped(bytes))
    } else if let Some((name, text)) = line.split_once(" =") {
        let text = [text.strip_prefix(' ').unwrap_or(text), "\n"].concat();
        fs::write(at(name)?, unescaped(&text))
    } else {
        fs::create_dir_all(dir.join(line))
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    let is_dir = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
    let done = if is_dir { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    done.or_else(|e| if e.kind() == ErrorKind::NotFound { Ok(()) } else { Err(e) })
}

/// `\n`, `\t`, `\0`, `\xff` and `\xff*64`.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('\\') {
        bytes.extend(plain.as_bytes());
        rest = &after[1..];
        match after.as_bytes()[0] {
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'0' => bytes.push(0),
            b'x' => {
                let byte = u8::from_str_radix(&rest[..2], 16).expect("two hex digits after \\x");
                rest = &rest[2..];
                let mut times = 1;
                if let Some(number) = rest.strip_prefix('*') {
                    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
                    times = number[..end].parse().expect("a number after *");
                    rest = &number[end..];
                }
                bytes.extend(std::iter::repeat_n(byte, times));
            }
            other => panic!("unknown escape \\{}", char::from(other)),
        }
    }
    bytes.extend(rest.as_bytes());
    bytes
}

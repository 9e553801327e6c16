//! The bearer token, and where it is kept.

use anyhow::Result;
use passthrough::{fault::Fault, host::read_file};
use ring::digest::{SHA256, digest};
use std::{
    fmt::{self, Display},
    fs,
    hint::black_box,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// Shorter ones can be guessed.
const SHORTEST: usize = 16;

/// A token. It is never shown.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Reads it from a file that nobody else can read or write. What is advised fits what is wrong: nothing that is there is
    /// to be overwritten but what is no token.
    pub fn load(path: &Path) -> Result<Self> {
        let title = path.display();
        let quoted = quoted(path.display());
        let make = format!("install -m 600 /dev/null {quoted} && openssl rand -hex 32 > {quoted}");
        // The file itself decides, so a link leads to what is looked at.
        let meta = match fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) => {
                return Fault::usage(format!("token file {title}: {error}")).next(found(path, &make, &error)).fail();
            }
        };
        if meta.is_dir() {
            let text = format!("token file {title} is a directory; the token is a file in it, or elsewhere");
            return Fault::refused(text).next(format!("ls -l {quoted}")).fail();
        }
        if !meta.is_file() {
            return Fault::refused(format!("token file {title} is not a regular file"))
                .next(format!("ls -l {quoted}"))
                .fail();
        }
        let own = nix::unistd::geteuid().as_raw();
        if meta.uid() != 0 && meta.uid() != own {
            let text = format!("token file {title} belongs to user {}, who could change it", meta.uid());
            return Fault::refused(text).next(format!("chown root: {quoted}")).fail();
        }
        if meta.mode() & 0o077 != 0 {
            let text = format!("token file {title} can be read by others (mode {:o})", meta.mode() & 0o7777);
            let next = format!("chmod 600 {quoted}; if somebody may have read it: openssl rand -hex 32 > {quoted}");
            return Fault::refused(text).next(next).fail();
        }
        let bytes = match read_file(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                return Fault::problem(format!("token file {title}: {error}")).next(found(path, &make, &error)).fail();
            }
        };
        let text = bytes.trim_ascii();
        if text.is_empty() {
            return Fault::usage(format!("token file {title} is empty")).next(make).fail();
        }
        Self::new(text).map_err(|why| Fault::usage(format!("token file {title}: the token {why}")).next(make).into())
    }

    /// A token, or what is wrong with it.
    pub fn new(text: &[u8]) -> Result<Self, &'static str> {
        if text.len() < SHORTEST {
            return Err("is shorter than 16 characters");
        }
        if !text.iter().all(u8::is_ascii_graphic) {
            return Err("has characters that no header can carry");
        }
        Ok(Self(hash(text)))
    }

    /// Whether it is the one; takes as long for a wrong one, whatever its length.
    pub fn is(&self, offered: &[u8]) -> bool {
        let offered = hash(offered);
        black_box(self.0.iter().zip(&offered).fold(0, |differs, (a, b)| differs | (a ^ b))) == 0
    }
}

/// What to do about a file that cannot be looked at, by why it cannot.
fn found(path: &Path, make: &str, error: &io::Error) -> String {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    match error.kind() {
        ErrorKind::NotFound if fs::symlink_metadata(path).is_ok() => format!("ls -l {}", quoted(path.display())),
        ErrorKind::NotFound => match dir.filter(|dir| !dir.exists()) {
            Some(dir) => format!("mkdir -p {} && {make}", quoted(dir.display())),
            None => make.to_owned(),
        },
        // The path itself tells which of its directories is closed.
        _ => format!("namei -l {}", quoted(path.display())),
    }
}

/// A word as a shell reads it.
pub fn quoted(word: impl Display) -> String {
    let word = word.to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

fn hash(text: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use passthrough::fault::Code;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_a_file_that_nobody_else_can_read_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let load = || Token::load(&path).map_err(|error| Fault::code_of(&error));
        assert_eq!(load().unwrap_err(), Code::Usage);
        fs::write(&path, " 0123456789abcdef\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(load().unwrap_err(), Code::Refused);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let token = load().unwrap();
        assert!(token.is(b"0123456789abcdef"));
        assert!(!token.is(b"0123456789abcdeF"));
        assert!(!token.is(b""));
        assert!(!format!("{token:?}").contains("0123"));
        fs::write(&path, "short\n").unwrap();
        assert_eq!(load().unwrap_err(), Code::Usage);
        fs::write(&path, "").unwrap();
        assert_eq!(load().unwrap_err(), Code::Usage);
        assert_eq!(Token::load(dir.path()).map_err(|error| Fault::code_of(&error)).unwrap_err(), Code::Refused);
    }

    #[test]
    fn what_is_advised_fits_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let write = |name: &str, text: &str, mode| {
            fs::write(at(name), text).unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        write("empty", " \n", 0o600);
        write("open", "0123456789abcdef", 0o644);
        write("it's short", "x", 0o600);
        std::os::unix::fs::symlink("nowhere", at("link")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        fs::create_dir(at("dir")).unwrap();
        let make =
            |name: &str| format!("install -m 600 /dev/null {0} && openssl rand -hex 32 > {0}", at(name).display());
        let shown = |name: &str| at(name).display().to_string();
        let strange = format!("'{}'", shown("it's short").replace('\'', "'\\''"));
        for (name, what, next) in [
            ("dir", " is a directory; the token is a file in it, or elsewhere", format!("ls -l {}", shown("dir"))),
            ("zero", " is not a regular file", format!("ls -l {}", shown("zero"))),
            ("empty", " is empty", make("empty")),
            ("missing", ": No such file or directory (os error 2)", make("missing")),
            (
                "no/where",
                ": No such file or directory (os error 2)",
                format!("mkdir -p {} && {}", shown("no"), make("no/where")),
            ),
            ("link", ": No such file or directory (os error 2)", format!("ls -l {}", shown("link"))),
            ("empty/x", ": Not a directory (os error 20)", format!("namei -l {}", shown("empty/x"))),
            (
                "open",
                " can be read by others (mode 644)",
                format!("chmod 600 {0}; if somebody may have read it: openssl rand -hex 32 > {0}", shown("open")),
            ),
            (
                "it's short",
                ": the token is shorter than 16 characters",
                format!("install -m 600 /dev/null {strange} && openssl rand -hex 32 > {strange}"),
            ),
        ] {
            let error = Token::load(&at(name)).unwrap_err();
            let fault = Fault::of(&error).unwrap();
            assert_eq!(fault.what, format!("token file {}{what}", shown(name)));
            assert_eq!(fault.next.as_deref(), Some(next.as_str()), "{name}");
        }
    }

    #[test]
    fn who_may_not_read_it_is_shown_where_the_way_is_closed() {
        let error = io::Error::from_raw_os_error(nix::libc::EACCES);
        assert_eq!(found(Path::new("/root/token"), "make", &error), "namei -l /root/token");
    }
}

//! The bearer token, and where it is kept.

use anyhow::Result;
use passthrough::{fault::Fault, host::read_file};
use ring::digest::{SHA256, digest};
use std::{fmt, fs, hint::black_box, os::unix::fs::MetadataExt, path::Path};

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
    /// Reads it from a file that nobody else can read or write.
    pub fn load(path: &Path) -> Result<Self> {
        let title = path.display();
        let next = format!("install -m 600 /dev/null {title} && openssl rand -hex 32 > {title}");
        // The file itself decides, so a link leads to what is looked at.
        let meta = match fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) => return Fault::usage(format!("token file {title}: {error}")).next(next).fail(),
        };
        if !meta.is_file() {
            return Fault::refused(format!("token file {title} is not a regular file")).next(next).fail();
        }
        let own = nix::unistd::geteuid().as_raw();
        if meta.uid() != 0 && meta.uid() != own {
            let text = format!("token file {title} belongs to user {}, who could change it", meta.uid());
            return Fault::refused(text).next(format!("chown root: {title}")).fail();
        }
        if meta.mode() & 0o077 != 0 {
            let text = format!("token file {title} can be read by others (mode {:o})", meta.mode() & 0o7777);
            return Fault::refused(text).next(format!("chmod 600 {title}")).fail();
        }
        let bytes = match read_file(path) {
            Ok(bytes) => bytes,
            Err(error) => return Fault::problem(format!("token file {title}: {error}")).fail(),
        };
        Self::new(bytes.trim_ascii())
            .map_or_else(|why| Fault::usage(format!("token file {title}: the token {why}")).next(next).fail(), Ok)
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
}

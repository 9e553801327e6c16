//! The token by which an API knows us. It is read for each request, so that a new one counts at once, and never shown.

use crate::{fault::Fault, host::read_file, plain::plain};
use std::{fmt, fs, os::unix::fs::MetadataExt, path::Path};

/// `USER@REALM!ID=UUID`.
pub(super) struct Token {
    text: String,
}

impl Token {
    /// The header's value.
    pub(super) fn header(&self) -> String {
        format!("PVEAPIToken={}", self.text)
    }

    /// `USER@REALM`.
    pub(super) fn user(&self) -> &str {
        self.text.split('!').next().unwrap_or_default()
    }

    /// `USER@REALM!ID`.
    pub(super) fn id(&self) -> &str {
        self.text.split('=').next().unwrap_or_default()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}=…)", self.id())
    }
}

/// How a token is made that may look and do nothing else: by itself it has no rights, whatever its user's are.
pub(super) fn made(file: &str) -> String {
    format!(
        "pveum user token add root@pam vm-probe --privsep 1; \
         pveum acl modify / --tokens 'root@pam!vm-probe' --roles PVEAuditor; \
         write root@pam!vm-probe=UUID, with the value that was printed, into {file} (chmod 600)"
    )
}

/// Reads the token. A file that others may read is refused: who has the token may do all that we may.
pub(super) fn read(path: &Path) -> Result<Token, Fault> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| Fault::usage(format!("{shown}: {error}"));
    let mode = fs::metadata(path).map_err(unreadable)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        let what =
            format!("{shown}: others than its owner may use it (mode {mode:03o}), so the token may be known already");
        return Err(Fault::refused(what).next(format!("chmod 600 {shown}")));
    }
    let text = String::from_utf8(read_file(path).map_err(unreadable)?).unwrap_or_default();
    parse(&text).ok_or_else(|| {
        let what = format!("{shown}: expected one line: USER@REALM!ID=UUID");
        Fault::usage(what).next(made(&shown.to_string()))
    })
}

fn parse(text: &str) -> Option<Token> {
    let text = text.trim();
    let text = text.strip_prefix("PVEAPIToken=").unwrap_or(text);
    let (user, rest) = text.split_once('!')?;
    let (id, secret) = rest.split_once('=')?;
    let named = user.split_once('@').is_some_and(|(name, realm)| !name.is_empty() && !realm.is_empty());
    let clean = text.bytes().all(|b| b.is_ascii_graphic()) && plain(text, 300) == text;
    (named && clean && !id.is_empty() && !secret.is_empty()).then(|| Token { text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_read_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "root@pam!probe=12345678-secret\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let token = read(&path).unwrap();
        assert_eq!(token.header(), "PVEAPIToken=root@pam!probe=12345678-secret");
        assert_eq!((token.user(), token.id()), ("root@pam", "root@pam!probe"));
        assert_eq!(format!("{token:?}"), "Token(root@pam!probe=…)");
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let fault = read(&path).unwrap_err();
            assert_eq!(fault.code, crate::fault::Code::Refused);
            assert!(!fault.what.contains("secret") && fault.next.unwrap().starts_with("chmod 600 "), "{}", fault.what);
        }
    }

    #[test]
    fn what_is_no_token_is_not_sent() {
        for text in ["", "root@pam", "root@pam!x", "root!x=y", "@pam!x=y", "root@pam!x=", "root@pam!x=a\r\nHost: b"] {
            assert!(parse(text).is_none(), "{text:?}");
        }
        assert!(parse(" PVEAPIToken=a@pve!b=c \n").is_some());
    }
}

//! The first twelve bytes of a VNC server. Nothing is ever sent: a handshake can throw out whoever looks at the screen.

/// `RFB 003.008\n`.
const LENGTH: usize = 12;

/// What came so far.
#[derive(Debug, Default)]
pub(super) struct Banner(Vec<u8>);

impl Banner {
    /// Takes what came: the banner once it is whole, or what came instead.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<Result<String, String>> {
        let wanted = LENGTH - self.0.len();
        self.0.extend_from_slice(&bytes[..bytes.len().min(wanted)]);
        let is_near = self.0.iter().zip(b"RFB ").all(|(came, expected)| came == expected);
        if is_near && self.0.len() < LENGTH {
            return None;
        }
        Some(version(&self.0).ok_or_else(|| format!("no VNC server: {:?}", String::from_utf8_lossy(&self.0))))
    }

    /// Whether anything came at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn version(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes.strip_suffix(b"\n")?).ok()?;
    let (major, minor) = text.strip_prefix("RFB ")?.split_once('.')?;
    let is_number = |part: &str| part.len() == 3 && part.bytes().all(|b| b.is_ascii_digit());
    (is_number(major) && is_number(minor)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_banner_may_come_in_pieces() {
        let mut banner = Banner::default();
        assert!(banner.is_empty());
        assert_eq!((banner.take(b"RFB 003"), banner.take(b"")), (None, None));
        assert_eq!(banner.take(b".008\nmore"), Some(Ok("RFB 003.008".into())));
    }

    #[test]
    fn anything_else_is_told_at_once_and_made_harmless() {
        for (bytes, words) in [
            (&b"SSH"[..], "no VNC server: \"SSH\""),
            (b"RFB 003.0x8\n", "no VNC server: \"RFB 003.0x8\\n\""),
            (b"RFB \x1b[2J\x1b[2J\x1b[2J", "no VNC server: \"RFB \\u{1b}[2J\\u{1b}[2J\""),
        ] {
            assert_eq!(Banner::default().take(bytes), Some(Err(words.into())));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..6)) {
            let mut banner = Banner::default();
            for piece in pieces {
                if banner.take(&piece).is_some() {
                    break;
                }
            }
        }
    }
}

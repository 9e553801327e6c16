//! A picture as QEMU writes it: PPM, three bytes for a pixel.

/// The size of a picture, and its pixels.
pub(super) fn parse(bytes: &[u8]) -> Option<(u32, u32, &[u8])> {
    let mut rest = bytes.strip_prefix(b"P6")?;
    let mut number = || {
        let digits = rest.trim_ascii_start();
        let end = digits.iter().position(|b| !b.is_ascii_digit())?;
        rest = &digits[end..];
        std::str::from_utf8(&digits[..end]).ok()?.parse::<u32>().ok()
    };
    let (width, height, depth) = (number()?, number()?, number()?);
    let pixels = rest.get(1..)?;
    let expected = usize::try_from(u64::from(width).checked_mul(height.into())?.checked_mul(3)?).ok()?;
    (depth == 255 && expected > 0 && pixels.len() == expected).then_some((width, height, pixels))
}

/// Whether all pixels have the same colour.
pub(super) fn is_blank(pixels: &[u8]) -> bool {
    pixels.len() < 3 || pixels[3..] == pixels[..pixels.len() - 3]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_picture_is_read_whole_or_not_at_all() {
        assert_eq!(parse(b"P6\n2 1\n255\n abcde"), Some((2, 1, &b" abcde"[..])));
        for bytes in
            [&b"P6\n2 1\n255\nabcde"[..], b"P6\n2 1\n255\nabcdefg", b"P5\n2 1\n255\nabcdef", b"P6\n0 1\n255\n", b""]
        {
            assert_eq!(parse(bytes), None);
        }
    }

    #[test]
    fn one_pixel_makes_a_difference() {
        assert!(is_blank(b"abcabcabc") && is_blank(b"abc") && is_blank(b""));
        assert!(!is_blank(b"abcabcabd") && !is_blank(b"bbcabcabc"));
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(bytes in any::<Vec<u8>>(), near in "P6( |\n)[0-9]{0,11} [0-9]{0,11}\n255\n.*") {
            let _ = (parse(&bytes), parse(near.as_bytes()), is_blank(&bytes));
        }
    }
}

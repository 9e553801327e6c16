//! A recording as QEMU writes it: RIFF, 16 bits.

/// The root mean square of all samples, 0 to 1.
pub(super) fn level(bytes: &[u8]) -> Option<f64> {
    let samples = samples(bytes)?.chunks_exact(2);
    let count = u32::try_from(samples.len()).ok()?;
    if count == 0 {
        // QEMU records nothing while nothing is played.
        return Some(0.0);
    }
    let sum: f64 = samples.map(|pair| f64::from(i16::from_le_bytes([pair[0], pair[1]])).powi(2)).sum();
    Some((sum / f64::from(count)).sqrt() / 32768.0)
}

/// What follows the header. The length that this names is written last and only when all went well; the file's own counts.
fn samples(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    loop {
        let (name, length) = (rest.get(..4)?, rest.get(4..8)?);
        let body = &rest[8..];
        if name == b"data" {
            return Some(body);
        }
        let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
        if name == b"fmt " && body.get(14..16)? != 16u16.to_le_bytes() {
            return None;
        }
        rest = body.get(length..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(samples: &[i16]) -> Vec<u8> {
        let mut bytes =
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data\0\0\0\0".to_vec();
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    }

    #[test]
    fn the_level_is_the_root_of_the_mean_square() {
        for (samples, expected) in
            [(&[16384, -16384, 16384, -16384][..], 0.5), (&[0, 0], 0.0), (&[], 0.0), (&[-32768], 1.0)]
        {
            assert!((level(&file(samples)).unwrap() - expected).abs() < 1e-9);
        }
        let mut other = file(&[1]);
        other[34] = 8;
        assert_eq!(level(&other), None, "8 bits");
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(bytes in any::<Vec<u8>>(), cut in 0usize..60, length in any::<u32>()) {
            let mut near = file(&[1, 2, 3]);
            near[16..20].copy_from_slice(&length.to_le_bytes());
            near.truncate(cut);
            let _ = (level(&bytes), level(&near));
        }
    }
}

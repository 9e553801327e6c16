//! What time it is, for records that others read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub fn millis() -> u64 {
    in_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A span of time in milliseconds.
pub fn in_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A span of time as people read it: nobody wants the nanoseconds of what was left of a deadline.
pub fn spoken(time: Duration) -> String {
    let millis = in_millis(time);
    let round = if millis < 1000 { millis } else { millis / 100 * 100 };
    humantime::format_duration(Duration::from_millis(round)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_rounded_and_what_was_typed_stays() {
        let told = |nanos| spoken(Duration::from_nanos(nanos));
        assert_eq!(told(2_048_507_644), "2s");
        assert_eq!(told(1_950_000_000), "1s 900ms");
        assert_eq!(told(48_507_644), "48ms");
        assert_eq!(spoken(Duration::from_secs(90)), "1m 30s");
    }
}

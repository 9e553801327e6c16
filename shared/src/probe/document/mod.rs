//! The JSON documents in which readings are told: by the command line and by the daemon alike.

mod block;
mod instances;
mod machine;
mod network;
mod quality;
mod report;
#[cfg(test)]
mod tests;
mod vm;

pub use instances::{discovery_info, instance};
pub use quality::{deep_health, recovery_status};
pub use report::{host_report, report};
pub use vm::vm;

use crate::plain::plain;
use serde_json::Value;
use std::time::{Duration, UNIX_EPOCH};

/// No text that came from outside is longer than this.
const LONGEST: usize = 500;

/// A moment, as ISO 8601; null where there was none.
fn timestamp(at: u64) -> Value {
    // Beyond the year 9999 nothing can be written down.
    if at == 0 || at >= 253_402_300_800_000 {
        return Value::Null;
    }
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at)).to_string().into()
}

/// Text from outside, without what could move a terminal's cursor, and bounded.
fn clean(text: &str) -> String {
    plain(text, LONGEST)
}

/// [`clean`] for what may be missing.
fn maybe(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| clean(text).into())
}

//! What a VM says of itself.

/// What the VM, its container or its API says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Remote {
    /// When it was asked, in milliseconds since 1970.
    pub at: u64,
    /// Where.
    pub url: String,
    /// The report, or why there is none.
    pub report: Result<serde_json::Value, String>,
    /// Whether the failure is that of the way there (refused, timed out), rather than of the answer.
    pub unreachable: bool,
}

impl Remote {
    /// The first of these figures that its report has: whatever else stands there is none.
    pub fn number(&self, pointers: &[&str]) -> Option<f64> {
        let report = self.report.as_ref().ok()?;
        let figure = |pointer: &&str| report.pointer(pointer)?.as_f64();
        pointers.iter().find_map(figure).filter(|figure| figure.is_finite() && *figure >= 0.0)
    }

    /// Percent of its processors.
    pub fn cpu(&self) -> Option<f64> {
        self.number(&["/performance/qemu_cpu", "/performance/cpu_usage"])
    }

    /// Percent of its memory.
    pub fn memory(&self) -> Option<f64> {
        self.number(&["/performance/qemu_memory", "/performance/memory_usage"])
    }

    /// The sum of counters, as far as it has all of them.
    pub fn count(&self, pointers: &[&str]) -> Option<u64> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // No less than nothing, and it saturates.
        let one = |pointer: &&str| self.number(&[*pointer]).map(|count| count as u64);
        pointers.iter().map(one).try_fold(0u64, |sum, count| Some(sum.saturating_add(count?)))
    }
}

//! Lines of one family: its head comes with the first sample, so that one without any leaves no trace.

use super::{
    Format,
    table::{Family, Kind},
};
use std::fmt::Write as _;

/// No label is longer.
const LONGEST: usize = 128;

/// Takes the samples of one family.
pub(super) struct Samples<'a> {
    out: &'a mut String,
    family: &'a Family,
    /// Where the head begins, and where the first sample.
    start: usize,
    first: usize,
    /// `vmid="111"`, where the samples are those of one VM, and where they begin.
    vm: &'a str,
    of: usize,
}

impl<'a> Samples<'a> {
    pub(super) fn new(family: &'a Family, format: Format, out: &'a mut String) -> Self {
        let start = out.len();
        let (name, suffix) = (family.name, family.kind.suffix());
        let (kind, suffix) = match format {
            Format::OpenMetrics => (family.kind.word(), ""),
            // This form knows no kind for what only has labels, and names counters in full.
            Format::Text004 => (if family.kind == Kind::Info { "gauge" } else { family.kind.word() }, suffix),
        };
        _ = write!(out, "# HELP vm_probe_{name}{suffix} {}.\n# TYPE vm_probe_{name}{suffix} {kind}\n", family.help);
        if format == Format::OpenMetrics && !family.unit().is_empty() {
            _ = writeln!(out, "# UNIT vm_probe_{name} {}", family.unit());
        }
        let first = out.len();
        Self { out, family, start, first, vm: "", of: first }
    }

    /// What follows is about this VM.
    pub(super) fn of(&mut self, label: &'a str) {
        self.vm = label;
        self.of = self.out.len();
    }

    /// A sample without further labels.
    pub(super) fn value(&mut self, value: impl Into<Value>) {
        self.labelled(&[], value);
    }

    /// A sample with further labels. One that is there already stays: twice the same series would be invalid.
    pub(super) fn labelled(&mut self, labels: &[(&str, &str)], value: impl Into<Value>) {
        let value = value.into();
        if matches!(value, Value::Unknown) {
            return;
        }
        let line = self.out.len();
        self.out.push_str("vm_probe_");
        self.out.push_str(self.family.name);
        self.out.push_str(self.family.kind.suffix());
        let mut before = '{';
        if !self.vm.is_empty() {
            self.out.push(before);
            self.out.push_str(self.vm);
            before = ',';
        }
        for (name, value) in labels {
            self.out.push(before);
            push_label(self.out, name, value);
            before = ',';
        }
        if before == ',' {
            self.out.push('}');
        }
        self.out.push(' ');
        if !labels.is_empty() {
            let (others, this) = self.out[self.of..].split_at(line - self.of);
            if others.lines().any(|other| other.starts_with(this)) {
                self.out.truncate(line);
                return;
            }
        }
        match value {
            Value::Whole(value) => _ = writeln!(self.out, "{value}"),
            Value::Part(value) => _ = writeln!(self.out, "{value}"),
            Value::Unknown => {}
        }
    }

    /// Takes the head away again where nothing came.
    pub(super) fn end(self) {
        if self.out.len() == self.first {
            self.out.truncate(self.start);
        }
    }
}

/// A figure; an unknown one has no sample.
pub(super) enum Value {
    Whole(u64),
    Part(f64),
    Unknown,
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Into::into)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Whole(u64::from(value))
    }
}

impl From<f64> for Value {
    /// Four places are what there is to know of a share or of seconds, and few bytes.
    fn from(value: f64) -> Self {
        let rounded = (value * 10_000.0).round() / 10_000.0;
        if rounded.is_finite() { Self::Part(rounded) } else { Self::Unknown }
    }
}

/// `name="value"`.
pub(super) fn label(name: &str, value: &str) -> String {
    let mut text = String::with_capacity(name.len() + value.len() + 3);
    push_label(&mut text, name, value);
    text
}

fn push_label(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push_str("=\"");
    for c in value.chars().take(LONGEST) {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
}

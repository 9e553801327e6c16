//! Arguments that are no text end no program otherwise than others that make no sense.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, process::Command};

#[test]
fn bytes_that_are_no_text_are_a_usage_error() {
    for (words, code) in [(&["--port"][..], 2), (&["--vm"], 2), (&["--nagios", "--port"], 3)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coral-check"));
        let output = command.args(words).arg(OsStr::from_bytes(b"\xff")).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
    }
}

//! One line that QEMU sent, read as what was asked for: typed, so that the long answers leave nothing behind that nobody
//! wants. What is no such answer is left to the monitor's own parser.

use crate::pve::qmp::{
    Trouble,
    message::{self, Message},
};
use serde::{Deserialize, de::IgnoredAny};

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Line<T> {
    #[serde(rename = "return")]
    value: Option<T>,
    id: Option<u64>,
    event: Option<IgnoredAny>,
}

/// What a line is.
#[derive(Debug, PartialEq)]
pub(super) enum Answer<T> {
    /// The answer.
    Value(T),
    /// There is none, and why: QEMU's words, or that it is not what was asked for.
    None(Trouble),
    /// An event, or the answer to something else.
    Other,
}

/// Reads a line as the answer to the question with this number.
pub(super) fn read<'a, T: Deserialize<'a>>(line: &'a [u8], number: u64) -> Result<Answer<T>, Trouble> {
    match serde_json::from_slice::<Line<T>>(line) {
        Ok(Line { event: Some(_), .. }) => return Ok(Answer::Other),
        Ok(Line { value: Some(value), id: Some(id), .. }) if id == number => return Ok(Answer::Value(value)),
        _ => {}
    }
    match message::parse(line).map_err(Trouble::Garbage)? {
        Message::Return { id, .. } if id == Some(number) => {
            Ok(Answer::None(Trouble::Garbage(message::beginning(line))))
        }
        // What QEMU could not even parse it answers without an id.
        Message::Error { id, class, desc } if id.is_none_or(|id| id == number) => {
            Ok(Answer::None(Trouble::Failed { class, desc }))
        }
        Message::Greeting => Err(Trouble::Garbage("a second greeting".into())),
        _ => Ok(Answer::Other),
    }
}

/// What a line that is no answer to a question is: `None` for an event, else its beginning.
pub(super) fn strange(line: &[u8]) -> Option<String> {
    (!matches!(message::parse(line), Ok(Message::Event(_)))).then(|| message::beginning(line))
}

#[derive(Deserialize)]
struct Greeting {
    #[serde(rename = "QMP")]
    _qmp: IgnoredAny,
}

/// Whether a line is the greeting; an event before it would be no error.
pub(super) fn is_greeting(line: &[u8]) -> Result<bool, Trouble> {
    if serde_json::from_slice::<Greeting>(line).is_ok() {
        return Ok(true);
    }
    match message::parse(line).map_err(Trouble::Garbage)? {
        Message::Greeting => Ok(true),
        Message::Event(_) => Ok(false),
        _ => Err(Trouble::Garbage("no greeting".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Status {
        status: String,
    }

    fn status(line: &[u8]) -> Result<Answer<Status>, Trouble> {
        read(line, 1)
    }

    #[test]
    fn an_answer_is_taken_by_its_number_alone() {
        let answer = br#"{"return": {"status": "running", "running": true}, "id": 1}"#;
        assert_eq!(status(answer), Ok(Answer::Value(Status { status: "running".into() })));
        for other in [
            &br#"{"return": {"status": "running"}, "id": 7}"#[..],
            br#"{"return": {"status": "running"}}"#,
            br#"{"event": "STOP", "timestamp": {"seconds": 1}}"#,
            br#"{"id": 2, "error": {"class": "GenericError", "desc": "x"}}"#,
        ] {
            assert_eq!(status(other), Ok(Answer::Other));
        }
    }

    #[test]
    fn a_failure_and_a_strange_answer_are_no_value() {
        let failed =
            br#"{"id": 1, "error": {"class": "CommandNotFound", "desc": "The command\u001b has not been found"}}"#;
        let (class, desc) = ("CommandNotFound".to_owned(), "The command has not been found".to_owned());
        assert_eq!(status(failed), Ok(Answer::None(Trouble::Failed { class, desc })));
        let strange = br#"{"return": {"status": 3}, "id": 1}"#;
        assert!(matches!(status(strange), Ok(Answer::None(Trouble::Garbage(_)))));
        assert!(matches!(status(b"SSH-2.0"), Err(Trouble::Garbage(_))));
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(
            bytes in any::<Vec<u8>>(), near in "\\{(\"(return|error|event|QMP|id)\": ?(\\{\"status\": \"|\\{|1,|\"a\",))*\\PC*\\}?"
        ) {
            let _ = (status(&bytes), status(near.as_bytes()), is_greeting(&bytes), is_greeting(near.as_bytes()));
        }
    }
}

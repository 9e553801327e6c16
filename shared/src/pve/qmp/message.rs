//! One line of the protocol.

use serde_json::{Map, Value};

/// Characters of what is told to people.
const LONGEST: usize = 300;

/// Something that happened in QEMU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `DEVICE_DELETED` and so on.
    pub name: String,
    /// What QEMU tells about it; null where it tells nothing.
    pub data: Value,
}

/// What QEMU sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// The first line of a session.
    Greeting,
    /// A command was done.
    Return {
        /// The command's number.
        id: Option<u64>,
        /// The answer.
        value: Value,
    },
    /// A command failed.
    Error {
        /// The command's number.
        id: Option<u64>,
        /// `GenericError`, `DeviceNotFound` and so on.
        class: String,
        /// QEMU's own words.
        desc: String,
    },
    /// Something happened.
    Event(Event),
}

/// Reads a line; the error says what it is instead of a message.
pub(crate) fn parse(line: &[u8]) -> Result<Message, String> {
    let value = serde_json::from_slice(line).map_err(|_| format!("no JSON: {}", beginning(line)))?;
    let Value::Object(mut message) = value else { return Err(format!("no message: {}", beginning(line))) };
    let id = message.get("id").and_then(Value::as_u64);
    if let Some(value) = message.remove("return") {
        return Ok(Message::Return { id, value });
    }
    if let Some(Value::Object(error)) = message.remove("error") {
        return Ok(Message::Error { id, class: text(&error, "class"), desc: text(&error, "desc") });
    }
    if let Some(Value::String(name)) = message.remove("event") {
        return Ok(Message::Event(Event { name, data: message.remove("data").unwrap_or_default() }));
    }
    if message.contains_key("QMP") {
        return Ok(Message::Greeting);
    }
    Err(format!("no message: {}", beginning(line)))
}

fn text(error: &Map<String, Value>, key: &str) -> String {
    printable(error.get(key).and_then(Value::as_str).unwrap_or_default())
}

/// As it may end up in a message on a terminal.
pub(crate) fn printable(text: &str) -> String {
    if is_printable(text) { text.to_owned() } else { text.chars().filter(|c| !c.is_control()).take(LONGEST).collect() }
}

/// Whether that is what [`printable`] makes of a text.
pub(crate) fn is_printed_as(text: &str, printed: &str) -> bool {
    if is_printable(text) { text == printed } else { printable(text) == printed }
}

/// The usual case, which needs no look at each character.
fn is_printable(text: &str) -> bool {
    text.len() <= LONGEST && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

pub(crate) fn beginning(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_qemu_sends_is_understood() {
        let greeting = br#"{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": []}}"#;
        assert_eq!(parse(greeting), Ok(Message::Greeting));
        let answer = Message::Return { id: Some(3), value: json!({}) };
        assert_eq!(parse(br#"{"return": {}, "id": 3}"#), Ok(answer));
        let error = br#"{"id": 1, "error": {"class": "DeviceNotFound", "desc": "Device 'usb0'\u001b not found"}}"#;
        let (class, desc) = ("DeviceNotFound".to_owned(), "Device 'usb0' not found".to_owned());
        assert_eq!(parse(error), Ok(Message::Error { id: Some(1), class, desc }));
        let event = br#"{"timestamp": {"seconds": 1}, "event": "RESET", "data": {"guest": true}}"#;
        let event = parse(event);
        assert_eq!(event, Ok(Message::Event(Event { name: "RESET".into(), data: json!({ "guest": true }) })));
    }

    #[test]
    fn anything_else_is_called_what_it_is() {
        assert_eq!(parse(b"\xff\x1b[2J"), Err("no JSON: \"\u{fffd}\\u{1b}[2J\"".into()));
        for line in [&b"[]"[..], b"{}", b"3", br#"{"error": 3}"#, br#"{"event": {}}"#] {
            assert!(parse(line).unwrap_err().starts_with("no message: "));
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_has_no_control_characters_and_is_recognised(text in "[a-z\u{1b}\u{80}é]{0,9}", other in "[a-b]{0,2}") {
            let printed = printable(&text);
            prop_assert_eq!(&printed, &text.replace(['\u{1b}', '\u{80}'], ""));
            prop_assert!(is_printed_as(&text, &printed));
            prop_assert_eq!(is_printed_as(&text, &other), printed == other);
        }

        #[test]
        fn no_line_makes_it_panic(
            bytes in any::<Vec<u8>>(), near in "\\{\"(return|error|event|QMP|id)\": ?(\\{|\\[|1|\"a\"|,)*\\PC*\\}?"
        ) {
            let _ = (parse(&bytes), parse(near.as_bytes()));
        }
    }
}

//! What the parser says of a value of the wrong kind, in the words of the file.

use super::written::line;

/// Names the key, and shows how it is written where a string is wanted: `timeout = 60` wants to be `timeout = "60s"`.
pub(super) fn told(message: &str, text: &str, at: usize) -> String {
    let message = message.replace('\n', " ");
    let Some((have, want)) = message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "))
    else {
        return message;
    };
    let written = text.lines().nth(line(text, at) - 1).unwrap_or_default();
    let Some((key, value)) = written.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else {
        return message;
    };
    let value = value.split('#').next().unwrap_or_default().trim();
    let plain = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric());
    let example = if want == "a string" && plain {
        let number = value.bytes().all(|b| b.is_ascii_digit());
        let unit = if number && TIMES.contains(&key) { "s" } else { "" };
        format!(" (example: {key} = \"{value}{unit}\")")
    } else {
        String::new()
    };
    format!("{key}: {want} is expected, not {have}{example}")
}

/// Keys that are times.
const TIMES: [&str; 9] =
    ["timeout", "lock_timeout", "chain_timeout", "discovery", "fast", "deep", "slow", "answer", "interval"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_named_and_an_example_given() {
        for (text, message, expected) in [
            (
                "a = 1\ntimeout = 60 # a minute\n",
                "invalid type: integer `60`, expected a string",
                "timeout: a string is expected, not integer `60` (example: timeout = \"60s\")",
            ),
            (
                "\nreturn = true",
                "invalid type: boolean `true`, expected a string",
                "return: a string is expected, not boolean `true` (example: return = \"true\")",
            ),
            (
                "\nunits = \"a\"",
                "invalid type: string \"a\", expected a sequence",
                "units: a sequence is expected, not string \"a\"",
            ),
            ("\nunits", "unknown field `units`", "unknown field `units`"),
        ] {
            let at = text.find('\n').unwrap() + 1;
            assert_eq!(told(message, text, at), expected);
        }
    }
}

//! Text from outside, made fit to be shown: whoever may name a VM, a pod or an error must not command a terminal.

use std::borrow::Cow;

/// Without control characters, on one line, and at most `most` characters long.
pub fn plain(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    let words =
        text.split(|c: char| c.is_whitespace() || c.is_control() || is_marking(c)).filter(|word| !word.is_empty());
    for (n, c) in words.flat_map(|word| std::iter::once(' ').chain(word.chars())).skip(1).enumerate() {
        if n == most {
            shown.push('…');
            break;
        }
        shown.push(c);
    }
    shown
}

/// The colours that are ours to show.
const OURS: [&str; 4] = ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"];

fn commands(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t')) || is_marking(c)
}

/// The same lines without what commands a terminal; each such character is shown as one that stands for none. Our own
/// colours stay where they are `painted`.
pub fn harmless(text: &str, painted: bool) -> Cow<'_, str> {
    if !text.contains(commands) {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(c) = rest.chars().next() {
        let colour = OURS.into_iter().find(|colour| painted && rest.starts_with(colour));
        match colour {
            Some(colour) => shown.push_str(colour),
            None => shown.push(if commands(c) { char::REPLACEMENT_CHARACTER } else { c }),
        }
        rest = &rest[colour.map_or(c.len_utf8(), str::len)..];
    }
    Cow::Owned(shown)
}

/// A JSON document that says the same without what commands a terminal: the serializer leaves some of it as it is. All of
/// it can only stand inside of strings.
pub fn harmless_json(document: &str) -> Cow<'_, str> {
    if !document.contains(commands) {
        return Cow::Borrowed(document);
    }
    let escaped = |c: char| if commands(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    Cow::Owned(document.chars().map(escaped).collect())
}

/// Marks that turn the direction of what follows, or have no width, so that it reads as something else than it is.
fn is_marking(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_that_commands_a_terminal_is_left() {
        assert_eq!(plain("  a\x1b[31m\nb\u{202e}c\t d ", 80), "a [31m b c d");
        assert_eq!(plain("ééé", 2), "éé…");
        assert_eq!(plain("", 2), "");
    }

    #[test]
    fn our_colours_stay_and_nobody_elses_commands() {
        let text = "\x1b[32mok\x1b[0m\t\x1b[2J\u{9b}31m\u{202e}\u{2066}\n";
        assert_eq!(harmless(text, true), "\x1b[32mok\x1b[0m\t\u{fffd}[2J\u{fffd}31m\u{fffd}\u{fffd}\n");
        assert_eq!(harmless(text, false), "\u{fffd}[32mok\u{fffd}[0m\t\u{fffd}[2J\u{fffd}31m\u{fffd}\u{fffd}\n");
        let names = ["\u{9b}31m", "\u{202e}\x7f é"];
        let document = serde_json::to_string_pretty(&names).unwrap();
        let shown = harmless_json(&document);
        assert!(shown.contains("\\u009b31m") && shown.contains("\\u202e\\u007f é"), "{shown}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), names);
    }

    proptest! {
        #[test]
        fn it_is_always_short_and_printable(text in ".*", most in 0usize..50) {
            let shown = plain(&text, most);
            prop_assert!(shown.chars().count() <= most + 1);
            prop_assert!(!shown.chars().any(char::is_control));
        }
    }
}

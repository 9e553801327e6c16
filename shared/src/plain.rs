//! Text from outside, made fit to be shown: whoever may name a VM, a pod or an error must not command a terminal.

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

    proptest! {
        #[test]
        fn it_is_always_short_and_printable(text in ".*", most in 0usize..50) {
            let shown = plain(&text, most);
            prop_assert!(shown.chars().count() <= most + 1);
            prop_assert!(!shown.chars().any(char::is_control));
        }
    }
}

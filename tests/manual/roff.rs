//! The little of roff's `man` macros that the pages are made of.

/// Text as it is, with nothing in it that roff would take for its own. Hyphens stay what can be pasted.
pub fn plain(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

/// What is typed as it stands.
pub fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", plain(text))
}

/// What something else stands for.
pub fn italic(text: &str) -> String {
    format!("\\fI{}\\fR", plain(text))
}

/// An entry of a list.
pub fn entry(head: &str, body: &str) -> String {
    format!(".TP\n{head}\n{body}\n")
}

/// A line of usage: what stands for something else is in capitals, all other words are typed as they stand.
pub fn usage(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line.replace(['<', '>'], "");
    while !rest.is_empty() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let inside = rest.starts_with(is_word);
        let end = rest.find(|c| is_word(c) != inside).unwrap_or(rest.len());
        let tail = rest.split_off(end);
        let stands_for = rest.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') && !rest.starts_with('-');
        text.push_str(&match (inside, stands_for) {
            (false, _) => plain(&rest),
            (true, true) => italic(&rest.to_lowercase()),
            (true, false) => bold(&rest),
        });
        rest = tail;
    }
    text
}

/// Text in which `words` between backticks are typed as they stand.
pub fn prose(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(n, part)| if n % 2 == 1 { bold(part) } else { plain(part) }).collect()
}

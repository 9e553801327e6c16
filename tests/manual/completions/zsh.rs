//! What zsh needs beyond what clap makes for it.

use super::{
    live::{Live, functions},
    words,
};
use clap::{Arg, Command, ValueHint};

/// Stands for "no verb" as long as clap is at work.
const OTHERWISE: &str = "OTHERWISE";

/// What follows a first word that is no verb. clap would look for the verb behind all other words, and never find it.
pub fn otherwise(options: Vec<Arg>, words: Vec<Arg>) -> Command {
    Command::new(OTHERWISE).args(options).args(words.into_iter().skip(1))
}

/// clap has no words for what is looked up: each borrows those of something that no program here takes.
pub fn hint(live: Live) -> (ValueHint, &'static str) {
    match live {
        Live::Vms => (ValueHint::Username, "_users"),
        Live::Gpus => (ValueHint::Hostname, "_hosts"),
        Live::Usb => (ValueHint::Url, "_urls"),
        Live::Corals => (ValueHint::EmailAddress, "_email_addresses"),
        Live::Controllers => (ValueHint::CommandString, "_cmdstring"),
    }
}

/// The borrowed words are given back, and the first word is a verb or what else may stand there.
pub fn script(command: &Command, mut made: String) -> String {
    let name = command.get_name();
    for live in [Live::Vms, Live::Gpus, Live::Usb, Live::Corals, Live::Controllers] {
        made = made.replace(&format!(":{}'", hint(live).1), &format!(":{}'", live.function()));
    }
    let first = words(command).next().and_then(|(_, arg)| Live::of(name, arg));
    let mut own = String::new();
    if let Some(live) = first {
        // With nothing there yet, the first word is what is being typed.
        made = made.replace(&format!("({OTHERWISE})\n"), "(?*)\n");
        made = without(&made, &format!("'{OTHERWISE}:"), " \\\n");
        made = without(&made, &format!("(( $+functions[_{name}__subcmd__{OTHERWISE}_commands] ))"), "\n}\n");
        let commands = format!(":_{name}_commands\" \\");
        assert!(made.contains(&commands), "{name}: clap asks for verbs in another way");
        made = made.replace(&commands, &format!(":_{name}_first\" \\"));
        own = FIRST.replace("@name@", name).replace("@function@", live.function());
    }
    assert!(!made.contains(OTHERWISE), "{name}: what stands for no verb shows");
    own += &functions(include_str!("live.zsh"), &(made.clone() + &own));
    let end = made.rfind("\nif [ \"$funcstack[1]\"").expect("it runs when it is loaded");
    let (made, run) = made.split_at(end);
    format!("{made}{own}{run}")
}

/// The text but for one piece.
fn without(text: &str, from: &str, to: &str) -> String {
    let start = text.find(from).unwrap_or_else(|| panic!("clap makes no {from:?} any more"));
    let end = start + text[start..].find(to).expect("it ends") + to.len();
    text[..start].to_owned() + &text[end..]
}

const FIRST: &str = r#"
_@name@_first() {
    local ret=1
    _@name@_commands "$@" && ret=0
    @function@ "$@" && ret=0
    return ret
}
"#;

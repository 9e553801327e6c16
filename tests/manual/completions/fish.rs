//! What fish needs beyond what clap makes for it.

use super::{
    live::{Live, functions},
    valued, verbs, words,
};
use clap::{Arg, Command};

/// What clap makes takes every first word for a verb, and gives up where an option waits for its value. Fish itself knows whether
/// a verb was typed.
pub fn script(command: &Command, made: &str) -> String {
    let name = command.get_name();
    let own = name.replace('-', "_");
    let none = format!(
        "not __fish_seen_subcommand_from {}",
        verbs(command).map(Command::get_name).collect::<Vec<_>>().join(" ")
    );
    let entries = &made[made.find("\ncomplete ").expect("it offers something")..];
    let entries = entries
        .replace(&format!("__fish_{own}_needs_command"), &none)
        .replace(&format!("__fish_{own}_using_subcommand"), "__fish_seen_subcommand_from");
    assert!(!entries.contains(&own), "{name}: clap calls a function that is not there any more");
    let mut text: String = entries.lines().map(|line| looked_up(command, line) + "\n").collect();

    let longs: Vec<_> = valued(command).into_iter().filter_map(Arg::get_long).collect();
    let at = |at: usize| format!("__pve_hooks_at {at} --{}", longs.join(" --"));
    for (place, arg) in words(command) {
        let here = place.map_or_else(|| none.clone(), |place| format!("{none}; and {}", at(place)));
        text += &entry(name, &here, arg);
    }
    for verb in verbs(command) {
        let seen = format!("__fish_seen_subcommand_from {}", verb.get_name());
        for (place, arg) in words(verb) {
            // The verb itself is a word too.
            let here = place.map_or_else(|| seen.clone(), |place| format!("{seen}; and {}", at(place + 1)));
            text += &entry(name, &here, arg);
        }
    }
    let library = functions(include_str!("live.fish"), &text);
    // Targets and VMs are no files.
    format!("complete -c {name} -f{text}{library}")
}

/// A line of clap's, whose option may take what is looked up.
fn looked_up(command: &Command, line: &str) -> String {
    let of = |arg: &Arg| Some((Live::of(command.get_name(), arg)?, arg.get_long()?.to_owned()));
    let known = valued(command).into_iter().filter_map(of).find(|(_, long)| line.contains(&format!(" -l {long} ")));
    known.map_or_else(|| line.to_owned(), |(live, _)| format!("{line} -a \"(_{})\"", live.function()))
}

/// What a word may be.
fn entry(name: &str, here: &str, arg: &Arg) -> String {
    let mut text = String::new();
    for value in arg.get_possible_values() {
        let help = value.get_help().map(ToString::to_string).unwrap_or_default().replace('\'', "\\'");
        text += &format!("complete -c {name} -n \"{here}\" -a {} -d '{help}'\n", value.get_name());
    }
    if let Some(live) = Live::of(name, arg) {
        text += &format!("complete -c {name} -n \"{here}\" -a \"(_{})\"\n", live.function());
    }
    text
}

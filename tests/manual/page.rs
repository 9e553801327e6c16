//! The man page of a program: what clap knows of it, and what only a person can tell (`parts/`).

use crate::{
    examples,
    parts::Parts,
    roff::{bold, entry, italic, plain, prose, usage},
};
use clap::{Arg, ArgAction, Command};

/// Sections in the order in which they are read; a program's own ones stand between options and exit status.
const LAST: [&str; 6] = ["EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "BUGS", "SEE ALSO"];

/// The page; `head` is its first lines, `common` is what stands in every page.
pub fn page(head: &str, command: &mut Command, mut parts: Parts, common: &Parts) -> String {
    command.build();
    let name = command.get_name().to_owned();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("{head}.SH NAME\n{} \\- {}\n", plain(&name), plain(&about));
    text.push_str(&format!(".SH SYNOPSIS\n{}", synopsis(command)));
    text.push_str(&format!(".SH DESCRIPTION\n{}", parts.take("DESCRIPTION")));
    text.push_str(&format!(".SH COMMANDS\n{}", parts.take("COMMANDS")));
    for verb in verbs(command) {
        text.push_str(&verb_section(verb, &parts.take(&format!("COMMANDS/{}", verb.get_name()))));
    }
    text.push_str(&format!(".SH OPTIONS\n{}", parts.take("OPTIONS")));
    text.push_str(&options(command));
    for section in parts.names().into_iter().filter(|name| !LAST.contains(&name.as_str())) {
        text.push_str(&format!(".SH {section}\n{}", parts.take(&section)));
    }
    for section in LAST {
        let made = if section == "EXAMPLES" { shown(&examples::of(command).0) } else { String::new() };
        let all = [made, common.without(section, &name), parts.take(section)].concat();
        if !all.is_empty() {
            text.push_str(&format!(".SH {section}\n{all}"));
        }
    }
    text
}

fn verbs(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help")
}

/// How a command is called, a line for each way.
fn lines_of(command: &Command) -> Vec<String> {
    let text = command.clone().render_usage().to_string();
    text.trim_start_matches("Usage:").lines().map(|line| line.trim().to_owned()).collect()
}

fn synopsis(command: &Command) -> String {
    let mut lines = lines_of(command);
    if !lines.iter().any(|line| verbs(command).any(|verb| line.contains(verb.get_name()))) {
        // Only COMMAND stands there: each of them is said instead.
        lines.retain(|line| !line.contains("<COMMAND>"));
        for line in &mut lines {
            *line = line.replace(" [COMMAND]", "");
        }
        lines.extend(verbs(command).flat_map(lines_of));
    }
    lines.iter().map(|line| usage(line)).collect::<Vec<_>>().join("\n.br\n") + "\n"
}

fn verb_section(verb: &Command, more: &str) -> String {
    let call = lines_of(verb).concat().replace("[OPTIONS] ", "").replace(" [OPTIONS]", "");
    let call = call.split_once(' ').map_or("", |(_, rest)| rest);
    let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text = format!(".SS \"{}\"\n{}.\n{more}", usage(call), prose(&about));
    for arg in visible(verb).filter(|arg| !arg.is_global_set() && !is_usual(arg)) {
        text.push_str(&option(arg));
    }
    let (examples, below) = examples::of(verb);
    if !below.is_empty() {
        text.push_str(&format!(".PP\n{}\n", plain(&below)));
    }
    text.push_str(".PP\nExamples:\n");
    text + &shown(&examples)
}

fn visible(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_hide_set())
}

/// `--help` and `--version`, which every command has.
fn is_usual(arg: &Arg) -> bool {
    matches!(arg.get_id().as_str(), "help" | "version")
}

/// The program's own options, then those under headings, then the usual ones.
fn options(command: &Command) -> String {
    let all: Vec<_> = visible(command).collect();
    let of = |heading: Option<&str>| -> String {
        all.iter().filter(|arg| arg.get_help_heading() == heading && !is_usual(arg)).map(|arg| option(arg)).collect()
    };
    let mut text = of(None);
    let mut headings: Vec<&str> = all.iter().filter_map(|arg| arg.get_help_heading()).collect();
    headings.dedup();
    for heading in headings {
        text.push_str(&format!(".SS {heading}\n{}", of(Some(heading))));
    }
    text + &all.iter().filter(|arg| is_usual(arg)).map(|arg| option(arg)).collect::<String>()
}

fn option(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default().iter().map(|name| italic(&name.to_lowercase()));
    let value = names.collect::<Vec<_>>().join(" ");
    let many = matches!(arg.get_action(), ArgAction::Append);
    let head = if arg.is_positional() {
        format!("{value}{}", if many { "..." } else { "" })
    } else {
        let short = arg.get_short().map(|short| bold(&format!("-{short}")));
        let long = arg.get_long().map(|long| bold(&format!("--{long}")));
        let spelled = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
        let takes = arg.get_action().takes_values();
        if takes { format!("{spelled} {value}") } else { spelled }
    };
    let help = match arg.get_id().as_str() {
        "help" => "Print help; after a command, what it can be told".to_owned(),
        _ => arg.get_help().map(ToString::to_string).unwrap_or_default(),
    };
    let (what, default) = help
        .split_once(" [default: ")
        .map_or((help.as_str(), None), |(what, default)| (what, Some(default.trim_end_matches(']').to_owned())));
    let set = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    let set = set.reduce(|all, value| all + " " + &value).filter(|_| !arg.is_hide_default_value_set());
    // Of switches and counters clap knows a default that says nothing.
    let default = default.or_else(|| set.filter(|_| arg.get_action().takes_values()));
    let default = default.map(|value| format!(" Default: {}.", bold(&value))).unwrap_or_default();
    entry(&head, &format!("{}.{default}", prose(what))) + &values(arg)
}

/// The values that clap knows, each with what it means.
fn values(arg: &Arg) -> String {
    let known = if arg.get_action().takes_values() { arg.get_possible_values() } else { Vec::new() };
    if known.is_empty() {
        return String::new();
    }
    let of = |value: &clap::builder::PossibleValue| {
        entry(
            &bold(value.get_name()),
            &prose(&format!("{}.", value.get_help().map(ToString::to_string).unwrap_or_default())),
        )
    };
    format!(".RS\n{}.RE\n", known.iter().map(of).collect::<String>())
}

fn shown(examples: &[examples::Example]) -> String {
    examples
        .iter()
        .map(|example| entry(&bold(&example.line), &plain(example.what.trim_start_matches("... "))))
        .collect()
}

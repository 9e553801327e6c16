//! What bash needs beyond what clap makes for it.

use super::{
    live::{Live, functions},
    valued, verbs, words,
};
use clap::{Arg, Command};

/// Tab calls a function of ours, which leaves to clap's what clap knows.
pub fn script(command: &Command, made: &str) -> String {
    let name = command.get_name();
    let own = name.replace('-', "__");
    // https://github.com/clap-rs/clap/issues/6421: two spellings of a name with a hyphen, which never meet.
    let made = made.replace(&name.replace('-', "__subcmd__"), &own);
    let called = format!("complete -F _{own} ");
    assert!(made.contains(&called), "{name}: clap tells bash otherwise what to call");
    let made = made.replace(&called, &format!("complete -F _{own}_tab "));
    let tab = include_str!("tab.bash")
        .replace("@clap@", &format!("_{own}"))
        .replace("@valued@", &either(valued(command).iter().map(|arg| format!("*,{}", long(arg)))))
        .replace("@verbs@", &either(verbs(command).map(|verb| format!(",0,{}", verb.get_name()))))
        .replace("@cases@", cases(command).trim_end());
    let library = functions(include_str!("live.bash"), &tab);
    format!("{made}\n{tab}{library}")
}

/// Who is asked for what stands behind an option, or at a place: `PREVIOUS VERB,PLACE,WORD`.
fn cases(command: &Command) -> String {
    let program = command.get_name();
    let (live, known): (Vec<&Arg>, Vec<&Arg>) =
        valued(command).into_iter().partition(|arg| Live::of(program, arg).is_some());
    let mut cases = String::new();
    let mut case = |label: &str, what: &str| cases += &format!("        {label}) {what} ;;\n");
    for arg in live {
        case(&format!("'{} '*", long(arg)), Live::of(program, arg).expect("it was asked for").function());
    }
    let known = either(known.iter().map(|arg| format!("'{} '*", long(arg))).chain(["*,-*".to_owned()]));
    case(&known, &format!("_{} \"$1\" \"$cur\" \"$prev\"; return", program.replace('-', "__")));
    let places = std::iter::once(("", command)).chain(verbs(command).map(|verb| (verb.get_name(), verb)));
    for (verb, place) in places {
        for (at, arg) in words(place) {
            let label = at.map_or_else(|| format!("*' {verb},'*"), |at| format!("*' {verb},{at},'*"));
            let mut offered: Vec<_> =
                arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
            if verb.is_empty() && at == Some(0) {
                offered.extend(verbs(command).map(|verb| verb.get_name().to_owned()));
            }
            let mut what =
                Vec::from_iter((!offered.is_empty()).then(|| format!("_pve_hooks_offer {}", offered.join(" "))));
            what.extend(Live::of(program, arg).map(|live| live.function().to_owned()));
            if !what.is_empty() {
                case(&label, &what.join("; "));
            }
        }
    }
    cases
}

fn either(labels: impl Iterator<Item = String>) -> String {
    labels.collect::<Vec<_>>().join(" | ")
}

fn long(arg: &Arg) -> String {
    format!("--{}", arg.get_long().expect("every option with a value has a long name"))
}

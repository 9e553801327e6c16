use super::{super::duration, *};
use clap::Arg;

#[test]
fn words_in_the_wrong_order_are_told_in_the_right_one() {
    let many = |name: &'static str| Arg::new(name).required(true).num_args(1..).value_parser(duration);
    let force = Arg::new("force").long("force").action(clap::ArgAction::SetTrue);
    let command = Command::new("program")
        .subcommand_required(true)
        .arg(Arg::new("root").long("root").global(true))
        .subcommand(Command::new("detach").arg(many("target")).arg(force))
        .subcommand(Command::new("list"));
    for (typed, meant) in [
        ("1s detach", Some("program detach 1s")),
        ("1s 2s detach --force", Some("program detach 1s 2s --force")),
        ("--root / 1s detach", Some("program detach --root / 1s")),
        ("1s list", None),
        ("what detach", None),
        ("detach", None),
        ("1s detach --help", None),
        ("", None),
    ] {
        let words: Vec<_> = typed.split_whitespace().map(OsString::from).collect();
        assert_eq!(in_order(&command, &words).as_deref(), meant, "{typed}");
    }
}

#[test]
fn help_is_not_had_by_a_slip() {
    let flag = |name: &'static str, short| Arg::new(name).long(name).short(short).action(clap::ArgAction::SetTrue);
    let command = Command::new("program")
        .version("1")
        .arg(flag("quiet", 'q').global(true))
        .arg(flag("hard", 'x'))
        .arg(Arg::new("target").value_parser(duration))
        .subcommand(Command::new("history"));
    for (typed, meant) in [
        ("-history", Some("program history")),
        ("-q -history", Some("program -q history")),
        ("-hard 1s", Some("program --hard 1s")),
        ("1s -hfoo", Some("program --help")),
        ("-qhfoo", Some("program --help")),
        ("-Vfoo", Some("program --version")),
        ("-h", None),
        ("-qh", None),
        ("-hxV", None),
        ("-help", None),
        ("-version", None),
        ("--hfoo", None),
        ("--help -hfoo", None),
        ("-q -foo", None),
        ("-- -hfoo", None),
    ] {
        let words: Vec<_> = typed.split_whitespace().map(OsString::from).collect();
        let told = slipped(&command, &words).map(|(_, meant)| meant);
        assert_eq!(told.as_deref(), meant, "{typed}");
    }
}

#[test]
fn a_message_of_several_lines_is_told_in_one() {
    let text = "error: the following required arguments were not provided:\n  <TARGET>\n\nUsage: x\n";
    assert_eq!(paragraph(text), "the following required arguments were not provided: <TARGET>");
}

#[test]
fn verbs_and_options_that_are_mixed_up_are_told_as_they_are() {
    let command = Command::new("program")
        .arg(Arg::new("fix").long("fix").action(clap::ArgAction::SetTrue))
        .arg(Arg::new("target").value_parser(duration))
        .subcommand(Command::new("history"));
    for (typed, meant) in [
        ("fix", Some("program --fix")),
        ("fix 1s", Some("program --fix 1s")),
        ("--history", Some("program history")),
        ("reset 1s", Some("program 1s")),
        ("status", Some("program")),
        ("explode", None),
        ("reset what", None),
        ("--bogus", None),
    ] {
        let words: Vec<_> = typed.split_whitespace().map(OsString::from).collect();
        assert_eq!(other_form(&command, &words).as_deref(), meant, "{typed}");
    }
    assert!(starts_alike("--jsno", "--json") && !starts_alike("--bogus", "--no-guest") && !starts_alike("x", "y"));
}

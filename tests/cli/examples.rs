//! The examples of help texts and man pages, run as they stand on the tree `examples` (or another one that is named here).
//! `--root` is put in, and `-n` where something would be changed. What cannot be run there is said; that every line is at
//! least understood is tested beside the man pages.

use std::{fs, path::Path, process::Command};

/// The trees that they run on.
pub const TREES: [&str; 3] = ["examples", "attached", "coral-works"];

/// Lines that run on another tree.
const ELSEWHERE: [(&str, &str); 3] =
    [("coral-check", "coral-works"), ("vm-probe history", "examples"), ("vm-probe", "attached")];

/// Lines that end with another code than 0 there, and why.
const OTHERWISE: [(&str, i32, &str); 3] = [
    ("usb-reset 3-1.4 --rung controller --controller 0000:03:00.0", 5, "what hangs on that controller is in use"),
    ("vm-probe report", 1, "no QEMU in a container"),
    ("vm-probe discover --source kubernetes", 1, "no cluster"),
];

/// Lines that are not run, and why.
const NOT_RUN: [(&str, &str); 3] = [
    ("vm-probe serve", "runs until it is ended"),
    ("vm-probe check --api", "needs a cluster"),
    ("coral-check --metrics", "writes a file outside of the tree"),
];

fn output(program: &str, words: &[&str], path: &Path) -> (i32, String, String) {
    let output = Command::new(program).args(words).env_clear().env("PATH", path).output().expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// The lines below "Examples:" in a help text.
fn lines_of_help(help: &str) -> Vec<String> {
    let below = help.split_once("\nExamples:\n").map_or("", |(_, below)| below);
    let lines = below.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.strip_prefix("  "));
    let typed = lines.filter(|line| !line.starts_with(' ')).map(|line| line.split("  ").next().unwrap_or_default());
    typed.map(str::to_owned).collect()
}

/// The verbs that a help text lists.
fn verbs(help: &str) -> Vec<&str> {
    let below = help.split_once("\nCommands:\n").map_or("", |(_, below)| below);
    let lines = below.lines().take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_whitespace().next()).filter(|verb| *verb != "help").collect()
}

/// The lines of a man page that are to be pasted.
fn lines_of_page(page: &str) -> Vec<String> {
    let blocks = page.split("\n.EX\n").skip(1).filter_map(|rest| rest.split("\n.EE\n").next());
    blocks.flat_map(str::lines).map(|line| line.replace("\\-", "-")).collect()
}

/// Runs all examples of a program (`exe` is where it is) on trees below `trees`.
pub fn run(name: &str, exe: &str, trees: &Path) {
    let nowhere = trees.join("no-such-directory");
    let (_, help, _) = output(exe, &["--help"], &nowhere);
    let mut lines = lines_of_help(&help);
    for verb in verbs(&help) {
        let examples = lines_of_help(&output(exe, &[verb, "--help"], &nowhere).1);
        assert!(!examples.is_empty(), "{name} {verb} --help has no examples");
        lines.extend(examples);
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../man/{name}.8"));
    lines.extend(lines_of_page(&fs::read_to_string(&page).expect("the man page is there")));
    assert!(lines.len() > 5, "{name}: {lines:?}");

    let (mut ran, mut not_run) = (0, Vec::new());
    for line in &lines {
        let others = line.split(' ').next() != Some(name);
        let why = NOT_RUN.iter().find(|(start, _)| line.starts_with(start)).map(|(_, why)| *why);
        if let Some(why) = why.or(others.then_some("another program's")) {
            not_run.push(format!("{line} ({why})"));
            continue;
        }
        let tree = ELSEWHERE.iter().find(|(start, _)| line.starts_with(start)).map_or("examples", |(_, tree)| tree);
        let root = trees.join(tree);
        let typed = line.split(" > ").next().unwrap_or_default();
        let mut words = vec!["--root", root.to_str().expect("a plain path")];
        words.extend(typed.split_whitespace().skip(1));
        if !words.iter().any(|word| ["-n", "--nagios"].contains(word)) {
            words.push("-n");
        }
        let (code, said, complained) = output(exe, &words, &root.join("bin"));
        let wanted = OTHERWISE.iter().find(|(start, ..)| line.starts_with(start)).map_or(0, |(_, code, _)| *code);
        assert_eq!(code, wanted, "{line}\n{said}{complained}");
        ran += 1;
    }
    let said_of = OTHERWISE.iter().map(|(start, ..)| start).chain(NOT_RUN.iter().map(|(start, _)| start));
    for start in said_of.filter(|start| start.split(' ').next() == Some(name)) {
        assert!(lines.iter().any(|line| line.starts_with(start)), "{start}: there is no such example any more");
    }
    println!("{name}: {ran} examples ran, {} did not:\n  {}", not_run.len(), not_run.join("\n  "));
}

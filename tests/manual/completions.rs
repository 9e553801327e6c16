//! Completions for bash, zsh and fish.

use clap::{Arg, Command, ValueHint};
use clap_complete::{Shell, generate};
use std::path::PathBuf;

/// The file for each shell, below `completions/`.
pub fn files(command: &Command) -> Vec<(PathBuf, String)> {
    let name = command.get_name().to_owned();
    let of = |shell, file: String| {
        let mut bytes = Vec::new();
        generate(shell, &mut offered(command), &name, &mut bytes);
        let mut text = String::from_utf8(bytes).expect("completions are UTF-8");
        match shell {
            // https://github.com/clap-rs/clap/issues/6421: two spellings of a name with a hyphen, which never meet.
            Shell::Bash => text = text.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__")),
            Shell::Fish => text = for_fish(command, &text),
            _ => {}
        }
        let text = text.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
        (PathBuf::from("completions").join(file), text)
    };
    vec![
        of(Shell::Bash, format!("{name}.bash")),
        of(Shell::Zsh, format!("_{name}")),
        of(Shell::Fish, format!("{name}.fish")),
    ]
}

/// What is offered: nothing hidden, and files only where files are meant.
fn offered(command: &Command) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    // Names have to live as long as the program, unless all programs carry what lets clap own them.
    Command::new(&*command.get_name().to_owned().leak())
        .about(about)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(command.get_version().is_none())
        .disable_help_subcommand(true)
        .args(command.get_arguments().filter(|arg| !arg.is_hide_set()).cloned().map(hinted))
        .subcommands(command.get_subcommands().filter(|verb| !verb.is_hide_set()).map(offered))
}

/// What clap makes for fish takes every first word for a verb, and gives up where an option waits for its value. Fish itself
/// knows whether a verb was typed.
fn for_fish(command: &Command, text: &str) -> String {
    let name = command.get_name();
    let own = name.replace('-', "_");
    let verbs: Vec<_> = command.get_subcommands().filter(|verb| !verb.is_hide_set()).map(Command::get_name).collect();
    let none = format!("not __fish_seen_subcommand_from {}", verbs.join(" "));
    let entries = &text[text.find("\ncomplete ").expect("it offers something")..];
    let entries = entries
        .replace(&format!("__fish_{own}_needs_command"), &none)
        .replace(&format!("__fish_{own}_using_subcommand"), "__fish_seen_subcommand_from");
    assert!(!entries.contains(&own), "{name}: clap calls a function that is not there any more");
    let mut values = String::new();
    for value in command.get_positionals().flat_map(Arg::get_possible_values) {
        let help = value.get_help().map(ToString::to_string).unwrap_or_default().replace('\'', "\\'");
        values += &format!("complete -c {name} -n \"{none}\" -a {} -d '{help}'\n", value.get_name());
    }
    // Targets and VMs are no files.
    format!("complete -c {name} -f{entries}{values}")
}

fn hinted(arg: Arg) -> Arg {
    let name = arg.get_value_names().and_then(<[_]>::first).map_or("", |name| name.as_str());
    let hint = match name {
        "FILE" => ValueHint::FilePath,
        "DIR" => ValueHint::DirPath,
        _ => ValueHint::Other,
    };
    // A switch has no value that could be hinted at.
    if arg.get_action().takes_values() { arg.value_hint(hint) } else { arg }
}

#[cfg(test)]
mod tests {
    use super::files;
    use crate::commands;
    use std::{fs, process::Command};

    /// What bash offers for a line, by the function that it calls on Tab.
    fn offered(line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split(' ').collect();
        let (program, cur, prev) = (words[0], words[words.len() - 1], words[words.len() - 2]);
        let command = commands().into_iter().find(|command| command.get_name() == program).unwrap();
        let tab = "compopt() { :; }; COMP_WORDS=(\"${@:3}\"); COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
                   \"_${3//-/__}\" \"$3\" \"$1\" \"$2\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
        let script = files(&command)[0].1.clone() + tab;
        let output = Command::new("bash").args(["--norc", "-uc", &script, "bash", cur, prev]).args(&words).output();
        let output = output.expect("bash runs");
        assert!(output.stderr.is_empty(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).filter(|word| !word.is_empty()).collect()
    }

    #[test]
    fn bash_offers_verbs_options_and_values() {
        assert_eq!(offered("gpu-bind rec"), ["reconcile"]);
        assert_eq!(offered("gpu-bind -n att"), ["attach"]);
        assert_eq!(offered("gpu-bind detach --al"), ["--allow-console"]);
        assert_eq!(offered("gpu-bind detach 01:00 --for"), ["--force"]);
        assert_eq!(offered("usb-reset 3-1.4 --rung h"), ["hub-power"]);
        assert_eq!(offered("vm-probe check --source k"), ["kubernetes"]);
        assert_eq!(offered("pve-hook 111 pre"), ["pre-start", "pre-stop"]);
        assert_eq!(offered("coral-check --auto"), ["--auto-reboot"]);
        assert_eq!(offered("pve-hook gu"), [""; 0], "what is hidden is not offered");
    }

    #[test]
    fn bash_offers_files_where_files_are_meant() {
        let dir = std::env::temp_dir().join(format!("pve-hooks-completions-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("probe.token"), "").unwrap();
        let typed = format!("vm-probe serve --token-file {}/pro", dir.display());
        assert_eq!(offered(&typed), [format!("{}/probe.token", dir.display())]);
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!(offered("gpu-bind --timeout 3"), ["3"], "a time is no file");
    }
}

//! Completions for bash, zsh and fish: options and verbs by clap, and what the machine has by functions of our own.

mod bash;
mod fish;
mod live;
mod zsh;

use clap::{Arg, Command, ValueHint};
use clap_complete::{Shell, generate};
use live::Live;
use std::path::PathBuf;

/// The file for each shell, below `completions/`.
pub fn files(command: &Command) -> Vec<(PathBuf, String)> {
    let name = command.get_name().to_owned();
    let of = |shell, file: String| {
        let mut bytes = Vec::new();
        generate(shell, &mut offered(&name, command, shell), &name, &mut bytes);
        let text = String::from_utf8(bytes).expect("completions are UTF-8");
        let text = match shell {
            Shell::Bash => bash::script(command, &text),
            Shell::Fish => fish::script(command, &text),
            _ => zsh::script(command, text),
        };
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
fn offered(program: &str, command: &Command, shell: Shell) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let hinted = |arg: &Arg| hinted(program, arg, shell);
    let (words, options): (Vec<_>, Vec<_>) =
        command.get_arguments().filter(|arg| !arg.is_hide_set()).map(hinted).partition(Arg::is_positional);
    // Names have to live as long as the program, unless all programs carry what lets clap own them.
    let made = Command::new(&*command.get_name().to_owned().leak())
        .about(about)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(command.get_version().is_none())
        .disable_help_subcommand(true)
        .args(options.clone())
        .subcommands(verbs(command).map(|verb| offered(program, verb, shell)));
    if shell == Shell::Zsh && made.has_subcommands() && !words.is_empty() {
        return made.subcommand(zsh::otherwise(options, words));
    }
    made.args(words)
}

/// The verbs that are no secret.
fn verbs(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set())
}

/// The words that a command takes, in their order: where each stands (`None`: anywhere, as many as there are), and itself.
fn words(command: &Command) -> impl Iterator<Item = (Option<usize>, &Arg)> {
    let many = |arg: &Arg| matches!(arg.get_action(), clap::ArgAction::Append);
    command.get_positionals().enumerate().map(move |(at, arg)| (Some(at).filter(|_| !many(arg)), arg))
}

/// The options of a program that take a value, each once.
fn valued(command: &Command) -> Vec<&Arg> {
    let mut found: Vec<&Arg> = Vec::new();
    for arg in std::iter::once(command).chain(verbs(command)).flat_map(Command::get_opts) {
        if arg.get_action().takes_values() && !found.iter().any(|known| known.get_long() == arg.get_long()) {
            found.push(arg);
        }
    }
    found
}

fn hinted(program: &str, arg: &Arg, shell: Shell) -> Arg {
    let hint = match live::value_name(arg) {
        "FILE" => ValueHint::FilePath,
        "DIR" => ValueHint::DirPath,
        _ => match Live::of(program, arg) {
            Some(live) if shell == Shell::Zsh => zsh::hint(live).0,
            _ => ValueHint::Other,
        },
    };
    // A switch has no value that could be hinted at.
    if arg.get_action().takes_values() { arg.clone().value_hint(hint) } else { arg.clone() }
}

#[cfg(test)]
mod tests {
    use super::files;
    use crate::commands;
    use std::{fs, process::Command};

    /// What bash offers for a line, by the function that it calls on Tab.
    fn offered(line: &str) -> Vec<String> {
        let program = line.split(' ').next().unwrap();
        let command = commands().into_iter().find(|command| command.get_name() == program).unwrap();
        let tab = "compopt() { :; }; COMP_LINE=$1 COMP_POINT=${#1}; \"_${2//-/__}_tab\" \"$2\"
                   printf '%s\\n' \"${COMPREPLY[@]}\"";
        let script = files(&command)[0].1.clone() + tab;
        let output = Command::new("bash").args(["--norc", "-uc", &script, "bash", line, program]).output();
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
        assert_eq!(offered("usb-reset 3-1.4 --rung=h"), ["hub-power"]);
        assert_eq!(offered("vm-probe check --source k"), ["kubernetes"]);
        assert_eq!(offered("pve-hook 111 pre"), ["pre-start", "pre-stop"]);
        assert_eq!(offered("pve-hook --timeout 30s 111 "), ["pre-start", "post-start", "pre-stop", "post-stop"]);
        assert_eq!(offered("pve-hook regi"), ["register"]);
        assert_eq!(offered("pve-hook 111 regi"), [""; 0], "a verb comes first");
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

//! Completions for bash, zsh and fish.

use clap::Command;
use clap_complete::{Shell, generate};
use std::path::PathBuf;

/// The file for each shell, below `completions/`.
pub fn files(command: &Command) -> Vec<(PathBuf, String)> {
    let name = command.get_name().to_owned();
    let of = |shell, file: String| {
        let mut bytes = Vec::new();
        generate(shell, &mut command.clone(), &name, &mut bytes);
        let text = String::from_utf8(bytes).expect("completions are UTF-8");
        let text = text.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
        (PathBuf::from("completions").join(file), text)
    };
    vec![
        of(Shell::Bash, format!("{name}.bash")),
        of(Shell::Zsh, format!("_{name}")),
        of(Shell::Fish, format!("{name}.fish")),
    ]
}

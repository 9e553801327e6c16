//! What is made from the command lines of the programs and from the example configuration: man pages (`man/`) and
//! completions (`completions/`). They are kept beside the source, and a test holds them against it.
//! After a change that is meant: `MANUAL=overwrite cargo test -p manual`.

mod completions;
mod config_file;
#[cfg(test)]
mod config_tests;
mod examples;
mod page;
mod parts;
mod programs;
mod roff;

use clap::{Command, CommandFactory};
use parts::Parts;
use std::{
    env, fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the source is there")
}

fn commands() -> [Command; 5] {
    [
        programs::pve_hook::Cli::command(),
        programs::gpu_bind::Cli::command(),
        programs::usb_reset::Cli::command(),
        programs::coral_check::Cli::command(),
        programs::vm_probe::Cli::command(),
    ]
}

/// The first lines of a page. Its date is that of the version in CHANGELOG.md.
fn head(name: &str, section: u8, sources: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let changes = fs::read_to_string(root().join("CHANGELOG.md")).expect("CHANGELOG.md can be read");
    let line = changes.lines().find_map(|line| line.strip_prefix(&format!("## [{version}] - ")));
    let date = line.unwrap_or_else(|| panic!("CHANGELOG.md has no line \"## [{version}] - DATE\""));
    format!(
        ".\\\" Made from {sources} by: MANUAL=overwrite cargo test -p manual\n\
         .TH {} {section} {date} \"pve-hooks {version}\" \"{}\"\n.nh\n.ad l\n",
        roff::plain(&name.to_uppercase()),
        if section == 5 { "File Formats" } else { "System Administration" },
    )
}

/// Every file that is made, by its path below the source.
fn made() -> Vec<(PathBuf, String)> {
    let common = Parts::load("common");
    let mut files = Vec::new();
    for mut command in commands() {
        files.extend(completions::files(&command));
        let name = command.get_name().to_owned();
        let head = head(&name, 8, &format!("bins/{name}/src/cli.rs and tests/manual/parts"));
        let page = page::page(&head, &mut command, Parts::load(&name), &common);
        files.push((format!("man/{name}.8").into(), page));
    }
    let head = head("pve-hooks.toml", 5, "config/config.toml and tests/manual/parts");
    files.push(("man/pve-hooks.toml.5".into(), config_file::page(&head, Parts::load("pve-hooks.toml"), &common)));
    files
}

#[test]
fn pages_and_completions_are_up_to_date() {
    let files = made();
    let overwrite = env::var_os("MANUAL").is_some_and(|word| word == "overwrite");
    let mut stale = Vec::new();
    for (path, text) in &files {
        let there = root().join(path);
        if overwrite {
            fs::write(&there, text).unwrap_or_else(|error| panic!("{}: {error}", there.display()));
        } else if fs::read_to_string(&there).ok().as_ref() != Some(text) {
            stale.push(path);
        }
    }
    assert!(stale.is_empty(), "out of date: {stale:?}; next: MANUAL=overwrite cargo test -p manual");
    for dir in ["man", "completions"] {
        for entry in fs::read_dir(root().join(dir)).expect("it can be listed") {
            let path = Path::new(dir).join(entry.expect("an entry").file_name());
            assert!(files.iter().any(|(known, _)| *known == path), "{} is made from nothing", path.display());
        }
    }
}

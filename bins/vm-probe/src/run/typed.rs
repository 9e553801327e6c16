//! The source that was typed: which one it is, and how the next command asks the same.

use crate::{
    cli::{From, Source},
    serve::token::quoted,
};
use anyhow::Result;
use passthrough::{config::probe::Origin, fault::Fault};
use std::path::PathBuf;

impl From {
    /// The source that these options mean; those that mean several are a mistake.
    pub(super) fn source(&self) -> Result<Option<Source>> {
        let named = self.source.map(|source| (format!("--source {}", Origin::from(source).word()), source));
        let api = self.api.as_ref().map(|_| ("--api".to_owned(), Source::Api));
        let file = self.instances.as_ref().map(|_| ("--instances".to_owned(), Source::File));
        let mut all = [named, api, file].into_iter().flatten();
        let Some((first, source)) = all.next() else { return Ok(None) };
        let Some((other, _)) = all.find(|(_, other)| *other != source) else { return Ok(Some(source)) };
        Fault::usage(format!("{first} and {other} mean two sources, and only one is asked"))
            .next("leave one of them out: vm-probe list --help")
            .fail()
    }

    /// The command with these options behind it, where it asks for VMs and names no source itself: without them it would
    /// ask another one.
    pub(super) fn kept(&self, command: &str) -> Option<String> {
        let verb = command.trim_start_matches("sudo ").strip_prefix("vm-probe ")?.split(' ').next()?;
        let asks = matches!(verb, "list" | "check" | "recover" | "history" | "audit");
        let one = !command.contains([';', ',', '|']);
        if !asks || !one || ["--source", "--api", "--instances"].iter().any(|option| command.contains(option)) {
            return None;
        }
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let source = self.source.map(|source| Origin::from(source).word().to_owned());
        let typed = [
            ("--source", source),
            ("--api", self.api.clone()),
            ("--api-token-file", path(&self.api_token_file)),
            ("--fingerprint", self.fingerprint.clone()),
            ("--instances", path(&self.instances)),
        ];
        let typed = typed.into_iter().filter_map(|(option, value)| Some(format!(" {option} {}", quoted(&value?))));
        Some(typed.fold(command.to_owned(), |command, option| command + &option))
    }
}

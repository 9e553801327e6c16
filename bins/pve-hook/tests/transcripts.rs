//! What people and scripts see, word for word. After a change that is meant: `TRYCMD=overwrite cargo test --test transcripts`.

#[path = "../../../tests/cli/transcripts.rs"]
mod cli;

#[test]
fn examples() {
    cli::examples(env!("CARGO_BIN_EXE_pve-hook"));
}

//! What people and scripts see, word for word. After a change that is meant: `TRYCMD=overwrite cargo test --test transcripts`.

#[path = "../../../tests/cli/examples.rs"]
mod examples;
#[path = "../../../tests/cli/trees.rs"]
mod trees;

use std::{env, fs, path::Path};

#[test]
fn transcripts() {
    let cli = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cli").canonicalize().unwrap();
    // Every command runs here, so that trees have short names.
    let here = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_PKG_NAME"));
    trees::plant(&cli.join("trees"), &here);
    fs::create_dir_all(&here).unwrap();
    env::set_current_dir(&here).unwrap();
    trycmd::TestCases::new().case(cli.join(env!("CARGO_PKG_NAME")).join("*.trycmd"));
}

#[test]
fn examples() {
    let cli = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cli");
    let here = Path::new(env!("CARGO_TARGET_TMPDIR")).join(concat!(env!("CARGO_PKG_NAME"), "-examples"));
    trees::plant_these(&examples::TREES, &cli.join("trees"), &here);
    examples::run(env!("CARGO_PKG_NAME"), env!("CARGO_BIN_EXE_gpu-bind"), &here);
}

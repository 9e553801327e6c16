//! What people and scripts see of a program, word for word, and the examples of its help. Each program brings its own
//! transcripts, `NAME/*.trycmd`.

#[path = "examples.rs"]
mod examples;
#[path = "trees.rs"]
mod trees;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

fn cli() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cli").canonicalize().unwrap()
}

#[test]
fn transcripts() {
    // Every command runs here, so that trees have short names.
    let here = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_PKG_NAME"));
    trees::plant(&cli().join("trees"), &here);
    fs::create_dir_all(&here).unwrap();
    env::set_current_dir(&here).unwrap();
    trycmd::TestCases::new().case(cli().join(env!("CARGO_PKG_NAME")).join("*.trycmd"));
}

/// The examples of the help text of the program at this path.
pub fn examples(program: &str) {
    let here = Path::new(env!("CARGO_TARGET_TMPDIR")).join(concat!(env!("CARGO_PKG_NAME"), "-examples"));
    trees::plant_these(&examples::TREES, &cli().join("trees"), &here);
    examples::run(env!("CARGO_PKG_NAME"), program, &here);
}

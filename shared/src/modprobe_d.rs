//! What modprobe.d and the kernel command line say about modules, with the place of each sentence.

use crate::host::{Host, names, read_if_there, read_text};
use std::collections::BTreeMap;

/// One command of a configuration: `blacklist nouveau`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The file and line, as in `/etc/modprobe.d/vfio.conf:3`.
    pub place: String,
    /// The words; those of a continued line are together.
    pub words: Vec<String>,
}

/// Every command in the host's modprobe.d directories, in the order that modprobe reads them. A file hides the ones of
/// the same name in directories of less weight (modprobe.d(5)).
pub fn sentences(host: &Host) -> Vec<Sentence> {
    let mut files = BTreeMap::new();
    for dir in host.modprobe_dirs() {
        for name in names(&dir).into_iter().filter(|n| n.strip_suffix(".conf").is_some()) {
            files.entry(name.clone()).or_insert_with(|| dir.join(name));
        }
    }
    let read = |path: std::path::PathBuf| {
        let text = read_if_there(&path).ok().flatten().unwrap_or_default();
        parse(&text, &host.shown(&path))
    };
    files.into_values().flat_map(read).collect()
}

fn parse(text: &str, file: &str) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let mut whole = line.to_owned();
        while whole.ends_with('\\') {
            whole.pop();
            match lines.next() {
                Some((_, more)) => whole.push_str(more),
                None => break,
            }
        }
        let words: Vec<_> = whole.split_whitespace().map(str::to_owned).collect();
        if words.first().is_some_and(|word| !word.starts_with('#')) {
            sentences.push(Sentence { place: format!("{file}:{}", number + 1), words });
        }
    }
    sentences
}

/// The kernel's parameters as `(name, value)`; names with `-` for `_`, quotes taken off.
pub fn kernel_parameters(host: &Host) -> Vec<(String, String)> {
    parameters(&read_text(&host.kernel_cmdline()).unwrap_or_default())
}

fn parameters(line: &str) -> Vec<(String, String)> {
    let mut quoted = false;
    let words = line.split(|c: char| {
        quoted ^= c == '"';
        c.is_whitespace() && !quoted
    });
    let parameter = |word: &str| {
        let word = word.replace('"', "");
        let (name, value) = word.split_once('=').unwrap_or((&word, ""));
        (plain(name), value.to_owned())
    };
    words.filter(|w| !w.is_empty()).map(parameter).collect()
}

/// A module's name with underscores only: the kernel and modprobe take `-` and `_` for the same.
pub fn plain(module: &str) -> String {
    module.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    #[test]
    fn lines_go_on_after_a_backslash_and_comments_are_none() {
        let text = "# options vfio-pci ids=1:2\n\n  options vfio-pci \\\n  ids=10de:2204\nblacklist nouveau\\";
        let told: Vec<_> = parse(text, "/f").into_iter().map(|s| (s.place, s.words.join(" "))).collect();
        let expected = [("/f:3", "options vfio-pci ids=10de:2204"), ("/f:5", "blacklist nouveau")];
        assert_eq!(told, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn a_file_hides_its_namesake() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::new(root.path());
        for (dir, text) in [("etc", "blacklist a"), ("usr/lib", "blacklist b")] {
            let dir = root.path().join(dir).join("modprobe.d");
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("x.conf"), text).unwrap();
            fs::write(dir.join("ignored.txt"), "blacklist c").unwrap();
        }
        let places: Vec<_> = sentences(&host).into_iter().map(|s| s.place).collect();
        assert_eq!(places, ["/etc/modprobe.d/x.conf:1"]);
    }

    #[test]
    fn kernel_parameters_may_be_quoted() {
        let told = parameters("quiet vfio-pci.ids=10de:2204,10de:1aef dyndbg=\"file a +p\" root=UUID=1\n");
        let expected =
            [("quiet", ""), ("vfio_pci.ids", "10de:2204,10de:1aef"), ("dyndbg", "file a +p"), ("root", "UUID=1")];
        assert_eq!(told, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), near in "[\\\\\n #a\"=-]*") {
            for text in [text, near] {
                let _ = (parse(&text, "f"), parameters(&text));
            }
        }
    }
}

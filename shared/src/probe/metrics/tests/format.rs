//! How it is written: by a parser that takes nothing that is not allowed, and by the reference one.

use super::*;

/// A name with its labels.
pub(super) type Series = (String, Vec<(String, String)>);

/// The value of each series. It knows nothing of how they were written, and takes nothing that is not allowed.
pub(super) fn parse(text: &str, format: Format) -> Result<BTreeMap<Series, f64>, String> {
    let mut series = BTreeMap::new();
    let mut families = BTreeSet::new();
    let (mut family, mut kind) = (String::new(), String::new());
    let mut lines = text.strip_suffix('\n').ok_or("no newline at the end")?.split('\n').peekable();
    while let Some(line) = lines.next() {
        if line == "# EOF" {
            let last = format == Format::OpenMetrics && lines.peek().is_none();
            return if last { Ok(series) } else { Err("EOF before the end".into()) };
        }
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (what, name, rest) = (words.next(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
            match what {
                Some("HELP") if families.insert(name.to_owned()) => name.clone_into(&mut family),
                Some("TYPE") if name == family => rest.clone_into(&mut kind),
                Some("UNIT") if name == family && family.ends_with(&format!("_{rest}")) => {}
                _ => return Err(format!("{line:?}")),
            }
            continue;
        }
        let end = line.find(['{', ' ']).ok_or("no value")?;
        let (name, mut rest) = line.split_at(end);
        let suffix = match (format, kind.as_str()) {
            (Format::OpenMetrics, "counter") => "_total",
            (Format::OpenMetrics, "info") => "_info",
            (Format::Text004, "counter") if !name.ends_with("_total") => return Err(format!("{line:?}")),
            _ => "",
        };
        if name != format!("{family}{suffix}") {
            return Err(format!("{line:?} in {family}"));
        }
        let mut labels = Vec::new();
        while rest.starts_with(['{', ',']) {
            let (name, value) = rest[1..].split_once("=\"").ok_or("no label")?;
            let mut text = String::new();
            let mut chars = value.char_indices();
            let close = loop {
                match chars.next().ok_or("no end of a label")? {
                    (_, '\\') => text.push(match chars.next().ok_or("no end of a label")?.1 {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        c => return Err(format!("\\{c}")),
                    }),
                    (at, '"') => break at,
                    (_, c) => text.push(c),
                }
            };
            labels.push((name.to_owned(), text));
            rest = value[close + 1..].strip_prefix('}').unwrap_or(&value[close + 1..]);
        }
        let value: f64 = rest.trim_start().parse().map_err(|e| format!("{line:?}: {e}"))?;
        if series.insert((name.to_owned(), labels), value).is_some() {
            return Err(format!("twice: {line}"));
        }
    }
    if format == Format::OpenMetrics { Err("no EOF".into()) } else { Ok(series) }
}

#[test]
fn nothing_at_all_is_valid_too() {
    for format in [Format::Text004, Format::OpenMetrics] {
        let mut out = String::new();
        render(&Snapshot::default(), NOW, format, &mut out);
        let series = parse(&out, format).unwrap();
        assert!(!series.keys().any(|(name, _)| name.contains("discovery_age") || name.contains("recoveries")), "{out}");
    }
}

/// The reference parser is Python's; where it is not installed, that is said aloud.
#[test]
fn the_reference_parser_agrees() {
    const CHECK: &str = "
import sys
try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
    from prometheus_client.parser import text_string_to_metric_families as plain
except ImportError:
    sys.exit(77)
text = sys.stdin.read()
families = list((openmetrics if sys.argv[1] == 'openmetrics' else plain)(text))
print(sum(len(family.samples) for family in families))
";
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    for (word, format) in [("openmetrics", Format::OpenMetrics), ("plain", Format::Text004)] {
        let text = text(vec![full("111", "a \"b\" \\ c\nd"), listed(112, Status::Stopped)], format);
        let child =
            Command::new(&python).args(["-c", CHECK, word]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let output = child.and_then(|mut child| {
            let mut stdin = child.stdin.take().unwrap();
            let _ = stdin.write_all(text.as_bytes());
            drop(stdin);
            child.wait_with_output()
        });
        match output {
            Ok(output) if output.status.code() != Some(77) => {
                let count = text.lines().filter(|line| !line.starts_with('#')).count();
                assert!(output.status.success(), "{text}");
                assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), count.to_string());
            }
            _ => {
                let message = "SKIPPED: prometheus_client is not installed (pip install prometheus_client)\n";
                let _ = std::io::stderr().write_all(message.as_bytes());
                return;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_name_comes_back(id in any::<String>(), name in any::<String>(), level in any::<f64>()) {
        let mut reading = full(&id, &name);
        reading.evidence.fast = Some(Arc::new(Fast { cpu: known(level), ..fast() }));
        for format in [Format::Text004, Format::OpenMetrics] {
            let text = text(vec![reading.clone(), reading.clone()], format);
            let series = parse(&text, format).map_err(TestCaseError::fail)?;
            let shown = |text: &str| -> String {
                text.chars().take(128).map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
            };
            let info = series.keys().find(|(of, _)| of == "vm_probe_vm_info").unwrap();
            prop_assert_eq!(&info.1[0].1, &shown(&id));
            prop_assert_eq!(&info.1[1].1, &shown(&name));
        }
    }
}

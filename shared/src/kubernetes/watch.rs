//! A watch: one JSON object a line, for as long as the server likes. An expired one is told by an object too, in an answer
//! whose status says that all is well, so the object's type is looked at before anything else.

use super::{
    pod::{Pod, Raw, Version},
    status::Status,
};
use crate::{deadline::Deadline, plain::plain, web::Trouble};
use serde::Deserialize;
use std::{
    borrow::Cow,
    io::{BufRead, BufReader, Read},
};

/// For so long a server is asked to go on.
pub(super) const SECONDS: u64 = 290;
/// A longer line is no pod: etcd takes none beyond 1.5 MB.
const LONGEST: usize = 8 << 20;

/// What a watch tells.
#[derive(Debug)]
pub(super) enum Change {
    /// A pod is there, or is otherwise than before.
    Here(Pod, Version),
    /// A pod is gone, or has the label no longer.
    Gone(Pod, Version),
    /// Nothing has changed up to this version.
    Bookmark(Version),
    /// The server cannot go on.
    Error(Status),
    /// Something new, which is nobody's business.
    Other,
}

/// A watch that runs.
pub(super) struct Watch {
    lines: BufReader<Box<dyn Read + Send>>,
    deadline: Deadline,
}

impl Watch {
    pub(super) fn new(body: impl Read + Send + 'static, deadline: Deadline) -> Self {
        Self { lines: BufReader::new(Box::new(body)), deadline }
    }

    /// Waits for the next change; `None` when the server has ended the watch.
    pub(super) fn next(&mut self) -> Result<Option<Change>, Trouble> {
        loop {
            let Some(line) = line(&mut self.lines, LONGEST).map_err(|error| Trouble::of_read(error, &self.deadline))?
            else {
                return Ok(None);
            };
            if line.len() > LONGEST {
                return Err(Trouble::TooLarge(LONGEST as u64));
            }
            if !line.trim_ascii().is_empty() {
                return parse(&line).map(Some).map_err(Trouble::Garbage);
            }
        }
    }
}

/// A line, or what is there of it when it grows longer than `most`; `None` at the end. Half a line at the end is nothing:
/// the server was cut off, and will tell it again.
fn line(from: &mut impl BufRead, most: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    from.by_ref().take(most as u64 + 1).read_until(b'\n', &mut line)?;
    Ok(Some(line).filter(|line| line.ends_with(b"\n") || line.len() > most))
}

fn parse(line: &[u8]) -> Result<Change, String> {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow)]
        r#type: Cow<'a, str>,
    }
    #[derive(Deserialize)]
    struct Object<T> {
        object: T,
    }
    fn object<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, String> {
        let parsed: Result<Object<T>, _> = serde_json::from_slice(line);
        parsed.map(|whole| whole.object).map_err(|error| plain(&error.to_string(), 200))
    }
    let kind: Kind = serde_json::from_slice(line).map_err(|error| plain(&error.to_string(), 200))?;
    let pod = || object::<Raw>(line)?.pod().ok_or_else(|| "a pod without a name".to_owned());
    Ok(match kind.r#type.as_ref() {
        "ADDED" | "MODIFIED" => pod().map(|(pod, version)| Change::Here(pod, version))?,
        "DELETED" => pod().map(|(pod, version)| Change::Gone(pod, version))?,
        "BOOKMARK" => Change::Bookmark(object::<Raw>(line)?.version()),
        "ERROR" => Change::Error(object(line)?),
        _ => Change::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_that_never_ends_is_left() {
        let mut endless = BufReader::new(std::io::repeat(b'x'));
        assert_eq!(line(&mut endless, 100).unwrap().unwrap().len(), 101);
        let mut cut = BufReader::new(&b"{}\n{\"type\":"[..]);
        assert_eq!(line(&mut cut, 100).unwrap().unwrap(), b"{}\n");
        assert_eq!(line(&mut cut, 100).unwrap(), None);
    }

    #[test]
    fn the_type_is_looked_at_first() {
        let error = br#"{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410}}"#;
        assert!(matches!(parse(error), Ok(Change::Error(status)) if status.is_expired()));
        // Either of the two is enough.
        for one in [r#""code":410"#, r#""reason":"Expired""#] {
            let error = format!(r#"{{"type":"ERROR","object":{{{one}}}}}"#);
            assert!(matches!(parse(error.as_bytes()), Ok(Change::Error(status)) if status.is_expired()), "{one}");
        }
        let bookmark = br#"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"7"},"spec":{"containers":null}}}"#;
        assert!(matches!(parse(bookmark), Ok(Change::Bookmark(version)) if version.text() == "7"));
        assert!(matches!(parse(br#"{"type":"NEW","object":1}"#), Ok(Change::Other)));
        assert!(parse(br#"{"type":"ADDED","object":{}}"#).is_err());
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(text in "(\\{\"type\":\"(ADDED|ERROR|BOOKMARK|DELETED)\",\"object\":)?\\PC*") {
            let _ = parse(text.as_bytes());
            let _ = super::super::pod::page(text.as_bytes());
        }
    }
}

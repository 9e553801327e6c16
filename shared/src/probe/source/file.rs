//! Instances written down by hand: a JSON list, or an object with the list under `instances`.

use super::{NAME, SENTENCE};
use crate::{
    clock,
    config::probe::{Origin, Settings},
    fault::Fault,
    host::{Host, read_file},
    plain::plain,
    probe::instance::{Instance, Pod},
};
use anyhow::Result;
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};
use std::{collections::BTreeSet, fmt, path::PathBuf};

/// Longer addresses than this are no addresses.
const ADDRESS: usize = 2000;

/// The list's file.
pub(super) fn path(host: &Host, settings: &Settings) -> PathBuf {
    settings.instances.clone().unwrap_or_else(|| host.instances_file())
}

/// Every instance in it.
pub(super) fn list(host: &Host, settings: &Settings) -> Result<Vec<Instance>> {
    let path = path(host, settings);
    let shown = host.shown(&path);
    let bytes = read_file(&path).map_err(|error| Fault::problem(format!("{shown}: {error}")))?;
    let entries = parse(&bytes).map_err(|why| Fault::usage(format!("{shown}{why}")).next(format!("jq . {shown}")))?;
    let at = clock::millis();
    Ok(entries.into_iter().map(|entry| entry.instance(at)).collect())
}

/// The entries, or what is wrong and where (`:3:14: …`).
fn parse(bytes: &[u8]) -> Result<Vec<Entry>, String> {
    let is_list = bytes.trim_ascii_start().first() == Some(&b'[');
    let parsed = if is_list {
        serde_json::from_slice(bytes)
    } else {
        serde_json::from_slice(bytes).map(|whole: Whole| whole.instances)
    };
    let entries: Vec<Entry> = parsed.map_err(|error| {
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        format!(":{}:{}: {}", error.line(), error.column(), plain(what, SENTENCE))
    })?;
    let mut seen = BTreeSet::new();
    for (n, entry) in entries.iter().enumerate() {
        let wrong = match entry.id.0.as_str() {
            "" => "has an empty id".to_owned(),
            id if plain(id, NAME) != id || id.contains('/') => format!("has an id that cannot be asked for: {id:?}"),
            id if !seen.insert(id) => format!("has the id {id:?}, which another one has"),
            _ => continue,
        };
        return Err(format!(": instance {} of {} {wrong}", n + 1, entries.len()));
    }
    Ok(entries)
}

#[derive(Deserialize)]
struct Whole {
    instances: Vec<Entry>,
}

/// One instance; keys that nobody knows are nobody's business.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: Id,
    name: Option<String>,
    description: Option<String>,
    stream_url: Option<String>,
    vnc_url: Option<String>,
    health_url: Option<String>,
    pod_name: Option<String>,
    #[serde(alias = "podIP")]
    pod_ip: Option<String>,
    provisioned: Option<bool>,
    ready: Option<bool>,
    kubernetes: Option<Kubernetes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kubernetes {
    namespace: Option<String>,
    node_name: Option<String>,
    #[serde(alias = "podIP")]
    pod_ip: Option<String>,
    start_time: Option<String>,
    stateful_set: Option<String>,
}

impl Entry {
    fn instance(self, at: u64) -> Instance {
        let mut instance = Instance::new(self.id.0, Origin::File);
        instance.vmid = instance.id.parse().ok().filter(|vmid| *vmid > 0);
        let short = |text: Option<String>| text.map(|text| plain(&text, NAME)).filter(|text| !text.is_empty());
        let address = |text: Option<String>| text.map(|text| plain(&text, ADDRESS)).filter(|text| !text.is_empty());
        if let Some(name) = short(self.name) {
            instance.name = name;
        }
        instance.description = plain(&self.description.unwrap_or_default(), SENTENCE);
        instance.stream_url = address(self.stream_url);
        instance.vnc_url = address(self.vnc_url);
        instance.health_url = address(self.health_url);
        if self.provisioned == Some(false) {
            instance.notes.push("written down as not provisioned".to_owned());
        }
        if let Some(kubernetes) = self.kubernetes {
            instance.node = short(kubernetes.node_name);
            instance.pod = Some(Pod {
                name: short(self.pod_name).unwrap_or_else(|| instance.id.clone()),
                namespace: short(kubernetes.namespace).unwrap_or_default(),
                ip: short(kubernetes.pod_ip).or_else(|| short(self.pod_ip)),
                start_time: short(kubernetes.start_time),
                stateful_set: short(kubernetes.stateful_set),
                phase: "Unknown".to_owned(),
                ready: self.ready.unwrap_or(false),
            });
        }
        instance.seen_at = at;
        instance
    }
}

/// An id is a text, and a VMID may be a number.
struct Id(String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id: a text or a number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                Ok(Id(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id, E> {
                Ok(Id(number.to_string()))
            }
        }
        from.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn read(text: &str) -> Result<Vec<Instance>> {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        fs::create_dir_all(host.instances_file().parent().unwrap()).unwrap();
        fs::write(host.instances_file(), text).unwrap();
        list(&host, &Settings::default())
    }

    #[test]
    fn both_shapes_are_taken_and_unknown_keys_left_alone() {
        let list = r#"[{"id":"instance-0","name":"Windows 98","streamUrl":"http://a/0","vncUrl":"localhost:5901",
            "healthUrl":"http://a:8080/health","provisioned":false,"ready":true,"status":"ready","new":{"a":[1]},
            "kubernetes":{"namespace":"n","nodeName":"w1","podIP":"10.0.0.7","statefulSet":"emulator"}}, {"id":111}]"#;
        for text in [list.to_owned(), format!("{{\"version\":1,\"instances\":{list}}}")] {
            let all = read(&text).unwrap();
            assert_eq!(all.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), ["instance-0", "111"]);
            assert_eq!(all[1].vmid, Some(111));
            let first = &all[0];
            assert_eq!(first.name, "Windows 98");
            assert_eq!((first.vnc_url.as_deref(), first.vnc.as_ref()), (Some("localhost:5901"), None));
            assert_eq!(first.health_url.as_deref(), Some("http://a:8080/health"));
            let pod = first.pod.as_ref().unwrap();
            assert_eq!((pod.ip.as_deref(), pod.stateful_set.as_deref()), (Some("10.0.0.7"), Some("emulator")));
            assert_eq!(first.notes.len(), 1);
        }
        assert!(read("[]").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, expected) in [
            ("[\n {\"id\":\"a\"},\n {\"name\":\"b\"}\n]", ":3:13: missing field `id`"),
            ("[\n {\"id\":\"a\",\n \"ready\":\"yes\"}]", ":3:14: invalid type: string \"yes\", expected a boolean"),
            ("{\"vms\":[]}", ":1:10: missing field `instances`"),
            ("[{\"id\":\"a\"},", ":1:12: EOF while parsing a value"),
            ("", ":1:0: EOF while parsing a value"),
            ("[{\"id\":\"a\"},{\"id\":\"a\"}]", ": instance 2 of 2 has the id \"a\", which another one has"),
            ("[{\"id\":\"a\\u001b[2J\"}]", ": instance 1 of 1 has an id that cannot be asked for"),
            ("[{\"id\":true}]", ":1:11: invalid type: boolean `true`, expected an id"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("/etc/pve-hooks/instances.json{expected}")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "(\\[\\{\"id\":)?\\PC*") {
            let _ = parse(text.as_bytes());
        }
    }
}

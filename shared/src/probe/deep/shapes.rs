//! What QEMU's answers look like, as far as anything is taken from them.

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use std::{
    borrow::Cow,
    fmt::{self, Formatter},
};

#[derive(Deserialize)]
pub(super) struct Status<'a> {
    #[serde(borrow)]
    pub status: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct MaybeStatus {
    pub status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Block<'a> {
    #[serde(borrow, default)]
    pub device: Cow<'a, str>,
    #[serde(borrow, default)]
    pub qdev: Cow<'a, str>,
    #[serde(borrow)]
    pub io_status: Option<Text<'a>>,
    #[serde(borrow)]
    pub inserted: Option<Inserted<'a>>,
}

/// A text that may be missing, and is not copied when it is there.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

#[derive(Deserialize)]
pub(super) struct Inserted<'a> {
    #[serde(borrow, default)]
    pub file: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Counted<'a> {
    #[serde(borrow, default)]
    pub device: Cow<'a, str>,
    #[serde(borrow, default)]
    pub qdev: Cow<'a, str>,
    pub stats: Stats,
}

#[derive(Deserialize)]
pub(super) struct Stats {
    pub rd_bytes: u64,
    pub wr_bytes: u64,
    pub failed_rd_operations: u64,
    pub failed_wr_operations: u64,
}

#[derive(Deserialize)]
pub(super) struct Balloon {
    pub actual: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Guest {
    pub stats: GuestStats,
    pub last_update: u64,
}

#[derive(Deserialize)]
pub(super) struct GuestStats {
    #[serde(rename = "stat-total-memory")]
    pub total: Option<u64>,
    #[serde(rename = "stat-free-memory")]
    pub free: Option<u64>,
    #[serde(rename = "stat-available-memory")]
    pub available: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct Viewers {
    #[serde(default)]
    pub clients: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Property<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

/// Whether there is an audio device among the properties.
pub(super) struct Audio(pub bool);

impl<'de> Deserialize<'de> for Audio {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Properties)
    }
}

/// Looks at them one by one, and keeps none.
struct Properties;

impl<'de> Visitor<'de> for Properties {
    type Value = Audio;

    fn expecting(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str("properties")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Audio, A::Error> {
        let mut found = false;
        while let Some(property) = all.next_element::<Property>()? {
            found |= is_audio(&property);
        }
        Ok(Audio(found))
    }
}

fn is_audio(device: &Property) -> bool {
    const AUDIO: [&str; 12] = [
        "AC97",
        "ES1370",
        "adlib",
        "cs4231a",
        "gus",
        "hda-",
        "ich9-intel-hda",
        "intel-hda",
        "sb16",
        "usb-audio",
        "virtio-sound",
        "virtio-snd",
    ];
    device.kind.strip_prefix("child<").is_some_and(|kind| AUDIO.iter().any(|a| kind.starts_with(a)))
}

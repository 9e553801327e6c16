//! Values as Perl writes them: a number may come as a text, a text as a number, and a truth as 0 or 1. What is neither is
//! not there.

use crate::plain::plain;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, Visitor},
};
use std::fmt;

/// A number, however it is written.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) enum Number {
    #[default]
    None,
    Whole(u64),
    Real(f64),
}

impl Number {
    pub(super) fn whole(self) -> Option<u64> {
        match self {
            Self::Whole(number) => Some(number),
            // A float is exact up to 2^53, and the counters of a guest are far below.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Self::Real(number) if (0.0..9.0e15).contains(&number) => Some(number as u64),
            _ => None,
        }
    }

    pub(super) fn real(self) -> Option<f64> {
        match self {
            #[allow(clippy::cast_precision_loss)]
            Self::Whole(number) => Some(number as f64),
            Self::Real(number) => Some(number).filter(|number| number.is_finite()),
            Self::None => None,
        }
    }

    pub(super) fn flag(self) -> Option<bool> {
        self.whole().map(|number| number != 0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Loose).map(|value| match value {
            Value::Number(number) => number,
            Value::Text(text) => text
                .trim()
                .parse()
                .map(Self::Whole)
                .or_else(|_| text.trim().parse().map(Self::Real))
                .unwrap_or_default(),
            Value::Nothing => Self::None,
        })
    }
}

/// A text, however it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Text(Option<String>);

impl Text {
    /// Fit to be shown; `None` where there is nothing.
    pub(super) fn short(&self) -> Option<String> {
        self.0.as_deref().map(|text| plain(text, 200)).filter(|text| !text.is_empty())
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.0.as_deref() == Some(word)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Loose).map(|value| match value {
            Value::Text(text) => Self(Some(text)),
            Value::Number(Number::Whole(number)) => Self(Some(number.to_string())),
            Value::Number(Number::Real(number)) => Self(Some(number.to_string())),
            Value::Number(Number::None) | Value::Nothing => Self(None),
        })
    }
}

enum Value {
    Nothing,
    Number(Number),
    Text(String),
}

struct Loose;

impl<'de> Visitor<'de> for Loose {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Number(Number::Whole(value.into())))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(Number::Whole(value)))
    }

    #[allow(clippy::cast_precision_loss)]
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(Number::Real(value as f64)))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(Number::Real(value)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Nothing)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Nothing)
    }
}

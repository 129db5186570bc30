//! One JSON value of any type, handed to who knows what its key takes.

use std::cell::RefCell;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::error::Reason;
use super::names::shown;

/// A JSON value as the fields of an event see it.
pub(super) enum Scalar<'a> {
    Null,
    Boolean(bool),
    Whole(i64),
    /// Whole, and too large for a signed number.
    Large(u64),
    Decimal(f64),
    Text(&'a str),
    List,
    Object,
}

impl Scalar<'_> {
    pub(super) fn wrong(&self, key: &str, expected: &'static str) -> Reason {
        let found = match self {
            Self::Null => "null".to_owned(),
            Self::Boolean(value) => value.to_string(),
            Self::Whole(value) => value.to_string(),
            Self::Large(value) => value.to_string(),
            Self::Decimal(value) => format!("the decimal number {value:?}"),
            Self::Text(text) => format!("the text \"{}\"", shown(text)),
            Self::List => "a list".to_owned(),
            Self::Object => "an object".to_owned(),
        };
        Reason::WrongType { key: key.to_owned(), found, expected }
    }

    pub(super) fn whole(self, key: &str) -> Result<Option<i64>, Reason> {
        match self {
            Self::Null => Ok(None),
            Self::Whole(value) => Ok(Some(value)),
            other => Err(other.wrong(key, "a whole number, without point or exponent, of at most 63 bits")),
        }
    }

    pub(super) fn decimal(self, key: &str) -> Result<Option<f64>, Reason> {
        match self {
            Self::Null => Ok(None),
            Self::Whole(value) => Ok(Some(value as f64)),
            Self::Large(value) => Ok(Some(value as f64)),
            Self::Decimal(value) => Ok(Some(value)),
            other => Err(other.wrong(key, "a number")),
        }
    }

    pub(super) fn boolean(self, key: &str) -> Result<Option<bool>, Reason> {
        match self {
            Self::Null => Ok(None),
            Self::Boolean(value) => Ok(Some(value)),
            other => Err(other.wrong(key, "true or false")),
        }
    }
}

/// Hands one value to `take`, whatever its type, and keeps the reason where `take` refuses it.
pub(super) struct Take<'s, F> {
    pub(super) reason: &'s RefCell<Option<Reason>>,
    pub(super) take: F,
}

impl<F> Take<'_, F> {
    fn done<T, E: Error>(self, value: Scalar<'_>) -> Result<T, E>
    where
        F: FnOnce(Scalar<'_>) -> Result<T, Reason>,
    {
        (self.take)(value).map_err(|reason| stop(self.reason, reason))
    }
}

/// Ends parsing, and keeps why.
pub(super) fn stop<E: Error>(kept: &RefCell<Option<Reason>>, reason: Reason) -> E {
    kept.replace(Some(reason));
    E::custom("")
}

impl<'de, T, F: FnOnce(Scalar<'_>) -> Result<T, Reason>> DeserializeSeed<'de> for Take<'_, F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<T, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, T, F: FnOnce(Scalar<'_>) -> Result<T, Reason>> Visitor<'de> for Take<'_, F> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        self.done(Scalar::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
        self.done(Scalar::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        self.done(Scalar::Whole(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        self.done(i64::try_from(value).map_or(Scalar::Large(value), Scalar::Whole))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        self.done(Scalar::Decimal(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        self.done(Scalar::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _list: A) -> Result<T, A::Error> {
        self.done(Scalar::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, _object: A) -> Result<T, A::Error> {
        self.done(Scalar::Object)
    }
}

/// The visits of a value that must be a list or an object and is not; null is an absent field.
macro_rules! refuse_scalars {
    () => {
        fn visit_unit<E: Error>(self) -> Result<(), E> {
            Ok(())
        }

        fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
            self.refuse(Scalar::Boolean(value))
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
            self.refuse(Scalar::Whole(value))
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
            self.refuse(Scalar::Large(value))
        }

        fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
            self.refuse(Scalar::Decimal(value))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
            self.refuse(Scalar::Text(text))
        }
    };
}
pub(super) use refuse_scalars;

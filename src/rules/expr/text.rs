//! Texts, compared byte by byte.

use std::sync::Arc;

use super::{Common, Expression, Facts};
use crate::event::{ExtraValue, TextField};

/// A text.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(in crate::rules) enum TextExpr {
    /// The same for every event.
    Constant(Option<Box<str>>),
    /// A field of every event.
    Field(TextField),
    /// An extra field.
    Extra(usize),
    /// The code of the amount's currency.
    Currency,
    /// The word for the event's kind.
    Kind,
    /// The quality of a feature, by position.
    Quality(usize),
    /// A table by position, with its values.
    Table(usize, Arc<[Box<str>]>),
    /// A choice.
    Common(Common<TextExpr>),
}

impl TextExpr {
    /// Whether it is this text.
    #[inline]
    pub(super) fn equals(&self, wanted: &str, facts: &Facts<'_>) -> Option<bool> {
        match self {
            Self::Field(field) => facts.event.is_text(*field, wanted),
            _ => self.value(facts).map(|text| text == wanted),
        }
    }
}

impl Expression for TextExpr {
    type Value<'f> = &'f str;

    #[inline]
    fn value<'f>(&'f self, facts: &'f Facts<'_>) -> Option<&'f str> {
        match self {
            Self::Constant(text) => text.as_deref(),
            Self::Field(field) => facts.event.text(*field),
            Self::Extra(position) => match facts.event.extra(*position)? {
                ExtraValue::Text(text) => Some(text),
                _ => None,
            },
            Self::Currency => facts.event.paid().map(|money| money.currency.code()),
            Self::Kind => Some(facts.event.kind().name()),
            Self::Quality(position) => Some(facts.features.get(*position)?.quality.name()),
            Self::Table(table, values) => {
                facts.row(*table).and_then(|row| values.get(row)).map(|text| &**text)
            }
            Self::Common(common) => common.value(facts),
        }
    }
}

//! The fields that features and rules read, as what they are read for.

use crate::event::{Schema, TextField};

/// What a ratio divides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A field of the event being scored.
    Field(NumberField),
    /// A feature, by position in the rule set.
    Feature(usize),
}

/// A field with degrees of latitude or longitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DegreeField {
    /// The event's own latitude.
    Latitude,
    /// The event's own longitude.
    Longitude,
    /// An extra field of type decimal, by position in the schema.
    Extra(usize),
}

impl DegreeField {
    /// Its name in a rule file.
    pub fn name(self, schema: &Schema) -> &str {
        match self {
            Self::Latitude => "latitude",
            Self::Longitude => "longitude",
            Self::Extra(position) => extra_name(schema, position),
        }
    }
}

/// A field that can be summed and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NumberField {
    /// The event's amount, in minor units.
    Amount,
    /// An extra field of type integer, money, time or duration, by position in the schema.
    Extra(usize),
}

/// A field that can be a key, or counted as distinct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyField {
    /// A text field of every event.
    Text(TextField),
    /// An extra field of type text, by position in the schema.
    Extra(usize),
}

impl NumberField {
    /// Its name in a rule file.
    pub fn name(self, schema: &Schema) -> &str {
        match self {
            Self::Amount => "amount",
            Self::Extra(position) => extra_name(schema, position),
        }
    }
}

impl KeyField {
    /// Its name in a rule file.
    pub fn name(self, schema: &Schema) -> &str {
        match self {
            Self::Text(field) => field.name(),
            Self::Extra(position) => extra_name(schema, position),
        }
    }
}

fn extra_name(schema: &Schema, position: usize) -> &str {
    schema.fields().get(position).map_or("", |(name, _)| name)
}

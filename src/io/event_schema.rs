//! What the JSON of an event may hold, as a JSON Schema: made from the keys that the reader takes and the forms that it checks,
//! so that it can't say otherwise.

use serde_json::{Map, Value, json};

use super::EXTRAS_MAX;
use super::ndjson::{Key, known_keys};
use crate::event::{ExtraType, Form, Kind, Schema, TEXT_BYTES_MAX, TextField};
use crate::money::AMOUNT_MINOR_MAX;
use crate::time::{TIME_US_MAX, TIME_US_MIN};

/// The JSON Schema of events of a kind as clients send them, with the extra fields that rule files declare, where those are
/// known. Whether the body must say its kind is `says_kind`. What only the way in itself may say is left out.
pub fn event_schema(kind: Kind, extras: Option<&Schema>, says_kind: bool) -> Value {
    let properties: Map<String, Value> = known_keys()
        .filter_map(|(name, key)| Some((name.to_owned(), property(kind, key, extras)?)))
        .collect();
    let (amount, needed) = kind.required();
    let mut required = vec!["id", "time_us"];
    required.extend(says_kind.then_some("kind"));
    required.extend(amount.then_some(["amount_minor", "currency"]).into_iter().flatten());
    required.extend(needed.iter().map(|field| field.name()));
    let together = json!({"amount_minor": ["currency"], "currency": ["amount_minor"], "rate": ["amount_minor"],
        "latitude": ["longitude"], "longitude": ["latitude"]});
    let mut together = together.as_object().cloned().unwrap_or_default();
    together.retain(|name, _| properties.contains_key(name));
    json!({
        "type": "object",
        "description": kind.about(),
        "properties": properties,
        "required": required,
        "dependentRequired": together,
        "additionalProperties": false,
    })
}

fn property(kind: Kind, key: Key, extras: Option<&Schema>) -> Option<Value> {
    let time = |about: &str| json!({"type": "integer", "minimum": TIME_US_MIN, "maximum": TIME_US_MAX, "description": format!("{about}, microseconds since 1970 UTC.")});
    let degrees = |about: &str, most: i32| json!({"type": "number", "minimum": -most, "maximum": most, "description": format!("{about}, in degrees.")});
    let money = kind.has_amount();
    let list = kind == Kind::List;
    Some(match key {
        Key::Kind => json!({"const": kind.name(), "description": "What it is about."}),
        Key::Time => time("When it happened"),
        Key::Amount if money => {
            json!({"type": "integer", "minimum": 0, "maximum": AMOUNT_MINOR_MAX, "description": "Its amount in minor units: dong, cents."})
        }
        Key::Currency if money => {
            json!({"type": "string", "pattern": "^[A-Z]{3}$", "description": "The ISO 4217 code of the amount's currency."})
        }
        Key::Rate if money => json!({
            "type": "string",
            "pattern": "^[0-9]+(\\.[0-9]+)?$",
            "description": "The rate of that currency: units of the rule set's for a whole unit, as a text, so that it stays exact.",
        }),
        Key::SameOwner if money => {
            json!({"type": "boolean", "description": "Whether payer and payee are the same owner."})
        }
        Key::Latitude => degrees("Where it happened: the latitude", 90),
        Key::Longitude => degrees("Where it happened: the longitude", 180),
        Key::Level if list => json!({"type": "integer", "description": "The level of the entry."}),
        Key::Expires if list => time("When the entry ends"),
        Key::Text(field) if kind.has(field) && field != TextField::Answered => text(field),
        Key::Extra => extra(extras),
        Key::Received
        | Key::Unknown
        | Key::Amount
        | Key::Currency
        | Key::Rate
        | Key::SameOwner
        | Key::Level
        | Key::Expires
        | Key::Text(_) => return None,
    })
}

fn text(field: TextField) -> Value {
    let about = field.about();
    match field.form() {
        Form::Free => {
            json!({"type": "string", "minLength": 1, "anyOf": short(), "description": in_bytes(about)})
        }
        Form::Identifier => json!({
            "type": "string",
            "minLength": 1,
            "anyOf": short(),
            "description": in_bytes(&format!("{about} With a token key a token stands for it, here and in all records.")),
        }),
        Form::OneOf(words) => json!({"enum": words, "description": about}),
        Form::Words => json!({
            "type": "array",
            "items": {"type": "string", "pattern": "^[a-z0-9_]+$"},
            "description": about,
        }),
        Form::Ip => json!({"type": "string", "description": format!("{about} IPv4 or IPv6.")}),
    }
}

/// What a text may be that surely has no more bytes than are taken. A schema counts characters: those of ASCII have one
/// byte in UTF-8, others such as `ế` up to four.
fn short() -> Value {
    json!([{"pattern": "^[ -~]*$", "maxLength": TEXT_BYTES_MAX}, {"maxLength": TEXT_BYTES_MAX / 4}])
}

fn in_bytes(about: &str) -> String {
    format!("{about} At most {TEXT_BYTES_MAX} bytes.")
}

fn extra(extras: Option<&Schema>) -> Value {
    let about = "The fields that the rule files declare in [fields].";
    let Some(schema) = extras else {
        let value = json!({"type": ["string", "integer", "number", "boolean", "null"]});
        return json!({"type": "object", "maxProperties": EXTRAS_MAX, "additionalProperties": value, "description": about});
    };
    let property = |ty: ExtraType| match ty {
        ExtraType::Text | ExtraType::Identifier => {
            json!({"type": ["string", "null"], "anyOf": short(), "description": in_bytes("A text.")})
        }
        ExtraType::Boolean => json!({"type": ["boolean", "null"]}),
        ExtraType::Decimal => json!({"type": ["number", "null"]}),
        ExtraType::Integer => json!({"type": ["integer", "null"]}),
        ExtraType::Money => json!({"type": ["integer", "null"], "description": "In minor units."}),
        ExtraType::Time => {
            json!({"type": ["integer", "null"], "description": "Microseconds since 1970 UTC."})
        }
        ExtraType::Duration => json!({"type": ["integer", "null"], "description": "Microseconds."}),
    };
    let properties: Map<String, Value> =
        schema.fields().iter().map(|(name, ty)| (name.clone(), property(*ty))).collect();
    json!({"type": "object", "properties": properties, "description": about})
}

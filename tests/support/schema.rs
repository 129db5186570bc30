//! The part of JSON Schema 2020-12 that the sidecar's document uses, checked the slow way: by each keyword for itself. A keyword
//! that it does not know fails, so that none is passed over.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

use serde_json::Value;

/// Words that say nothing of a value.
const REMARKS: [&str; 5] = ["description", "default", "example", "examples", "title"];

/// What of a value is not what the schema says; nothing where it fits. `document` is what references point into.
pub fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(document, schema, value, "", &mut faults);
    faults
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let mut fault = |what: String| faults.push(format!("{at}: {what}"));
    let Some(keywords) = schema.as_object() else { return fault(format!("{schema} is no schema")) };
    let mut deeper: Vec<(&Value, &Value, String)> = Vec::new();
    for (keyword, said) in keywords {
        let list = || said.as_array().unwrap();
        let fits = |schema: &&Value| self::faults(document, schema, value).is_empty();
        let length = value.as_str().map(|text| text.chars().count());
        let number = value.as_f64();
        let holds = match keyword.as_str() {
            "$ref" => {
                let pointer = said.as_str().unwrap().strip_prefix('#').unwrap();
                match document.pointer(pointer) {
                    Some(schema) => deeper.push((schema, value, at.to_owned())),
                    None => fault(format!("{pointer} is nowhere")),
                }
                true
            }
            "type" => match said {
                Value::Array(types) => types.iter().any(|ty| is(value, ty)),
                ty => is(value, ty),
            },
            "enum" => list().contains(value),
            "const" => said == value,
            "anyOf" => list().iter().any(|schema| fits(&schema)),
            "oneOf" => list().iter().filter(fits).count() == 1,
            "minimum" => number.is_none_or(|number| number >= said.as_f64().unwrap()),
            "maximum" => number.is_none_or(|number| number <= said.as_f64().unwrap()),
            "minLength" => length.is_none_or(|length| length as u64 >= said.as_u64().unwrap()),
            "maxLength" => length.is_none_or(|length| length as u64 <= said.as_u64().unwrap()),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= said.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= said.as_u64().unwrap()),
            "maxProperties" => {
                value.as_object().is_none_or(|held| held.len() as u64 <= said.as_u64().unwrap())
            }
            "required" => value
                .as_object()
                .is_none_or(|held| list().iter().all(|name| held.contains_key(name.as_str().unwrap()))),
            "dependentRequired" => value.as_object().is_none_or(|held| {
                let of = |names: &Value| {
                    names.as_array().unwrap().iter().all(|name| held.contains_key(name.as_str().unwrap()))
                };
                said.as_object().unwrap().iter().all(|(name, names)| !held.contains_key(name) || of(names))
            }),
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                deeper.extend(items.map(|(place, item)| (said, item, format!("{at}/{place}"))));
                true
            }
            "properties" => {
                let held = said.as_object().unwrap().iter();
                deeper.extend(
                    held.filter_map(|(name, schema)| {
                        Some((schema, value.get(name)?, format!("{at}/{name}")))
                    }),
                );
                true
            }
            "additionalProperties" => {
                let named = |name: &String| schema["properties"].get(name).is_some();
                let others = value.as_object().into_iter().flatten().filter(|(name, _)| !named(name));
                let others: Vec<_> = others.collect();
                if *said == Value::Bool(false) {
                    others.is_empty()
                } else {
                    deeper.extend(
                        others.into_iter().map(|(name, value)| (said, value, format!("{at}/{name}"))),
                    );
                    true
                }
            }
            // The patterns that the document has are few.
            "pattern" => value.as_str().is_none_or(|text| matches_pattern(text, said.as_str().unwrap())),
            remark => REMARKS.contains(&remark),
        };
        if !holds {
            fault(format!("{value} is not {keyword} {said}"));
        }
    }
    for (schema, value, at) in deeper {
        check(document, schema, value, &at, faults);
    }
}

fn is(value: &Value, ty: &Value) -> bool {
    match ty.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn matches_pattern(text: &str, pattern: &str) -> bool {
    match pattern {
        "^[0-9a-f]{64}$" => {
            text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        }
        "^[ -~]*$" => text.bytes().all(|b| (b' '..=b'~').contains(&b)),
        "^[A-Z]{3}$" => text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()),
        "^[a-z0-9_]+$" => {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        }
        "^[0-9]+(\\.[0-9]+)?$" => {
            text.split('.').count() <= 2
                && text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        }
        _ => false,
    }
}

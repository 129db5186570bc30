//! The schema that editors get says what the checker says: the same keys, the same words, and the packs fit it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails stops")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use weir::rules::{Problem, compile};

/// No key and no word is near it.
const STRANGE: &str = "zzzzzzzzzzzz";

fn schema() -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_weir")).arg("schema").output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn at<'s>(schema: &'s Value, pointer: &str) -> &'s Value {
    schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in the schema"))
}

/// The names that a help lists between backticks.
fn listed(problem: &Problem) -> BTreeSet<String> {
    let help = problem.help.as_deref().unwrap_or_default();
    help.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn told(text: &str, message: &str) -> Option<Problem> {
    compile("t.toml", text).problems.into_iter().find(|problem| problem.message.contains(message))
}

#[test]
fn the_checker_and_the_schema_know_the_same_keys() {
    let schema = schema();
    let rule = "/properties/rule/items";
    let sections = [
        ("", format!("{STRANGE} = 1")),
        ("/properties/ruleset", format!("[ruleset]\n{STRANGE} = 1")),
        ("/properties/params/additionalProperties/anyOf/1", format!("[params]\na = {{ {STRANGE} = 1 }}")),
        ("/properties/features/additionalProperties", format!("[features]\na = {{ {STRANGE} = 1 }}")),
        ("/properties/lists/additionalProperties", format!("[lists]\na = {{ {STRANGE} = 1 }}")),
        ("/properties/tables/additionalProperties", format!("[tables.a]\n{STRANGE} = 1")),
        (
            "/properties/tables/additionalProperties/properties/rows/items",
            format!("[tables.a]\nrows = [{{ {STRANGE} = 1 }}]"),
        ),
        ("/properties/policy", format!("[policy]\n{STRANGE} = 1")),
        ("/properties/auth/additionalProperties", format!("[auth.a]\n{STRANGE} = 1")),
        ("/properties/locks/additionalProperties", format!("[locks.a]\n{STRANGE} = 1")),
        (
            "/properties/locks/additionalProperties/properties/opens",
            format!("[locks.a]\nopens = {{ {STRANGE} = 1 }}"),
        ),
        ("/properties/control", format!("[control]\n{STRANGE} = 1")),
        (rule, format!("[[rule]]\n{STRANGE} = 1")),
        ("/properties/rule/items/properties/rollout", format!("[[rule]]\nrollout = {{ {STRANGE} = 1 }}")),
        ("/properties/rule/items/properties/breaker", format!("[[rule]]\nbreaker = {{ {STRANGE} = 1 }}")),
    ];
    for (pointer, text) in sections {
        let properties = at(&schema, &format!("{pointer}/properties")).as_object().unwrap();
        let mut shown: BTreeSet<String> = properties.keys().cloned().collect();
        // A section that this version refuses by name has no keys to compare.
        let refused = |key: &String| told(&format!("[{key}]"), "not supported by this version").is_some();
        if pointer.is_empty() {
            shown.retain(|key| !refused(key));
        } else if told(&text, "not supported by this version").is_some() {
            continue;
        }
        let problem = told(&text, STRANGE).unwrap_or_else(|| panic!("{STRANGE} is taken in {text}"));
        assert_eq!(shown, listed(&problem), "{pointer}");
        for (key, value) in properties {
            assert!(value.get("description").is_some(), "{pointer}/{key} says nothing of itself");
        }
    }
}

#[test]
fn the_checker_and_the_schema_know_the_same_words() {
    let schema = schema();
    let rule = |key: &str| format!("/properties/rule/items/properties/{key}");
    let feature = "/properties/features/additionalProperties/properties";
    let cases = [
        ("/properties/fields/additionalProperties".to_owned(), format!("[fields]\na = \"{STRANGE}\"")),
        (format!("{feature}/counts"), format!("[features]\na = {{ counts = \"{STRANGE}\" }}")),
        (format!("{feature}/from/anyOf/0"), format!("[features]\na = {{ from = \"{STRANGE}\" }}")),
        (
            "/properties/locks/additionalProperties/properties/opens/properties/from/anyOf/0".to_owned(),
            format!("[locks.a]\nopens = {{ from = \"{STRANGE}\" }}"),
        ),
        (rule("then"), format!("[[rule]]\nthen = \"{STRANGE}\"")),
        (rule("on_unknown"), format!("[[rule]]\non_unknown = \"{STRANGE}\"")),
        (rule("tier"), format!("[[rule]]\ntier = \"{STRANGE}\"")),
        (rule("mode"), format!("[[rule]]\nmode = \"{STRANGE}\"")),
        (
            "/properties/tables/additionalProperties/properties/on_unknown".to_owned(),
            format!("[tables.a]\non_unknown = \"{STRANGE}\"\nrows = [{{ when = \"true\", is = 1 }}]"),
        ),
    ];
    for (pointer, text) in cases {
        let words = at(&schema, &format!("{pointer}/enum")).as_array().unwrap();
        let shown: BTreeSet<String> = words.iter().map(|word| word.as_str().unwrap().to_owned()).collect();
        let problem = told(&text, STRANGE).unwrap_or_else(|| panic!("{STRANGE} is taken in {text}"));
        assert_eq!(shown, listed(&problem), "{pointer}");
    }
    let currencies = at(&schema, "/properties/ruleset/properties/currency/enum").as_array().unwrap();
    assert!(currencies.contains(&json!("VND")) && currencies.len() > 150, "{currencies:?}");
}

/// What of a value does not fit a schema; as much of the standard as the schema uses, patterns left out.
fn misfits(schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (key, asked) in schema.as_object().unwrap() {
        let fits = match key.as_str() {
            "$schema" | "title" | "description" | "pattern" | "propertyNames" | "maxLength" => true,
            "type" => match asked {
                Value::Array(types) => types.iter().any(|ty| is(value, ty)),
                ty => is(value, ty),
            },
            "enum" => asked.as_array().unwrap().contains(value),
            "const" => asked == value,
            "minimum" => value.as_f64() >= asked.as_f64(),
            "maximum" => value.as_f64() <= asked.as_f64(),
            "exclusiveMinimum" => value.as_f64() > asked.as_f64(),
            "minLength" => value.as_str().is_none_or(|text| !text.is_empty()),
            "minItems" => value.as_array().is_none_or(|items| !items.is_empty()),
            "required" => {
                asked.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some())
            }
            "anyOf" => asked.as_array().unwrap().iter().any(|one| misfits(one, value, place).is_empty()),
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(misfits(asked, item, &format!("{place}/{at}")));
                }
                true
            }
            "properties" | "additionalProperties" => true,
            other => panic!("the schema uses `{other}`, which this test does not know"),
        };
        if !fits {
            found.push(format!("{place}: {value} is not of {key} {asked}"));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (key, inner) in value.as_object().into_iter().flatten() {
        let place = format!("{place}/{key}");
        match (properties.and_then(|properties| properties.get(key)), schema.get("additionalProperties")) {
            (Some(schema), _) => found.extend(misfits(schema, inner, &place)),
            (None, Some(Value::Bool(false))) => found.push(format!("{place} is not a key")),
            (None, Some(schema)) => found.extend(misfits(schema, inner, &place)),
            (None, None) => {}
        }
    }
    found
}

fn is(value: &Value, ty: &Value) -> bool {
    match ty.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        other => panic!("{other} is not a type that this test knows"),
    }
}

fn json_of(value: toml::Value) -> Value {
    match value {
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, json_of(value))).collect(),
        toml::Value::Array(items) => items.into_iter().map(json_of).collect(),
        toml::Value::Datetime(date) => json!(date.to_string()),
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(truth) => json!(truth),
    }
}

#[test]
fn every_pack_fits_the_schema() {
    let schema = schema();
    let mut seen = 0;
    for folder in ["rules", "datasets"] {
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_string_lossy().into_owned();
            let is_pack = match folder {
                "datasets" => name.ends_with(".rules.toml"),
                _ => name.ends_with(".toml") && !name.ends_with(".cases.toml"),
            };
            if !is_pack {
                continue;
            }
            let value: toml::Value = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let misfits = misfits(&schema, &json_of(value), "");
            assert!(misfits.is_empty(), "{name}: {misfits:#?}");
            seen += 1;
        }
    }
    assert!(seen >= 2, "only {seen} packs were found");
}

#[test]
fn what_does_not_fit_is_seen() {
    let schema = schema();
    let pack = |more: Value| {
        let mut pack = json!({ "ruleset": { "name": "t", "currency": "VND" } });
        pack.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        misfits(&schema, &pack, "")
    };
    assert_eq!(pack(json!({})), Vec::<String>::new());
    for wrong in [
        json!({ "ruleset": { "name": "t" } }),
        json!({ "featurs": {} }),
        json!({ "params": { "a": [1] } }),
        json!({ "policy": { "step_up_at": 0 } }),
        json!({ "rule": [{ "id": "a", "when": "true", "then": "blok" }] }),
        json!({ "rule": [{ "id": "a", "when": "true", "scor": 5 }] }),
    ] {
        assert!(!pack(wrong.clone()).is_empty(), "{wrong} fits");
    }
}

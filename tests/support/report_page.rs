//! What stands in a page of HTML, read plainly: its elements, its figures and where in the report they say they are.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

use std::collections::{BTreeMap, BTreeSet};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;
use weir::backtest::report::Report;

/// Elements that HTML never closes.
const VOID: [&str; 4] = ["br", "link", "meta", "hr"];

/// An element, with the text in it and the names of those around it.
#[derive(Debug)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    pub text: String,
    /// Where in the report it says it stands.
    pub at: String,
    pub within: Vec<String>,
}

/// All elements of a page in the order in which they end; panics where it is not well-formed.
pub fn read(html: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(html);
    reader.config_mut().check_end_names = false;
    let (mut open, mut closed): (Vec<Element>, Vec<Element>) = (Vec::new(), Vec::new());
    let say =
        |open: &mut Vec<Element>, text: &str| open.iter_mut().for_each(|element| element.text.push_str(text));
    loop {
        let at = reader.buffer_position();
        match reader.read_event().unwrap_or_else(|error| panic!("at byte {at}: {error}")) {
            Event::Eof => break,
            Event::Start(tag) => {
                let element = element(&tag, &open);
                if VOID.contains(&element.name.as_str()) { closed.push(element) } else { open.push(element) }
            }
            Event::Empty(tag) => closed.push(element(&tag, &open)),
            Event::End(tag) => {
                let name = tag.name().0.to_owned();
                let element = open.pop().unwrap_or_else(|| panic!("</{name}> at byte {at} ends nothing"));
                assert_eq!(element.name, name, "at byte {at}, within {:?}", element.within);
                closed.push(element);
            }
            Event::Text(text) => say(&mut open, &text),
            Event::GeneralRef(name) => {
                let of = [("lt", "<"), ("gt", ">"), ("amp", "&"), ("quot", "\""), ("apos", "'")];
                let (_, text) =
                    of.iter().find(|(known, _)| *known == &*name).unwrap_or_else(|| panic!("&{};", &*name));
                say(&mut open, text);
            }
            _ => {}
        }
    }
    assert!(
        open.is_empty(),
        "never closed: {:?}",
        open.iter().map(|element| &element.name).collect::<Vec<_>>()
    );
    closed
}

fn element(tag: &BytesStart<'_>, open: &[Element]) -> Element {
    let attribute = |attribute: Result<quick_xml::events::attributes::Attribute<'_>, _>| {
        let attribute = attribute.unwrap();
        (attribute.key.0.to_owned(), quick_xml::escape::unescape(&attribute.value).unwrap().into_owned())
    };
    let attributes: BTreeMap<String, String> = tag.html_attributes().map(attribute).collect();
    let around = open.last().map_or("", |element| element.at.as_str());
    let at = match attributes.get("data-at") {
        None => around.to_owned(),
        Some(own) if own.starts_with('/') => own.clone(),
        Some(own) => format!("{around}/{own}"),
    };
    let within = open.iter().map(|element| element.name.clone()).collect();
    Element { name: tag.name().0.to_owned(), attributes, text: String::new(), at, within }
}

/// Looks every figure of a page up in the report's JSON, and every number of the JSON in the page; says how many it compared.
///
/// `absent` are the beginnings of the places that a page need not show.
pub fn compare(elements: &[Element], report: &Report, absent: &[&str]) -> usize {
    compare_json(elements, &serde_json::to_value(report).unwrap(), absent)
}

/// The same with any report as JSON.
pub fn compare_json(elements: &[Element], json: &Value, absent: &[&str]) -> usize {
    let decimals = json["data"]["decimals"].as_i64().unwrap().min(9);
    let major = 0.1_f64.powi(decimals as i32);
    let mut shown = BTreeSet::new();
    for element in elements.iter().filter(|element| element.name == "data") {
        let place = &element.at;
        let value = &element.attributes["value"];
        match json.pointer(place) {
            Some(Value::Number(number)) => {
                let same = number.as_f64().unwrap() == value.parse::<f64>().unwrap();
                assert!(same, "{place}: {value} in the page, {number} in the JSON");
                assert!(!number.is_u64() || number.to_string() == *value, "{place}: {value}");
                reads_like(&element.text, number.as_f64().unwrap(), place, major);
            }
            Some(Value::Null) => assert_eq!(value, "null", "{place}"),
            other => panic!("{place} is {other:?} in the JSON and {value} in the page"),
        }
        shown.insert(place.clone());
    }
    let mut numbers = Vec::new();
    all_numbers(json, String::new(), &mut numbers);
    // What flags has no payments in it.
    let empty = |place: &str| place.ends_with("/payments") && json.pointer(place) == Some(&Value::from(0));
    let missing: Vec<&String> = numbers
        .iter()
        .filter(|place| {
            !shown.contains(*place) && !empty(place) && !absent.iter().any(|absent| place.starts_with(absent))
        })
        .collect();
    assert!(
        missing.is_empty(),
        "{} numbers are not in the page: {:?}",
        missing.len(),
        &missing[..missing.len().min(9)]
    );
    numbers.iter().filter(|place| shown.contains(*place)).count()
}

/// What is read is the value, rounded; `major` is what a minor unit is of a major one.
fn reads_like(text: &str, value: f64, place: &str, major: f64) {
    let number = |text: &str| text.replace(',', "").parse::<f64>().ok();
    if let Some(percent) = text.strip_suffix(" %").and_then(number) {
        assert!((percent - value * 100.0).abs() <= 0.050_000_1, "{place}: {value} reads {text}");
    } else if let Some(plain) = number(text) {
        let (times, near) = match place {
            _ if place.contains("false_positive_rate") => (10_000.0, 0.050_000_1),
            _ if place.contains("roc_area") || place.contains("average_precision") => (1.0, 0.000_500_1),
            _ if place.contains("_minor") => (major, 0.5 * major),
            _ if value.fract() == 0.0 => (1.0, 0.0),
            _ => (1.0, 0.050_000_1),
        };
        let value = value * times;
        assert!((plain - value).abs() <= near + value.abs() * 1e-12, "{place}: {value} reads {text}");
    }
}

fn all_numbers(json: &Value, at: String, found: &mut Vec<String>) {
    match json {
        Value::Number(_) => found.push(at),
        Value::Array(values) => {
            values
                .iter()
                .enumerate()
                .for_each(|(place, value)| all_numbers(value, format!("{at}/{place}"), found));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| all_numbers(value, format!("{at}/{name}"), found));
        }
        _ => {}
    }
}

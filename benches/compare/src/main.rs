//! An analyst's other choices, on the rules and payments of `benches/rules.rs`: a `zen-engine` decision table (compiled,
//! hit policy "collect") and `cel` (each rule compiled, evaluated one after another), beside weir's deciding alone.
//!
//! Only deciding is timed: what each reads of a payment is laid out for it before. Fails where they find other rules.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench measures, prints and fails loudly")]

#[path = "../../support/analysts.rs"]
mod analysts;

use std::hint::black_box;
use std::time::Instant;

use analysts::{Asked, Part, RULES, TEXTS, TRUTHS};
use cel::{Context, Program, Value};
use futures_executor::block_on;
use serde_json::{Map, json};
use weir::generate::{Generator, Settings};
use weir::rules::{Index, RuleSet};
use zen_engine::Decision;
use zen_engine::model::GraphContent;
use zen_types::variable::Variable;

/// Sizes, each with as many payments as the slowest decides in a few seconds.
const SIZES: [(usize, usize); 4] = [(10, 20_000), (100, 5_000), (1_000, 1_000), (RULES, 200)];

/// A payment as one flat object; what is null is absent.
type Fields = Map<String, serde_json::Value>;

fn fields(asked: &Asked, features: &[&str]) -> Fields {
    let mut fields = Fields::new();
    for (name, field) in TEXTS {
        asked.event.text(field).into_iter().for_each(|text| _ = fields.insert(name.to_owned(), json!(text)));
    }
    for name in features.iter().copied().chain(["amount", "hour"]) {
        let number = asked.number(features, name).map(|number| json!(number));
        let truth = || TRUTHS.contains(&name).then(|| asked.truth(features, name)).flatten();
        let value = if TRUTHS.contains(&name) { truth().map(|truth| json!(truth)) } else { number };
        value.into_iter().for_each(|value| _ = fields.insert(name.to_owned(), value));
    }
    fields
}

fn cell(part: &Part) -> (&'static str, String) {
    match part {
        Part::Equals(name, text) => (name, format!("\"{text}\"")),
        Part::Among(name, [a, b]) => (name, format!("\"{a}\", \"{b}\"")),
        Part::Above(name, least) => (name, format!("> {least}")),
        Part::Between(name, low, high) => (name, format!("[{low}..{high}]")),
        Part::Holds(name) => (name, "true".to_owned()),
    }
}

/// One row per rule and one column per name.
fn table(rules: &[Vec<Part>], names: &[String]) -> Decision {
    let inputs: Vec<_> =
        names.iter().map(|name| json!({ "id": name, "name": name, "field": name })).collect();
    let rows: Vec<_> = rules
        .iter()
        .enumerate()
        .map(|(at, parts)| {
            let mut row: Fields =
                parts.iter().map(cell).map(|(name, test)| (name.to_owned(), json!(test))).collect();
            row.insert("_id".to_owned(), json!(format!("r{at}")));
            row.insert("fired".to_owned(), json!(at.to_string()));
            row.into()
        })
        .collect::<Vec<serde_json::Value>>();
    let outputs = json!([{ "id": "fired", "name": "fired", "field": "fired" }]);
    let content: GraphContent = serde_json::from_value(json!({
        "nodes": [
            { "id": "in", "name": "in", "type": "inputNode", "content": {} },
            { "id": "table", "name": "table", "type": "decisionTableNode", "content": {
                "hitPolicy": "collect", "inputs": inputs, "outputs": outputs, "rules": rows,
            } },
            { "id": "out", "name": "out", "type": "outputNode", "content": {} },
        ],
        "edges": [
            { "id": "a", "sourceId": "in", "targetId": "table" },
            { "id": "b", "sourceId": "table", "targetId": "out" },
        ],
    }))
    .unwrap();
    let mut decision = Decision::from(content);
    decision.compile();
    decision
}

fn expression(parts: &[Part]) -> String {
    let part = |part: &Part| match part {
        Part::Equals(name, text) => format!("{name} == '{text}'"),
        Part::Among(name, [a, b]) => format!("{name} in ['{a}', '{b}']"),
        Part::Above(name, least) => format!("{name} > {least}"),
        Part::Between(name, low, high) => format!("{name} >= {low} && {name} <= {high}"),
        Part::Holds(name) => (*name).to_owned(),
    };
    parts.iter().map(part).collect::<Vec<_>>().join(" && ")
}

fn context(fields: &Fields) -> Context<'static, 'static> {
    let mut context = Context::default();
    for (name, value) in fields {
        match value {
            serde_json::Value::String(text) => context.add_variable_from_value(name, text.clone()),
            serde_json::Value::Bool(truth) => context.add_variable_from_value(name, *truth),
            value => context.add_variable_from_value(name, value.as_i64().unwrap()),
        }
    }
    context
}

/// Nanoseconds a payment, and the rules that fired at each.
fn timed<T>(inputs: &[T], mut decide: impl FnMut(&T) -> Vec<u16>) -> (f64, Vec<Vec<u16>>) {
    inputs.iter().take(inputs.len() / 10).for_each(|input| _ = black_box(decide(input)));
    let start = Instant::now();
    let fired: Vec<Vec<u16>> = inputs.iter().map(|input| black_box(decide(input))).collect();
    (start.elapsed().as_nanos() as f64 / inputs.len() as f64, fired)
}

fn weir(set: &RuleSet, payments: &[Asked]) -> (f64, Vec<Vec<u16>>) {
    let index = Index::new(&set.rules);
    let mut scratch = index.scratch();
    timed(payments, |asked| {
        let facts = asked.facts();
        let found = index.candidates(&facts, &mut scratch).iter().copied();
        found.filter(|&at| set.rules[usize::from(at)].when.holds(&facts) == Some(true)).collect()
    })
}

fn zen(rules: &[Vec<Part>], names: &[String], payments: &[Fields]) -> (f64, Vec<Vec<u16>>) {
    let start = Instant::now();
    let table = table(rules, names);
    println!("  zen-engine compiles in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    let inputs: Vec<Variable> =
        payments.iter().map(|fields| serde_json::Value::Object(fields.clone()).into()).collect();
    let (each, found) = {
        let mut found = Vec::new();
        let start = Instant::now();
        for input in &inputs {
            found.push(black_box(block_on(table.evaluate(input.clone())).unwrap().result));
        }
        (start.elapsed().as_nanos() as f64 / inputs.len() as f64, found)
    };
    let fired = |result: Variable| {
        let rows = serde_json::to_value(&result).unwrap();
        rows.as_array().into_iter().flatten().map(|row| row["fired"].as_u64().unwrap() as u16).collect()
    };
    (each, found.into_iter().map(fired).collect())
}

fn cel(rules: &[Vec<Part>], payments: &[Fields]) -> (f64, Vec<Vec<u16>>) {
    let start = Instant::now();
    let programs: Vec<Program> =
        rules.iter().map(|parts| Program::compile(&expression(parts)).unwrap()).collect();
    println!("  cel compiles in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    let contexts: Vec<Context<'_, '_>> = payments.iter().map(context).collect();
    timed(&contexts, |context| {
        // What is absent is an error, and no rule fires on it.
        let fires = |program: &Program| matches!(program.execute(context), Ok(Value::Bool(true)));
        (0..).zip(&programs).filter(|(_, program)| fires(program)).map(|(at, _)| at).collect()
    })
}

fn main() {
    let mut generator = Generator::new(Settings::default()).unwrap();
    let events: Vec<_> = std::iter::from_fn(|| generator.next().cloned()).collect();
    let asked = analysts::asked(&events);
    let all = analysts::rules(&asked);
    for (size, count) in SIZES {
        let rules = &all[..size];
        let set = analysts::compiled(rules);
        let features = analysts::features(&set);
        let payments: Vec<Asked> = asked.iter().step_by(asked.len() / count).take(count).cloned().collect();
        let laid_out: Vec<Fields> = payments.iter().map(|asked| fields(asked, &features)).collect();
        let names: Vec<String> = TEXTS
            .iter()
            .map(|(name, _)| *name)
            .chain(features.iter().copied())
            .chain(["amount", "hour"])
            .map(str::to_owned)
            .collect();
        println!("{size} rules, {} payments", payments.len());
        let (weir, expected) = weir(&set, &payments);
        let slowly: Vec<Vec<u16>> =
            payments.iter().map(|asked| analysts::fired_slowly(&set, asked)).collect();
        let (zen, by_zen) = zen(rules, &names, &laid_out);
        let (cel, by_cel) = cel(rules, &laid_out);
        assert_eq!(expected, slowly);
        assert_eq!(expected, by_zen, "zen-engine found other rules");
        assert_eq!(expected, by_cel, "cel found other rules");
        println!(
            "  ns a payment: weir {weir:.0}, zen-engine {zen:.0} ({:.0} times), cel {cel:.0} ({:.0} times)",
            zen / weir,
            cel / weir
        );
    }
}

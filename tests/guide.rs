//! The guide to writing rules is one rule file in pieces: it compiles, without a warning.
#![allow(clippy::unwrap_used, reason = "a test that fails stops")]

use weir::rules::{Severity, compile};

fn blocks(text: &str) -> String {
    let parts = text.split("```toml\n").skip(1).filter_map(|part| part.split("```").next());
    parts.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_guides_rule_file_compiles() {
    let file = blocks(include_str!("../docs/rules.md"));
    let checked = compile("docs/rules.md", &file);
    let told: Vec<String> = checked
        .problems
        .iter()
        .filter(|problem| problem.severity <= Severity::Warning)
        .map(|problem| format!("{} at `{}`", problem.message, &file[problem.span.clone()]))
        .collect();
    assert!(told.is_empty(), "{told:#?}\n{file}");
    let rules = checked.rule_set.unwrap();
    assert_eq!((rules.features.len(), rules.tables.len(), rules.rules.len()), (15, 1, 12));
}

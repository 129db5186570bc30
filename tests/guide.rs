//! The guide to writing rules is one rule file in pieces: it compiles, without a warning.
#![allow(clippy::unwrap_used, reason = "a test that fails stops")]

use weir::rules::{Severity, Sources, compile};

fn blocks(text: &str, fence: &str) -> String {
    let parts = text.split(fence).skip(1).filter_map(|part| part.split("```").next());
    parts.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_guides_rule_file_compiles() {
    let file = blocks(include_str!("../docs/rules.md"), "```toml\n");
    let checked = compile("docs/rules.md", &file);
    let told: Vec<String> = checked
        .problems
        .iter()
        .filter(|problem| problem.severity <= Severity::Warning)
        .map(|problem| format!("{} at `{}`", problem.message, &file[problem.span.clone()]))
        .collect();
    assert!(told.is_empty(), "{told:#?}\n{file}");
    let rules = checked.rule_set.unwrap();
    assert_eq!((rules.features.len(), rules.tables.len(), rules.rules.len()), (16, 1, 13));
}

#[test]
fn the_guides_files_compile_together() {
    let guide = include_str!("../docs/rules.md");
    let file = |name: &str| blocks(guide, &format!("```toml {name}\n"));
    let sources = Sources::load("house.toml", &file("top"), |_, path| match path {
        "packs/law.toml" => Ok((path.to_owned(), file("pack"))),
        "packs/bank_a.toml" => Ok((path.to_owned(), file("tenant"))),
        _ => Err("not in the guide".to_owned()),
    });
    let checked = sources.compile();
    let warned = checked.problems.iter().filter(|problem| problem.severity <= Severity::Warning);
    let told: Vec<String> = warned.map(|problem| problem.message.clone()).collect();
    assert!(told.is_empty(), "{told:#?}");
    let rules = checked.rule_set.unwrap();
    let ids: Vec<&str> = rules.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["by_law", "bank_a_large", "pilot"]);
}

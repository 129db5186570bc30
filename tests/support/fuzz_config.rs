//! What must hold of any text as a configuration: shared by the fuzz target and by the bounded run in the tests.
//! Lines that begin with `#WEIR_` are variables as well.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "a failure stops")]

use std::collections::BTreeMap;

use weir::rules::Severity;
use weir::server::config::{Checked, Layers, read};

fn layers(text: &str, variables: BTreeMap<String, String>) -> Layers<'static> {
    Layers {
        file: Some(("f.toml".to_owned(), text.to_owned())),
        variables,
        flags: Vec::new(),
        command: "weir fuzz",
    }
}

/// Any text is refused with problems that point into it, or it is a configuration, which shows itself as a text that says
/// the same. Gives whether it is one.
pub fn config(text: &str) -> bool {
    let line =
        |line: &str| line.strip_prefix('#')?.split_once('=').map(|(a, b)| (a.to_owned(), b.to_owned()));
    let variables: BTreeMap<String, String> =
        text.lines().filter(|text| text.starts_with("#WEIR_")).filter_map(line).collect();
    let checked = read(&layers(text, variables.clone()));
    assert_eq!(checked.problems, read(&layers(text, variables)).problems, "other problems the second time");
    let all = checked.sources.text();
    for problem in &checked.problems {
        for span in [&problem.span].into_iter().chain(problem.beside.as_ref().map(|beside| &beside.span)) {
            assert!(
                all.get(span.clone()).is_some(),
                "{} points at {span:?} of {}",
                problem.message,
                all.len()
            );
        }
    }
    let is_error = checked.problems.iter().any(|problem| problem.severity == Severity::Error);
    assert_eq!(checked.config.is_none(), is_error, "refused without a word, or taken with an error");
    if checked.config.is_some() {
        let shown = checked.shown();
        let again = read(&layers(&shown, BTreeMap::new()));
        assert!(again.problems.is_empty(), "{shown}\n{:?}", again.problems);
        assert_eq!(values(&again), values(&checked), "{shown}");
    }
    checked.config.is_some()
}

fn values(checked: &Checked) -> Vec<(String, String)> {
    checked.entries.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect()
}

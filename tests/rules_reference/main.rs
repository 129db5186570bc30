//! Conditions agree with a slow and obvious evaluation of the same expression.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails stops")]

mod expr;
mod generate;

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use weir::event::Draft;
use weir::rules::{Facts, compile};

const FILE: &str = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n[fields]\nx = \"integer\"\ny = \"integer\"\n\
    d = \"decimal\"\ne = \"decimal\"\nf = \"boolean\"\ng = \"boolean\"\ns = \"text\"\nt = \"text\"\n";

fn with_condition(condition: &str) -> String {
    format!("{FILE}[[rule]]\nid = \"a\"\nthen = \"block\"\nwhen = '''{condition}'''\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn evaluation_agrees_with_the_reference(expr in generate::boolean(4), all in vec(generate::fields(), 8)) {
        let condition = expr.to_string();
        prop_assume!(condition.len() < 9_000);
        let set = compile("t.toml", &with_condition(&condition)).into_result().map_err(|refused| {
            TestCaseError::fail(format!("{condition}\n{refused}"))
        })?;
        for fields in all {
            let mut draft = Draft::new(Arc::clone(&set.schema));
            fields.fill(&mut draft);
            let facts = Facts::of(draft.seal().unwrap(), (0, 1));
            prop_assert_eq!(set.rules[0].when.holds(&facts), expr.truth(&fields), "{} with {:?}", condition, fields);
        }
    }
}

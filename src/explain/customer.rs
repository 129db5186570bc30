//! What the customer is told of a decision: what to do, and never why.

use crate::catalogue::{self, Advice};
use crate::decision::{Decision, Outcome};
use crate::rules::{Action, Rule, RuleSet};

/// What the strongest rule says that acted and has something to say which goes with the outcome; else what is usual.
pub fn advice(rules: &RuleSet, decision: &Decision) -> &'static Advice {
    let acted = decision.fired.iter().filter_map(|&at| rules.rules.get(usize::from(at)));
    let said = acted.filter_map(|rule| Some((strength(rule), catalogue::find(rule.customer.as_deref()?)?)));
    let fits = said.filter(|(_, advice)| advice.goes_with.contains(&decision.outcome));
    // Among equals the first of the file.
    let strongest = fits.reduce(|held, new| if new.0 > held.0 { new } else { held });
    strongest.map_or(catalogue::default(decision.outcome), |(_, advice)| advice)
}

/// What a rule demands outright, then what it adds.
fn strength(rule: &Rule) -> (Outcome, i64) {
    let demanded = match rule.then {
        Some(Action::Outcome(outcome)) => outcome,
        Some(Action::Alert) | None => Outcome::Allow,
    };
    (demanded, rule.score)
}

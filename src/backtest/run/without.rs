//! What would have been asked for of a payment without some of the rules that fired on it.
//!
//! Promises the engine's own word for it: overrides, the methods that the payment presents, locks and all. Must never know what is
//! made of that.

use super::course::Shown;
use crate::decision::{Decision, Outcome};
use crate::rules::{Mode, RuleSet, Tier};

/// Works it out; its buffers are used again.
#[derive(Default)]
pub(super) struct Without {
    decision: Decision,
    fired: Vec<u16>,
    alone: Vec<u16>,
}

impl Without {
    /// What the law alone would have asked for, and the rules without which the payment would not be flagged; where it is not, those
    /// in shadow with which it would be. Ascending.
    pub(super) fn look(&mut self, rules: &RuleSet, shown: &Shown<'_>) -> (Outcome, &[u16]) {
        let Self { decision, fired, alone } = self;
        let fact = &shown.fact;
        alone.clear();
        let flagged = fact.is_flagged();
        if !flagged && fact.shadow.is_empty() {
            return (Outcome::Allow, alone);
        }
        let circumstances = shown.basis.circumstances();
        let mut asked = |only: &mut dyn Iterator<Item = u16>| {
            fired.clear();
            fired.extend(only);
            fired.sort_unstable();
            circumstances.verdict(rules, fired, decision)
        };
        let rule = |at: u16| rules.rules.get(usize::from(at));
        let live = || fact.fired.iter().copied();
        if flagged {
            alone.extend(live().filter(|&at| !asked(&mut live().filter(|&other| other != at)).flags()));
        } else {
            let shadow = fact
                .shadow
                .iter()
                .copied()
                .filter(|&at| rule(at).is_some_and(|rule| rule.mode == Mode::Shadow));
            alone.extend(shadow.filter(|&at| asked(&mut live().chain([at])).flags()));
        }
        let mandatory = |at: &u16| rule(*at).is_some_and(|rule| rule.tier == Tier::Mandatory);
        let law = asked(&mut live().filter(mandatory)).outcome;
        (law.min(fact.outcome), alone)
    }
}

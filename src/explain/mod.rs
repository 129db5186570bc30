//! A decision in words: what was decided, and every rule as its own text with the values put in.
//!
//! Promises that an explanation says what the decision was made of: the truth of every part is evaluated from the
//! same facts by the same expressions. Knows how each language writes; must never know a file or a format.

mod customer;
mod layout;
mod numbers;
mod phrase;
mod recorded;
mod story;

pub use customer::advice;
pub use layout::{Line, lines};
pub use numbers::Style;
pub use story::{Heading, heading, records, table_title, title};

use std::collections::BTreeSet;

use crate::catalogue::Advice;
use crate::decision::{Decision, Outcome, StepUp, Stopped, Withheld};
use crate::event::{Event, Kind, TextField};
use crate::money::Money;
use crate::rates::Conversion;
use crate::rules::ruleset::words;
use crate::rules::{
    Action, Facts, Finding, Mode, OnUnknown, Outlined, Quantity, Refused, Rule, RuleSet, Sources, Tier,
    UnknownRow, outline,
};

/// Explains what a rule set decides.
#[derive(Debug)]
pub struct Explainer {
    outlined: Outlined,
}

/// What became of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It fired and acted.
    Acted,
    /// It would have fired, and is in shadow.
    Shadow,
    /// It fired, and these rules overrode it.
    Overridden {
        /// Their ids.
        by: Vec<String>,
    },
    /// It fired, and its breaker kept it from acting.
    Tripped,
    /// It did not fire.
    Silent,
    /// It is off.
    Off,
    /// Its time has not come.
    NotYet,
    /// Its time is over.
    Over,
    /// The payment is not in its share.
    Outside,
}

impl Fate {
    /// Whether its condition held, or was unknown where that means to fire.
    pub fn fired(&self) -> bool {
        matches!(self, Self::Acted | Self::Shadow | Self::Overridden { .. } | Self::Tripped)
    }

    /// The word for it in files.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Acted => "acted",
            Self::Shadow => "shadow",
            Self::Overridden { .. } => "overridden",
            Self::Tripped => "tripped",
            Self::Silent => "silent",
            Self::Off => "off",
            Self::NotYet => "not_yet",
            Self::Over => "over",
            Self::Outside => "outside",
        }
    }
}

/// What a rule made of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleExplanation {
    /// Its id.
    pub id: String,
    /// What became of it.
    pub fate: Fate,
    /// Whether it fired because its condition is unknown.
    pub by_unknown: bool,
    /// What it asks for outright.
    pub then: Option<Action>,
    /// What it adds to the score where it acts.
    pub score: i64,
    /// Whose word it is.
    pub tier: Tier,
    /// What it does when it fires.
    pub mode: Mode,
    /// The reason for the operator, by language code.
    pub reason: Vec<(String, String)>,
    /// What it marks a payment with.
    pub tags: Vec<String>,
    /// What it obliges somebody to do.
    pub oblige: Vec<String>,
    /// Where the law says so.
    pub legal: Option<String>,
    /// Its condition with the values put in.
    pub condition: Finding,
}

/// What a decision table made of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct TableExplanation {
    /// Its name.
    pub name: String,
    /// Its value, `None` where it is unknown.
    pub value: Option<Quantity>,
    /// The row that gave the value; the one after the last is `else`.
    pub row: Option<usize>,
    /// What an unknown row means.
    pub on_unknown: UnknownRow,
    /// How many rows it has.
    pub rows: usize,
    /// The rows that were looked at, in order.
    pub looked_at: Vec<Finding>,
}

/// One answer of the customer to a step-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerExplanation {
    /// The authentication's id.
    pub id: String,
    /// When it happened.
    pub time_us: i64,
    /// What the payment came to with it.
    pub outcome: Outcome,
    /// How many answers are left.
    pub attempts_left: u32,
    /// Why it is blocked, where no rule wanted that.
    pub stopped: Option<Stopped>,
    /// The locks that keep the requirement from being met.
    pub locked: Vec<String>,
}

/// A decision, explained.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The event's id.
    pub id: String,
    /// When it happened.
    pub time_us: i64,
    /// Its amount.
    pub amount: Option<Money>,
    /// What it was converted from, where it came in another currency.
    pub converted: Option<Conversion>,
    /// The hash of the rule set that decided, in hexadecimal.
    pub rule_set: String,
    /// What was decided.
    pub outcome: Outcome,
    /// Whether a person should look.
    pub alert: bool,
    /// The sum of scores.
    pub score: i64,
    /// The score from which a payment is stepped up.
    pub step_up_at: Option<i64>,
    /// The score from which it is blocked.
    pub block_at: Option<i64>,
    /// The authentication required: all of (any of ...).
    pub requirement: Vec<Vec<String>>,
    /// Whether the methods presented meet it.
    pub met: bool,
    /// The sets of it that are not met yet, where another one is.
    pub missing: Vec<Vec<String>>,
    /// The dialogue that was opened or goes on.
    pub step_up: Option<StepUp>,
    /// Why it is blocked, where no rule wanted that.
    pub stopped: Option<Stopped>,
    /// What the engine itself came to, where the payment had been answered before.
    pub own: Option<Outcome>,
    /// The locks that keep the requirement from being met, so that it is blocked.
    pub locked: Vec<String>,
    /// How the customer answered, as far as was read.
    pub answers: Vec<AnswerExplanation>,
    /// What the control group let through.
    pub withheld: Option<Withheld>,
    /// The files whose dates the payment is outside of.
    pub out_of_force: Vec<String>,
    /// What the rules that acted mark the payment with.
    pub tags: Vec<String>,
    /// What they oblige somebody to do.
    pub obligations: Vec<String>,
    /// What conditions asked that no record holds, where it is explained from the record alone: unknown in what follows.
    pub not_recorded: Vec<String>,
    /// What the customer is told.
    pub advice: &'static Advice,
    /// The rules that fired, or all, in the order of the file.
    pub rules: Vec<RuleExplanation>,
    /// The tables that these rules read, themselves or through others.
    pub tables: Vec<TableExplanation>,
}

impl Explainer {
    /// Of what the rule file with this text decides; `source_name` is what its errors call it.
    pub fn new(source_name: &str, text: &str) -> Result<Self, Refused> {
        Self::of(&Sources::alone(source_name, text))
    }

    /// Of what a rule file with all that it extends decides.
    pub fn of(sources: &Sources) -> Result<Self, Refused> {
        Ok(Self { outlined: outline(sources)? })
    }

    /// The rule set.
    pub fn rules(&self) -> &RuleSet {
        &self.outlined.rules
    }

    /// Explains a decision from the facts that it was made of; of rules that did not fire only where `all`.
    pub fn explain(&self, facts: &Facts<'_>, decision: &Decision, all: bool) -> Explanation {
        let (event, set) = (facts.event, self.rules());
        let mut rules = Vec::new();
        let mut read = BTreeSet::new();
        let tenant = event.text(TextField::Tenant);
        for (at, (rule, outline)) in set.rules.iter().zip(&self.outlined.conditions).enumerate() {
            // What is for other tenants is not this one's to know.
            // Rules look at logins or at payments; what is asked again of a payment is one too.
            let of_logins = |kind| kind == Kind::Login;
            if of_logins(rule.from) != of_logins(event.kind()) || !rule.is_for(tenant) {
                continue;
            }
            let condition = outline.at(facts);
            let fate = self.fate(at, rule, &condition, event, decision);
            if !all && !fate.fired() {
                continue;
            }
            read.extend(rule.tables.iter().map(|&table| usize::from(table)));
            rules.push(RuleExplanation {
                id: rule.id.clone(),
                by_unknown: fate.fired() && condition.truth().is_none(),
                then: rule.then,
                score: rule.score,
                tier: rule.tier,
                mode: rule.mode,
                reason: rule.reason.clone(),
                tags: words(&set.tags, rule.tags),
                oblige: words(&set.obligations, rule.oblige),
                legal: rule.legal.clone(),
                fate,
                condition,
            });
        }
        let (tags, oblige) = set.duties(&decision.fired);
        Explanation {
            out_of_force: set.pack_names(decision.out_of_force).map(str::to_owned).collect(),
            tags: words(&set.tags, tags),
            obligations: words(&set.obligations, oblige),
            id: event.id().to_owned(),
            time_us: event.time_us(),
            amount: event.amount(),
            converted: decision.converted,
            rule_set: set.hash_text(),
            outcome: decision.outcome,
            alert: decision.alert,
            score: decision.score,
            step_up_at: set.policy.step_up_at,
            block_at: set.policy.block_at,
            requirement: decision.requirement.any_of().iter().map(|&any_of| set.methods_of(any_of)).collect(),
            met: decision.met,
            missing: decision.missing.any_of().iter().map(|&any_of| set.methods_of(any_of)).collect(),
            step_up: decision.step_up,
            stopped: decision.stopped,
            own: decision.own,
            locked: set.lock_names(decision.locked).map(str::to_owned).collect(),
            answers: Vec::new(),
            not_recorded: Vec::new(),
            withheld: decision.withheld,
            advice: advice(set, decision),
            tables: read.into_iter().filter_map(|table| self.table(table, facts)).collect(),
            rules,
        }
    }

    fn table(&self, at: usize, facts: &Facts<'_>) -> Option<TableExplanation> {
        let (table, outlines) = (self.rules().tables.get(at)?, self.outlined.tables.get(at)?);
        let row = table.row(facts).map(usize::from);
        let looked_at: Vec<Finding> = outlines.iter().map(|outline| outline.at(facts)).collect();
        // Nothing behind the first row that holds is looked at; nor behind one that leaves all unknown.
        let last = looked_at.iter().position(|finding| match finding.truth() {
            Some(holds) => holds,
            None => table.on_unknown == UnknownRow::Unknown,
        });
        let seen = last.map_or(looked_at.len(), |last| last + 1);
        Some(TableExplanation {
            name: table.name.clone(),
            value: row.and_then(|row| table.value(row)),
            row,
            on_unknown: table.on_unknown,
            rows: table.rows.len(),
            looked_at: looked_at.into_iter().take(seen).collect(),
        })
    }

    fn fate(&self, at: usize, rule: &Rule, condition: &Finding, event: &Event, decision: &Decision) -> Fate {
        let among = |rules: &[u16]| rules.iter().any(|&rule| usize::from(rule) == at);
        if among(&decision.fired) {
            return Fate::Acted;
        }
        if among(&decision.shadow) {
            return Fate::Shadow;
        }
        if among(&decision.overridden) {
            let acted = decision.fired.iter().filter_map(|&rule| self.rules().rules.get(usize::from(rule)));
            let by = acted.filter(|rule| among(&rule.overrides)).map(|rule| rule.id.clone()).collect();
            return Fate::Overridden { by };
        }
        if among(&decision.tripped) {
            return Fate::Tripped;
        }
        let fires = condition.truth().unwrap_or(rule.on_unknown == OnUnknown::Fires);
        match rule.mode {
            Mode::Off => Fate::Off,
            _ if rule.valid_from_us.is_some_and(|from_us| event.time_us() < from_us) => Fate::NotYet,
            _ if rule.valid_until_us.is_some_and(|until_us| event.time_us() >= until_us) => Fate::Over,
            _ if fires && rule.rollout.is_some() => Fate::Outside,
            _ => Fate::Silent,
        }
    }
}

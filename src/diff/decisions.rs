//! The same events under two rule sets: which decisions change, and by which rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::decision::Decision;
use crate::engine::{Answer, Engine, Limits, Recording};
use crate::event::{Event, Kind, TextField};
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::{Rule, RuleSet};

/// Decides every event twice and keeps what differs.
#[derive(Debug)]
pub struct DecisionDiff {
    /// None where somebody else decides by it.
    old: Option<Engine>,
    old_rules: Arc<RuleSet>,
    new: Engine,
    /// For each rule of the new set, its position in the old one.
    was: Vec<Option<u16>>,
    /// For each rule of the new set, whether it asks for something else than in the old one.
    asks_otherwise: Vec<bool>,
    most: usize,
    found: Decisions,
}

/// How many payments, and their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// How many.
    pub count: u64,
    /// Their sum in minor units.
    pub minor: i128,
}

/// How a rule's firing shifted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleShift {
    /// How often it fired under the old rule set.
    pub old: u64,
    /// How often under the new.
    pub new: u64,
    /// Payments on which it fires now and did not.
    pub gained: u64,
    /// Payments on which it fired and does not now.
    pub lost: u64,
}

/// A decision that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangedDecision {
    /// The payment's id.
    pub id: String,
    /// When it happened.
    pub time_us: i64,
    /// Its amount in minor units.
    pub amount_minor: i64,
    /// The outcome that was.
    pub old: &'static str,
    /// The outcome that is.
    pub new: &'static str,
    /// What else is required, or is no longer: the alert, the authentication; the score, where neither they nor the outcome
    /// changed.
    pub beside: Vec<String>,
    /// Rules that fire now and did not.
    pub gained: Vec<String>,
    /// Rules that fired and do not now.
    pub lost: Vec<String>,
    /// Rules that fire in both and ask for something else.
    pub altered: Vec<String>,
}

/// How many events each side refused, by the code of the refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Under the old rule set.
    pub old: BTreeMap<&'static str, u64>,
    /// Under the new.
    pub new: BTreeMap<&'static str, u64>,
}

/// What two rule sets decide of the same events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Decisions {
    /// How many payments both decided.
    pub decided: u64,
    /// How many of them changed in outcome, alert or authentication.
    pub changed: u64,
    /// How many more differ in score or in the rules that fired.
    pub otherwise: u64,
    /// How many payments only one of the two decided, and the other refused.
    pub one_sided: u64,
    /// The events that were refused, of whatever kind.
    pub refused: Refused,
    /// Payments by old outcome, then by new, weakest first.
    pub matrix: [[Cell; 3]; 3],
    /// The rules whose firing shifted, by id.
    pub rules: BTreeMap<String, RuleShift>,
    /// The first decisions that changed.
    pub first: Vec<ChangedDecision>,
}

impl Decisions {
    /// Whether any decision differs in anything.
    pub fn any(&self) -> bool {
        self.changed + self.otherwise + self.one_sided > 0 || self.refused.old != self.refused.new
    }
}

impl DecisionDiff {
    /// Of two rule sets with their lists; at most so many changed decisions are kept.
    pub fn new(old: (RuleSet, Lists), new: (RuleSet, Lists), most: usize) -> Self {
        let ((old, old_lists), (new, new_lists)) = (old, new);
        let old_rules = Arc::new(old.clone());
        let mut engine = Engine::new(old, Limits::default(), Recording::Fired);
        engine.load_lists(old_lists);
        let mut diff = Self::beside(old_rules, (new, new_lists, Rates::default()), Limits::default(), most);
        diff.old = Some(engine);
        diff
    }

    /// Of a rule set by which somebody else decides ([`beside_step`](Self::beside_step)), and another one with these
    /// bounds.
    pub fn beside(old: Arc<RuleSet>, new: (RuleSet, Lists, Rates), limits: Limits, most: usize) -> Self {
        let (rules, lists, rates) = new;
        let mut new = Engine::new(rules, limits, Recording::Fired);
        new.load_lists(lists);
        new.load_rates(rates);
        let (was, asks_otherwise, found) = (Vec::new(), Vec::new(), Decisions::default());
        let mut diff = Self { old: None, old_rules: old, new, was, asks_otherwise, most, found };
        diff.match_rules();
        diff
    }

    /// Goes on beside another rule set: the one that decides took it up.
    pub fn reloaded(&mut self, old: Arc<RuleSet>) {
        self.old_rules = old;
        self.match_rules();
    }

    /// The rule set that it goes on beside.
    pub fn old_rules(&self) -> &RuleSet {
        &self.old_rules
    }

    /// Finds each rule of the new set in the old one.
    fn match_rules(&mut self) {
        let (old, new) = (&self.old_rules, self.new.rules());
        let position = |rule: &Rule| old.rules.iter().position(|held| held.id == rule.id);
        self.was =
            new.rules.iter().map(|rule| position(rule).and_then(|at| u16::try_from(at).ok())).collect();
        let asks = |set: &RuleSet, rule: &Rule| (rule.then, rule.score, set.requirement(&rule.auth));
        let otherwise = |(rule, was): (&Rule, &Option<u16>)| {
            let held = was.and_then(|at| old.rules.get(usize::from(at)));
            held.is_some_and(|held| asks(old, held) != asks(new, rule))
        };
        self.asks_otherwise = new.rules.iter().zip(&self.was).map(otherwise).collect();
    }

    /// The same with the rates of both.
    #[must_use]
    pub fn with_rates(mut self, old: Rates, new: Rates) -> Self {
        if let Some(engine) = &mut self.old {
            engine.load_rates(old);
        }
        self.new.load_rates(new);
        self
    }

    /// Takes one event in, once as each rule set reads it: their extra fields may differ.
    pub fn step(&mut self, old: &Event, new: &Event) {
        let refused = &mut self.found.refused;
        let was = self.old.as_mut().and_then(|engine| decided(engine.step(old), &mut refused.old));
        let is = decided(self.new.step(new), &mut refused.new);
        self.both(old, was, is);
    }

    /// Takes in an event that was answered so by the rule set that it goes beside. The new one takes up no other in its
    /// turn. Gives the decision, if it differs, in score or rules alone too.
    pub fn beside_step(&mut self, event: &Event, answer: Answer<'_>) -> Option<ChangedDecision> {
        if event.kind() == Kind::Control && event.text(TextField::Control) == Some("rule_set") {
            return None;
        }
        let refused = &mut self.found.refused;
        let was = decided(answer, &mut refused.old);
        let is = decided(self.new.step(event), &mut refused.new);
        self.both(event, was, is)
    }

    fn both(
        &mut self,
        event: &Event,
        was: Option<Decision>,
        is: Option<Decision>,
    ) -> Option<ChangedDecision> {
        match (was, is) {
            (Some(was), Some(is)) => return self.compare(event, &was, &is),
            (None, None) => {}
            _ => self.found.one_sided += 1,
        }
        None
    }

    fn compare(&mut self, event: &Event, was: &Decision, is: &Decision) -> Option<ChangedDecision> {
        let sent = event.amount().map_or(0, |amount| amount.minor);
        let minor = was.converted.map_or(sent, |converted| converted.minor);
        self.found.decided += 1;
        let cell = &mut self.found.matrix[was.outcome as usize][is.outcome as usize];
        cell.count += 1;
        cell.minor += i128::from(minor);
        let shifts = self.shifts(was, is);
        let mut beside = self.changed_beside(was, is);
        let changes = was.outcome != is.outcome || !beside.is_empty();
        if !changes && was.score != is.score {
            beside.push(format!("score {} instead of {}", is.score, was.score));
        }
        if !changes && beside.is_empty() && shifts.gained.is_empty() && shifts.lost.is_empty() {
            return None;
        }
        let differs = ChangedDecision {
            id: event.id().to_owned(),
            time_us: event.time_us(),
            amount_minor: minor,
            old: was.outcome.name(),
            new: is.outcome.name(),
            beside,
            gained: shifts.gained,
            lost: shifts.lost,
            altered: shifts.altered,
        };
        if !changes {
            self.found.otherwise += 1;
            return Some(differs);
        }
        self.found.changed += 1;
        if self.found.first.len() < self.most {
            self.found.first.push(differs.clone());
        }
        Some(differs)
    }

    /// Which rules fire now and did not, and the other way round; counts them.
    fn shifts(&mut self, was: &Decision, is: &Decision) -> Shifts {
        let mut shifts = Shifts::default();
        let (old, new) = (&self.old_rules, self.new.rules());
        let mut held = Vec::with_capacity(is.fired.len());
        for &at in &is.fired {
            let Some(rule) = new.rules.get(usize::from(at)) else { continue };
            let before = self.was.get(usize::from(at)).copied().flatten();
            let fired = before.is_some_and(|before| was.fired.contains(&before));
            held.extend(before);
            let shift = shift(&mut self.found.rules, &rule.id);
            shift.new += 1;
            if !fired {
                shift.gained += 1;
                shifts.gained.push(rule.id.clone());
            } else if self.asks_otherwise.get(usize::from(at)) == Some(&true) {
                shifts.altered.push(rule.id.clone());
            }
        }
        for &at in &was.fired {
            let Some(rule) = old.rules.get(usize::from(at)) else { continue };
            let shift = shift(&mut self.found.rules, &rule.id);
            shift.old += 1;
            if !held.contains(&at) {
                shift.lost += 1;
                shifts.lost.push(rule.id.clone());
            }
        }
        shifts
    }

    /// What changed beside the outcome.
    fn changed_beside(&self, was: &Decision, is: &Decision) -> Vec<String> {
        let mut beside = Vec::new();
        if was.alert != is.alert {
            beside.push(if is.alert { "alert" } else { "no alert" }.to_owned());
        }
        let required =
            |rules: &RuleSet, decision: &Decision| rules.requirement(decision.requirement.any_of());
        let (old, new) = (required(&self.old_rules, was), required(self.new.rules(), is));
        if was.outcome == is.outcome && old != new {
            beside.push(format!("requires {new} instead of {old}"));
        }
        beside
    }

    /// What was found.
    pub fn into_found(mut self) -> Decisions {
        self.found.rules.retain(|_, shift| shift.gained + shift.lost > 0);
        self.found
    }
}

#[derive(Default)]
struct Shifts {
    gained: Vec<String>,
    lost: Vec<String>,
    altered: Vec<String>,
}

/// The decision, if it is one; a refusal is counted.
fn decided(answer: Answer<'_>, refused: &mut BTreeMap<&'static str, u64>) -> Option<Decision> {
    match answer {
        Answer::Decided(decision) => Some(decision.clone()),
        Answer::Refused(refusal) => {
            *refused.entry(refusal.code()).or_default() += 1;
            None
        }
        _ => None,
    }
}

fn shift<'r>(rules: &'r mut BTreeMap<String, RuleShift>, id: &str) -> &'r mut RuleShift {
    rules.entry(id.to_owned()).or_default()
}

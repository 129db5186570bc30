//! What an event's own fields alone require: the least that mandatory rules ask for, whatever the past was.
//!
//! Promises never to ask for more than an engine with these rules decides on the event, with any past, lists and rates; and
//! to ask for all that mandatory rules demand where they read nothing but the event. Has no state, so that whoever has to
//! answer without an engine can ask.

use std::sync::Arc;

use crate::decision::{Demand, Outcome};
use crate::event::{Event, Kind, TextField};
use crate::rates::Conversion;
use crate::rates::RateFrom;
use crate::rules::{Action, Facts, Mode, OnUnknown, Own, Rule, RuleSet, Tier};
use crate::time::Calendar;

use super::dialogue::meets;

/// Says what events require by themselves; its buffers are used again.
#[derive(Debug)]
pub struct Floor {
    rules: Arc<RuleSet>,
    calendar: Calendar,
    /// The mandatory rules that ask for an outcome, as positions.
    demands: Vec<u16>,
    /// The tables that they read, each after those that it reads.
    order: Vec<u16>,
    /// Of each table the row, where it is known.
    rows: Vec<Option<u16>>,
    known: Vec<bool>,
    /// The rows that may hold, for each table.
    may_hold: Vec<Vec<Option<u16>>>,
    converted: Option<Box<Event>>,
}

impl Floor {
    /// Of a rule set.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        let demands: Vec<u16> =
            (0..).zip(&rules.rules).filter(|(_, rule)| asks(rule)).map(|(at, _)| at).collect();
        let reads =
            |table: u16| demands.iter().any(|&at| rules.rules[usize::from(at)].tables.contains(&table));
        let mut order: Vec<u16> = (0..rules.tables.len() as u16).filter(|&table| reads(table)).collect();
        order.sort_by_key(|&at| rules.tables[usize::from(at)].tables.len());
        let tables = rules.tables.len();
        Self {
            calendar: rules.calendar.clone(),
            demands,
            order,
            rows: vec![None; tables],
            known: vec![false; tables],
            may_hold: vec![Vec::new(); tables],
            converted: None,
            rules,
        }
    }

    /// What a transaction requires; of any other event nothing.
    pub fn of(&mut self, event: &Event) -> Demand {
        let mut demand = Demand::default();
        if event.kind() != Kind::Transaction || self.demands.is_empty() {
            return demand;
        }
        let mut converted = self.converted.take();
        let event = self.convert(event, &mut converted);
        let rules = Arc::clone(&self.rules);
        let facts = Facts::of(event, self.calendar.hour_and_weekday(event.time_us()));
        let amount = event.amount().is_none_or(|amount| amount.currency == rules.currency);
        let locks = !rules.locks.is_empty();
        self.known.fill(false);
        self.rows.fill(None);
        for at in self.order.iter().map(|&at| usize::from(at)) {
            let own = Own::new(Facts { tables: &self.rows, ..facts }, &self.known, amount, locks);
            let may_hold = &mut self.may_hold[at];
            rules.tables[at].may_hold(&own, may_hold);
            if let [row] = may_hold[..] {
                (self.rows[at], self.known[at]) = (row, true);
            }
        }
        let asked = |rows: &[Option<u16>], known: &[bool], of: Option<u16>| {
            let own = Own::new(Facts { tables: rows, ..facts }, known, amount, locks);
            let mut demand = Demand::default();
            let read = |rule: &&Rule| of.is_none_or(|table| rule.tables.contains(&table));
            for rule in self.demands.iter().map(|&at| &rules.rules[usize::from(at)]).filter(read) {
                if fires(rule, &own) {
                    demand.join(&of_rule(rule, &rules));
                }
            }
            demand
        };
        demand.join(&asked(&self.rows, &self.known, None));
        // Of a table of which several rows may hold, what is asked for by each.
        for &table in &self.order {
            let at = usize::from(table);
            if self.known[at] {
                continue;
            }
            self.known[at] = true;
            let mut least: Option<Demand> = None;
            for row in &self.may_hold[at] {
                self.rows[at] = *row;
                let demand = asked(&self.rows, &self.known, Some(table));
                least = Some(least.map_or_else(|| demand.clone(), |least| least.either(&demand)));
            }
            (self.known[at], self.rows[at]) = (false, None);
            least.iter().for_each(|least| demand.join(least));
        }
        if rules.step_up.is_some()
            && demand.outcome == Outcome::StepUp
            && meets(&rules, facts.presented, &demand.requirement)
        {
            demand = Demand::default();
        }
        self.converted = converted;
        demand
    }

    /// The rule set that it is of.
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// The event with its amount in the rule set's currency, where it brings its own rate.
    fn convert<'e>(&self, event: &'e Event, held: &'e mut Option<Box<Event>>) -> &'e Event {
        let to = self.rules.currency;
        let foreign = event.amount().filter(|paid| paid.currency != to && self.rules.rates.is_some());
        let worth = foreign.zip(event.rate()).and_then(|(paid, rate)| {
            let minor = rate.convert(paid.minor, paid.currency, to)?;
            Some(Conversion { paid, rate, from: RateFrom::Event, minor })
        });
        let Some(conversion) = worth else { return event };
        let held = held.get_or_insert_with(|| Box::new(event.clone()));
        held.convert(event, conversion, to);
        held
    }
}

/// The rules that can ask for more than an allow, whatever else is known.
pub(crate) fn demanding(rules: &RuleSet) -> impl Iterator<Item = &Rule> {
    rules.rules.iter().filter(|rule| asks(rule) && !rule.when.never_holds())
}

fn asks(rule: &Rule) -> bool {
    let outcome = matches!(rule.then, Some(Action::Outcome(outcome)) if outcome > Outcome::Allow);
    let always = rule.mode == Mode::Live && rule.breaker.is_none() && rule.rollout.is_none();
    rule.tier == Tier::Mandatory && rule.from == Kind::Transaction && outcome && always
}

/// Whether it fires for sure.
fn fires(rule: &Rule, own: &Own<'_>) -> bool {
    let event = own.facts.event;
    let time_us = event.time_us();
    let in_force = rule.valid_from_us.is_none_or(|from_us| from_us <= time_us)
        && rule.valid_until_us.is_none_or(|until_us| time_us < until_us);
    let sure = || rule.when.surely(own);
    in_force
        && rule.is_for(event.text(TextField::Tenant))
        && sure().is_some_and(|truth| truth.unwrap_or(rule.on_unknown == OnUnknown::Fires))
}

/// What a rule that fires asks for.
fn of_rule(rule: &Rule, rules: &RuleSet) -> Demand {
    let Some(Action::Outcome(outcome)) = rule.then else { return Demand::default() };
    let mut demand = Demand::of(outcome);
    if outcome == Outcome::StepUp {
        let auth = if rule.auth.is_empty() { &rules.policy.auth } else { &rule.auth };
        auth.iter().for_each(|&methods| demand.requirement.join(methods));
    }
    demand
}

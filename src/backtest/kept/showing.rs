//! Payments one after the other, with the decisions that the rules which fire on them come to.
//!
//! Promises each payment that is asked for once, in the order of their decisions. Must never know a file.

use std::sync::Arc;

use super::listing::Listing;
use super::lit::{Chunk, Lit};
use super::payments::{Among, NAMED};
use crate::backtest::Fact;
use crate::backtest::run::{Basis, Shown, Span, Stands};
use crate::decision::Decision;
use crate::engine::Verdict;
use crate::event::EventError;
use crate::rules::{Mode, RuleSet};

/// Whom payments are shown.
pub(in crate::backtest) trait Watch {
    /// The next one.
    fn show(&mut self, shown: &Shown<'_>);

    /// What was shown since stands among these.
    fn among(&mut self, _: Among) {}
}

/// Shows chunk after chunk.
pub(super) struct Showing<'a> {
    rules: &'a RuleSet,
    lit: Lit<'a>,
    names: Arc<[Vec<String>; NAMED]>,
    span: Span,
    first_us: i64,
    /// Whether payments are shown on which no rule fires and that are no fraud.
    all: bool,
    /// The rules that fire on the payment at hand, live ones and ones in shadow.
    live: Vec<u16>,
    shadow: Vec<u16>,
    decision: Decision,
    /// Of a payment on which nothing fires.
    quiet: Decision,
    warming: u64,
    immature: u64,
}

impl<'a> Showing<'a> {
    pub(super) fn new(listing: &Listing, rules: &'a RuleSet, lit: Lit<'a>, span: Span, all: bool) -> Self {
        Self {
            rules,
            lit,
            names: Arc::new(listing.names.clone()),
            span,
            first_us: listing.first_us.unwrap_or(0),
            all,
            live: Vec::new(),
            shadow: Vec::new(),
            decision: Decision::default(),
            quiet: Decision::default(),
            warming: 0,
            immature: 0,
        }
    }

    /// Payments from before and from after the measured time.
    pub(super) fn warming_and_immature(&self) -> (u64, u64) {
        (self.warming, self.immature)
    }

    /// Shows a chunk that begins at a payment, on whose rows these rules fire: by row, then by rule.
    pub(super) fn chunk(
        &mut self,
        first: usize,
        chunk: &Chunk,
        fired: &[(u32, u16)],
        watch: &mut impl Watch,
    ) -> Result<(), EventError> {
        let mut fired = fired.iter().peekable();
        for row in 0..chunk.payments.len() {
            self.live.clear();
            self.shadow.clear();
            while let Some(&(_, rule)) = fired.next_if(|(of, _)| *of as usize == row) {
                let mode = self.rules.rules.get(usize::from(rule)).map(|rule| rule.mode);
                if mode == Some(Mode::Live) { self.live.push(rule) } else { self.shadow.push(rule) }
            }
            self.payment(first, chunk, row, watch)?;
        }
        if !self.all {
            let (payments, names) = (Arc::clone(&chunk.payments), Arc::clone(&self.names));
            let (span, first_us) = (self.span, self.first_us);
            watch.among(Among { payments, names, first: first as u64, span, first_us });
        }
        Ok(())
    }

    fn payment(
        &mut self,
        first: usize,
        chunk: &Chunk,
        row: usize,
        watch: &mut impl Watch,
    ) -> Result<(), EventError> {
        let payments = &chunk.payments;
        let stands = self.span.of(payments.time_us(row), self.first_us);
        self.warming += u64::from(stands == Stands::Warming);
        self.immature += u64::from(stands == Stands::Immature);
        let executed_before = payments.executed_before(row);
        let loud = !self.live.is_empty() || !self.shadow.is_empty() || executed_before.contains(&true);
        if !loud && !payments.is_fraud(row) && !self.all {
            return Ok(());
        }
        if loud || self.all {
            self.lit.set(chunk, row)?;
        }
        let (mut decision, mut verdict) = (&self.quiet, Verdict::default());
        if loud {
            verdict = self.lit.circumstances().verdict(self.rules, &self.live, &mut self.decision);
            self.decision.shadow.clone_from(&self.shadow);
            decision = &self.decision;
        }
        let [account, customer] = payments.aliases(row);
        watch.show(&Shown {
            event: self.lit.event(),
            fact: Fact {
                at: (first + row) as u64,
                account: account.text(),
                customer: customer.text(),
                outcome: verdict.outcome,
                alert: verdict.alert,
                score: decision.score,
                fired: &decision.fired,
                shadow: &decision.shadow,
                ..payments.fact(row, &self.names)
            },
            stands,
            first_us: self.first_us,
            decision,
            basis: &self.lit,
            answered: payments.answered(row),
            executed_before,
            row: 0,
        });
        Ok(())
    }
}

//! Looking at a payment again: taking it out of what features read for as long, and keeping what it empties once it is
//! executed.

use crate::engine::Engine;
use crate::engine::payments::Payment;
use crate::event::Event;
use crate::rules::Facts;

impl Engine {
    /// Decides on a payment again as though it asked now, with the methods presented by now. It counts once: what it
    /// contributes already is lifted out of the records for the reading. A ledger where that can't be, because its row is
    /// away, is read as `behind`.
    pub(super) fn decide_again(&mut self, original: &Event, payment: Option<&Payment>, presented: &str) {
        let now_us = self.now_us;
        let calendar = self.calendar.hour_and_weekday(original.time_us());
        let facts = Facts { now_us, presented, ..Facts::of(original, calendar) };
        let with_lists = Facts { lists: &self.live.lists, rates: &self.live.rates, ..facts };
        let mut lifted = [false; crate::engine::LEDGERS_MAX];
        for (ledger, lifted) in self.ledgers.live.iter_mut().zip(&mut lifted) {
            *lifted = payment.is_some_and(|payment| ledger.lift(payment.row(), payment.held()));
            ledger.gather(&with_lists);
        }
        let ledgers = self.ledgers.live.iter().zip(lifted);
        self.live.decide(ledgers, facts, (now_us, now_us), self.recording);
        self.live.decision.rule_set = self.reloads.number;
        for (ledger, _) in self.ledgers.live.iter_mut().zip(lifted).filter(|(_, lifted)| *lifted) {
            if let Some(payment) = payment {
                ledger.put_back(payment.row(), payment.held());
            }
        }
    }

    /// Keeps what a payment empties once it is executed, by what holds now that it is allowed, with the methods presented by
    /// now. The shadow has not looked at it again, so what asks one of its tables is unknown there, and empties nothing.
    pub(super) fn arm_original(&mut self, original: &Event, payment: &Payment, presented: &str) {
        let calendar = self.calendar.hour_and_weekday(original.time_us());
        let facts = Facts { now_us: self.now_us, presented, ..Facts::of(original, calendar) };
        let decided = self.live.decided(facts);
        for ledger in &mut self.ledgers.live {
            // It may have been looked at from another device.
            ledger.gather(&decided);
            ledger.gather_decided(&decided);
            ledger.arm(payment.row());
        }
        let Some(shadow) = &self.shadow else { return };
        let facts = Facts { lists: shadow.lists(), rates: &shadow.judge.rates, ..facts };
        for ledger in &mut self.ledgers.shadow {
            ledger.gather(&facts);
            ledger.gather_decided(&facts);
            ledger.arm(payment.row());
        }
    }
}

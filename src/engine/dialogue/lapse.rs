//! What lapses: dialogues that nobody answered, and payments of which nobody reported.

use super::Ended;
use crate::engine::payments::{Report, Standing};
use crate::engine::{Engine, ledgers};
use crate::rules::Feedback;

/// Most lapses that one step works off; what is left over still counts.
const LAPSES_A_STEP: usize = 64;

impl Engine {
    /// Works off what is due. Where the side buffer is full that waits: what still counts is the stricter.
    pub(in crate::engine) fn work_off_lapses(&mut self) {
        for _ in 0..LAPSES_A_STEP {
            let side_entries = ledgers::side_entries_after_one_more(&self.ledgers.live);
            if side_entries > self.limits.side_entries_max {
                return;
            }
            if let Some((identity, _)) = self.dialogues.lapses.pop_due(self.now_us) {
                self.lapse(identity);
            } else if let Some((identity, row)) = self.dialogues.pendings.pop_due(self.now_us) {
                self.await_no_more(identity, row);
            } else {
                return;
            }
        }
    }

    /// Ends a dialogue that nobody answered, unless it is over.
    fn lapse(&mut self, identity: u128) {
        let now_us = self.now_us;
        if self.dialogues.open.get(&identity).is_none_or(|open| open.expires_us > now_us) {
            return;
        }
        self.dialogues.open.remove(&identity);
        self.dialogues.ended.insert(identity, now_us, Ended::Lapsed);
        // A gateway that reports nothing may have let it through.
        if self.live.rules.feedback != Feedback::None {
            self.report_itself(identity, Report::Refused);
        }
    }

    /// Lets the payment with this row, if nothing was reported of it, count as pending no more.
    fn await_no_more(&mut self, identity: u128, row: u64) {
        if let Ok(payment) = self.payment(identity, self.now_us)
            && payment.row() == row
            && payment.is_awaited(self.payments.conduct())
        {
            self.report_itself(identity, Report::Nothing);
        }
    }

    /// Lets a payment be pending until something is reported of it, for as long as the rule set says. Where too many
    /// are, it is for as long as windows cover it.
    pub(super) fn await_report(&mut self, identity: u128, standing: Standing) {
        let Some(pending_us) = self.live.rules.pending_us else { return };
        let reported = match self.live.rules.feedback {
            Feedback::None => false,
            Feedback::Authentication => standing == Standing::Open,
            Feedback::Execution => true,
        };
        if reported
            && self.dialogues.pendings.len() < self.limits.pendings_max
            && let Some(row) = self.row_of(identity)
        {
            self.dialogues.pendings.push(self.now_us.saturating_add(pending_us), (identity, row));
        }
    }

    /// Takes in what the engine itself says of a payment.
    pub(super) fn report_itself(&mut self, identity: u128, report: Report) {
        if self.shadow.is_some() {
            self.check_shadow(true);
        }
        // One that can no longer be corrected counts no more, or as long as windows cover it.
        if let Ok(mut payment) = self.payment(identity, self.now_us) {
            payment.reports = payment.reports.with(report);
            self.correct(identity, payment);
        }
    }
}

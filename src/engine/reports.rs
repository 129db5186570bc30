//! Reports: authentications, executions, reversals and labels, each about an earlier payment or one that is still to come.
//!
//! A report is looked up before time moves, so that a refused one leaves no trace, and acts once it has moved.

use super::ledger::Ledger;
use super::payments::{Payment, Present, Report, Standing};
use super::shadow::ShadowStopped;
use super::{Alert, Engine, NotAllowed, Refusal, ledgers};
use crate::event::{Event, Kind, TextField};
use crate::rules::Label;
use crate::state::{Again, Scopes};

/// What an event reports of an earlier payment, if that is what it does.
pub(super) fn report(event: &Event) -> Option<Report> {
    let (time_us, succeeded) = (event.time_us(), event.text(TextField::Result) == Some("succeeded"));
    match event.kind() {
        Kind::Authentication => Some(Report::Authentication { succeeded, time_us }),
        Kind::Execution => Some(Report::Execution { succeeded, time_us }),
        Kind::Reversal => Some(Report::Reversal { minor: event.amount().map(|amount| amount.minor) }),
        Kind::Label => Some(Report::Label(match event.text(TextField::Label) {
            Some("fraud") => Some(Label::Fraud),
            Some("genuine") => Some(Label::Genuine),
            _ => None,
        })),
        _ => None,
    }
}

impl Engine {
    /// Remembers of a payment what anybody has to know for its next correction.
    pub(super) fn remember(&mut self, identity: u128, payment: Payment, known: bool) {
        let conduct = self.payments.conduct();
        if known || payment.matters(conduct, ledgers::scopes(&self.ledgers.live)) {
            self.payments.remember(identity, self.now_us, payment);
        } else if self.payments.corrected_aside(identity, payment.row(), self.now_us).is_some()
            || payment.matters(conduct, ledgers::scopes(&self.ledgers.shadow))
        {
            self.payments.remember_aside(identity, self.now_us, payment);
        }
    }

    /// What can be a row of its own now. A shadow must not have a say in it.
    pub(super) fn present(&self) -> Present {
        Present { row: self.row, now_us: self.now_us, scopes: ledgers::scopes(&self.ledgers.live) }
    }

    /// Lets an earlier row count from now on, in the ledgers of which that is `wanted`.
    pub(super) fn file_again(&mut self, again: &Again, wanted: impl Fn(&Ledger) -> bool) {
        self.row += 1;
        self.ledgers.each(|ledger| {
            let scopes = if wanted(ledger) { again.scopes } else { Scopes::default() };
            ledger.file_again(&Again { scopes, ..*again });
        });
    }

    /// The payment that an event reports of, with the report; what comes before its payment waits for it.
    pub(super) fn reported(
        &mut self,
        event: &Event,
        report: Report,
    ) -> Result<Option<(u128, Payment)>, Refusal> {
        let Some(identity) = event.transaction_identity() else { return Ok(None) };
        let now_us = self.now_us.max(event.time_us());
        if self.seen.get(identity, now_us).is_none() {
            self.payments.wait(identity, now_us, report);
            return Ok(None);
        }
        let mut payment = self.payment(identity, now_us)?;
        payment.reports = payment.reports.with(report);
        Ok(Some((identity, payment)))
    }

    /// The row of the payment that has an identity now.
    pub(super) fn row_of(&self, identity: u128) -> Option<u64> {
        self.seen.get(identity, self.now_us).and_then(|seen| seen.filed.get()).map(|(row, _)| row)
    }

    /// What is known of a payment that was taken in; refused where that is no longer enough to correct it.
    pub(super) fn payment(&mut self, identity: u128, now_us: i64) -> Result<Payment, Refusal> {
        let &seen = self.seen.get(identity, now_us).ok_or(Refusal::TooOld)?;
        let (row, standing) = seen.filed.get().ok_or(Refusal::NotAPayment)?;
        if now_us - seen.time_us >= self.live.rules.horizon_us {
            return Err(Refusal::TooOld);
        }
        let moved = |ledgers: &[Ledger]| ledgers.iter().any(|ledger| ledger.is_moved(row));
        Ok(match self.payments.corrected(identity, row, now_us) {
            Some(payment) => payment,
            // What was corrected of it is forgotten, so nobody knows what it contributes.
            None if moved(&self.ledgers.live) => return Err(Refusal::TooOld),
            None => {
                let aside = self.payments.corrected_aside(identity, row, now_us);
                if aside.is_none() && moved(&self.ledgers.shadow) {
                    self.stop_shadow(ShadowStopped::Forgotten);
                }
                let on_time = || self.payments.not_reported(row, seen.time_us, standing, seen.amount_minor);
                aside.unwrap_or_else(on_time)
            }
        })
    }

    /// Whether a person should look at what was reported of a payment.
    pub(super) fn alert(&self, report: Option<Report>, of: Option<(u128, Payment)>) -> Option<Alert> {
        let (identity, payment) = of.filter(|_| matches!(report, Some(Report::Execution { .. })))?;
        let answered = match payment.unallowed(self.payments.conduct())? {
            Standing::Open if payment.reports.refused => NotAllowed::Refused,
            // What was reported of it may be forgotten, or never have mattered: an allow is no alert then.
            Standing::Open => self.dialogues.not_allowed(identity, self.now_us)?,
            _ => NotAllowed::Blocked,
        };
        Some(Alert::ExecutedNotAllowed(answered))
    }

    /// Makes what a payment contributes equal to what was reported of it.
    pub(super) fn correct(&mut self, identity: u128, mut payment: Payment) {
        let (now_us, present, ledgers) = (self.now_us, self.present(), &mut self.ledgers);
        let (row, time_us) = (payment.row(), payment.time_us());
        let again = self.payments.reconcile(&mut payment, present, |correction| {
            ledgers.each(|ledger| {
                if ledger.remembers(row, time_us, now_us) {
                    ledger.correct(correction);
                }
            });
        });
        if let Some(again) = again {
            // Rows have the same numbers everywhere, so one that is no longer corrected has it too, and nothing in it.
            self.file_again(&again, |ledger| ledger.remembers(row, time_us, now_us));
        }
        if payment.is_executed_first(self.payments.conduct()) {
            self.ledgers.each(|ledger| {
                if ledger.remembers(row, time_us, now_us) {
                    ledger.empty(row);
                }
            });
        }
        let known = self.payments.corrected(identity, row, now_us).is_some();
        self.remember(identity, payment, known);
    }
}

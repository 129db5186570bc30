//! What payments count as, after authentications, executions and reversals said their part.
//!
//! Each payment has two contributions, as asked and as allowed. What is reported of it says what each should hold;
//! [`Payments::reconcile`] takes back what differs and puts what should be there, at the payment's own time. Must
//! never know which aggregates a payment feeds: every ledger is told the same corrections.

use super::recent::Recent;
use crate::state::{Change, Correction, Holding, Scope, Standing};

/// What was reported of a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reports {
    authenticated: bool,
    failed: bool,
    /// Minor units taken back so far.
    reversed_minor: i64,
    reversed_fully: bool,
}

/// One report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// A step-up was answered.
    Authentication {
        /// Whether it succeeded.
        succeeded: bool,
    },
    /// The payment was executed, or failed.
    Execution {
        /// Whether it was executed.
        succeeded: bool,
    },
    /// The payment was taken back, in part where an amount is given.
    Reversal {
        /// Minor units taken back.
        minor: Option<i64>,
    },
}

impl Reports {
    /// With one more report.
    #[must_use]
    pub(crate) fn with(mut self, report: Report) -> Self {
        match report {
            Report::Authentication { succeeded } => self.authenticated |= succeeded,
            // What was executed must have been authenticated, whether or not that was reported.
            Report::Execution { succeeded } => {
                self.failed = !succeeded;
                self.authenticated |= succeeded;
            }
            Report::Reversal { minor: Some(minor) } => {
                self.reversed_minor = self.reversed_minor.saturating_add(minor);
            }
            Report::Reversal { minor: None } => self.reversed_fully = true,
        }
        self
    }
}

/// A payment that was late or corrected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payment {
    row: u64,
    time_us: i64,
    pub(crate) reports: Reports,
    amount_minor: i64,
    standing: Standing,
    asked: Option<Holding>,
    allowed: Option<Holding>,
}

impl Payment {
    /// A payment that came in late: it holds nothing before it is reconciled.
    pub(crate) fn late(row: u64, time_us: i64, standing: Standing, amount_minor: i64) -> Self {
        Self { row, time_us, reports: Reports::default(), amount_minor, standing, asked: None, allowed: None }
    }

    /// A payment that came in on time: its row holds what it contributes.
    pub(crate) fn on_time(row: u64, time_us: i64, standing: Standing, amount_minor: i64) -> Self {
        let held = Holding::of_row(amount_minor);
        let allowed = (standing == Standing::Allowed).then_some(held);
        Self { asked: Some(held), allowed, ..Self::late(row, time_us, standing, amount_minor) }
    }

    /// Makes what it contributes equal to what it should.
    fn reconcile(&mut self, arrivals: &mut u64, mut correct: impl FnMut(&Correction)) {
        let Reports { authenticated, failed, reversed_minor, reversed_fully } = self.reports;
        let left = self.amount_minor.saturating_sub(reversed_minor).max(0);
        let taken_back = reversed_fully || (left == 0 && reversed_minor > 0);
        let asked = (!taken_back).then_some(left);
        let allowed = match self.standing {
            Standing::Asked => false,
            Standing::Open => authenticated && !failed,
            Standing::Allowed => !failed,
        };
        let (row, time_us) = (self.row, self.time_us);
        let mut change = |scope, change| {
            let correction = Correction { row, time_us, scope, arrival: *arrivals, change };
            *arrivals += 1;
            correct(&correction);
            correction
        };
        for (scope, held, wanted) in [
            (Scope::Asked, &mut self.asked, asked),
            (Scope::Allowed, &mut self.allowed, asked.filter(|_| allowed)),
        ] {
            if held.map(|holding| holding.amount) == wanted {
                continue;
            }
            if let Some(holding) = *held {
                change(scope, Change::TakeBack(holding));
            }
            *held = wanted.map(|amount| change(scope, Change::Put(amount)).holding(amount));
        }
    }
}

/// What is known of payments that were late or corrected, and of reports that came before their payment.
#[derive(Debug)]
pub(crate) struct Payments {
    corrected: Recent<Payment>,
    waiting: Recent<Reports>,
    /// Corrections made so far.
    arrivals: u64,
}

impl Payments {
    /// Knows nothing yet; remembers for a horizon of time, and at most so many of each.
    pub(crate) fn new(horizon_us: i64, most: usize) -> Self {
        Self { corrected: Recent::new(horizon_us, most), waiting: Recent::new(horizon_us, most), arrivals: 0 }
    }

    /// Remembers for another horizon from now on.
    pub(crate) fn set_horizon(&mut self, now_us: i64, horizon_us: i64) {
        self.corrected.set_horizon(now_us, horizon_us);
        self.waiting.set_horizon(now_us, horizon_us);
    }

    /// What was corrected of a payment, if it was late or corrected.
    pub(crate) fn corrected(&self, identity: u128, now_us: i64) -> Option<Payment> {
        self.corrected.get(identity, now_us).copied()
    }

    /// What was reported of a payment before it came.
    pub(crate) fn waiting(&self, identity: u128, now_us: i64) -> Option<Reports> {
        self.waiting.get(identity, now_us).copied()
    }

    /// Keeps a report until its payment comes.
    pub(crate) fn wait(&mut self, identity: u128, now_us: i64, report: Report) {
        let waited = self.waiting(identity, now_us).unwrap_or_default();
        self.waiting.insert(identity, now_us, waited.with(report));
    }

    /// Gives what was reported of a payment before it came, and forgets it.
    pub(crate) fn take_waiting(&mut self, identity: u128, now_us: i64) -> Option<Reports> {
        let waited = self.waiting(identity, now_us);
        if waited.is_some() {
            self.waiting.remove(identity);
        }
        waited
    }

    /// Makes what a payment contributes equal to what it should.
    pub(crate) fn reconcile(&mut self, payment: &mut Payment, correct: impl FnMut(&Correction)) {
        payment.reconcile(&mut self.arrivals, correct);
    }

    /// Remembers what a payment contributes.
    pub(crate) fn remember(&mut self, identity: u128, now_us: i64, payment: Payment) {
        self.corrected.insert(identity, now_us, payment);
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.corrected.bytes() + self.waiting.bytes()
    }
}

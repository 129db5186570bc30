//! What payments count as, after authentications, executions, reversals and labels said their part.
//!
//! Each payment has a contribution in each scope that it counts in, at a time of its own. What is reported of it says
//! what each should hold; [`Payments::reconcile`] takes back what differs and puts what should be there. Must never
//! know which aggregates a payment feeds: every ledger is told the same corrections.

use serde::{Deserialize, Serialize};

use super::recent::Recent;
use crate::decision::Outcome;
use crate::rules::{Feedback, Label, RuleSet};
use crate::state::{Again, Change, Correction, Position, Scope, Scopes};

/// How payments are led: what a rule set says of it, for as long as an engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Conduct {
    /// The gateway reports no more than this.
    pub(crate) feedback: Feedback,
    /// Whether the engine leads the dialogue: only its own answer lets a stepped-up payment count as allowed.
    pub(crate) led: bool,
    /// Whether a stepped-up payment is pending until it is answered.
    pub(crate) holds: bool,
}

impl Conduct {
    /// As a rule set says.
    pub(crate) fn of(rules: &RuleSet) -> Self {
        let led = rules.step_up.is_some();
        Self { feedback: rules.feedback, led, holds: led || rules.pending_us.is_some() }
    }
}

/// What was answered to a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    /// It was refused: it only asked, but for what is executed nevertheless.
    Blocked,
    /// It was stepped up: it counts as allowed once it was answered so.
    Open,
    /// It was allowed.
    Allowed,
    /// Nothing was asked: it happened, and was executed as it did.
    Observed,
}

impl Standing {
    /// Every standing, in declaration order.
    pub(crate) const ALL: [Self; 4] = [Self::Blocked, Self::Open, Self::Allowed, Self::Observed];

    /// Of a transaction that was answered so.
    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Allow => Self::Allowed,
            Outcome::StepUp => Self::Open,
            Outcome::Block => Self::Blocked,
        }
    }
}

/// What was reported of a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reports {
    /// When it was first authenticated.
    authenticated_us: Option<i64>,
    /// When it was executed, by the newest report.
    executed_us: Option<i64>,
    failed: bool,
    /// The dialogue about it ended without an allow.
    pub(crate) refused: bool,
    /// Nothing was reported of it for so long that it is no longer pending.
    lapsed: bool,
    reversed_fully: bool,
    /// Minor units taken back so far.
    reversed_minor: i64,
    label: Option<Label>,
}

/// One report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// A step-up was answered.
    Authentication {
        /// Whether it succeeded.
        succeeded: bool,
        /// When.
        time_us: i64,
    },
    /// The payment was executed, or failed.
    Execution {
        /// Whether it was executed.
        succeeded: bool,
        /// When.
        time_us: i64,
    },
    /// The payment was taken back, in part where an amount is given.
    Reversal {
        /// Minor units taken back.
        minor: Option<i64>,
    },
    /// What it turned out to be, as far as anybody knows.
    Label(Option<Label>),
    /// The engine's own: the dialogue about it ended without an allow.
    Refused,
    /// The engine's own: nothing was reported in time.
    Nothing,
}

impl Reports {
    /// With one more report.
    #[must_use]
    pub(crate) fn with(mut self, report: Report) -> Self {
        match report {
            Report::Authentication { succeeded, time_us } => {
                self.authenticated_us = self.authenticated_us.or(succeeded.then_some(time_us));
            }
            Report::Execution { succeeded, time_us } => {
                self.failed = !succeeded;
                self.executed_us = succeeded.then_some(time_us);
            }
            Report::Reversal { minor: Some(minor) } => {
                self.reversed_minor = self.reversed_minor.saturating_add(minor);
            }
            Report::Reversal { minor: None } => self.reversed_fully = true,
            Report::Label(label) => self.label = label,
            Report::Refused => self.refused = true,
            Report::Nothing => self.lapsed = true,
        }
        self
    }

    /// When a stepped-up payment was authenticated. What was executed must have been, whether or not that was reported;
    /// unless the engine leads the dialogue, and knows that it was not.
    fn passed_us(&self, conduct: Conduct) -> Option<i64> {
        if conduct.led { self.authenticated_us } else { self.authenticated_us.or(self.executed_us) }
    }

    /// Whether they change what a payment holds in any of these scopes, or may with another report.
    fn matter(&self, standing: Standing, conduct: Conduct, scopes: Scopes) -> bool {
        let any = |of: &[Scope]| of.iter().any(|&scope| scopes.contains(scope));
        let authenticated = standing == Standing::Open && self.passed_us(conduct).is_some();
        let failed = standing != Standing::Blocked && self.failed;
        let executed = standing != Standing::Observed && self.executed_us.is_some();
        self.reversed_fully
            || self.reversed_minor > 0
            || (authenticated || failed)
                && any(&[Scope::Allowed, Scope::Executed, Scope::Pending, Scope::Waiting])
            || executed && any(&[Scope::Executed, Scope::Pending, Scope::Waiting])
            || (self.refused || self.lapsed) && any(&[Scope::Pending, Scope::Waiting])
            || self.label.is_some() && any(&[Scope::Fraud, Scope::Genuine])
    }
}

/// What can be a row of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Present {
    /// The next row.
    pub(crate) row: u64,
    /// The time at which it counts.
    pub(crate) now_us: i64,
    /// The scopes in which it may.
    pub(crate) scopes: Scopes,
}

/// Where a contribution is held, and at what time it counts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Holding {
    time_us: i64,
    /// The correction or the later row that put it there; [`NOTHING`](Self::NOTHING) and [`ROW`](Self::ROW) are none.
    arrival: u64,
}

impl Holding {
    const NOTHING: u64 = 0;
    const ROW: u64 = 1;

    fn time_us(self) -> Option<i64> {
        (self.arrival != Self::NOTHING).then_some(self.time_us)
    }
}

/// By scope, the time at which something counts.
type Times = [Option<i64>; Scope::COUNT];

/// A payment with what was reported of it and what it holds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Payment {
    row: u64,
    time_us: i64,
    pub(crate) reports: Reports,
    amount_minor: i64,
    /// What its holdings hold.
    held_minor: i64,
    holdings: [Holding; Scope::COUNT],
    /// Where that of [`Scope::Executed`] stands, and that of [`Scope::Pending`]; all others stand where its row does.
    later: [Position; 2],
    standing: Standing,
    /// Whether it was executed before.
    executed: bool,
}

const _: () = assert!(size_of::<Payment>() <= 216, "very many are remembered");

impl Payment {
    /// A payment that came in late: it holds nothing before it is reconciled.
    pub(crate) fn late(row: u64, time_us: i64, standing: Standing, amount_minor: i64) -> Self {
        let holdings = [Holding { time_us, arrival: Holding::NOTHING }; Scope::COUNT];
        let (reports, held_minor) = (Reports::default(), amount_minor);
        let (later, executed) = ([Position::of_row(row); 2], false);
        Self { row, time_us, reports, amount_minor, held_minor, holdings, later, standing, executed }
    }

    /// When it counts in each scope.
    fn times(&self, conduct: Conduct) -> Times {
        let Reports { executed_us, failed, refused, lapsed, label, .. } = self.reports;
        let time_us = Some(self.time_us);
        let allowed_us = match self.standing {
            _ if failed => None,
            Standing::Blocked => None,
            // Nothing is done to a payment before it happens, whatever clocks say.
            Standing::Open => self.reports.passed_us(conduct).map(|at_us| at_us.max(self.time_us)),
            Standing::Allowed | Standing::Observed => time_us,
        };
        let reported_us = executed_us.map(|at_us| at_us.max(self.time_us));
        let executed_us = match (self.standing, conduct.feedback) {
            (Standing::Observed, _) => allowed_us,
            // What was executed moved, whether or not it was allowed.
            (_, Feedback::Execution) => reported_us,
            (_, Feedback::None | Feedback::Authentication) => reported_us.or(allowed_us),
        };
        let allowed_us = allowed_us.and(time_us);
        let labelled = |wanted: Label| time_us.filter(|_| label == Some(wanted));
        let held = conduct.holds && self.standing == Standing::Open && !(failed || refused);
        let waits_us = time_us.filter(|_| !lapsed && (held || allowed_us.is_some()));
        let pending_us = executed_us.or(waits_us);
        let waits_us = waits_us.filter(|_| executed_us.is_none());
        let (fraud_us, genuine_us) = (labelled(Label::Fraud), labelled(Label::Genuine));
        [time_us, allowed_us, executed_us, pending_us, fraud_us, genuine_us, waits_us]
    }

    /// Makes what it contributes equal to what it should, but for what it gives: what counts from now on is a row of its own.
    fn reconcile(
        &mut self,
        conduct: Conduct,
        arrivals: &mut u64,
        present: Present,
        mut correct: impl FnMut(&Correction),
    ) -> Option<Again> {
        let Reports { reversed_minor, reversed_fully, .. } = self.reports;
        let left = self.amount_minor.saturating_sub(reversed_minor).max(0);
        let taken_back = reversed_fully || (left == 0 && reversed_minor > 0);
        let mut wanted = if taken_back { Times::default() } else { self.times(conduct) };
        // Whenever it happened, it waits from when that is known.
        let waiting = Scope::Waiting as usize;
        wanted[waiting] = wanted[waiting].map(|_| self.holdings[waiting].time_us().unwrap_or(present.now_us));
        let moved = self.is_executed_anew(wanted[Scope::Executed as usize]);
        let (row, held_minor) = (self.row, self.held_minor);
        let own = Position::of_row(row);
        let mut again = Again { row: present.row, of: row, scopes: Scopes::default(), amount: left };
        let mut change = |scope, at: Option<Position>, time_us, amount, change| {
            *arrivals += 1;
            let arrival = *arrivals;
            let at = at.unwrap_or(Position::of_correction(arrival));
            correct(&Correction { row, at, time_us, scope, arrival, amount, change });
            (arrival, at)
        };
        for ((scope, holding), wanted_us) in Scope::ALL.into_iter().zip(&mut self.holdings).zip(wanted) {
            let later = match scope {
                Scope::Executed => Some(0),
                Scope::Pending => Some(1),
                _ => None,
            };
            let moves = moved && later.is_some();
            if !moves && holding.time_us() == wanted_us && (held_minor == left || wanted_us.is_none()) {
                continue;
            }
            let held_at = later.map_or(own, |later| self.later[later]);
            match holding.arrival {
                Holding::NOTHING => {}
                Holding::ROW => {
                    change(scope, Some(held_at), holding.time_us, held_minor, Change::TakeBackRow);
                }
                held => {
                    change(scope, Some(held_at), holding.time_us, held_minor, Change::TakeBack(held));
                }
            }
            // What it held in part or in full stays where it stood; what counts anew does so from here on.
            let stays_at = if holding.arrival == Holding::NOTHING { own } else { held_at };
            holding.arrival = Holding::NOTHING;
            if let Some(time_us) = wanted_us {
                let (arrival, at) = if moves && time_us == present.now_us && present.scopes.contains(scope) {
                    again.scopes = again.scopes.with(scope);
                    (again.arrival(scope), Position::of_row(present.row))
                } else {
                    change(scope, (!moves).then_some(stays_at), time_us, left, Change::Put)
                };
                *holding = Holding { time_us, arrival };
                if let Some(later) = later {
                    self.later[later] = at;
                }
            }
        }
        self.held_minor = left;
        (!again.scopes.is_empty()).then_some(again)
    }

    /// Whether it counts as executed at another time than before, by what was reported or answered since it asked.
    fn is_executed_anew(&self, executed_us: Option<i64>) -> bool {
        let since = match self.standing {
            Standing::Open => true,
            Standing::Blocked | Standing::Allowed => self.reports.executed_us.is_some(),
            Standing::Observed => false,
        };
        let held_us = self.holdings[Scope::Executed as usize].time_us();
        since && executed_us.is_some() && executed_us != held_us
    }

    /// Whether it is allowed and executed for the first time, by what is known of it now: then it empties what it should.
    /// One that was stepped up surely was only where something is reported.
    pub(crate) fn is_executed_first(&mut self, conduct: Conduct) -> bool {
        let unsure = conduct.feedback == Feedback::None && self.standing == Standing::Open;
        let times = self.times(conduct);
        let executed =
            !unsure && [Scope::Allowed, Scope::Executed].iter().all(|&at| times[at as usize].is_some());
        executed && !std::mem::replace(&mut self.executed, true)
    }

    /// How it stands, where it is executed by what is known of it now though it is not allowed.
    pub(crate) fn unallowed(&self, conduct: Conduct) -> Option<Standing> {
        let times = self.times(conduct);
        let moved = times[Scope::Executed as usize].is_some() && times[Scope::Allowed as usize].is_none();
        moved.then_some(self.standing)
    }

    /// Its row.
    pub(crate) fn row(&self) -> u64 {
        self.row
    }

    /// When it happened, microseconds since 1970 UTC.
    pub(crate) fn time_us(&self) -> i64 {
        self.time_us
    }

    /// Whether it holds something else in these scopes than its row says, or may with another report.
    pub(crate) fn matters(&self, conduct: Conduct, scopes: Scopes) -> bool {
        self.reports.matter(self.standing, conduct, scopes)
    }

    /// Whether it is pending for want of a report alone.
    pub(crate) fn is_awaited(&self, conduct: Conduct) -> bool {
        let Reports { executed_us, failed, lapsed, .. } = self.reports;
        let allowed = match self.standing {
            Standing::Open => self.reports.passed_us(conduct).is_some() || conduct.holds && !conduct.led,
            standing => standing == Standing::Allowed,
        };
        allowed && executed_us.is_none() && !failed && !lapsed
    }

    /// All that it contributes, each as the correction that would put it there.
    pub(crate) fn held(&self) -> impl Iterator<Item = Correction> + Clone {
        let (row, held_minor, [executed_at, pending_at]) = (self.row, self.held_minor, self.later);
        Scope::ALL.into_iter().zip(self.holdings).filter_map(move |(scope, Holding { time_us, arrival })| {
            let change = match arrival {
                Holding::NOTHING => return None,
                Holding::ROW => Change::TakeBackRow,
                arrival => Change::TakeBack(arrival),
            };
            let at = match scope {
                Scope::Executed => executed_at,
                Scope::Pending => pending_at,
                _ => Position::of_row(row),
            };
            Some(Correction { row, at, time_us, scope, arrival, amount: held_minor, change })
        })
    }
}

/// The scopes in which a payment counts from the answer on, when nothing was reported of it yet.
pub(crate) fn counted(standing: Standing, conduct: Conduct) -> Scopes {
    let times = Payment::late(0, 0, standing, 0).times(conduct);
    let counts = Scope::ALL.into_iter().zip(times).filter(|(_, time_us)| time_us.is_some());
    counts.fold(Scopes::default(), |scopes, (scope, _)| scopes.with(scope))
}

/// How many shadows that took over may have brought what they alone needed to know.
const BROUGHT_MAX: usize = 8;

/// What is known of payments that were late or corrected, and of reports that came before their payment.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Payments {
    corrected: Recent<Payment>,
    /// Those of which only the shadow needs to know.
    aside: Recent<Payment>,
    /// Those of which only a shadow needed to know that has taken over since, with when that was, oldest first.
    brought: Vec<(i64, Recent<Payment>)>,
    most: usize,
    waiting: Recent<Reports>,
    /// The number of the newest correction.
    arrivals: u64,
    conduct: Conduct,
    /// By standing, the scopes in which a payment counts from the answer on.
    counted: [Scopes; 4],
}

impl Payments {
    /// Knows nothing yet; remembers for a horizon of time, and at most so many of each.
    pub(crate) fn new(horizon_us: i64, most: usize, conduct: Conduct) -> Self {
        let (corrected, aside) = (Recent::new(horizon_us, most), Recent::new(horizon_us, most));
        let waiting = Recent::new(horizon_us, most);
        let counted = Standing::ALL.map(|standing| counted(standing, conduct));
        let brought = Vec::new();
        Self { corrected, aside, brought, most, waiting, arrivals: Holding::ROW, conduct, counted }
    }

    /// A copy that shares what it holds.
    pub(crate) fn freeze(&mut self) -> Self {
        let (corrected, aside) = (self.corrected.freeze(), self.aside.freeze());
        let brought = self.brought.iter_mut().map(|(at_us, held)| (*at_us, held.freeze())).collect();
        let Self { most, arrivals, conduct, counted, .. } = *self;
        Self { corrected, aside, brought, most, waiting: self.waiting.freeze(), arrivals, conduct, counted }
    }

    /// How payments are led.
    pub(crate) fn conduct(&self) -> Conduct {
        self.conduct
    }

    /// The scopes in which a payment counts from the answer on, when nothing was reported of it yet.
    #[inline]
    pub(crate) fn counted(&self, standing: Standing) -> Scopes {
        self.counted[standing as usize]
    }

    /// A payment that came in on time: its row holds what it contributes.
    pub(crate) fn on_time(&self, row: u64, time_us: i64, standing: Standing, amount_minor: i64) -> Payment {
        let mut payment = Payment::late(row, time_us, standing, amount_minor);
        for (scope, holding) in Scope::ALL.into_iter().zip(&mut payment.holdings) {
            if self.counted(standing).contains(scope) {
                holding.arrival = Holding::ROW;
            }
        }
        payment
    }

    /// A payment that came in on time, and of which nothing that matters was reported since.
    pub(crate) fn not_reported(
        &self,
        row: u64,
        time_us: i64,
        standing: Standing,
        amount_minor: i64,
    ) -> Payment {
        let executed = self.counted(standing).contains(Scope::Executed);
        Payment { executed, ..self.on_time(row, time_us, standing, amount_minor) }
    }

    /// Remembers for another horizon from now on.
    pub(crate) fn set_horizon(&mut self, now_us: i64, horizon_us: i64) {
        self.corrected.set_horizon(now_us, horizon_us);
        self.aside.set_horizon(now_us, horizon_us);
        self.brought.iter_mut().for_each(|(_, held)| held.set_horizon(now_us, horizon_us));
        self.waiting.set_horizon(now_us, horizon_us);
    }

    /// What was corrected of the payment with this row, if it was late or corrected. A former payment with the same id
    /// may still be known when that is used again: it has another row.
    pub(crate) fn corrected(&self, identity: u128, row: u64, now_us: i64) -> Option<Payment> {
        let brought = self.brought.iter().rev().map(|(_, held)| held);
        let mut held = std::iter::once(&self.corrected).chain(brought);
        let of = |payment: &&Payment| payment.row == row;
        held.find_map(|held| held.get(identity, now_us).filter(of)).copied()
    }

    /// What only the shadow needed to know is needed from now on: it has taken over. Of what was brought so the oldest is
    /// forgotten past a bound.
    pub(crate) fn bring(&mut self, now_us: i64, horizon_us: i64) {
        self.brought.retain(|(at_us, _)| now_us - at_us < horizon_us);
        if self.brought.len() >= BROUGHT_MAX {
            self.brought.remove(0);
        }
        let aside = std::mem::replace(&mut self.aside, Recent::new(horizon_us, self.most));
        self.brought.push((now_us, aside));
    }

    /// The same of one of which only the shadow needs to know.
    pub(crate) fn corrected_aside(&self, identity: u128, row: u64, now_us: i64) -> Option<Payment> {
        self.aside.get(identity, now_us).filter(|payment| payment.row == row).copied()
    }

    /// What was reported of a payment before it came.
    pub(crate) fn waiting(&self, identity: u128, now_us: i64) -> Option<Reports> {
        self.waiting.get(identity, now_us).copied()
    }

    /// Whether a payment that comes now and is answered so was executed though it is not allowed, as was reported before.
    pub(crate) fn is_unallowed(&self, identity: u128, now_us: i64, standing: Standing) -> bool {
        let moved = |reports| {
            let payment = Payment { reports, ..Payment::late(0, now_us, standing, 0) };
            payment.unallowed(self.conduct).is_some()
        };
        standing != Standing::Allowed && self.waiting(identity, now_us).is_some_and(moved)
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

    /// Makes what a payment contributes equal to what it should, by corrections and by the row that is given, if one is.
    pub(crate) fn reconcile(
        &mut self,
        payment: &mut Payment,
        present: Present,
        correct: impl FnMut(&Correction),
    ) -> Option<Again> {
        payment.reconcile(self.conduct, &mut self.arrivals, present, correct)
    }

    /// Remembers what a payment contributes.
    pub(crate) fn remember(&mut self, identity: u128, now_us: i64, payment: Payment) {
        self.aside.remove(identity);
        self.brought.iter_mut().for_each(|(_, held)| held.remove(identity));
        self.corrected.insert(identity, now_us, payment);
    }

    /// The same, where only the shadow needs to know.
    pub(crate) fn remember_aside(&mut self, identity: u128, now_us: i64, payment: Payment) {
        self.aside.insert(identity, now_us, payment);
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let brought: usize = self.brought.iter().map(|(_, held)| held.bytes()).sum();
        self.corrected.bytes() + self.aside.bytes() + brought + self.waiting.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_some_feature_counts_has_to_be_remembered() {
        let of = |standing, reports: &[Report], scopes: &[Scope]| {
            let mut payment = Payment::late(0, 10, standing, 100);
            payment.reports = reports.iter().fold(Reports::default(), |all, &report| all.with(report));
            let conduct = Conduct { feedback: Feedback::Execution, led: false, holds: false };
            payment.matters(conduct, scopes.iter().fold(Scopes::default(), |all, &scope| all.with(scope)))
        };
        let executed = Report::Execution { succeeded: true, time_us: 11 };
        let failed = Report::Execution { succeeded: false, time_us: 11 };
        let labelled = Report::Label(Some(Label::Fraud));
        let money = [Scope::Asked, Scope::Allowed];
        assert!(!of(Standing::Allowed, &[labelled, executed], &money));
        assert!(of(Standing::Allowed, &[labelled], &[Scope::Genuine]));
        assert!(!of(Standing::Allowed, &[labelled, Report::Label(None)], &[Scope::Fraud]));
        assert!(of(Standing::Allowed, &[executed], &[Scope::Pending]));
        assert!(!of(Standing::Observed, &[executed], &[Scope::Executed]));
        assert!(of(Standing::Open, &[executed], &money), "it was authenticated");
        assert!(of(Standing::Observed, &[failed], &money));
        assert!(!of(Standing::Blocked, &[failed], &money));
        assert!(!of(Standing::Blocked, &[executed], &money));
        assert!(of(Standing::Blocked, &[executed], &[Scope::Pending]), "it moved nevertheless");
        assert!(of(Standing::Blocked, &[Report::Reversal { minor: Some(1) }], &[Scope::Allowed]));
    }
}

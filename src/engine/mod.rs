//! `step`: one event in, one answer out. Puts rules and state together.
//!
//! Promises that equal events in equal order give equal answers, bit for bit, on every machine, and that every
//! event is answered once: a repeat gets the first answer again. Does no IO, reads no clock, draws no random number.

mod answers;
mod breaker;
mod decide;
mod features;
mod gather;
mod limits;
mod listing;
mod payments;
mod plan;
mod recent;
mod share;

pub use limits::Limits;

use thiserror::Error;

use crate::decision::{Decision, Outcome, Reading};
use crate::event::{Event, Kind, TextField};
use crate::lists::Lists;
use crate::rules::{Facts, Kinds, RuleSet};
use crate::state::{Contribution, Memory, Standing, State};
use crate::time::format_duration;
use answers::{Answers, Place};
use decide::Decider;
use gather::Gathered;
use payments::{Payment, Report, Reports};
use plan::Plan;
use recent::Recent;

/// The semantic version of the engine: raised whenever any value that it computes can change.
pub const VERSION: &str = "0.1.0";

/// What the engine says to one event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer<'a> {
    /// A transaction was decided.
    Decided(&'a Decision),
    /// A transaction came again, and this was its first answer.
    Repeated(&'a Decision),
    /// Another event was taken in.
    Taken,
    /// Another event came again, and changed nothing.
    TakenBefore,
    /// The event was refused, and left no trace in the state.
    Refused(Refusal),
}

/// Why an event was refused. Never an allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Same id, other content.
    #[error("its id was used before with other content; give every event an id of its own")]
    IdReused,
    /// Its time is too far after the time it was received.
    #[error(
        "it happened more than {} after it was received; check the sender's clock",
        format_duration(*future_us_max)
    )]
    Future {
        /// The bound.
        future_us_max: i64,
    },
    /// Its amount is in another currency than the rule set's.
    #[error("its amount is not in {expected}, the rule set's currency, and this version converts none")]
    Currency {
        /// The rule set's currency.
        expected: &'static str,
    },
    /// The transaction that it corrects is older than the rule set remembers.
    #[error(
        "the transaction that it is about is older than the rule set's `remember`, and can no longer be corrected"
    )]
    TooOld,
    /// The id that it is about is not a payment's.
    #[error("the event that it is about is not a payment")]
    NotAPayment,
    /// The side buffer is full.
    #[error(
        "the buffer for late and corrected events is full ({side_entries_max}); late events are refused until windows pass"
    )]
    SideBufferFull {
        /// The bound.
        side_entries_max: usize,
    },
    /// There is no room for new keys.
    #[error("there is no room for new keys ({texts_max} are held)")]
    KeysFull {
        /// The bound.
        texts_max: u32,
    },
    /// The rule set has no list of that name.
    #[error("the rule set has no such list; name one of its [lists]")]
    UnknownList,
    /// The list is full.
    #[error("its list is full ({list_entries_max} entries); take some off first")]
    ListFull {
        /// The bound.
        list_entries_max: usize,
    },
}

impl Refusal {
    /// The word for it in files.
    pub const fn code(self) -> &'static str {
        match self {
            Self::IdReused => "id_reused",
            Self::Future { .. } => "future",
            Self::Currency { .. } => "currency",
            Self::TooOld => "too_old",
            Self::NotAPayment => "not_a_payment",
            Self::SideBufferFull { .. } => "side_buffer_full",
            Self::KeysFull { .. } => "keys_full",
            Self::UnknownList => "unknown_list",
            Self::ListFull { .. } => "list_full",
        }
    }
}

/// Which features a decision records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// Those that the fired rules read.
    #[default]
    Fired,
    /// Every feature of the rule set.
    All,
}

/// Bytes held by an engine, by part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineMemory {
    /// The aggregates.
    pub state: Memory,
    /// Ids remembered.
    pub ids: usize,
    /// First answers.
    pub answers: usize,
    /// Payments that were late or corrected, and corrections that wait.
    pub corrections: usize,
    /// Entries of lists.
    pub lists: usize,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    fingerprint: u64,
    time_us: i64,
    row: Option<u64>,
    answer: Place,
}

/// One rule set over one state.
#[derive(Debug)]
pub struct Engine {
    rules: RuleSet,
    plan: Plan,
    limits: Limits,
    recording: Recording,
    state: State,
    lists: Lists,
    seen: Recent<Seen>,
    answers: Answers,
    payments: Recent<Payment>,
    waiting: Recent<Reports>,
    gathered: Gathered,
    /// Per lookup, the features that are read.
    read: Vec<Vec<usize>>,
    readings: Vec<Reading>,
    decider: Decider,
    decision: Decision,
}

/// Most entries that one event can add to the side buffer.
const SIDE_ENTRIES_AN_EVENT: usize = 6;

impl Engine {
    /// An engine without a past, with nothing on its lists.
    pub fn new(rules: RuleSet, limits: Limits, recording: Recording) -> Self {
        let plan = Plan::new(&rules);
        let horizon_us = rules.horizon_us;
        Self {
            state: State::new(&plan.spec, rules.calendar.clone()),
            lists: Lists::new(rules.lists.len()),
            seen: Recent::new(horizon_us, limits.ids_max),
            answers: Answers::new(horizon_us),
            payments: Recent::new(horizon_us, limits.corrections_max),
            waiting: Recent::new(horizon_us, limits.corrections_max),
            gathered: Gathered::new(&plan),
            read: plan.wanted(|at| recording == Recording::All || rules.features[at].used),
            readings: vec![Reading::default(); rules.features.len()],
            decider: Decider::new(&rules),
            decision: Decision::default(),
            plan,
            rules,
            limits,
            recording,
        }
    }

    /// The rule set that decides.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// What is on the lists, in the order of the rule set's.
    pub fn lists(&self) -> &Lists {
        &self.lists
    }

    /// Puts these lists, in the order of the rule set's, in place of those held; between two events.
    pub fn load_lists(&mut self, lists: Lists) {
        self.lists = lists;
    }

    /// Every feature at the transaction decided last; meaningful for those that a rule reads, or when all are recorded.
    pub fn readings(&self) -> &[Reading] {
        &self.readings
    }

    /// The rules whose breaker keeps them from acting, as positions, as of the transaction decided last.
    pub fn tripped(&self) -> impl Iterator<Item = u16> {
        self.decider.tripped()
    }

    /// Bytes held.
    pub fn memory(&self) -> EngineMemory {
        EngineMemory {
            state: self.state.memory(),
            ids: self.seen.bytes(),
            answers: self.answers.bytes(),
            corrections: self.payments.bytes() + self.waiting.bytes(),
            lists: self.lists.bytes(),
        }
    }

    /// Takes one event in and answers it.
    pub fn step(&mut self, event: &Event) -> Answer<'_> {
        let now_us = self.state.now_us().max(event.time_us());
        if let Some(&seen) = self.seen.get(event.identity(), now_us) {
            return self.again(event, seen);
        }
        listing::forget(&self.rules, &mut self.lists, event, self.state.now_us());
        if let Some(refusal) = self.refuses(event) {
            return Answer::Refused(refusal);
        }
        let report = report(event);
        if let Some(report) = report
            && let Err(refusal) = self.report(event, report)
        {
            return Answer::Refused(refusal);
        }
        self.state.advance(now_us);
        match event.kind() {
            Kind::Transaction => self.transaction(event),
            _ => {
                self.gather(event);
                self.file(event, Standing::Allowed, Place::NONE);
                listing::change(&self.rules, &mut self.lists, event);
                Answer::Taken
            }
        }
    }

    fn again(&mut self, event: &Event, seen: Seen) -> Answer<'_> {
        if seen.fingerprint != event.fingerprint() {
            return Answer::Refused(Refusal::IdReused);
        }
        if self.answers.read(seen.answer, &mut self.decision) {
            Answer::Repeated(&self.decision)
        } else {
            Answer::TakenBefore
        }
    }

    fn refuses(&self, event: &Event) -> Option<Refusal> {
        let Limits { future_us_max, side_entries_max, texts_max, .. } = self.limits;
        let ahead_us = event.received_us().map_or(0, |received_us| event.time_us() - received_us);
        if ahead_us > future_us_max {
            return Some(Refusal::Future { future_us_max });
        }
        let expected = self.rules.currency;
        if event.amount().is_some_and(|amount| amount.currency != expected) {
            return Some(Refusal::Currency { expected: expected.code() });
        }
        if self.state.side_entries() + SIDE_ENTRIES_AN_EVENT > side_entries_max && self.may_go_aside(event) {
            return Some(Refusal::SideBufferFull { side_entries_max });
        }
        if self.state.texts() >= texts_max {
            return Some(Refusal::KeysFull { texts_max });
        }
        listing::refuses(&self.rules, &self.lists, &self.limits, event)
    }

    /// Whether an event may add to the side buffer: it is late, or corrects, or a correction has waited for it.
    fn may_go_aside(&self, event: &Event) -> bool {
        let now_us = self.state.now_us();
        let waited = || self.waiting.get(event.identity(), now_us.max(event.time_us())).is_some();
        event.time_us() < now_us || report(event).is_some() || waited()
    }

    fn transaction(&mut self, event: &Event) -> Answer<'_> {
        let facts = self.gather(event);
        let Self { plan, read, state, gathered, readings, .. } = self;
        features::read_all(plan, read, state, gathered, event.time_us(), readings);
        let all = self.recording == Recording::All;
        let facts = Facts { features: &self.readings, lists: &self.lists, ..facts };
        let now_us = self.state.now_us();
        self.decider.decide(&self.rules, &facts, now_us, all, &mut self.decision);
        let facts = Facts { tables: self.decider.rows(), ..facts };
        self.gathered.take_decided(&self.plan, &facts);
        let standing = match self.decision.outcome {
            Outcome::Allow => Standing::Allowed,
            Outcome::StepUp => Standing::Open,
            Outcome::Block => Standing::Asked,
        };
        let answer = self.answers.keep(&self.decision, self.state.now_us());
        self.file(event, standing, answer);
        Answer::Decided(&self.decision)
    }

    /// Gathers what an event brings, and gives what conditions may read of it.
    fn gather<'e>(&mut self, event: &'e Event) -> Facts<'e> {
        let calendar = self.rules.calendar.hour_and_weekday(event.time_us());
        let facts = Facts { now_us: self.state.now_us(), ..Facts::of(event, calendar) };
        let with_lists = Facts { lists: &self.lists, ..facts };
        self.gathered.take(&self.plan, &mut self.state, &with_lists);
        facts
    }

    /// Files what was gathered of an event, and remembers the event.
    fn file(&mut self, event: &Event, standing: Standing, answer: Place) {
        let (identity, time_us, now_us) = (event.identity(), event.time_us(), self.state.now_us());
        let payment = Kinds::PAYMENTS.contains(event.kind());
        let row = (payment || self.gathered.feeds()).then(|| {
            let row = self.state.contribute(Contribution {
                time_us,
                standing,
                masks: &self.gathered.masks,
                keys: &self.gathered.keys,
                values: &self.gathered.values,
            });
            let waited = payment.then(|| self.waiting.get(identity, now_us).copied()).flatten();
            let late = time_us < now_us;
            if late || waited.is_some() {
                let amount_minor = event.amount().map_or(0, |amount| amount.minor);
                let mut filed = if late {
                    Payment::late(row, time_us, standing, amount_minor)
                } else {
                    Payment::on_time(row, time_us, standing, amount_minor)
                };
                if waited.is_some() {
                    self.waiting.remove(identity);
                }
                filed.reports = waited.unwrap_or_default();
                filed.reconcile(&mut self.state);
                if payment {
                    self.payments.insert(identity, now_us, filed);
                }
            }
            row
        });
        let seen = Seen { fingerprint: event.fingerprint(), time_us, row: row.filter(|_| payment), answer };
        self.seen.insert(identity, now_us, seen);
    }

    /// Applies what an event reports of an earlier payment; what comes before its payment waits for it.
    fn report(&mut self, event: &Event, report: Report) -> Result<(), Refusal> {
        let Some(identity) = event.transaction_identity() else { return Ok(()) };
        let now_us = self.state.now_us().max(event.time_us());
        let Some(&seen) = self.seen.get(identity, now_us) else {
            let waited = self.waiting.get(identity, now_us).copied().unwrap_or_default();
            self.waiting.insert(identity, now_us, waited.with(report));
            return Ok(());
        };
        let row = seen.row.ok_or(Refusal::NotAPayment)?;
        if now_us - seen.time_us >= self.rules.horizon_us {
            return Err(Refusal::TooOld);
        }
        let held = self.payments.get(identity, now_us).copied();
        let mut payment = match held {
            Some(payment) => payment,
            None => {
                let (standing, amount_minor) = self.state.original(row).ok_or(Refusal::TooOld)?;
                Payment::on_time(row, seen.time_us, standing, amount_minor)
            }
        };
        payment.reports = payment.reports.with(report);
        self.state.advance(now_us);
        payment.reconcile(&mut self.state);
        self.payments.insert(identity, now_us, payment);
        Ok(())
    }
}

fn report(event: &Event) -> Option<Report> {
    let succeeded = event.text(TextField::Result) == Some("succeeded");
    match event.kind() {
        Kind::Authentication => Some(Report::Authentication { succeeded }),
        Kind::Execution => Some(Report::Execution { succeeded }),
        Kind::Reversal => Some(Report::Reversal { minor: event.amount().map(|amount| amount.minor) }),
        _ => None,
    }
}

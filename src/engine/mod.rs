//! `step`: one event in, one answer out. Puts rules and state together.
//!
//! Promises that equal events in equal order give equal answers, bit for bit, on every machine, and that every
//! event is answered once: a repeat gets the first answer again. Does no IO, reads no clock, draws no random number.

mod alert;
mod answers;
mod armed;
mod breaker;
mod decide;
mod dialogue;
mod exchange;
mod export;
mod features;
mod floor;
mod gather;
mod judge;
mod ledger;
mod ledgers;
mod limits;
mod listing;
mod logs;
mod payments;
mod places;
mod plan;
mod promote;
mod ratios;
mod recent;
mod refusal;
mod reload;
mod reports;
mod saved;
mod shadow;
mod share;
mod tried;

pub use alert::{Alert, NotAllowed};
pub use decide::{fires_where, is_stood_for, looks_at};
pub use export::{KeyRow, KeyRows, KeyTable};
pub use floor::Floor;
pub(crate) use floor::demanding;
pub use limits::{LEDGERS_MAX, Limits, LimitsError, RULE_SETS_MAX, STAGED_MAX, ShadowLimits};
pub use promote::WarmError;
pub use refusal::Refusal;
pub use reload::ReloadError;
pub use saved::{RestoreError, SavedEngine};
pub use shadow::ShadowStopped;
pub use tried::{Circumstances, Verdict, decision_again};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Reading};
use crate::event::{Event, Kind};
use crate::lists::Lists;
use crate::rules::{Facts, Kinds, RuleSet, presented};
use crate::state::{ChunkStore, Layout, Memory, Scope};
use crate::time::{Calendar, TIME_US_MIN};
use answers::{Answers, Place};
use dialogue::{Asked, Dialogues, Original};
use exchange::Exchange;
use judge::Judge;
use ledger::Ledger;
use ledgers::{Ledgers, Sources};
use logs::Logs;
use payments::{Conduct, Payment, Payments, Standing};
use recent::Recent;
use reload::Reloads;
use reports::report;
use shadow::Shadow;

/// The semantic version of the engine: raised whenever any value that it computes can change. The program has the same
/// number, but for its last part, and CHANGELOG.md says which commit has an older one.
pub const VERSION: &str = "0.8.0";

/// What the engine says to one event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer<'a> {
    /// A transaction was decided, or an authentication of one answered with the final decision.
    Decided(&'a Decision),
    /// An event came again, and this was its first answer.
    Repeated(&'a Decision),
    /// Another event was taken in.
    Taken,
    /// Another event was taken in, and a person should look.
    Alert(Alert),
    /// Another event came again, and changed nothing; this was its first answer.
    AlertedBefore(Alert),
    /// Another event came again, and changed nothing.
    TakenBefore,
    /// The event was refused, and left no trace in the state.
    Refused(Refusal),
}

/// Which features a decision records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The aggregates that only the shadow rule set reads.
    pub shadow: Memory,
    /// Ids remembered.
    pub ids: usize,
    /// First answers.
    pub answers: usize,
    /// Payments that were late or corrected, corrections and resets that wait, and dialogues.
    pub corrections: usize,
    /// Entries of lists.
    pub lists: usize,
}

/// The row of a payment and what it counted as when it was filed, in one word, since every id has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Filed(u64);

impl Filed {
    /// It is not a payment.
    const NOTHING: Self = Self(u64::MAX);

    fn new(row: u64, standing: Standing) -> Self {
        Self(row << 2 | standing as u64)
    }

    fn get(self) -> Option<(u64, Standing)> {
        let standing = Standing::ALL[(self.0 & 3) as usize];
        (self != Self::NOTHING).then_some((self.0 >> 2, standing))
    }
}

/// What is remembered of an event by its id.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Seen {
    fingerprint: u64,
    time_us: i64,
    amount_minor: i64,
    filed: Filed,
    answer: Place,
}

/// One rule set over what happened so far.
#[derive(Debug)]
pub struct Engine {
    live: Judge,
    limits: Limits,
    recording: Recording,
    calendar: Calendar,
    now_us: i64,
    ledgers: Ledgers,
    logs: Logs,
    /// Contributions that windows took in late or let go of.
    passed: u64,
    /// The row of the next event, or of the next payment that counts again; the same in every ledger.
    row: u64,
    seen: Recent<Seen>,
    answers: Answers,
    payments: Payments,
    dialogues: Dialogues,
    /// What a payment that is looked at again is put together in.
    original: Option<Box<Original>>,
    /// What the event presents that was taken last, where some of it is locked.
    unlocked: Option<Arc<str>>,
    /// The locks that hold for it, a bit for each.
    locked: u16,
    exchange: Exchange,
    reloads: Reloads,
    shadow: Option<Box<Shadow>>,
}

impl Engine {
    /// An engine without a past, with nothing on its lists.
    pub fn new(rules: RuleSet, limits: Limits, recording: Recording) -> Self {
        let horizon_us = rules.horizon_us;
        let sources = Sources::find(&rules, std::iter::empty());
        let mut ledger = sources.new_ledger(&rules, &limits.budgets());
        let logs = Logs::new(&limits);
        logs.give(&mut ledger);
        let lists = Lists::new(rules.lists.len());
        let wanted = sources.wanted_of_missing(&ledger, judge::reads(&rules, recording));
        let dialogues = Dialogues::new(&rules, &limits);
        let payments = Payments::new(horizon_us, limits.corrections_max, Conduct::of(&rules));
        Self {
            calendar: rules.calendar.clone(),
            live: Judge::new(Arc::new(rules), lists, vec![wanted], recording),
            now_us: TIME_US_MIN - 1,
            ledgers: Ledgers { live: vec![ledger], shadow: Vec::new() },
            logs,
            passed: 0,
            row: 0,
            seen: Recent::new(horizon_us, limits.ids_max),
            answers: Answers::new(horizon_us),
            payments,
            dialogues,
            original: None,
            unlocked: None,
            locked: 0,
            exchange: Exchange::new(horizon_us, limits.ids_max),
            reloads: Reloads::default(),
            shadow: None,
            limits,
            recording,
        }
    }

    /// The same engine with a store for the chunks of its tail logs that leave memory; before its first event. Each log
    /// has a store of its own, [another](ChunkStore::another) like this one. Without one all chunks stay in memory.
    #[must_use]
    pub fn with_store(mut self, store: Box<dyn ChunkStore>) -> Self {
        self.logs.set_store(store);
        let logs = &self.logs;
        self.ledgers.each(|ledger| logs.give(ledger));
        self
    }

    /// The rule set that decides.
    pub fn rules(&self) -> &RuleSet {
        &self.live.rules
    }

    /// The same, for whoever keeps it beside the engine.
    pub fn rules_shared(&self) -> Arc<RuleSet> {
        Arc::clone(&self.live.rules)
    }

    /// Its bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What is on the lists, in the order of the rule set's.
    pub fn lists(&self) -> &Lists {
        &self.live.lists
    }

    /// Puts these lists, in the order of the rule set's, in place of those held; between two events.
    pub fn load_lists(&mut self, lists: Lists) {
        self.live.lists = lists;
        if let Some(shadow) = &mut self.shadow {
            shadow.take_lists(&self.live);
        }
    }

    /// Every feature at the transaction decided last; meaningful for those that a rule reads, or when all are recorded.
    pub fn readings(&self) -> &[Reading] {
        &self.live.readings
    }

    /// What the event decided last was decided from; whole where all features are recorded. Of an authentication that is
    /// its transaction.
    pub fn facts<'a>(&'a self, event: &'a Event) -> Facts<'a> {
        let event = self.exchange.last(event).unwrap_or(event);
        let original = self.original.as_ref().filter(|_| event.kind() == Kind::Authentication);
        let (event, presented) = original.map_or_else(
            || (event, self.unlocked.as_deref().unwrap_or(presented(event))),
            |original| (original.draft.sealed(), original.presented.as_str()),
        );
        let hour_and_weekday = self.calendar.clone().hour_and_weekday(event.time_us());
        let own = Facts { now_us: self.now_us, presented, ..Facts::of(event, hour_and_weekday) };
        self.live.decided(own)
    }

    /// What was decided last, as [`step`](Self::step) gave it.
    pub fn last_decision(&self) -> &Decision {
        &self.live.decision
    }

    /// How many values of features were read of each quality, in the order of
    /// [`Quality::ALL`](crate::decision::Quality::ALL).
    pub fn qualities(&self) -> [u64; 5] {
        self.live.qualities
    }

    /// Dialogues that wait for an answer of a customer.
    pub fn step_ups_open(&self) -> usize {
        self.dialogues.open()
    }

    /// The rules whose breaker kept them from acting when they fired last, as positions.
    pub fn tripped(&self) -> impl Iterator<Item = u16> {
        self.live.decider.tripped()
    }

    /// Keys that the features of the rule set that decides are kept for, without looking at them: an account counts once for
    /// all features with the same key.
    pub fn keys_held(&self) -> u64 {
        self.ledgers.live.iter().map(Ledger::keys_held).sum()
    }

    /// Bytes held.
    pub fn memory(&self) -> EngineMemory {
        EngineMemory {
            state: ledgers::memory(&self.ledgers.live),
            shadow: ledgers::memory(&self.ledgers.shadow),
            ids: self.seen.bytes() + self.exchange.bytes(),
            answers: self.answers.bytes(),
            corrections: self.payments.bytes()
                + self.dialogues.bytes()
                + self.ledgers.all().map(Ledger::arms_bytes).sum::<usize>(),
            lists: self.live.lists.bytes(),
        }
    }

    /// Bytes of one of each thing that the features are kept in, by ledger of the live rule set.
    pub fn layouts(&self) -> Vec<Layout> {
        self.ledgers.live.iter().map(Ledger::layout).collect()
    }

    /// Takes one event in and answers it.
    pub fn step(&mut self, event: &Event) -> Answer<'_> {
        if let Some(shadow) = &mut self.shadow {
            shadow.turn();
        }
        let now_us = self.now_us.max(event.time_us());
        if let Some(&seen) = self.seen.get(event.identity(), now_us) {
            return self.again(event, seen);
        }
        match self.converted(event) {
            Ok(None) => self.take_in(event, now_us),
            Ok(Some(converted)) => self.take_in(&converted, now_us),
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    /// Takes in an event that is new, with its amount in the rule set's currency.
    fn take_in(&mut self, event: &Event, now_us: i64) -> Answer<'_> {
        listing::forget(&self.live.rules, &mut self.live.lists, event, self.now_us);
        if let Some(refusal) = self.refuses(event) {
            return Answer::Refused(refusal);
        }
        let reload = match self.reload_asked(event) {
            Ok(reload) => reload,
            Err(refusal) => return Answer::Refused(refusal),
        };
        let asked = match self.dialogue_asked(event, now_us) {
            Ok(Asked::Before(answer, identity)) => return self.answered_before(answer, identity),
            Ok(asked) => asked,
            Err(refusal) => return Answer::Refused(refusal),
        };
        let rates = match self.rates_asked(event) {
            Ok(rates) => rates,
            Err(refusal) => return Answer::Refused(refusal),
        };
        if self.shadow.is_some() {
            self.check_shadow(self.may_go_aside(event));
        }
        // Where the engine leads the dialogue, its own answer says what an authentication comes to.
        let report = report(event).filter(|_| asked == Asked::Nothing);
        let corrected = match report.map(|report| self.reported(event, report)).transpose() {
            Ok(corrected) => corrected.flatten(),
            Err(refusal) => return Answer::Refused(refusal),
        };
        match event.kind() {
            Kind::Clock => self.pass_time(now_us),
            _ => self.advance(now_us),
        }
        if let Some((identity, payment)) = corrected {
            self.correct(identity, payment);
        }
        self.work_off_lapses();
        self.tidy(event.kind() == Kind::Clock);
        let locked = self.turn_locks(event, asked);
        self.locked = locked;
        let unlocked = self.unlocked(event, locked);
        self.unlocked.clone_from(&unlocked);
        let presented = unlocked.as_deref().unwrap_or(presented(event));
        match (event.kind(), asked) {
            (Kind::Transaction, _) => self.transaction(event, presented, locked),
            (Kind::Login, _) if self.live.decides_logins => self.login(event),
            (_, Asked::Open(identity)) => self.answer_step_up(event, identity, presented, locked),
            _ => {
                self.gather(event, presented);
                let alert = self.alert(report, corrected);
                self.file(event, Standing::Observed, Place::of_alert(alert));
                self.change_lists(event);
                if let Some(staged) = reload {
                    self.swap(staged);
                }
                if let Some(rates) = rates {
                    self.set_rates(rates);
                }
                alert.map_or(Answer::Taken, Answer::Alert)
            }
        }
    }

    fn again(&mut self, event: &Event, seen: Seen) -> Answer<'_> {
        if seen.fingerprint != event.fingerprint() {
            return Answer::Refused(Refusal::IdReused);
        }
        if let Some(alert) = seen.answer.alert() {
            Answer::AlertedBefore(alert)
        } else if self.answers.read(seen.answer, &mut self.live.decision) {
            let answered = event.transaction_identity().unwrap_or(event.identity());
            let now_us = self.now_us.max(event.time_us());
            self.live.decision.converted = self.exchange.conversion(answered, now_us);
            Answer::Repeated(&self.live.decision)
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
        let side_entries = ledgers::side_entries_after_one_more(&self.ledgers.live);
        if side_entries > side_entries_max && self.may_go_aside(event) {
            return Some(Refusal::SideBufferFull { side_entries_max });
        }
        let names_keys = || self.ledgers.live.iter().any(|ledger| ledger.names_keys(event.kind()));
        if ledgers::texts(&self.ledgers.live) >= texts_max && names_keys() {
            return Some(Refusal::KeysFull { texts_max });
        }
        listing::refuses(&self.live.rules, &self.live.lists, &self.limits, event)
    }

    /// Whether an event may add to the side buffer: it is late, or corrects, or a correction has waited for it.
    fn may_go_aside(&self, event: &Event) -> bool {
        let waited = || self.payments.waiting(event.identity(), self.now_us.max(event.time_us())).is_some();
        event.time_us() < self.now_us || report(event).is_some() || waited()
    }

    /// Moves to a time, which a shadow's ledgers must not put off.
    fn advance(&mut self, now_us: i64) {
        self.now_us = now_us;
        let most = self.limits.expiries_a_step_max;
        for ledgers in [&mut self.ledgers.live, &mut self.ledgers.shadow] {
            let mut left = most;
            ledgers.iter_mut().for_each(|ledger| ledger.advance(now_us, &mut left));
            self.passed += most - left;
        }
    }

    /// Moves towards a time, only as far as nothing is left over; what is due at the same time may take several turns.
    fn pass_time(&mut self, to_us: i64) {
        let mut left = self.limits.expiries_a_step_max;
        if left == u64::MAX {
            return self.advance(to_us);
        }
        let mut left_of_shadow = left;
        loop {
            let due_us = self.ledgers.live.iter().filter_map(Ledger::next_due_us).min().unwrap_or(i64::MAX);
            // Once nothing more may be passed, time stops short of what is due next.
            let reach_us = if left > 0 { due_us } else { due_us.saturating_sub(1) };
            let (now_us, before) = (reach_us.min(to_us).max(self.now_us), (self.now_us, left));
            self.now_us = now_us;
            self.ledgers.live.iter_mut().for_each(|ledger| ledger.advance(now_us, &mut left));
            self.ledgers.shadow.iter_mut().for_each(|ledger| ledger.advance(now_us, &mut left_of_shadow));
            self.passed += before.1 - left;
            if before.1 == 0 || (now_us, left) == before {
                return;
            }
        }
    }

    /// Takes back what is over, under each budget for itself.
    fn tidy(&mut self, idle: bool) {
        ledgers::tidy(&mut self.ledgers.live, idle, self.limits.texts_max);
        if let Some(shadow) = &self.shadow {
            ledgers::tidy(&mut self.ledgers.shadow, idle, shadow.texts_max());
        }
    }

    fn transaction(&mut self, event: &Event, presented: &str, locked: u16) -> Answer<'_> {
        let facts = self.gather(event, presented);
        let ledgers = self.ledgers.live.iter().map(|ledger| (ledger, true));
        self.live.decide(ledgers, facts, (event.time_us(), self.now_us), self.recording);
        self.live.decision.rule_set = self.reloads.number;
        self.live.decision.converted = event.converted();
        self.ask_customer(event, presented, locked);
        self.let_stand(event);
        let standing = Standing::of(self.live.decision.outcome);
        let unallowed = |standing| self.payments.is_unallowed(event.identity(), self.now_us, standing);
        self.live.decision.alert |= unallowed(standing);
        let decided = self.live.decided(facts);
        self.ledgers.live.iter_mut().for_each(|ledger| ledger.gather_decided(&decided));
        if let Some(shadow) = &mut self.shadow {
            let locked = shadow.locked(&self.live.rules, locked);
            shadow.decide(&mut self.ledgers, facts, locked, self.now_us, self.recording);
            let decision = &mut shadow.judge.decision;
            decision.alert |= unallowed(Standing::of(decision.outcome));
        }
        let answer = self.answers.keep(&self.live.decision, self.now_us);
        self.file(event, standing, answer);
        self.open_dialogue(event, presented, standing);
        Answer::Decided(&self.live.decision)
    }

    /// Decides a login: nothing of it is stopped, it is only watched.
    fn login(&mut self, event: &Event) -> Answer<'_> {
        let facts = self.gather(event, presented(event));
        let ledgers = self.ledgers.live.iter().map(|ledger| (ledger, true));
        self.live.decide(ledgers, facts, (event.time_us(), self.now_us), self.recording);
        self.live.decision.rule_set = self.reloads.number;
        if let Some(shadow) = self.shadow.as_mut().filter(|shadow| shadow.decides_logins()) {
            shadow.decide(&mut self.ledgers, facts, 0, self.now_us, self.recording);
        }
        let answer = self.answers.keep(&self.live.decision, self.now_us);
        self.file(event, Standing::Observed, answer);
        Answer::Decided(&self.live.decision)
    }

    /// Gathers what an event brings, and gives what conditions may read of it; of methods those `presented` that count.
    fn gather<'e>(&mut self, event: &'e Event, presented: &'e str) -> Facts<'e> {
        let calendar = self.calendar.hour_and_weekday(event.time_us());
        let facts = Facts { now_us: self.now_us, presented, ..Facts::of(event, calendar) };
        let with_lists = Facts { lists: &self.live.lists, rates: &self.live.rates, ..facts };
        self.ledgers.live.iter_mut().for_each(|ledger| ledger.gather(&with_lists));
        if let Some(shadow) = &self.shadow {
            let with_lists = Facts { lists: shadow.lists(), rates: &shadow.judge.rates, ..facts };
            self.ledgers.shadow.iter_mut().for_each(|ledger| ledger.gather(&with_lists));
        }
        facts
    }

    /// Does what a `list` event says, on the shadow's own lists too.
    fn change_lists(&mut self, event: &Event) {
        listing::change(&self.live.rules, &mut self.live.lists, event);
        if let Some(shadow) = &mut self.shadow {
            shadow.change_lists(event, self.now_us);
        }
    }

    /// Whether the engine won't look at a payment again that may be executed.
    fn is_settled(&self, standing: Standing) -> bool {
        standing == Standing::Allowed || standing == Standing::Open && !self.payments.conduct().led
    }

    /// Files what was gathered of an event, and remembers the event.
    fn file(&mut self, event: &Event, standing: Standing, answer: Place) {
        let (identity, now_us) = (event.identity(), self.now_us);
        // Time may have stopped short of an event that only lets it pass.
        let time_us = event.time_us().min(now_us);
        let payment = Kinds::PAYMENTS.contains(event.kind());
        let amount_minor = event.amount().map_or(0, |amount| amount.minor);
        let mut filed = Filed::NOTHING;
        if payment || self.ledgers.all().any(Ledger::feeds) {
            let row = self.row;
            self.row += 1;
            if payment {
                filed = Filed::new(row, standing);
            }
            let scopes = self.payments.counted(standing);
            let settled = event.kind() == Kind::Transaction && self.is_settled(standing);
            if settled {
                self.ledgers.each(|ledger| ledger.arm(row));
            }
            self.ledgers.each(|ledger| ledger.file(time_us, scopes));
            let mut executed = scopes.contains(Scope::Executed);
            let waited = payment.then(|| self.payments.take_waiting(identity, now_us)).flatten();
            let late = time_us < now_us;
            if late || waited.is_some() {
                let mut corrected = if late {
                    Payment::late(row, time_us, standing, amount_minor)
                } else {
                    self.payments.on_time(row, time_us, standing, amount_minor)
                };
                corrected.reports = waited.unwrap_or_default();
                let (present, ledgers) = (self.present(), &mut self.ledgers);
                let again = self.payments.reconcile(&mut corrected, present, |correction| {
                    ledgers.each(|ledger| ledger.correct(correction));
                });
                if let Some(again) = again {
                    self.file_again(&again, |_| true);
                }
                executed = corrected.is_executed_first(self.payments.conduct());
                if payment {
                    self.remember(identity, corrected, late);
                }
            }
            if settled && executed {
                self.ledgers.each(|ledger| ledger.empty(row));
            }
        }
        self.dialogues.forget(identity, now_us);
        self.exchange.note(event, now_us);
        let fingerprint = event.fingerprint();
        let seen = Seen { fingerprint, time_us: event.time_us(), amount_minor, filed, answer };
        self.seen.insert(identity, now_us, seen);
    }
}

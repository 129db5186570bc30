//! What payments were told, so that no id ever has two answers that differ.
//!
//! Promises that a payment which comes again while it is on its way is answered as the first is; that what was told is told
//! again for as long as it is remembered, and where in the journal that is; and to say of no payment that it is new where it may have been told something
//! before, also by an earlier process. Memory is bounded: what was told longest ago is forgotten first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::ticket::Ticket;
use crate::decision::{Demand, Outcome, Requirement};
use crate::event::Event;

/// How many payments and other events are remembered, about.
const EVENTS_MAX: usize = 1 << 19;
/// Parts with a lock of their own. All are full at about the same time, and each then forgets in one go: so many that this is
/// some ten microseconds.
const SHARDS: usize = 128;
/// Distinct requirements that are held once; others are held by each payment.
const REQUIREMENTS_MAX: usize = 64;
/// How far the clocks of those who send payments may be ahead of ours, in microseconds.
const AHEAD_US: i64 = 1_000_000;

/// What is known of a payment that comes in.
#[derive(Debug)]
pub(super) enum Before {
    /// Nothing: it is on its way from now on.
    Nothing,
    /// It is on its way.
    OnItsWay(Arc<Ticket>),
    /// It was told this.
    Told(Demand),
    /// Another payment has its id.
    Other {
        /// Whether the engine has taken that one in.
        stepped: bool,
    },
}

/// Where the answers to a payment are in the journal, by the numbers of their records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// The decision; 0 where that is not known.
    pub(super) decision: u64,
    /// What its authentications were answered, in order. Most have none.
    pub(super) authentications: Box<[u64]>,
}

/// What is known of where a payment's answers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// There.
    At(Places),
    /// Nowhere yet: it is on its way.
    OnItsWay,
    /// Nothing.
    Unknown,
}

#[derive(Debug)]
enum Entry {
    OnItsWay(u64, Arc<Ticket>),
    /// Most require nothing, or what others do.
    Told(u64, Outcome, Option<Arc<Requirement>>, Places, Report),
}

/// Whether what became of an event is still to be reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Report {
    /// It is none that anything is reported of, or it was.
    #[default]
    Nothing,
    /// It was allowed, and neither an execution nor a reversal was reported.
    Awaited,
}

type Entries = HashMap<u128, Entry, FixedState>;

#[derive(Debug)]
struct Shard {
    new: Entries,
    old: Entries,
    /// What was told since these moments is in both together, and in the new ones.
    since_us: i64,
    new_since_us: i64,
    /// Payments in both of which a report is awaited.
    awaited: usize,
}

/// What payments were told.
#[derive(Debug)]
pub(super) struct Known {
    shards: Vec<Mutex<Shard>>,
    requirements: Mutex<Vec<Arc<Requirement>>>,
    shard_max: usize,
}

impl Known {
    /// Knows nothing of what was told before now, in microseconds since 1970 UTC.
    pub(super) fn new(now_us: i64) -> Self {
        Self::holding(EVENTS_MAX, now_us)
    }

    fn holding(payments: usize, now_us: i64) -> Self {
        let shard = || {
            let (new, old) = Default::default();
            Mutex::new(Shard { new, old, since_us: now_us, new_since_us: now_us, awaited: 0 })
        };
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            requirements: Mutex::default(),
            shard_max: (payments / SHARDS / 2).max(1),
        }
    }

    fn shard(&self, identity: u128) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[identity as usize % SHARDS];
        // Nothing panics while it is held, and whole is what it is.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a payment that comes in with this ticket, and gives what was known of it.
    pub(super) fn begin(&self, event: &Event, ticket: &Arc<Ticket>, now_us: i64) -> Before {
        let mut shard = self.shard(event.identity());
        let Shard { new, old, .. } = &mut *shard;
        match new.get(&event.identity()).or_else(|| old.get(&event.identity())) {
            Some(Entry::OnItsWay(content, _)) if *content != event.fingerprint() => {
                Before::Other { stepped: false }
            }
            Some(Entry::Told(content, ..)) if *content != event.fingerprint() => {
                Before::Other { stepped: true }
            }
            Some(Entry::OnItsWay(_, ticket)) => Before::OnItsWay(Arc::clone(ticket)),
            Some(Entry::Told(_, outcome, required, ..)) => {
                let requirement = required.as_deref().cloned().unwrap_or_default();
                Before::Told(Demand { outcome: *outcome, requirement })
            }
            None => {
                let entry = Entry::OnItsWay(event.fingerprint(), Arc::clone(ticket));
                shard.put(event.identity(), entry, self.shard_max, now_us);
                Before::Nothing
            }
        }
    }

    /// A requirement, held once.
    fn required(&self, requirement: &Requirement) -> Option<Arc<Requirement>> {
        if requirement.any_of().is_empty() {
            return None;
        }
        let mut held = self.requirements.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = held.iter().find(|held| ***held == *requirement) {
            return Some(Arc::clone(same));
        }
        let new = Arc::new(requirement.clone());
        if held.len() < REQUIREMENTS_MAX {
            held.push(Arc::clone(&new));
        }
        Some(new)
    }

    /// The payment was told this, by this record where it is the first time.
    pub(super) fn told(
        &self,
        event: &Event,
        (outcome, requirement): (Outcome, &Requirement),
        record: Option<u64>,
        now_us: i64,
    ) {
        let first = if outcome == Outcome::Allow { Report::Awaited } else { Report::Nothing };
        let required = self.required(requirement);
        let mut shard = self.shard(event.identity());
        let (places, report) = match (record, shard.get_mut(event.identity())) {
            (Some(decision), _) => (Places { decision, ..Places::default() }, first),
            (None, Some(Entry::Told(_, _, _, places, report))) => (std::mem::take(places), *report),
            (None, _) => Default::default(),
        };
        let entry = Entry::Told(event.fingerprint(), outcome, required, places, report);
        shard.put(event.identity(), entry, self.shard_max, now_us);
    }

    /// An event that is no payment has this id.
    pub(super) fn taken(&self, event: &Event, now_us: i64) {
        let entry =
            Entry::Told(event.fingerprint(), Outcome::Allow, None, Places::default(), Report::Nothing);
        self.shard(event.identity()).put(event.identity(), entry, self.shard_max, now_us);
    }

    /// An authentication of a payment was answered with this outcome by this record.
    pub(super) fn authenticated(&self, payment: u128, outcome: Outcome, record: u64) {
        let mut shard = self.shard(payment);
        if let Some(Entry::Told(_, _, _, places, _)) = shard.get_mut(payment)
            && places.decision > 0
        {
            let all = places.authentications.iter().copied().chain([record]);
            places.authentications = all.collect();
            if outcome == Outcome::Allow {
                shard.awaits(payment, Report::Awaited);
            }
        }
    }

    /// An execution or a reversal of a payment was reported.
    pub(super) fn reported(&self, payment: u128) {
        self.shard(payment).awaits(payment, Report::Nothing);
    }

    /// Payments that were allowed since the start, and are remembered, of which neither was reported.
    pub(super) fn unreported(&self) -> usize {
        let awaited = |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).awaited;
        self.shards.iter().map(awaited).sum()
    }

    /// Where the answers to a payment are.
    pub(super) fn whereabouts(&self, payment: u128) -> Whereabouts {
        match self.shard(payment).get_mut(payment) {
            Some(Entry::OnItsWay(..)) => Whereabouts::OnItsWay,
            Some(Entry::Told(_, _, _, places, _)) if places.decision > 0 => Whereabouts::At(places.clone()),
            Some(Entry::Told(..)) | None => Whereabouts::Unknown,
        }
    }

    /// The payment was told nothing, and is not on its way any more.
    pub(super) fn forget(&self, event: &Event) {
        let mut shard = self.shard(event.identity());
        let Shard { new, old, .. } = &mut *shard;
        for entries in [new, old] {
            if let Some(Entry::OnItsWay(..)) = entries.get(&event.identity()) {
                entries.remove(&event.identity());
            }
        }
    }

    /// Whether a payment that nothing is known of was surely never told anything: it happened since all is remembered.
    pub(super) fn is_new(&self, event: &Event) -> bool {
        event.time_us() > self.shard(event.identity()).since_us.saturating_add(AHEAD_US)
    }
}

impl Shard {
    fn get_mut(&mut self, identity: u128) -> Option<&mut Entry> {
        let Self { new, old, .. } = self;
        new.get_mut(&identity).or_else(|| old.get_mut(&identity))
    }

    fn put(&mut self, identity: u128, entry: Entry, most: usize, now_us: i64) {
        if self.new.len() >= most {
            // The table of those that are forgotten is that of the new ones, which would grow to as many.
            std::mem::swap(&mut self.new, &mut self.old);
            self.awaited -= self.new.values().filter(|entry| entry.is_awaited()).count();
            // What is on its way is bounded by what else waits, and stays.
            let stays = |(_, entry): &(u128, Entry)| matches!(entry, Entry::OnItsWay(..));
            let stay: Vec<_> = self.new.drain().filter(stays).collect();
            self.new.extend(stay);
            (self.since_us, self.new_since_us) = (self.new_since_us, now_us);
        }
        self.awaited += usize::from(entry.is_awaited());
        let before = self.old.remove(&identity);
        let before = self.new.insert(identity, entry).or(before);
        self.awaited -= usize::from(before.is_some_and(|entry| entry.is_awaited()));
    }

    /// Whether a report of a payment is awaited from now on.
    fn awaits(&mut self, payment: u128, now: Report) {
        if let Some(Entry::Told(_, _, _, _, report)) = self.get_mut(payment) {
            match (std::mem::replace(report, now), now) {
                (Report::Nothing, Report::Awaited) => self.awaited += 1,
                (Report::Awaited, Report::Nothing) => self.awaited -= 1,
                _ => {}
            }
        }
    }
}

impl Entry {
    fn is_awaited(&self) -> bool {
        matches!(self, Self::Told(.., Report::Awaited))
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::now;
    use super::*;
    use crate::event::{Draft, Kind, TextField};
    use crate::money::Currency;

    fn payment(id: usize, minor: i64, time_us: i64) -> Event {
        let mut draft = Draft::new(Arc::default());
        draft.begin(Kind::Transaction, time_us).unwrap();
        draft.amount(minor, Currency::VND).unwrap();
        draft.text(TextField::Id, &format!("t{id}")).unwrap();
        draft.seal().unwrap().clone()
    }

    const NOTHING: &Requirement = &Requirement::none();

    #[test]
    fn equal_requirements_are_held_once_and_told_again() {
        let (known, ticket) = (Known::new(0), Arc::new(Ticket::new(now())));
        let requirement = |methods: u64| {
            let mut requirement = Requirement::none();
            requirement.join(methods);
            requirement
        };
        for n in 0..500 {
            let (event, required) = (payment(n, 1, 7), requirement(1 + n as u64 % 100));
            known.told(&event, (Outcome::StepUp, &required), Some(1), 1);
            let Before::Told(told) = known.begin(&event, &ticket, 2) else { panic!("it was told") };
            assert_eq!(told, Demand { outcome: Outcome::StepUp, requirement: required });
        }
        assert_eq!(known.requirements.lock().unwrap().len(), REQUIREMENTS_MAX);
    }

    #[test]
    fn one_id_is_on_its_way_once_and_told_one_thing() {
        let (known, ticket) = (Known::new(0), Arc::new(Ticket::new(now())));
        let (event, other) = (payment(1, 5, 7), payment(1, 6, 7));
        assert!(matches!(known.begin(&event, &ticket, 1), Before::Nothing));
        let again = Arc::new(Ticket::new(now()));
        let Before::OnItsWay(first) = known.begin(&event, &again, 2) else { panic!("it is on its way") };
        assert!(Arc::ptr_eq(&first, &ticket));
        assert!(matches!(known.begin(&other, &again, 2), Before::Other { stepped: false }));
        known.told(&event, (Outcome::Block, NOTHING), Some(8), 3);
        assert!(matches!(known.begin(&other, &again, 3), Before::Other { stepped: true }));
        known.forget(&event);
        let Before::Told(told) = known.begin(&event, &again, 4) else { panic!("it was told") };
        assert_eq!(told, Demand::of(Outcome::Block));
    }

    #[test]
    fn it_is_known_where_answers_are() {
        let (known, ticket) = (Known::new(0), Arc::new(Ticket::new(now())));
        let (event, told) = (payment(1, 5, 7), (Outcome::StepUp, NOTHING));
        let at = |decision, authentications: &[u64]| {
            Whereabouts::At(Places { decision, authentications: authentications.into() })
        };
        known.authenticated(event.identity(), Outcome::StepUp, 9);
        assert_eq!(known.whereabouts(event.identity()), Whereabouts::Unknown);
        known.begin(&event, &ticket, 1);
        assert_eq!(known.whereabouts(event.identity()), Whereabouts::OnItsWay);
        known.told(&event, told, Some(8), 3);
        known.authenticated(event.identity(), Outcome::StepUp, 10);
        known.authenticated(event.identity(), Outcome::Allow, 12);
        known.told(&event, told, None, 4);
        assert_eq!(
            known.whereabouts(event.identity()),
            at(8, &[10, 12]),
            "what is told again is where it was"
        );
        known.told(&event, told, Some(20), 5);
        assert_eq!(known.whereabouts(event.identity()), at(20, &[]));
        known.told(&payment(2, 5, 7), (Outcome::Allow, NOTHING), None, 5);
        assert_eq!(
            known.whereabouts(payment(2, 5, 7).identity()),
            Whereabouts::Unknown,
            "it was told before the start"
        );
    }

    #[test]
    fn what_was_allowed_awaits_a_report_until_it_comes_or_the_payment_is_forgotten() {
        let known = Known::holding(1_000, 0);
        let of = |n| payment(n, 1, 7);
        let told = |n, outcome, record| known.told(&of(n), (outcome, NOTHING), record, 1);
        (0..4).for_each(|n| told(n, Outcome::Allow, Some(1)));
        told(4, Outcome::StepUp, Some(1));
        told(5, Outcome::Block, Some(1));
        assert_eq!(known.unreported(), 4);
        told(0, Outcome::Allow, None);
        known.authenticated(of(4).identity(), Outcome::StepUp, 2);
        assert_eq!(known.unreported(), 4, "nothing new");
        known.authenticated(of(4).identity(), Outcome::Allow, 3);
        assert_eq!(known.unreported(), 5);
        [0, 0, 4, 5, 77].into_iter().for_each(|n| known.reported(of(n).identity()));
        assert_eq!(known.unreported(), 3);
        told(0, Outcome::Allow, None);
        assert_eq!(known.unreported(), 3, "it was reported");
        (100..9_000).for_each(|n| known.taken(&of(n), 2));
        assert_eq!(known.unreported(), 0, "they are forgotten");
    }

    #[test]
    fn those_that_come_have_the_room_of_those_that_are_forgotten() {
        let known = Known::holding(40_000, 0);
        let rooms = || -> usize {
            let room = |shard: &Mutex<Shard>| {
                let shard = shard.lock().unwrap();
                shard.new.capacity() + shard.old.capacity()
            };
            known.shards.iter().map(room).sum()
        };
        (0..100_000).for_each(|n| known.taken(&payment(n, 1, 7), 1));
        let before = rooms();
        // At any moment, also right behind a turn.
        for n in 100_000..140_000 {
            known.taken(&payment(n, 1, 7), 2);
            assert!(n % 64 > 0 || rooms() == before, "{n}");
        }
    }

    #[test]
    fn what_may_have_been_told_before_is_not_new() {
        let (known, ticket) = (Known::holding(1_000, 0), Arc::new(Ticket::new(now())));
        assert!(!known.is_new(&payment(0, 1, AHEAD_US)));
        let mut on_its_way = 0;
        for at in 1..20_000_i64 {
            let (now_us, event) = (at * AHEAD_US, payment(at as usize, 1, at * AHEAD_US));
            known.begin(&event, &ticket, now_us);
            if at % 50 == 0 {
                on_its_way += 1;
                assert!(on_its_way < 1_000);
            } else {
                known.told(&event, (Outcome::Allow, NOTHING), Some(at as u64), now_us);
            }
            // Whatever is forgotten is not said to be new.
            let back = (at - (at * 7 % 4_000)).max(1);
            let before = payment(back as usize, 1, back * AHEAD_US);
            if known.is_new(&before) {
                assert!(!matches!(known.begin(&before, &ticket, now_us), Before::Nothing), "{at} {back}");
            }
        }
        let held: usize = known.shards.iter().map(|shard| shard.lock().unwrap().new.len()).sum();
        assert!(held < 2_000, "{held}");
        let first = payment(50, 1, 50 * AHEAD_US);
        assert!(matches!(known.begin(&first, &ticket, 0), Before::OnItsWay(_)), "it stays");
    }
}

//! Locks: which keys failed how often in a row, and which methods meet nothing for them.
//!
//! Promises that what is locked stays so until an event opens it, that nothing is forgotten by time, and that a failure
//! which finds no room is answered as though it locked. Must never know what a method is.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::quality::FixedState;
use serde::{Deserialize, Serialize};

use super::{Asked, attempt, mask};
use crate::engine::recent::Recent;
use crate::engine::{Engine, Limits, gather};
use crate::event::{Event, Kept, Kind, TextField};
use crate::rules::{Facts, KeyField, Lock, RuleSet, presented};
use crate::shared::Shared;

/// Parts that are copied one by one while a snapshot is written.
const SHARDS: usize = 1024;

/// A key of a lock: the tenant and the field's text, as a hash.
type Key = [u64; 2];

/// The keys of one lock that failed since they succeeded last.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Failed {
    /// None until the first failure.
    shards: Vec<Shared<BTreeMap<Key, Count>>>,
    len: usize,
}

/// What is known of a key.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Count {
    failures: u8,
    /// Stays, whatever a later rule set says of failures.
    locked: bool,
}

impl Failed {
    fn freeze(&mut self) -> Self {
        Self { shards: self.shards.iter_mut().map(Shared::share).collect(), len: self.len }
    }

    fn get(&self, key: Key) -> Option<Count> {
        self.shards.get(shard(key))?.get(&key).copied()
    }

    fn is_locked(&self, key: Key) -> bool {
        self.get(key).is_some_and(|count| count.locked)
    }

    fn insert(&mut self, key: Key, count: Count) {
        if self.shards.is_empty() {
            self.shards.resize_with(SHARDS, Shared::default);
        }
        if let Some(shard) = self.shards.get_mut(shard(key)) {
            self.len += usize::from(shard.get_mut().insert(key, count).is_none());
        }
    }

    fn remove(&mut self, key: Key) {
        if self.get(key).is_some()
            && let Some(shard) = self.shards.get_mut(shard(key))
        {
            shard.get_mut().remove(&key);
            self.len -= 1;
        }
    }
}

fn shard(key: Key) -> usize {
    key[0] as usize % SHARDS
}

/// All locks of a rule set.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Locks {
    /// One for each lock of the live rule set.
    failed: Vec<Failed>,
    /// What happened to events that need not have the fields themselves; none where nothing is locked.
    known: Option<Known>,
}

/// What is remembered for a horizon of time.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    /// The keys of payments, for the authentications that come without.
    keys: Recent<Key>,
    /// Attempts at payments that wait for no answer; one counts once.
    attempts: Recent<()>,
}

impl Locks {
    /// Those of a rule set, of which nothing is locked.
    pub(super) fn new(rules: &RuleSet, limits: &Limits) -> Self {
        let known = (!rules.locks.is_empty()).then(|| Known {
            keys: Recent::new(rules.horizon_us, limits.ids_max),
            attempts: Recent::new(rules.horizon_us, limits.corrections_max),
        });
        Self { failed: rules.locks.iter().map(|_| Failed::default()).collect(), known }
    }

    /// A copy that shares what it holds.
    pub(super) fn freeze(&mut self) -> Self {
        let known = self
            .known
            .as_mut()
            .map(|Known { keys, attempts }| Known { keys: keys.freeze(), attempts: attempts.freeze() });
        Self { failed: self.failed.iter_mut().map(Failed::freeze).collect(), known }
    }

    /// Goes on with another rule set: a lock goes on where one of the same name locked the same methods by the same field,
    /// however many failures it takes now and whatever opens it.
    pub(super) fn go_on(&mut self, before: &RuleSet, rules: &RuleSet, limits: &Limits, now_us: i64) {
        let mut held = std::mem::replace(self, Self::new(rules, limits));
        let words = |rules: &RuleSet, lock: &Lock| rules.methods_of(lock.methods);
        for (lock, failed) in rules.locks.iter().zip(&mut self.failed) {
            let same = |old: &Lock| {
                old.name == lock.name && old.by == lock.by && words(before, old) == words(rules, lock)
            };
            let at = before.locks.iter().position(same);
            if let Some(old) = at.and_then(|at| held.failed.get_mut(at)) {
                std::mem::swap(failed, old);
            }
        }
        if let (Some(mut known), Some(_)) = (held.known.take(), &self.known) {
            known.keys.set_horizon(now_us, rules.horizon_us);
            known.attempts.set_horizon(now_us, rules.horizon_us);
            self.known = Some(known);
        }
    }

    /// Bytes held, about.
    pub(super) fn bytes(&self) -> usize {
        let entries: usize = self.failed.iter().map(|failed| failed.len).sum();
        let shards: usize = self.failed.iter().map(|failed| failed.shards.len()).sum();
        let known = self.known.as_ref().map_or(0, |known| known.keys.bytes() + known.attempts.bytes());
        entries * 2 * size_of::<(Key, Count)>() + shards * size_of::<Shared<BTreeMap<Key, Count>>>() + known
    }

    /// The locks that are locked for these keys, as a mask; `keys` says which key of a lock, by its position.
    fn locked(&self, keys: impl Fn(usize) -> Option<Key>) -> u16 {
        let held = self.failed.iter().enumerate().filter(|(_, failed)| failed.len > 0);
        let locked = held.filter(|(at, failed)| keys(*at).is_some_and(|key| failed.is_locked(key)));
        locked.fold(0, |locked, (at, _)| locked | 1 << at)
    }

    /// Counts an authentication of a key. False where there was no room to: the key is then to be taken for locked.
    #[must_use]
    fn count(&mut self, at: usize, lock: &Lock, key: Key, succeeded: bool, most: usize) -> bool {
        let held: usize = self.failed.iter().map(|failed| failed.len).sum();
        let Some(failed) = self.failed.get_mut(at) else { return true };
        let before = failed.get(key);
        if before.is_some_and(|count| count.locked) {
            return true;
        }
        if succeeded {
            failed.remove(key);
            return true;
        }
        let failures = before.unwrap_or_default().failures.saturating_add(1);
        let locked = failures >= lock.failures;
        let room = before.is_some() || held < most;
        if room {
            failed.insert(key, Count { failures, locked });
        }
        room
    }
}

/// The key of a text under a field.
fn key(tenant: Option<&str>, text: &str) -> Key {
    [15, 16].map(|seed| FixedState::with_seed(seed).hash_one((tenant, text)))
}

/// The key that an event has for a lock.
fn own_key(lock: &Lock, event: &Event) -> Option<Key> {
    gather::text(event, lock.by).map(|text| key(event.text(TextField::Tenant), text))
}

/// The text of a payment that was put by.
pub(super) fn kept_text(transaction: &Kept, field: KeyField) -> Option<&str> {
    match field {
        KeyField::Text(field) => transaction.text(field),
        KeyField::Extra(position) => transaction.extra_text(position),
    }
}

/// The locks that hold because there is no key to ask them by: leaving a field out must open nothing.
fn keyless(rules: &RuleSet, key: impl Fn(usize, &Lock) -> Option<Key>) -> u16 {
    let held = rules.locks.iter().enumerate().filter(|(at, lock)| key(*at, lock).is_none());
    held.fold(0, |held, (at, _)| held | 1 << at)
}

/// Under which the key of a payment is remembered for a field.
fn place(rules: &RuleSet, field: KeyField, payment: u128) -> u128 {
    let name = field.name(&rules.schema);
    let half = |seed| u128::from(FixedState::with_seed(seed).hash_one((payment, name)));
    half(17) << 64 | half(18)
}

impl Engine {
    /// Opens, counts and locks as an event says that was not refused; gives the locks that hold for what it is about.
    pub(in crate::engine) fn turn_locks(&mut self, event: &Event, asked: Asked) -> u16 {
        let rules = Arc::clone(&self.live.rules);
        if rules.locks.is_empty() {
            return 0;
        }
        self.open_locks(event, &rules);
        match event.kind() {
            Kind::Transaction => self.locks_of_payment(event, &rules),
            Kind::Authentication => self.count_answer(event, asked, &rules),
            _ => 0,
        }
    }

    /// Opens what an event opens.
    fn open_locks(&mut self, event: &Event, rules: &RuleSet) {
        for (at, lock) in rules.locks.iter().enumerate() {
            if !lock.opens_from.contains(event.kind()) {
                continue;
            }
            let Some(key) = own_key(lock, event) else { continue };
            let calendar = self.calendar.hour_and_weekday(event.time_us());
            let facts = Facts {
                now_us: self.now_us,
                lists: &self.live.lists,
                rates: &self.live.rates,
                ..Facts::of(event, calendar)
            };
            let opens = lock.opens_where.as_ref().is_none_or(|opens| opens.holds(&facts) == Some(true));
            if let Some(failed) = self.dialogues.locks.failed.get_mut(at).filter(|_| opens) {
                failed.remove(key);
            }
        }
    }

    /// The locks that hold for a payment; its keys are remembered for those who answer for it.
    fn locks_of_payment(&mut self, event: &Event, rules: &RuleSet) -> u16 {
        let locks = &mut self.dialogues.locks;
        for (at, lock) in rules.locks.iter().enumerate() {
            let first = rules.locks.iter().position(|other| other.by == lock.by) == Some(at);
            if let (Some(key), Some(known), true) = (own_key(lock, event), &mut locks.known, first) {
                known.keys.insert(place(rules, lock.by, event.identity()), self.now_us, key);
            }
        }
        keyless(rules, |_, lock| own_key(lock, event))
            | locks.locked(|at| own_key(rules.locks.get(at)?, event))
    }

    /// Counts an authentication, and gives the locks that hold for it or for its payment afterwards.
    fn count_answer(&mut self, event: &Event, asked: Asked, rules: &RuleSet) -> u16 {
        let payment = event.transaction_identity();
        let (now_us, most) = (self.now_us, self.limits.locks_max);
        let succeeded = event.text(TextField::Result) == Some("succeeded");
        // What failed may have been anything where it is not said: leaving it out must not save a failure.
        let unsaid = if succeeded { 0 } else { u64::MAX };
        let methods = event.text(TextField::Methods).map_or(unsaid, |words| mask(rules, words));
        let mut of_payment = [None; u16::BITS as usize];
        for (key, lock) in of_payment.iter_mut().zip(&rules.locks) {
            *key = payment.and_then(|payment| self.payment_key(payment, lock, event, rules));
        }
        let row = payment.and_then(|payment| self.row_of(payment));
        let locks = &mut self.dialogues.locks;
        let touches = rules.locks.iter().any(|lock| lock.methods & methods != 0);
        // An open dialogue answers an attempt once anyway.
        let made = row.filter(|_| touches && asked == Asked::Over).and_then(|row| attempt(row, event));
        let mut counts = true;
        if let (Some(made), Some(known)) = (made, &mut locks.known) {
            counts = known.attempts.get(made, now_us).is_none();
            known.attempts.insert(made, now_us, ());
        }
        let mut full = 0;
        for (at, lock) in rules.locks.iter().enumerate().filter(|_| counts) {
            let key = of_payment.get(at).copied().flatten().or(own_key(lock, event));
            if let Some(key) = key.filter(|_| lock.methods & methods != 0)
                && !locks.count(at, lock, key, succeeded, most)
            {
                full |= 1 << at;
            }
        }
        let own = locks.locked(|at| own_key(rules.locks.get(at)?, event));
        // Of what is open the payment's own keys are known, so that another's name is no help.
        let named = |lock: &Lock| own_key(lock, event).filter(|_| !matches!(asked, Asked::Open(_)));
        let keyless = keyless(rules, |at, lock| of_payment.get(at).copied().flatten().or(named(lock)));
        full | own | keyless | locks.locked(|at| of_payment.get(at).copied().flatten())
    }

    /// The key of a payment for a lock, by what is kept of it or remembered.
    fn payment_key(&self, payment: u128, lock: &Lock, event: &Event, rules: &RuleSet) -> Option<Key> {
        // It is found under the same tenant.
        let tenant = event.text(TextField::Tenant);
        match self.dialogues.open.get(&payment) {
            Some(open) => kept_text(&open.transaction, lock.by).map(|text| key(tenant, text)),
            None => {
                let known = self.dialogues.locks.known.as_ref()?;
                known.keys.get(place(rules, lock.by, payment), self.now_us).copied()
            }
        }
    }

    /// What an event presents where some of it is locked; `None` where all of it counts.
    pub(in crate::engine) fn unlocked(&self, event: &Event, locked: u16) -> Option<Arc<str>> {
        if locked == 0 {
            return None;
        }
        let (rules, words) = (&self.live.rules, presented(event));
        let methods = rules.locked_methods(locked);
        if mask(rules, words) & methods == 0 {
            return None;
        }
        let mut left = String::new();
        leave_out(rules, methods, words, &mut left);
        Some(left.into())
    }
}

/// Writes the words that are not among these methods.
pub(super) fn leave_out(rules: &RuleSet, methods: u64, words: &str, to: &mut String) {
    to.clear();
    for word in words.split(',').filter(|word| mask(rules, word) & methods == 0) {
        if !to.is_empty() {
            to.push(',');
        }
        to.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_its_counts_while_the_original_goes_on() {
        let mut failed = Failed::default();
        for n in 0..5_000 {
            failed.insert([n, n], Count { failures: 1, locked: n % 2 == 0 });
        }
        let copy = failed.freeze();
        for n in (0..5_000).step_by(3) {
            failed.remove([n, n]);
            failed.remove([n, n]);
        }
        let left = |failed: &Failed| (0..5_000).filter(|&n| failed.get([n, n]).is_some()).count();
        assert_eq!((failed.len, left(&failed)), (3_333, 3_333));
        assert_eq!((copy.len, left(&copy)), (5_000, 5_000));
        assert!(copy.is_locked([0, 0]) && !failed.is_locked([0, 0]) && !copy.is_locked([1, 1]));
    }
}

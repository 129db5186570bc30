//! First answers, kept for repeats, in a ring of bytes.

use std::collections::VecDeque;
use std::mem::take;

use serde::{Deserialize, Serialize};

use super::Alert;
use crate::decision::{Decision, Outcome, Quality, Reading, Requirement, StepUp, Stopped, Value, Withheld};
use crate::shared::Shared;

const PAGE_BYTES: usize = 1 << 16;
/// Most pages that are let go for each new one, so that no step lets go of all.
const LET_GO: usize = 4;

/// Where an answer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place(u64);

impl Place {
    /// There was no decision.
    pub(crate) const NONE: Self = Self(u64::MAX);
    /// Below it by a rule set's number: that one allowed, and nothing fired or was recorded.
    const PLAIN: u64 = u64::MAX - 1;

    /// Below those of all rule sets by its number: it was an alert, and there was no decision.
    const ALERT: u64 = Self::PLAIN - u32::MAX as u64 - 1;

    /// An alert, or nothing.
    pub(crate) fn of_alert(alert: Option<Alert>) -> Self {
        let number = alert.and_then(|alert| Alert::ALL.iter().position(|&other| other == alert));
        number.map_or(Self::NONE, |number| Self(Self::ALERT - number as u64))
    }

    /// The alert, if it was one.
    pub(crate) fn alert(self) -> Option<Alert> {
        let number = usize::try_from(Self::ALERT.checked_sub(self.0)?).ok()?;
        Alert::ALL.get(number).copied()
    }

    fn plain(decision: &Decision) -> Option<Self> {
        let Decision { outcome, alert, score, requirement, fired, shadow, overridden, tripped, .. } =
            decision;
        let Decision { withheld, own, out_of_force, tables, rule_set, features, .. } = decision;
        let asked = decision.met || !requirement.any_of().is_empty();
        let quiet = *outcome == Outcome::Allow && !alert && *score == 0 && !asked;
        let silent = [fired, shadow, overridden, tripped].iter().all(|rules| rules.is_empty());
        let bare = withheld.is_none()
            && own.is_none()
            && *out_of_force == 0
            && tables.is_empty()
            && features.is_empty();
        (quiet && silent && bare).then_some(Self(Self::PLAIN - u64::from(*rule_set)))
    }

    fn plain_rule_set(self) -> Option<u32> {
        u32::try_from(Self::PLAIN.wrapping_sub(self.0)).ok()
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Page {
    bytes: Shared<Vec<u8>>,
    start: u64,
    newest_us: i64,
}

/// The ring.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answers {
    pages: VecDeque<Page>,
    #[serde(skip)]
    spare: Vec<Vec<u8>>,
    end: u64,
    horizon_us: i64,
    #[serde(skip)]
    scratch: Vec<u8>,
}

impl Answers {
    /// An empty ring that keeps answers for a horizon of time.
    pub(crate) fn new(horizon_us: i64) -> Self {
        Self { pages: VecDeque::new(), spare: Vec::new(), end: 0, horizon_us, scratch: Vec::new() }
    }

    /// A copy that shares what it holds.
    pub(crate) fn freeze(&mut self) -> Self {
        let page = |page: &mut Page| Page { bytes: page.bytes.share(), ..*page };
        let pages = self.pages.iter_mut().map(page).collect();
        Self { pages, spare: Vec::new(), scratch: Vec::new(), ..*self }
    }

    /// Keeps for another horizon from now on.
    pub(crate) fn set_horizon(&mut self, horizon_us: i64) {
        self.horizon_us = horizon_us;
    }

    /// Keeps a decision.
    pub(crate) fn keep(&mut self, decision: &Decision, now_us: i64) -> Place {
        if let Some(place) = Place::plain(decision) {
            return place;
        }
        let mut bytes = take(&mut self.scratch);
        bytes.clear();
        write(decision, &mut bytes);
        let fits = |page: &Page| page.bytes.len() + bytes.len() <= PAGE_BYTES.max(bytes.len());
        if !self.pages.back().is_some_and(fits) {
            self.turn_page(now_us);
        }
        let place = Place(self.end);
        if let Some(page) = self.pages.back_mut() {
            page.bytes.get_mut().extend_from_slice(&bytes);
            page.newest_us = now_us;
        }
        self.end += bytes.len() as u64;
        self.scratch = bytes;
        place
    }

    /// Reads a decision back; false if there was none or it is no longer kept.
    pub(crate) fn read(&self, place: Place, decision: &mut Decision) -> bool {
        decision.clear();
        if let Some(rule_set) = place.plain_rule_set() {
            decision.rule_set = rule_set;
            return true;
        }
        let after = self.pages.partition_point(|page| page.start <= place.0);
        let page = after.checked_sub(1).map(|at| &self.pages[at]);
        let bytes = page.and_then(|page| page.bytes.get((place.0 - page.start) as usize..));
        bytes.is_some_and(|bytes| read(&mut Bytes(bytes), decision).is_some())
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        (self.pages.len() + self.spare.len()) * PAGE_BYTES
    }

    fn turn_page(&mut self, now_us: i64) {
        for _ in 0..LET_GO {
            if self.pages.front().is_none_or(|page| page.newest_us > now_us - self.horizon_us) {
                break;
            }
            self.spare.extend(self.pages.pop_front().and_then(|page| page.bytes.into_own()));
        }
        let mut bytes = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(PAGE_BYTES));
        bytes.clear();
        self.pages.push_back(Page { bytes: bytes.into(), start: self.end, newest_us: now_us });
    }
}

/// First byte: the outcome, then these flags, then what was withheld.
const ALERT: u8 = 1 << 2;
const WITHHELD: u8 = 1 << 3;
const WITHHELD_SHIFT: u8 = 4;
const OUT_OF_FORCE: u8 = 1 << 6;
/// What a dialogue says follows the rest.
const DIALOGUE: u8 = 1 << 7;
/// Of a dialogue: whether the requirement is met, whether it goes on, and above them why it was stopped (four bits).
const MET: u8 = 1;
const GOES_ON: u8 = 1 << 1;
const STOPPED_SHIFT: u8 = 2;
/// Of a dialogue: what the engine itself came to follows.
const OWN: u8 = 1 << 6;
/// Of a dialogue: locks follow.
const LOCKED: u8 = 1 << 7;
/// The row of a table whose value is unknown.
const NO_ROW: u32 = u32::MAX;
/// Bytes of one feature.
const FEATURE_BYTES: usize = 11;

fn write(decision: &Decision, to: &mut Vec<u8>) {
    let withheld =
        decision.withheld.map_or(0, |withheld| WITHHELD | (withheld.outcome as u8) << WITHHELD_SHIFT);
    let Decision { met, step_up, stopped, own, locked, out_of_force, .. } = decision;
    let dialogue = *met || step_up.is_some() || stopped.is_some() || own.is_some() || *locked != 0;
    let flags = (u8::from(decision.alert) * ALERT)
        | (u8::from(*out_of_force != 0) * OUT_OF_FORCE)
        | (u8::from(dialogue) * DIALOGUE);
    to.push(decision.outcome as u8 | flags | withheld);
    if *out_of_force != 0 {
        to.extend_from_slice(&out_of_force.to_le_bytes());
    }
    if let Some(withheld) = decision.withheld {
        to.extend_from_slice(&withheld.ppm.to_le_bytes());
    }
    to.extend_from_slice(&decision.score.to_le_bytes());
    write_whole(decision.rule_set, to);
    write_requirement(&decision.requirement, to);
    for rules in [&decision.fired, &decision.shadow, &decision.overridden, &decision.tripped] {
        write_whole(rules.len() as u32, to);
        for rule in rules {
            to.extend_from_slice(&rule.to_le_bytes());
        }
    }
    write_whole(decision.tables.len() as u32, to);
    for (table, row) in &decision.tables {
        to.extend_from_slice(&table.to_le_bytes());
        write_whole(row.map_or(NO_ROW, u32::from), to);
    }
    write_whole(decision.features.len() as u32, to);
    let start = to.len();
    to.resize(start + decision.features.len() * FEATURE_BYTES, 0);
    let (places, _) = to[start..].as_chunks_mut();
    for (place, (feature, reading)) in places.iter_mut().zip(&decision.features) {
        *place = feature_bytes(*feature, reading);
    }
    if dialogue {
        write_dialogue(decision, to);
    }
}

fn write_requirement(requirement: &Requirement, to: &mut Vec<u8>) {
    write_whole(requirement.any_of().len() as u32, to);
    for methods in requirement.any_of() {
        to.extend_from_slice(&methods.to_le_bytes());
    }
}

fn write_dialogue(decision: &Decision, to: &mut Vec<u8>) {
    let stopped = decision.stopped.map_or(0, |stopped| stopped as u8 + 1);
    let goes_on = u8::from(decision.step_up.is_some()) * GOES_ON;
    let locked = u8::from(decision.locked != 0) * LOCKED;
    let own = u8::from(decision.own.is_some()) * OWN;
    to.push((u8::from(decision.met) * MET) | goes_on | (stopped << STOPPED_SHIFT) | own | locked);
    to.extend(decision.own.map(|own| own as u8));
    if decision.locked != 0 {
        to.extend_from_slice(&decision.locked.to_le_bytes());
    }
    write_requirement(&decision.missing, to);
    if let Some(StepUp { id, expires_us, attempts_left }) = decision.step_up {
        to.extend_from_slice(&id.to_le_bytes());
        to.extend_from_slice(&expires_us.to_le_bytes());
        write_whole(attempts_left, to);
    }
}

/// Its number, a tag for its quality and the kind of its value, and the value.
fn feature_bytes(feature: u16, reading: &Reading) -> [u8; FEATURE_BYTES] {
    let (tag, bits) = match reading.value {
        Value::Null => (0, 0),
        Value::Boolean(value) => (1, u64::from(value)),
        Value::Whole(value) => (2, value as u64),
        Value::Decimal(value) => (3, value.to_bits()),
    };
    let [low, high] = feature.to_le_bytes();
    let [a, b, c, d, e, f, g, h] = bits.to_le_bytes();
    [low, high, tag | (reading.quality as u8) << 2, a, b, c, d, e, f, g, h]
}

/// Seven bits a byte, so that a small number, as most are, takes one.
fn write_whole(mut value: u32, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn whole(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in (0..u32::BITS).step_by(7) {
            let [byte] = self.take()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Some(value)
    }

    fn position(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }
}

fn outcome(bits: u8) -> Outcome {
    Outcome::ALL[usize::from(bits & 3).min(2)]
}

fn read(from: &mut Bytes<'_>, decision: &mut Decision) -> Option<()> {
    let [head] = from.take()?;
    decision.outcome = outcome(head);
    decision.alert = head & ALERT != 0;
    if head & OUT_OF_FORCE != 0 {
        decision.out_of_force = u16::from_le_bytes(from.take()?);
    }
    if head & WITHHELD != 0 {
        let ppm = u32::from_le_bytes(from.take()?);
        decision.withheld = Some(Withheld { outcome: outcome(head >> WITHHELD_SHIFT & 3), ppm });
    }
    decision.score = i64::from_le_bytes(from.take()?);
    decision.rule_set = from.whole()?;
    read_requirement(from, &mut decision.requirement)?;
    let Decision { fired, shadow, overridden, tripped, .. } = decision;
    for rules in [fired, shadow, overridden, tripped] {
        for _ in 0..from.whole()? {
            rules.push(from.position()?);
        }
    }
    for _ in 0..from.whole()? {
        let (table, row) = (from.position()?, from.whole()?);
        decision.tables.push((table, u16::try_from(row).ok()));
    }
    for _ in 0..from.whole()? {
        let feature = from.position()?;
        let [tag] = from.take()?;
        let bits = u64::from_le_bytes(from.take()?);
        let value = match tag & 3 {
            0 => Value::Null,
            1 => Value::Boolean(bits == 1),
            2 => Value::Whole(bits as i64),
            _ => Value::Decimal(f64::from_bits(bits)),
        };
        let quality = *Quality::ALL.get(usize::from(tag >> 2))?;
        decision.features.push((feature, Reading { value, quality }));
    }
    if head & DIALOGUE != 0 { read_dialogue(from, decision) } else { Some(()) }
}

fn read_requirement(from: &mut Bytes<'_>, requirement: &mut Requirement) -> Option<()> {
    for _ in 0..from.whole()? {
        requirement.join(u64::from_le_bytes(from.take()?));
    }
    Some(())
}

fn read_dialogue(from: &mut Bytes<'_>, decision: &mut Decision) -> Option<()> {
    let [flags] = from.take()?;
    decision.met = flags & MET != 0;
    decision.stopped = usize::from((flags & !(OWN | LOCKED)) >> STOPPED_SHIFT)
        .checked_sub(1)
        .and_then(|at| Stopped::ALL.get(at).copied());
    if flags & OWN != 0 {
        let [own] = from.take()?;
        decision.own = Some(outcome(own));
    }
    if flags & LOCKED != 0 {
        decision.locked = u16::from_le_bytes(from.take()?);
    }
    read_requirement(from, &mut decision.missing)?;
    if flags & GOES_ON != 0 {
        let (id, expires_us) = (u64::from_le_bytes(from.take()?), i64::from_le_bytes(from.take()?));
        decision.step_up = Some(StepUp { id, expires_us, attempts_left: from.whole()? });
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(n: i64) -> Decision {
        let mut decision =
            Decision { outcome: Outcome::StepUp, alert: n % 2 == 0, score: -n, ..Decision::default() };
        decision.requirement.join(0b101);
        decision.fired.extend([1, 7, n as u16]);
        decision.shadow.extend((0..n as u16 % 200).step_by(3));
        decision.overridden.extend([n as u16]);
        decision.tripped.extend([0, u16::MAX]);
        decision.out_of_force = n as u16 % 3;
        let outcomes = [None, Some(Outcome::Block), Some(Outcome::StepUp)];
        decision.own = outcomes[n as usize / 3 % 3];
        decision.withheld = outcomes[n as usize % 3].map(|outcome| Withheld { outcome, ppm: n as u32 });
        decision.tables.extend([(0, None), (1, Some(n as u16)), (u16::MAX, Some(u16::MAX))]);
        decision.rule_set = n as u32 * 70_000;
        decision.met = n % 3 == 0;
        decision.step_up =
            (n % 4 == 1).then_some(StepUp { id: n as u64 * 7, expires_us: -n, attempts_left: n as u32 });
        decision.locked = [0, 0, n as u16][n as usize % 3];
        decision.stopped =
            [None, Some(Stopped::Attempts), Some(Stopped::Full), Some(Stopped::Keyless)][n as usize % 4];
        if decision.step_up.is_some() {
            decision.missing.join(0b100);
        }
        for value in [Value::Null, Value::Boolean(true), Value::Whole(-n), Value::Decimal(0.1)] {
            let quality = Quality::ALL[n as usize % 5];
            decision.features.push((n as u16, Reading { value, quality }));
        }
        decision
    }

    #[test]
    fn what_is_kept_is_read_back_within_the_horizon_and_memory_is_used_again() {
        let mut answers = Answers::new(1_000);
        let mut places = Vec::new();
        let mut read = Decision::default();
        for n in 0..60_000 {
            places.push(answers.keep(&decision(n), n));
            let old = (n - 999).max(0);
            assert!(answers.read(places[old as usize], &mut read));
            assert_eq!(read, decision(old));
        }
        assert!(answers.bytes() < 10 * PAGE_BYTES, "{} bytes", answers.bytes());
        assert!(!answers.read(Place::NONE, &mut read));
        let plain = answers.keep(&Decision::default(), 0);
        assert!(answers.read(plain, &mut read));
        assert_eq!(read, Decision::default());
        for rule_set in [1, u32::MAX] {
            let other = Decision { rule_set, ..Decision::default() };
            let plain = answers.keep(&other, 0);
            assert!(answers.read(plain, &mut read));
            assert_eq!(read, other);
        }
        let noted = Decision { shadow: vec![1], rule_set: 2, ..Decision::default() };
        let place = answers.keep(&noted, 60_000);
        assert!(answers.read(place, &mut read));
        assert_eq!(read, noted);
    }
}

//! First answers, kept for repeats, in a ring of bytes.

use std::collections::VecDeque;

use crate::decision::{Decision, Outcome, Quality, Reading, Value};

const PAGE_BYTES: usize = 1 << 16;

/// Where an answer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Place {
    /// There was no decision.
    pub(crate) const NONE: Self = Self(u64::MAX);
    /// Allowed, and nothing fired or was recorded.
    const PLAIN: Self = Self(u64::MAX - 1);
}

#[derive(Debug)]
struct Page {
    bytes: Vec<u8>,
    start: u64,
    newest_us: i64,
}

/// The ring.
#[derive(Debug)]
pub(crate) struct Answers {
    pages: VecDeque<Page>,
    spare: Vec<Vec<u8>>,
    end: u64,
    horizon_us: i64,
    scratch: Vec<u8>,
}

impl Answers {
    /// An empty ring that keeps answers for a horizon of time.
    pub(crate) fn new(horizon_us: i64) -> Self {
        Self { pages: VecDeque::new(), spare: Vec::new(), end: 0, horizon_us, scratch: Vec::new() }
    }

    /// Keeps a decision.
    pub(crate) fn keep(&mut self, decision: &Decision, now_us: i64) -> Place {
        let plain = decision.outcome == Outcome::Allow && !decision.alert && decision.score == 0;
        if plain && decision.fired.is_empty() && decision.features.is_empty() {
            return Place::PLAIN;
        }
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        write(decision, &mut bytes);
        let fits = |page: &Page| page.bytes.len() + bytes.len() <= PAGE_BYTES.max(bytes.len());
        if !self.pages.back().is_some_and(fits) {
            self.turn_page(now_us);
        }
        let place = Place(self.end);
        if let Some(page) = self.pages.back_mut() {
            page.bytes.extend_from_slice(&bytes);
            page.newest_us = now_us;
        }
        self.end += bytes.len() as u64;
        self.scratch = bytes;
        place
    }

    /// Reads a decision back; false if there was none or it is no longer kept.
    pub(crate) fn read(&self, place: Place, decision: &mut Decision) -> bool {
        decision.clear();
        if place == Place::PLAIN {
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
        while self.pages.front().is_some_and(|page| page.newest_us <= now_us - self.horizon_us) {
            self.spare.extend(self.pages.pop_front().map(|page| page.bytes));
        }
        let mut bytes = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(PAGE_BYTES));
        bytes.clear();
        self.pages.push_back(Page { bytes, start: self.end, newest_us: now_us });
    }
}

fn write(decision: &Decision, to: &mut Vec<u8>) {
    to.push(decision.outcome as u8 | u8::from(decision.alert) << 2);
    to.extend_from_slice(&decision.score.to_le_bytes());
    let any_of = decision.requirement.any_of();
    for len in [any_of.len(), decision.fired.len(), decision.features.len()] {
        to.extend_from_slice(&(len as u32).to_le_bytes());
    }
    for methods in any_of {
        to.extend_from_slice(&methods.to_le_bytes());
    }
    for rule in &decision.fired {
        to.extend_from_slice(&rule.to_le_bytes());
    }
    for (feature, reading) in &decision.features {
        to.extend_from_slice(&feature.to_le_bytes());
        let (tag, bits) = match reading.value {
            Value::Null => (0, 0),
            Value::Boolean(value) => (1, u64::from(value)),
            Value::Whole(value) => (2, value as u64),
            Value::Decimal(value) => (3, value.to_bits()),
        };
        to.push(tag | u8::from(reading.quality == Quality::Corrected) << 2);
        to.extend_from_slice(&bits.to_le_bytes());
    }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn len(&mut self) -> Option<usize> {
        self.take().map(|bytes| u32::from_le_bytes(bytes) as usize)
    }
}

fn read(from: &mut Bytes<'_>, decision: &mut Decision) -> Option<()> {
    let [head] = from.take()?;
    decision.outcome = Outcome::ALL[usize::from(head & 3).min(2)];
    decision.alert = head & 4 != 0;
    decision.score = i64::from_le_bytes(from.take()?);
    let (sets, fired, features) = (from.len()?, from.len()?, from.len()?);
    for _ in 0..sets {
        decision.requirement.join(u64::from_le_bytes(from.take()?));
    }
    for _ in 0..fired {
        decision.fired.push(u16::from_le_bytes(from.take()?));
    }
    for _ in 0..features {
        let feature = u16::from_le_bytes(from.take()?);
        let [tag] = from.take()?;
        let bits = u64::from_le_bytes(from.take()?);
        let value = match tag & 3 {
            0 => Value::Null,
            1 => Value::Boolean(bits == 1),
            2 => Value::Whole(bits as i64),
            _ => Value::Decimal(f64::from_bits(bits)),
        };
        let quality = if tag & 4 == 0 { Quality::Exact } else { Quality::Corrected };
        decision.features.push((feature, Reading { value, quality }));
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
        for value in [Value::Null, Value::Boolean(true), Value::Whole(-n), Value::Decimal(0.1)] {
            decision.features.push((n as u16, Reading { value, quality: Quality::Corrected }));
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
        assert!(answers.bytes() < 8 * PAGE_BYTES, "{} bytes", answers.bytes());
        assert!(!answers.read(Place::NONE, &mut read));
        let plain = answers.keep(&Decision::default(), 0);
        assert!(answers.read(plain, &mut read));
        assert_eq!(read, Decision::default());
    }
}

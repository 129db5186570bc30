//! What the engine's thread counts of its answers, in numbers of its own that it publishes now and then.
//!
//! Promises that the number of series is bounded whatever comes: what has no series of its own is in `other`. A label is never
//! an account, a payee, a device or another identifier: rule ids are the rule set's, and what an event says of its portal or
//! provider becomes a label only where it is a short word with few digits.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::decision::{Decision, Outcome, Stopped};
use crate::engine::Answer;
use crate::event::{Event, Kind, TextField};
use crate::rules::RuleSet;

/// Rules with a series of their own, of all rule sets that decided since the start.
const RULES_MAX: usize = 512;
/// Portals, and providers, with series of their own.
const WORDS_MAX: usize = 32;
/// Codes of refusals; there are fewer.
const CODES_MAX: usize = 64;
/// Bytes of a word that may be a label.
const WORD_BYTES_MAX: usize = 32;
/// Digits of one: fewer than any number of a customer, a card, an account or a telephone has.
const WORD_DIGITS_MAX: usize = 3;

/// What is in no series of its own.
pub(super) const OTHER: &str = "other";
/// What events say that leave the field out.
const NONE: &str = "none";

/// Numbers by name, of which there are so many at most, and one more for the rest.
#[derive(Clone, Debug)]
pub(super) struct Series<V> {
    at: HashMap<Arc<str>, usize, FixedState>,
    named: Vec<(Arc<str>, V)>,
    rest: V,
    max: usize,
}

impl<V: Default> Series<V> {
    fn new(max: usize) -> Self {
        Self { at: HashMap::default(), named: Vec::new(), rest: V::default(), max }
    }

    /// The place of a name; behind the last where it has none of its own.
    fn place(&mut self, name: &str) -> usize {
        if let Some(&at) = self.at.get(name) {
            return at;
        }
        if self.named.len() == self.max {
            return self.max;
        }
        let name: Arc<str> = name.into();
        self.at.insert(Arc::clone(&name), self.named.len());
        self.named.push((name, V::default()));
        self.named.len() - 1
    }

    fn of(&mut self, place: usize) -> &mut V {
        self.named.get_mut(place).map_or(&mut self.rest, |(_, value)| value)
    }

    /// All, with the rest behind.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &V)> {
        let named = self.named.iter().map(|(name, value)| (&**name, value));
        named.chain([(OTHER, &self.rest)])
    }
}

/// What an answer was, for counting.
pub(super) const ANSWERS: [&str; 7] =
    ["decided", "repeated", "taken", "taken_before", "alert", "alerted_before", "refused"];

/// What was counted.
#[derive(Clone, Debug)]
pub(in super::super) struct Tally {
    /// First decisions by what is to happen.
    pub(super) outcomes: [u64; 3],
    /// The same by portal.
    pub(super) portals: Series<[u64; 3]>,
    /// The same by provider.
    pub(super) providers: Series<[u64; 3]>,
    /// Rules that fired and acted.
    pub(super) rules: Series<u64>,
    /// Blocked though rules only wanted a step-up, by why.
    pub(super) stopped: [u64; Stopped::ALL.len()],
    /// Answers by kind of event and by [`ANSWERS`].
    pub(super) answers: [[u64; ANSWERS.len()]; Kind::ALL.len()],
    /// Refusals by code.
    pub(super) refused: Series<u64>,
    /// What a shadow decides, by the decision that counts and by its own; anew for each shadow.
    pub(in super::super) shadow: [[u64; 3]; 3],
    /// The series of each rule of the rule set that decides, by position.
    places: Vec<usize>,
    /// The rule set that `places` are of.
    rule_set: Option<u32>,
    /// The rule set of the last decision.
    decided_by: Option<u32>,
    /// The rules that fired at it, by position, until they are put down.
    fired: Vec<u16>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            outcomes: [0; 3],
            portals: Series::new(WORDS_MAX),
            providers: Series::new(WORDS_MAX),
            rules: Series::new(RULES_MAX),
            stopped: [0; Stopped::ALL.len()],
            answers: [[0; ANSWERS.len()]; Kind::ALL.len()],
            refused: Series::new(CODES_MAX),
            shadow: [[0; 3]; 3],
            places: Vec::new(),
            rule_set: None,
            decided_by: None,
            fired: Vec::new(),
        }
    }
}

impl Tally {
    /// Counts an answer. The rules that fired are put down by [`settle`](Self::settle), once the engine is free again.
    pub(in super::super) fn count(&mut self, event: &Event, answer: &Answer<'_>) {
        let answered = match answer {
            Answer::Decided(decision) => {
                self.decided(event, decision);
                0
            }
            Answer::Repeated(_) => 1,
            Answer::Taken => 2,
            Answer::TakenBefore => 3,
            Answer::Alert(_) => 4,
            Answer::AlertedBefore(_) => 5,
            Answer::Refused(refusal) => {
                let place = self.refused.place(refusal.code());
                *self.refused.of(place) += 1;
                6
            }
        };
        self.answers[event.kind() as usize][answered] += 1;
    }

    fn decided(&mut self, event: &Event, decision: &Decision) {
        self.decided_by = Some(decision.rule_set);
        self.fired.extend_from_slice(&decision.fired);
        let outcome = decision.outcome as usize;
        self.outcomes[outcome] += 1;
        for (series, field) in
            [(&mut self.portals, TextField::Portal), (&mut self.providers, TextField::Provider)]
        {
            let place = match event.text(field) {
                None => series.place(NONE),
                Some(word) if is_word(word) => series.place(word),
                Some(_) => series.max,
            };
            series.of(place)[outcome] += 1;
        }
        if let Some(stopped) = decision.stopped {
            self.stopped[stopped as usize] += 1;
        }
    }
}

impl Tally {
    /// Puts down the rules that fired at the last decision; `rules` are those of the engine that gave it.
    pub(in super::super) fn settle(&mut self, rules: &RuleSet) {
        let Self { places, rules: series, .. } = self;
        if self.rule_set != self.decided_by {
            self.rule_set = self.decided_by;
            places.clear();
            places.extend(rules.rules.iter().map(|rule| series.place(&rule.id)));
        }
        for rule in self.fired.drain(..) {
            let place = places.get(usize::from(rule)).copied().unwrap_or(RULES_MAX);
            *series.of(place) += 1;
        }
    }
}

/// Whether what an event says may be a label.
fn is_word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (1..=WORD_BYTES_MAX).contains(&text.len()) && digits <= WORD_DIGITS_MAX && text.bytes().all(fits)
}

/// The names of outcomes, in the order of the numbers.
pub(super) fn outcomes(of: &[u64; 3]) -> impl Iterator<Item = (&'static str, u64)> {
    Outcome::ALL.into_iter().map(|outcome| (outcome.name(), of[outcome as usize]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_series_and_nothing_is_lost() {
        let mut series: Series<u64> = Series::new(3);
        for at in 0..100 {
            let place = series.place(&format!("n{}", at % 10));
            *series.of(place) += 1;
        }
        let all: Vec<_> = series.all().map(|(name, many)| (name.to_owned(), *many)).collect();
        let is = |name: &str, many| (name.to_owned(), many);
        assert_eq!(all, [is("n0", 10), is("n1", 10), is("n2", 10), is("other", 70)]);
    }

    #[test]
    fn an_identifier_is_no_word() {
        for word in ["mobile", "web-3ds2", "POS", "napas_247", "a"] {
            assert!(is_word(word), "{word}");
        }
        let long = "a".repeat(33);
        for other in ["", "0123", "acct-9704", "a b", "Nguyễn", "a@b", "0b7ef0c3a9d14e55", &long] {
            assert!(!is_word(other), "{other}");
        }
    }
}

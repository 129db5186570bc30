//! The ledgers of an engine: those of the live rule set, and those that only a shadow reads.
//!
//! All are fed alike; what bounds one kind must never look at the other, so that a shadow changes nothing that is live.

use super::features::Wanted;
use super::ledger::{Binding, Bound, Ledger};
use crate::rules::{Feature, RuleSet};
use crate::state::{Budgets, Memory, Scopes};

/// The part of the texts that eviction keeps free: one in so many, and more than one event brings where there are few.
const TEXTS_LEFT: u32 = 16;
/// More texts than one event brings, but for rule sets with many extra fields.
pub(super) const TEXTS_AN_EVENT: u32 = 16;

/// All ledgers.
#[derive(Debug)]
pub(crate) struct Ledgers {
    pub(crate) live: Vec<Ledger>,
    pub(crate) shadow: Vec<Ledger>,
}

impl Ledgers {
    /// Does something to every ledger.
    #[inline]
    pub(crate) fn each(&mut self, mut work: impl FnMut(&mut Ledger)) {
        self.live.iter_mut().for_each(&mut work);
        self.shadow.iter_mut().for_each(work);
    }

    /// Every ledger, the live ones first.
    #[inline]
    pub(crate) fn all(&self) -> impl Iterator<Item = &Ledger> + Clone {
        self.live.iter().chain(&self.shadow)
    }
}

/// Texts that the keys of some ledgers are made of.
#[inline]
pub(crate) fn texts<'l>(ledgers: impl IntoIterator<Item = &'l Ledger>) -> u32 {
    ledgers.into_iter().fold(0, |texts, ledger| texts.saturating_add(ledger.texts()))
}

/// Takes back what is over in some ledgers that may have so many texts together, more of it in `idle` time; with few
/// texts left, their coldest keys are evicted.
pub(crate) fn tidy(ledgers: &mut [Ledger], idle: bool, texts_max: u32) {
    let left = (texts_max / TEXTS_LEFT).max(TEXTS_AN_EVENT).min(texts_max / 2);
    let pressed = texts(&*ledgers) >= texts_max - left;
    ledgers.iter_mut().for_each(|ledger| ledger.tidy(idle, pressed));
}

/// Late and corrected contributions that some ledgers hold, and may hold after one more event.
#[inline]
pub(crate) fn side_entries_after_one_more<'l>(ledgers: impl IntoIterator<Item = &'l Ledger>) -> usize {
    ledgers.into_iter().map(|ledger| ledger.side_entries() + ledger.side_entries_an_event()).sum()
}

/// The scopes in which payments feed any of some ledgers.
pub(crate) fn scopes(ledgers: &[Ledger]) -> Scopes {
    ledgers.iter().map(Ledger::scopes).fold(Scopes::default(), Scopes::or)
}

/// Bytes that some ledgers hold.
pub(crate) fn memory(ledgers: &[Ledger]) -> Memory {
    ledgers.iter().map(Ledger::memory).fold(Memory::default(), Memory::with)
}

/// Which ledger keeps which feature of a rule set.
#[derive(Debug)]
pub(crate) struct Sources {
    /// By ledger, its features that the rule set has, each with its position in the rule set.
    kept: Vec<Vec<(usize, usize)>>,
    /// The positions of the features that no ledger keeps.
    missing: Vec<usize>,
}

impl Sources {
    /// Looks each feature up by its definition. Of several ledgers that keep it the oldest is taken.
    pub(crate) fn find<'l>(rules: &RuleSet, ledgers: impl Iterator<Item = &'l Ledger> + Clone) -> Self {
        let mut sources = Self { kept: ledgers.clone().map(|_| Vec::new()).collect(), missing: Vec::new() };
        for (position, feature) in rules.features.iter().enumerate().filter(|(_, f)| !f.is_ratio()) {
            let holds =
                |(at, ledger): (usize, &'l Ledger)| Some((ledger.age(), at, ledger.find(&feature.hash)?));
            match ledgers.clone().enumerate().filter_map(holds).min() {
                Some((_, at, held)) => sources.kept[at].push((held, position)),
                None => sources.missing.push(position),
            }
        }
        sources
    }

    /// The positions of the features that no ledger keeps.
    pub(crate) fn missing(&self) -> &[usize] {
        &self.missing
    }

    /// Whether each ledger keeps any of its features.
    pub(crate) fn keeps(&self) -> impl Iterator<Item = bool> {
        self.kept.iter().map(|kept| !kept.is_empty())
    }

    /// What a ledger must be told for a rule set to feed it, by ledger; see [`Ledger::bind`].
    pub(crate) fn bindings(&self, rules: &RuleSet) -> impl Iterator<Item = Binding> {
        let bound = |&(at, position): &(usize, usize)| {
            let feature = &rules.features[position];
            feature.is_bound().then(|| Bound {
                feature: at,
                condition: feature.condition.clone(),
                reset: feature.reset.as_ref().and_then(|reset| reset.condition.clone()),
            })
        };
        self.kept.iter().map(move |kept| kept.iter().filter_map(bound).collect())
    }

    /// A ledger for the features that none keeps, if there are any.
    pub(crate) fn ledger_of_missing(&self, rules: &RuleSet, budgets: &Budgets) -> Option<Ledger> {
        (!self.missing.is_empty()).then(|| self.new_ledger(rules, budgets))
    }

    /// A ledger for the features that none keeps, if only to number payments.
    pub(crate) fn new_ledger(&self, rules: &RuleSet, budgets: &Budgets) -> Ledger {
        let features: Vec<&Feature> =
            self.missing.iter().map(|&position| &rules.features[position]).collect();
        Ledger::new(&features, rules, budgets)
    }

    /// What is read of each of the ledgers that were looked through, where `read` says so of a position.
    pub(crate) fn wanted<'l>(
        &self,
        ledgers: impl Iterator<Item = &'l Ledger>,
        read: impl Fn(usize) -> bool,
    ) -> Vec<Wanted> {
        let chosen = |kept: &'_ [(usize, usize)]| -> Vec<(usize, usize)> {
            kept.iter().copied().filter(|&(_, position)| read(position)).collect()
        };
        ledgers.zip(&self.kept).map(|(ledger, kept)| ledger.wanted(chosen(kept))).collect()
    }

    /// What is read of the ledger of what is missing.
    pub(crate) fn wanted_of_missing(&self, ledger: &Ledger, read: impl Fn(usize) -> bool) -> Wanted {
        ledger.wanted(self.missing.iter().copied().enumerate().filter(|&(_, position)| read(position)))
    }
}

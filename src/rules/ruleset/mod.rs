//! What a rule file compiles to: plain data that the engine reads.

mod feature;
mod fields;
#[cfg(feature = "backtest")]
mod firing;
mod rule;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use feature::{Aggregate, Counts, Feature, Kinds, Label, Reset, Stratum, Window};
pub use fields::{DegreeField, KeyField, NumberField, Operand};
#[cfg(feature = "backtest")]
pub use firing::Firing;
pub use rule::{Action, Breaker, Mode, OnUnknown, Rule, Share, Tier};

use super::expr::Condition;
use super::table::Table;
use crate::decision::Outcome;
use crate::event::{Kind, Schema, TextField};
use crate::hex::hex;
use crate::money::Currency;
use crate::time::Calendar;
use rule::is_among;

/// A checked and compiled rule set.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// Its name.
    pub name: String,
    /// SHA-256 of its canonical form.
    pub hash: [u8; 32],
    /// The IANA name of its time zone.
    pub time_zone: String,
    /// The calendar of its time zone.
    pub calendar: Calendar,
    /// The currency that its amounts are in.
    pub currency: Currency,
    /// How long an event's id is remembered, by default as long as the longest window: within it a repeat is answered again and a correction finds its original.
    pub horizon_us: i64,
    /// What the gateway reports of a payment after its answer.
    pub feedback: Feedback,
    /// How long an answered payment counts as pending without a report, in microseconds; `None` as long as a window covers it.
    pub pending_us: Option<i64>,
    /// How the engine leads the dialogue with a customer; `None` where authentications are taken at their word.
    pub step_up: Option<Dialogue>,
    /// Its locks, in the order of their names.
    pub locks: Vec<Lock>,
    /// The extra fields that it declares, in the order of their names.
    pub schema: Arc<Schema>,
    /// The text fields of events that its conditions name.
    pub fields_named: BTreeSet<TextField>,
    /// Its features, in the order of their names, so that their positions do not depend on the layout of the file.
    pub features: Vec<Feature>,
    /// Its decision tables, in the order of their names.
    pub tables: Vec<Table>,
    /// Its rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// Its lists, in the order of their names.
    pub lists: Vec<ListDeclaration>,
    /// Where rates of other currencies come from; `None` where payments in those are refused.
    pub rates: Option<RatesDeclaration>,
    /// What the sum of scores means.
    pub policy: Policy,
    /// Which payments normal rules don't stop.
    pub control: Option<ControlGroup>,
    /// The files that it is made of, each after those that it extends; the last one is the file itself.
    pub packs: Vec<Pack>,
    /// The authentication methods that it names, sorted; a method's position is its bit in a requirement.
    pub methods: Vec<String>,
    /// The tags that its rules put on payments, sorted; a tag's position is its bit in [`Rule::tags`].
    pub tags: Vec<String>,
    /// What its rules oblige somebody to do, sorted; an obligation's position is its bit in [`Rule::oblige`].
    pub obligations: Vec<String>,
}

impl RuleSet {
    /// The files whose dates a payment is outside of, of those for its tenant: a bit for each, by position.
    #[inline]
    pub fn out_of_force(&self, time_us: i64, tenant: Option<&str>) -> u16 {
        let out = |pack: &Pack| !pack.in_force(time_us) && pack.is_for(tenant);
        (0..).zip(&self.packs).filter(|(_, pack)| out(pack)).fold(0, |mask, (at, _)| mask | 1_u16 << at)
    }

    /// The names of files, of which each is a bit.
    pub fn pack_names(&self, mask: u16) -> impl Iterator<Item = &str> {
        (0..).zip(&self.packs).filter(move |(at, _)| mask >> at & 1 == 1).map(|(_, pack)| pack.name.as_str())
    }

    /// How far back an event can matter to windows and corrections: the longest window, and for how long what is in it can be
    /// corrected or is pending, in microseconds. What counts for ever has no end, and is left out.
    pub fn reach_us(&self) -> i64 {
        let windows = self.features.iter().map(|feature| feature.window.span_us() + feature.delay_us);
        windows.max().unwrap_or(0) + self.horizon_us + self.pending_us.unwrap_or(0)
    }

    /// Whether events of a kind are decided: transactions, and logins where a rule looks at them.
    pub fn decides(&self, kind: Kind) -> bool {
        kind == Kind::Transaction || (kind == Kind::Login && self.rules.iter().any(|rule| rule.from == kind))
    }

    /// The tags and the obligations of these rules together, as bits.
    pub fn duties(&self, rules: &[u16]) -> (u64, u64) {
        let rules = rules.iter().filter_map(|&at| self.rules.get(usize::from(at)));
        rules.fold((0, 0), |(tags, oblige), rule| (tags | rule.tags, oblige | rule.oblige))
    }

    /// The methods that these locks lock, each a bit; locks are bits by their position.
    #[inline]
    pub fn locked_methods(&self, locks: u16) -> u64 {
        let locked = (0..).zip(&self.locks).filter(|(at, _)| locks >> at & 1 == 1);
        locked.fold(0, |methods, (_, lock)| methods | lock.methods)
    }

    /// The names of locks, of which each is a bit.
    pub fn lock_names(&self, locks: u16) -> impl Iterator<Item = &str> {
        (0..).zip(&self.locks).filter(move |(at, _)| locks >> at & 1 == 1).map(|(_, lock)| lock.name.as_str())
    }

    /// Its hash in hexadecimal, as files and control events name it.
    pub fn hash_text(&self) -> String {
        hex(self.hash)
    }
}

/// A file of a rule set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pack {
    /// Its name.
    pub name: String,
    /// What the caller calls the file.
    pub source: String,
    /// Its rules look only at payments from this time on, microseconds since 1970 UTC.
    pub valid_from_us: Option<i64>,
    /// Its rules look only at payments before this time, microseconds since 1970 UTC.
    pub valid_until_us: Option<i64>,
    /// Its rules look only at these tenants' payments, sorted; none: at all.
    pub tenants: Vec<String>,
}

impl Pack {
    /// Whether its rules look at all payments.
    pub fn is_for_all(&self) -> bool {
        self.valid_from_us.is_none() && self.valid_until_us.is_none() && self.tenants.is_empty()
    }

    /// Whether a time is within its dates.
    pub fn in_force(&self, time_us: i64) -> bool {
        self.valid_from_us.is_none_or(|from_us| from_us <= time_us)
            && self.valid_until_us.is_none_or(|until_us| time_us < until_us)
    }

    /// Whether its rules look at a tenant's payments.
    pub fn is_for(&self, tenant: Option<&str>) -> bool {
        is_among(&self.tenants, tenant)
    }
}

/// The names of a set, one a bit.
pub fn words(names: &[String], set: u64) -> Vec<String> {
    let named = names.iter().zip(0u32..).filter(|(_, bit)| set >> bit & 1 == 1);
    named.map(|(name, _)| name.clone()).collect()
}

/// What the gateway reports of a payment after its answer; what it does not is assumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Feedback {
    /// Nothing: an allowed payment counts as executed at its own time, a stepped-up one as never authenticated.
    None,
    /// How step-ups were answered: a payment counts as executed once it is allowed.
    Authentication,
    /// Also whether it was executed: until then it is pending.
    #[default]
    Execution,
}

impl Feedback {
    /// The word for it in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Authentication => "authentication",
            Self::Execution => "execution",
        }
    }
}

/// How a dialogue with a customer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dialogue {
    /// How long it is open, in microseconds.
    pub expires_us: i64,
    /// How many answers it takes.
    pub attempts: u32,
}

/// Methods that meet nothing for a key after so many failures in a row, until an event opens it again.
#[derive(Clone, Debug)]
pub struct Lock {
    /// Its name.
    pub name: String,
    /// The methods that it locks, as bits of [`RuleSet::methods`]; a failure counts that presented one of them.
    pub methods: u64,
    /// The field whose values are locked.
    pub by: KeyField,
    /// How many failures in a row lock, from 1 to 100.
    pub failures: u8,
    /// The kinds of event that may open it again for the key that they have.
    pub opens_from: Kinds,
    /// The condition on such an event, over its fields; unknown does not open.
    pub opens_where: Option<Condition>,
}

/// A list that conditions ask about. What is on it is no part of the rule set.
///
/// Two are equal that say the same, whatever file they stand in.
#[derive(Clone, Debug, Eq)]
pub struct ListDeclaration {
    /// Its name.
    pub name: String,
    /// The file of its first entries, relative to the rule file; a list without one is fed by events alone.
    pub file: Option<String>,
    /// The rule file that declares it, by position in [`RuleSet::packs`].
    pub pack: u8,
    /// The field that it is about.
    pub key: KeyField,
}

impl PartialEq for ListDeclaration {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.file, self.key) == (&other.name, &other.file, other.key)
    }
}

/// Where rates of other currencies come from. What they are is no part of the rule set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RatesDeclaration {
    /// Their file, relative to the file that declares them; without one events bring their own.
    pub file: Option<String>,
    /// What is declared of a payment that is refused for want of a rate: `StepUp` or `Block`.
    pub otherwise: Outcome,
    /// The file of the rule set that declares them, by position in its packs.
    pub pack: u8,
}

/// Payments let through where a normal rule would stop them, so that the rule's effect stays measurable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlGroup {
    /// Which keys.
    pub share: Share,
    /// Payments of more than this many minor units are never let through by it.
    pub amount_minor_max: i64,
}

/// What the sum of scores means, beside what rules demand outright.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The score from which a payment is stepped up.
    pub step_up_at: Option<i64>,
    /// The score from which it is blocked.
    pub block_at: Option<i64>,
    /// The requirement of a step-up that the score alone, or a rule without one of its own, asks for.
    pub auth: Vec<u64>,
}

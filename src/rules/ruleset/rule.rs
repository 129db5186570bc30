//! Rules: when they fire, whose word they are, and what follows.

use super::fields::KeyField;
use crate::decision::Outcome;
use crate::event::Kind;
use crate::rules::expr::Condition;

/// A condition with what follows from it.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// The kind of event that it looks at: `Transaction` or `Login`.
    pub from: Kind,
    /// When it fires.
    pub when: Condition,
    /// The condition as the file has it.
    pub text: String,
    /// What an unknown condition means.
    pub on_unknown: OnUnknown,
    /// What it asks for outright; `None` where only its score counts.
    pub then: Option<Action>,
    /// The requirement of a step-up, as sets of methods (see [`crate::decision::Requirement`]).
    pub auth: Vec<u64>,
    /// What it adds to the score; may be negative.
    pub score: i64,
    /// The reason for the operator, by language code.
    pub reason: Vec<(String, String)>,
    /// A code of the neutral catalogue that tells the customer what to do.
    pub customer: Option<String>,
    /// The features that its condition reads, itself or through tables and ratios, as positions, ascending.
    pub reads: Vec<u16>,
    /// The tables that its condition reads, itself or through other tables, as positions, ascending.
    pub tables: Vec<u16>,
    /// Whose word it is.
    pub tier: Tier,
    /// What it does when it fires.
    pub mode: Mode,
    /// It looks only at payments from this time on, microseconds since 1970 UTC.
    pub valid_from_us: Option<i64>,
    /// It looks only at payments before this time, microseconds since 1970 UTC.
    pub valid_until_us: Option<i64>,
    /// It looks only at this share of payments.
    pub rollout: Option<Share>,
    /// The rules that it lets through, as positions, ascending; only of an override.
    pub overrides: Vec<u16>,
    /// When it is to be taken for a mistake.
    pub breaker: Option<Breaker>,
    /// What it marks a payment with, as bits of [`RuleSet::tags`](super::RuleSet::tags).
    pub tags: u64,
    /// What it obliges somebody to do, as bits of [`RuleSet::obligations`](super::RuleSet::obligations).
    pub oblige: u64,
    /// Where the law says so.
    pub legal: Option<String>,
    /// The tenants whose payments it looks at, sorted; none: all.
    pub tenants: Vec<String>,
    /// The file that it stands in, by position in [`RuleSet::packs`](super::RuleSet::packs).
    pub pack: u8,
    /// All that says whether it fires, for whoever keeps on what it did.
    #[cfg(feature = "backtest")]
    pub firing: super::Firing,
}

impl Rule {
    /// Whether it looks at a tenant's payments.
    #[inline]
    pub fn is_for(&self, tenant: Option<&str>) -> bool {
        is_among(&self.tenants, tenant)
    }
}

/// Whether a tenant is among these; none are all.
pub(super) fn is_among(tenants: &[String], tenant: Option<&str>) -> bool {
    tenants.is_empty() || tenant.is_some_and(|tenant| tenants.iter().any(|held| held == tenant))
}

/// What a rule asks for outright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An outcome, `StepUp` or `Block`.
    Outcome(Outcome),
    /// A person should look.
    Alert,
}

/// What an unknown condition means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// The rule does not fire.
    #[default]
    Silent,
    /// The rule fires.
    Fires,
}

/// Whose word a rule is, from strongest to weakest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// The law's: nothing takes it back, and its unknown condition fires.
    Mandatory,
    /// An exception: lets through what normal rules that it names would stop, until a date.
    Override,
    /// The house's own.
    #[default]
    Normal,
}

impl Tier {
    /// The word for it in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mandatory => "mandatory",
            Self::Override => "override",
            Self::Normal => "normal",
        }
    }
}

/// What a rule that fires does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It acts.
    #[default]
    Live,
    /// It is recorded, and changes nothing.
    Shadow,
    /// It is not looked at.
    Off,
}

impl Mode {
    /// The word for it in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Shadow => "shadow",
            Self::Off => "off",
        }
    }
}

/// A share of all keys, chosen by a stable hash: the same key is always in or always out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Millionths.
    pub ppm: u32,
    /// The field that is hashed.
    pub by: KeyField,
}

/// A ceiling on a rule's share of decisions; past it the rule acts as though it were in shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// The ceiling in millionths.
    pub ppm_max: u32,
    /// The window over which the share is taken, in microseconds.
    pub over_us: i64,
    /// With fewer decisions than this in the window it never trips.
    pub decisions_min: u32,
}

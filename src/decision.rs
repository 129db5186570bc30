//! Decisions: what the engine answers to a transaction.
//!
//! Rules, features and methods are numbers into the rule set that decided, so that a decision is made and
//! stored without touching text. Must never know how it is written.

use std::cmp::Ordering;

use crate::rates::Conversion;

/// What is to happen with the payment, from weakest to strongest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// Let it through.
    #[default]
    Allow,
    /// Ask the customer for a stronger authentication.
    StepUp,
    /// Stop it.
    Block,
}

impl Outcome {
    /// Every outcome, weakest first.
    pub const ALL: [Self; 3] = [Self::Allow, Self::StepUp, Self::Block];

    /// The word for it in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::StepUp => "step_up",
            Self::Block => "block",
        }
    }

    /// The outcome of a word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// How far a feature's value can be trusted, from best to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Quality {
    /// All that the window covers was taken in, in order.
    #[default]
    Exact,
    /// Exact, and late, reversed or otherwise corrected events are part of it.
    Corrected,
    /// The feature began later than its window: what it covers of the time before is missing. Unknown to conditions.
    Warming,
    /// What left the window is still in the value: it waits for the disk, or for its turn. Unknown to conditions.
    Behind,
    /// What the window covers of the key was given up for want of room. Unknown to conditions.
    Evicted,
}

impl Quality {
    /// Every quality, in declaration order.
    pub const ALL: [Self; 5] = [Self::Exact, Self::Corrected, Self::Warming, Self::Behind, Self::Evicted];

    /// Whether a value of it is what the window covers, to the last unit.
    #[inline]
    pub const fn is_exact(self) -> bool {
        matches!(self, Self::Exact | Self::Corrected)
    }

    /// The word for it in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Corrected => "corrected",
            Self::Warming => "warming",
            Self::Behind => "behind",
            Self::Evicted => "evicted",
        }
    }
}

/// The value of a feature.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Value {
    /// There is none: no key, no past, or an overflow.
    #[default]
    Null,
    /// Is-new.
    Boolean(bool),
    /// A count, money in minor units, or a duration in microseconds.
    Whole(i64),
    /// A mean or a deviation, in the unit of what it is taken of.
    Decimal(f64),
}

/// A feature's value with its quality, as rules saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// The value.
    pub value: Value,
    /// Its quality.
    pub quality: Quality,
}

impl Reading {
    /// The value that a condition may go by: null where its quality leaves it unknown.
    #[inline]
    pub fn known(self) -> Value {
        if self.quality.is_exact() { self.value } else { Value::Null }
    }
}

/// Which authentication methods must be met: all of (any of ...). A set bit is a method of the rule set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Requirement {
    /// Each set must be met by one of its methods. Sorted; none contains another.
    any_of: Vec<u64>,
}

impl Requirement {
    /// Nothing is required.
    pub const fn none() -> Self {
        Self { any_of: Vec::new() }
    }

    /// The sets, each a bit mask of methods.
    pub fn any_of(&self) -> &[u64] {
        &self.any_of
    }

    /// Forgets all, keeping the buffer.
    pub fn clear(&mut self) {
        self.any_of.clear();
    }

    /// Asks for one of `methods` besides. A set that another one's fulfilment already meets is left out.
    pub fn join(&mut self, methods: u64) {
        if self.any_of.iter().any(|&held| held & !methods == 0) {
            return;
        }
        self.any_of.retain(|&held| methods & !held != 0);
        let at = self.any_of.partition_point(|&held| held < methods);
        self.any_of.insert(at, methods);
    }

    /// What is met wherever one of the two is.
    #[must_use]
    pub fn either(&self, other: &Self) -> Self {
        let mut either = Self::none();
        for one in &self.any_of {
            other.any_of.iter().for_each(|another| either.join(one | another));
        }
        either
    }

    /// Whether what meets this meets the other too.
    pub fn implies(&self, other: &Self) -> bool {
        other.any_of.iter().all(|&wide| self.any_of.iter().any(|&narrow| narrow & !wide == 0))
    }
}

/// An outcome, and what it asks of the customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// The outcome.
    pub outcome: Outcome,
    /// The authentication required; empty unless stepped up, and where any would do.
    pub requirement: Requirement,
}

impl Demand {
    /// An outcome that requires nothing particular.
    pub const fn of(outcome: Outcome) -> Self {
        Self { outcome, requirement: Requirement::none() }
    }

    /// Asks for what another demand asks for as well.
    pub fn join(&mut self, other: &Self) {
        if other.outcome > self.outcome {
            self.clone_from(other);
        } else if other.outcome == self.outcome {
            other.requirement.any_of().iter().for_each(|&methods| self.requirement.join(methods));
        }
    }

    /// What is asked for wherever one of the two is.
    #[must_use]
    pub fn either(&self, other: &Self) -> Self {
        match self.outcome.cmp(&other.outcome) {
            Ordering::Less => self.clone(),
            Ordering::Greater => other.clone(),
            Ordering::Equal => {
                Self { outcome: self.outcome, requirement: self.requirement.either(&other.requirement) }
            }
        }
    }
}

/// An outcome that normal rules asked for and that the control group withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// What would have happened.
    pub outcome: Outcome,
    /// The chance of being in the group, in millionths: one over it is the payment's weight in a measurement.
    pub ppm: u32,
}

/// Where the dialogue with a customer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepUp {
    /// Its number, which an answer may name.
    pub id: u64,
    /// From when on an answer comes too late, microseconds since 1970 UTC.
    pub expires_us: i64,
    /// How many answers are left.
    pub attempts_left: u32,
}

/// Why a payment is blocked that rules only wanted stepped up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stopped {
    /// The customer's attempts are used up.
    Attempts,
    /// As many dialogues are open as may be.
    Full,
    /// It can't be met without locked methods, and these are locked because the payment has no key to ask the lock by.
    Keyless,
}

impl Stopped {
    /// Every reason, in declaration order.
    pub const ALL: [Self; 3] = [Self::Attempts, Self::Full, Self::Keyless];

    /// The word for it in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attempts => "attempts",
            Self::Full => "step_ups_full",
            Self::Keyless => "no_lock_key",
        }
    }
}

/// The answer to one transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// What is to happen.
    pub outcome: Outcome,
    /// A person should look; the outcome is untouched.
    pub alert: bool,
    /// Sum of the scores of the rules that fired.
    pub score: i64,
    /// The authentication required, joined over all rules that fired; empty unless stepped up, or that was `met`.
    pub requirement: Requirement,
    /// Whether the methods presented so far meet the requirement: what rules wanted stepped up is then allowed.
    pub met: bool,
    /// The sets of the requirement that are not met yet, where another one is.
    pub missing: Requirement,
    /// The dialogue that this opens or goes on with, where the rule set leads it.
    pub step_up: Option<StepUp>,
    /// Why it is blocked, where no rule wanted that.
    pub stopped: Option<Stopped>,
    /// What the engine itself came to, where the payment had been answered before it saw it.
    pub own: Option<Outcome>,
    /// The locks without whose methods what is required can't be met, so that it is blocked: a bit for each, by position.
    pub locked: u16,
    /// The rules that fired and acted, as positions in the rule set, ascending.
    pub fired: Vec<u16>,
    /// The rules in shadow that would have fired, ascending.
    pub shadow: Vec<u16>,
    /// The rules that fired and were overridden, ascending.
    pub overridden: Vec<u16>,
    /// The rules that fired and whose breaker kept them from acting, ascending.
    pub tripped: Vec<u16>,
    /// What the control group let through.
    pub withheld: Option<Withheld>,
    /// The files of the rule set whose dates the payment is outside of: a bit for each, by position.
    pub out_of_force: u16,
    /// What was made of the amount, where it was in another currency.
    pub converted: Option<Conversion>,
    /// Which row of a table held, by table: those that the fired rules read, or all. The row after the last is
    /// `else`; `None` is an unknown value.
    pub tables: Vec<(u16, Option<u16>)>,
    /// The rule set that decided, by the order in which they became active in this engine.
    pub rule_set: u32,
    /// The features recorded, as positions in the rule set, ascending: those that the fired rules read, or all.
    pub features: Vec<(u16, Reading)>,
}

impl Decision {
    /// Forgets all, keeping the buffers.
    pub fn clear(&mut self) {
        self.outcome = Outcome::Allow;
        self.alert = false;
        self.score = 0;
        self.requirement.clear();
        self.met = false;
        self.missing.clear();
        (self.step_up, self.stopped, self.own, self.locked) = (None, None, None, 0);
        for rules in [&mut self.fired, &mut self.shadow, &mut self.overridden, &mut self.tripped] {
            rules.clear();
        }
        self.withheld = None;
        self.out_of_force = 0;
        self.converted = None;
        self.tables.clear();
        self.rule_set = 0;
        self.features.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_requirements_leave_out_what_is_implied() {
        let mut joined = Requirement::none();
        joined.join(0b0110);
        joined.join(0b0111);
        assert_eq!(joined.any_of(), [0b0110], "a wider choice is met by the narrower");
        joined.join(0b1000);
        joined.join(0b0010);
        assert_eq!(joined.any_of(), [0b0010, 0b1000], "a narrower choice replaces the wider");
    }
}

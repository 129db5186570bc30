//! What a rule file compiles to: plain data that the engine reads.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::expr::Condition;
use super::table::Table;
use crate::decision::Outcome;
use crate::event::{ExtraType, Kind, Schema, TextField};
use crate::hex::hex;
use crate::money::Currency;
use crate::time::{Calendar, DAY_US};

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

impl Rule {
    /// Whether it looks at a tenant's payments.
    #[inline]
    pub fn is_for(&self, tenant: Option<&str>) -> bool {
        is_among(&self.tenants, tenant)
    }
}

/// Whether a tenant is among these; none are all.
fn is_among(tenants: &[String], tenant: Option<&str>) -> bool {
    tenants.is_empty() || tenant.is_some_and(|tenant| tenants.iter().any(|held| held == tenant))
}

/// The names of a set, one a bit.
pub fn words(names: &[String], set: u64) -> Vec<String> {
    let named = names.iter().zip(0u32..).filter(|(_, bit)| set >> bit & 1 == 1);
    named.map(|(name, _)| name.clone()).collect()
}

/// What a feature computes over the events that contribute to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// How many.
    Count,
    /// The sum of a field.
    Sum(NumberField),
    /// The arithmetic mean of a field; null without values.
    Mean(NumberField),
    /// The least value of a field.
    Min(NumberField),
    /// The greatest value of a field.
    Max(NumberField),
    /// The sample standard deviation of a field; null under two values.
    Deviation(NumberField),
    /// How many distinct values of a field.
    Distinct(KeyField),
    /// Whether none contributed before this event.
    IsNew,
    /// Microseconds since the latest one before this event; null where there is none.
    Since,
    /// The value of a field in the oldest one, by own time and then by arrival; null without values.
    First(NumberField),
    /// The value of a field in the newest one; null without values.
    Last(NumberField),
    /// The value of a field in the second newest one; null under two values.
    Previous(NumberField),
    /// The value of a field that this share of values, in millionths, is at or below; off by at most 1/256 of itself,
    /// null without values.
    Quantile(NumberField, u32),
    /// How many sample deviations this event's own value of a field is above the mean; null under two values, where
    /// the deviation is 0, and without a value of its own.
    ZScore(NumberField),
    /// Kilometres per hour from the newest one's place to this event's own; null without both, and where no time passed.
    Speed {
        /// Degrees north.
        latitude: DegreeField,
        /// Degrees east.
        longitude: DegreeField,
    },
    /// Whether this event's own value of a field differs from that of the newest one before it; null without either.
    Changed(KeyField),
    /// One value over another; null where either is, or the other is 0.
    Ratio {
        /// What is divided.
        of: Operand,
        /// The feature that it is divided by, by position in the rule set.
        to: usize,
    },
}

impl Aggregate {
    /// The number field of the contributing events whose values it takes.
    pub const fn number(self) -> Option<NumberField> {
        match self {
            Self::Sum(field)
            | Self::Mean(field)
            | Self::Min(field)
            | Self::Max(field)
            | Self::Deviation(field)
            | Self::First(field)
            | Self::Last(field)
            | Self::Previous(field)
            | Self::Quantile(field, _)
            | Self::ZScore(field) => Some(field),
            Self::Count
            | Self::Distinct(_)
            | Self::Changed(_)
            | Self::IsNew
            | Self::Since
            | Self::Speed { .. }
            | Self::Ratio { .. } => None,
        }
    }

    /// The text field of the contributing events whose values it takes.
    pub const fn text(self) -> Option<KeyField> {
        match self {
            Self::Distinct(field) | Self::Changed(field) => Some(field),
            _ => None,
        }
    }

    /// Whether it holds the event being scored against those before it, so that it is of an event and not of a key alone.
    pub const fn is_of_an_event(self) -> bool {
        matches!(self, Self::ZScore(_) | Self::Speed { .. } | Self::Changed(_) | Self::Ratio { .. })
    }

    /// The features that it is made of, by position in the rule set: those of a ratio.
    pub fn parts(self) -> impl Iterator<Item = usize> {
        let (of, to) = match self {
            Self::Ratio { of: Operand::Feature(of), to } => (Some(of), Some(to)),
            Self::Ratio { of: Operand::Field(_), to } => (None, Some(to)),
            _ => (None, None),
        };
        of.into_iter().chain(to)
    }
}

/// What a ratio divides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A field of the event being scored.
    Field(NumberField),
    /// A feature, by position in the rule set.
    Feature(usize),
}

/// A field with degrees of latitude or longitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DegreeField {
    /// The event's own latitude.
    Latitude,
    /// The event's own longitude.
    Longitude,
    /// An extra field of type decimal, by position in the schema.
    Extra(usize),
}

impl DegreeField {
    /// Its name in a rule file.
    pub fn name(self, schema: &Schema) -> &str {
        match self {
            Self::Latitude => "latitude",
            Self::Longitude => "longitude",
            Self::Extra(position) => extra_name(schema, position),
        }
    }
}

/// A field that can be summed and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NumberField {
    /// The event's amount, in minor units.
    Amount,
    /// An extra field of type integer, money, time or duration, by position in the schema.
    Extra(usize),
}

/// A field that can be a key, or counted as distinct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyField {
    /// A text field of every event.
    Text(TextField),
    /// An extra field of type text, by position in the schema.
    Extra(usize),
}

impl NumberField {
    /// Its name in a rule file.
    pub fn name(self, schema: &Schema) -> &str {
        match self {
            Self::Amount => "amount",
            Self::Extra(position) => extra_name(schema, position),
        }
    }
}

impl KeyField {
    /// Its name in a rule file.
    pub fn name(self, schema: &Schema) -> &str {
        match self {
            Self::Text(field) => field.name(),
            Self::Extra(position) => extra_name(schema, position),
        }
    }
}

fn extra_name(schema: &Schema, position: usize) -> &str {
    schema.fields().get(position).map_or("", |(name, _)| name)
}

/// The part of the past that a feature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Window {
    /// `(now - length, now]`.
    Sliding {
        /// Its length in microseconds, positive.
        length_us: i64,
    },
    /// Since midnight in the rule set's time zone.
    Day,
    /// Since the first of the month in the rule set's time zone.
    Month,
    /// All of the past.
    Forever,
}

impl Window {
    /// The longest that it can be, in microseconds; 0 where it has no end.
    pub fn span_us(self) -> i64 {
        match self {
            Self::Sliding { length_us } => length_us,
            // The longest day has 25 hours, the longest month 31 days and an hour.
            Self::Day => DAY_US + DAY_US / 24,
            Self::Month => 31 * DAY_US + DAY_US / 24,
            Self::Forever => 0,
        }
    }
}

/// Which payments contribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counts {
    /// All that asked.
    Asked,
    /// Those answered `allow`, or stepped up and then authenticated; a failed execution takes it back.
    Allowed,
    /// Those that were executed, at the time of their execution.
    Executed,
}

/// What a transaction turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Label {
    /// Fraud.
    Fraud,
    /// Genuine.
    Genuine,
}

impl Label {
    /// The word for it in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fraud => "fraud",
            Self::Genuine => "genuine",
        }
    }
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

/// What empties a feature for a key, after its own event's contribution.
#[derive(Clone, Debug)]
pub struct Reset {
    /// The kinds of event that may.
    pub from: Kinds,
    /// Whether a transaction does so only when it is executed, and not when it comes. Its condition is looked at when it is
    /// allowed.
    pub on_execution: bool,
    /// The condition on such an event, over its fields; unknown does not reset.
    pub condition: Option<Condition>,
    /// The tables that its condition reads, as positions, ascending: it then acts after deciding, by transactions alone.
    pub tables: Vec<u16>,
    /// The lists that its condition asks, as positions, ascending.
    pub lists: Vec<u16>,
}

/// A set of event kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kinds(u16);

impl Kinds {
    /// Transactions and observed money: what a feature is fed from unless it says otherwise.
    pub const PAYMENTS: Self = Self(1 << Kind::Transaction as u16 | 1 << Kind::Observed as u16);

    /// Transactions alone: what rules are asked of.
    pub const TRANSACTIONS: Self = Self(1 << Kind::Transaction as u16);

    /// The set with `kind` in it.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u16)
    }

    /// Whether all of it is in `other`.
    pub const fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether `kind` is in it.
    #[inline]
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 >> kind as u16 & 1 == 1
    }
}

/// A named value known when a transaction is scored.
#[derive(Clone, Debug)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// SHA-256 of its whole definition but for its name: features with equal hashes have equal values.
    pub hash: [u8; 32],
    /// What it computes.
    pub aggregate: Aggregate,
    /// The fields under which contributions are filed; one or more.
    pub by: Vec<KeyField>,
    /// The fields of the event being scored by which it is read; as many as `by`, and equal to it unless the file says `at`.
    pub at: Vec<KeyField>,
    /// The kinds of event that contribute.
    pub from: Kinds,
    /// The condition on a contributing event, over its fields; unknown does not contribute.
    pub condition: Option<Condition>,
    /// The part of the past that it covers.
    pub window: Window,
    /// Which payments contribute.
    pub counts: Counts,
    /// With [`Counts::Executed`]: whether a payment counts from its answer on, until it is executed or fails.
    pub pending: bool,
    /// Over a day or a month with `pending`: how long a payment can be, in microseconds, where that has an end. What is
    /// pending then counts whatever day it is of, for so long at most.
    pub in_flight_us: Option<i64>,
    /// Where it counts only payments that were labelled so, at their own time.
    pub label: Option<Label>,
    /// How long before now its window ends, in microseconds; 0 for now.
    pub delay_us: i64,
    /// What empties it.
    pub reset: Option<Reset>,
    /// Whether the event being scored is part of the value; it then counts as though it were allowed.
    pub current: bool,
    /// The type of its value, as rules see it; `Boolean`, `Integer`, `Decimal`, `Money`, `Duration` or `Time`.
    pub ty: ExtraType,
    /// The tables that its condition reads, itself or through other tables, as positions, ascending: it is then
    /// fed after deciding, by transactions alone.
    pub tables: Vec<u16>,
    /// The lists that its condition asks, as positions, ascending.
    pub lists: Vec<u16>,
    /// Whether its keys are those of all tenants; otherwise each tenant has its own. The values that it counts as
    /// distinct are each tenant's own anyway.
    pub across: bool,
    /// Whether a rule needs it.
    pub used: bool,
}

/// What a feature's value depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stratum {
    /// On events alone: it can be computed apart from decisions.
    EventFed,
    /// On what was decided before: only the engine can compute it.
    DecisionFed,
}

impl Stratum {
    /// The word for it in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventFed => "event-fed",
            Self::DecisionFed => "decision-fed",
        }
    }
}

impl Feature {
    /// What its value depends on. Only transactions are decided: what other events bring counts as it comes.
    pub fn stratum(&self) -> Stratum {
        match self.counts {
            _ if !self.tables.is_empty() => Stratum::DecisionFed,
            _ if self.reset.as_ref().is_some_and(|reset| reset.on_execution || !reset.tables.is_empty()) => {
                Stratum::DecisionFed
            }
            Counts::Allowed | Counts::Executed if self.from.contains(Kind::Transaction) => {
                Stratum::DecisionFed
            }
            Counts::Allowed | Counts::Executed | Counts::Asked => Stratum::EventFed,
        }
    }

    /// Whether a condition of it reads what only its own rule set knows, such as where a list stands or which row of a table holds.
    pub fn is_bound(&self) -> bool {
        let reset =
            self.reset.as_ref().is_some_and(|reset| !reset.tables.is_empty() || !reset.lists.is_empty());
        reset || !self.tables.is_empty() || !self.lists.is_empty()
    }

    /// Whether it is computed from other features, and kept by no ledger.
    pub fn is_ratio(&self) -> bool {
        matches!(self.aggregate, Aggregate::Ratio { .. })
    }
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

/// Payments let through where a normal rule would stop them, so that the rule's effect stays measurable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlGroup {
    /// Which keys.
    pub share: Share,
    /// Payments of more than this many minor units are never let through by it.
    pub amount_minor_max: i64,
}

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
    /// What it marks a payment with, as bits of [`RuleSet::tags`].
    pub tags: u64,
    /// What it obliges somebody to do, as bits of [`RuleSet::obligations`].
    pub oblige: u64,
    /// Where the law says so.
    pub legal: Option<String>,
    /// The tenants whose payments it looks at, sorted; none: all.
    pub tenants: Vec<String>,
    /// The file that it stands in, by position in [`RuleSet::packs`].
    pub pack: u8,
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

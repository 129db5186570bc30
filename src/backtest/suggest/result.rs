//! What was suggested, as plain data: what `suggest.json` holds.
//!
//! Promises that each figure is there for both sides of the split, that those which hold come first, and that all of them were taken by the
//! engine over all payments, whatever the search looked at. Money is in minor units, a share of nothing is null. Must never know how it
//! is looked at.

use serde::{Deserialize, Serialize};

use crate::backtest::report::{Data, PassRate};
use crate::backtest::sweep::result::{Costs, Known, MeasuredTime};

/// Suggestions as they are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuggestReport {
    /// The version of this program.
    pub weir: String,
    /// The semantic version of the engine.
    pub engine: String,
    /// The command that gives it again.
    pub command: String,
    /// The data set.
    pub data: Data,
    /// The name of the rule set.
    pub name: String,
    /// Its file, as it was given.
    pub file: String,
    /// SHA-256 of its canonical form as it is, in hexadecimal.
    pub hash: String,
    /// What was assumed and asked for.
    pub asked: SuggestAskedFor,
    /// What was found.
    #[serde(flatten)]
    pub suggested: Suggested,
}

/// What was assumed and asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuggestAskedFor {
    /// What a missed fraud weighs.
    pub objective: Weighs,
    /// Rules at most.
    pub rules_max: usize,
    /// Conditions of a rule at most.
    pub conditions_max: usize,
    /// The precision that a rule must have.
    pub precision_min: f64,
    /// Accounts of which a rule must catch frauds that none before it catches.
    pub accounts_min: usize,
    /// The share of the measured time that is searched; the rest is held out.
    pub split: f64,
    /// The share of genuine customers who pass a step-up.
    pub genuine_pass: f64,
    /// The share of frauds that pass one, where no kind says otherwise.
    pub fraud_pass: f64,
    /// The same by kind of fraud.
    pub fraud_pass_by_kind: Vec<PassRate>,
    /// What bothering people costs.
    pub costs: Costs,
    /// Replicates of the bootstrap.
    pub replicates: u32,
    /// What it draws from.
    pub seed: u64,
}

/// What a missed fraud weighs in the search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighs {
    /// As much as any other.
    #[default]
    Frauds,
    /// Its money.
    Value,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suggested {
    /// The method, and where it is published.
    pub method: String,
    /// SHA-256 of the canonical form of the rule set with the suggestions in it, in hexadecimal; none where nothing was suggested.
    pub suggested_hash: Option<String>,
    /// What the file of suggestions extends, as it says so; where it can't extend the rule file, none: it is a part to be put behind that.
    pub extends: Option<String>,
    /// Why it can't, where it is a part.
    pub why_a_part: Option<String>,
    /// When was measured.
    pub measured: MeasuredTime,
    /// What was searched.
    pub searched: Searched,
    /// The part that was searched.
    pub tuning: LetThrough,
    /// The part that was held out.
    pub held_out: LetThrough,
    /// Those that hold, and then those that don't; each part in the order in which they were found.
    pub proposals: Vec<Proposal>,
}

/// What was searched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Searched {
    /// The features and fields that a condition could be about.
    pub names: Vec<String>,
    /// Those with too many values to be told apart.
    pub given_up: Vec<String>,
    /// Conditions that were joined.
    pub tests: u64,
    /// Missed frauds: all that there are on the side of the tuning.
    pub frauds: u64,
    /// Genuine payments that were let through.
    pub genuine: u64,
    /// Of all such, the share that is; drawn by their ids.
    pub genuine_share: f64,
}

/// What there was on one side, and what the rule set let through of it: neither stepped up nor blocked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LetThrough {
    /// All payments.
    pub known: Known,
    /// Payments that were let through.
    pub payments: u64,
    /// Of these, known frauds, weighted: those that were missed.
    pub frauds: f64,
    /// Known genuine ones, weighted.
    pub genuine: f64,
    /// The value of the missed frauds, weighted.
    pub fraud_value_minor: f64,
    /// Frauds of the known ones among them: the precision of a rule that fires by chance.
    pub base_rate: Option<f64>,
}

/// A rule that is suggested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its id.
    pub id: String,
    /// Its condition, as the file has it.
    pub when: String,
    /// What that is joined of.
    pub conditions: Vec<Part>,
    /// Weighted relative accuracy on what was searched, with what the suggestions before it left of the frauds.
    pub accuracy: f64,
    /// Whether it does on the side that was held out what it promised.
    pub holds: bool,
    /// Why it does not.
    pub why_not: Option<WhyNot>,
    /// On the side that was searched.
    pub tuning: ProposalFigures,
    /// On the other.
    pub held_out: ProposalFigures,
    /// Where the middle 95 % of replicates have the precision held out; none without a bootstrap, or where they all say the same.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// The other rules that fire on payments on which it fires, over all of the measured time: those of the rule set as they stand there,
    /// then the other suggestions as they were found.
    pub overlap: Vec<Together>,
}

/// A part of a condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The feature or field that it is about.
    pub name: String,
    /// How it is held against the value.
    pub is: Holds,
    /// The value, as the rule file would write it, without quotes.
    pub value: String,
    /// What that is.
    pub kind: ValueKind,
    /// The parameter that has it; none where it is a text or a truth.
    pub param: Option<String>,
}

/// How a value is held against another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// It is no less.
    AtLeast,
    /// It is no more.
    AtMost,
    /// It is the same.
    Equal,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueKind {
    /// An amount in the rule set's currency.
    Money,
    /// A duration.
    Duration,
    /// A number.
    Number,
    /// A text.
    Text,
    /// True or false.
    Truth,
}

/// Why a suggestion does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyNot {
    /// Held out, it flags nothing of which anybody knows what it was.
    NothingKnown,
    /// Held out, it is less precise than was asked for.
    Imprecise,
    /// Its range has the share of frauds in it that a rule finds by chance.
    Chance,
    /// Held out, the frauds that it catches are of one account.
    OneAccount,
}

/// What a suggestion would add on one side, were it a step-up: payments on which it fires and that the rule set lets through. Words are those
/// of a backtest's figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProposalFigures {
    /// Payments on which it fires, whatever becomes of them.
    pub fired: u64,
    /// Of those, the ones that it would stop and that nothing else does.
    pub flagged: u64,
    /// The same a day.
    pub flagged_a_day: Option<f64>,
    /// Of the flagged, known frauds, weighted: all of them are missed without it.
    pub frauds: f64,
    /// Of the flagged, known to be genuine, weighted.
    pub genuine: f64,
    /// Of the flagged, unknown.
    pub unknown: u64,
    /// Known of the flagged, unweighted.
    pub coverage: Option<f64>,
    /// Frauds of the known among the flagged.
    pub precision: Option<f64>,
    /// Flagged of the frauds that are missed without it.
    pub recall_missed: Option<f64>,
    /// Flagged of all known frauds.
    pub recall: Option<f64>,
    /// Value of the frauds.
    pub value_flagged_minor: f64,
    /// How much of that would not go through: the share that does not pass a step-up.
    pub value_caught_minor: f64,
    /// How much of the genuine value would not go through.
    pub value_lost_minor: f64,
    /// Customers with at least one known genuine payment that it flags.
    pub customers_bothered: u64,
    /// By how much the cost of the rule set would change; below 0 it would be cheaper with it.
    pub cost_minor: f64,
    /// Frauds that no other suggestion flags, weighted.
    pub frauds_alone: f64,
    /// Genuine payments that no other suggestion flags, weighted.
    pub genuine_alone: f64,
}

/// Another rule that fires on the same payments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Together {
    /// Its id.
    pub rule: String,
    /// Whether it is a suggestion, too.
    pub suggested: bool,
    /// Payments on which both fire.
    pub payments: u64,
    /// Known frauds among them.
    pub frauds: u64,
}

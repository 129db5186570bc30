//! What a backtest found, as `report.json` has it: every figure that any picture or table of it shows.
//!
//! Promises that the HTML report, the terminal's summary and the JSON say the same, since all are made of this. Money is in minor
//! units of the rule set's currency, times are microseconds since 1970 UTC, shares are from 0 to 1; what can't be said (a precision
//! of nothing) is `null`. Must never know how it is shown, nor an event.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::sweep::result::SweepReport;

/// A whole backtest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of the program.
    pub weir: String,
    /// The engine's semantic version.
    pub engine: String,
    /// The command that gives this report again.
    pub command: String,
    /// What it ran over.
    pub data: Data,
    /// How payments that were stopped are treated.
    pub what_if: WhatIf,
    /// What was measured, and what was left out of it.
    pub measured: Measured,
    /// The rule set that is tried.
    pub rules: RulesRun,
    /// The one that it is held against.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub against: Option<RulesRun>,
    /// What is otherwise under the one than under the other.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub changes: Option<Changes>,
    /// The sweep from which either comes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sweep: Option<SweepReport>,
}

/// The data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// Its name.
    pub name: String,
    /// What it is, in a sentence.
    pub about: String,
    /// SHA-256 over its manifest and the bytes of its files, in hexadecimal.
    pub sha256: String,
    /// Its files, in the order in which they are read.
    pub files: Vec<DataFile>,
    /// The IANA name of the time zone in which days and months are told.
    pub time_zone: String,
    /// The ISO 4217 code of the currency in which money is told, the rule set's.
    pub currency: String,
    /// Decimals of the currency's minor unit.
    pub decimals: u8,
    /// Events read.
    pub events: u64,
    /// Events of each kind.
    pub kinds: Vec<Counted>,
    /// Rows that are no event, by reason.
    pub bad_rows: Vec<Counted>,
    /// Events that the engine refused, by reason.
    pub refused: Vec<Counted>,
    /// Events that came again.
    pub repeated: u64,
    /// The first event's time; `None` where there is none.
    pub first_us: Option<i64>,
    /// The last event's time.
    pub last_us: Option<i64>,
}

/// A file of a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// As the manifest names it.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// How many of something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Of what.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// How payments that rules stop are treated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhatIf {
    /// `observed`: the state is as it happened. `simulated`: what is blocked does not happen, and what is stepped up only in part.
    pub mode: Mode,
    /// The share of genuine customers who pass a step-up.
    pub genuine_pass: f64,
    /// The share of fraudulent payments that pass a step-up, where no kind says otherwise.
    pub fraud_pass: f64,
    /// The same by kind of fraud: the victim of a scam authenticates.
    pub fraud_pass_by_kind: Vec<PassRate>,
    /// What its chances are drawn from.
    pub seed: u64,
    /// Payments that did not happen because the rules stopped them; 0 where observed.
    pub prevented: u64,
    /// Later events about those, which were left out with them.
    pub left_out: u64,
}

/// How the state of a backtest goes on after a payment that is stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// As it happened.
    #[default]
    Observed,
    /// As it would have happened.
    Simulated,
}

/// The share of a kind of fraud that passes a step-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassRate {
    /// The kind of fraud, in the labeller's words.
    pub kind: String,
    /// The share.
    pub share: f64,
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Nothing before this time is measured: the longest window is not warm.
    pub from_us: Option<i64>,
    /// Nothing from this time on is measured: its labels are not mature.
    pub until_us: Option<i64>,
    /// How long windows were let warm, microseconds.
    pub warm_us: i64,
    /// How long a label takes to be mature, microseconds.
    pub mature_us: i64,
    /// Payments decided before the measured time.
    pub warming: u64,
    /// Payments decided after it.
    pub immature: u64,
    /// Payments measured.
    pub payments: u64,
    /// Of those, known to be fraud.
    pub frauds: u64,
    /// Those by kind, in the labeller's words; `(none)` where nobody said one.
    pub fraud_kinds: Vec<Counted>,
    /// Known to be genuine.
    pub genuine: u64,
    /// Of which nothing is known.
    pub unknown: u64,
    /// Payments that stand for others (a control group's).
    pub weighted: u64,
    /// The known frauds, weighted: what recall is a share of.
    pub frauds_weighted: f64,
    /// Their value, weighted.
    pub fraud_value_minor: f64,
}

/// A rule set, and how it did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RulesRun {
    /// Its name.
    pub name: String,
    /// Its file, as it was given.
    pub file: String,
    /// SHA-256 of its canonical form, in hexadecimal.
    pub hash: String,
    /// How it did.
    pub result: Evaluation,
}

/// How a rule set did on the measured payments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// All that is stopped or alerted.
    pub overall: Figures,
    /// `step_up`, `block` and `alert`, in this order; each payment counts under each that it has.
    pub outcomes: Vec<Named>,
    /// What the law's rules step up and block, and what the others do beyond the law: `law_step_up`, `law_block`, `risk_step_up`,
    /// `risk_block`.
    pub reasons: Vec<Named>,
    /// Rules, in the order of the rule set.
    pub rules: Vec<RuleFigures>,
    /// How often two rules fire on the same payment.
    pub overlap: Overlap,
    /// By `month`, `portal`, `provider`, `payment_kind`, where the data has them.
    pub groups: Vec<Group>,
    /// What the score alone would tell.
    pub scores: Scores,
    /// How soon fraud is seen.
    pub detection: Detection,
    /// Alerts and frauds day by day.
    pub timeline: Vec<Day>,
    /// Payments to look at: some caught, some missed, some wrongly stopped.
    pub examples: Vec<Example>,
}

/// Figures of what was flagged. Shares are over known labels, weighted; `coverage` says how many of the flagged those are. What
/// becomes of a payment is its outcome; of one that a rule in shadow flags, the stronger of that and what the rule asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Payments flagged.
    pub flagged: u64,
    /// Of those, known frauds, weighted.
    pub frauds: f64,
    /// Of those, known to be genuine, weighted.
    pub genuine: f64,
    /// Of those, unknown.
    pub unknown: u64,
    /// Known of those flagged, unweighted: a share.
    pub coverage: Option<f64>,
    /// Frauds of the known among the flagged.
    pub precision: Option<Estimate>,
    /// Flagged of the known frauds.
    pub recall: Option<Estimate>,
    /// Flagged of the known genuine.
    pub false_positive_rate: Option<Estimate>,
    /// Value of the flagged known frauds, whatever became of them.
    pub value_flagged_minor: f64,
    /// Value of known frauds that did not go through: blocked in full, stepped up by the share that does not pass, alerted not at all.
    pub value_caught_minor: f64,
    /// Value caught of the value of all known frauds.
    pub value_caught_share: Option<Estimate>,
    /// Value of the flagged known genuine payments, also where they are only alerted.
    pub value_flagged_genuine_minor: f64,
    /// Value of those that are stepped up or blocked, whatever becomes of them.
    pub value_bothered_minor: f64,
    /// Value of those that does not go through: blocked in full, stepped up by the share that does not pass.
    pub value_lost_minor: f64,
    /// Customers with at least one such payment.
    pub customers_bothered: u64,
}

/// A share with what the bootstrap over accounts says of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// As measured.
    pub value: f64,
    /// The 2.5th percentile of the replicates; `None` without a bootstrap.
    pub low: Option<f64>,
    /// The 97.5th.
    pub high: Option<f64>,
}

/// Figures of something with a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Payments in it, flagged or not; none where the name is of what flags.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payments: Option<u64>,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// One rule's figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleFigures {
    /// Its id.
    pub id: String,
    /// Whose word it is: `mandatory`, `override`, `normal`.
    pub tier: String,
    /// `live`, `shadow` or `off`; one in shadow counts where it would have fired.
    pub mode: String,
    /// What it asks for: `allow`, `step_up`, `block`, `alert`, or empty where only its score counts.
    pub then: String,
    /// Its score.
    pub score: i64,
    /// Known frauds that without it would not be flagged, weighted; of one in shadow, those that only it would flag.
    pub frauds_alone: f64,
    /// The same of known genuine payments.
    pub genuine_alone: f64,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// How often rules fire together: square, in the order of the rules; of more than 100 rules the 100 that fired most.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// The ids of the rules.
    pub rules: Vec<String>,
    /// Payments on which both fired.
    pub payments: Vec<Vec<u64>>,
    /// Known frauds among those.
    pub frauds: Vec<Vec<u64>>,
}

/// Figures over all that is flagged, by the values of a field; the 50 with the most payments, and `(others)`. What has no value is
/// `(none)`. Their shares have no ranges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// `month`, `portal`, `provider` or `payment_kind`.
    pub by: String,
    /// Its values; months in order, others by payments.
    pub values: Vec<Named>,
}

/// The score as a detector of its own, over known labels, weighted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// One point a distinct score, highest first; at most 1,000, thinned evenly.
    pub points: Vec<ScorePoint>,
    /// Area under the ROC curve, by trapezes; `None` without both labels.
    pub roc_area: Option<Estimate>,
    /// Average precision, the sum of precision times step in recall over distinct scores (scikit-learn's); `None` without fraud.
    pub average_precision: Option<Estimate>,
    /// Card precision at k (Le Borgne et al., Fraud Detection Handbook, chapter 4).
    pub card_precision: Option<CardPrecision>,
}

/// What a threshold on the score flags: payments at or above it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScorePoint {
    /// The threshold.
    pub score: i64,
    /// Known frauds at or above it, weighted.
    pub frauds: f64,
    /// Known genuine at or above it, weighted.
    pub genuine: f64,
    /// Value of those frauds.
    pub fraud_value_minor: f64,
    /// Value of those genuine payments.
    pub genuine_value_minor: f64,
}

/// The mean over days of the share of compromised accounts among the k with the highest scores; unweighted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CardPrecision {
    /// How many accounts are looked at a day.
    pub k: u32,
    /// Days that it is the mean of.
    pub days: u32,
    /// Equal scores share the places that they stand for.
    pub mean: f64,
    /// Payments left out because eight later days had some before they came.
    pub late: u64,
}

/// How soon the frauds of a case are seen, in the order in which payments were decided. Percentiles are by nearest rank.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Cases of fraud.
    pub cases: u64,
    /// Cases of which a payment was flagged.
    pub detected: u64,
    /// Cases whose first payment was.
    pub at_once: u64,
    /// From a case's first payment to the first flagged, microseconds, over the detected: the median.
    pub delay_us_p50: Option<i64>,
    /// The ninth decile.
    pub delay_us_p90: Option<i64>,
    /// Payments that went unflagged before the first flagged, on average over the detected.
    pub payments_before_mean: Option<f64>,
    /// Their value, on average.
    pub value_before_minor_mean: Option<f64>,
}

/// One day of the measured time with payments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Day {
    /// `2018-04-01`, in the data set's time zone.
    pub date: String,
    /// Payments.
    pub payments: u64,
    /// Payments stepped up.
    pub step_ups: u64,
    /// Payments blocked.
    pub blocks: u64,
    /// Payments alerted.
    pub alerts: u64,
    /// Known frauds.
    pub frauds: u64,
    /// Of those, flagged.
    pub frauds_flagged: u64,
}

impl Day {
    /// Adds what another day has.
    pub fn add(&mut self, day: &Self) {
        for (all, more) in [
            (&mut self.payments, day.payments),
            (&mut self.step_ups, day.step_ups),
            (&mut self.blocks, day.blocks),
            (&mut self.alerts, day.alerts),
            (&mut self.frauds, day.frauds),
            (&mut self.frauds_flagged, day.frauds_flagged),
        ] {
            *all = all.saturating_add(more);
        }
    }
}

/// A payment to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Why it is shown.
    pub case: ExampleCase,
    /// Its id.
    pub id: String,
    /// Its time.
    pub time_us: i64,
    /// Its amount.
    pub amount_minor: i64,
    /// What the rules ask for.
    pub outcome: String,
    /// Its score.
    pub score: i64,
    /// The rules that fired.
    pub fired: Vec<String>,
    /// The kind of fraud, where it is one.
    pub kind: Option<String>,
    /// The decision in words, line by line.
    pub explanation: String,
}

/// Why a payment is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExampleCase {
    /// Fraud, and stopped.
    Caught,
    /// Fraud, and let through.
    Missed,
    /// Genuine, and stopped.
    WronglyStopped,
}

/// What a rule set decides otherwise than another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// The rule files side by side, as `weir diff` has it.
    pub rules: String,
    /// Payments by outcome under the old (rows) and the new (columns): allow, step_up, block.
    pub payments: [[u64; 3]; 3],
    /// Known frauds among those.
    pub frauds: [[u64; 3]; 3],
    /// Known genuine among those.
    pub genuine: [[u64; 3]; 3],
    /// Payments that the new rules alert and the old don't.
    pub alerts_added: AlertsMoved,
    /// Payments that the old rules alert and the new don't.
    pub alerts_removed: AlertsMoved,
    /// Payments that are decided otherwise, to look at.
    pub examples: Vec<ChangedPayment>,
}

/// Payments of which only one of two rule sets says that a person should look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertsMoved {
    /// All.
    pub payments: u64,
    /// Known frauds among those.
    pub frauds: u64,
    /// Known genuine among those.
    pub genuine: u64,
}

/// A payment that two rule sets decide otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangedPayment {
    /// Its id.
    pub id: String,
    /// Its time.
    pub time_us: i64,
    /// Its amount.
    pub amount_minor: i64,
    /// What the old rules ask for.
    pub old: String,
    /// What the new ones do.
    pub new: String,
    /// Whether the old rules alert it.
    pub old_alert: bool,
    /// Whether the new ones do.
    pub new_alert: bool,
    /// The rules that fire under the old.
    pub old_fired: Vec<String>,
    /// Under the new.
    pub new_fired: Vec<String>,
    /// `fraud`, `genuine` or `unknown`.
    pub label: String,
}

/// Of payments by outcome under an old rule set (rows) and a new one (columns), weakest first: how many are decided more strictly
/// under the new, and how many less so.
pub fn moved(moves: &[[u64; 3]; 3]) -> (u64, u64) {
    let mut sums = (0_u64, 0_u64);
    for (old, row) in moves.iter().enumerate() {
        for (new, count) in row.iter().enumerate() {
            match new.cmp(&old) {
                Ordering::Greater => sums.0 = sums.0.saturating_add(*count),
                Ordering::Less => sums.1 = sums.1.saturating_add(*count),
                Ordering::Equal => {}
            }
        }
    }
    sums
}

//! What a sweep found, as plain data: what `sweep.json` holds.
//!
//! Promises that combinations are known by their position, that the first is the rule file's own, and that each figure is there for both
//! sides of the split. Money is in minor units, a share of nothing is null. Must never know how it is looked at.

use serde::{Deserialize, Serialize};

use crate::backtest::report::{Counted, Data, PassRate};

/// A sweep as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepReport {
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
    pub asked: AskedFor,
    /// What was found.
    #[serde(flatten)]
    pub swept: Swept,
}

/// What was assumed and asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskedFor {
    /// The share of genuine customers who pass a step-up.
    pub genuine_pass: f64,
    /// The share of frauds that pass one, where no kind says otherwise.
    pub fraud_pass: f64,
    /// The same by kind of fraud.
    pub fraud_pass_by_kind: Vec<PassRate>,
    /// What makes a combination the one that is chosen.
    pub objective: Objective,
    /// How many payments a day may be flagged, where there is a budget.
    pub budget: Option<f64>,
    /// What bothering people costs.
    pub costs: Costs,
    /// The share of the measured time that values are chosen by.
    pub split: f64,
    /// Replicates of the bootstrap.
    pub replicates: u32,
    /// What it draws from.
    pub seed: u64,
}

/// What makes a combination the one that is chosen, on the side of the tuning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Nothing: the front is shown, and somebody chooses.
    #[default]
    Front,
    /// The least cost.
    Cost,
    /// The most value caught of those that keep to the budget.
    Budget,
}

/// What bothering people costs beside the value of payments, in minor units each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// A payment that is stepped up.
    pub step_up_minor: f64,
    /// A payment that a person should look at.
    pub alert_minor: f64,
    /// A genuine payment that is blocked, beside its value.
    pub block_minor: f64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Swept {
    /// With what past combinations were decided.
    pub state: State,
    /// Why the past depends on what was decided, where it does: features by name, `breakers`, `step_up`, `locks`.
    pub decision_fed: Vec<String>,
    /// Engines that ran.
    pub engines: u32,
    /// What was varied, in the order of the combinations' values.
    pub params: Vec<Swing>,
    /// What was measured.
    pub measured: MeasuredTime,
    /// Known frauds of both parts by kind, in the labeller's words; `(none)` where nobody said one.
    pub fraud_kinds: Vec<Counted>,
    /// The part by which values are chosen.
    pub tuning: Known,
    /// The part against which they are held.
    pub held_out: Known,
    /// All combinations, the rule file's own first.
    pub combinations: Vec<Combination>,
    /// Those of which none other catches more value without bothering more customers, on the side of the tuning; the fewest bothered
    /// first. Of equal ones the first.
    pub front: Vec<usize>,
    /// That of the least cost on the side of the tuning.
    pub best_by_cost: usize,
    /// That with the most value caught under the budget, if there is one and any combination keeps to it.
    pub best_under_budget: Option<usize>,
    /// What was chosen; nothing where that was not asked for, or nothing keeps to the budget.
    pub chosen: Option<Chosen>,
}

/// With what past a combination is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// With its own: nothing that is kept depends on what was decided.
    #[default]
    EventFed,
    /// With that of the rule file as it is, where what is kept depends on what was decided.
    Observed,
    /// With its own, by an engine of its own.
    Exact,
}

/// A parameter with what it was varied over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Swing {
    /// Its name.
    pub name: String,
    /// Its values, as the rule file would write them, without quotes. Combinations name them by position.
    pub values: Vec<String>,
    /// Which of them is the rule file's own.
    pub own: usize,
    /// Whether it is inside of what the engine keeps, so that this was computed again for each value.
    pub recomputed: bool,
    /// The features that it is inside of.
    pub features: Vec<String>,
}

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeasuredTime {
    /// From when on.
    pub from_us: Option<i64>,
    /// From when on it is held out.
    pub split_us: Option<i64>,
    /// Up to when.
    pub until_us: Option<i64>,
    /// How long windows were let warm, microseconds.
    pub warm_us: i64,
    /// How long a label takes to be mature, microseconds.
    pub mature_us: i64,
    /// Payments decided before the measured time.
    pub warming: u64,
    /// Payments decided after it.
    pub immature: u64,
}

/// What there was on one side of the split, whatever flags it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// How long it is, in days.
    pub days: f64,
    /// Payments.
    pub payments: u64,
    /// Of which nothing is known.
    pub unknown: u64,
    /// Known frauds, weighted.
    pub frauds: f64,
    /// Known genuine payments, weighted.
    pub genuine: f64,
    /// The value of the known frauds, weighted.
    pub fraud_value_minor: f64,
}

/// Values of all parameters, with what came of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Combination {
    /// The position of each parameter's value.
    pub values: Vec<usize>,
    /// On the side of the tuning.
    pub tuning: SweepFigures,
    /// On the other.
    pub held_out: SweepFigures,
    /// The share of replicates in which it is on the front; none without a bootstrap.
    pub front_share: Option<f64>,
    /// The share of replicates in which it would have been chosen; none without a bootstrap, or where nothing is chosen.
    pub chosen_share: Option<f64>,
}

/// What a combination did on one side. Words are those of a backtest's figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepFigures {
    /// Payments stepped up, blocked or alerted.
    pub flagged: u64,
    /// The same a day.
    pub flagged_a_day: Option<f64>,
    /// Of those, known frauds, weighted.
    pub frauds: f64,
    /// Of those, known to be genuine, weighted.
    pub genuine: f64,
    /// Of those, unknown.
    pub unknown: u64,
    /// Frauds of the known among the flagged.
    pub precision: Option<f64>,
    /// Flagged of the known frauds.
    pub recall: Option<f64>,
    /// Flagged of the known genuine.
    pub false_positive_rate: Option<f64>,
    /// Value of known frauds that did not go through; of what is stepped up the share that does not pass.
    pub value_caught_minor: f64,
    /// That of the value of all known frauds.
    pub value_caught_share: Option<f64>,
    /// Customers with at least one known genuine payment that was stopped.
    pub customers_bothered: u64,
    /// Value of known genuine payments that were stopped.
    pub value_bothered_minor: f64,
    /// How much of that did not go through.
    pub value_lost_minor: f64,
    /// Payments stepped up.
    pub step_ups: u64,
    /// Payments alerted.
    pub alerts: u64,
    /// Known genuine payments blocked, weighted.
    pub genuine_blocked: f64,
    /// Fraud value not caught, genuine value lost, and what step-ups, alerts and genuine blocks cost.
    pub cost_minor: f64,
}

/// The combination that was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// Which.
    pub combination: usize,
    /// What it was chosen by, on the side of the tuning: the share of fraud value caught, or the cost a day in minor units.
    pub tuning: Option<f64>,
    /// The same on the other side.
    pub held_out: Option<f64>,
    /// Where the middle 95 % of replicates lie, on the side of the tuning; none without a bootstrap, or where they all say the same.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// It gains less over the rule file as it is on the side that was held out than chance explains: less than the middle 95 % of
    /// replicates do on the side of the tuning. A gain is a share of fraud value, or of the cost as it is.
    pub overfitted: bool,
}

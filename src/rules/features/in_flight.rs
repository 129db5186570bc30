//! What is pending over a day or a month: for how long a payment can be, and which features can count it whatever its day.
//!
//! Promises that nothing falls between two days: what is pending counts in the period in which it is looked at, until it
//! is executed and counts in the one of that.

use super::Declared;
use crate::rules::problem::{Problem, Problems};
use crate::rules::ruleset::{Aggregate, Dialogue, Feedback, Window};

/// Says of each feature that needs it how long a payment can be pending, and tells those that can't count so.
pub(in crate::rules) fn settle(
    features: &mut [Declared<'_>],
    (feedback, pending_us): (Feedback, Option<i64>),
    step_up: Option<Dialogue>,
    problems: &mut Problems,
) {
    let longest_us = longest_us(feedback, pending_us, step_up);
    for Declared { feature, pending, .. } in features {
        let Some(span) = pending.clone().filter(|_| matches!(feature.window, Window::Day | Window::Month))
        else {
            continue;
        };
        let Some(longest_us) = longest_us else {
            if feedback == Feedback::Execution {
                let message =
                    "what is pending at midnight does not count in the new day before it is executed";
                let problem = Problem::warning(span, message, "pending without an end");
                problems.push(problem.help("say in [ruleset] for how long: pending_for = \"15m\""));
            }
            continue;
        };
        if adds_up(feature.aggregate) {
            feature.in_flight_us = Some(longest_us);
        } else {
            let message = "over a day or a month, what is pending is counted beside what was executed, so both must add up";
            let problem = Problem::error(span, message, "not of this aggregate");
            problems.push(problem.help(
                "count, sum, mean and deviation add up; others take a duration such as over = \"24h\"",
            ));
        }
    }
}

/// The longest time for which a payment can be pending; `None` where that has no end, or nothing is ever.
fn longest_us(feedback: Feedback, pending_us: Option<i64>, step_up: Option<Dialogue>) -> Option<i64> {
    let asked_us = step_up.map(|step_up| step_up.expires_us);
    match feedback {
        // What nobody answered may have gone through.
        Feedback::None => None,
        Feedback::Authentication => asked_us.or(pending_us),
        Feedback::Execution => Some(asked_us.unwrap_or(0).saturating_add(pending_us?)),
    }
}

/// Whether the aggregate of two sets together follows from those of each.
fn adds_up(aggregate: Aggregate) -> bool {
    matches!(aggregate, Aggregate::Count | Aggregate::Sum(_) | Aggregate::Mean(_) | Aggregate::Deviation(_))
}

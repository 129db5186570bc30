//! Reading features: from cells, with or without the event being scored.

use super::gather::{Gathered, key};
use super::plan::Plan;
use crate::decision::{Quality, Reading, Value};
use crate::rules::Aggregate;
use crate::state::{Held, Moments, State};

/// Which features of a plan are read and where their readings go: by lookup, the feature with its position.
pub(crate) type Wanted = Vec<Vec<(usize, usize)>>;

/// Reads the features wanted of each lookup, at now, for an event at `time_us`. What came in before the state began
/// happened at or before `since_us`, so a window that covers that time misses something.
pub(crate) fn read_all(
    plan: &Plan,
    wanted: &Wanted,
    state: &State,
    gathered: &Gathered,
    since_us: Option<i64>,
    time_us: i64,
    readings: &mut [Reading],
) {
    for (lookup, wanted) in plan.lookups.iter().zip(wanted) {
        if wanted.is_empty() {
            continue;
        }
        let Some(key) = key(&gathered.numbers, &lookup.at) else {
            wanted.iter().for_each(|&(_, position)| readings[position] = Reading::default());
            continue;
        };
        let held = state.held(lookup.family, &key);
        let mask = gathered.masks[lookup.family];
        // The event is part of what it reads where it files its own contribution under the key that it reads.
        let own = if mask != 0 && gathered.keys[lookup.family] == key { mask } else { 0 };
        let late = time_us < state.now_us();
        for &(at, position) in wanted {
            let read = &plan.reads[at];
            let cell = read.cell;
            let counts = read.current && own >> read.bit & 1 == 1 && (!late || held.covers(cell, time_us));
            let own = counts.then(|| read.column.map_or(0, |column| gathered.values[column]));
            let evicted = held.evicted(cell);
            let value = match value(read.aggregate, &held, cell, own, state.now_us()) {
                // It may well have been seen before.
                Value::Boolean(true) if evicted => Value::Null,
                value => value,
            };
            let quality = if evicted {
                Quality::Evicted
            } else if since_us.is_some_and(|since_us| held.covers(cell, since_us)) {
                Quality::Warming
            } else if held.corrected(cell) {
                Quality::Corrected
            } else {
                Quality::Exact
            };
            readings[position] = Reading { value, quality };
        }
    }
}

#[inline]
fn value(aggregate: Aggregate, held: &Held<'_>, cell: usize, own: Option<i64>, now_us: i64) -> Value {
    let moments = || {
        let held = held.moments(cell);
        own.map_or(held, |value| held.with(value))
    };
    let extreme = |pick: fn((i64, i64)) -> i64, join: fn(i64, i64) -> i64| {
        let held = held.extremes(cell).map(pick);
        let all = held.map_or(own, |held| Some(own.map_or(held, |own| join(held, own))));
        all.map_or(Value::Null, Value::Whole)
    };
    match aggregate {
        Aggregate::Count => Value::Whole(held.count(cell) + i64::from(own.is_some())),
        Aggregate::IsNew => Value::Boolean(held.count(cell) == 0),
        Aggregate::Sum(_) => i64::try_from(moments().sum).map_or(Value::Null, Value::Whole),
        Aggregate::Mean(_) => mean(moments()),
        Aggregate::Deviation(_) => deviation(moments()),
        Aggregate::Min(_) => extreme(|(least, _)| least, i64::min),
        Aggregate::Max(_) => extreme(|(_, greatest)| greatest, i64::max),
        Aggregate::Distinct(_) => Value::Whole(held.distinct(cell, own)),
        Aggregate::Since => held.greatest(cell).map_or(Value::Null, |last_us| Value::Whole(now_us - last_us)),
    }
}

/// The nearest float; the same as a conversion of the whole 128 bits, which takes long.
fn float(value: i128) -> f64 {
    i64::try_from(value).map_or(value as f64, |value| value as f64)
}

/// Sum over count; null without values.
fn mean(moments: Moments) -> Value {
    if moments.count <= 0 {
        return Value::Null;
    }
    Value::Decimal(float(moments.sum) / moments.count as f64)
}

/// The sample standard deviation, from exact integers; null under two values or where they overflow.
fn deviation(Moments { count, sum, squares }: Moments) -> Value {
    if count < 2 {
        return Value::Null;
    }
    let spread = times(i128::from(count), squares).zip(times(sum, sum)).and_then(|(a, b)| a.checked_sub(b));
    let pairs = i128::from(count) * i128::from(count - 1);
    match spread {
        Some(spread) if spread >= 0 => Value::Decimal(libm::sqrt(float(spread) / float(pairs))),
        _ => Value::Null,
    }
}

/// The product, or `None` where it overflows; two halves of 64 bits can't.
fn times(a: i128, b: i128) -> Option<i128> {
    match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => Some(i128::from(a) * i128::from(b)),
        _ => a.checked_mul(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviation_is_the_samples() {
        let of = |values: &[i64]| deviation(values.iter().fold(Moments::default(), |m, &v| m.with(v)));
        assert_eq!(of(&[]), Value::Null);
        assert_eq!(of(&[5]), Value::Null);
        assert_eq!(of(&[5, 5]), Value::Decimal(0.0));
        assert_eq!(of(&[2, 4, 4, 4, 5, 5, 7, 9]), Value::Decimal(libm::sqrt(32.0 / 7.0)));
        let large = 1_000_000_000_000_000;
        assert_eq!(of(&[large, large - 2]), Value::Decimal(libm::sqrt(2.0)));
    }
}

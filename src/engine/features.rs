//! Reading features: from cells, with or without the event being scored.

use super::gather::{Gathered, key};
use super::plan::{Plan, Read};
use crate::decision::{Quality, Reading, Value};
use crate::rules::Aggregate;
use crate::state::{Moments, State};

/// Where one lookup of an event leads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// Whether the event has the key at all.
    keyed: bool,
    slot: Option<u32>,
    /// Whether the event files its own contribution under the key that it reads.
    own: bool,
}

/// Resolves every lookup of an event.
pub(crate) fn look_up(plan: &Plan, state: &State, gathered: &Gathered, found: &mut [Found]) {
    for (lookup, found) in plan.lookups.iter().zip(found) {
        *found = match key(&gathered.numbers, &lookup.at) {
            None => Found::default(),
            Some(key) => Found {
                keyed: true,
                slot: state.slot(lookup.family, &key),
                own: gathered.masks[lookup.family] != 0 && gathered.keys[lookup.family] == key,
            },
        };
    }
}

/// Reads one feature at now, for an event at `time_us`.
pub(crate) fn read(
    read: &Read,
    plan: &Plan,
    state: &State,
    gathered: &Gathered,
    found: &[Found],
    time_us: i64,
) -> Reading {
    let Found { keyed, slot, own } = found[read.lookup];
    if !keyed {
        return Reading::default();
    }
    let fed = gathered.masks[plan.lookups[read.lookup].family] >> read.bit & 1 == 1;
    let covered = time_us == state.now_us() || state.covers(read.cell, time_us);
    let own = (read.current && own && fed && covered)
        .then(|| read.column.map_or(0, |column| gathered.values[column]));
    let look = state.look(read.cell, slot);
    let moments = || {
        let held = look.moments();
        own.map_or(held, |value| held.with(value))
    };
    let extreme = |pick: fn((i64, i64)) -> i64, join: fn(i64, i64) -> i64| {
        let held = look.extremes().map(pick);
        let all = held.map_or(own, |held| Some(own.map_or(held, |own| join(held, own))));
        all.map_or(Value::Null, Value::Whole)
    };
    let value = match read.aggregate {
        Aggregate::Count => Value::Whole(moments().count),
        Aggregate::IsNew => Value::Boolean(moments().count == 0),
        Aggregate::Sum(_) => i64::try_from(moments().sum).map_or(Value::Null, Value::Whole),
        Aggregate::Mean(_) => mean(moments()),
        Aggregate::Deviation(_) => deviation(moments()),
        Aggregate::Min(_) => extreme(|(least, _)| least, i64::min),
        Aggregate::Max(_) => extreme(|(_, greatest)| greatest, i64::max),
        Aggregate::Distinct(_) => Value::Whole(look.distinct(own)),
        Aggregate::Since => match look.extremes() {
            Some((_, last_us)) => Value::Whole(state.now_us() - last_us),
            None => Value::Null,
        },
    };
    let quality = if look.corrected { Quality::Corrected } else { Quality::Exact };
    Reading { value, quality }
}

/// Sum over count; null without values.
fn mean(moments: Moments) -> Value {
    if moments.count <= 0 {
        return Value::Null;
    }
    Value::Decimal(moments.sum as f64 / moments.count as f64)
}

/// The sample standard deviation, from exact integers; null under two values or where they overflow.
fn deviation(Moments { count, sum, squares }: Moments) -> Value {
    if count < 2 {
        return Value::Null;
    }
    let wide = i128::from(count);
    let spread = wide.checked_mul(squares).zip(sum.checked_mul(sum)).and_then(|(a, b)| a.checked_sub(b));
    match spread {
        Some(spread) if spread >= 0 => Value::Decimal(libm::sqrt(spread as f64 / (wide * (wide - 1)) as f64)),
        _ => Value::Null,
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

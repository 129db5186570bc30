//! Reading features: from cells, with or without the event being scored.

use super::gather::{Gathered, key};
use super::places::distance_km;
use super::plan::{Lookup, Plan, Read};
use crate::decision::{Quality, Reading, Value};
use crate::rules::Aggregate;
use crate::state::{AMOUNT_COLUMN, Held, Key, Moment, Moments, State, Total};
use crate::time::SECOND_US;

const HOUR_US: f64 = 3_600.0 * SECOND_US as f64;

/// Which features of a plan are read and where their readings go, by lookup.
#[derive(Debug)]
pub(crate) struct Wanted(Vec<Asked>);

/// What is read for one key.
#[derive(Clone, Debug, Default)]
struct Asked {
    /// Features with the positions of their readings.
    all: Vec<(usize, usize)>,
    /// Those that only count and sum, ready to be read where nothing is wrong with the key.
    totals: Vec<Summed>,
    /// The others.
    others: Vec<(usize, usize)>,
}

/// A feature that only counts and sums.
#[derive(Clone, Copy, Debug)]
struct Summed {
    kind: SummedKind,
    /// The bits of the event's own contribution, if that is part of it.
    own: u64,
    at: Total,
    column: usize,
    position: usize,
}

#[derive(Clone, Copy, Debug)]
enum SummedKind {
    Count,
    Sum,
    Mean,
}

impl Summed {
    /// The feature at this place of a plan, if it is one.
    fn new(plan: &Plan, state: &State, at: usize, position: usize) -> Option<Self> {
        let read = &plan.reads[at];
        let kind = match read.aggregate {
            Aggregate::Count => SummedKind::Count,
            Aggregate::Sum(_) => SummedKind::Sum,
            Aggregate::Mean(_) => SummedKind::Mean,
            _ => return None,
        };
        let own = if read.current { 1 << read.bit } else { 0 };
        let total = state.total(plan.lookups[read.lookup].family, read.cell)?;
        Some(Self { kind, own, at: total, column: read.column.unwrap_or(AMOUNT_COLUMN), position })
    }

    /// Its value, for an event that contributes these bits and values.
    #[inline]
    fn value(&self, held: &Held<'_>, own: u64, values: &[i64]) -> Value {
        let own = own & self.own != 0;
        let count = || held.count_at(self.at) + i64::from(own);
        let sum = || held.sum_at(self.at) + if own { i128::from(values[self.column]) } else { 0 };
        match self.kind {
            SummedKind::Count => Value::Whole(count()),
            SummedKind::Sum => whole(sum()),
            SummedKind::Mean => mean(count(), sum()),
        }
    }
}

impl Wanted {
    /// These features of a plan, each with the position that its reading goes to.
    pub(crate) fn new(plan: &Plan, state: &State, reads: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut wanted = vec![Asked::default(); plan.lookups.len()];
        for (at, position) in reads {
            let asked = &mut wanted[plan.reads[at].lookup];
            asked.all.push((at, position));
            match Summed::new(plan, state, at, position) {
                Some(total) => asked.totals.push(total),
                None => asked.others.push((at, position)),
            }
        }
        Self(wanted)
    }
}

impl Wanted {
    /// Where the readings go.
    pub(crate) fn positions(&self) -> impl Iterator<Item = usize> {
        self.0.iter().flat_map(|asked| &asked.all).map(|&(_, position)| position)
    }
}

/// Lookups whose records are found together.
const TOGETHER: usize = 16;

/// What the event being scored reads with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) state: &'a State,
    pub(crate) gathered: &'a Gathered,
    /// What came in before the state began happened at or before it, so a window that covers that time misses something.
    pub(crate) since_us: Option<i64>,
    pub(crate) time_us: i64,
}

impl Reader<'_> {
    /// Reads the features wanted of each lookup, at now.
    pub(crate) fn read_all(&self, wanted: &Wanted, readings: &mut [Reading]) {
        let Self { plan, state, gathered, .. } = *self;
        for (lookups, asked) in plan.lookups.chunks(TOGETHER).zip(wanted.0.chunks(TOGETHER)) {
            let asked = || lookups.iter().zip(asked);
            // All slots first, then all records: memory is waited for once, not one after the other.
            let mut slots = [None; TOGETHER];
            for (slot, (lookup, asked)) in slots.iter_mut().zip(asked()) {
                let key = key(&gathered.numbers, &lookup.at).filter(|_| !asked.all.is_empty());
                *slot = key.map(|key| (key, state.slot(lookup.family, &key)));
            }
            let mut held = [None; TOGETHER];
            for (held, (slot, lookup)) in held.iter_mut().zip(slots.iter().zip(lookups)) {
                *held = slot.map(|(key, slot)| (key, state.held_at(lookup.family, &key, slot)));
            }
            for (held, (lookup, asked)) in held.iter().zip(asked()) {
                match held {
                    Some((key, held)) => self.read(lookup, asked, key, held, readings),
                    None => asked.all.iter().for_each(|&(_, at)| readings[at] = Reading::default()),
                }
            }
        }
    }

    fn read(&self, lookup: &Lookup, asked: &Asked, key: &Key, held: &Held<'_>, readings: &mut [Reading]) {
        let Self { plan, state, gathered, since_us, time_us } = *self;
        let now_us = state.now_us();
        let mask = gathered.masks[lookup.family];
        // The event is part of what it reads where it files its own contribution under the key that it reads.
        let own = if mask != 0 && gathered.keys[lookup.family] == *key { mask } else { 0 };
        let late = time_us < now_us;
        let exact = since_us.is_none() && held.is_exact();
        let short = exact && !late;
        for total in asked.totals.iter().filter(|_| short) {
            let value = total.value(held, own, &gathered.values);
            readings[total.position] = Reading { value, quality: Quality::Exact };
        }
        for &(at, position) in if short { &asked.others } else { &asked.all } {
            let read = &plan.reads[at];
            let cell = read.cell;
            let reaches =
                || read.waiting.is_some_and(|waiting| waiting.current) || held.reaches(cell, time_us);
            let counts = read.current && own >> read.bit & 1 == 1 && (!late || reaches());
            let own = counts.then(|| read.column.map_or(0, |column| gathered.values[column]));
            let value = match read.aggregate {
                // The newest one may have been given up.
                Aggregate::Changed(_) if !exact && held.evicted(cell) => Value::Null,
                Aggregate::ZScore(_) | Aggregate::Speed { .. } | Aggregate::Changed(_) => {
                    let scored = read.column.and_then(|column| gathered.value(column));
                    scored.map_or(Value::Null, |scored| against(read.aggregate, held, cell, scored, time_us))
                }
                _ => value(read, held, own, (time_us, now_us)),
            };
            let quality = if exact { Quality::Exact } else { quality(plan, at, held, since_us) };
            readings[position] = Reading { value, quality };
        }
    }
}

/// Reads one feature for a key as of now, for no event.
pub(crate) fn read_one(plan: &Plan, state: &State, at: usize, key: &Key, since_us: Option<i64>) -> Reading {
    let read = &plan.reads[at];
    let (held, now_us) = (state.held(plan.lookups[read.lookup].family, key), state.now_us());
    let value = value(read, &held, None, (now_us, now_us));
    Reading { value, quality: quality(plan, at, &held, since_us) }
}

fn quality(plan: &Plan, at: usize, held: &Held<'_>, since_us: Option<i64>) -> Quality {
    let read = &plan.reads[at];
    let cells = [Some(read.cell), read.waiting.map(|waiting| waiting.cell)];
    let any = |holds: &dyn Fn(usize) -> bool| cells.into_iter().flatten().any(holds);
    // What came in before may have been executed for as long after as it could be corrected.
    let later_us = if read.later { plan.spec.horizon_us } else { 0 };
    if any(&|cell| held.evicted(cell)) {
        Quality::Evicted
    } else if since_us.is_some_and(|since_us| any(&|cell| held.reaches(cell, since_us + later_us))) {
        Quality::Warming
    } else if any(&|cell| held.behind(cell)) {
        Quality::Behind
    } else if any(&|cell| held.corrected(cell)) {
        Quality::Corrected
    } else {
        Quality::Exact
    }
}

#[inline]
fn value(read: &Read, held: &Held<'_>, own: Option<i64>, times: (i64, i64)) -> Value {
    let Read { aggregate, cell, .. } = *read;
    if let Some(waiting) = read.waiting {
        return with_waiting(aggregate, held.moments(cell).and(held.moments(waiting.cell)), own);
    }
    let count = || held.count(cell) + i64::from(own.is_some());
    let sum = || held.sum(cell) + i128::from(own.unwrap_or_default());
    match aggregate {
        Aggregate::Count => Value::Whole(count()),
        Aggregate::Sum(_) => whole(sum()),
        Aggregate::Mean(_) => mean(count(), sum()),
        _ => other_value(aggregate, held, cell, own, times),
    }
}

/// Of what counts and sums in two cells, with the event being scored where that counts.
fn with_waiting(aggregate: Aggregate, held: Moments, own: Option<i64>) -> Value {
    let all = own.map_or(held, |value| held.with(value));
    match aggregate {
        Aggregate::Count => Value::Whole(all.count),
        Aggregate::Sum(_) => whole(all.sum),
        Aggregate::Mean(_) => mean(all.count, all.sum),
        Aggregate::Deviation(_) => deviation(all),
        // Only what adds up is kept in two cells.
        _ => Value::Null,
    }
}

/// Of what is not only counted and summed.
fn other_value(
    aggregate: Aggregate,
    held: &Held<'_>,
    cell: usize,
    own: Option<i64>,
    (time_us, now_us): (i64, i64),
) -> Value {
    let moments = || {
        let held = held.moments(cell);
        own.map_or(held, |value| held.with(value))
    };
    let extreme = |pick: fn((i64, i64)) -> i64, join: fn(i64, i64) -> i64| {
        let held = held.extremes(cell).map(pick);
        let all = held.map_or(own, |held| Some(own.map_or(held, |own| join(held, own))));
        all.map_or(Value::Null, Value::Whole)
    };
    // The event being scored comes in behind all of its own time.
    let own_moment = || own.map(|value| Moment { time_us, row: u64::MAX, value });
    let of = |moment: Option<Moment>| moment.map_or(Value::Null, |moment| Value::Whole(moment.value));
    match aggregate {
        // What was evicted may well have been seen before.
        Aggregate::IsNew if held.count(cell) == 0 && held.evicted(cell) => Value::Null,
        Aggregate::IsNew => Value::Boolean(held.count(cell) == 0),
        Aggregate::Deviation(_) => deviation(moments()),
        Aggregate::Min(_) => extreme(|(least, _)| least, i64::min),
        Aggregate::Max(_) => extreme(|(_, greatest)| greatest, i64::max),
        Aggregate::Distinct(_) => Value::Whole(held.distinct(cell, own)),
        Aggregate::Since => held.greatest(cell).map_or(Value::Null, |last_us| Value::Whole(now_us - last_us)),
        Aggregate::First(_) => of(held.oldest(cell).into_iter().chain(own_moment()).min()),
        Aggregate::Last(_) => of(held.newest(cell)[0].max(own_moment())),
        Aggregate::Previous(_) => {
            let [newest, before] = held.newest(cell);
            let own = own_moment();
            of(if own > newest { newest } else { before.max(own) })
        }
        Aggregate::Quantile(_, ppm) => held.quantile(cell, ppm, own).map_or(Value::Null, Value::Whole),
        Aggregate::Count | Aggregate::Sum(_) | Aggregate::Mean(_) => Value::Null,
        Aggregate::ZScore(_) | Aggregate::Speed { .. } | Aggregate::Changed(_) | Aggregate::Ratio { .. } => {
            Value::Null
        }
    }
}

/// What the value of the event being scored is against those before it.
fn against(aggregate: Aggregate, held: &Held<'_>, cell: usize, scored: i64, time_us: i64) -> Value {
    match aggregate {
        Aggregate::ZScore(_) => z_score(held.moments(cell), scored),
        Aggregate::Speed { .. } => {
            let [newest, _] = held.newest(cell);
            newest.map_or(Value::Null, |newest| speed(&newest, scored, time_us))
        }
        Aggregate::Changed(_) => {
            let [newest, _] = held.newest(cell);
            newest.map_or(Value::Null, |newest| Value::Boolean(newest.value != scored))
        }
        _ => Value::Null,
    }
}

/// How many sample deviations a value is above the mean; null where there is no deviation, or it is 0.
fn z_score(moments: Moments, scored: i64) -> Value {
    let Value::Decimal(deviation) = deviation(moments) else { return Value::Null };
    if deviation == 0.0 {
        return Value::Null;
    }
    let above = i128::from(scored) * i128::from(moments.count) - moments.sum;
    Value::Decimal(float(above) / moments.count as f64 / deviation)
}

/// Kilometres per hour from a place to one at `time_us`; null where no time passed between them.
fn speed(from: &Moment, to: i64, time_us: i64) -> Value {
    let passed_us = time_us - from.time_us;
    if passed_us <= 0 {
        return Value::Null;
    }
    Value::Decimal(distance_km(from.value, to) / (passed_us as f64 / HOUR_US))
}

/// The nearest float; the same as a conversion of the whole 128 bits, which takes long.
fn float(value: i128) -> f64 {
    i64::try_from(value).map_or(value as f64, |value| value as f64)
}

/// A sum, as far as it is one of 64 bits.
#[inline]
fn whole(sum: i128) -> Value {
    i64::try_from(sum).map_or(Value::Null, Value::Whole)
}

/// Sum over count; null without values.
fn mean(count: i64, sum: i128) -> Value {
    if count <= 0 {
        return Value::Null;
    }
    Value::Decimal(float(sum) / count as f64)
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

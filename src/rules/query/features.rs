//! Features as window aggregates.
//!
//! Rows are ordered by `time_us * 2 * K + 2 * tie`, where `tie` counts events of one microsecond in the order of
//! arrival and stays below `K / 2`. A frame from `(2 * W - 1) * K PRECEDING` then begins behind all that happened at
//! `now - W`, whatever the tie, and before all that happened later: the engine's `(now - W, now]`.

use super::dialect::{column, literal};
use super::values::{Clock, Printer};
use crate::event::{ExtraType, Kind};
use crate::rules::ruleset::{Aggregate, Feature, Kinds, NumberField, Window};
use crate::rules::sql::tree::Tree;

/// Above twice the number of events that one microsecond can hold.
pub(super) const TIES: i64 = 2_000_000;

/// A feature as SQL.
pub(super) struct Windowed {
    /// Window aggregates, by the name of their column.
    pub(super) aggregates: Vec<(String, String)>,
    /// Its value over those.
    pub(super) value: String,
    /// Where it is filed under one key and read at another: the position of those legs.
    pub(super) legs: Option<usize>,
}

/// A key under which events are filed, and the one at which they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Legs {
    /// Columns, in the order of the key.
    pub(super) by: Vec<String>,
    /// Columns, in the same order.
    pub(super) at: Vec<String>,
    /// Whether an event is filed before it is read.
    pub(super) current: bool,
}

/// The columns of a key in its legs.
pub(super) fn leg_key(parts: usize) -> impl Iterator<Item = String> {
    (1..=parts).map(|part| column(&format!("_key_{part}")))
}

/// Says features over a table of events; legs are shared among them.
pub(super) struct Features<'p, 'a> {
    pub(super) printer: &'p mut Printer<'a>,
    pub(super) legs: Vec<Legs>,
}

impl Features<'_, '_> {
    /// One feature; `condition` is what its `where` says.
    pub(super) fn feature(&mut self, feature: &Feature, condition: Option<&Tree>) -> Windowed {
        let by: Vec<String> = feature.by.iter().map(|&field| self.printer.key(field)).collect();
        let at: Vec<String> = feature.at.iter().map(|&field| self.printer.key(field)).collect();
        let slides = matches!(feature.window, Window::Sliding { .. });
        let may_be_empty = !feature.current && slides && self.printer.dialect.needs_filled_frames();
        let legs = (by != at || may_be_empty).then(|| {
            let legs = Legs { by: by.clone(), at: at.clone(), current: feature.current };
            self.legs.iter().position(|held| *held == legs).unwrap_or_else(|| {
                self.legs.push(legs);
                self.legs.len() - 1
            })
        });
        let counts = self.counts(feature, condition, legs.is_some());
        let over = self.over(feature, &by, legs.is_some());
        let (aggregates, value) = self.aggregate(feature, &counts, &over);
        let keyed: Vec<String> = at.iter().map(|key| format!("{key} IS NOT NULL")).collect();
        let value = format!("CASE WHEN {} THEN {value} END", keyed.join(" AND "));
        Windowed { aggregates, value, legs }
    }

    /// When an event contributes.
    fn counts(&mut self, feature: &Feature, condition: Option<&Tree>, filed_apart: bool) -> String {
        let kinds = Kind::ALL.into_iter().filter(|&kind| feature.from.contains(kind));
        let kinds: Vec<String> = kinds.map(|kind| literal(kind.name())).collect();
        let kind = self.printer.field("kind", "VARCHAR");
        let mut counts: Vec<String> = filed_apart.then(|| "\"_filed\"".to_owned()).into_iter().collect();
        counts.push(match kinds.as_slice() {
            [only] => format!("{kind} = {only}"),
            several => format!("{kind} IN ({})", several.join(", ")),
        });
        counts.extend(condition.map(|tree| self.printer.truth(tree)));
        counts.join(" AND ")
    }

    fn over(&mut self, feature: &Feature, by: &[String], legs: bool) -> String {
        // In legs an event that is not to count itself is filed behind its reading.
        let last = if feature.current || legs { "CURRENT ROW" } else { "1 PRECEDING" };
        let period = match feature.window {
            Window::Day => Some(self.printer.clock(Clock::Day)),
            Window::Month => Some(self.printer.clock(Clock::Month)),
            Window::Sliding { .. } | Window::Forever => None,
        };
        let first = match feature.window {
            Window::Sliding { length_us } => ((2 * i128::from(length_us) - 1) * i128::from(TIES)).to_string(),
            Window::Day | Window::Month | Window::Forever => "UNBOUNDED".to_owned(),
        };
        let tenant = self.printer.field("tenant", "VARCHAR");
        let key: Vec<String> = if legs { leg_key(by.len()).collect() } else { by.to_vec() };
        let partition: Vec<String> = std::iter::once(tenant).chain(period).chain(key).collect();
        format!(
            "OVER (PARTITION BY {} ORDER BY \"_order\" RANGE BETWEEN {first} PRECEDING AND {last})",
            partition.join(", ")
        )
    }

    fn aggregate(&mut self, feature: &Feature, counts: &str, over: &str) -> (Vec<(String, String)>, String) {
        let dialect = self.printer.dialect;
        let named = |what: &str| format!("_{what}_{}", feature.name);
        let [count, sum, squares, other] = ["count", "sum", "squares", "of"].map(named);
        let [the_count, the_sum, the_squares, the_other] =
            [&count, &sum, &squares, &other].map(|c| column(c));
        let of = |function: &str, what: &str, counts: &str| {
            format!("{function}(CASE WHEN {counts} THEN {what} END) {over}")
        };
        let counted = |counts: &str| (count.clone(), of("count", "1", counts));
        let extreme = |function: &str, what: &str, counts: &str| {
            let extreme = (other.clone(), of(function, what, counts));
            if dialect.keeps_stale_extremes() {
                (vec![counted(counts), extreme], format!("CASE WHEN {the_count} > 0 THEN {the_other} END"))
            } else {
                (vec![extreme], the_other.clone())
            }
        };
        match feature.aggregate {
            Aggregate::Count => (vec![counted(counts)], the_count),
            Aggregate::IsNew => (vec![counted(counts)], format!("({the_count} = 0)")),
            Aggregate::Since => {
                let time = self.printer.field("time_us", "BIGINT");
                let (aggregates, last) = extreme("max", &time, counts);
                (aggregates, format!("({time} - {last})"))
            }
            Aggregate::Distinct(field) => {
                let key = self.printer.key(field);
                (vec![(other, of("count", &key, counts).replacen("(CASE", "(DISTINCT CASE", 1))], the_other)
            }
            Aggregate::Min(field) | Aggregate::Max(field) => {
                let (number, counts) = self.valued(field, feature, counts);
                let function = if matches!(feature.aggregate, Aggregate::Min(_)) { "min" } else { "max" };
                extreme(function, &number, &counts)
            }
            Aggregate::Sum(field) => {
                let (number, counts) = self.valued(field, feature, counts);
                let aggregate = of("sum", &dialect.wide(&number), &counts);
                (vec![(sum, aggregate)], dialect.narrow(&format!("COALESCE({the_sum}, 0)")))
            }
            Aggregate::Mean(field) => {
                let (number, counts) = self.valued(field, feature, counts);
                let aggregates = vec![counted(&counts), (sum, of("sum", &dialect.wide(&number), &counts))];
                let mean =
                    format!("({} / CAST(NULLIF({the_count}, 0) AS DOUBLE))", dialect.nearest(&the_sum));
                (aggregates, mean)
            }
            Aggregate::Deviation(field) => {
                let (number, counts) = self.valued(field, feature, counts);
                let wide = dialect.wide(&number);
                let aggregates = vec![
                    counted(&counts),
                    (sum, of("sum", &wide, &counts)),
                    (squares, of("sum", &format!("{wide} * {wide}"), &counts)),
                ];
                let count = dialect.wide(&the_count);
                let spread = dialect.nearest(&format!("({count} * {the_squares} - {the_sum} * {the_sum})"));
                let pairs = dialect.nearest(&format!("({count} * ({count} - 1))"));
                // Past this the engine's 128 bits overflow too.
                let fits = format!("CAST({the_count} AS DOUBLE) * CAST({the_squares} AS DOUBLE) < 1e38");
                let value = format!("CASE WHEN {the_count} > 1 AND {fits} THEN sqrt({spread} / {pairs}) END");
                (aggregates, value)
            }
            // What is out of scope is not asked for; see `scope`.
            Aggregate::First(_)
            | Aggregate::Last(_)
            | Aggregate::Previous(_)
            | Aggregate::Quantile(..)
            | Aggregate::ZScore(_)
            | Aggregate::Speed { .. }
            | Aggregate::Changed(_)
            | Aggregate::Ratio { .. } => (Vec::new(), "NULL".to_owned()),
        }
    }

    /// A field with what must hold for it to count as there; a payment always has an amount.
    fn valued(&mut self, field: NumberField, feature: &Feature, counts: &str) -> (String, String) {
        let number = self.printer.number(field);
        let there = match field {
            NumberField::Amount if feature.from.within(Kinds::PAYMENTS) => {
                return (number, counts.to_owned());
            }
            NumberField::Amount => format!("{number} IS NOT NULL"),
            NumberField::Extra(position) => {
                let ty = self.printer.set.schema.fields().get(position).map(|(_, ty)| *ty);
                let most = ty.map_or(0, ExtraType::magnitude_max);
                format!("{number} BETWEEN -{most} AND {most}")
            }
        };
        (number, format!("{counts} AND {there}"))
    }
}

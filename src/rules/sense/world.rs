//! What each term may be before a condition says anything of it: by its type, by what events allow, by bounds.
//!
//! Promises to leave out no value that the engine can bring.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::region::Term;
use super::values::{Domain, Values};
use crate::decision::Quality;
use crate::event::ExtraType;
use crate::event::{Form, Kind, Schema, TextField};
use crate::money::{self, AMOUNT_MINOR_MAX, Currency};
use crate::rules::names::{BuiltIn, ParamValue};
use crate::rules::params::Param;
use crate::rules::ruleset::{Aggregate, Kinds, NumberField, RuleSet, Window};
use crate::rules::sql::tree::Tree;
use crate::rules::types::Unit;
use crate::rules::{features, table, tables};
use crate::time::{TIME_US_MAX, TIME_US_MIN, parse_duration};

/// What a parameter is taken to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tuning {
    /// Anything within its bounds, where it has some.
    Bounds,
    /// The value that it has now.
    Present,
}

/// All that a rule file declares, as reasoning needs it.
#[derive(Debug)]
pub(super) struct World<'t> {
    pub(super) currency: Currency,
    /// Whether events may be in other currencies too.
    converts: bool,
    schema: &'t Schema,
    features: &'t [features::Declared<'t>],
    tables: &'t [tables::Declared<'t>],
    params: &'t [Param<'t>],
    by_name: BTreeMap<&'t str, usize>,
    /// Steps left for the condition that is reasoned about.
    left: Cell<u32>,
}

/// Most steps of reasoning about one condition; past them everything is held possible, and nothing more is told.
const STEPS_MAX: u32 = 20_000;

impl<'t> World<'t> {
    pub(super) fn new(
        set: &'t RuleSet,
        params: &'t [Param<'t>],
        features: &'t [features::Declared<'t>],
        tables: &'t [tables::Declared<'t>],
    ) -> Self {
        let by_name = params.iter().enumerate().map(|(at, param)| (param.name.text, at)).collect();
        let (currency, converts, schema) = (set.currency, set.rates.is_some(), &*set.schema);
        Self { currency, converts, schema, features, tables, params, by_name, left: Cell::new(STEPS_MAX) }
    }

    /// Begins to reason about another condition.
    pub(super) fn begin(&self) {
        self.left.set(STEPS_MAX);
    }

    /// Takes a step; `false` where none is left.
    pub(super) fn step(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    /// Whether steps are left, so that what is possible was looked at to the end.
    pub(super) fn finished(&self) -> bool {
        self.left.get() > 0
    }

    /// The position of a parameter.
    pub(super) fn param(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Whether a condition reads a parameter that switches rules on and off.
    pub(super) fn switches(&self, tree: &Tree) -> bool {
        let mut found = false;
        tree.walk(&mut |part| {
            let param = part.param.as_deref().and_then(|name| self.param_at(self.param(name)?));
            found |= param.is_some_and(Param::is_switch);
        });
        found
    }

    /// The parameter at a position.
    pub(super) fn param_at(&self, position: usize) -> Option<&'t Param<'t>> {
        self.params.get(position)
    }

    /// The feature at a position.
    pub(super) fn feature(&self, position: usize) -> Option<&'t features::Declared<'t>> {
        self.features.get(position)
    }

    /// The name of a term, as conditions have it.
    pub(super) fn name(&self, term: Term) -> &'t str {
        match term {
            Term::BuiltIn(field) => field.name(),
            Term::Extra(position) => self.schema.fields().get(position).map_or("", |(name, _)| name),
            Term::Feature(position) | Term::FeatureAsItIs(position) | Term::Quality(position) => {
                self.feature(position).map_or("", |declared| declared.name.text)
            }
            Term::Table(position) => self.tables.get(position).map_or("", |declared| declared.name.text),
            Term::Param(position) => self.param_at(position).map_or("", |param| param.name.text),
        }
    }

    /// Decimals between a unit and what conditions hold of it.
    pub(super) fn places(&self, unit: Unit) -> u32 {
        if unit == Unit::Money { money::decimals(self.currency) } else { 0 }
    }

    /// What a term may be in an event of one of these kinds.
    pub(super) fn domain(&self, term: Term, kinds: Kinds, tuning: Tuning) -> Domain<'t> {
        match term {
            Term::BuiltIn(field) => self.field(field, kinds),
            Term::Extra(position) => {
                let ty = self.schema.fields().get(position).map(|(_, ty)| *ty);
                Domain::nullable(ty.map_or(Values::Any, extra))
            }
            Term::Feature(position) => self.feature(position).map_or(Domain::nullable(Values::Any), computed),
            Term::FeatureAsItIs(position) => match self.feature(position) {
                // What has not left its window yet may be older than that.
                Some(declared) if declared.feature.aggregate == Aggregate::Since => {
                    Domain::nullable(Values::Whole(0, i64::MAX))
                }
                declared => declared.map_or(Domain::nullable(Values::Any), computed),
            },
            Term::Quality(_) => Domain::known(Values::words(Quality::ALL.map(Quality::name).to_vec())),
            Term::Table(position) => match self.tables.get(position) {
                // Other events are not decided, so that no table has a value for them.
                Some(declared) if kinds == Kinds::TRANSACTIONS => given(&declared.table),
                Some(declared) => Domain { null: true, ..given(&declared.table) },
                None => Domain::nullable(Values::Any),
            },
            Term::Param(position) => {
                Domain::known(self.param_at(position).map_or(Values::Any, |param| set(param, tuning)))
            }
        }
    }

    fn field(&self, field: BuiltIn, kinds: Kinds) -> Domain<'t> {
        let of_kinds = || Kind::ALL.into_iter().filter(|kind| kinds.contains(*kind));
        let with_amount = of_kinds().all(|kind| kind.required().0);
        let values = match field {
            BuiltIn::Text(text) => {
                let needed =
                    text == TextField::Id || of_kinds().all(|kind| kind.required().1.contains(&text));
                let values = match text.form() {
                    Form::OneOf(words) => Values::words(words.to_vec()),
                    // An absent field is null, never empty.
                    Form::Free | Form::Identifier | Form::Ip => Values::Other(vec![""]),
                    Form::Words => Values::Any,
                };
                return Domain { null: !needed, values };
            }
            BuiltIn::Amount => {
                return Domain { null: !with_amount, values: Values::Whole(0, AMOUNT_MINOR_MAX) };
            }
            BuiltIn::Currency if self.converts => {
                return Domain { null: !with_amount, values: Values::Other(vec![""]) };
            }
            BuiltIn::Currency => {
                return Domain { null: !with_amount, values: Values::Words(vec![self.currency.code()]) };
            }
            BuiltIn::Kind => return Domain::known(Values::words(of_kinds().map(Kind::name).collect())),
            BuiltIn::Time => return Domain::known(Values::Whole(TIME_US_MIN, TIME_US_MAX)),
            BuiltIn::Hour => return Domain::known(Values::Whole(0, 23)),
            BuiltIn::Weekday => return Domain::known(Values::Whole(1, 7)),
            BuiltIn::Received => Values::Whole(TIME_US_MIN, TIME_US_MAX),
            BuiltIn::SameOwner => Values::Truth(true, true),
            BuiltIn::Latitude => Values::Decimal(-90.0, 90.0),
            BuiltIn::Longitude => Values::Decimal(-180.0, 180.0),
            BuiltIn::Level => Values::Whole(i64::MIN, i64::MAX),
        };
        Domain::nullable(values)
    }
}

fn extra<'t>(ty: ExtraType) -> Values<'t> {
    match ty {
        ExtraType::Text | ExtraType::Identifier => Values::Other(vec![""]),
        ExtraType::Boolean => Values::Truth(true, true),
        ExtraType::Decimal => Values::Decimal(f64::MIN, f64::MAX),
        ExtraType::Time => Values::Whole(TIME_US_MIN, TIME_US_MAX),
        ExtraType::Integer | ExtraType::Money | ExtraType::Duration => Values::Whole(i64::MIN, i64::MAX),
    }
}

/// A mean is rounded, so it may pass the greatest amount by a little.
const MEAN_MAX: f64 = 2.0 * AMOUNT_MINOR_MAX as f64;

/// A feature can always be null: its key may be absent.
fn computed<'t>(declared: &features::Declared<'_>) -> Domain<'t> {
    let feature = &declared.feature;
    let amount = |field| field == NumberField::Amount;
    let values = match feature.aggregate {
        Aggregate::Count | Aggregate::Distinct(_) => Values::Whole(0, i64::MAX),
        Aggregate::IsNew | Aggregate::Changed(_) => Values::Truth(true, true),
        Aggregate::Sum(field) if amount(field) => Values::Whole(0, i64::MAX),
        Aggregate::Min(field)
        | Aggregate::Max(field)
        | Aggregate::First(field)
        | Aggregate::Last(field)
        | Aggregate::Previous(field)
            if amount(field) =>
        {
            Values::Whole(0, AMOUNT_MINOR_MAX)
        }
        // It stands for its neighbours, so it may pass the greatest amount by a little.
        Aggregate::Quantile(field, _) if amount(field) => Values::Whole(0, 2 * AMOUNT_MINOR_MAX),
        Aggregate::Sum(_)
        | Aggregate::Min(_)
        | Aggregate::Max(_)
        | Aggregate::First(_)
        | Aggregate::Last(_)
        | Aggregate::Previous(_)
        | Aggregate::Quantile(..) => Values::Whole(i64::MIN, i64::MAX),
        Aggregate::Mean(field) if amount(field) => Values::Decimal(0.0, MEAN_MAX),
        Aggregate::Mean(_) => Values::Decimal(f64::MIN, f64::MAX),
        Aggregate::Deviation(_) | Aggregate::Speed { .. } => Values::Decimal(0.0, f64::MAX),
        Aggregate::ZScore(_) | Aggregate::Ratio { .. } => Values::Decimal(f64::MIN, f64::MAX),
        Aggregate::Since => match feature.window {
            // A window that is a parameter is tuned with it.
            Window::Sliding { length_us }
                if declared.over.is_some_and(|over| parse_duration(over).is_ok())
                    && declared.delay.is_none_or(|delay| parse_duration(delay).is_ok()) =>
            {
                Values::Whole(0, length_us + feature.delay_us)
            }
            Window::Sliding { .. } | Window::Day | Window::Month | Window::Forever => {
                Values::Whole(0, i64::MAX)
            }
        },
    };
    Domain::nullable(values)
}

/// What a table may give; it is null where no row holds, or where an unknown row means so.
fn given(table: &table::Table) -> Domain<'_> {
    let always = table.on_unknown != table::UnknownRow::Unknown && table.values.len() > table.rows.len();
    let values = match &table.values {
        table::Values::Text(texts) => {
            Values::words(texts.iter().map(|text| &**text).collect::<BTreeSet<_>>().into_iter().collect())
        }
        table::Values::Whole(values) => match (values.iter().min(), values.iter().max()) {
            (Some(low), Some(high)) => Values::Whole(*low, *high),
            _ => Values::None,
        },
        table::Values::Decimal(values) => {
            let low = values.iter().copied().fold(f64::MAX, f64::min);
            Values::decimal(low, values.iter().copied().fold(f64::MIN, f64::max))
        }
        table::Values::Boolean(values) => Values::truth(values.contains(&true), values.contains(&false)),
    };
    Domain { null: !always, values }
}

fn set<'t>(param: &'t Param<'_>, tuning: Tuning) -> Values<'t> {
    let present = match &param.value {
        ParamValue::Whole(value, _) => Values::Whole(*value, *value),
        ParamValue::Decimal(value) => Values::Decimal(*value, *value),
        ParamValue::Boolean(value) => Values::Truth(*value, !*value),
        ParamValue::Text(text) => Values::Words(vec![text]),
    };
    if param.is_switch() {
        return match param.one_of.is_empty() {
            true => Values::Truth(true, true),
            false => Values::words(param.one_of.iter().map(String::as_str).collect()),
        };
    }
    if tuning == Tuning::Present || (param.min.is_none() && param.max.is_none()) {
        return present;
    }
    let bounds = (&param.value, param.min.as_ref(), param.max.as_ref());
    match bounds {
        (ParamValue::Whole(..), min, max) => {
            let bound = |bound: Option<&ParamValue>, default| match bound {
                None => Some(default),
                Some(ParamValue::Whole(value, _)) => Some(*value),
                // It could be tuned to a number that is not whole.
                Some(_) => None,
            };
            let range = bound(min, i64::MIN).zip(bound(max, i64::MAX));
            range.map_or(Values::Any, |(min, max)| Values::whole(min, max))
        }
        (ParamValue::Decimal(_), min, max) => {
            let bound = |bound: Option<&ParamValue>, default| match bound {
                Some(ParamValue::Whole(value, _)) => *value as f64,
                Some(ParamValue::Decimal(value)) => *value,
                _ => default,
            };
            Values::decimal(bound(min, f64::MIN), bound(max, f64::MAX))
        }
        _ => present,
    }
}

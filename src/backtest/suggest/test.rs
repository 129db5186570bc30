//! Tests of one value: what conditions are joined of.
//!
//! Promises that what is unknown passes no test, as a rule that is silent where it does not know.

use super::attributes::{Attributes, Form};
use super::round::settled;
use super::rows::Kept;
use crate::rules::Unit;

/// Thresholds of one attribute and direction at most: half of them where the missed frauds are, half where all payments are.
const THRESHOLDS_MAX: usize = 32;

/// What no threshold exceeds: windows take in no more.
const NUMBER_MAX: f64 = 1e15;

/// What a value is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Is {
    AtLeast(f64),
    AtMost(f64),
    /// The number of a text, or 1 and 0 for true and false.
    Equal(f64),
}

/// A test of one attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Test {
    /// Its position among the attributes.
    pub(super) attribute: usize,
    pub(super) is: Is,
}

impl Test {
    /// Whether a value passes.
    pub(super) fn holds(&self, value: f64) -> bool {
        match self.is {
            Is::AtLeast(least) => value >= least,
            Is::AtMost(most) => value <= most,
            Is::Equal(number) => value == number,
        }
    }

    /// Whether both together say more than each: of one attribute only a lower and an upper bound do.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        self.attribute != other.attribute
            || match (self.is, other.is) {
                (Is::AtLeast(least), Is::AtMost(most)) | (Is::AtMost(most), Is::AtLeast(least)) => {
                    least <= most
                }
                _ => false,
            }
    }
}

/// All tests that are searched among, attribute by attribute.
pub(super) fn all(attributes: &Attributes, kept: &Kept) -> Vec<Test> {
    let mut tests = Vec::new();
    for (at, attribute) in attributes.iter().enumerate().filter(|(_, attribute)| attribute.is_searched()) {
        let mut add = |is| tests.push(Test { attribute: at, is });
        match attribute.form {
            Form::Number { .. } => {
                let (at_least, at_most) = thresholds(attribute.form, &known(kept, at));
                at_least.into_iter().for_each(|value| add(Is::AtLeast(value)));
                at_most.into_iter().for_each(|value| add(Is::AtMost(value)));
            }
            // What no missed fraud has catches none.
            Form::Truth | Form::Text => {
                let [frauds, _] = known(kept, at);
                distinct(frauds).into_iter().for_each(|value| add(Is::Equal(value)));
            }
        }
    }
    tests
}

/// The values of an attribute that are known, ascending: of the missed frauds, and of all.
fn known(kept: &Kept, at: usize) -> [Vec<f64>; 2] {
    let sorted = |values: &mut dyn Iterator<Item = f64>| {
        let mut values: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let all = sorted(&mut kept.frauds.column(at).chain(kept.genuine.column(at)));
    [sorted(&mut kept.frauds.column(at)), all]
}

/// Lower and upper bounds, ascending.
fn thresholds(form: Form, [frauds, all]: &[Vec<f64>; 2]) -> (Vec<f64>, Vec<f64>) {
    let mut values = distinct(all.clone());
    if values.len() > THRESHOLDS_MAX {
        values = quantiles(frauds).chain(quantiles(all)).collect();
    }
    // A bound outside of what missed frauds have says nothing, or catches none.
    let [Some(&low), Some(&high)] = [frauds.first(), frauds.last()] else { return Default::default() };
    values.retain(|value| (low..=high).contains(value) && can_be_said(*value, form));
    let settle = |up| {
        let mut settled: Vec<f64> = values.iter().map(|&value| settled(value, form, up)).collect();
        settled.sort_unstable_by(f64::total_cmp);
        distinct(settled)
    };
    (settle(false), settle(true))
}

/// Whether a rule file may have a parameter of that value.
fn can_be_said(value: f64, form: Form) -> bool {
    let least = match form {
        Form::Number { unit: Unit::Plain, .. } => -NUMBER_MAX,
        _ => 0.0,
    };
    (least..=NUMBER_MAX).contains(&value)
}

/// Quantiles of sorted values, with both ends.
fn quantiles(sorted: &[f64]) -> impl Iterator<Item = f64> + '_ {
    let last = sorted.len().saturating_sub(1);
    let steps = THRESHOLDS_MAX / 2 - 1;
    (0..=steps).filter_map(move |step| sorted.get(last * step / steps).copied())
}

/// Each of sorted values once.
fn distinct(mut sorted: Vec<f64>) -> Vec<f64> {
    sorted.dedup();
    sorted
}

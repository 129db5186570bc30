//! What is varied: parameters with the values that each is tried with, in the units in which the rule file writes them.
//!
//! Promises that each value is one that the rule file could have, each combination comes once, and the rule file's own comes first.

use std::str::FromStr;

use thiserror::Error;

use crate::money::{Decimals, parse_major};
use crate::rules::{Parameter, Quantity, Unit, did_you_mean, listed, near};
use crate::time::parse_duration;

/// Most combinations of one sweep.
pub const COMBINATIONS_MAX: usize = 100_000;

/// Most values of one parameter.
pub const VALUES_MAX: usize = 10_000;

/// What one parameter is varied over, as it is written: `NAME=LOW..HIGH/STEPS` or `NAME=A,B,C`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vary {
    name: String,
    over: Over,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Over {
    Values(Vec<String>),
    /// So many values, evenly, with both ends among them.
    Range(String, String, usize),
}

/// Why nothing can be varied so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GridError {
    /// It is not written as anything that is varied.
    #[error("`{0}` says no values: write NAME=LOW..HIGH/STEPS, or NAME=A,B,C")]
    Written(String),
    /// The number of steps is none.
    #[error("`{0}` is no number of values: a range has 2 to {VALUES_MAX}, both ends among them")]
    Steps(String),
    /// There is no such parameter.
    #[error("there is no parameter `{name}`; {hint}")]
    Unknown {
        /// As it was written.
        name: String,
        /// Which there are.
        hint: String,
    },
    /// It is varied already.
    #[error("`{0}` is varied twice; give all its values at once")]
    Twice(String),
    /// A value is of another type.
    #[error("`{value}` is no value of `{name}`, which is {kind}")]
    Type {
        /// The parameter.
        name: String,
        /// As it was written.
        value: String,
        /// What it is, with an example.
        kind: String,
    },
    /// Only numbers have a range.
    #[error("`{0}` has no order, so that it has no range; write its values one by one: {0}=A,B,C")]
    NoRange(String),
    /// The range ends before it begins.
    #[error("the range of `{0}` ends below its beginning; write the lower end first")]
    Backwards(String),
    /// A value is outside what the rule file allows.
    #[error("`{name}` can't be {value}: its `{bound}` in the rule file is {at}")]
    Outside {
        /// The parameter.
        name: String,
        /// The value.
        value: String,
        /// `min` or `max`.
        bound: &'static str,
        /// What that is.
        at: String,
    },
    /// A text that the rule file does not allow.
    #[error("`{name}` can't be `{value}`: the rule file says {one_of}")]
    NotAmong {
        /// The parameter.
        name: String,
        /// The value.
        value: String,
        /// Which texts it may be.
        one_of: String,
    },
    /// Nothing is varied.
    #[error("nothing is varied; say at least one parameter with its values")]
    Nothing,
    /// There are too many combinations.
    #[error(
        "these are more than {COMBINATIONS_MAX} combinations; give fewer values, or sweep one after the other"
    )]
    TooMany,
}

impl FromStr for Vary {
    type Err = GridError;

    fn from_str(text: &str) -> Result<Self, GridError> {
        let written = || GridError::Written(text.to_owned());
        let (name, values) = text.split_once('=').ok_or_else(written)?;
        let (name, values) = (name.trim().to_owned(), values.trim());
        if name.is_empty() || values.is_empty() {
            return Err(written());
        }
        let Some((low, rest)) = values.split_once("..") else {
            let values = values.split(',').map(|value| value.trim().to_owned()).collect();
            return Ok(Self { name, over: Over::Values(values) });
        };
        let (high, steps) = rest.split_once('/').ok_or_else(written)?;
        let count =
            steps.trim().replace('_', "").parse().ok().filter(|count| (2..=VALUES_MAX).contains(count));
        let count = count.ok_or_else(|| GridError::Steps(steps.trim().to_owned()))?;
        let (low, high) = (low.trim().to_owned(), high.trim().to_owned());
        Ok(Self { name, over: Over::Range(low, high, count) })
    }
}

/// A parameter with the values that it is tried with.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) parameter: Parameter,
    /// Each once, as they were asked for; behind them its own, where nobody asked for that.
    pub(super) values: Vec<Quantity>,
    /// How many were asked for.
    asked: usize,
    /// Which one is its own.
    pub(super) own: usize,
}

/// All that is varied.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) axes: Vec<Axis>,
}

impl Grid {
    /// What is asked for of these parameters.
    pub(super) fn new(vary: &[Vary], parameters: &[Parameter]) -> Result<Self, GridError> {
        if vary.is_empty() {
            return Err(GridError::Nothing);
        }
        let mut axes: Vec<Axis> = Vec::new();
        for Vary { name, over } in vary {
            if axes.iter().any(|axis| axis.parameter.name == *name) {
                return Err(GridError::Twice(name.clone()));
            }
            let parameter = parameters.iter().find(|parameter| parameter.name == *name);
            axes.push(Axis::new(parameter.ok_or_else(|| unknown(name, parameters))?, over)?);
        }
        let count = axes.iter().try_fold(1_usize, |count, axis| count.checked_mul(axis.asked));
        match count {
            Some(count) if count <= COMBINATIONS_MAX => Ok(Self { axes }),
            _ => Err(GridError::TooMany),
        }
    }

    /// Every combination as a value of each axis: the rule file's own, and then all others, the last axis fastest.
    pub(super) fn combinations(&self) -> Vec<Vec<usize>> {
        let own: Vec<usize> = self.axes.iter().map(|axis| axis.own).collect();
        let mut all = vec![own.clone()];
        let mut next = vec![0; self.axes.len()];
        loop {
            if next != own {
                all.push(next.clone());
            }
            let Some(turned) = (0..next.len()).rev().find(|&at| self.turns(at, &next)) else { return all };
            for (at, value) in next.iter_mut().enumerate().skip(turned) {
                *value = if at == turned { *value + 1 } else { 0 };
            }
        }
    }

    fn turns(&self, axis: usize, at: &[usize]) -> bool {
        let last = self.axes.get(axis).map_or(0, |axis| axis.asked - 1);
        at.get(axis).is_some_and(|&value| value < last)
    }

    /// The parameters with their values, where these axes are as in a combination and all others are as in the rule file.
    pub(super) fn values(&self, axes: &[usize], combination: &[usize]) -> Vec<(&Parameter, &Quantity)> {
        let of = |&at: &usize| {
            let axis = self.axes.get(at)?;
            Some((&axis.parameter, axis.values.get(*combination.get(at)?)?))
        };
        axes.iter().filter_map(of).collect()
    }
}

/// A parameter by its name with a value as a rule file writes it.
pub(super) fn value<'p>(
    parameters: &'p [Parameter],
    name: &str,
    text: &str,
) -> Result<(&'p Parameter, Quantity), GridError> {
    let parameter = parameters.iter().find(|parameter| parameter.name == name);
    let parameter = parameter.ok_or_else(|| unknown(name, parameters))?;
    let value = read(parameter, text)?;
    within(parameter, &value)?;
    Ok((parameter, value))
}

fn unknown(name: &str, parameters: &[Parameter]) -> GridError {
    let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let hint = did_you_mean(near(name, names.iter().copied())).unwrap_or_else(|| match names.is_empty() {
        true => "the rule file has none".to_owned(),
        false => format!("there are {}", listed(&names, "and")),
    });
    GridError::Unknown { name: name.to_owned(), hint }
}

impl Axis {
    fn new(parameter: &Parameter, over: &Over) -> Result<Self, GridError> {
        let mut values: Vec<Quantity> = Vec::new();
        let all = match over {
            Over::Values(texts) => {
                texts.iter().map(|text| read(parameter, text)).collect::<Result<_, _>>()?
            }
            Over::Range(low, high, count) => {
                evenly(parameter, read(parameter, low)?, read(parameter, high)?, *count)?
            }
        };
        for value in all {
            within(parameter, &value)?;
            if !values.contains(&value) {
                values.push(value);
            }
        }
        let asked = values.len();
        if asked > VALUES_MAX {
            return Err(GridError::TooMany);
        }
        let own = values.iter().position(|value| *value == parameter.value).unwrap_or_else(|| {
            values.push(parameter.value.clone());
            asked
        });
        Ok(Self { parameter: parameter.clone(), values, asked, own })
    }
}

/// A value as a rule file writes it, of the type that the parameter has.
fn read(parameter: &Parameter, text: &str) -> Result<Quantity, GridError> {
    let digits = text.replace('_', "");
    let value = match parameter.value {
        Quantity::Truth(_) => text.parse().ok().map(Quantity::Truth),
        Quantity::Text(_) => Some(Quantity::Text(text.to_owned())),
        Quantity::Whole(_, Unit::Money) => {
            let minor = parse_major(&digits, parameter.currency, Decimals::Exact);
            minor.ok().map(|minor| Quantity::Whole(minor, Unit::Money))
        }
        Quantity::Whole(_, Unit::Duration) => {
            parse_duration(text).ok().map(|us| Quantity::Whole(us, Unit::Duration))
        }
        Quantity::Whole(_, unit) => digits.parse().ok().map(|number| Quantity::Whole(number, unit)),
        Quantity::Decimal(_, unit) => {
            let number = digits.parse().ok().filter(|number: &f64| number.is_finite());
            number.map(|number| Quantity::Decimal(number, unit))
        }
    };
    value.ok_or_else(|| GridError::Type {
        name: parameter.name.clone(),
        value: text.to_owned(),
        kind: kind(parameter),
    })
}

fn kind(parameter: &Parameter) -> String {
    let own = parameter.write(&parameter.value);
    match parameter.value {
        Quantity::Truth(_) => "true or false".to_owned(),
        Quantity::Text(_) => format!("a text such as {own}"),
        Quantity::Whole(_, Unit::Money) => {
            format!("an amount in {} such as {own}", parameter.currency.code())
        }
        Quantity::Whole(_, Unit::Duration) => format!("a duration such as {own}"),
        Quantity::Whole(..) => format!("a whole number such as {own}"),
        Quantity::Decimal(..) => format!("a number such as {own}"),
    }
}

/// So many values from one to the other. What is whole stays whole, and a duration between whole seconds is one.
fn evenly(
    parameter: &Parameter,
    low: Quantity,
    high: Quantity,
    count: usize,
) -> Result<Vec<Quantity>, GridError> {
    let name = || parameter.name.clone();
    let last = count.saturating_sub(1).max(1);
    match (low, high) {
        (Quantity::Whole(low, unit), Quantity::Whole(high, _)) => {
            if high < low {
                return Err(GridError::Backwards(name()));
            }
            let second = |us: i64| unit == Unit::Duration && us % 1_000_000 == 0;
            let step = if second(low) && second(high) { 1_000_000 } else { 1 };
            let span = i128::from(high) - i128::from(low);
            let of = |at: usize| {
                let (at, last) = (at as i128, last as i128 * step);
                let whole = (span * at * 2 + last).div_euclid(last * 2) * step;
                Quantity::Whole(low.saturating_add(whole as i64), unit)
            };
            Ok((0..=last).map(of).collect())
        }
        (Quantity::Decimal(low, unit), Quantity::Decimal(high, _)) => {
            if high < low {
                return Err(GridError::Backwards(name()));
            }
            let of = |at: usize| match at {
                _ if at == last => Quantity::Decimal(high, unit),
                _ => Quantity::Decimal(plain(low + (high - low) * at as f64 / last as f64), unit),
            };
            Ok((0..=last).map(of).collect())
        }
        _ => Err(GridError::NoRange(name())),
    }
}

/// A number without the noise of having been worked out: it is to be read in a rule file.
fn plain(number: f64) -> f64 {
    format!("{number:.11e}").parse().unwrap_or(number)
}

fn within(parameter: &Parameter, value: &Quantity) -> Result<(), GridError> {
    let number = |value: &Quantity| match value {
        Quantity::Whole(number, _) => Some(*number as f64),
        Quantity::Decimal(number, _) => Some(*number),
        Quantity::Truth(_) | Quantity::Text(_) => None,
    };
    let below = |one: &Quantity, other: &Quantity| match (one, other) {
        (Quantity::Whole(one, _), Quantity::Whole(other, _)) => one < other,
        _ => number(one) < number(other),
    };
    let bounds = [("min", &parameter.min, true), ("max", &parameter.max, false)];
    for (bound, at, is_low) in bounds {
        let Some(at) = at else { continue };
        let beyond = if is_low { below(value, at) } else { below(at, value) };
        if beyond {
            let (name, value, at) = (parameter.name.clone(), parameter.write(value), parameter.write(at));
            return Err(GridError::Outside { name, value, bound, at });
        }
    }
    match value {
        Quantity::Text(text) if !parameter.one_of.is_empty() && !parameter.one_of.contains(text) => {
            let words: Vec<&str> = parameter.one_of.iter().map(String::as_str).collect();
            let (name, value, one_of) = (parameter.name.clone(), text.clone(), listed(&words, "or"));
            Err(GridError::NotAmong { name, value, one_of })
        }
        _ => Ok(()),
    }
}

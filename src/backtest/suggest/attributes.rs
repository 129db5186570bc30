//! What may stand in a suggested condition: the features of the rule set, and fields of the payment itself.
//!
//! Promises values as conditions see them, known when the payment was decided: what its quality leaves unknown is unknown here.
//! What stands for somebody (accounts, devices, payees), what a payment was answered in history, and its label are never among them.

use crate::backtest::run::Shown;
use crate::decision::Value;
use crate::event::{Event, ExtraType, ExtraValue, TextField};
use crate::rules::{RuleSet, Unit};

/// The fields with text that a condition may be about, where they have few values.
const TEXTS: [TextField; 10] = [
    TextField::CustomerKind,
    TextField::Instrument,
    TextField::PayerInstitution,
    TextField::PayeeInstitution,
    TextField::Merchant,
    TextField::PaymentKind,
    TextField::Channel,
    TextField::Provider,
    TextField::Portal,
    TextField::InitiatedBy,
];

/// Most values of a field with text; one with more is given up.
const VALUES_MAX: usize = 50;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A number, held in minor units where it is money and in microseconds where it is a duration.
    Number {
        /// What it counts.
        unit: Unit,
        /// Whether a threshold of it is a whole number.
        whole: bool,
    },
    /// True is 1, false is 0.
    Truth,
    /// The position among the texts that the attribute had.
    Text,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Feature(usize),
    Amount,
    Hour,
    Weekday,
    SameOwner,
    Text(TextField),
    Extra(usize),
}

/// A name that a condition may be about.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) form: Form,
    source: Source,
    /// Of text: the values so far, in the order in which they came.
    texts: Vec<String>,
    /// It had too many.
    given_up: bool,
}

/// All of them.
#[derive(Clone, Debug)]
pub(super) struct Attributes(Vec<Attribute>);

impl Attributes {
    /// Those of a rule set: fields first, then features by name.
    pub(super) fn of(rules: &RuleSet) -> Self {
        let plain = Form::Number { unit: Unit::Plain, whole: true };
        let mut all = Self(Vec::new());
        all.add("amount", Form::Number { unit: Unit::Money, whole: true }, Source::Amount);
        all.add("hour", plain, Source::Hour);
        all.add("weekday", plain, Source::Weekday);
        all.add("same_owner", Form::Truth, Source::SameOwner);
        for field in TEXTS {
            all.add(field.name(), Form::Text, Source::Text(field));
        }
        for (at, (name, ty)) in rules.schema.fields().iter().enumerate() {
            if let Some(form) = form(*ty, *ty == ExtraType::Decimal) {
                all.add(name, form, Source::Extra(at));
            }
        }
        for (at, feature) in rules.features.iter().enumerate() {
            if let Some(form) = form(feature.ty, feature.aggregate.is_decimal()) {
                all.add(&feature.name, form, Source::Feature(at));
            }
        }
        all
    }

    fn add(&mut self, name: &str, form: Form, source: Source) {
        self.0.push(Attribute { name: name.to_owned(), form, source, texts: Vec::new(), given_up: false });
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Attribute> {
        self.0.get(at)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Attribute> {
        self.0.iter()
    }

    /// The values of a payment that was just decided, in their order; what is unknown is no number.
    pub(super) fn read(&mut self, shown: &Shown<'_>, values: &mut Vec<f64>) {
        let facts = shown.basis.facts();
        let hour_and_weekday = [facts.hour, facts.weekday];
        values.clear();
        for attribute in &mut self.0 {
            let value = match attribute.source {
                Source::Feature(at) => facts.features.get(at).and_then(|reading| match reading.known() {
                    Value::Null => None,
                    Value::Boolean(truth) => Some(f64::from(u8::from(truth))),
                    Value::Whole(number) => Some(number as f64),
                    Value::Decimal(number) => Some(number),
                }),
                Source::Amount => facts.event.amount().map(|amount| amount.minor as f64),
                Source::Hour => Some(hour_and_weekday[0] as f64),
                Source::Weekday => Some(hour_and_weekday[1] as f64),
                Source::SameOwner => facts.event.same_owner().map(|truth| f64::from(u8::from(truth))),
                Source::Text(field) => facts.event.text(field).and_then(|text| attribute.number(text)),
                Source::Extra(at) => attribute.extra(facts.event, at),
            };
            values.push(value.filter(|value| value.is_finite()).unwrap_or(f64::NAN));
        }
    }
}

/// What a declared type is held as; nothing where no threshold makes sense.
fn form(ty: ExtraType, is_decimal: bool) -> Option<Form> {
    Some(match ty {
        ExtraType::Boolean => Form::Truth,
        ExtraType::Text => Form::Text,
        ExtraType::Money => Form::Number { unit: Unit::Money, whole: true },
        ExtraType::Duration => Form::Number { unit: Unit::Duration, whole: true },
        ExtraType::Integer | ExtraType::Decimal => {
            let whole = ty == ExtraType::Integer && !is_decimal;
            Form::Number { unit: Unit::Plain, whole }
        }
        // A moment of the past never comes again, and who it is says nothing of others.
        ExtraType::Time | ExtraType::Identifier => return None,
    })
}

impl Attribute {
    /// The number of a text; of none where there are too many to be told apart.
    fn number(&mut self, text: &str) -> Option<f64> {
        if self.given_up {
            return None;
        }
        let held = self.texts.iter().position(|held| held == text);
        let number = held.unwrap_or(self.texts.len());
        if held.is_none() && number < VALUES_MAX {
            self.texts.push(text.to_owned());
        }
        self.given_up |= number >= VALUES_MAX;
        (number < VALUES_MAX).then_some(number as f64)
    }

    fn extra(&mut self, event: &Event, at: usize) -> Option<f64> {
        Some(match event.extra(at)? {
            ExtraValue::Text(text) => return self.number(text),
            ExtraValue::Whole(number) => number as f64,
            ExtraValue::Decimal(number) => number,
            ExtraValue::Boolean(truth) => f64::from(u8::from(truth)),
        })
    }

    /// Whether conditions may be about it.
    pub(super) fn is_searched(&self) -> bool {
        !self.given_up
    }

    /// The text of a number.
    pub(super) fn text(&self, number: f64) -> &str {
        self.texts.get(number as usize).map_or("", String::as_str)
    }
}

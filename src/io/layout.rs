//! A mapping put onto the columns of one file and the fields of one rule set: from rows to events.

use super::cells::{Cell, ExtraForm, Row, TimeForm};
use super::error::{MappingError, Reason};
use super::mapping::{CurrencyFrom, Entry, Mapping, Origin, Unit};
use super::names::{currency_of, kind_of};
use super::section::misplaced;
use crate::event::{Draft, EventError, ExtraType, Kind, Schema, TextField};
use crate::money::{Currency, Decimals};

/// A mapping whose columns are found.
pub(super) struct Layout {
    kind: KindFrom,
    time: (Cell, TimeForm),
    steps: Vec<Step>,
    prefixed: String,
}

enum KindFrom {
    Constant(Kind),
    Column(Cell),
}

struct Step {
    cell: Cell,
    to: To,
}

enum To {
    Text(TextField),
    Received(TimeForm),
    Expires(TimeForm),
    Amount(AmountForm),
    Rate,
    SameOwner,
    Level,
    /// The cell is the latitude.
    Location {
        longitude: Cell,
    },
    Extra(String, ExtraForm),
}

struct AmountForm {
    major: bool,
    decimals: Decimals,
    currency: CurrencyOf,
}

enum CurrencyOf {
    Constant(Currency),
    Column(Box<Cell>),
}

impl Layout {
    /// Finds the mapping's columns in the header, and the types of its extra fields in the schema.
    pub(super) fn new(mapping: &Mapping, header: &[String], schema: &Schema) -> Result<Self, MappingError> {
        let cell = |entry: &Entry| Cell::new(entry, header);
        let kind = match &mapping.kind.from {
            Origin::Constant(word) => KindFrom::Constant(kind_of(word).map_err(MappingError::Constant)?),
            Origin::Column(_) => KindFrom::Column(cell(&mapping.kind)?),
        };
        let mut steps = Vec::new();
        let mut step = |cell: Cell, to: To| steps.push(Step { cell, to });
        for (field, entry) in &mapping.texts {
            step(cell(entry)?, To::Text(*field));
        }
        if let Some(entry) = &mapping.amount {
            step(cell(entry)?, To::Amount(amount_form(entry, header)?));
        }
        if let Some(entry) = &mapping.rate {
            step(cell(entry)?, To::Rate);
        }
        if let Some(entry) = &mapping.received {
            step(cell(entry)?, To::Received(time_form(entry)));
        }
        if let Some(entry) = &mapping.expires {
            step(cell(entry)?, To::Expires(time_form(entry)));
        }
        if let Some(entry) = &mapping.same_owner {
            step(cell(entry)?, To::SameOwner);
        }
        if let Some(entry) = &mapping.level {
            step(cell(entry)?, To::Level);
        }
        if let Some((latitude, longitude)) = &mapping.location {
            step(cell(latitude)?, To::Location { longitude: cell(longitude)? });
        }
        for (name, entry) in &mapping.extras {
            let ty = schema.find(name).map(|(_, ty)| ty);
            step(cell(entry)?, To::Extra(name.clone(), extra_form(entry, ty, mapping)?));
        }
        let time = (cell(&mapping.time)?, time_form(&mapping.time));
        let mut layout = Self { kind, time, steps, prefixed: String::new() };
        layout.check_constants(schema).map_err(MappingError::Constant)?;
        Ok(layout)
    }

    /// A constant that no event takes would make every row a bad one.
    fn check_constants(&mut self, schema: &Schema) -> Result<(), Reason> {
        let mut draft = Draft::new(std::sync::Arc::new(schema.clone()));
        let row = Row { text: "", ends: &[] };
        for step in self.steps.iter().filter(|step| step.is_constant()) {
            step.take(row, &mut self.prefixed, &mut draft)?;
        }
        Ok(())
    }

    /// Sets all that the row says; whether it is a whole event, [`Draft::seal`] tells.
    pub(super) fn parse(&mut self, row: Row<'_>, draft: &mut Draft) -> Result<(), Reason> {
        let kind = match &self.kind {
            KindFrom::Constant(kind) => *kind,
            KindFrom::Column(cell) => kind_of(cell.text(row)?.ok_or(Reason::Missing { key: "kind" })?)?,
        };
        let (cell, form) = &self.time;
        draft.begin(kind, form.read(cell, cell.text(row)?.ok_or(Reason::Missing { key: "time" })?)?)?;
        for step in &self.steps {
            step.take(row, &mut self.prefixed, draft)?;
        }
        Ok(())
    }
}

impl Step {
    fn is_constant(&self) -> bool {
        let other = match &self.to {
            To::Location { longitude } => Some(longitude),
            To::Amount(AmountForm { currency: CurrencyOf::Column(cell), .. }) => Some(&**cell),
            _ => None,
        };
        self.cell.at.is_none() && other.is_none_or(|cell| cell.at.is_none())
    }

    fn take(&self, row: Row<'_>, prefixed: &mut String, draft: &mut Draft) -> Result<(), Reason> {
        let cell = &self.cell;
        let text = cell.text(row)?;
        if let To::Location { longitude } = &self.to {
            return match (text, longitude.text(row)?) {
                (None, None) => Ok(()),
                (Some(_), None) => Err(Reason::Apart { there: "latitude", missing: "longitude" }),
                (None, Some(_)) => Err(Reason::Apart { there: "longitude", missing: "latitude" }),
                (Some(north), Some(east)) => {
                    Ok(draft.location(cell.decimal(north)?, longitude.decimal(east)?)?)
                }
            };
        }
        let Some(text) = text else { return Ok(()) };
        match &self.to {
            To::Text(field) => draft.text(*field, cell.prefixed(text, prefixed))?,
            To::Received(form) => draft.received_us(form.read(cell, text)?)?,
            To::Expires(form) => draft.expires_us(form.read(cell, text)?)?,
            To::SameOwner => draft.same_owner(cell.boolean(text)?),
            To::Rate => draft.rate(text)?,
            To::Level => draft.level(cell.whole(text)?),
            To::Extra(name, form) => draft.extra(name, form.read(cell, text, prefixed)?)?,
            To::Amount(form) => {
                let currency = match &form.currency {
                    CurrencyOf::Constant(currency) => *currency,
                    CurrencyOf::Column(code) => match code.text(row)? {
                        Some(text) => currency_of(&code.name, text)?,
                        None => return Err(Reason::Apart { there: "amount", missing: "currency" }),
                    },
                };
                let minor =
                    if form.major { cell.major(text, currency, form.decimals)? } else { cell.whole(text)? };
                draft.amount(minor, currency).map_err(|e| match e {
                    EventError::Money(source) => Reason::Money { key: cell.name.clone(), source },
                    other => other.into(),
                })?;
            }
            To::Location { .. } => {}
        }
        Ok(())
    }
}

fn places(unit: Option<Unit>) -> Option<u32> {
    match unit? {
        Unit::Microseconds => Some(0),
        Unit::Milliseconds => Some(3),
        Unit::Seconds => Some(6),
        Unit::Rfc3339 | Unit::Minor | Unit::Major => None,
    }
}

fn time_form(entry: &Entry) -> TimeForm {
    places(entry.unit)
        .map_or(TimeForm::Rfc3339, |places| TimeForm::Counted { places, since_us: entry.since_us })
}

fn amount_form(entry: &Entry, header: &[String]) -> Result<AmountForm, MappingError> {
    let currency = match &entry.currency {
        Some(CurrencyFrom::Constant(currency)) => CurrencyOf::Constant(*currency),
        Some(CurrencyFrom::Column(code)) => CurrencyOf::Column(Box::new(Cell::new(code, header)?)),
        None => return Err(entry.no_currency()),
    };
    Ok(AmountForm { major: entry.unit == Some(Unit::Major), decimals: entry.decimals, currency })
}

fn extra_form(entry: &Entry, ty: Option<ExtraType>, mapping: &Mapping) -> Result<ExtraForm, MappingError> {
    let Some(ty) = ty else {
        // No rule file declares it: it only tells this event from another of its id.
        return Ok(ExtraForm::Text);
    };
    let (time, money) = (matches!(ty, ExtraType::Time), matches!(ty, ExtraType::Money));
    let stray = [
        ("prefix", !entry.prefix.is_empty() && ty.form().is_none()),
        ("unit", entry.unit.is_some() && !time && !money && ty != ExtraType::Duration),
        ("since", entry.since_us != 0 && !time),
        ("currency", entry.currency.is_some() && !money),
        ("round", entry.decimals == Decimals::Round && !money),
    ];
    if let Some((name, _)) = stray.iter().find(|(_, stray)| *stray) {
        return Err(misplaced(
            &format!("{}.{name}", entry.key),
            "the rule file declares a field of another type",
        ));
    }
    match ty {
        ExtraType::Text | ExtraType::Identifier => Ok(ExtraForm::Text),
        ExtraType::Integer => Ok(ExtraForm::Whole),
        ExtraType::Decimal => Ok(ExtraForm::Decimal),
        ExtraType::Boolean => Ok(ExtraForm::Boolean),
        ExtraType::Time => match entry.check_time() {
            Ok(()) if matches!(entry.unit, Some(Unit::Minor | Unit::Major)) => {
                Err(entry.wrong_unit("us, ms or s"))
            }
            checked => checked.map(|()| ExtraForm::Time(time_form(entry))),
        },
        ExtraType::Duration => {
            let places = places(entry.unit).ok_or_else(|| entry.wrong_unit("us, ms or s"))?;
            Ok(ExtraForm::Duration { places })
        }
        ExtraType::Money => match entry.unit {
            Some(Unit::Minor) => Ok(ExtraForm::Whole),
            Some(Unit::Major) => {
                let of_amount = mapping.amount.as_ref().and_then(|amount| amount.currency.as_ref());
                match entry.currency.as_ref().or(of_amount) {
                    Some(CurrencyFrom::Constant(currency)) => Ok(ExtraForm::Major(*currency, entry.decimals)),
                    _ => Err(entry.no_currency()),
                }
            }
            _ => Err(entry.wrong_unit("minor or major")),
        },
    }
}

//! Which column of a select is which field of an event, found once by names and types.
//!
//! Promises that a column whose type its field can't be read from is refused before any row is read, with what to write instead.

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Schema as ArrowSchema};
use datafusion::arrow::error::ArrowError;

use super::columns::{Majors, Shape, Texts, Times, booleans, numbers, wholes};
use crate::event::{ExtraType, Schema, TextField};
use crate::money::Currency;
use crate::time::Calendar;

/// Names of columns that no field of an event has.
pub(super) const BAD_LINE: &str = "bad_line";
const LABEL_SOURCE: &str = "label_source";
const LABEL_TIME: &str = "label_time";
const LABEL_CASE: &str = "label_case";
const WEIGHT: &str = "weight";
/// A text with the JSON object of an event's extra fields.
pub(super) const EXTRA: &str = "extra";

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Kind,
    Time,
    Received,
    Expires,
    Amount,
    Currency,
    Rate,
    Latitude,
    Longitude,
    SameOwner,
    Level,
    Text(TextField),
    /// All extra fields as JSON.
    ExtraJson,
    /// A declared extra field, by its position.
    Extra(usize, ExtraType),
    LabelSource,
    LabelTime,
    LabelCase,
    Weight,
    /// Why the row is no event.
    BadLine,
}

/// The columns of a select.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The position of the stream.
    pub(super) select: usize,
    roles: Vec<(usize, Role, Shape)>,
    /// What columns of nothing but nulls would be.
    empty: Vec<Role>,
    /// Columns that nothing takes.
    pub(super) unused: Vec<String>,
    /// Of amounts that say none.
    pub(super) currency: Currency,
    pub(super) calendar: Calendar,
}

/// One value of an extra field for each row.
#[derive(Clone, Debug)]
pub(super) enum Extras {
    Text(Texts),
    Whole(Int64Array),
    Number(Float64Array),
    Boolean(BooleanArray),
    Major(Majors),
    Time(Times),
}

/// The columns of a batch of rows, by what they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    pub(super) rows: usize,
    /// Of every column of the select, how many values are null.
    pub(super) nulls: Vec<usize>,
    pub(super) bad_line: Option<Texts>,
    pub(super) kind: Option<Texts>,
    pub(super) time: Option<Times>,
    pub(super) received: Option<Times>,
    pub(super) expires: Option<Times>,
    pub(super) amount: Option<Majors>,
    pub(super) amount_minor: Option<Int64Array>,
    pub(super) currency: Option<Texts>,
    pub(super) rate: Option<Texts>,
    pub(super) latitude: Option<Float64Array>,
    pub(super) longitude: Option<Float64Array>,
    pub(super) same_owner: Option<BooleanArray>,
    pub(super) level: Option<Int64Array>,
    /// But for the label and its kind, which on a payment are no part of the event.
    pub(super) texts: Vec<(TextField, Texts)>,
    pub(super) extra_json: Option<Texts>,
    pub(super) extras: Vec<(usize, Extras)>,
    pub(super) label: Option<Texts>,
    pub(super) label_kind: Option<Texts>,
    pub(super) label_source: Option<Texts>,
    pub(super) label_time: Option<Times>,
    pub(super) label_case: Option<Texts>,
    pub(super) weight: Option<Float64Array>,
}

/// What a name stands for, and as what its column is read.
fn role_of(name: &str, schema: &Schema) -> Option<(Role, Shape)> {
    let time = |role| Some((role, Shape::Time));
    let micros = |role| Some((role, Shape::Whole));
    match name {
        "kind" => Some((Role::Kind, Shape::Text)),
        "time" => time(Role::Time),
        "time_us" => micros(Role::Time),
        "received" => time(Role::Received),
        "received_us" => micros(Role::Received),
        "expires" => time(Role::Expires),
        "expires_us" => micros(Role::Expires),
        LABEL_TIME => time(Role::LabelTime),
        "label_time_us" => micros(Role::LabelTime),
        "amount" => Some((Role::Amount, Shape::Major)),
        "amount_minor" => Some((Role::Amount, Shape::Whole)),
        "currency" => Some((Role::Currency, Shape::Text)),
        "rate" => Some((Role::Rate, Shape::Exact)),
        "latitude" => Some((Role::Latitude, Shape::Number)),
        "longitude" => Some((Role::Longitude, Shape::Number)),
        "same_owner" => Some((Role::SameOwner, Shape::Boolean)),
        "level" => Some((Role::Level, Shape::Whole)),
        LABEL_SOURCE => Some((Role::LabelSource, Shape::Text)),
        LABEL_CASE => Some((Role::LabelCase, Shape::Text)),
        WEIGHT => Some((Role::Weight, Shape::Number)),
        BAD_LINE => Some((Role::BadLine, Shape::Text)),
        EXTRA => Some((Role::ExtraJson, Shape::Text)),
        _ => TextField::from_name(name)
            .map(|field| (Role::Text(field), Shape::Text))
            .or_else(|| extra_of(name, schema)),
    }
}

/// A declared field: money also in minor units, and times and durations in microseconds, where the name says so.
fn extra_of(name: &str, schema: &Schema) -> Option<(Role, Shape)> {
    let declared = |name: &str| schema.find(name);
    let (position, ty, shape) = match declared(name) {
        Some((position, ty)) => {
            let shape = match ty {
                ExtraType::Text | ExtraType::Identifier => Shape::Text,
                ExtraType::Integer | ExtraType::Duration => Shape::Whole,
                ExtraType::Decimal => Shape::Number,
                ExtraType::Boolean => Shape::Boolean,
                ExtraType::Money => Shape::Major,
                ExtraType::Time => Shape::Time,
            };
            (position, ty, shape)
        }
        None => {
            let of = |suffix, wanted: &[ExtraType]| {
                declared(name.strip_suffix(suffix)?).filter(|(_, ty)| wanted.contains(ty))
            };
            let minor = of("_minor", &[ExtraType::Money]);
            let (position, ty) = minor.or_else(|| of("_us", &[ExtraType::Time, ExtraType::Duration]))?;
            (position, ty, Shape::Whole)
        }
    };
    Some((Role::Extra(position, ty), shape))
}

impl Layout {
    /// Of a select's columns, with the extra fields that a rule set declares. What is wrong is told by all that is wrong.
    pub(super) fn new(
        select: usize,
        columns: &ArrowSchema,
        schema: &Schema,
        (currency, calendar): (Currency, &Calendar),
    ) -> Result<Self, String> {
        let (mut roles, mut empty, mut unused, mut wrong) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (at, field) in columns.fields().iter().enumerate() {
            let Some((role, shape)) = role_of(field.name(), schema) else {
                unused.push(field.name().clone());
                continue;
            };
            // A column of nothing but nulls says nothing in any row.
            if *field.data_type() == DataType::Null {
                empty.push(role);
                continue;
            }
            let before = roles.iter().find(|(_, other, _)| *other == role);
            if let Some(&(before, ..)) = before {
                let before = columns.field(before).name();
                wrong.push(format!("`{before}` and `{}` say the same; write one of them", field.name()));
            }
            wrong.extend(shape.refuses(field.name(), field.data_type()));
            roles.push((at, role, shape));
        }
        if wrong.is_empty() {
            Ok(Self { select, roles, empty, unused, currency, calendar: calendar.clone() })
        } else {
            Err(wrong.join("; "))
        }
    }

    /// What every event needs and no column gives.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        let has =
            |wanted| self.roles.iter().any(|(_, role, _)| *role == wanted) || self.empty.contains(&wanted);
        if !has(Role::Text(TextField::Id)) {
            Some("no column is called `id`; every event needs one: `cast(COLUMN as varchar) as id`")
        } else if !has(Role::Time) {
            Some("no column is called `time` or `time_us`; every event needs one: `COLUMN as time`")
        } else if !has(Role::Kind) && !has(Role::Amount) {
            Some(
                "no column is called `amount` or `amount_minor`; a payment needs one, and without a column `kind` every row is a payment",
            )
        } else {
            None
        }
    }

    /// The positions of extra fields of a rule set that some column gives; all of them where they come as JSON.
    pub(super) fn gives(&self, extra: usize) -> bool {
        self.roles.iter().any(|(_, role, _)| match role {
            Role::Extra(position, _) => *position == extra,
            Role::ExtraJson => true,
            _ => false,
        })
    }

    /// Whether some column gives a text field.
    pub(super) fn gives_text(&self, field: TextField) -> bool {
        self.roles.iter().any(|(_, role, _)| *role == Role::Text(field))
    }

    /// A batch's columns.
    pub(super) fn columns(&self, batch: &RecordBatch) -> Result<Columns, ArrowError> {
        let nulls: Vec<usize> = batch.columns().iter().map(|array| array.logical_null_count()).collect();
        let mut columns = Columns { rows: batch.num_rows(), ..Columns::default() };
        let mut calendar = self.calendar.clone();
        for &(at, role, shape) in &self.roles {
            // Of an event's many fields most say nothing for long; where no row says its kind, that is missing in each.
            if nulls[at] < columns.rows || role == Role::Kind {
                columns.set(role, shape, batch.column(at), &mut calendar)?;
            }
        }
        columns.nulls = nulls;
        Ok(columns)
    }
}

impl Columns {
    fn set(
        &mut self,
        role: Role,
        shape: Shape,
        array: &ArrayRef,
        calendar: &mut Calendar,
    ) -> Result<(), ArrowError> {
        let mut times = || match shape {
            Shape::Whole => Times::whole(array),
            _ => Times::of(array, calendar),
        };
        match role {
            Role::Time => self.time = Some(times()?),
            Role::Received => self.received = Some(times()?),
            Role::Expires => self.expires = Some(times()?),
            Role::LabelTime => self.label_time = Some(times()?),
            Role::Amount if shape == Shape::Major => self.amount = Some(Majors::of(array)?),
            Role::Amount => self.amount_minor = Some(wholes(array)?),
            Role::Latitude => self.latitude = Some(numbers(array)?),
            Role::Longitude => self.longitude = Some(numbers(array)?),
            Role::Weight => self.weight = Some(numbers(array)?),
            Role::SameOwner => self.same_owner = Some(booleans(array)?),
            Role::Level => self.level = Some(wholes(array)?),
            Role::Extra(position, ty) => {
                let extras = match (shape, ty) {
                    (Shape::Whole, _) => Extras::Whole(wholes(array)?),
                    (_, ExtraType::Decimal) => Extras::Number(numbers(array)?),
                    (_, ExtraType::Boolean) => Extras::Boolean(booleans(array)?),
                    (_, ExtraType::Money) => Extras::Major(Majors::of(array)?),
                    (_, ExtraType::Time) => Extras::Time(times()?),
                    _ => Extras::Text(Texts::of(array)?),
                };
                self.extras.push((position, extras));
            }
            Role::Kind => self.kind = Some(Texts::of(array)?),
            Role::Currency => self.currency = Some(Texts::of(array)?),
            Role::Rate => self.rate = Some(Texts::of(array)?),
            Role::Text(TextField::Label) => self.label = Some(Texts::of(array)?),
            Role::Text(TextField::LabelKind) => self.label_kind = Some(Texts::of(array)?),
            Role::Text(field) => self.texts.push((field, Texts::of(array)?)),
            Role::ExtraJson => self.extra_json = Some(Texts::of(array)?),
            Role::LabelSource => self.label_source = Some(Texts::of(array)?),
            Role::LabelCase => self.label_case = Some(Texts::of(array)?),
            Role::BadLine => self.bad_line = Some(Texts::of(array)?),
        }
        Ok(())
    }

    /// When a row arrived: when it was received, or else when it happened. What is no time comes at once.
    pub(super) fn arrival(&self, row: usize, calendar: &Calendar) -> i64 {
        let at = |times: &Option<Times>| times.as_ref()?.at(row, calendar).unwrap_or_default();
        at(&self.received).or_else(|| at(&self.time)).unwrap_or(i64::MIN)
    }
}

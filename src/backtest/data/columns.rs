//! Arrays as what an event's fields are read from: few types, converted once for all rows of a batch.
//!
//! Promises that no value changes on the way: what a field can't hold exactly is told of its row, or its column is refused.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray,
    StringBuilder, StringViewArray,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, DecimalType, Field, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::Column;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, cast, create_udf};

use crate::money::{Currency, MoneyError, decimals};
use crate::time::{Calendar, DAY_US, SECOND_US, TimeError};

/// What the values of a column can be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text; whole numbers as their digits, lists of words joined by commas.
    Text,
    /// Whole numbers.
    Whole,
    /// Numbers.
    Number,
    /// True and false.
    Boolean,
    /// Times: with a zone, without one in the data set's, or as text.
    Time,
    /// Amounts in whole units of a currency, with decimals.
    Major,
    /// A number as its text.
    Exact,
}

impl Shape {
    /// Why a column of this type can't be read so, with what to write; `None` where it can.
    pub(super) fn refuses(self, name: &str, ty: &DataType) -> Option<String> {
        if self.takes(ty) {
            return None;
        }
        let instead = match (self, ty) {
            (Self::Major, ty) if ty.is_floating() => format!(
                "a float does not hold an amount exactly: give its column a type, such as `columns = {{ COLUMN = \"decimal(18,4)\" }}`, or write `cast(... as decimal(18,4)) as {name}`"
            ),
            (Self::Major, _) => format!("write `cast(... as decimal(18,4)) as {name}`"),
            (Self::Text, _) => format!("write `cast(... as varchar) as {name}`"),
            (Self::Whole, _) => format!("write `cast(... as bigint) as {name}`"),
            (Self::Number, _) => format!("write `cast(... as double) as {name}`"),
            (Self::Boolean, _) => format!("write a condition, such as `X = 'Y' as {name}`"),
            (Self::Time, ty) if ty.is_integer() => {
                format!("call microseconds since 1970 `{name}_us`, as in `SECONDS * 1000000 as {name}_us`")
            }
            (Self::Time, _) => format!("write `cast(... as timestamp) as {name}`"),
            (Self::Exact, _) => format!("a float is not exact: write `cast(... as decimal(18,6)) as {name}`"),
        };
        Some(format!("`{name}` is of the type {ty}; {instead}"))
    }

    fn takes(self, ty: &DataType) -> bool {
        if let DataType::Dictionary(_, value) = ty {
            return self.takes(value);
        }
        let is_text = matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        let is_decimal = ty.is_decimal() && !matches!(ty, DataType::Decimal256(..));
        match self {
            Self::Text => match ty {
                DataType::List(item) | DataType::LargeList(item) => is_string(item.data_type()),
                ty => is_text || ty.is_integer(),
            },
            Self::Whole => ty.is_integer() || is_decimal && scale_of(ty) == 0,
            Self::Number => ty.is_floating() || ty.is_integer() || is_decimal,
            Self::Boolean => *ty == DataType::Boolean,
            Self::Time => {
                is_text || matches!(ty, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
            }
            Self::Major => ty.is_integer() || is_decimal,
            Self::Exact => is_text || ty.is_integer() || is_decimal,
        }
    }
}

fn is_string(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn scale_of(ty: &DataType) -> i8 {
    match ty {
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
            *scale
        }
        _ => 0,
    }
}

/// A conversion in which a value that does not fit is an error.
fn strict(array: &ArrayRef, ty: &DataType) -> std::result::Result<ArrayRef, ArrowError> {
    if array.data_type() == ty {
        return Ok(Arc::clone(array));
    }
    cast_with_options(array, ty, &CastOptions { safe: false, ..CastOptions::default() })
}

type Read<T> = std::result::Result<T, ArrowError>;

/// Whole numbers.
pub(super) fn wholes(array: &ArrayRef) -> Read<Int64Array> {
    Ok(strict(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

/// Numbers.
pub(super) fn numbers(array: &ArrayRef) -> Read<Float64Array> {
    Ok(strict(array, &DataType::Float64)?.as_primitive().clone())
}

/// True and false.
pub(super) fn booleans(array: &ArrayRef) -> Read<BooleanArray> {
    Ok(strict(array, &DataType::Boolean)?.as_boolean().clone())
}

/// The value of a row, where there is one.
pub(super) fn whole_at(array: &Int64Array, row: usize) -> Option<i64> {
    array.is_valid(row).then(|| array.value(row))
}

/// Texts.
#[derive(Clone, Debug)]
pub(super) enum Texts {
    Utf8(StringArray),
    View(StringViewArray),
}

impl Texts {
    pub(super) fn of(array: &ArrayRef) -> Read<Self> {
        Ok(match array.data_type() {
            DataType::Utf8 => Self::Utf8(array.as_string::<i32>().clone()),
            DataType::Utf8View => Self::View(array.as_string_view().clone()),
            DataType::List(_) | DataType::LargeList(_) => Self::Utf8(joined(array)?),
            ty if ty.is_integer() || ty.is_decimal() => {
                Self::Utf8(strict(array, &DataType::Utf8)?.as_string().clone())
            }
            _ => Self::View(strict(array, &DataType::Utf8View)?.as_string_view().clone()),
        })
    }

    /// The text of a row; an empty one is none.
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        let text = match self {
            Self::Utf8(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
        };
        text.filter(|text| !text.is_empty())
    }
}

/// The words of each list with commas between them.
fn joined(array: &ArrayRef) -> Read<StringArray> {
    let item = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
    let lists = strict(array, &item)?;
    let lists = lists.as_list::<i32>();
    let mut texts = StringBuilder::new();
    let mut text = String::new();
    for row in 0..lists.len() {
        if lists.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        for word in lists.value(row).as_string::<i32>().iter().flatten() {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(word);
        }
        texts.append_value(&text);
    }
    Ok(texts.finish())
}

/// Times in microseconds since 1970 UTC.
#[derive(Clone, Debug)]
pub(super) enum Times {
    /// Whole ones.
    Micros(Int64Array),
    /// The same of those rows that are not marked: these have parts of a microsecond.
    Marked(Int64Array, BooleanArray),
    /// As people write them.
    Text(Texts),
}

/// Why a time of a row is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoTime {
    /// It has nanoseconds beside its microseconds.
    Nanoseconds,
    Bad(TimeError),
}

impl Times {
    /// Of a column of times; one without a zone is told in this calendar's.
    pub(super) fn of(array: &ArrayRef, calendar: &mut Calendar) -> Read<Self> {
        let array = match array.data_type() {
            DataType::Dictionary(_, value) => &strict(array, value)?,
            _ => array,
        };
        let (us, nanoseconds, has_zone) = match array.data_type() {
            DataType::Timestamp(unit, zone) => {
                let (us, nanoseconds) = micros(array, *unit);
                (us, nanoseconds, zone.is_some())
            }
            DataType::Date32 => {
                let days = strict(array, &DataType::Int32)?;
                let days = wholes(&days)?;
                (days.unary(|days| days * DAY_US), None, false)
            }
            DataType::Date64 => (wholes(array)?.unary(|ms| ms.saturating_mul(1_000)), None, false),
            _ => return Ok(Self::Text(Texts::of(array)?)),
        };
        // What the calendar can't tell is out of an event's range, and stays so.
        let us = match has_zone {
            true => us,
            false => {
                let mut instant = |us| calendar.instant_of_local(us).unwrap_or(i64::MIN);
                us.iter().map(|us| us.map(&mut instant)).collect()
            }
        };
        Ok(nanoseconds.map_or(Self::Micros(us.clone()), |marked| Self::Marked(us, marked)))
    }

    /// Of a column of whole microseconds.
    pub(super) fn whole(array: &ArrayRef) -> Read<Self> {
        wholes(array).map(Self::Micros)
    }

    /// The time of a row, where there is one.
    #[inline]
    pub(super) fn at(&self, row: usize, calendar: &Calendar) -> std::result::Result<Option<i64>, NoTime> {
        match self {
            Self::Micros(us) => Ok(whole_at(us, row)),
            Self::Marked(_, marked) if marked.is_valid(row) && marked.value(row) => Err(NoTime::Nanoseconds),
            Self::Marked(us, _) => Ok(whole_at(us, row)),
            Self::Text(texts) => texts.get(row).map(|text| written(text, calendar)).transpose(),
        }
    }
}

/// The instant that a text says.
fn written(text: &str, calendar: &Calendar) -> std::result::Result<i64, NoTime> {
    let instant = calendar.instant(text).map_err(NoTime::Bad)?;
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit);
    if digits.skip(6).any(|digit| digit != b'0') { Err(NoTime::Nanoseconds) } else { Ok(instant) }
}

/// Timestamps in microseconds, and which of them have parts of one, where any does.
fn micros(array: &ArrayRef, unit: TimeUnit) -> (Int64Array, Option<BooleanArray>) {
    match unit {
        TimeUnit::Second => {
            (array.as_primitive::<TimestampSecondType>().unary(|s| s.saturating_mul(SECOND_US)), None)
        }
        TimeUnit::Millisecond => {
            (array.as_primitive::<TimestampMillisecondType>().unary(|ms| ms.saturating_mul(1_000)), None)
        }
        TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().unary(|us| us), None),
        TimeUnit::Nanosecond => {
            let nanoseconds = array.as_primitive::<TimestampNanosecondType>();
            let has_parts = |row: usize| nanoseconds.is_valid(row) && nanoseconds.value(row) % 1_000 != 0;
            let any = (0..nanoseconds.len()).any(has_parts);
            let marked = any.then(|| (0..nanoseconds.len()).map(|row| Some(has_parts(row))).collect());
            (nanoseconds.unary(|ns| ns.div_euclid(1_000)), marked)
        }
    }
}

/// Amounts in whole units of their currencies.
#[derive(Clone, Debug)]
pub(super) enum Majors {
    Whole(Int64Array),
    Decimal(Decimal128Array),
}

impl Majors {
    pub(super) fn of(array: &ArrayRef) -> Read<Self> {
        Ok(match array.data_type() {
            ty if ty.is_decimal() => {
                let ty = DataType::Decimal128(38, scale_of(ty));
                Self::Decimal(strict(array, &ty)?.as_primitive::<Decimal128Type>().clone())
            }
            _ => Self::Whole(wholes(array)?),
        })
    }

    /// The amount of a row in minor units, exactly.
    pub(super) fn minor_at(
        &self,
        row: usize,
        currency: Currency,
    ) -> std::result::Result<Option<i64>, MoneyError> {
        let places = decimals(currency);
        let (value, scale) = match self {
            Self::Whole(array) => match whole_at(array, row) {
                Some(value) => (i128::from(value), 0),
                None => return Ok(None),
            },
            Self::Decimal(array) if array.is_null(row) => return Ok(None),
            Self::Decimal(array) => (array.value(row), i32::from(array.scale())),
        };
        let text = || match self {
            Self::Whole(array) => array.value(row).to_string(),
            Self::Decimal(array) => array.value_as_string(row),
        };
        let out = || MoneyError::OutOfRange(text());
        let shift = i32::try_from(places).unwrap_or(0) - scale;
        let factor = 10_i128.checked_pow(shift.unsigned_abs()).ok_or_else(out)?;
        let minor = if shift >= 0 {
            value.checked_mul(factor).ok_or_else(out)?
        } else if value % factor == 0 {
            value / factor
        } else {
            let currency = currency.code();
            return Err(MoneyError::TooManyDecimals { text: text(), currency, decimals: places });
        };
        i64::try_from(minor).map(Some).map_err(|_| out())
    }
}

/// A column as it is shown: with fewer decimals, of which none may be lost, or as another type.
pub(super) fn exactly(raw: &Field, shown: &Field) -> Expr {
    let column = Expr::Column(Column::new_unqualified(raw.name()));
    match (raw.data_type(), shown.data_type()) {
        (one, other) if one == other => column,
        (DataType::Decimal128(_, from), DataType::Decimal128(precision, to)) => {
            let (name, precision, to, from) = (raw.name().clone(), *precision, *to, *from);
            let fewer = move |values: &[ColumnarValue]| {
                let arrays = ColumnarValue::values_to_arrays(values)?;
                let array =
                    arrays.first().ok_or_else(|| DataFusionError::Internal("no column".to_owned()))?;
                Ok(ColumnarValue::Array(fewer_decimals(array, &name, from, (precision, to))?))
            };
            let (from, to) = (raw.data_type().clone(), shown.data_type().clone());
            create_udf("exactly", vec![from], to, Volatility::Immutable, Arc::new(fewer)).call(vec![column])
        }
        (_, ty) => cast(column, ty.clone()),
    }
    .alias(raw.name())
}

fn fewer_decimals(array: &ArrayRef, name: &str, from: i8, (precision, to): (u8, i8)) -> Result<ArrayRef> {
    let array = array.as_primitive::<Decimal128Type>();
    let factor = 10_i128.pow(u32::try_from(from - to).unwrap_or(0));
    let fewer = |value: i128| {
        if value % factor == 0 {
            return Ok(value / factor);
        }
        let text = Decimal128Type::format_decimal(value, DECIMAL128_MAX_PRECISION, from);
        let text = text.trim_end_matches('0');
        Err(DataFusionError::Execution(format!(
            "`{name}` is {text}, which has more decimals than its type decimal({precision},{to}); give it one with more, and round in the select"
        )))
    };
    let fewer = array.try_unary::<_, Decimal128Type, _>(fewer)?;
    let fewer = fewer.with_precision_and_scale(precision, to)?;
    fewer.validate_decimal_precision(precision)?;
    Ok(Arc::new(fewer))
}

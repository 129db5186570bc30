//! Values of a feature as a column.
//!
//! Promises that a value comes back as it was put in: whole numbers stay whole numbers.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder, Float64Array, Float64Builder, Int64Array,
    Int64Builder,
};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};

use crate::decision::Value;
use crate::event::ExtraType;
use crate::rules::Feature;

/// Values to come.
#[derive(Debug)]
pub(super) enum Cells {
    Boolean(BooleanBuilder),
    Whole(Int64Builder),
    Decimal(Float64Builder),
}

impl Cells {
    pub(super) fn new(feature: &Feature) -> Self {
        match feature.ty {
            ExtraType::Boolean => Self::Boolean(BooleanBuilder::new()),
            _ if feature.aggregate.is_decimal() => Self::Decimal(Float64Builder::new()),
            _ => Self::Whole(Int64Builder::new()),
        }
    }

    pub(super) fn ty(&self) -> DataType {
        match self {
            Self::Boolean(_) => DataType::Boolean,
            Self::Whole(_) => DataType::Int64,
            Self::Decimal(_) => DataType::Float64,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, value: Value) {
        match (self, value) {
            (Self::Boolean(cells), Value::Boolean(value)) => cells.append_value(value),
            (Self::Whole(cells), Value::Whole(value)) => cells.append_value(value),
            (Self::Decimal(cells), Value::Decimal(value)) => cells.append_value(value),
            (Self::Boolean(cells), _) => cells.append_null(),
            (Self::Whole(cells), _) => cells.append_null(),
            (Self::Decimal(cells), _) => cells.append_null(),
        }
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(cells) => Arc::new(cells.finish()),
            Self::Whole(cells) => Arc::new(cells.finish()),
            Self::Decimal(cells) => Arc::new(cells.finish()),
        }
    }
}

/// Values that were put in.
#[derive(Clone, Debug)]
pub(super) enum Values {
    Boolean(BooleanArray),
    Whole(Int64Array),
    Decimal(Float64Array),
}

impl Values {
    /// Those of a column; `None` where it has no such values.
    pub(super) fn of(array: &ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean().clone()),
            DataType::Int64 => Self::Whole(array.as_primitive::<Int64Type>().clone()),
            DataType::Float64 => Self::Decimal(array.as_primitive::<Float64Type>().clone()),
            _ => return None,
        })
    }

    /// The value of a row, which must be there.
    #[inline]
    pub(super) fn at(&self, row: usize) -> Value {
        match self {
            Self::Boolean(values) if values.is_valid(row) => Value::Boolean(values.value(row)),
            Self::Whole(values) if values.is_valid(row) => Value::Whole(values.value(row)),
            Self::Decimal(values) if values.is_valid(row) => Value::Decimal(values.value(row)),
            _ => Value::Null,
        }
    }
}

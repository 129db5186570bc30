//! The columns that every payment has: all that is measured of it, but for what rules make of it.
//!
//! Promises that names of accounts and customers come back as other names, each always the same: whoever counts them needs no more.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Float64Builder, Int64Array, Int64Builder, RecordBatch,
    StringArray, StringBuilder, UInt8Array, UInt8Builder, UInt32Array, UInt32Builder,
};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, UInt8Type, UInt32Type,
};
use datafusion::arrow::error::ArrowError;
use hashbrown::HashMap;

use foldhash::fast::FixedState;

use crate::backtest::evaluate::numbers::Numbers;
use crate::backtest::run::{Shown, Span, Stands};
use crate::backtest::{Fact, Truth};
use crate::decision::Outcome;
use crate::rules::Label;

const WHOLES: [&str; 3] = ["time_us", "later_us", "amount_minor"];
const BYTES: [&str; 3] = ["label", "answered", "executed"];
/// All but the first two are names.
const NUMBERS: [&str; 7] =
    ["account", "customer", "tenant", "portal", "provider", "payment_kind", "label_kind"];
const TEXTS: [&str; 2] = ["id", "label_case"];

/// Columns with names: their numbers say where in the listing those are, from 1; 0 is none.
pub(super) const NAMED: usize = 5;

const LABELS: [Option<Label>; 3] = [None, Some(Label::Fraud), Some(Label::Genuine)];

/// Columns to come.
#[derive(Default)]
pub(super) struct Builders {
    wholes: [Int64Builder; 3],
    bytes: [UInt8Builder; 3],
    numbers: [UInt32Builder; 7],
    texts: [StringBuilder; 2],
    weight: Float64Builder,
    accounts: Numbers,
    customers: Numbers,
    names: [Names; NAMED],
    /// The first chunk, and which of its columns say the same of all payments so far.
    first: Option<(RecordBatch, BTreeSet<usize>)>,
}

/// Names by number.
#[derive(Default)]
struct Names {
    numbers: HashMap<String, u32, FixedState>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: Option<&str>) -> u32 {
        let Some(name) = name else { return 0 };
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        self.names.push(name.to_owned());
        let number = self.names.len() as u32;
        self.numbers.insert(name.to_owned(), number);
        number
    }
}

pub(super) fn schema() -> SchemaRef {
    let of = |ty: DataType| move |name: &&str| Field::new(*name, ty.clone(), true);
    let mut fields: Vec<Field> = WHOLES.iter().map(of(DataType::Int64)).collect();
    fields.extend(BYTES.iter().map(of(DataType::UInt8)));
    fields.extend(NUMBERS.iter().map(of(DataType::UInt32)));
    fields.extend(TEXTS.iter().map(of(DataType::Utf8)));
    fields.push(Field::new("weight", DataType::Float64, true));
    Arc::new(Schema::new(fields))
}

impl Builders {
    /// Adds a payment, at which it was so late.
    pub(super) fn push(&mut self, shown: &Shown<'_>, later_us: i64) {
        let fact = &shown.fact;
        let Truth { label, kind, case } = fact.truth;
        for (cells, value) in self.wholes.iter_mut().zip([fact.time_us, later_us, fact.amount_minor]) {
            cells.append_value(value);
        }
        let label = LABELS.iter().position(|held| *held == label).unwrap_or(0) as u8;
        let answered = shown.answered.map_or(0, |answered| answered as u8 + 1);
        let executed = (0..).zip(shown.executed_before).fold(0, |bits, (at, is)| bits | u8::from(is) << at);
        for (cells, value) in self.bytes.iter_mut().zip([label, answered, executed]) {
            cells.append_value(value);
        }
        let [account, customer, names @ ..] = &mut self.numbers;
        account.append_value(self.accounts.of(fact.tenant, fact.account));
        customer.append_value(self.customers.of(fact.tenant, fact.customer));
        let texts = [fact.tenant, fact.portal, fact.provider, fact.payment_kind, kind];
        for ((cells, names), text) in names.iter_mut().zip(&mut self.names).zip(texts) {
            cells.append_value(names.number(text));
        }
        let [id, of_case] = &mut self.texts;
        id.append_value(fact.id);
        of_case.append_option(case);
        self.weight.append_value(fact.weight);
    }

    pub(super) fn finish(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
        columns.extend(self.wholes.iter_mut().map(|cells| Arc::new(cells.finish()) as ArrayRef));
        columns.extend(self.bytes.iter_mut().map(|cells| Arc::new(cells.finish()) as ArrayRef));
        columns.extend(self.numbers.iter_mut().map(|cells| Arc::new(cells.finish()) as ArrayRef));
        columns.extend(self.texts.iter_mut().map(|cells| Arc::new(cells.finish()) as ArrayRef));
        columns.push(Arc::new(self.weight.finish()));
        let chunk = RecordBatch::try_new(Arc::clone(schema), columns)?;
        // The first column says how many rows there are.
        let (first, same) =
            self.first.get_or_insert_with(|| (chunk.clone(), (1..chunk.num_columns()).collect()));
        same.retain(|&at| says_the_same(first.column(at), chunk.column(at)));
        Ok(chunk)
    }

    /// All names, by their numbers, and the columns that say the same of all payments.
    pub(super) fn into_names(self) -> ([Vec<String>; NAMED], BTreeSet<usize>) {
        (self.names.map(|names| names.names), self.first.map(|(_, same)| same).unwrap_or_default())
    }
}

/// Whether all of a column is what another one begins with.
fn says_the_same(first: &ArrayRef, column: &ArrayRef) -> bool {
    fn all<T: ArrowPrimitiveType>(first: &ArrayRef, column: &ArrayRef) -> Option<bool> {
        let (first, column) = (first.as_primitive_opt::<T>()?, column.as_primitive_opt::<T>()?);
        let first = *first.values().first()?;
        Some(column.values().iter().all(|value| *value == first))
    }
    let of_numbers = all::<Int64Type>(first, column)
        .or_else(|| all::<UInt8Type>(first, column))
        .or_else(|| all::<UInt32Type>(first, column))
        .or_else(|| all::<Float64Type>(first, column));
    of_numbers.unwrap_or_else(|| first.null_count() == first.len() && column.null_count() == column.len())
}

/// The columns of a chunk.
#[derive(Clone, Debug)]
pub(super) struct Payments {
    wholes: [Int64Array; 3],
    bytes: [UInt8Array; 3],
    numbers: [UInt32Array; 7],
    texts: [StringArray; 2],
    weight: Float64Array,
}

impl Payments {
    /// Of a chunk's columns, in which those that say the same of all payments are the `first` chunk's; `None` where they are not what was
    /// written here.
    pub(super) fn of(first: &RecordBatch, same: &BTreeSet<usize>, others: &RecordBatch) -> Option<Self> {
        let schema = schema();
        let mut other = others.columns().iter();
        let columns = (0..schema.fields().len())
            .map(|at| if same.contains(&at) { first.columns().get(at) } else { other.next() });
        let columns: Vec<&ArrayRef> = columns.collect::<Option<_>>()?;
        let is_good = |(column, field): (&&ArrayRef, &Arc<Field>)| {
            column.data_type() == field.data_type() && column.len() >= others.num_rows()
        };
        if !columns.iter().zip(schema.fields()).all(is_good) {
            return None;
        }
        let mut columns = columns.into_iter();
        let mut next = || columns.next();
        let whole = |array: &ArrayRef| array.as_primitive::<Int64Type>().clone();
        let byte = |array: &ArrayRef| array.as_primitive::<UInt8Type>().clone();
        let number = |array: &ArrayRef| array.as_primitive::<UInt32Type>().clone();
        Some(Self {
            wholes: [whole(next()?), whole(next()?), whole(next()?)],
            bytes: [byte(next()?), byte(next()?), byte(next()?)],
            numbers: [
                number(next()?),
                number(next()?),
                number(next()?),
                number(next()?),
                number(next()?),
                number(next()?),
                number(next()?),
            ],
            texts: [next()?.as_string().clone(), next()?.as_string().clone()],
            weight: next()?.as_primitive::<Float64Type>().clone(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.wholes[0].len()
    }

    pub(super) fn time_us(&self, row: usize) -> i64 {
        self.wholes[0].value(row)
    }

    /// The engine's time when it was decided, microseconds since 1970 UTC.
    pub(super) fn now_us(&self, row: usize) -> i64 {
        self.time_us(row).saturating_add(self.wholes[1].value(row))
    }

    pub(super) fn amount_minor(&self, row: usize) -> i64 {
        self.wholes[2].value(row)
    }

    /// What it was answered in history.
    pub(super) fn answered(&self, row: usize) -> Option<Outcome> {
        Outcome::ALL.get(usize::from(self.bytes[1].value(row)).checked_sub(1)?).copied()
    }

    /// By what it is answered: it was executed without being allowed, as was reported before it came.
    pub(super) fn executed_before(&self, row: usize) -> [bool; 3] {
        let bits = self.bytes[2].value(row);
        [0, 1, 2].map(|at| bits >> at & 1 == 1)
    }

    /// Whether it is known to be fraud.
    pub(super) fn is_fraud(&self, row: usize) -> bool {
        self.label(row) == Some(Label::Fraud)
    }

    fn label(&self, row: usize) -> Option<Label> {
        LABELS.get(usize::from(self.bytes[0].value(row))).copied().flatten()
    }

    /// Other names for its account and its customer.
    pub(super) fn aliases(&self, row: usize) -> [Alias; 2] {
        [0, 1].map(|number: usize| Alias::of(self.numbers[number].value(row)))
    }

    /// What is measured of a payment that no rule fires on; its account has a number alone, and its customer nothing.
    pub(super) fn fact<'p>(&'p self, row: usize, names: &'p [Vec<String>; NAMED]) -> Fact<'p> {
        let name = |named: usize| {
            let number = self.numbers[2 + named].value(row) as usize;
            names[named].get(number.checked_sub(1)?).map(String::as_str)
        };
        let case = &self.texts[1];
        Fact {
            at: 0,
            id: self.texts[0].value(row),
            time_us: self.time_us(row),
            tenant: name(0),
            customer: "",
            account: "",
            account_number: Some(self.numbers[0].value(row)),
            amount_minor: self.amount_minor(row),
            outcome: Outcome::Allow,
            alert: false,
            score: 0,
            fired: &[],
            shadow: &[],
            law: Outcome::Allow,
            alone: &[],
            truth: Truth {
                label: self.label(row),
                kind: name(4),
                case: case.is_valid(row).then(|| case.value(row)),
            },
            weight: self.weight.value(row),
            portal: name(1),
            provider: name(2),
            payment_kind: name(3),
        }
    }
}

/// Another name in the place of one that nobody needs: digits in base 16.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Alias([u8; 8]);

impl Alias {
    fn of(number: u32) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |at: usize| DIGITS[(number >> (4 * at)) as usize & 15];
        Self(std::array::from_fn(digit))
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Payments of a chunk, with those among them that were shown.
pub(in crate::backtest) struct Among {
    pub(super) payments: Arc<Payments>,
    pub(super) names: Arc<[Vec<String>; NAMED]>,
    /// The place of the first one.
    pub(super) first: u64,
    pub(super) span: Span,
    pub(super) first_us: i64,
}

impl Among {
    /// Gives each measured payment, with what is measured of it where no rule fires on it.
    pub(in crate::backtest) fn each(&self, mut take: impl FnMut(&Fact<'_>)) {
        for row in 0..self.payments.len() {
            if self.span.of(self.payments.time_us(row), self.first_us) == Stands::Measured {
                let fact = self.payments.fact(row, &self.names);
                take(&Fact { at: self.first + row as u64, ..fact });
            }
        }
    }
}

//! Decisions as Arrow columns: what `decisions.parquet` holds.
//!
//! Promises one row per decided payment, in the order of the stream, with the features as rules saw them: exact whole numbers stay
//! whole numbers, money is in minor units (also a mean of it, which is a decimal number), durations in microseconds.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder, UInt64Builder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;

use crate::backtest::Fact;
use crate::backtest::cells::Cells;
use crate::decision::{Decision, Quality, Value};
use crate::event::{Event, TextField};
use crate::rules::RuleSet;

/// The column of a payment's id.
pub(super) const ID: &str = "id";

/// The text fields of the event that stand in a row.
const TEXTS: [TextField; 8] = [
    TextField::Tenant,
    TextField::Account,
    TextField::Customer,
    TextField::Device,
    TextField::Portal,
    TextField::Provider,
    TextField::PaymentKind,
    TextField::Answered,
];

/// Rows to come.
#[derive(Debug)]
pub(super) struct Columns {
    schema: SchemaRef,
    rule_names: Vec<String>,
    row: UInt64Builder,
    id: StringBuilder,
    time: TimestampMicrosecondBuilder,
    texts: [StringBuilder; TEXTS.len()],
    amount_minor: Int64Builder,
    outcome: StringBuilder,
    alert: BooleanBuilder,
    score: Int64Builder,
    rules: ListBuilder<StringBuilder>,
    shadow: ListBuilder<StringBuilder>,
    label: StringBuilder,
    label_kind: StringBuilder,
    weight: Float64Builder,
    measured: BooleanBuilder,
    qualities: StringBuilder,
    features: Vec<FeatureColumn>,
    qualities_text: String,
}

#[derive(Debug)]
struct FeatureColumn {
    position: u16,
    name: String,
    cells: Cells,
}

impl Columns {
    /// With the features that rules read, or with all.
    pub(super) fn new(rules: &RuleSet, all_features: bool) -> Self {
        let features: Vec<FeatureColumn> = (0..)
            .zip(&rules.features)
            .filter(|(_, feature)| all_features || feature.used)
            .map(|(position, feature)| FeatureColumn {
                position,
                name: feature.name.clone(),
                cells: Cells::new(feature),
            })
            .collect();
        Self {
            schema: schema(&features),
            rule_names: rules.rules.iter().map(|rule| rule.id.clone()).collect(),
            row: UInt64Builder::new(),
            id: StringBuilder::new(),
            time: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            texts: std::array::from_fn(|_| StringBuilder::new()),
            amount_minor: Int64Builder::new(),
            outcome: StringBuilder::new(),
            alert: BooleanBuilder::new(),
            score: Int64Builder::new(),
            rules: ListBuilder::new(StringBuilder::new()),
            shadow: ListBuilder::new(StringBuilder::new()),
            label: StringBuilder::new(),
            label_kind: StringBuilder::new(),
            weight: Float64Builder::new(),
            measured: BooleanBuilder::new(),
            qualities: StringBuilder::new(),
            features,
            qualities_text: String::new(),
        }
    }

    /// Adds a decided payment, which stood in this row of the stream. All features are recorded in its decision.
    pub(super) fn push(
        &mut self,
        row: u64,
        event: &Event,
        fact: &Fact<'_>,
        decision: &Decision,
        measured: bool,
    ) {
        self.row.append_value(row);
        self.id.append_value(fact.id);
        self.time.append_value(fact.time_us);
        for (field, cells) in TEXTS.iter().zip(&mut self.texts) {
            cells.append_option(event.text(*field));
        }
        self.amount_minor.append_value(fact.amount_minor);
        self.outcome.append_value(fact.outcome.name());
        self.alert.append_value(fact.alert);
        self.score.append_value(fact.score);
        for (cells, fired) in [(&mut self.rules, fact.fired), (&mut self.shadow, fact.shadow)] {
            for name in fired.iter().filter_map(|&at| self.rule_names.get(usize::from(at))) {
                cells.values().append_value(name);
            }
            cells.append(true);
        }
        self.label.append_option(fact.truth.label.map(|label| label.name()));
        self.label_kind.append_option(fact.truth.kind);
        self.weight.append_value(fact.weight);
        self.measured.append_value(measured);
        self.readings(decision);
    }

    fn readings(&mut self, decision: &Decision) {
        self.qualities_text.clear();
        let mut recorded = decision.features.iter().peekable();
        for FeatureColumn { position, name, cells } in &mut self.features {
            while recorded.next_if(|(at, _)| at < position).is_some() {}
            let reading = recorded.next_if(|(at, _)| at == position).map(|(_, reading)| *reading);
            cells.push(reading.map_or(Value::Null, |reading| reading.value));
            if let Some(quality) = reading.map(|reading| reading.quality).filter(|&q| q != Quality::Exact) {
                let comma = if self.qualities_text.is_empty() { "" } else { "," };
                self.qualities_text.extend([comma, name, "=", quality.name()]);
            }
        }
        self.qualities.append_option(Some(self.qualities_text.as_str()).filter(|text| !text.is_empty()));
    }

    /// What was added since, in columns.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(self.row.finish()), Arc::new(self.id.finish()), Arc::new(self.time.finish())];
        columns.extend(self.texts.iter_mut().map(|cells| Arc::new(cells.finish()) as ArrayRef));
        let rest: [ArrayRef; 11] = [
            Arc::new(self.amount_minor.finish()),
            Arc::new(self.outcome.finish()),
            Arc::new(self.alert.finish()),
            Arc::new(self.score.finish()),
            Arc::new(self.rules.finish()),
            Arc::new(self.shadow.finish()),
            Arc::new(self.label.finish()),
            Arc::new(self.label_kind.finish()),
            Arc::new(self.weight.finish()),
            Arc::new(self.measured.finish()),
            Arc::new(self.qualities.finish()),
        ];
        columns.extend(rest);
        columns.extend(self.features.iter_mut().map(|feature| feature.cells.finish()));
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}

/// A feature that is called like a column of every row has `feature_` before its name.
fn schema(features: &[FeatureColumn]) -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8, true);
    let list =
        |name| Field::new(name, DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))), true);
    let mut fields = vec![
        Field::new("row", DataType::UInt64, false),
        Field::new(ID, DataType::Utf8, false),
        Field::new("time", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
    ];
    fields.extend(TEXTS.iter().map(|field| text(field.name())));
    fields.extend([
        Field::new("amount_minor", DataType::Int64, false),
        Field::new("outcome", DataType::Utf8, false),
        Field::new("alert", DataType::Boolean, false),
        Field::new("score", DataType::Int64, false),
        list("rules"),
        list("shadow"),
        text("label"),
        text("label_kind"),
        Field::new("weight", DataType::Float64, false),
        Field::new("measured", DataType::Boolean, false),
        text("qualities"),
    ]);
    // A feature of that name keeps it.
    let names: Vec<&str> = features.iter().map(|feature| feature.name.as_str()).collect();
    let of_all = fields.len();
    for feature in features {
        let mut name = feature.name.clone();
        while fields[..of_all].iter().any(|field| *field.name() == name)
            || name != feature.name && names.contains(&name.as_str())
        {
            name.insert_str(0, "feature_");
        }
        fields.push(Field::new(name, feature.cells.ty(), true));
    }
    Arc::new(Schema::new(fields))
}

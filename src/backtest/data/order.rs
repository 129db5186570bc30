//! The order of a select's rows: as they are written, which its plan must keep, or by their arrival.
//!
//! Promises that rows as written come in the order of the files of the table that the select names first, or are refused; and that
//! sorted rows come in an order that depends on nothing but what they say and where they stand.

use std::sync::{Arc, Mutex};

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::Column;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::source_as_provider;
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, SortExpr, TableScan, Volatility, create_udf,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::streaming::StreamingTableExec;
use datafusion::prelude::DataFrame;

use super::columns::Times;
use super::layout::Columns;
use super::{lines, table};
use crate::time::Calendar;

/// What numbers rows in the order in which they are written.
const ROW: &str = "weir.row";

/// Why a plan's rows don't come as they are written; `None` where they do.
pub(super) async fn loses_order(rows: &DataFrame) -> Result<Option<String>> {
    let plan = rows.clone().create_physical_plan().await?;
    let Some(leaf) = kept(&*plan) else {
        let why = "it groups, sorts or puts rows together, so that they don't come in the order in which they are written; write `order = \"time\"`, with `ties` where times are the same, or several [[events]]";
        return Ok(Some(why.to_owned()));
    };
    let (first, others) = tables(rows.logical_plan());
    let Some(first) = first.filter(|_| others) else { return Ok(None) };
    let provider = source_as_provider(&first.source)?;
    let wanted = table::place(&*provider).or_else(|| lines::place(&*provider));
    if wanted.is_some() && wanted == place(leaf) {
        return Ok(None);
    }
    Ok(Some(format!(
        "its rows don't come in the order of `{}`, which it names first, but of a table that it joins, since that one's files are larger; name that one first, or write `order = \"time\"`",
        first.table_name.table()
    )))
}

/// The files whose rows a plan gives, each one and in their order, as [`table::place`] says them; `None` where it does more.
pub(super) async fn each_row_of(rows: &DataFrame) -> Result<Option<String>> {
    let plan = rows.clone().create_physical_plan().await?;
    let mut plan = &*plan;
    while let ("ProjectionExec" | "CooperativeExec", [child]) = (plan.name(), plan.children().as_slice()) {
        plan = &***child;
    }
    Ok(place(plan).filter(|_| plan.fetch().is_none()))
}

/// The part of a plan whose order its rows have.
fn kept(plan: &dyn ExecutionPlan) -> Option<&dyn ExecutionPlan> {
    if plan.properties().output_partitioning().partition_count() > 1 {
        return None;
    }
    let children = plan.children();
    if children.is_empty() {
        return Some(plan);
    }
    let keeps = plan.maintains_input_order();
    let (child, _) = children.into_iter().zip(keeps).find(|(_, keeps)| *keeps)?;
    kept(&**child)
}

/// Where a part of a plan reads, as its table says it.
fn place(leaf: &dyn ExecutionPlan) -> Option<String> {
    if let Some(lines) = leaf.downcast_ref::<StreamingTableExec>() {
        return lines.partitions().first().map(|lines| format!("{lines:?}"));
    }
    let files = leaf.downcast_ref::<DataSourceExec>()?.data_source().downcast_ref::<FileScanConfig>()?;
    Some(files.file_groups.first()?.files().first()?.object_meta.location.to_string())
}

/// The table that a plan names first, and whether it reads others beside it.
fn tables(plan: &LogicalPlan) -> (Option<&TableScan>, bool) {
    if let LogicalPlan::TableScan(scan) = plan {
        return (Some(scan), false);
    }
    let inputs = plan.inputs();
    let first = inputs.first().map_or((None, false), |first| tables(first));
    (first.0, first.1 || inputs.len() > 1)
}

/// The rows by their arrival, then by `ties`, and then as they are written; where they are not written in an order, by all columns.
pub(super) async fn by_arrival(rows: DataFrame, ties: &[String], calendar: &Calendar) -> Result<DataFrame> {
    let column = |name: &str| Expr::Column(Column::new_unqualified(name));
    let schema = Arc::clone(rows.schema().inner());
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    if let Some(tie) = ties.iter().find(|tie| !names.contains(tie)) {
        let message = format!("`ties` names `{tie}`, which is none of its columns: {}", names.join(", "));
        return Err(DataFusionError::Plan(message));
    }
    let mut by = vec![arrival(&schema, calendar)];
    by.extend(ties.iter().map(|tie| column(tie)));
    let in_order = loses_order(&rows).await?.is_none();
    let rows = if in_order {
        by.push(column(ROW));
        rows.with_column(ROW, row_number())?
    } else {
        by.extend(names.iter().filter(|name| !ties.contains(name)).map(|name| column(name)));
        rows
    };
    let by = by.into_iter().map(|expr| SortExpr::new(expr, true, true)).collect();
    rows.sort(by)?.select(names.iter().map(|name| column(name)).collect::<Vec<_>>())
}

/// When a row arrived, by those of its columns that say so.
fn arrival(schema: &Schema, calendar: &Calendar) -> Expr {
    let said = ["received", "received_us", "time", "time_us"];
    let fields = said.into_iter().filter_map(|name| schema.field_with_name(name).ok());
    let fields: Vec<_> = fields.filter(|field| *field.data_type() != DataType::Null).cloned().collect();
    let types = fields.iter().map(|field| field.data_type().clone()).collect();
    let exprs = fields.iter().map(|field| Expr::Column(Column::new_unqualified(field.name()))).collect();
    let calendar = Mutex::new(calendar.clone());
    let arrival = move |values: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(values)?;
        let mut calendar = calendar
            .lock()
            .map_err(|_| DataFusionError::Internal("a thread ended while it told times".to_owned()))?;
        let mut columns =
            Columns { rows: arrays.first().map_or(0, |array| array.len()), ..Columns::default() };
        for (field, array) in fields.iter().zip(&arrays) {
            let times = if field.name().ends_with("_us") {
                Times::whole(array)?
            } else {
                Times::of(array, &mut calendar)?
            };
            let place =
                if field.name().starts_with("received") { &mut columns.received } else { &mut columns.time };
            *place = Some(times);
        }
        let arrivals = (0..columns.rows).map(|row| columns.arrival(row, &calendar));
        Ok(ColumnarValue::Array(Arc::new(arrivals.collect::<Int64Array>()) as ArrayRef))
    };
    create_udf("arrival", types, DataType::Int64, Volatility::Immutable, Arc::new(arrival)).call(exprs)
}

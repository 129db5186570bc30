//! Decision tables as `CASE`: the first row that holds gives the value.

use super::dialect::{double, literal, whole};
use super::scope::{self, OutOfScope, Subject};
use super::values::Printer;
use crate::rules::Parts;
use crate::rules::table::{UnknownRow, Values};

/// A table, ready to be written.
pub(super) struct PrintedTable {
    pub(super) name: String,
    /// Its value, null where that is unknown.
    pub(super) value: String,
}

/// The tables that a query can say, each after those that it reads; the others are told.
pub(super) fn print(
    printer: &mut Printer<'_>,
    parts: &Parts<'_>,
    left_out: &mut Vec<OutOfScope>,
) -> Vec<PrintedTable> {
    // A table reaches more tables than any that it reads.
    let mut order: Vec<_> = parts.tables.iter().collect();
    order.sort_by_key(|declared| declared.table.tables.len());
    let mut printed = Vec::new();
    for declared in order {
        let table = &declared.table;
        let subject = Subject::Table(table.name.clone());
        if left_out.iter().any(|out| out.subject == subject) {
            continue;
        }
        let apart = scope::reads(subject.clone(), (&table.reads, &table.tables), printer.set, left_out);
        if let Some(apart) = apart {
            left_out.push(apart);
            continue;
        }
        let mut value = "CASE".to_owned();
        for (at, condition) in declared.conditions.iter().enumerate() {
            let holds = printer.truth(&condition.tree);
            if table.on_unknown == UnknownRow::Unknown {
                value += &format!(" WHEN {holds} IS NULL THEN NULL");
            }
            value += &format!(" WHEN {holds} THEN {}", row(&table.values, at));
        }
        let otherwise = row(&table.values, declared.conditions.len());
        let value = format!("CAST({value} ELSE {otherwise} END AS {})", ty(&table.values));
        if let Some(reason) = printer.failed.take() {
            left_out.push(OutOfScope { subject, reason });
            continue;
        }
        printed.push(PrintedTable { name: table.name.clone(), value });
    }
    printed
}

fn ty(values: &Values) -> &'static str {
    match values {
        Values::Text(_) => "VARCHAR",
        Values::Whole(_) => "BIGINT",
        Values::Decimal(_) => "DOUBLE",
        Values::Boolean(_) => "BOOLEAN",
    }
}

fn row(values: &Values, at: usize) -> String {
    let value = match values {
        Values::Text(values) => values.get(at).map(|text| literal(text)),
        Values::Whole(values) => values.get(at).map(|&value| whole(value)),
        Values::Decimal(values) => values.get(at).map(|&value| double(value)),
        Values::Boolean(values) => values.get(at).map(|value| value.to_string().to_uppercase()),
    };
    value.unwrap_or_else(|| "NULL".to_owned())
}

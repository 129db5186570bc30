//! In which file a row of a stream is: a select gives rows, and not where they were.
//!
//! Promises to say a place only where each row of the stream is one of its files', in their order. The files before it are counted
//! for that, once.

use datafusion::prelude::SessionContext;

use super::error::DataError;
use super::manifest::Order;
use super::order::each_row_of;
use super::session;
use super::set::{DataSet, OpenTable};
use super::table;

/// Looks for places; what it counted it remembers.
pub(super) struct Places<'d> {
    data: &'d DataSet,
    streams: Vec<Option<Counted<'d>>>,
}

/// The table that a stream's rows are of, and how many rows its first files have.
struct Counted<'d> {
    table: &'d OpenTable,
    rows: Vec<u64>,
}

impl<'d> Places<'d> {
    pub(super) fn new(data: &'d DataSet) -> Result<Self, DataError> {
        let mut streams = Vec::new();
        for (select, stream) in data.selects().iter().zip(&data.manifest().events) {
            let place = match stream.order {
                Order::AsWritten => {
                    session::run(1, each_row_of(select)).map_err(|error| data.failed(&error))?
                }
                Order::Time => None,
            };
            let first = |table: &&OpenTable| table.alone.first().and_then(|file| table::place(&**file));
            let table = place
                .and_then(|place| data.tables().iter().find(|table| first(table) == Some(place.clone())));
            streams.push(table.map(|table| Counted { table, rows: Vec::new() }));
        }
        Ok(Self { data, streams })
    }

    /// The file of a row of a stream, and its number there, both from 1.
    pub(super) fn of(&mut self, stream: usize, row: u64) -> Result<Option<(String, u64)>, DataError> {
        let Some(Some(Counted { table, rows })) = self.streams.get_mut(stream.saturating_sub(1)) else {
            return Ok(None);
        };
        let mut before = 0;
        for (at, (path, file)) in table.paths.iter().zip(&table.alone).enumerate() {
            if rows.len() == at {
                let context = SessionContext::clone(self.data.in_order());
                let counting = async { context.read_table(file.clone())?.count().await };
                rows.push(session::run(1, counting).map_err(|error| self.data.failed(&error))? as u64);
            }
            let here = rows.get(at).copied().unwrap_or(0);
            if row <= before + here {
                return Ok(Some((self.data.file_name(path), row - before)));
            }
            before += here;
        }
        Ok(None)
    }
}

//! Data sets: history as files of any shape, mapped to events by SQL.
//!
//! Promises that the same files give the same events in the same order, on any number of threads and with any memory; that a row
//! that is no event is told with its place and is nothing else; and that memory does not grow with the number of rows. Must never
//! know a rule, nor what is decided about an event.

/// Which file a reading failed at.
mod blame;
/// What is wrong with a data set.
pub mod check;
/// Arrays as what an event's fields are read from.
mod columns;
/// What can go wrong.
mod error;
/// Which files a manifest means.
mod files;
/// What the CSVs of a table have in common.
mod guess;
/// What payments turned out to be, from the events that say so.
mod labels;
/// Which column of a select is which field of an event.
mod layout;
/// Weir's own lines as tables.
mod lines;
/// The file that says what a data set is.
mod manifest;
/// Several streams as one.
mod merge;
/// The order of a select's rows.
mod order;
/// In which files rows are.
mod places;
/// The closed segments of a journal.
mod records;
/// Rows to events.
mod row;
/// DataFusion, as it is run here.
pub(super) mod session;
/// A data set that is open.
mod set;
/// Files as tables.
mod table;
/// Zones that a select would forget.
mod zones;

pub use error::DataError;
pub(super) use error::told;
pub use labels::{Known, Labels};
pub use manifest::{FileForm, Manifest, Order, Select, Table};
pub use merge::{Batch, Events};
pub use row::{BadReason, BadRow, Reader, Row};
pub use session::Settings;
pub use set::DataSet;

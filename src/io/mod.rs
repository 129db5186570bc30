//! Ways in and out: files and streams of events, and of what was decided about them.
//!
//! Promises that every line is either a valid event or a bad line with its number and reason, in bounded memory
//! and without a panic, whatever the bytes. Must never know what a rule or a window does.

/// A rule set as the files that it is made of.
mod bundle;
/// The cells of a row, and what their texts say.
mod cells;
/// One chunk of the tail log as an Arrow IPC file.
mod chunk_file;
/// Chunks of the tail log in files.
mod chunks;
/// CSV rows in bounded memory.
mod csv;
/// Decisions from their lines.
mod decided;
/// Decisions and refusals, one JSON line each.
pub mod decision;
/// What the journal asks of a disk.
mod disk;
/// Events with tokens in place of identifiers.
mod door;
/// What can be wrong with input.
mod error;
/// What a JSON event may hold.
mod event_schema;
/// Explanations as JSON and as text.
pub mod explanation;
/// Files, standard streams and gzip.
mod file;
/// The files of a rule set, as they change.
mod follow;
/// What is known of every key, as Arrow files.
mod keys;
/// A mapping put onto one file: from rows to events.
mod layout;
/// Lines in bounded memory.
mod lines;
/// The first entries of lists.
mod lists;
/// Which column is which event field, as a mapping file says.
mod mapping;
/// Names looked up, and near ones.
mod names;
/// Events from JSON lines.
mod ndjson;
/// The JSON values of an event that hold others.
mod nested;
/// Exact numbers from text.
mod number;
/// The rates of a rule set, from a file.
mod rates;
/// One front for all ways in.
mod reader;
/// The token key of lines that are sent again.
mod resent;
/// One JSON value of any type.
mod scalar;
/// Names of fields that hold what must never be kept.
mod secrets;
/// The tables of a mapping file.
mod section;
/// A whole engine at one moment, as one file.
mod snapshot;
/// Its rows, as they are read.
mod snapshot_reader;
/// Its rows, as they are written.
mod snapshot_writer;
/// Unix sockets as files.
mod socket;
/// Rule files with those that they extend.
mod sources;
/// The folder of one run's spilled chunks.
mod spill_folder;
/// The file of a token key.
mod token_key;
/// A rule set's files with tokens in place of identifiers.
mod tokened;
/// Events to JSON lines.
mod writer;

pub use bundle::{Bundle, BundleError, Loaded};
pub use chunks::{ChunkError, ChunkFiles, Reading, SpillWatch};
pub use decided::{NoDecision, read_decision};
pub use decision::DecisionWriter;
pub(crate) use disk::advice;
pub use disk::{Disk, DiskFile, FileId, Held, RealDisk};
pub use door::Door;
pub use error::{FileError, HeaderError, MappingError, ReadError, Reason};
pub use event_schema::event_schema;
pub use file::{Output, create};
pub use follow::Followed;
pub use keys::{KeyFile, KeyValues};
pub use lists::{ListError, ListReason, load_lists};
pub use mapping::Mapping;
#[cfg(feature = "backtest")]
pub(crate) use nested::ExtrasReader;
pub use rates::{RateFileError, RateReason, load_rates};
pub use reader::{Counts, EventReader, FileFormat, Format, LineReader, OnBadLine};
pub use resent::{say_token_key, token_key_said};
pub use snapshot::{
    Again, SnapshotError, SnapshotFile, SnapshotSays, read_snapshot, read_snapshot_by, snapshot_is_whole,
    snapshot_sha256, write_snapshot, write_snapshot_to,
};
pub use socket::listen_unix;
pub use sources::{load_rules, path_between};
pub use token_key::{
    TokenKeyError, TokenKeyReason, key_open_to_others, read_or_make_token_key, read_token_key,
};
pub use tokened::TokenedError;
pub use writer::write_event;

/// Longest line or row, in bytes without its end; a longer one is bad and is skipped without being kept.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Most extra fields in one event; more is bad input.
pub const EXTRAS_MAX: usize = 256;

/// Lists and objects of a line that are open at one time at most, with the event's own.
pub const DEPTH_MAX: usize = 128;

/// Most columns of a CSV.
pub const COLUMNS_MAX: usize = 4096;

//! The journal: every record that came in and every answer to it, in segments of chained frames.
//!
//! Promises that what it said is durable is there after any crash, whole, once and in order; that what is not whole is
//! told with its place; and that nothing is changed, taken out or put in unseen. It reaches files through
//! [`Disk`](crate::io::Disk) alone, reads no wall clock (it is given one) and draws no random number. What a record's bytes
//! mean to the engine it must never know below `recorded`.

/// Answers as lines.
mod answers;
/// Where segments are.
mod archive;
/// Who asked what.
mod asked;
/// How a journal begins, and who says so where that is gone.
mod beginning;
/// Whose word counts that retention removed something.
mod claims;
/// Closed segments as Parquet files.
mod columns;
/// Control records: what happened beside events.
mod control;
/// The engine on its way over a journal.
mod course;
/// Where a journal is not what was written.
mod damage;
/// Damage that somebody decided to go on over.
mod decided;
/// What is missing before the first record and behind the last.
mod ends;
/// What can go wrong.
mod error;
/// What becomes of events once the journal has failed.
mod failure;
/// One payment's answers.
mod find;
/// One record's bytes.
mod frame;
/// Signed heads of the chain.
mod heads;
/// Appending, and waiting until it is on disk.
#[allow(clippy::module_inception, reason = "it is what the module is named for")]
mod journal;
/// Rule sets as they were, by hash.
pub mod kept;
/// Who may write.
mod lock;
/// Signed notes beside the journal.
mod note;
/// Whose journal it is.
mod owner;
/// All records of a folder in order.
mod reader;
/// What a record says.
mod record;
/// An engine whose every step is in the journal.
mod recorded;
/// Opening a folder: what is whole, torn or damaged.
mod recovery;
/// Whether all is there that is to be removed.
mod removable;
/// What retention has removed.
mod removed;
/// The journal through the engine again.
mod replay;
/// Events to be sent again.
mod resend;
/// Doing what retention plans.
mod retain;
/// How long what is kept.
pub mod retention;
/// Records as rows of columns.
mod rows;
/// Rule sets that are proposed, approved and taken up.
mod ruled;
/// What is proposed and what decided, as records say.
mod rulings;
/// A segment's header and name.
mod segment;
/// With what an engine is opened.
mod setup;
/// Which key goes on signing.
mod signing;
/// What records say of snapshots.
mod snapshot_records;
/// Snapshots of a recorded engine.
mod snapshots;
/// What a journal says of the identifiers in it.
mod tokened;
/// How long a journal goes without a signed head.
mod unsigned;
/// Whether a journal is what was signed.
mod verify;
/// A rule set's features filled from the journal, beside the engine that runs.
mod warming;
/// A file in pieces.
mod window;
/// What writes, syncs, rotates and signs.
mod writer;

pub use answers::AnswerWriter;
pub use asked::put_down;
pub use columns::{Columns, ColumnsError, Standing, Written, columns, columns_folder};
pub use control::Control;
pub use course::{Course, Difference, RecordedError, Start, Turn, Unanswered};
pub use damage::{Damage, Torn, Why};
pub use decided::{Decided, went_on_over};
pub use ends::{Before, Ends};
pub use error::{JournalError, Poisoned};
pub use failure::{NEVER, OnFailure, sent_again};
pub use find::{Answers, Looked, Sought, Told, answers_at, event_at, look_back};
pub use frame::{BODY_BYTES_MAX, Chain, FRAME_BYTES};
pub use heads::{Head, PublicKey, Signer};
pub use journal::{Journal, Mode, Mutant, Options, Stop, Watch};
pub use lock::Lock;
pub use reader::{Entry, Reader};
pub use record::{AnswerForm, EventForm, Kind, Record, UnknownRecord};
pub use recorded::{Opened, Progress, Recorded, Stage, Step};
pub use recovery::{OnDamage, Recovered};
pub use removed::{Removed, removed};
pub use replay::{From, Replay, Replayed};
pub use resend::{Resend, ResendError, Unkept};
pub use retain::{Archived, By, Retained, look, retain};
pub use ruled::{Activating, Activation, Keeper, Prepared};
pub use rulings::{Approval, Proposal, Ruling, Rulings};
pub use segment::HEADER_BYTES;
pub use setup::Setup;
pub use signing::{known_signer, signer, wrong_public};
pub use snapshot_records::{CheckedSnapshots, check_snapshots};
pub use snapshots::{SnapshotFigures, snapshots};
pub use tokened::{Begun, begun};
pub use unsigned::HEAD_EVERY_MAX;
pub use verify::{Changed, CheckedApprovals, Rest, Stretch, Verified, Whole, verify};
pub use warming::{SLICE_RECORDS, Warmed, WarmingError, Warmth};
pub use writer::{Figures, Stepper};

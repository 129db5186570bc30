//! The journal: every record that came in and every answer to it, in segments of chained frames.
//!
//! Promises that what it said is durable is there after any crash, whole, once and in order; that what is not whole is
//! told with its place; and that nothing is changed, taken out or put in unseen. It reaches files through
//! [`Disk`](crate::io::Disk) alone, reads no wall clock (it is given one) and draws no random number. What a record's bytes
//! mean to the engine it must never know below `recorded`.

/// Control records: what happened beside events.
mod control;
/// Where a journal is not what was written.
mod damage;
/// What can go wrong.
mod error;
/// One record's bytes.
mod frame;
/// Signed heads of the chain.
mod heads;
/// Appending, and waiting until it is on disk.
#[allow(clippy::module_inception, reason = "it is what the module is named for")]
mod journal;
/// All records of a folder in order.
mod reader;
/// What a record says.
mod record;
/// Opening a folder: what is whole, torn or damaged.
mod recovery;
/// A segment's header and name.
mod segment;
/// Whether a journal is what was signed.
mod verify;
/// A file in pieces.
mod window;
/// What writes, syncs, rotates and signs.
mod writer;

pub use control::Control;
pub use damage::{Damage, Torn, Why};
pub use error::{JournalError, Poisoned};
pub use frame::{BODY_BYTES_MAX, Chain, FRAME_BYTES};
pub use heads::{Head, PublicKey, Signer};
pub use journal::{Journal, Mode, Mutant, Options, Watch};
pub use reader::{Entry, Reader};
pub use record::{AnswerForm, EventForm, Kind, Record, UnknownRecord};
pub use recovery::{OnDamage, Recovered};
pub use segment::HEADER_BYTES;
pub use verify::{Changed, Verified, verify};
pub use writer::{Figures, Stepper};

//! Whether a journal is what was written and signed: nothing changed, removed or put in.
//!
//! The chain alone shows every change by who can't compute it again; signed heads show it by anybody who has no key. What is
//! behind the last head is only chained, and that the end itself was not cut off is shown by a head that was noted elsewhere.
//! A header's time of creation and its spare bytes are in no chain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::control::Control;
use super::damage::Torn;
use super::error::JournalError;
use super::frame::Chain;
use super::heads::{Head, PublicKey};
use super::reader::Reader;
use super::record::{Kind, Record};
use crate::io::Disk;

/// What there is of a journal that nothing was changed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The journal's id.
    pub id: [u8; 16],
    /// Its first record; 0 where there is none.
    pub first: u64,
    /// Its last record; 0 where there is none.
    pub last: u64,
    /// The chain at the last record.
    pub chain: Chain,
    /// Heads that are there.
    pub held: u64,
    /// Heads that the key signed; 0 where no key was given.
    pub heads: u64,
    /// The last record that a head speaks for; 0 where there is none, or no key was given.
    pub signed_to: u64,
    /// What was being written when all ended.
    pub torn: Option<Torn>,
    /// The last record that retention says to have removed, and the record that says so; none where none does. Where a key
    /// was given, a head of it speaks for that record.
    pub removed: Option<(u64, u64)>,
    /// The rule sets that records name, by the hashes that they are kept by.
    pub kept: BTreeSet<String>,
    /// Snapshots by their record, with the SHA-256 that the control record says.
    pub snapshots: BTreeMap<u64, String>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Nothing was changed, removed or put in.
    Whole(Whole),
    /// The first place where something was.
    Changed {
        /// The segment's file name.
        file: String,
        /// The byte in it, where one can be told.
        byte: Option<u64>,
        /// The first record that is not what it was.
        number: u64,
        /// What is seen there.
        how: Changed,
    },
}

/// How a change is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Records are damaged, changed or gone.
    Damaged(String),
    /// A head tells of another record or chain than the one before it, or is no head.
    Head,
    /// Another key signed a head, or none.
    Signature,
    /// Two segments meet without a signed head between them.
    Unsigned,
    /// It was closed in order, and records go on behind the head that closed it without another one.
    PutIn,
    /// The chain is not the one that was expected.
    Expected,
    /// The journal ends before the record that was expected.
    Ended,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged(why) => why,
            Self::Head => "a head tells of another chain than the records before it",
            Self::Signature => "a head is not signed by this key",
            Self::Unsigned => "the segment begins without a signed head before it",
            Self::PutIn => {
                "the journal was closed in order, and goes on without the signed head of an opening"
            }
            Self::Expected => "the chain is another than the expected head's",
            Self::Ended => "the journal ends before the expected head",
        })
    }
}

/// Walks over a whole journal, beside whoever writes it.
///
/// With a public key, every head must be signed by it, and every two segments must have one where they meet. With an expected
/// head, that record must be there with that chain.
pub fn verify(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    public: Option<&PublicKey>,
    expected: Option<(u64, Chain)>,
    mut progress: impl FnMut(&Reader),
) -> Result<Verified, JournalError> {
    let mut reader = Reader::open(Arc::clone(disk), folder)?;
    if reader.is_empty() {
        return Err(JournalError::None { folder: folder.to_owned() });
    }
    let (mut first, mut last, mut chain, mut heads, mut signed_to) = (0, 0, [0; 32], 0, 0);
    let (mut segment, mut headed, mut removed) = (0, true, Vec::new());
    let (mut held, mut kept, mut snapshots) = (0, BTreeSet::new(), BTreeMap::new());
    // Whether the record before closes the journal, or the last head is that of one that does; and what follows that one.
    let (mut closed, mut closing, mut behind) = (false, false, None);
    let file = |reader: &Reader| reader.file().to_owned();
    loop {
        let id = reader.id();
        let entry = match reader.next_entry() {
            Ok(Some(entry)) => {
                let said = match entry.record() {
                    Ok(Record::Control(bytes)) => Control::read(bytes),
                    _ => None,
                };
                let closes = matches!(said, Some(Control::Closed { .. }));
                kept.extend(said.iter().flat_map(Control::kept));
                match said {
                    Some(Control::Retained { removed: Some((_, last)), .. }) => {
                        removed.push((last, entry.number));
                    }
                    Some(Control::Snapshot { number, sha256, .. }) => {
                        snapshots.insert(number, sha256);
                    }
                    _ => {}
                }
                (entry.number, entry.chain, entry.kind, Head::read(entry.body), closes)
            }
            Ok(None) => break,
            Err(JournalError::Damaged(damage)) => {
                let how = Changed::Damaged(damage.why.to_string());
                let (file, byte, number) = (damage.file, Some(damage.byte), damage.number);
                return Ok(Verified::Changed { file, byte, number, how });
            }
            Err(error) => return Err(error),
        };
        progress(&reader);
        let (number, now, kind, head, closes) = entry;
        let changed = |how| Ok(Verified::Changed { file: file(&reader), byte: None, number, how });
        let is_head = kind == Kind::Head as u8;
        if reader.segment() != segment {
            let meets = std::mem::replace(&mut segment, reader.segment()) > 0;
            if public.is_some() && meets && !headed && !is_head {
                return changed(Changed::Unsigned);
            }
        }
        if is_head {
            // A journal whose oldest segments are elsewhere begins with records whose chain is in a header alone.
            let before = (number - 1, if last > 0 { chain } else { head.map_or([0; 32], |head| head.chain) });
            let Some(head) = head.filter(|head| (head.number, head.chain) == before) else {
                return changed(Changed::Head);
            };
            if let Some(public) = public {
                if !public.signed(&reader.id().or(id).unwrap_or_default(), &head) {
                    return changed(Changed::Signature);
                }
                (heads, signed_to) = (heads + 1, head.number);
            }
            (held, closing, behind) = (held + 1, closed, None);
        } else if closing && behind.is_none() {
            behind = Some((number, file(&reader)));
        }
        closed = closes;
        if expected.is_some_and(|(at, chain)| at == number && chain != now) {
            return changed(Changed::Expected);
        }
        if first == 0 {
            first = number;
        }
        (last, chain, headed) = (number, now, is_head);
    }
    if let (Some((number, file)), Some(_)) = (behind, public) {
        return Ok(Verified::Changed { file, byte: None, number, how: Changed::PutIn });
    }
    if expected.is_some_and(|(at, _)| at > last || at < first) {
        let file = reader.segments().last().map_or_else(String::new, |(_, name)| name.clone());
        return Ok(Verified::Changed { file, byte: None, number: last + 1, how: Changed::Ended });
    }
    // Behind the last head anybody can say so.
    removed.retain(|(_, number)| public.is_none() || *number <= signed_to);
    let removed = removed.into_iter().max();
    let (id, torn) = (reader.id().unwrap_or_default(), reader.torn().cloned());
    let whole = Whole { id, first, last, chain, held, heads, signed_to, torn, removed, kept, snapshots };
    Ok(Verified::Whole(whole))
}

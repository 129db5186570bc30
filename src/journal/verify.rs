//! Whether a journal is what was written and signed: nothing changed, removed or put in.
//!
//! The chain alone shows every change by who can't compute it again; signed heads show it by anybody who has no key. What is
//! behind the last head is only chained, and that the end itself was not cut off is shown by a head that was noted elsewhere.
//! A header's time of creation and its spare bytes are in no chain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::claims::Claims;
use super::control::Control;
use super::damage::{Damage, Torn, Why};
use super::decided::Decided;
use super::ends::Ends;
use super::error::JournalError;
use super::frame::Chain;
use super::heads::{Head, PublicKey};
use super::reader::Reader;
use super::record::{Kind, Record};
use super::removed::Removed;
use super::rulings::Approval;
use super::unsigned::Unsigned;
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
    /// What retention says to have removed, and the record that says so; none where none does. Where a key was given, a head of
    /// it in the same segment speaks for that record: one of an opening speaks for whatever lay there.
    pub removed: Option<(Box<Removed>, u64)>,
    /// The rule sets that records name, by the hashes that they are kept by.
    pub kept: BTreeSet<String>,
    /// Approvals of rule sets, with the key in each record.
    pub approvals: CheckedApprovals,
    /// Snapshots by their record, with the SHA-256 that the control record says.
    pub snapshots: BTreeMap<u64, String>,
    /// What records say that somebody decided to go on without, and no damage shows: an end that was cut off, and a beginning
    /// that is gone.
    pub decided: Vec<Decided>,
}

/// The approvals in a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckedApprovals {
    /// Those that the key in their record signed, for this journal and the rule set that it names.
    pub signed: u64,
    /// Those that it did not: the record, and who approved by it.
    pub unsigned: Vec<(u64, String)>,
    /// Those that counted though their approver had proposed the rule set by then: the record that counts them, and who
    /// approved.
    pub own: Vec<(u64, String)>,
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
        /// What of the rest holds.
        rest: Rest,
    },
}

/// What holds of a journal that was changed: it is no proof that nothing else was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// The last record that a signed head proves, where a later head proves nothing: what was changed lies between. None where
    /// records are damaged, which are told as stretches, or no head before was signed.
    pub proven: Option<u64>,
    /// The record that says that somebody decided to go on over the first damage.
    pub decided: Option<u64>,
    /// Records that follow each other, before, between and behind what is damaged.
    pub stretches: Vec<Stretch>,
    /// Ends that were cut off, as records say that decided to go on without.
    pub cut: Vec<Decided>,
    /// What else was changed behind the damage: nothing is looked at behind that record.
    pub then: Option<(u64, Changed)>,
}

/// Records of which each follows the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first one. Behind missing records that is the second one there, since nothing binds what the first one says.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// The last signed head among them, which speaks for all before it; none where there is none, or no key was given.
    pub signed_to: Option<u64>,
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
    /// The journal ends before this record, after which there is a snapshot of its own.
    Cut(u64),
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged(why) => why,
            Self::Cut(number) => {
                return write!(
                    f,
                    "the journal ends before its own snapshot after record {number}, so its end was cut"
                );
            }
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

/// A place where something was changed: file, byte and record.
type Place = (String, Option<u64>, u64);

/// Walks over a whole journal, beside whoever writes it.
///
/// With a public key, every head must be signed by it, every two segments must have one where they meet, and no more than
/// [`HEAD_EVERY_MAX`](super::HEAD_EVERY_MAX) records may go without. With an expected
/// head, that record must be there with that chain. No snapshot of its own may be behind its end. Behind damage it goes on,
/// to say what of the rest holds.
pub fn verify(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    public: Option<&PublicKey>,
    expected: Option<(u64, Chain)>,
    mut progress: impl FnMut(&Reader),
) -> Result<Verified, JournalError> {
    // Before the records: one that is written meanwhile may be behind what is seen of them.
    let mut ends = Ends::look(disk, folder)?;
    let mut reader = Reader::open(Arc::clone(disk), folder)?;
    if reader.is_empty() {
        return Err(JournalError::None { folder: folder.to_owned() });
    }
    let (mut first, mut last, mut chain, mut heads, mut signed_to) = (0, 0, [0; 32], 0, 0);
    let (mut segment, mut headed, mut claims) = (0, true, Claims::default());
    let mut unsigned = Unsigned::default();
    let (mut held, mut kept, mut snapshots) = (0, BTreeSet::new(), BTreeMap::new());
    let mut approved: Vec<(u64, String, Approval)> = Vec::new();
    // Who proposed what so far: rule sets with callers.
    let (mut proposed, mut own) = (BTreeSet::new(), Vec::new());
    // Whether the record before closes the journal, or the last head is that of one that does; and what follows that one.
    let (mut closed, mut closing, mut behind) = (false, false, None);
    let (mut damaged, mut rest) = (None::<Damage>, Rest::default());
    // Of what is looked at now, behind any damage: the first record, and whether the next one is that.
    let (mut begins, mut fresh) = (0, true);
    let mut decided: Vec<Decided> = Vec::new();
    let file = |reader: &Reader| reader.file().to_owned();
    let mut found: Option<(Place, Changed)> = loop {
        let entry = match reader.next_entry() {
            Ok(Some(entry)) => {
                let said = match entry.record() {
                    Ok(Record::Control(bytes)) => Control::read(bytes),
                    _ => None,
                };
                let closes = matches!(said, Some(Control::Closed { .. }));
                kept.extend(said.iter().flat_map(Control::kept));
                let claim = said.as_ref().and_then(Removed::said);
                said.iter().for_each(|said| ends.note(said));
                match said {
                    Some(Control::Proposed { rules, by, .. }) => {
                        proposed.insert((rules, by));
                    }
                    Some(Control::Activated { rules, approved_by, .. }) => {
                        let is_own = |by: &String| {
                            let approvals = approved.iter().rev().filter(|(_, of, _)| *of == rules);
                            let caller = approvals.map(|(.., held)| held).find(|held| held.by == *by);
                            caller
                                .is_some_and(|held| proposed.contains(&(rules.clone(), held.caller.clone())))
                        };
                        own.extend(approved_by.into_iter().filter(is_own).map(|by| (entry.number, by)));
                    }
                    Some(Control::Approved { rules, approval, .. }) => {
                        approved.push((entry.number, rules, approval));
                    }
                    Some(Control::Snapshot { number, sha256, .. }) => {
                        snapshots.insert(number, sha256);
                    }
                    Some(Control::WentOn { damage, .. }) => {
                        let known =
                            damaged.as_ref().is_some_and(|first| damage.iter().any(|d| d.same(first)));
                        rest.decided = rest.decided.or(known.then_some(entry.number));
                        for damage in damage {
                            let gone = damage.why == Why::Snapshot || damage.lacks(1);
                            if gone && !decided.iter().any(|known| known.damage.same(&damage)) {
                                decided.push(Decided { damage, record: entry.number, held: false });
                            }
                        }
                    }
                    _ => {}
                }
                (entry.number, entry.chain, entry.kind, Head::read(entry.body), (closes, claim))
            }
            Ok(None) => break None,
            Err(JournalError::Damaged(damage)) => {
                rest.stretches.extend(stretch(begins, last, signed_to));
                claims.damaged();
                unsigned.damaged();
                damaged.get_or_insert(damage);
                (begins, last, headed, fresh) = (0, 0, true, true);
                (closed, closing, behind) = (false, false, None);
                continue;
            }
            Err(error) => return Err(error),
        };
        progress(&reader);
        let (number, now, kind, head, (closes, claim)) = entry;
        let changed = |how| Some(((file(&reader), None, number), how));
        if std::mem::take(&mut fresh) {
            begins = if reader.follows() { number } else { number + 1 };
        }
        let is_head = kind == Kind::Head as u8;
        if reader.segment() != segment {
            let meets = std::mem::replace(&mut segment, reader.segment()) > 0;
            if public.is_some() && meets && !headed && !is_head {
                break changed(Changed::Unsigned);
            }
        }
        if let Some(public) = public
            && unsigned.lacks_head(
                (number, now),
                head.as_ref().filter(|_| is_head),
                (reader.id().as_ref(), public),
            )
        {
            // What was put in its place is whole, and so may be what is behind it.
            rest.stretches.extend(stretch(begins, last, signed_to));
            claims.damaged();
            damaged.get_or_insert(Damage::unsigned(file(&reader), reader.entry_at(), number));
            begins = number;
        }
        claims.record(reader.segment(), number, claim);
        if is_head {
            // A journal whose oldest segments are elsewhere begins with records whose chain is in a header alone.
            let before = (number - 1, if last > 0 { chain } else { head.map_or([0; 32], |head| head.chain) });
            let Some(head) = head.filter(|head| (head.number, head.chain) == before) else {
                break changed(Changed::Head);
            };
            // Where nothing tells whose journal it is, no signature can be proven, and none is called false.
            if let (Some(public), Some(id)) = (public, reader.id()) {
                if !public.signed(&id, &head) {
                    break changed(Changed::Signature);
                }
                (heads, signed_to) = (heads + 1, head.number);
            }
            (held, closing, behind) = (held + 1, closed, None);
        } else if closing && behind.is_none() {
            behind = Some((number, file(&reader)));
        }
        if is_head || public.is_none() {
            claims.proven(reader.segment());
        }
        closed = closes;
        if expected.is_some_and(|(at, chain)| at == number && chain != now) {
            break changed(Changed::Expected);
        }
        if first == 0 {
            first = number;
        }
        (last, chain, headed) = (number, now, is_head);
    };
    let last_there = reader.last();
    let end = || reader.segments().last().map_or_else(String::new, |(_, name)| name.clone());
    if let (None, Some((number, file)), Some(_)) = (&found, behind, public) {
        found = Some(((file, None, number), Changed::PutIn));
    }
    if found.is_none() && expected.is_some_and(|(at, _)| at > last_there || at < first) {
        found = Some(((end(), None, last_there + 1), Changed::Ended));
    }
    let id = reader.id().unwrap_or_default();
    // A beginning that is there was put back, or is told where it is damaged.
    decided.retain(|decided| decided.damage.why == Why::Snapshot || decided.damage.last() < first);
    if found.is_none()
        && let Some(cut) = ends.cut(&reader)?
    {
        found = Some(((end(), None, cut.number), Changed::Cut(cut.last())));
    }
    if let Some(Damage { file, byte, number, why, .. }) = damaged {
        rest.stretches.extend(stretch(begins, last, signed_to));
        decided.retain(|decided| decided.damage.why == Why::Snapshot);
        rest.cut = decided;
        rest.then = found.map(|((_, _, number), how)| (number, how));
        let how = Changed::Damaged(why.to_string());
        return Ok(Verified::Changed { file, byte: Some(byte), number, how, rest });
    }
    if let Some(((file, byte, number), how)) = found {
        let proven = matches!(how, Changed::Head | Changed::Signature | Changed::Unsigned)
            .then_some(signed_to + 1)
            .filter(|_| signed_to > 0);
        return Ok(Verified::Changed { file, byte, number, how, rest: Rest { proven, ..rest } });
    }
    let removed = claims.newest().map(|(removed, number)| (Box::new(removed.before(first)), number));
    let torn = reader.torn().cloned();
    let (signed, unsigned): (Vec<_>, Vec<_>) =
        approved.into_iter().partition(|(_, rules, approval)| approval.is_signed(&id, rules));
    let unsigned = unsigned.into_iter().map(|(number, _, approval)| (number, approval.by)).collect();
    let approvals = CheckedApprovals { signed: signed.len() as u64, unsigned, own };
    let whole = Whole {
        id,
        first,
        last,
        chain,
        held,
        heads,
        signed_to,
        torn,
        removed,
        kept,
        approvals,
        snapshots,
        decided,
    };
    Ok(Verified::Whole(whole))
}

/// The records from one to another, if there are any, and how far heads speak for them.
fn stretch(first: u64, last: u64, signed_to: u64) -> Option<Stretch> {
    (0 < first && first <= last).then_some(Stretch {
        first,
        last,
        signed_to: (first..=last)
            .contains(&(signed_to + 1))
            .then_some(signed_to + 1)
            .filter(|_| signed_to > 0),
    })
}

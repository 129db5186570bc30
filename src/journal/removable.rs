//! Whether all is there that retention is to remove: what it signs is that it removed records, and not that they are gone.
//!
//! Promises that nothing passes for whole that is not: from the journal's beginning, or the end of the last removal whose word
//! counts, every record is there and follows the one before it, and heads of the journal's own key speak for them; but for what
//! somebody decided to go on without, which is given with its numbers.

use std::path::Path;
use std::sync::Arc;

use super::beginning;
use super::claims;
use super::damage::Damage;
use super::error::JournalError;
use super::frame::Chain;
use super::heads::{Head, PublicKey};
use super::reader::Reader;
use super::record::Kind;
use super::unsigned::Unsigned;
use super::verify::Changed;
use crate::io::Disk;

/// Of the records up to one, first and last of those that retention does not remove and did not: missing before, with a
/// decision to go on without them. What is missing or changed otherwise is an error.
pub(super) fn missing_up_to(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    to: u64,
    (id, key): (&[u8; 16], Option<&PublicKey>),
) -> Result<Vec<(u64, u64)>, JournalError> {
    let mut known = None;
    let before = claims::removed_by(disk, folder, (id, key))?;
    let removed = before.as_ref().map_or(0, |removed| removed.last);
    let mut missing = before.map_or_else(Vec::new, |removed| removed.missing);
    if let Some((gone, before)) = beginning::gone(disk, folder, (id, key))? {
        let last = gone.last();
        beginning::on_gone(disk, folder, &mut known, (gone, before.as_ref()), key)?;
        missing.push((removed + 1, last));
    }
    let mut unsigned = Unsigned::default();
    let mut reader = Reader::open(Arc::clone(disk), folder)?;
    let mut former: Option<(u64, Chain)> = None;
    let changed = |reader: &Reader, number, how| {
        Err(JournalError::Changed { file: reader.file().to_owned(), number, how })
    };
    loop {
        let (number, chain, head) = match reader.next_entry() {
            Ok(Some(entry)) => {
                let is_head = entry.kind == Kind::Head as u8;
                (entry.number, entry.chain, is_head.then(|| Head::read(entry.body)))
            }
            Ok(None) if key.is_some() => return changed(&reader, to, Changed::Unsigned),
            Ok(None) => return Ok(missing),
            Err(JournalError::Damaged(damage)) => {
                former = None;
                unsigned.damaged();
                if damage.number <= to {
                    let (first, last) = (damage.number, damage.last().min(to));
                    beginning::on(disk, folder, &mut known, damage)?;
                    missing.extend((first <= last).then_some((first, last)));
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        if let Some(head) = head {
            // Behind damage, and at the beginning, its chain is in no record.
            let follows = |head: &Head| former.is_none_or(|former| former == (head.number, head.chain));
            let Some(head) = head.filter(follows) else { return changed(&reader, number, Changed::Head) };
            if key.is_some_and(|key| !key.signed(id, &head)) {
                return changed(&reader, number, Changed::Signature);
            }
        }
        if let Some(key) = key
            && unsigned.lacks_head((number, chain), head.flatten().as_ref(), (Some(id), key))
        {
            let lacks = Damage::unsigned(reader.file().to_owned(), reader.entry_at(), number);
            beginning::on(disk, folder, &mut known, lacks)?;
        }
        if number >= to && (head.is_some() || key.is_none()) {
            return Ok(missing);
        }
        former = Some((number, chain));
    }
}

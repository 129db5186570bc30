//! Damage that somebody decided to go on over: whoever reads the journal later passes over it too, and says so.
//!
//! Promises that nothing is passed over on which no record behind it decided. Answers that were given before that decision
//! were given with what is missing, so they may be others now. Those behind it were given without, unless the engine went on
//! from a snapshot that held it: then only a snapshot brings it back.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::control::Control;
use super::damage::{Damage, Why};
use super::error::JournalError;
use super::reader::Reader;
use super::record::Record;
use crate::io::Disk;

/// Damage, and the record that decided on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What is damaged.
    pub damage: Damage,
    /// The record `went_on` that says so.
    pub record: u64,
    /// Whether the engine went on from a snapshot behind it, which held what is missing.
    pub held: bool,
}

impl Decided {
    /// Answers up to this record may be others than they were.
    pub(super) fn until(&self) -> u64 {
        if self.held { u64::MAX } else { self.record }
    }
}

impl Decided {
    /// What an audit says of records that are in no file any more.
    pub fn told_gone(&self) -> String {
        let Self { damage: Damage { number, why, .. }, record, .. } = self;
        let last = self.damage.last();
        let records = match last.saturating_sub(*number) {
            0 => format!("record {number}"),
            _ => format!("records {number} to {last}"),
        };
        let how = if *why == Why::Snapshot { "cut off the end" } else { "gone from the beginning" };
        let were = if last == *number { "was" } else { "were" };
        format!("record {record} says that somebody decided to go on without {records}, which {were} {how}")
    }
}

impl fmt::Display for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { damage, record, .. } = self;
        write!(f, "{damage}; record {record} says that somebody decided to go on over it: passed over")
    }
}

/// Whether a record behind some damage says that somebody decided to go on over it.
pub fn went_on_over(disk: &Arc<dyn Disk>, folder: &Path, damage: &Damage) -> Result<bool, JournalError> {
    let known = decided(disk, folder, damage.number, u64::MAX)?;
    Ok(known.iter().any(|known| known.damage.same(damage)))
}

/// The damage that records decided on, from the segment of one record to another record, in the order of the decisions.
pub(super) fn decided(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    from: u64,
    last: u64,
) -> Result<Vec<Decided>, JournalError> {
    let mut reader = Reader::from(Arc::clone(disk), folder, from)?;
    let mut all: Vec<Decided> = Vec::new();
    // Those whose opening has not said yet from which snapshot it went on.
    let mut opening = 0;
    while let Some(entry) = reader.next_whole()?.filter(|entry| entry.number <= last) {
        let Ok(Record::Control(bytes)) = entry.record() else { continue };
        match Control::read(bytes) {
            Some(Control::WentOn { damage, .. }) => {
                for damage in damage {
                    // What was decided on before is said again.
                    if !all.iter().any(|known| known.damage.same(&damage)) {
                        all.push(Decided { damage, record: entry.number, held: false });
                    }
                }
            }
            Some(Control::Recovered { snapshot, .. }) => {
                for decided in all.iter_mut().skip(opening) {
                    // A record without a head before it is there.
                    decided.held = decided.damage.why != Why::Unsigned
                        && snapshot.is_some_and(|number| decided.damage.is_before(number + 1));
                }
                opening = all.len();
            }
            _ => {}
        }
    }
    Ok(all)
}

//! Doing what retention plans: segments into the archive, what is too old away, and a record of it.
//!
//! Promises that a crash at any moment loses no record and doubles none; that a segment is archived only where all of it is
//! whole, and removed only where it is this journal's, all before it is there and an engine was made of the snapshot that
//! begins instead, so that nobody signs for what others took; and that what was done is put down
//! before anything goes, signed by the journal's key: nobody else's word for it is believed. Works beside the process that writes the journal: closed segments are never written or asked for
//! by it.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::beginning::{Beginning, started_by};
use super::columns::{self, columns_folder};
use super::control::Control;
use super::course::{Course, RecordedError, load};
use super::damage::Why;
use super::error::JournalError;
use super::heads::{PublicKey, Signer};
use super::note::Note;
use super::reader::Reader;
use super::record::Record;
use super::removed::{self, Removed};
use super::retention::{Fate, Holdings, Plan, Retention, Segment, Snapshot, plan};
use super::segment::{HEADER_BYTES, Header};
use super::signing::{own_public, place_public, signed_by};
use super::window::Window;
use super::{archive, asked, claims, kept, removable, snapshots, warming};
use crate::hex::hex;
use crate::io::Disk;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// What was planned.
    pub plan: Plan,
    /// Segments that were archived.
    pub archived: Vec<Archived>,
    /// Segments that stay online since they are not whole.
    pub damaged: Vec<Segment>,
    /// The snapshot that was copied into the archive.
    pub snapshot: Option<u64>,
    /// Segments that were removed.
    pub removed: Vec<Segment>,
}

/// A segment that was archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archived {
    /// It.
    pub segment: Segment,
    /// Its bytes before.
    pub online_bytes: u64,
    /// Its bytes in the archive.
    pub bytes: u64,
}

/// What would be done at a time; nothing is changed. Where no key is given, the public one in the folder is believed.
pub fn look(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    keep: &Retention,
    now_us: i64,
    signer: Option<&Signer>,
) -> Result<Plan, RecordedError> {
    let key = signer.map(Signer::public).or_else(|| own_public(disk, folder).ok());
    Ok(look_as(disk, folder, keep, now_us, key.as_ref())?.plan)
}

/// What would be done, and all that is put down of it.
struct Looked {
    plan: Plan,
    id: [u8; 16],
    /// First and last of what is missing up to the newest record that is removed.
    missing: Vec<(u64, u64)>,
}

/// The same, where the heads of this key are believed.
fn look_as(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    keep: &Retention,
    now_us: i64,
    key: Option<&PublicKey>,
) -> Result<Looked, RecordedError> {
    let (mut plan, id, strangers) = planned(disk, folder, keep, now_us)?;
    if let Some((first, name)) = strangers.into_iter().next()
        && plan.with(|fate| fate == Fate::Remove).any(|segment| segment.first >= first)
    {
        plan.withhold(JournalError::Foreign { path: folder.join(name) }.to_string());
    }
    let last = plan.with(|fate| fate == Fate::Remove).last().map(|segment| segment.last);
    let missing = match last.map(|last| removable::missing_up_to(disk, folder, last, (&id, key))) {
        None => Vec::new(),
        Some(Ok(missing)) => missing,
        Some(Err(
            why @ (JournalError::Damaged(_)
            | JournalError::Unsigned(_)
            | JournalError::Unproven { .. }
            | JournalError::Changed { .. }),
        )) => {
            plan.withhold(why.to_string());
            Vec::new()
        }
        Some(Err(error)) => return Err(error.into()),
    };
    if plan.base.is_some()
        && let Some(before) = claims::removed_by(disk, folder, (&id, key))?
        && snapshots::read(disk, folder, id, before.base).is_err()
    {
        plan.lost = Some(before.base);
    }
    Ok(Looked { plan, id, missing })
}

/// A segment's first record, and its name within the journal's folder.
type Named = (u64, String);

/// What is old enough, is not needed, and has something behind it to begin with; the journal's id, and the segments of others.
fn planned(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    keep: &Retention,
    now_us: i64,
) -> Result<(Plan, [u8; 16], Vec<Named>), RecordedError> {
    let (mut held, id, strangers) = holdings(disk, folder, now_us)?;
    let mut needed_from = u64::MAX;
    loop {
        let plan = plan(&held, keep, now_us, needed_from);
        let Some(base) = plan.base else { return Ok((plan, id, strangers)) };
        // Twice: what reads wrongly once must not look as though nothing were there.
        let needed = needed_up_to(disk, folder, &held, base)?.min(needed_up_to(disk, folder, &held, base)?);
        if needed <= base {
            needed_from = needed;
        } else if is_fit(disk, folder, id, base) {
            return Ok((plan, id, strangers));
        } else {
            held.snapshots.retain(|snapshot| snapshot.number != base);
        }
    }
}

/// Who has something archived and removed.
#[derive(Clone, Debug)]
pub struct By {
    /// Their name.
    pub who: String,
    /// What for.
    pub why: String,
    /// The key of the journal, by which what is done is signed; none where nobody signs the journal, an error where somebody
    /// does.
    pub signer: Option<Signer>,
    /// 16 random bytes, for the name of what is put down.
    pub unique: [u8; 16],
}

/// Does what is to be done at a time. What it does is put down, and signed, before anything goes.
pub fn retain(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    keep: &Retention,
    now_us: i64,
    by: &By,
) -> Result<Retained, RecordedError> {
    let files = &**disk;
    let within = folder.join(archive::FOLDER);
    if archive::segments(files, folder)?.is_empty() {
        return Err(JournalError::None { folder: folder.to_owned() }.into());
    }
    if by.signer.is_none()
        && let Some(by) = signed_by(disk, folder)?
    {
        return Err(JournalError::KeyGone { path: folder.join("signing.key"), by: hex(by) }.into());
    }
    files.create_folder(&within).map_err(JournalError::disk("make the folder", &within))?;
    let lock = within.join("lock");
    let held = files.lock(&lock).map_err(JournalError::disk("lock", &lock))?;
    let Some(_held) = held else { return Err(JournalError::Retaining { folder: folder.to_owned() }.into()) };
    for name in archive::list(files, folder)?.iter().filter(|name| name.ends_with(archive::PARTIAL)) {
        archive::remove(files, &within.join(name))?;
    }
    if let Some(signer) = &by.signer {
        // Nobody who reads believes what is signed here without it.
        place_public(disk, folder, signer, true)?;
    }
    let key = by.signer.as_ref().map(Signer::public);
    let Looked { plan, id, missing } = look_as(disk, folder, keep, now_us, key.as_ref())?;
    let mut done = Retained { plan, ..Retained::default() };
    let plan = &done.plan;
    if let Some(number) = plan.snapshot {
        done.snapshot = snapshots::put_into_archive(files, folder, number)?.then_some(number);
    }
    for segment in plan.with(|fate| matches!(fate, Fate::Archive(_))) {
        let Some(last) = whole_to(disk, folder, segment)? else {
            done.damaged.push(segment);
            continue;
        };
        let segment = Segment { last, ..segment };
        let online = super::segment::name(segment.first);
        let length = archive::length(files, folder, &online);
        let online_bytes = length.map_err(JournalError::disk("look at", &folder.join(online)))?;
        let bytes = archive::put(files, folder, segment.first)?;
        done.archived.push(Archived { segment, online_bytes, bytes });
    }
    // As they are, and not as the next one's name says.
    for archived in &done.archived {
        let planned =
            done.plan.segments.iter_mut().find(|(planned, _)| planned.first == archived.segment.first);
        planned.into_iter().for_each(|(planned, _)| planned.last = archived.segment.last);
    }
    let plan = &done.plan;
    // Where it went away before it was archived, something is left to begin with.
    let base = plan.base.filter(|base| plan.snapshot != Some(*base) || done.snapshot.is_some());
    if base.is_some() {
        done.removed = plan.with(|fate| fate == Fate::Remove).collect();
    }
    if done.is_nothing() {
        return Ok(done);
    }
    let note = match (base, done.removed.last()) {
        (Some(base), Some(newest)) => {
            let started = match started_by(disk, folder, u64::MAX, (&id, key.as_ref()))? {
                Beginning::Started { said, .. } => Some(*said),
                Beginning::Nothing | Beginning::Lost { .. } => None,
            };
            let (last, missing) = (newest.last, missing.clone());
            Some(Removed { at_us: now_us, last, base, missing, started, note: None })
        }
        _ => None,
    };
    let said = Note::new(done.said(now_us, by, missing).to_bytes(), &id, by.signer.as_ref());
    asked::put(files, folder, (now_us, by.unique), &said.to_bytes())?;
    for archived in &done.archived {
        archive::take(files, folder, archived.segment.first)?;
    }
    if let Some(note) = note {
        removed::put(files, folder, &note, &id, by.signer.as_ref())?;
    }
    // From the oldest on, each for good before the next: what is left has no gap.
    for segment in &done.removed {
        archive::drop(files, folder, segment.first)?;
    }
    let first = archive::segments(files, folder)?.first().map_or(0, |(first, _)| *first);
    for &number in done.plan.snapshots.iter().filter(|number| **number + 1 < first) {
        snapshots::drop_from_archive(files, folder, number)?;
    }
    for &first in &done.plan.columns {
        archive::remove(files, &columns_folder(folder).join(columns::name(first)))?;
    }
    Ok(done)
}

impl Retained {
    /// Whether all stayed as it was.
    pub fn is_nothing(&self) -> bool {
        self.archived.is_empty()
            && self.removed.is_empty()
            && self.snapshot.is_none()
            && self.plan.snapshots.is_empty()
            && self.plan.columns.is_empty()
    }

    /// The record of it.
    fn said(&self, at_us: i64, By { who, why, .. }: &By, missing: Vec<(u64, u64)>) -> Control {
        let mut archived: Vec<(u64, u64)> = Vec::new();
        for Archived { segment: Segment { first, last, .. }, .. } in &self.archived {
            match archived.last_mut() {
                Some((_, end)) if *end + 1 == *first => *end = *last,
                _ => archived.push((*first, *last)),
            }
        }
        let removed = self.removed.first().zip(self.removed.last());
        Control::Retained {
            at_us,
            who: who.clone(),
            why: why.clone(),
            archived,
            removed: removed.map(|(first, last)| (first.first, last.last)),
            missing: if removed.is_some() { missing } else { Vec::new() },
            base: self.plan.base.filter(|_| removed.is_some()),
            snapshot: self.snapshot,
            columns: self.plan.columns.len() as u64,
        }
    }
}

/// What there is, the journal's id, and the segments that are another journal's: their first records, and names.
fn holdings(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    now_us: i64,
) -> Result<(Holdings, [u8; 16], Vec<Named>), JournalError> {
    let named = archive::segments(&**disk, folder)?;
    if named.is_empty() {
        return Err(JournalError::None { folder: folder.to_owned() });
    }
    let mut headers = Vec::with_capacity(named.len());
    for (_, name) in &named {
        let path = folder.join(name);
        let source = archive::open(&**disk, folder, name).map_err(JournalError::disk("open", &path))?;
        let mut window = Window::new(source);
        let ahead = window.ahead(HEADER_BYTES).map_err(JournalError::disk("read", &path))?;
        // What is not whole is told by whoever reads it; its time is that of the next one.
        headers.push(Header::read(ahead).ok());
    }
    let begun_us: Vec<Option<i64>> =
        headers.iter().map(|header| header.as_ref().map(|header| header.created_us)).collect();
    let segments = named.iter().enumerate().map(|(at, (first, name))| {
        let next_us = begun_us[at + 1..].iter().flatten().next().copied().unwrap_or(now_us);
        Segment {
            first: *first,
            last: named.get(at + 1).map_or(u64::MAX, |(next, _)| next - 1),
            written_us: begun_us[at].map_or(next_us, |begun_us| begun_us.max(next_us)),
            archived: archive::is_archived(name),
        }
    });
    let archived = snapshots::archived(&**disk, folder)?;
    let mut numbers = snapshots::snapshots(&**disk, folder)?;
    numbers.reverse();
    let held = Holdings {
        segments: segments.collect(),
        snapshots: numbers
            .into_iter()
            .map(|number| Snapshot { number, archived: archived.contains(&number) })
            .collect(),
        columns: columns::there(&**disk, &columns_folder(folder))?,
        begun_us: begun_us.iter().flatten().next().copied().unwrap_or(now_us),
    };
    // Not what the first header says: a stranger's segment may lie there.
    let id = claims::id_of(disk, folder)?;
    let is_strange = |header: &Option<Header>| header.as_ref().is_some_and(|header| header.id != id);
    let strangers = named.into_iter().zip(&headers).filter(|(_, header)| is_strange(header));
    Ok((held, id, strangers.map(|(named, _)| named).collect()))
}

/// Whether an engine can be made of a snapshot that goes all the way from there: it can't where a rule set was being warmed
/// then, with what lies before.
fn is_fit(disk: &Arc<dyn Disk>, folder: &Path, id: [u8; 16], number: u64) -> bool {
    let saved = snapshots::read(disk, folder, id, number);
    saved.is_ok_and(|saved| Course::restore(&**disk, folder, number, saved, None).is_ok())
        && warming::known(disk, folder, number, u64::MAX)
            .is_ok_and(|known| !known.iter().any(|known| known.is_on_at(number)))
}

/// The last record of a segment, where all that is in it is whole: what is missing behind it is no damage of its own.
fn whole_to(disk: &Arc<dyn Disk>, folder: &Path, segment: Segment) -> Result<Option<u64>, JournalError> {
    let mut reader = Reader::from(Arc::clone(disk), folder, segment.first)?;
    let (mut last, mut is_whole) = (None, true);
    loop {
        match reader.next_entry() {
            Ok(Some(entry)) if entry.number <= segment.last => last = Some(entry.number),
            Ok(Some(_)) => break,
            Ok(None) => {
                is_whole = reader.torn().is_none();
                break;
            }
            Err(JournalError::Damaged(damage)) => {
                // Which of the two records that do not follow each other is another nobody can say.
                is_whole = archive::first_of(&damage.file) != Some(segment.first) && damage.why != Why::Chain;
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(last.filter(|_| is_whole))
}

/// When an event was, as its record says.
#[derive(Deserialize)]
struct At {
    time_us: i64,
}

/// The oldest record up to `base` that a window may still need, or the one behind it: events no longer before the newest
/// one than any rule set that is kept can look back, and correct.
fn needed_up_to(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    held: &Holdings,
    base: u64,
) -> Result<u64, RecordedError> {
    let mut longest_us = 0;
    for hash in kept::all(&**disk, folder)? {
        let rules = load(&kept::read(&**disk, folder, &hash)?, &hash)?.rules;
        longest_us = rules.reach_us().max(longest_us);
    }
    let mut newest_us = None;
    for segment in held.segments.iter().rev() {
        each_event(disk, folder, (segment.first, segment.last), |_, at_us| {
            newest_us = newest_us.max(at_us);
            true
        })?;
        if newest_us.is_some() {
            break;
        }
    }
    let Some(newest_us) = newest_us else { return Ok(base + 1) };
    let mut needed = base + 1;
    let first = held.segments.first().map_or(0, |segment| segment.first);
    each_event(disk, folder, (first, base), |number, at_us| {
        if at_us.is_none_or(|at_us| at_us > newest_us.saturating_sub(longest_us)) {
            needed = number;
        }
        needed > base
    })?;
    Ok(needed)
}

/// Calls something with the number and time of events, from one record to another, until it says that it is enough.
fn each_event(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    (from, to): (u64, u64),
    mut each: impl FnMut(u64, Option<i64>) -> bool,
) -> Result<(), RecordedError> {
    let mut reader = Reader::from(Arc::clone(disk), folder, from)?;
    loop {
        match reader.next_entry() {
            Ok(Some(entry)) if entry.number <= to => {
                if let Record::Event { bytes, .. } = entry.record()? {
                    let at_us = serde_json::from_slice(bytes).ok().map(|At { time_us }| time_us);
                    if !each(entry.number, at_us) {
                        return Ok(());
                    }
                }
            }
            Ok(_) => return Ok(()),
            Err(JournalError::Damaged(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

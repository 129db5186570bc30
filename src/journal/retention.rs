//! How long a journal keeps what: from what there is and how old, to what becomes of each segment, and why.
//!
//! Promises that whole segments alone are moved or removed, never the newest; and that what is left can always be replayed: a
//! segment goes only where an archived snapshot as old as what goes is behind it, and no window needs it. Pure: the clock is
//! given, nothing is read. A segment is as old as its newest record is at least.

use crate::time::DAY_US;

/// How long what is kept, in microseconds since it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Segments in the journal's own folder, as they were written.
    pub online_us: i64,
    /// Segments in all, online and then archived.
    pub archived_us: i64,
    /// Files of columns. One whose segment was removed goes too.
    pub columns_us: i64,
    /// From one archived snapshot to the next.
    pub snapshots_us: i64,
}

impl Default for Retention {
    /// Three months online, five years in all, a snapshot each three months.
    fn default() -> Self {
        let (months_us, years_us) = (92 * DAY_US, 1827 * DAY_US);
        Self { online_us: months_us, archived_us: years_us, columns_us: years_us, snapshots_us: months_us }
    }
}

/// A segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its first record.
    pub first: u64,
    /// Its last one.
    pub last: u64,
    /// When its newest record was written, at the latest.
    pub written_us: i64,
    /// Whether it is in the archive alone.
    pub archived: bool,
}

/// A snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last record that it holds.
    pub number: u64,
    /// Whether it is in the archive.
    pub archived: bool,
}

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// In order; the last one may still be written.
    pub segments: Vec<Segment>,
    /// Those from which an engine can be made, in order.
    pub snapshots: Vec<Snapshot>,
    /// The first records of the segments whose columns there are, in order.
    pub columns: Vec<u64>,
    /// When the oldest record was written, at the earliest.
    pub begun_us: i64,
}

/// Why a segment is not removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays {
    /// It is not old enough.
    Young,
    /// A window of some rule set may still need it.
    Needed,
    /// No archived snapshot behind it is old enough to begin with instead.
    Unfounded,
    /// Replay could begin behind it with an archived snapshot that is old enough, but a window still needs events before that one.
    Reached,
    /// It, or what was before it, is not all there: see [`Plan::withheld`].
    Withheld,
}

/// What becomes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays: it may still be written.
    Newest,
    /// It stays where it is, in the journal's own folder.
    Online,
    /// It moves to the archive.
    Archive(Stays),
    /// It stays in the archive.
    Archived(Stays),
    /// It is removed.
    Remove,
}

/// What becomes of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Of each segment, in order.
    pub segments: Vec<(Segment, Fate)>,
    /// The snapshot that is copied into the archive.
    pub snapshot: Option<u64>,
    /// The snapshot with which the journal begins once segments are removed; none where none are.
    pub base: Option<u64>,
    /// Archived snapshots that are removed: nothing follows them any more.
    pub snapshots: Vec<u64>,
    /// Columns that are removed, by the first records of their segments.
    pub columns: Vec<u64>,
    /// The snapshot that a former removal left to begin with, where it is gone or not whole, and more is removed all the same.
    pub lost: Option<u64>,
    /// Why no segment is removed that is old enough, where what would go is not all there.
    pub withheld: Option<String>,
}

impl Plan {
    /// Removes no segment, and says why.
    pub(super) fn withhold(&mut self, why: String) {
        for (segment, fate) in self.segments.iter_mut().filter(|(_, fate)| *fate == Fate::Remove) {
            let moved = if segment.archived { Fate::Archived } else { Fate::Archive };
            *fate = moved(Stays::Withheld);
        }
        // What nothing follows any more is below the oldest segment only.
        let first = self.segments.first().map_or(0, |(segment, _)| segment.first);
        self.snapshots.retain(|number| number + 1 < first);
        (self.base, self.withheld) = (None, Some(why));
    }

    /// The segments with which something happens.
    pub fn with(&self, happens: impl Fn(Fate) -> bool) -> impl Iterator<Item = Segment> {
        self.segments.iter().filter(move |(_, fate)| happens(*fate)).map(|(segment, _)| *segment)
    }

    /// Whether all stays as it is.
    pub fn is_nothing(&self) -> bool {
        let moves = |fate| matches!(fate, Fate::Archive(_) | Fate::Remove);
        self.with(moves).next().is_none()
            && self.snapshot.is_none()
            && self.snapshots.is_empty()
            && self.columns.is_empty()
    }
}

/// What is to be done at a time. Records from `needed_from` on may be in a window.
pub fn plan(held: &Holdings, keep: &Retention, now_us: i64, needed_from: u64) -> Plan {
    let old = |written_us: i64, for_us: i64| now_us.saturating_sub(written_us) >= for_us;
    let written_us = |number: u64| {
        let at = held.segments.iter().find(|segment| segment.last >= number);
        at.map_or(i64::MAX, |segment| segment.written_us)
    };
    let snapshot = due(held, keep, &written_us);
    // What is written and taken away while decisions go on is nothing to begin with in five years.
    let archived = |held: &&Snapshot| held.archived || Some(held.number) == snapshot;
    let base = held
        .snapshots
        .iter()
        .filter(archived)
        .map(|held| held.number)
        .rfind(|&number| number < needed_from && old(written_us(number), keep.archived_us));
    let has_old_one_behind = |last: u64| {
        let is_old = |snapshot: &Snapshot| old(written_us(snapshot.number), keep.archived_us);
        held.snapshots.iter().filter(archived).any(|snapshot| snapshot.number >= last && is_old(snapshot))
    };
    let mut plan = Plan { snapshot, ..Plan::default() };
    let mut begins = true;
    for (at, &segment) in held.segments.iter().enumerate() {
        let stays = if !old(segment.written_us, keep.archived_us) {
            Some(Stays::Young)
        } else if segment.last >= needed_from {
            Some(Stays::Needed)
        } else if base.is_none_or(|base| segment.last > base) {
            Some(if has_old_one_behind(segment.last) { Stays::Reached } else { Stays::Unfounded })
        } else {
            // What is behind one that stays, stays: records are removed from the oldest on.
            (!begins).then_some(Stays::Young)
        };
        let fate = match stays {
            _ if at + 1 == held.segments.len() => Fate::Newest,
            None => Fate::Remove,
            Some(stays) if segment.archived => Fate::Archived(stays),
            Some(stays) if old(segment.written_us, keep.online_us) => Fate::Archive(stays),
            Some(_) => Fate::Online,
        };
        begins &= fate == Fate::Remove;
        plan.segments.push((segment, fate));
    }
    let removed = |segment: &&(Segment, Fate)| segment.1 == Fate::Remove;
    let to = plan.segments.iter().rfind(removed).map(|(segment, _)| segment.last);
    plan.base = base.filter(|_| to.is_some());
    let gone = to.unwrap_or_else(|| held.segments.first().map_or(0, |segment| segment.first - 1));
    let unfollowed = |snapshot: &&Snapshot| snapshot.archived && snapshot.number < gone;
    plan.snapshots = held.snapshots.iter().filter(unfollowed).map(|snapshot| snapshot.number).collect();
    let of = |first: u64| plan.segments.iter().find(|(segment, _)| segment.first == first);
    let over = |first: &u64| {
        of(*first)
            .is_none_or(|(segment, fate)| *fate == Fate::Remove || old(segment.written_us, keep.columns_us))
    };
    plan.columns = held.columns.iter().copied().filter(over).collect();
    plan
}

/// The newest snapshot, where the newest archived one, or the journal's beginning, is long enough before it.
fn due(held: &Holdings, keep: &Retention, written_us: &impl Fn(u64) -> i64) -> Option<u64> {
    let newest = held.snapshots.last().filter(|newest| !newest.archived)?.number;
    let before = held.snapshots.iter().rfind(|snapshot| snapshot.archived);
    let before_us = before.map_or(held.begun_us, |before| written_us(before.number));
    (written_us(newest).saturating_sub(before_us) >= keep.snapshots_us).then_some(newest)
}

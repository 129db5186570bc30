//! The plan against a slow and obvious twin, which looks at one record at a time.

use proptest::prelude::*;
use weir::journal::retention::{Fate, Holdings, Plan, Retention, Segment, Snapshot, Stays, plan};

use crate::asked::asked;

/// What becomes of the segment of one record, from the definitions.
fn fate_of(held: &Holdings, keep: &Retention, now_us: i64, needed_from: u64, number: u64) -> Fate {
    let segments = &held.segments;
    let of = |number: u64| segments.iter().find(|s| s.first <= number && number <= s.last);
    let segment = of(number).unwrap();
    if segment == segments.last().unwrap() {
        return Fate::Newest;
    }
    let age = |segment: &Segment| now_us - segment.written_us;
    let base = base(held, keep, now_us, needed_from);
    let why = |segment: &Segment| {
        if age(segment) < keep.archived_us {
            Some(Stays::Young)
        } else if (segment.first..=segment.last).any(|number| number >= needed_from) {
            Some(Stays::Needed)
        } else if base.is_none_or(|base| (segment.first..=segment.last).any(|number| number > base)) {
            let mut archived: Vec<u64> =
                held.snapshots.iter().filter(|s| s.archived).map(|s| s.number).collect();
            archived.extend(copied(held, keep));
            archived.retain(|number| *number >= segment.last);
            let is_old = |number: &u64| now_us - written_us(held, *number) >= keep.archived_us;
            Some(if archived.iter().any(is_old) { Stays::Reached } else { Stays::Unfounded })
        } else {
            None
        }
    };
    let before = segments.iter().take_while(|other| other.first < segment.first);
    let stays = why(segment).or_else(|| before.into_iter().find_map(why).map(|_| Stays::Young));
    match stays {
        None => Fate::Remove,
        Some(stays) if segment.archived => Fate::Archived(stays),
        Some(stays) if age(segment) >= keep.online_us => Fate::Archive(stays),
        Some(_) => Fate::Online,
    }
}

/// The newest snapshot that will be in the archive, is as old as what goes, and is before all that is needed.
fn base(held: &Holdings, keep: &Retention, now_us: i64, needed_from: u64) -> Option<u64> {
    let mut archived: Vec<u64> = held.snapshots.iter().filter(|s| s.archived).map(|s| s.number).collect();
    archived.extend(copied(held, keep));
    let old = |number: &u64| now_us - written_us(held, *number) >= keep.archived_us;
    archived.into_iter().filter(|number| *number < needed_from).filter(old).max()
}

fn written_us(held: &Holdings, number: u64) -> i64 {
    held.segments
        .iter()
        .find(|s| s.first <= number && number <= s.last)
        .map_or_else(|| held.segments.first().unwrap().written_us, |segment| segment.written_us)
}

fn copied(held: &Holdings, keep: &Retention) -> Option<u64> {
    let newest = held.snapshots.iter().max_by_key(|s| s.number).filter(|s| !s.archived)?.number;
    let newest_archived = held.snapshots.iter().filter(|s| s.archived).map(|s| s.number).max();
    let since_us = newest_archived.map_or(held.begun_us, |number| written_us(held, number));
    (written_us(held, newest) - since_us >= keep.snapshots_us).then_some(newest)
}

fn holdings() -> impl Strategy<Value = Holdings> {
    let segment = (1..5_u64, 0..8_i64, any::<bool>());
    let snapshot = (0..40_u64, any::<bool>());
    (
        1..6_u64,
        prop::collection::vec(segment, 1..12),
        prop::collection::vec(snapshot, 0..6),
        prop::collection::vec(0..40_u64, 0..5),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(first, segments, snapshots, columns, unsteady)| {
            let mut held = Holdings::default();
            let (mut next, mut at_us) = (first, 0);
            for (records, later_us, archived) in &segments {
                // Clocks go back now and then.
                at_us = if unsteady && *later_us == 0 { at_us - 9 } else { at_us + later_us };
                held.segments.push(Segment {
                    first: next,
                    last: next + records - 1,
                    written_us: at_us,
                    archived: *archived,
                });
                next += records;
            }
            for (number, archived) in snapshots {
                held.snapshots.push(Snapshot { number: number.clamp(first - 1, next - 1), archived });
            }
            held.snapshots.sort_by_key(|s| (s.number, !s.archived));
            held.snapshots.dedup_by_key(|s| s.number);
            held.columns = columns;
            held.columns.sort_unstable();
            held.columns.dedup();
            held
        })
}

proptest! {
    #![proptest_config(asked(2_000, 200_000))]

    #[test]
    fn what_becomes_of_a_journal_is_what_it_is_for_each_record(
        held in holdings(),
        (online_us, archived_us, columns_us, snapshots_us) in (0..30_i64, 0..60_i64, 0..60_i64, 0..30_i64),
        now_us in 0..90_i64,
        needed_from in prop_oneof![Just(u64::MAX), 0..40_u64],
    ) {
        let keep = Retention { online_us, archived_us, columns_us, snapshots_us };
        let plan = plan(&held, &keep, now_us, needed_from);
        prop_assert_eq!(plan.segments.len(), held.segments.len());
        for (segment, fate) in &plan.segments {
            for number in segment.first..=segment.last {
                let twin = fate_of(&held, &keep, now_us, needed_from, number);
                prop_assert_eq!(*fate, twin, "record {} of {:#?}", number, held);
            }
        }
        prop_assert_eq!(plan.snapshot, copied(&held, &keep));
        promised(&held, &keep, now_us, needed_from, &plan)?;
    }
}

/// What is promised of a plan, however it came to be.
fn promised(
    held: &Holdings,
    keep: &Retention,
    now_us: i64,
    needed_from: u64,
    plan: &Plan,
) -> Result<(), TestCaseError> {
    let goes = |segment: &Segment| plan.segments.contains(&(*segment, Fate::Remove));
    let first = held.segments.iter().find(|segment| !goes(segment)).unwrap().first;
    for segment in held.segments.iter().filter(|segment| goes(segment)) {
        prop_assert!(segment.last < first, "what is left has no gap");
        prop_assert!(segment.last < needed_from, "no window needs it");
        prop_assert!(now_us - segment.written_us >= keep.archived_us, "it is old enough");
    }
    let any = held.segments.iter().any(goes);
    prop_assert_eq!(plan.base.is_some(), any);
    if let Some(base) = plan.base {
        prop_assert!(base + 1 >= first, "all that follows the snapshot is there");
        let stays =
            held.snapshots.iter().any(|s| s.number == base && s.archived) || plan.snapshot == Some(base);
        prop_assert!(stays && !plan.snapshots.contains(&base));
        for segment in held.segments.iter().filter(|s| now_us - s.written_us < keep.archived_us) {
            // Where clocks went back a record may be written before the snapshot and look younger.
            let steady = held.segments.is_sorted_by_key(|s| s.written_us);
            prop_assert!(!steady || segment.first > base, "what is younger can be replayed");
        }
    }
    for snapshot in &held.snapshots {
        let goes = plan.snapshots.contains(&snapshot.number);
        prop_assert_eq!(goes, snapshot.archived && snapshot.number + 1 < first, "{:?}", snapshot);
    }
    for column in &held.columns {
        let segment = held.segments.iter().find(|segment| segment.first == *column);
        let stays = segment.is_some_and(|s| !goes(s) && now_us - s.written_us < keep.columns_us);
        prop_assert_eq!(plan.columns.contains(column), !stays);
    }
    Ok(())
}

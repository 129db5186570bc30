//! `weir journal retain`: what is old enough into the archive, and what is too old away.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use weir::io::{Disk, RealDisk};
use weir::journal::retention::{Fate, Plan, Retention, Segment, Stays};
use weir::journal::{Archived, By, JournalError, Removed, Retained, Signer, known_signer, look, retain};
use weir::time::{DAY_US, format_duration, format_time, parse_duration};

use super::Verdict;
use super::asks::Asks;
use super::journaled::{for_its_owner_alone, now_us, random};

/// Move old segments into the archive, and remove what is too old
///
/// Closed segments alone, and whole ones. What is archived is compressed, and read as before (replay, audit, show). A segment is
/// removed only where all before it is there, an archived snapshot begins behind it instead, and no window of a rule set that
/// is kept needs it.
/// Works beside the process that writes the journal. What is done, and who asks, is signed with the journal's key and put down
/// in the journal.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir journal retain journal --dry-run\n  weir journal retain journal\n  weir journal retain journal --online 30d --archived 7y\n\nDIR/archive may be a link to another disk. Exits with 1 if a segment is damaged or another journal's, or not all is there that would be removed: it stays where it is then; and if the snapshot is lost that a former removal left."
)]
pub(super) struct Args {
    /// The journal's folder
    #[arg(value_name = "DIR")]
    journal: PathBuf,
    #[command(flatten)]
    keep: Keep,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asks: Asks,
    /// The key that signs the journal, where it is not DIR/signing.key: who has it not can't say that something was removed
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
}

/// How long what is kept.
#[derive(clap::Args)]
struct Keep {
    /// How long segments stay in DIR itself: 12h, 30d, 2y
    #[arg(long, value_name = "TIME", default_value = "92d", value_parser = period)]
    online: i64,
    /// How long they stay in all, online and archived
    #[arg(long, value_name = "TIME", default_value = "5y", value_parser = period)]
    archived: i64,
    /// How long files of columns stay; no longer than the segments
    #[arg(long, value_name = "TIME", default_value = "5y", value_parser = period)]
    columns: i64,
    /// The time from one archived snapshot to the next: removing is as fine as that
    #[arg(long, value_name = "TIME", default_value = "92d", value_parser = period)]
    snapshots: i64,
}

/// A duration as in rule files, or years, which have 365.25 days here.
fn period(text: &str) -> Result<i64, String> {
    let years = text.strip_suffix('y').and_then(|years| years.parse::<i64>().ok());
    match years.filter(|years| (0..=200).contains(years)) {
        Some(years) => Ok((years * 1461 + 3) / 4 * DAY_US),
        None => parse_duration(text).map_err(|_| "give a time as 12h, 30d or 5y".to_owned()),
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let Keep { online: online_us, archived: archived_us, columns: columns_us, snapshots: snapshots_us } =
        args.keep;
    if online_us > archived_us {
        bail!(
            "--online {} is longer than --archived {}, which counts from the same day; lengthen that",
            format_duration(online_us),
            format_duration(archived_us)
        );
    }
    // A shorter archive takes its columns along.
    let columns_us = columns_us.min(archived_us);
    let keep = Retention { online_us, archived_us, columns_us, snapshots_us };
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut out = anstream::stdout().lock();
    if args.dry_run {
        let signer = match known_signer(&disk, &args.journal, args.signing_key.as_deref()) {
            // Who may only look may have none.
            Err(JournalError::KeyGone { .. }) => None,
            signer => signer?,
        };
        let plan = look(&disk, &args.journal, &keep, now_us(), signer.as_ref())?;
        tell(&plan, &keep, &mut out)?;
        let fine = tell_warned(&plan, false, &mut out)?;
        if let Some(number) = plan.snapshot {
            writeln!(out, "the snapshot after record {number} would be archived")?;
        }
        writeln!(out, "nothing was changed (--dry-run)")?;
        return Ok(if fine { Verdict::Clean } else { Verdict::Found });
    }
    let key = args.signing_key.as_deref();
    for_its_owner_alone(&args.journal, key)?;
    let signer = known_signer(&disk, &args.journal, key)?;
    let by = By { who: args.asks.who(), why: args.asks.why().to_owned(), signer, unique: random()? };
    let done = retain(&disk, &args.journal, &keep, now_us(), &by)?;
    if by.signer.is_none() && !done.is_nothing() {
        writeln!(
            anstream::stderr(),
            "warning: nobody signs this journal, so nobody proves what was removed"
        )?;
    }
    tell(&done.plan, &keep, &mut out)?;
    told(&done, &mut out)
}

/// The same by its defaults, for the process that writes the journal: it takes the record of it in when it closes.
pub(super) fn beside(disk: &Arc<dyn Disk>, journal: &Path, signer: Option<Signer>) -> anyhow::Result<()> {
    let (who, why) = ("weir score".to_owned(), "--retain".to_owned());
    let by = By { who, why, signer, unique: random()? };
    let done = retain(disk, journal, &Retention::default(), now_us(), &by)?;
    told(&done, &mut anstream::stderr().lock()).map(|_| ())
}

/// What becomes of the segments, those alike in one line.
fn tell(plan: &Plan, keep: &Retention, out: &mut impl Write) -> std::io::Result<()> {
    let mut rows: Vec<(Segment, Fate, u64)> = Vec::new();
    for &(segment, fate) in &plan.segments {
        match rows.last_mut() {
            Some((held, last, count)) if *last == fate => (held.last, *count) = (segment.last, *count + 1),
            _ => rows.push((segment, fate, 1)),
        }
    }
    for (Segment { first, last, .. }, fate, count) in rows {
        let to = if last == u64::MAX { "the last".to_owned() } else { last.to_string() };
        let segments = if count == 1 { "1 segment".to_owned() } else { format!("{count} segments") };
        writeln!(out, "records {first} to {to}, {segments}: {}", word(fate, keep))?;
    }
    Ok(())
}

fn word(fate: Fate, keep: &Retention) -> String {
    let because = |stays| match stays {
        Stays::Young => format!("younger than {}", format_duration(keep.archived_us)),
        Stays::Needed => "a window may still need them".to_owned(),
        Stays::Reached => {
            "a window may still need events before the snapshot with which replay could begin behind them"
                .to_owned()
        }
        Stays::Withheld => "not removed, since something is not all there".to_owned(),
        Stays::Unfounded => format!(
            "no archived snapshot behind them is {} old, so that replay could not begin there",
            format_duration(keep.archived_us)
        ),
    };
    match fate {
        Fate::Newest => "online, the newest".to_owned(),
        Fate::Online => format!("online, younger than {}", format_duration(keep.online_us)),
        Fate::Archive(Stays::Young) => "to the archive".to_owned(),
        Fate::Archive(stays) => format!("to the archive, and not removed: {}", because(stays)),
        Fate::Archived(stays) => format!("in the archive, {}", because(stays)),
        Fate::Remove => "removed".to_owned(),
    }
}

/// What was done.
fn told(done: &Retained, out: &mut impl Write) -> anyhow::Result<Verdict> {
    let Retained { plan, archived, damaged, snapshot, removed } = done;
    let bytes = |of: fn(&Archived) -> u64| archived.iter().map(of).sum::<u64>();
    if !archived.is_empty() {
        let (before, after) = (bytes(|one| one.online_bytes), bytes(|one| one.bytes));
        writeln!(out, "{} segments archived: {before} bytes are {after} now", archived.len())?;
    }
    if let Some(number) = snapshot {
        writeln!(out, "the snapshot after record {number} archived")?;
    }
    if let (Some(segment), Some(base)) = (removed.last(), plan.base) {
        writeln!(
            out,
            "{} segments removed, up to record {}; replay begins from the snapshot after record {base} now",
            removed.len(),
            segment.last
        )?;
    }
    if !plan.columns.is_empty() {
        writeln!(out, "{} files of columns removed", plan.columns.len())?;
    }
    if done.is_nothing() {
        writeln!(out, "nothing was due")?;
    }
    for pair in plan.segments.windows(2) {
        if let [(Segment { first, last, .. }, _), (next, _)] = pair
            && last + 1 < next.first
        {
            let missing = next.first - last - 1;
            writeln!(
                out,
                "the segment from record {first} on ends with record {last}: {missing} records behind it are missing; see `weir audit verify`"
            )?;
        }
    }
    for segment in damaged {
        writeln!(
            out,
            "DAMAGED: the segment from record {} on is not whole, and stays where it is; see `weir audit verify`",
            segment.first
        )?;
    }
    let fine = tell_warned(plan, !removed.is_empty(), out)?;
    Ok(if damaged.is_empty() && fine { Verdict::Clean } else { Verdict::Found })
}

/// Why nothing is removed though it is old enough, and what more is removed in spite of; true where there is neither.
fn tell_warned(plan: &Plan, is_done: bool, out: &mut impl Write) -> std::io::Result<bool> {
    if let Some(why) = &plan.withheld {
        writeln!(out, "NOT REMOVED, since not all is there: {why}")?;
    }
    if let Some(lost) = plan.lost {
        let copy = match is_done {
            true => "these segments are removed, so that not even a copy of it helps",
            false => "once these segments are removed not even a copy of it helps",
        };
        writeln!(
            out,
            "LOST: the snapshot after record {lost}, which retention left to begin with, is gone or not whole; {copy}"
        )?;
    }
    Ok(plan.withheld.is_none() && plan.lost.is_none())
}

/// The same for who proves nothing.
pub(super) fn noted_removed(removed: &Removed, begins: Option<u64>) -> String {
    format!("{} (`weir audit verify` proves it)", told_removed(removed, begins))
}

/// What retention has removed before what is there, and the snapshot with which replay begins, where that is known.
pub(super) fn told_removed(removed: &Removed, begins: Option<u64>) -> String {
    let Removed { at_us, last, missing, .. } = removed;
    let missing = match told_ranges(missing) {
        Some(ranges) => format!(", but for {ranges}, which were missing before"),
        None => String::new(),
    };
    let begins = match begins {
        Some(number) => format!("; replay begins from the snapshot after record {number}"),
        None => String::new(),
    };
    format!("records 1 to {last} were removed by retention on {}{missing}{begins}", format_time(*at_us))
}

/// First and last of some records, in words, those that meet as one; none where there are none.
pub(super) fn told_ranges(ranges: &[(u64, u64)]) -> Option<String> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    sorted.dedup_by(|next, held| {
        let meets = next.0 <= held.1.saturating_add(1);
        held.1 = if meets { held.1.max(next.1) } else { held.1 };
        meets
    });
    let ranges = sorted.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    });
    let ranges: Vec<String> = ranges.collect();
    (!ranges.is_empty()).then(|| ranges.join(", "))
}

#[cfg(test)]
mod tests {
    use super::told_ranges;

    #[test]
    fn ranges_that_meet_are_told_as_one() {
        let told = |ranges: &[(u64, u64)]| told_ranges(ranges).unwrap_or_default();
        assert_eq!(
            told(&[(6, 9), (1, 5), (11, 11), (12, 12), (8, 9), (20, 30), (21, 22)]),
            "1 to 9, 11 to 12, 20 to 30"
        );
        assert_eq!(told(&[(3, 3)]), "3");
        assert_eq!(told_ranges(&[]), None);
    }
}

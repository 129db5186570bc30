//! `weir audit verify`: whether a journal, its rule sets and its snapshots are what was written.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir::hex::{hex, unhex};
use weir::io::{Disk, RealDisk};
use weir::journal::kept::{self, KeptError};
use weir::journal::{
    CheckedApprovals, Decided, PublicKey, Removed, Rest, Stretch, Verified, Whole, Why, check_snapshots,
    removed, snapshots, verify,
};

use super::Verdict;
use super::asks::Asks;
use super::progress::Progress;
use super::retain::{told_ranges, told_removed};

/// Prove that nothing was changed, removed or put in, or name the first place where something was
///
/// Works beside the process that writes the journal, and changes nothing in it. Who asks is put down beside it.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir audit verify --journal journal\n  weir audit verify --journal journal --public-key auditor/signing.pub\n  weir audit verify --journal journal --head 4096:9f2c...\n\nWithout --public-key it takes DIR/signing.pub. The key in the journal's own folder can be changed together with the journal: keep a copy of signing.pub, and of a head that `weir journal show` prints, elsewhere. Exits with 0 if nothing was changed, with 1 if something was or if no public key proves the signed heads."
)]
pub(super) struct Args {
    /// The journal's folder
    #[arg(long, value_name = "DIR")]
    journal: PathBuf,
    /// The public key of who signs; otherwise DIR/signing.pub
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// A record's number and chain, noted before: it must still be there
    #[arg(long, value_name = "NUMBER:HASH", value_parser = noted)]
    head: Option<(u64, [u8; 32])>,
    #[command(flatten)]
    asks: Asks,
}

fn noted(text: &str) -> Result<(u64, [u8; 32]), String> {
    let read = || {
        let (number, hash) = text.split_once(':')?;
        Some((number.parse().ok()?, unhex(hash.as_bytes())?))
    };
    read().ok_or_else(|| {
        "give it as `weir journal show` prints it: a number, a colon, 64 hexadecimal digits".to_owned()
    })
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let folder = &args.journal;
    let own = folder.join("signing.pub");
    let path = args.public_key.as_deref().unwrap_or(&own);
    let public =
        (args.public_key.is_some() || own.exists()).then(|| PublicKey::read(&*disk, path)).transpose()?;
    args.asks.put_down(&*disk, folder, "audit verify")?;
    let mut progress = Progress::new("verifying", None);
    let found = verify(&disk, folder, public.as_ref(), args.head, |_| progress.event());
    progress.finish();
    let mut out = anstream::stdout().lock();
    let whole = match found? {
        Verified::Changed { file, byte, number, how, rest } => {
            let byte = byte.map_or_else(String::new, |byte| format!(", byte {byte}"));
            writeln!(out, "CHANGED at record {number} ({file}{byte}): {how}")?;
            if let Some(proven) = rest.proven {
                writeln!(
                    out,
                    "record {proven} is the last one that is proven: what was changed lies between it and record {number}"
                )?;
            }
            tell_rest(&rest, &mut out)?;
            return Ok(Verdict::Found);
        }
        Verified::Whole(whole) => whole,
    };
    let (cut, begins): (Vec<_>, Vec<_>) =
        whole.decided.iter().partition(|decided| decided.damage.why == Why::Snapshot);
    for decided in &cut {
        writeln!(out, "CHANGED: {}", decided.told_gone())?;
    }
    let mut fine = tell_signed(&whole, public.is_some(), args.public_key.is_some(), path, &mut out)?;
    writeln!(out, "last record: {}:{}", whole.last, hex(whole.chain))?;
    fine &= cut.is_empty();
    let begins: Vec<String> = begins.into_iter().map(Decided::told_gone).collect();
    if let Some(torn) = &whole.torn {
        writeln!(out, "the end: {torn}")?;
    }
    let Whole { first, mut kept, .. } = whole;
    if first > 1 {
        let noted = removed(&*disk, folder)?;
        kept.extend(noted.iter().flat_map(Removed::kept));
        let by = Believed { heads: whole.held, id: whole.id, public };
        let held = snapshots(&*disk, folder)?;
        let removed = tell_removed(first - 1, whole.removed, noted.as_ref(), (&by, &held), &mut out)?;
        for told in begins.iter().filter(|_| removed.is_none()) {
            writeln!(out, "{told}")?;
        }
        fine &= match removed {
            Some(removed) => tell_left(&removed, &held, &mut out)?,
            None => false,
        };
    }
    fine &= tell_kept(&*disk, folder, kept, &mut out)?;
    fine &= tell_approvals(&whole.approvals, &mut out)?;
    let checked = check_snapshots(&*disk, folder, &whole.snapshots, first)?;
    writeln!(out, "{} snapshots are what their records say", checked.same)?;
    for path in &checked.past {
        writeln!(
            out,
            "{} is older than what is there, and what said that it is whole was removed: nobody goes on from it",
            path.display()
        )?;
    }
    for path in &checked.unrecorded {
        writeln!(out, "{} is in no record, and nobody goes on from it", path.display())?;
    }
    for path in &checked.changed {
        writeln!(out, "CHANGED: {} is another snapshot than its record says", path.display())?;
        fine = false;
    }
    Ok(if fine { Verdict::Clean } else { Verdict::Found })
}

/// How many stretches of whole records are shown.
const STRETCHES_SHOWN: usize = 10;

/// Says what holds before and behind damage.
fn tell_rest(rest: &Rest, out: &mut impl Write) -> std::io::Result<()> {
    if let Some(number) = rest.decided {
        writeln!(out, "record {number} says that somebody decided to go on over it")?;
    }
    for decided in &rest.cut {
        writeln!(out, "{}", decided.told_gone())?;
    }
    for Stretch { first, last, signed_to } in rest.stretches.iter().take(STRETCHES_SHOWN) {
        let signed = match signed_to {
            Some(number) => format!("signed up to record {number}"),
            None => "and no signed head speaks for them".to_owned(),
        };
        writeln!(out, "records {first} to {last} are whole among themselves, {signed}")?;
    }
    if let (Some(last), more @ 1..) =
        (rest.stretches.last(), rest.stretches.len().saturating_sub(STRETCHES_SHOWN))
    {
        writeln!(out, "and {more} more such stretches, up to record {}", last.last)?;
    }
    match &rest.then {
        Some((number, how)) => writeln!(out, "then CHANGED at record {number}: {how}"),
        None => Ok(()),
    }
}

/// Says how far heads speak for the records; false where they prove nothing though they should.
fn tell_signed(
    whole: &Whole,
    is_public: bool,
    is_named: bool,
    path: &Path,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let Whole { first, last, held, heads, signed_to, .. } = *whole;
    let records = |last| format!("records {first} to {last} of journal {}", hex(whole.id));
    if heads > 0 {
        // The last head itself speaks for all before it, and its signature for itself.
        let signed_to = signed_to + 1;
        writeln!(out, "{} are what was written", records(signed_to))?;
        writeln!(
            out,
            "{heads} heads are signed by the key of {}, the last one is record {signed_to}",
            path.display()
        )?;
        if signed_to < last {
            let behind = signed_to + 1;
            writeln!(out, "signed up to record {signed_to}; records {behind} to {last} are only chained")?;
        }
        return Ok(true);
    }
    let records = records(last);
    if held > 0 && !is_public {
        writeln!(out, "NOT PROVEN: {held} heads are signed, and there is no public key: give --public-key")?;
        writeln!(out, "{records} are only chained, which anybody can do again")?;
        return Ok(false);
    }
    writeln!(out, "{records} are only chained: no head is signed, and nobody vouches for the chain")?;
    // A new journal has no head yet; whoever names the key asks for what it signed.
    Ok(!is_named)
}

/// Whose word counts.
struct Believed {
    /// How many heads are in the journal.
    heads: u64,
    id: [u8; 16],
    public: Option<PublicKey>,
}

/// Says who removed the records up to `last`, by what records `said` and by what is `noted`; none where nobody says so whose
/// word counts.
fn tell_removed(
    last: u64,
    said: Option<(Box<Removed>, u64)>,
    noted: Option<&Removed>,
    (by, snapshots): (&Believed, &[u64]),
    out: &mut impl Write,
) -> anyhow::Result<Option<Removed>> {
    let counts = |noted: &&Removed| match &by.public {
        Some(key) => noted.is_signed(key, &by.id),
        None => by.heads == 0,
    };
    let removed_to =
        noted.filter(counts).map(|noted| noted.last).max(said.as_ref().map(|(said, _)| said.last));
    let gone = format!("records {} to {last} are gone", removed_to.map_or(1, |removed_to| removed_to + 1));
    let said = said.filter(|(removed, _)| removed.last >= last);
    let noted = noted.filter(|noted| noted.last >= last);
    let proven = by.public.as_ref().and_then(|key| noted.filter(|noted| noted.is_signed(key, &by.id)));
    let told = if by.public.is_some() { proven } else { noted };
    let told = told.or(said.as_ref().map(|(removed, _)| &**removed)).cloned();
    let begins = told.as_ref().map(|removed| removed.base).filter(|base| snapshots.contains(base));
    let removed = told.as_ref().map_or_else(String::new, |removed| told_removed(removed, begins));
    match (&said, proven, noted) {
        (Some((_, number)), _, _) if by.public.is_some() => {
            writeln!(out, "{removed}; record {number} says so")?;
        }
        (None, Some(_), _) => {
            let when = "it is in no signed record yet, and becomes one when the journal is closed or opened";
            writeln!(out, "{removed}; a note says so that is signed by the same key; {when}")?;
        }
        (None, None, Some(_)) if by.public.is_some() => {
            let note = "the note in removed.json that says so is not signed by this key";
            writeln!(out, "CHANGED: {gone}, and nothing proves that retention removed them: {note}")?;
            return Ok(None);
        }
        (None, _, None) => {
            writeln!(out, "CHANGED: {gone}, and nothing says that retention removed them")?;
            return Ok(None);
        }
        _ if by.heads > 0 => {
            writeln!(out, "NOT PROVEN: {removed}; without the public key nobody vouches for that")?;
            return Ok(None);
        }
        _ => writeln!(out, "{removed}; as all of this journal, nobody signed that")?,
    }
    Ok(told)
}

/// Says what is gone that retention did not remove: records before it, and the snapshot that it left to begin with.
fn tell_left(removed: &Removed, snapshots: &[u64], out: &mut impl Write) -> anyhow::Result<bool> {
    let Removed { base, missing, .. } = removed;
    let mut fine = true;
    if let Some(ranges) = told_ranges(missing) {
        writeln!(
            out,
            "CHANGED: records {ranges} were gone before that: retention says that somebody had decided to go on without them"
        )?;
        fine = false;
    }
    if !snapshots.contains(base) {
        writeln!(
            out,
            "CHANGED: the snapshot after record {base} is gone, which retention left to begin with; restore it from a copy"
        )?;
        fine = false;
    }
    Ok(fine)
}

/// Says of approvals whether the keys in their records signed them, and whether whoever proposed a rule set counted for it.
fn tell_approvals(approvals: &CheckedApprovals, out: &mut impl Write) -> std::io::Result<bool> {
    if approvals.signed > 0 {
        writeln!(out, "{} approvals are signed by the keys in their records", approvals.signed)?;
    }
    for (number, by) in &approvals.unsigned {
        writeln!(
            out,
            "NOT PROVEN: record {number} says that {by} approved a rule set, and its key did not sign that"
        )?;
    }
    for (number, by) in &approvals.own {
        writeln!(
            out,
            "NOT APPROVED: record {number} counts that {by} approved a rule set which {by} had proposed by then"
        )?;
    }
    Ok(approvals.unsigned.is_empty() && approvals.own.is_empty())
}

/// Says of the rule sets that are kept, and of those that records name, whether they are what was kept.
fn tell_kept(
    disk: &dyn Disk,
    folder: &Path,
    mut named: BTreeSet<String>,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    named.extend(kept::all(disk, folder)?);
    let (mut same, mut fine) = (0, true);
    for hash in &named {
        match kept::read(disk, folder, hash) {
            Ok(_) => same += 1,
            Err(error @ (KeptError::Changed { .. } | KeptError::Gone { .. })) => {
                writeln!(out, "CHANGED: {error}")?;
                fine = false;
            }
            Err(error) => return Err(error.into()),
        }
    }
    writeln!(out, "{same} rule sets are what was kept")?;
    Ok(fine)
}

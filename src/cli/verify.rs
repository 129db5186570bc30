//! `weir audit verify`: whether a journal, its rule sets and its snapshots are what was written.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir::hex::hex;
use weir::io::{Disk, RealDisk};
use weir::journal::kept::{self, KeptError};
use weir::journal::{PublicKey, Verified, check_snapshots, removed, verify};

use super::Verdict;
use super::progress::Progress;
use super::retain::told_removed;

/// Prove that nothing was changed, removed or put in, or name the first place where something was
///
/// Works beside the process that writes the journal, and changes nothing.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir audit verify --journal journal\n  weir audit verify --journal journal --public-key auditor/signing.pub\n  weir audit verify --journal journal --head 4096:9f2c...\n\nWithout --public-key it takes DIR/signing.pub. The key in the journal's own folder can be changed together with the journal: keep a copy of signing.pub, and of a head\nthat `weir journal show` prints, elsewhere. Exits with 0 if nothing was changed, with 1 if something was or if no public\nkey proves the signed heads."
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
}

fn noted(text: &str) -> Result<(u64, [u8; 32]), String> {
    let read = || {
        let (number, hash) = text.split_once(':')?;
        let mut chain = [0; 32];
        if hash.len() != 64 || !hash.is_ascii() {
            return None;
        }
        for (at, byte) in chain.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hash.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some((number.parse().ok()?, chain))
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
    let mut progress = Progress::new("verifying", None);
    let found = verify(&disk, folder, public.as_ref(), args.head, |_| progress.event());
    progress.finish();
    let mut out = anstream::stdout().lock();
    let (whole, mut fine) = match found? {
        Verified::Changed { file, byte, number, how } => {
            let byte = byte.map_or_else(String::new, |byte| format!(", byte {byte}"));
            writeln!(out, "CHANGED at record {number} ({file}{byte}): {how}")?;
            return Ok(Verdict::Found);
        }
        Verified::Whole {
            id,
            first,
            last,
            chain,
            held,
            heads,
            signed_to,
            torn,
            removed: said,
            kept,
            snapshots,
        } => {
            let records = format!("records {first} to {last} of journal {}", hex(id));
            let signed = match (&public, heads) {
                (None, 0) if held > 0 => {
                    writeln!(
                        out,
                        "NOT PROVEN: {held} heads are signed, and there is no public key: give --public-key"
                    )?;
                    writeln!(out, "{records} are only chained, which anybody can do again")?;
                    false
                }
                (_, 0) => {
                    writeln!(
                        out,
                        "{records} are only chained: no head is signed, and nobody vouches for the chain"
                    )?;
                    // A new journal has no head yet; whoever names the key asks for what it signed.
                    args.public_key.is_none()
                }
                _ => {
                    // The last head itself speaks for all before it, and its signature for itself.
                    let signed_to = signed_to + 1;
                    writeln!(
                        out,
                        "{} are what was written",
                        records.replacen(&format!("to {last}"), &format!("to {signed_to}"), 1)
                    )?;
                    writeln!(
                        out,
                        "{heads} heads are signed by the key of {}, the last one is record {signed_to}",
                        path.display()
                    )?;
                    if signed_to < last {
                        writeln!(
                            out,
                            "signed up to record {signed_to}; records {} to {last} are only chained",
                            signed_to + 1
                        )?;
                    }
                    true
                }
            };
            writeln!(out, "last record: {last}:{}", hex(chain))?;
            if let Some(torn) = torn {
                writeln!(out, "the end: {torn}")?;
            }
            let told = first <= 1 || tell_removed(&*disk, folder, first - 1, said, &mut out)?;
            ((first, kept, snapshots), signed && told)
        }
    };
    let (first, mut named, snapshots) = whole;
    if first > 1 {
        named.extend(removed(&*disk, folder)?.iter().flat_map(|removed| removed.kept()));
    }
    fine &= tell_kept(&*disk, folder, named, &mut out)?;
    let checked = check_snapshots(&*disk, folder, &snapshots)?;
    writeln!(out, "{} snapshots are what their records say", checked.same)?;
    for path in &checked.unrecorded {
        writeln!(out, "{} is in no record, and nobody goes on from it", path.display())?;
    }
    for path in &checked.changed {
        writeln!(out, "CHANGED: {} is another snapshot than its record says", path.display())?;
        fine = false;
    }
    Ok(if fine { Verdict::Clean } else { Verdict::Found })
}

/// Says who removed the records before the first one; false where nobody says so.
fn tell_removed(
    disk: &dyn Disk,
    folder: &Path,
    last: u64,
    said: Option<(u64, u64)>,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let noted = removed(disk, folder)?.filter(|noted| noted.last >= last);
    let by = match (said.filter(|(removed, _)| *removed >= last), &noted) {
        (Some((_, number)), _) => format!("record {number} says so"),
        (None, Some(_)) => {
            "which is in no record yet: it becomes one when the journal is closed or opened".to_owned()
        }
        (None, None) => {
            writeln!(
                out,
                "CHANGED: records 1 to {last} are gone, and nothing says that retention removed them"
            )?;
            return Ok(false);
        }
    };
    match noted {
        Some(removed) => writeln!(out, "{}; {by}", told_removed(&removed))?,
        None => writeln!(out, "records 1 to {last} were removed by retention; {by}")?,
    }
    Ok(true)
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

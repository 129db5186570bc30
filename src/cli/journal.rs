//! `weir journal`: what is in a journal's folder, its records as columns, and how long they stay.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir::hex::hex;
use weir::io::{Disk, RealDisk};
use weir::journal::{
    Before, Begun, Control, Damage, Decided, Ends, Head, JournalError, Reader, Record, Why, begun, kept,
    snapshots,
};
use weir::time::format_time;

use super::asks::Asks;
use super::retain::noted_removed;
use super::{Verdict, columns, retain};

/// Look at a journal
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Show what is in it: segments, records, heads, snapshots and rule sets
    ///
    /// Works beside the process that writes it, and changes nothing in it. `weir audit verify` says whether it is what was
    /// written. Who asks is put down beside it.
    #[command(after_help = "Examples:\n  weir journal show journal")]
    Show {
        /// The journal's folder
        #[arg(value_name = "DIR")]
        journal: PathBuf,
        #[command(flatten)]
        asks: Asks,
    },
    Columns(columns::Args),
    Retain(retain::Args),
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    match &args.what {
        What::Show { journal, asks } => show(journal, asks),
        What::Columns(args) => columns::run(args),
        What::Retain(args) => retain::run(args),
    }
}

/// What is counted of some records.
#[derive(Default)]
struct Counts {
    records: u64,
    bytes: u64,
    first: u64,
    last: u64,
}

fn show(folder: &Path, asks: &Asks) -> anyhow::Result<Verdict> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    asks.put_down(&*disk, folder, "journal show")?;
    let mut ends = Ends::look(&disk, folder)?;
    let mut reader = Reader::open(Arc::clone(&disk), folder)?;
    let (mut kinds, mut segments) =
        (BTreeMap::<String, Counts>::new(), BTreeMap::<(u64, String), Counts>::new());
    let (mut head, mut last, mut times) = (None, None, Vec::new());
    let (mut damage, mut decided) = (Vec::new(), Vec::new());
    loop {
        let entry = match reader.next_entry() {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(JournalError::Damaged(found)) => {
                damage.push(found);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let kind = match entry.record()? {
            Record::Event { .. } => "event".to_owned(),
            Record::Answer { form, .. } => format!("answer, {}", format!("{form:?}").to_lowercase()),
            Record::Control(bytes) => {
                times.extend(at_us(bytes));
                let said = Control::read(bytes);
                said.iter().for_each(|said| ends.note(said));
                if let Some(Control::WentOn { damage, .. }) = &said {
                    // The files show nothing of what was cut, and what follows proves nothing of what was not signed.
                    let unseen = |damage: &&Damage| matches!(damage.why, Why::Snapshot | Why::Unsigned);
                    let unseen = damage.iter().filter(unseen).cloned();
                    decided.extend(unseen.map(|damage| Decided {
                        damage,
                        record: entry.number,
                        held: false,
                    }));
                }
                let said = said.map_or_else(|| "unknown".to_owned(), |said| word(&said));
                format!("control, {said}")
            }
            Record::Head(body) => {
                head = Head::read(body);
                times.extend(head.map(|head| head.at_us));
                "head".to_owned()
            }
        };
        let (number, chain, bytes) =
            (entry.number, entry.chain, entry.body.len() as u64 + weir::journal::FRAME_BYTES as u64);
        last = Some((number, chain));
        let file = reader.file().to_owned();
        let segment = (reader.segment(), file);
        for counts in [kinds.entry(kind).or_default(), segments.entry(segment).or_default()] {
            counts.first = if counts.records == 0 { number } else { counts.first };
            (counts.records, counts.bytes, counts.last) = (counts.records + 1, counts.bytes + bytes, number);
        }
    }
    let cut = ends.cut(&reader)?;
    // What was cut off is no torn tail.
    let torn = reader.torn().filter(|_| cut.is_none());
    damage.extend(cut);
    let before = Before::look(&disk, folder)?;
    if let Some(known) = before.decided {
        decided.insert(0, known);
    }
    let mut out = anstream::stdout().lock();
    writeln!(out, "journal {}", hex(reader.id().unwrap_or_default()))?;
    if let Ok(Begun::With(start)) = begun(&disk, folder)
        && let Some(key) = start.tokens
    {
        writeln!(out, "identifiers are tokens of the key {key}")?;
    }
    if let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) {
        writeln!(out, "written from {} to {}", format_time(*first), format_time(*last))?;
    }
    if let Some(removed) = &before.removed {
        writeln!(out, "{}", noted_removed(removed, before.late.is_none().then_some(removed.base)))?;
    }
    for ((_, name), Counts { records, bytes, first, last }) in &segments {
        writeln!(out, "segment {name}: records {first} to {last} ({records}), {bytes} bytes")?;
    }
    for (kind, Counts { records, bytes, .. }) in &kinds {
        writeln!(out, "{kind}: {records} records, {bytes} bytes")?;
    }
    if let Some((number, chain)) = last {
        writeln!(out, "last record: {number}:{}", hex(chain))?;
    }
    match head {
        Some(Head { number, chain, at_us, key, .. }) => writeln!(
            out,
            "last signed head: {number}:{} at {}, key {}",
            hex(chain),
            format_time(at_us),
            hex(key)
        )?,
        None => writeln!(out, "no signed head")?,
    }
    for number in snapshots(&*disk, folder)? {
        writeln!(out, "snapshot after record {number}")?;
    }
    for hash in kept::all(&*disk, folder)? {
        let bundle = kept::read(&*disk, folder, &hash)?;
        let path = kept::folder(folder, &hash).join(bundle.rules());
        writeln!(out, "rule set {}: {}", bundle.load()?.rules.hash_text(), path.display())?;
    }
    if let Some(torn) = torn {
        writeln!(out, "the end: {torn}")?;
    }
    if let Some(missing) = &before.missing {
        writeln!(out, "damage: {missing}")?;
    }
    if let (Some(why), Some(removed)) = (&before.late, &before.removed) {
        let (base, so) = (removed.base, if before.begins { "begins later" } else { "can't begin anywhere" });
        writeln!(
            out,
            "damage: nothing begins with the snapshot after record {base}, which retention left for that: {why}; so replay {so} until it is restored from a copy"
        )?;
    }
    for damage in &damage {
        writeln!(out, "damage: {damage}")?;
    }
    for decided in &decided {
        writeln!(out, "damage: {decided}")?;
    }
    let is_whole_before = before.missing.is_none() && before.late.is_none();
    Ok(if damage.is_empty() && decided.is_empty() && is_whole_before {
        Verdict::Clean
    } else {
        Verdict::Found
    })
}

fn word(said: &Control) -> String {
    let value = serde_json::to_value(said).unwrap_or_default();
    value["control"].as_str().unwrap_or("unknown").to_owned()
}

fn at_us(bytes: &[u8]) -> Option<i64> {
    serde_json::from_slice::<serde_json::Value>(bytes).ok()?["at_us"].as_i64()
}

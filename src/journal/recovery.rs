//! Opening a folder: what is whole, what is torn, what is damaged.
//!
//! Promises that all records that it counts are on disk when it is done, whatever a former process was told of its last
//! sync: the last segment is written anew, up to its last whole record, and put in place of what was there. So a torn tail
//! is gone as well, and no page is believed that a failed sync may have left in memory only. Everything that is not whole is
//! read a second time before it is believed. Closed segments are only read.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::archive;
use super::beginning;
use super::control::Control;
use super::damage::{Damage, Torn, Why};
use super::decided::decided;
use super::error::JournalError;
use super::frame::{self, Chain};
use super::heads::{Head, Signer};
use super::journal::{Mutant, Options};
use super::reader::Reader;
use super::record::{Kind, Record};
use super::removed::Removed;
use super::rulings::Rulings;
use super::segment::{self, HEADER_BYTES};
use super::snapshots;
use super::unsigned::Unsigned;
use super::window::{self, Window};
use crate::io::Disk;

/// How a segment's name ends while it is written anew.
const ANEW: &str = ".new";
/// Walks, and copies, until two agree.
const TRIES: usize = 6;

/// What to do where there is damage in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDamage {
    /// Refuse to open, unless all of it was decided on before.
    Refuse,
    /// Go on without the records that are missing, and put down in the journal that this was decided. No file is changed
    /// for it.
    GoOn,
}

/// What was found when a journal was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The journal's id.
    pub id: [u8; 16],
    /// The oldest record; 0 where there is none.
    pub first: u64,
    /// The last one; 0 where there is none.
    pub last: u64,
    /// The chain at the last one.
    pub chain: Chain,
    /// Whether it had been closed in order.
    pub closed: bool,
    /// What was cut.
    pub torn: Option<Torn>,
    /// What is damaged, decided on before or now.
    pub damage: Vec<Damage>,
    /// What is proposed and what decided, as the records that were read say.
    pub rulings: Rulings,
    /// What retention removed, where more than that is gone from the beginning.
    pub(super) removed: Option<Removed>,
    /// Whether the last record is a signed head.
    pub(super) headed: bool,
    /// Whether damage was decided on just now.
    pub(super) decided: bool,
    /// Snapshots after records that are missing at the end, to be removed once that is put down.
    pub(super) beyond: Vec<u64>,
}

impl Recovered {
    /// Leaves of what is gone from the beginning only what retention did not remove: a decision on it names all.
    pub(super) fn told(&self, damage: &mut Damage) {
        if damage.why == Why::Gone && damage.number == 1 {
            self.removed.iter().for_each(|removed| removed.taken_from(damage));
        }
    }

    /// What is told where opening is ended behind this.
    pub(super) fn stopped(&self) -> JournalError {
        let (cut, decided, snapshots) = (self.torn.is_some(), self.decided, self.beyond.len());
        JournalError::StoppedTaking { cut, decided, snapshots }
    }
}

/// What one walk over all records finds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Walk {
    found: Recovered,
    /// Damage that was decided on before.
    known: Vec<Damage>,
    /// Snapshots whose being removed the last record put down, heads aside: they may still be there.
    removing: Vec<u64>,
    /// The last segment, and its length.
    end: (String, u64),
    /// Where the last record begins in its segment, and the chain before it: for a mutant.
    last_at: u64,
    former: Chain,
}

pub(super) fn recover(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    options: &Options,
    on_damage: OnDamage,
    checked: &mut dyn FnMut(u64, u64),
) -> Result<Recovered, JournalError> {
    let key = options.signer.as_ref().map(Signer::public);
    let Walk { mut found, mut known, removing, end, last_at, former } =
        agreed(disk, folder, options, checked)?;
    let mut keep = found.torn.clone();
    found.beyond = beyond(disk, folder, &found, end.1 > 0)?;
    if let Some(newest) = found.beyond.iter().max()
        && !removing.contains(newest)
    {
        // It had its name only once all of this was on disk, so that it is no torn tail.
        let (file, byte, bytes) =
            found.torn.take().map_or((end.0, end.1, 0), |Torn { file, byte, bytes, .. }| (file, byte, bytes));
        let (number, missing) = (found.last + 1, newest - found.last);
        found.damage.push(Damage { file, byte, bytes, number, missing, why: Why::Snapshot });
    }
    // Nothing of this opening is written yet: what is signed was signed before.
    if let Some((missing, removed)) = beginning::gone(disk, folder, (&found.id, key.as_ref()))? {
        found.removed = removed;
        // Also where closed segments are not walked over.
        known.extend(decided(disk, folder, 0, u64::MAX)?.into_iter().map(|decided| decided.damage));
        found.damage.insert(0, missing);
    }
    let unknown = found.damage.iter().find(|damage| !known.iter().any(|known| known.same(damage)));
    if let Some(unknown) = unknown {
        if on_damage == OnDamage::Refuse {
            let mut unknown = unknown.clone();
            found.told(&mut unknown);
            return Err(unknown.into());
        }
        found.decided = true;
    }
    match options.mutant {
        Some(Mutant::ForgetRecord)
            if found.torn.as_ref().is_some_and(|torn| torn.byte > HEADER_BYTES as u64) =>
        {
            keep = keep.map(|torn| Torn { byte: last_at, ..torn });
            (found.last, found.chain) = (found.last - 1, former);
        }
        Some(Mutant::KeepTorn) => keep = None,
        _ => {}
    }
    // From here on something is changed.
    options.stop.check()?;
    let names = disk.list(folder).map_err(JournalError::disk("list the folder", folder))?;
    for name in names.iter().filter(|name| name.ends_with(&format!(".journal{ANEW}"))) {
        let path = folder.join(name);
        disk.remove(&path).map_err(JournalError::disk("remove", &path))?;
    }
    mend(disk, folder, keep.as_ref(), options.mutant)?;
    if found.last == 0 {
        found.first = 0;
    }
    Ok(found)
}

/// All snapshots after records behind the last one, if any is whole and of this journal: those of another one say nothing,
/// but where there is none at all.
fn beyond(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    found: &Recovered,
    is_there: bool,
) -> Result<Vec<u64>, JournalError> {
    let mut numbers = snapshots::snapshots(&**disk, folder)?;
    numbers.retain(|number| *number > found.last);
    let id = is_there.then_some(found.id);
    let whole = |&number: &u64| (0..TRIES).any(|_| snapshots::whole(disk, folder, id, number).is_ok());
    let any = numbers.iter().any(whole);
    Ok(if any { numbers } else { Vec::new() })
}

/// What two walks say alike: a disk may give wrong bytes once.
fn agreed(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    options: &Options,
    checked: &mut dyn FnMut(u64, u64),
) -> Result<Walk, JournalError> {
    let mut former: Option<Walk> = None;
    for _ in 0..TRIES {
        let walk = walk(disk, folder, options, checked)?;
        // What is whole has its checksums and its chain to speak for it.
        let whole = walk.found.torn.is_none() && walk.found.damage.is_empty();
        if whole || former.as_ref() == Some(&walk) {
            return Ok(walk);
        }
        former = Some(walk);
    }
    Err(JournalError::Unsteady { folder: folder.to_owned() })
}

fn walk(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    options: &Options,
    checked: &mut dyn FnMut(u64, u64),
) -> Result<Walk, JournalError> {
    let mut reader = Reader::from(Arc::clone(disk), folder, options.check_from)?;
    let of_bytes = reader.bytes()?;
    let (mut damage, mut known) = (Vec::new(), Vec::new());
    let (mut closed, mut headed, mut removing) = (false, false, Vec::new());
    let (key, mut unsigned) = (options.signer.as_ref().map(Signer::public), Unsigned::default());
    let mut rulings = Rulings::default();
    let (mut chain, mut former, mut last_at) = ([0; 32], [0; 32], 0);
    loop {
        match reader.next_entry() {
            Ok(Some(entry)) => {
                (former, chain) = (chain, entry.chain);
                headed = entry.kind == Kind::Head as u8;
                let control = match entry.record() {
                    Ok(Record::Control(bytes)) => Control::read(bytes),
                    _ => None,
                };
                // A head may follow the record that closes.
                closed =
                    control.as_ref().map_or(closed && headed, |said| matches!(said, Control::Closed { .. }));
                if !headed {
                    removing.clear();
                }
                control.iter().for_each(|said| rulings.take(said));
                if let Some(Control::WentOn { damage, snapshots, .. }) = control {
                    known.extend(damage);
                    removing = snapshots;
                }
                let (number, head) = (entry.number, Head::read(entry.body).filter(|_| headed));
                last_at = reader.entry_at();
                if let Some(key) = &key
                    && unsigned.lacks_head((number, chain), head.as_ref(), (reader.id().as_ref(), key))
                {
                    damage.push(Damage::unsigned(reader.file().to_owned(), last_at, number));
                }
                checked(reader.bytes_read(), of_bytes);
                options.stop.check()?;
            }
            Ok(None) => break,
            Err(JournalError::Damaged(found)) => {
                (closed, headed) = (false, false);
                unsigned.damaged();
                damage.push(found);
            }
            Err(error) => return Err(error),
        }
    }
    let end = match reader.segments().last() {
        Some((_, name)) => (
            name.clone(),
            archive::length(&**disk, folder, name)
                .map_err(JournalError::disk("look at", &folder.join(name)))?,
        ),
        None => (segment::name(1), 0),
    };
    let id = reader.id().unwrap_or(options.new_id);
    let (last, torn) = (reader.last(), reader.torn().cloned());
    let first = reader.segments().first().map_or(0, |(first, _)| *first);
    let chain = reader.chain().unwrap_or_else(|| frame::first_chain(&id));
    let found = Recovered {
        rulings,
        id,
        first,
        last,
        chain,
        closed: closed && torn.is_none(),
        torn,
        damage,
        removed: None,
        headed,
        decided: false,
        beyond: Vec::new(),
    };
    Ok(Walk { found, known, removing, end, last_at, former })
}

/// Leaves whole segments alone, and all records that they hold on disk.
fn mend(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    torn: Option<&Torn>,
    mutant: Option<Mutant>,
) -> Result<(), JournalError> {
    let reader = Reader::open(Arc::clone(disk), folder)?;
    let names: Vec<&String> = reader.segments().iter().map(|(_, name)| name).collect();
    let last_whole = |name: &String| torn.is_none_or(|torn| torn.file == *name);
    let Some(at) = names.iter().rposition(|name| last_whole(name)) else { return Ok(()) };
    // What is in the archive is on disk, and was read back; nothing is behind it but what never lasted.
    let archived = archive::is_archived(names[at]);
    for name in &names[at + 1..] {
        let path = folder.join(name);
        disk.remove(&path).map_err(JournalError::disk("remove", &path))?;
    }
    if archived {
        return disk.sync_folder(folder).map_err(JournalError::disk("sync the folder", folder));
    }
    let path = folder.join(names[at]);
    let length = match torn {
        Some(torn) => torn.byte,
        None => disk.length(&path).map_err(JournalError::disk("look at", &path))?,
    };
    if length <= HEADER_BYTES as u64 {
        disk.remove(&path).map_err(JournalError::disk("remove", &path))?;
    } else if mutant == Some(Mutant::TrustPages) {
        disk.cut(&path, length).map_err(JournalError::disk("cut", &path))?;
    } else {
        write_anew(disk, folder, &path, length)?;
    }
    disk.sync_folder(folder).map_err(JournalError::disk("sync the folder", folder))
}

/// Puts a file of the same first bytes in place of a segment.
fn write_anew(disk: &Arc<dyn Disk>, folder: &Path, path: &Path, length: u64) -> Result<(), JournalError> {
    let mut anew = path.to_owned().into_os_string();
    anew.push(ANEW);
    let anew = Path::new(&anew);
    for _ in 0..TRIES {
        let copied = copy(disk, path, anew, length);
        copied.map_err(JournalError::disk("write the last segment anew as", anew))?;
        if same(disk, path, anew, length).map_err(JournalError::disk("read", path))? {
            return disk.rename(anew, path).map_err(JournalError::disk("rename to", path));
        }
        disk.remove(anew).map_err(JournalError::disk("remove", anew))?;
    }
    Err(JournalError::Unsteady { folder: folder.to_owned() })
}

fn copy(disk: &Arc<dyn Disk>, from: &Path, to: &Path, length: u64) -> io::Result<()> {
    let mut source = Window::new(disk.read(from)?);
    let mut file = disk.create(to)?;
    loop {
        let left = usize::try_from(length - source.at()).unwrap_or(usize::MAX);
        let piece = source.ahead(left.min(HEADER_BYTES))?;
        let bytes = left.min(piece.len());
        if bytes == 0 {
            return file.sync();
        }
        file.write_all(&piece[..bytes])?;
        source.pass(bytes);
    }
}

/// Whether a file is so long, and has the first bytes of another.
fn same(disk: &Arc<dyn Disk>, of: &Path, copy: &Path, length: u64) -> io::Result<bool> {
    Ok(disk.length(copy)? == length && window::same(Box::new(disk.read(of)?.take(length)), disk.read(copy)?)?)
}

//! Snapshots of a recorded engine: frozen between two events, written by another thread, read back, two kept.
//!
//! Promises that a snapshot has its name only once it is on disk whole, was read back, and the journal is on disk up to its
//! record; and that no answer waits for one.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::archive;
use super::control::Control;
use super::error::JournalError;
use super::journal::Journal;
use super::record::Record;
use super::snapshot_records;
use crate::engine::{Engine, SavedEngine};
use crate::hex::hex;
use crate::io::{
    Disk, DiskFile, SnapshotError, SnapshotFile, SnapshotSays, read_snapshot_by, snapshot_is_whole,
    write_snapshot_to,
};

const FOLDER: &str = "snapshots";
const ENDING: &str = ".snapshot";
const KEPT: usize = 2;

/// What became of snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotFigures {
    /// Those that are whole on disk.
    pub written: u64,
    /// Those that were due while the one before was still being written.
    pub skipped: u64,
    /// The longest that events waited for one.
    pub pause_max: Duration,
    /// Why the last one failed, if it did.
    pub failed: Option<String>,
}

/// The snapshots of one recorded engine.
#[derive(Debug)]
pub(super) struct Snapshots {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    id: [u8; 16],
    /// Until the journal is on disk up to its record.
    frozen: Option<(u64, SavedEngine)>,
    writing: Option<(u64, JoinHandle<Result<SnapshotFile, SnapshotError>>)>,
    figures: SnapshotFigures,
    /// See [`Options::threadless`](super::Options).
    threadless: bool,
}

/// What a snapshot says of itself: that of another journal, or of another record, is none of ours.
fn about(id: [u8; 16], number: u64) -> String {
    format!("journal {}, after record {number}", hex(id))
}

fn path(folder: &Path, within: &str, number: u64) -> PathBuf {
    folder.join(within).join(format!("{number:020}{ENDING}"))
}

/// The records after which there are snapshots, archived ones too, newest first.
pub fn snapshots(disk: &dyn Disk, folder: &Path) -> Result<Vec<u64>, JournalError> {
    let mut numbers = online(disk, folder)?;
    numbers.extend(archived(disk, folder)?);
    Ok(sorted(numbers))
}

/// So often they are listed before one that is gone again is passed over.
pub(super) const LOOKS: usize = 32;

/// Whether a snapshot that was listed is gone since: the writer keeps the newest two.
pub(super) fn is_gone(error: &SnapshotError) -> bool {
    matches!(error, SnapshotError::File { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

/// Those that are written and taken away while decisions go on.
pub(super) fn online(disk: &dyn Disk, folder: &Path) -> Result<Vec<u64>, JournalError> {
    let folder = folder.join(FOLDER);
    let names = match disk.list(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names.map_err(JournalError::disk("list the folder", &folder))?,
    };
    Ok(sorted(names.iter().filter_map(|name| number(name)).collect()))
}

/// Those in the archive.
pub(super) fn archived(disk: &dyn Disk, folder: &Path) -> Result<Vec<u64>, JournalError> {
    Ok(sorted(archive::list(disk, folder)?.iter().filter_map(|name| number(name)).collect()))
}

fn number(name: &str) -> Option<u64> {
    name.strip_suffix(ENDING).filter(|name| name.len() == 20)?.parse().ok()
}

fn sorted(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable_by(|one, other| other.cmp(one));
    numbers.dedup();
    numbers
}

/// Copies a snapshot into the archive; whether it was there, and whole. The writer may take it away meanwhile.
pub(super) fn put_into_archive(disk: &dyn Disk, folder: &Path, number: u64) -> Result<bool, JournalError> {
    let (from, to) = (path(folder, FOLDER, number), path(folder, archive::FOLDER, number));
    let copied = archive::place(disk, &to, |beside| {
        let mut sink = BufWriter::with_capacity(BUFFER_BYTES, Sink(disk.create(beside)?));
        io::copy(&mut disk.read(&from)?, &mut sink)?;
        let mut sink = sink.into_inner().map_err(io::IntoInnerError::into_error)?;
        sink.0.sync()?;
        snapshot_is_whole(&mut disk.read(beside)?, disk.length(beside)?)
    });
    match copied {
        Err(JournalError::Disk { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(JournalError::Unsteady { .. }) => Ok(false),
        copied => copied.map(|()| true),
    }
}

/// Takes a snapshot out of the archive.
pub(super) fn drop_from_archive(disk: &dyn Disk, folder: &Path, number: u64) -> Result<(), JournalError> {
    archive::remove(disk, &path(folder, archive::FOLDER, number))
}

/// Takes a snapshot away for good, wherever it is.
pub(super) fn remove(disk: &dyn Disk, folder: &Path, number: u64) -> Result<(), JournalError> {
    for within in [FOLDER, archive::FOLDER] {
        let path = path(folder, within, number);
        if disk.length(&path).is_ok() {
            archive::remove(disk, &path)?;
        }
    }
    Ok(())
}

/// Reads a snapshot, if it is whole, this journal's, and the one that the journal's record of it says.
pub(super) fn read(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    id: [u8; 16],
    number: u64,
) -> Result<SavedEngine, SnapshotError> {
    let (path, saved, sha256) = whole(disk, folder, Some(id), number)?;
    let recorded = match snapshot_records::recorded(disk, folder, number) {
        Ok(recorded) => recorded,
        Err(error) => return Err(SnapshotError::File { path, source: io::Error::other(error) }),
    };
    let why = match recorded {
        Some(recorded) if recorded == sha256 => return Ok(saved),
        Some(_) => "it is another than the journal's record of it says",
        None => "no record of the journal says it",
    };
    Err(SnapshotError::Form { path, why: why.to_owned() })
}

/// Reads a snapshot, if it is whole and this journal's, or any journal's where no id is given; with where it is, and its
/// sum. What it says may still be another's word.
pub(super) fn whole(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    id: Option<[u8; 16]>,
    number: u64,
) -> Result<(PathBuf, SavedEngine, String), SnapshotError> {
    let mut path = path(folder, FOLDER, number);
    if disk.length(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        path = self::path(folder, archive::FOLDER, number);
    }
    let bytes = disk.length(&path).map_err(|source| SnapshotError::File { path: path.clone(), source })?;
    let (again, at) = (Arc::clone(disk), path.clone());
    let (saved, said) = read_snapshot_by(&path, bytes, Box::new(move || again.read(&at)))?;
    let SnapshotSays { about: said, sha256 } = said;
    if id.is_some_and(|id| said != about(id, number)) {
        return Err(SnapshotError::Form { path, why: format!("it is that of {said}") });
    }
    Ok((path, saved, sha256))
}

/// The snapshots that are there and where, archived ones too.
pub(super) fn files(disk: &dyn Disk, folder: &Path) -> Result<Vec<(u64, PathBuf)>, JournalError> {
    let paths = |numbers: Vec<u64>, within| {
        numbers.into_iter().map(move |number| (number, path(folder, within, number)))
    };
    let (online, archived) = (online(disk, folder)?, archived(disk, folder)?);
    Ok(paths(online, FOLDER).chain(paths(archived, archive::FOLDER)).collect())
}

impl Snapshots {
    pub(super) fn new(disk: Arc<dyn Disk>, folder: &Path, id: [u8; 16], threadless: bool) -> Self {
        let (folder, figures) = (folder.to_owned(), SnapshotFigures::default());
        Self { disk, folder, id, frozen: None, writing: None, figures, threadless }
    }

    pub(super) fn figures(&self) -> &SnapshotFigures {
        &self.figures
    }

    /// Whether one is being written, or is to be.
    pub(super) fn is_busy(&self) -> bool {
        self.frozen.is_some() || self.writing.is_some()
    }

    /// Freezes the engine as it is after a record.
    #[expect(clippy::disallowed_methods, reason = "what a snapshot costs is measured")]
    pub(super) fn begin(&mut self, engine: &mut Engine, number: u64) {
        if self.frozen.is_some() || self.writing.is_some() {
            self.figures.skipped += 1;
            return;
        }
        let start = Instant::now();
        self.frozen = Some((number, engine.freeze()));
        self.figures.pause_max = self.figures.pause_max.max(start.elapsed());
    }

    /// Does what is due: cheap where nothing is.
    pub(super) fn turn(&mut self, journal: &mut Journal, at_us: fn() -> i64) -> Result<(), JournalError> {
        if self.frozen.as_ref().is_some_and(|(number, _)| journal.durable() >= *number)
            && let Some((number, saved)) = self.frozen.take()
        {
            self.write(number, saved, journal, at_us)?;
        }
        if self.writing.as_ref().is_some_and(|(_, writing)| writing.is_finished()) {
            self.written(journal, at_us)?;
        }
        Ok(())
    }

    /// Waits for what was begun; `journal` must have been handed all that it holds.
    pub(super) fn finish(&mut self, journal: &mut Journal, at_us: fn() -> i64) -> Result<(), JournalError> {
        if let Some((number, saved)) = self.frozen.take() {
            self.write(number, saved, journal, at_us)?;
        }
        self.written(journal, at_us)
    }

    /// Gives up the one that waits for the journal: it will never be on disk up to its record.
    pub(super) fn give_up(&mut self) {
        self.frozen = None;
    }

    fn write(
        &mut self,
        number: u64,
        saved: SavedEngine,
        journal: &mut Journal,
        at_us: fn() -> i64,
    ) -> Result<(), JournalError> {
        let (disk, folder, about) = (Arc::clone(&self.disk), self.folder.clone(), about(self.id, number));
        let write = move || write(&*disk, &folder, number, &about, &saved);
        if self.threadless {
            return self.say(number, write(), journal, at_us);
        }
        let thread = Builder::new().name("weir-snapshot".to_owned()).spawn(write);
        self.writing = Some((number, thread.map_err(|source| JournalError::Thread { source })?));
        Ok(())
    }

    fn written(&mut self, journal: &mut Journal, at_us: fn() -> i64) -> Result<(), JournalError> {
        let Some((number, writing)) = self.writing.take() else { return Ok(()) };
        if let Ok(written) = writing.join() {
            return self.say(number, written, journal, at_us);
        }
        self.figures.failed = Some("the thread that writes it is gone".to_owned());
        Ok(())
    }

    fn say(
        &mut self,
        number: u64,
        written: Result<SnapshotFile, SnapshotError>,
        journal: &mut Journal,
        at_us: fn() -> i64,
    ) -> Result<(), JournalError> {
        match written {
            Ok(SnapshotFile { sha256, .. }) => {
                let said = Control::Snapshot { at_us: at_us(), number, sha256 };
                journal.append(Record::Control(&said.to_bytes()))?;
                self.figures.written += 1;
            }
            // Decisions go on: the one before is still there.
            Err(error) => self.figures.failed = Some(error.to_string()),
        }
        Ok(())
    }
}

impl Drop for Snapshots {
    /// Whoever opens the folder next finds none that comes or goes.
    fn drop(&mut self) {
        if let Some((_, writing)) = self.writing.take() {
            // What it wrote has no record, and is passed over.
            let _ = writing.join();
        }
    }
}

/// A file of a disk as something to write to.
pub(super) struct Sink(pub(super) Box<dyn DiskFile>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const BUFFER_BYTES: usize = 1 << 20;

fn write(
    disk: &dyn Disk,
    folder: &Path,
    number: u64,
    about: &str,
    saved: &SavedEngine,
) -> Result<SnapshotFile, SnapshotError> {
    let (within, last) = (folder.join(FOLDER), path(folder, FOLDER, number));
    let beside = within.join(format!("{number:020}{ENDING}.new"));
    let failed = |source: io::Error| SnapshotError::File { path: last.clone(), source };
    // A journal's folder that has vanished is not made again.
    disk.create_inner_folder(&within).map_err(failed)?;
    // What a former run left.
    for name in disk.list(&within).map_err(failed)?.iter().filter(|name| name.ends_with(".new")) {
        disk.remove(&within.join(name)).map_err(failed)?;
    }
    let out = BufWriter::with_capacity(BUFFER_BYTES, Sink(disk.create(&beside).map_err(failed)?));
    let (out, file) = write_snapshot_to(out, &last, about, saved)?;
    let mut sink = out.into_inner().map_err(|error| failed(error.into_error()))?;
    sink.0.sync().map_err(failed)?;
    drop(sink);
    let bytes = disk.length(&beside).map_err(failed)?;
    let mut again = disk.read(&beside).map_err(failed)?;
    if !snapshot_is_whole(&mut again, bytes).map_err(failed)? {
        let why = "what is read back is not what was written";
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, why)));
    }
    disk.rename(&beside, &last).map_err(failed)?;
    disk.sync_folder(&within).map_err(failed)?;
    let held = online(disk, folder).map_err(|error| failed(io::Error::other(error)))?;
    for old in held.into_iter().skip(KEPT) {
        disk.remove(&path(folder, FOLDER, old)).map_err(failed)?;
    }
    Ok(file)
}

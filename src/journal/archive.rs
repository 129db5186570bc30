//! Where segments are: in the journal's folder itself, or in its `archive/`, compressed and otherwise as they were.
//!
//! Promises that whoever reads finds a segment wherever it is, also while it moves; that a segment in the archive has its name
//! only once it is on disk and decodes to what was written; and that it is taken out of the journal's folder only then. So a
//! crash at any moment leaves it in one of the two places or in both, and in both it is one. `archive/` may be a link to
//! another disk. Must never know why something is archived.

use std::collections::BTreeMap;
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use zstd::{Decoder, Encoder};

use super::error::JournalError;
use super::segment;
use super::snapshots::Sink;
use super::window::same;
use crate::io::{Disk, DiskFile};

/// Where they are in a journal's folder.
pub(super) const FOLDER: &str = "archive";
const ENDING: &str = ".zst";
/// How the names of files end that are not whole yet.
pub(super) const PARTIAL: &str = ".partial";
const LEVEL: i32 = 9;
const BUFFER_BYTES: usize = 1 << 20;
/// The header of a frame of zstd is never longer.
const FRAME_HEADER_BYTES: u64 = 18;
/// Copies, until one reads as what was copied: a disk may give wrong bytes once.
const TRIES: usize = 6;

/// The first record and the name, within the journal's folder, of every segment, in order.
pub(super) fn segments(disk: &dyn Disk, folder: &Path) -> Result<Vec<(u64, String)>, JournalError> {
    // This folder first: what moves meanwhile is in one of the two lists at least.
    let online = disk.list(folder).map_err(JournalError::disk("list the folder", folder))?;
    let archived = list(disk, folder)?.into_iter().map(|name| format!("{FOLDER}/{name}"));
    // What is in both places is read where it was written.
    let named = archived.chain(online).filter_map(|name| Some((first_of(&name)?, name)));
    Ok(named.collect::<BTreeMap<_, _>>().into_iter().collect())
}

/// The names of all that is in the archive.
pub(super) fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<String>, JournalError> {
    let folder = folder.join(FOLDER);
    match disk.list(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        names => names.map_err(JournalError::disk("list the folder", &folder)),
    }
}

/// The first record of the segment with this name within the journal's folder; none where it is no segment's.
pub(super) fn first_of(name: &str) -> Option<u64> {
    segment::first_of(name)
        .or_else(|| segment::first_of(name.strip_prefix(FOLDER)?.strip_prefix('/')?.strip_suffix(ENDING)?))
}

/// Whether a segment with this name is in the archive.
pub(super) fn is_archived(name: &str) -> bool {
    name.ends_with(ENDING)
}

/// What an archived segment is named within the journal's folder.
pub(super) fn name(first: u64) -> String {
    format!("{FOLDER}/{}{ENDING}", segment::name(first))
}

/// A segment's bytes from its beginning, as they were written.
pub(super) fn open(disk: &dyn Disk, folder: &Path, name: &str) -> io::Result<Box<dyn Read + Send>> {
    wherever(name, |name| {
        let path = folder.join(name);
        if is_archived(name) { decoded(disk, &path) } else { disk.read(&path) }
    })
}

fn decoded(disk: &dyn Disk, path: &Path) -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(Decoded { decoder: Decoder::new(disk.read(path)?)?, ended: false }))
}

/// A segment's length in bytes, as it was written.
pub(super) fn length(disk: &dyn Disk, folder: &Path, name: &str) -> io::Result<u64> {
    wherever(name, |name| {
        let path = folder.join(name);
        if !is_archived(name) {
            return disk.length(&path);
        }
        let mut header = Vec::new();
        disk.read(&path)?.take(FRAME_HEADER_BYTES).read_to_end(&mut header)?;
        // Where that is damaged, nothing in it can be told.
        zstd::zstd_safe::get_frame_content_size(&header).ok().flatten().map_or_else(|| disk.length(&path), Ok)
    })
}

/// Does something with a segment; where it is gone from the journal's folder, with the archived one: it has moved since it
/// was listed.
fn wherever<T>(name: &str, read: impl Fn(&str) -> io::Result<T>) -> io::Result<T> {
    match (read(name), segment::first_of(name)) {
        (Err(error), Some(first)) if error.kind() == io::ErrorKind::NotFound => {
            read(&self::name(first)).map_err(|_| error)
        }
        (read, _) => read,
    }
}

/// An archived segment that is decoded. What can't be decoded ends it: whoever reads sees which records are missing.
struct Decoded {
    decoder: Decoder<'static, BufReader<Box<dyn Read + Send>>>,
    ended: bool,
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        match self.decoder.read(buffer) {
            // What the disk refuses has a number of the operating system.
            Err(error)
                if error.raw_os_error().is_none()
                    && matches!(error.kind(), io::ErrorKind::Other | io::ErrorKind::UnexpectedEof) =>
            {
                self.ended = true;
                Ok(0)
            }
            read => read,
        }
    }
}

/// Puts a closed segment, which is whole, into the archive, beside the one that is online; gives its bytes there.
pub(super) fn put(disk: &dyn Disk, folder: &Path, first: u64) -> Result<u64, JournalError> {
    let (from, to) = (folder.join(segment::name(first)), folder.join(name(first)));
    let same = |to: &Path| same(disk.read(&from)?, decoded(disk, to)?);
    // A former run may have put it there, and ended before it took it out.
    let there = disk.length(&to).is_ok() && same(&to).map_err(JournalError::disk("read back", &to))?;
    if !there {
        place(disk, &to, |beside| compress(disk, &from, beside).and_then(|()| same(beside)))?;
    }
    disk.length(&to).map_err(JournalError::disk("look at", &to))
}

fn compress(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    let sink = BufWriter::with_capacity(BUFFER_BYTES, Sink(disk.create(to)?));
    let mut encoder = Encoder::new(sink, LEVEL)?;
    encoder.include_checksum(true)?;
    // The length is in the header from the beginning.
    encoder.set_pledged_src_size(Some(disk.length(from)?))?;
    io::copy(&mut disk.read(from)?, &mut encoder)?;
    let mut sink = encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    sink.0.sync()
}

/// Takes a segment out of the journal's folder that is in the archive.
pub(super) fn take(disk: &dyn Disk, folder: &Path, first: u64) -> Result<(), JournalError> {
    // Also where a former run named it, and ended before its name was sure to last.
    let archive = folder.join(FOLDER);
    disk.sync_folder(&archive).map_err(JournalError::disk("sync the folder", &archive))?;
    remove(disk, &folder.join(segment::name(first)))
}

/// Takes a segment away for good, wherever it is.
pub(super) fn drop(disk: &dyn Disk, folder: &Path, first: u64) -> Result<(), JournalError> {
    for path in [folder.join(segment::name(first)), folder.join(name(first))] {
        if disk.length(&path).is_ok() {
            remove(disk, &path)?;
        }
    }
    Ok(())
}

/// Takes a file away, so that it stays away.
pub(super) fn remove(disk: &dyn Disk, path: &Path) -> Result<(), JournalError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    disk.remove(path).map_err(JournalError::disk("remove", path))?;
    disk.sync_folder(folder).map_err(JournalError::disk("sync the folder", folder))
}

/// Writes a file of the archive beside its name, and names it once `write` says that it is what it should be.
pub(super) fn place(
    disk: &dyn Disk,
    last: &Path,
    write: impl Fn(&Path) -> io::Result<bool>,
) -> Result<(), JournalError> {
    let folder = last.parent().unwrap_or(Path::new("."));
    disk.create_folder(folder).map_err(JournalError::disk("make the folder", folder))?;
    let mut beside = last.to_owned().into_os_string();
    beside.push(PARTIAL);
    let beside = PathBuf::from(beside);
    for _ in 0..TRIES {
        // What a former run, or a try, left.
        if disk.length(&beside).is_ok() {
            disk.remove(&beside).map_err(JournalError::disk("remove", &beside))?;
        }
        if write(&beside).map_err(JournalError::disk("write", &beside))? {
            disk.rename(&beside, last).map_err(JournalError::disk("rename to", last))?;
            return disk.sync_folder(folder).map_err(JournalError::disk("sync the folder", folder));
        }
    }
    Err(JournalError::Unsteady { folder: folder.to_owned() })
}

/// The same with these bytes.
pub(super) fn place_bytes(disk: &dyn Disk, last: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    place_made(disk, last, bytes, |beside| disk.create(beside))
}

/// The same, and only its owner may read it.
pub(super) fn place_private(disk: &dyn Disk, last: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    place_made(disk, last, bytes, |beside| disk.create_private(beside))
}

fn place_made(
    disk: &dyn Disk,
    last: &Path,
    bytes: &[u8],
    make: impl Fn(&Path) -> io::Result<Box<dyn DiskFile>>,
) -> Result<(), JournalError> {
    place(disk, last, |beside| {
        let mut file = make(beside)?;
        file.write_all(bytes)?;
        file.sync()?;
        let mut held = Vec::new();
        disk.read(beside)?.read_to_end(&mut held)?;
        Ok(held == bytes)
    })
}

//! Who asked an audit, export or query, when and what for: put down in the journal, also beside a running writer.
//!
//! Only the writer appends. Beside it a question is a file of its own in `asked/`, on disk before it is answered; the writer
//! takes it into the journal when it is opened or closed. Until then it is in no chain.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::control::Control;
use super::error::JournalError;
use super::journal::{Journal, Options};
use super::record::Record;
use super::recovery::OnDamage;
use crate::hex::hex;
use crate::io::Disk;

const FOLDER: &str = "asked";
const ENDING: &str = ".json";

/// Puts down who asks what ([`Control::Asked`]), or what was archived and removed: in the journal, or, where it can't be opened
/// for that, beside it. Whether it is in the journal.
pub fn put_down(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    options: Options,
    said: &Control,
) -> Result<bool, JournalError> {
    let (at_us, unique) = ((options.clock)(), options.new_id);
    match Journal::open(Arc::clone(disk), folder, options, OnDamage::Refuse) {
        Ok((mut journal, _)) => {
            journal.append(Record::Control(&said.to_bytes()))?;
            journal.close()?;
            Ok(true)
        }
        Err(_) => beside(&**disk, folder, at_us, unique, &said.to_bytes()).map(|()| false),
    }
}

/// Puts it down beside the journal, also where nobody writes it: for who has not the key that signs it.
pub fn put_beside(
    disk: &dyn Disk,
    folder: &Path,
    options: &Options,
    said: &Control,
) -> Result<(), JournalError> {
    beside(disk, folder, (options.clock)(), options.new_id, &said.to_bytes())
}

fn beside(
    disk: &dyn Disk,
    folder: &Path,
    at_us: i64,
    unique: [u8; 16],
    said: &[u8],
) -> Result<(), JournalError> {
    let within = folder.join(FOLDER);
    disk.create_folder(&within).map_err(JournalError::disk("make the folder", &within))?;
    let path = within.join(format!("{at_us:020}-{}{ENDING}", hex(unique)));
    let written = disk.create(&path).and_then(|mut file| {
        file.write_all(said)?;
        file.sync()?;
        disk.sync_folder(&within)
    });
    written.map_err(JournalError::disk("write", &path))
}

/// Takes in what was asked beside. What is taken in is removed only once it is on disk in the journal.
pub(super) fn take_in(disk: &dyn Disk, folder: &Path, journal: &mut Journal) -> Result<(), JournalError> {
    let within = folder.join(FOLDER);
    // Seldom there; a folder that can't be listed holds nothing that could be taken in.
    let Ok(mut names) = disk.list(&within) else { return Ok(()) };
    names.retain(|name| name.ends_with(ENDING));
    let mut taken = Vec::new();
    for name in names {
        let (path, mut said) = (within.join(name), Vec::new());
        let read = disk.read(&path).and_then(|mut source| source.read_to_end(&mut said));
        read.map_err(JournalError::disk("read", &path))?;
        // What a crash left torn was never answered.
        if let Some(Control::Asked { .. } | Control::Retained { .. }) = Control::read(&said) {
            journal.append(Record::Control(&said))?;
        }
        taken.push(path);
    }
    if taken.is_empty() {
        return Ok(());
    }
    journal.submit()?;
    journal.sync(journal.next_number() - 1)?;
    for path in taken {
        disk.remove(&path).map_err(JournalError::disk("remove", &path))?;
    }
    disk.sync_folder(&within).map_err(JournalError::disk("sync the folder", &within))
}

//! Once every signed head was taken out, nobody's word for a removal counts who has not the journal's key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir::io::Disk;
use weir::journal::{
    By, Control, From, Journal, JournalError, OnDamage, Options, Reader, Record, RecordedError, Replay,
    Retained, Signer, removed, retain,
};
use weir::time::DAY_US;

use crate::disk::SimDisk;
use crate::small::{FOLDER, KEEP, journal_options, open, small};

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn folder() -> &'static Path {
    Path::new(FOLDER)
}

/// The journal written anew by who has no key: where heads were is something else, and all else is as it was.
fn stripped() -> Files {
    let mut reader = Reader::open(SimDisk::of(&small().files).shared(), folder()).unwrap();
    assert!(reader.next_entry().unwrap().is_some());
    let new_id = reader.id().unwrap();
    let options = Options { signer: None, new_id, ..journal_options() };
    let anew = SimDisk::new(1);
    let mut reader = Reader::open(SimDisk::of(&small().files).shared(), folder()).unwrap();
    let (mut journal, ..) =
        Journal::open_stepped(anew.shared(), folder(), options, OnDamage::Refuse).unwrap();
    while let Some(entry) = reader.next_entry().unwrap() {
        let nothing = Control::Asked { at_us: 1, who: "nobody".to_owned(), what: "nothing".to_owned() };
        match entry.record().unwrap() {
            Record::Head(_) => journal.append(Record::Control(&nothing.to_bytes())),
            record => journal.append(record),
        }
        .unwrap();
    }
    journal.commit().unwrap();
    drop(journal);
    let mut files = small().files.clone();
    files.retain(|path, _| !path.to_string_lossy().contains(".journal"));
    files.extend(anew.files());
    files
}

fn retained(disk: &Arc<dyn Disk>, signer: Option<Signer>) -> Retained {
    let by = By { who: "keeper".to_owned(), why: "policy".to_owned(), signer, unique: [7; 16] };
    retain(disk, folder(), &KEEP, small().now_us + 99 * DAY_US, &by).unwrap()
}

/// Which records are missing to whoever replays, and to whoever opens with the key.
fn missing(disk: &Arc<dyn Disk>) -> [Option<(u64, u64)>; 2] {
    let of = |error: Option<RecordedError>| match error {
        None => None,
        Some(RecordedError::Journal(JournalError::Damaged(damage))) => Some((damage.number, damage.missing)),
        Some(error) => panic!("{error}"),
    };
    let replayed = Replay::open(Arc::clone(disk), folder(), From::Beginning, None);
    [of(replayed.and_then(|replay| replay.run(|_| {})).err()), of(open(disk, &small().rules).err())]
}

#[test]
fn a_removal_that_nobody_signed_counts_only_where_no_key_is() {
    let mut files = stripped();
    let public = files.remove(&folder().join("signing.pub")).unwrap();
    let disk = SimDisk::of(&files);
    let shared = disk.shared();
    let last = retained(&shared, None).removed.last().unwrap().last;
    assert_eq!(removed(&*shared, folder()).unwrap().map(|removed| removed.last), Some(last));
    // Who has the key believes what it signed; who has none, what there is.
    assert_eq!(missing(&shared), [None, Some((1, last))]);
    let mut files = disk.files();
    files.insert(folder().join("signing.pub"), public);
    assert_eq!(missing(&SimDisk::of(&files).shared()), [Some((1, last)); 2]);
    // A record says it as little as the note.
    assert!(files.remove(&folder().join("removed.json")).is_some());
    assert_eq!(missing(&SimDisk::of(&files).shared()), [Some((1, last)); 2]);
}

#[test]
fn retention_signs_nothing_that_no_head_speaks_for() {
    let disk = SimDisk::of(&stripped());
    let shared = disk.shared();
    let done = retained(&shared, Some(Signer::from_seed([1; 32])));
    assert!(done.removed.is_empty(), "{done:?}");
    let why = done.plan.withheld.unwrap();
    assert!(why.contains("without a signed head"), "{why}");
    assert!(!disk.files().contains_key(&folder().join("removed.json")));
}

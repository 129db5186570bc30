//! The key that signs: made once, whole, and never again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir::io::Disk;
use weir::journal::{
    AnswerForm, Journal, JournalError, Lock, OnDamage, Options, PublicKey, Record, Signer, known_signer,
    signer,
};

use crate::disk::SimDisk;
use crate::limited::Limited;

const FOLDER: &str = "j";

/// The key of a folder, made of this seed where there is none.
fn made(disk: &Arc<dyn Disk>, seed: u8) -> Result<Signer, JournalError> {
    signer(&Lock::take(Arc::clone(disk), Path::new(FOLDER))?, None, [seed; 32])
}

/// Begins a journal, or goes on with it, as `weir score` does.
fn start(disk: &Arc<dyn Disk>, seed: u8) -> Result<PublicKey, JournalError> {
    let folder = Path::new(FOLDER);
    let signer = made(disk, seed)?;
    let options = Options { signer: Some(signer.clone()), ..Options::new(|| 7, [seed; 16]) };
    let (mut journal, _) = Journal::open(Arc::clone(disk), folder, options, OnDamage::Refuse)?;
    journal.append(Record::Answer { form: AnswerForm::Decided, event: 1, bytes: b"{}" })?;
    journal.close()?;
    Ok(signer.public())
}

/// It starts, and goes on with the key that it has then.
fn starts(disk: &SimDisk, what: &str) {
    let disk = disk.shared();
    let key = start(&disk, 2).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(start(&disk, 3).unwrap(), key, "{what}");
    let public = PublicKey::read(&*disk, &Path::new(FOLDER).join("signing.pub")).unwrap();
    assert_eq!(public, key, "{what}");
}

#[test]
fn a_first_start_that_ends_anywhere_leaves_a_folder_that_starts_again() {
    for crashes in [true, false] {
        for seed in 0..8 {
            let mut steps = 0;
            loop {
                let disk = SimDisk::new(seed);
                let done = start(&Limited::of(&disk, steps), 1);
                if crashes {
                    disk.crash()
                } else {
                    disk.kill()
                }
                starts(&disk, &format!("seed {seed}, crashes {crashes}, after {steps} steps"));
                if done.is_ok() {
                    break;
                }
                steps += 1;
            }
            assert!(steps > 14, "{steps} steps");
        }
    }
}

fn folder(files: &[(&str, &[u8])]) -> SimDisk {
    let files = files.iter().map(|(name, bytes)| (Path::new(FOLDER).join(name), bytes.to_vec()));
    SimDisk::of(&files.collect::<BTreeMap<PathBuf, Vec<u8>>>())
}

/// They wrote the public key first, and the private one in its place.
#[test]
fn what_earlier_releases_left_of_a_first_start_starts_again() {
    let whole = SimDisk::new(0);
    start(&whole.shared(), 1).unwrap();
    let files = whole.files();
    let file = |name: &str| files[&Path::new(FOLDER).join(name)].clone();
    let (private, public) = (file("signing.key"), file("signing.pub"));
    for bytes in 0..=public.len() {
        starts(&folder(&[("signing.pub", &public[..bytes])]), &format!("{bytes} bytes of signing.pub"));
    }
    for bytes in 0..=private.len() {
        let mut torn = private[..bytes].to_vec();
        for what in ["torn", "and with zeros behind"] {
            let left = folder(&[("signing.pub", &public), ("signing.key", &torn)]);
            starts(&left, &format!("{bytes} bytes of signing.key, {what}"));
            torn.resize(if bytes < private.len() - 1 { private.len() } else { bytes }, 0);
        }
    }
}

#[test]
fn a_public_key_that_is_missing_is_written_again_and_a_key_that_is_none_is_left() {
    let disk = SimDisk::new(0);
    let key = start(&disk.shared(), 1).unwrap();
    let (private, public) = (Path::new(FOLDER).join("signing.key"), Path::new(FOLDER).join("signing.pub"));
    disk.rm(&public);
    starts(&disk, "without signing.pub");
    assert_eq!(start(&disk.shared(), 4).unwrap(), key);
    let files = disk.files();
    // Once there are records, no key is made for them.
    for spoil in [
        (|bytes| bytes.truncate(0)) as fn(&mut Vec<u8>),
        |bytes| bytes.truncate(60),
        |bytes| bytes[40] ^= 1,
        |bytes| bytes[40] ^= 0x80,
    ] {
        let mut spoilt = files.clone();
        spoil(spoilt.get_mut(&private).unwrap());
        let error = start(&SimDisk::of(&spoilt).shared(), 5).unwrap_err().to_string();
        // A new one would be refused.
        assert!(error.contains("restore it from a copy") && !error.contains("genpkey"), "{error}");
        assert!(!error.contains("the system's log"), "{error}");
    }
    let mut gone = files.clone();
    gone.remove(&private);
    let error = start(&SimDisk::of(&gone).shared(), 5).unwrap_err();
    assert!(matches!(error, JournalError::KeyGone { .. }), "{error}");
    // What somebody put there himself, and is no key of ours, is not written over.
    for text in [&b"no key\n"[..], b"-----BEGIN RSA PRIVATE KEY-----\nMIIE", b"\n", b"\xff\xfe"] {
        let disk = folder(&[("signing.key", text)]);
        let error = start(&disk.shared(), 5).unwrap_err();
        assert!(matches!(error, JournalError::Key { .. }), "{text:?}: {error}");
    }
    // Nobody who only looks makes one.
    let none = folder(&[("signing.pub", b"")]);
    assert!(known_signer(&none.shared(), Path::new(FOLDER), None).unwrap().is_none());
    assert_eq!(none.files().len(), 1);
}

#[test]
fn two_that_begin_at_once_make_one_key() {
    let disk = SimDisk::new(0);
    let held = disk.shared().lock(&Path::new(FOLDER).join("lock")).unwrap();
    let error = made(&disk.shared(), 1).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    drop(held);
    starts(&disk, "once it is free");
}

//! Whoever takes signed heads out is seen, also once somebody with the key has signed over all.

use std::path::Path;

use weir::journal::{
    Changed, Control, Journal, JournalError, OnDamage, Options, Recovered, Signer, Verified, Whole, Why,
};

use crate::disk::SimDisk;
use crate::twin::{FOLDER, event, options};
use crate::verified::{Files, forged, parts, signer, verified};

fn open(
    disk: &SimDisk,
    signer: Option<Signer>,
    on_damage: OnDamage,
) -> Result<(Journal, Recovered), JournalError> {
    let options = Options { signer, ..options() };
    let opened = Journal::open_stepped(disk.shared(), Path::new(FOLDER), options, on_damage);
    opened.map(|(journal, _, recovered)| (journal, recovered))
}

/// Appends so many events, and closes in order if that is asked for.
fn written(disk: &SimDisk, signer: Option<Signer>, events: usize, closes: bool) {
    let (mut journal, _) = open(disk, signer, OnDamage::Refuse).unwrap();
    for _ in 0..events {
        journal.append(event(b"{}")).unwrap();
    }
    journal.commit().unwrap();
    if closes {
        journal.close().unwrap();
    }
}

fn segments(disk: &SimDisk) -> Files {
    let mut files = disk.files();
    files.retain(|path, _| path.extension().is_some_and(|ending| ending == "journal"));
    files
}

/// The same without the heads from this one on, and with one event changed, as anybody can write it.
fn stripped(files: &Files, heads_left: usize, event: usize) -> Files {
    let mut parts = parts(files);
    let changed = parts.iter_mut().flatten().nth(event - 1).unwrap();
    changed.3 = b"[]".to_vec();
    let heads = parts.iter_mut().flatten().filter(|record| record.0 == 4);
    for record in heads.skip(heads_left) {
        let said = Control::Asked { at_us: 1, who: "nobody".to_owned(), what: "nothing".to_owned() };
        (record.0, record.1, record.3) = (3, 1, said.to_bytes());
    }
    forged(&parts, false)
}

/// The first place where something was changed, and what says that somebody decided to go on over it.
fn changed(disk: &SimDisk) -> (u64, Option<u64>, Option<u64>) {
    match verified(&segments(disk), Some(&signer().public()), None) {
        Verified::Changed { number, how: Changed::Damaged(why), rest, .. } => {
            assert_eq!(why, Why::Unsigned.to_string());
            (number, rest.decided, rest.stretches[0].signed_to)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_signs_leaves_no_stretch_that_is_told() {
    let disk = SimDisk::new(1);
    for (events, closes) in
        [(4095, false), (4095, false), (4096, true), (4096, false), (9000, false), (1, true)]
    {
        written(&disk, Some(signer()), events, closes);
        let found = verified(&segments(&disk), Some(&signer().public()), None);
        assert!(matches!(
            found,
            Verified::Whole(Whole { heads: 1.., .. }) | Verified::Whole(Whole { last: 4095, .. })
        ));
    }
    let sparse = Options { head_every: 1_000_000, signer: Some(signer()), ..options() };
    let disk = SimDisk::new(1);
    let (mut journal, _, _) =
        Journal::open_stepped(disk.shared(), Path::new(FOLDER), sparse, OnDamage::Refuse).unwrap();
    (0..5000).for_each(|_| assert!(journal.append(event(b"{}")).is_ok()));
    journal.commit().unwrap();
    assert!(matches!(verified(&segments(&disk), Some(&signer().public()), None), Verified::Whole(_)));
}

#[test]
fn heads_that_were_taken_out_are_missed_and_signed_over_only_by_decision() {
    let disk = SimDisk::new(1);
    written(&disk, Some(signer()), 20_000, true);
    for (heads_left, event, first, proven) in [(1, 5000, 8194, Some(4097)), (0, 9, 4097, None)] {
        let disk = SimDisk::of(&stripped(&segments(&disk), heads_left, event));
        assert_eq!(changed(&disk), (first, None, proven));
        let before = disk.files();
        let refused = open(&disk, Some(signer()), OnDamage::Refuse).unwrap_err();
        assert!(matches!(&refused, JournalError::Unsigned(damage) if damage.number == first), "{refused}");
        assert!(refused.to_string().contains("`weir audit verify`"), "{refused}");
        assert_eq!(disk.files(), before);
        // Who has no key signs nothing.
        let (_, recovered) = open(&SimDisk::of(&before), None, OnDamage::Refuse).unwrap();
        let last = recovered.last;
        let (mut journal, recovered) = open(&disk, Some(signer()), OnDamage::GoOn).unwrap();
        assert_eq!(
            recovered.damage.iter().map(|damage| (damage.number, damage.missing)).collect::<Vec<_>>(),
            [(first, 0)]
        );
        journal.append(crate::twin::event(b"{}")).unwrap();
        journal.close().unwrap();
        let (number, decided, signed) = changed(&disk);
        assert_eq!((number, signed), (first, proven));
        assert!(decided.is_some_and(|record| record > last), "{decided:?}");
        // Nobody is asked again.
        let (journal, _) = open(&disk, Some(signer()), OnDamage::Refuse).unwrap();
        journal.close().unwrap();
        assert_eq!(changed(&disk), (first, decided, proven));
    }
}

#[test]
fn heads_of_another_key_or_another_chain_speak_for_nothing() {
    let disk = SimDisk::new(1);
    written(&disk, Some(Signer::from_seed([4; 32])), 5000, true);
    let refused = open(&disk, Some(signer()), OnDamage::Refuse).unwrap_err();
    assert!(matches!(&refused, JournalError::Unsigned(damage) if damage.number == 4097), "{refused}");
    // A record is changed, and the heads are left as they were.
    let disk = SimDisk::new(1);
    written(&disk, Some(signer()), 9000, true);
    let disk = SimDisk::of(&stripped(&segments(&disk), usize::MAX, 9));
    let refused = open(&disk, Some(signer()), OnDamage::Refuse).unwrap_err();
    assert!(matches!(&refused, JournalError::Unsigned(damage) if damage.number == 4097), "{refused}");
}

#[test]
fn a_journal_that_nobody_signed_is_signed_from_its_beginning_or_by_decision() {
    for (events, opens) in [(4000, true), (5000, false)] {
        let disk = SimDisk::new(1);
        written(&disk, None, events, false);
        assert_eq!(open(&disk, Some(signer()), OnDamage::Refuse).is_ok(), opens, "{events}");
        open(&disk, Some(signer()), OnDamage::GoOn).unwrap().0.close().unwrap();
        open(&disk, Some(signer()), OnDamage::Refuse).unwrap().0.close().unwrap();
        let found = verified(&segments(&disk), Some(&signer().public()), None);
        assert_eq!(matches!(found, Verified::Whole(_)), opens);
    }
}

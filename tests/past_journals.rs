//! Small journals of every version of the engine: what this version can replay it replays bit for bit, and what it can't it
//! names with the version that can.
//!
//! `WEIR_BLESS=1` writes the one of this version, where it is missing, from the events of the one before.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

use std::path::Path;
use std::sync::Arc;

use weir::engine::VERSION;
use weir::io::{Disk, EventReader, Format, RealDisk};
use weir::journal::{
    Control, From, OnDamage, Options, PublicKey, Reader, Record, Recorded, RecordedError, Replay, Setup,
    Signer, Verified, Whole, kept, verify,
};

#[test]
fn the_program_has_the_engines_number_and_each_version_is_named() {
    let minor = |version: &'static str| version.rsplit_once('.').unwrap();
    assert_eq!(minor(env!("CARGO_PKG_VERSION")).0, minor(VERSION).0);
    assert_eq!(minor(VERSION).1, "0", "its last part is the program's own");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let log = std::fs::read_to_string(root.join("CHANGELOG.md")).unwrap();
    let (_, table) = log.split_once("## Engine versions").unwrap();
    let mut versions = RealDisk.list(&root.join("tests/journals")).unwrap();
    versions.push(VERSION.to_owned());
    for version in versions {
        assert!(table.contains(&format!("| {version} |")), "CHANGELOG.md does not name engine {version}");
    }
}

#[test]
fn journals_of_every_version_are_replayed_or_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut versions = disk.list(&folder).unwrap();
    if std::env::var_os("WEIR_BLESS").is_some() && !versions.iter().any(|version| version == VERSION) {
        write(&disk, &folder.join(versions.last().unwrap()), &folder.join(VERSION));
        versions = disk.list(&folder).unwrap();
    }
    assert!(
        versions.iter().any(|version| version == VERSION),
        "a journal of {VERSION} is missing: {versions:?}"
    );
    for version in versions {
        let journal = folder.join(&version);
        let key = PublicKey::read(&*disk, &journal.join("signing.pub")).unwrap();
        let verified = verify(&disk, &journal, Some(&key), None, |_| {}).unwrap();
        assert!(
            matches!(verified, Verified::Whole(Whole { heads: 1.., torn: None, .. })),
            "{version}: {verified:?}"
        );
        match Replay::open(Arc::clone(&disk), &journal, From::Beginning, None) {
            Ok(replay) => {
                assert_eq!(version, VERSION);
                let replayed = replay.run(|_| {}).unwrap();
                assert_eq!(replayed.difference, None, "{version}");
                assert!(replayed.reproduced > 40 && replayed.events > replayed.reproduced, "{replayed:?}");
            }
            Err(RecordedError::Version { written, .. }) => assert_eq!(written, version),
            Err(error) => panic!("{version}: {error}"),
        }
    }
}

/// Writes what this engine answers to the events of a journal as another journal.
fn write(disk: &Arc<dyn Disk>, former: &Path, folder: &Path) {
    let (mut lines, mut hashes) = (Vec::new(), Vec::new());
    let mut reader = Reader::open(Arc::clone(disk), former).unwrap();
    while let Some(entry) = reader.next_entry().unwrap() {
        match entry.record().unwrap() {
            Record::Event { bytes, .. } => lines.push(bytes.to_vec()),
            Record::Control(bytes) => {
                if let Some(Control::Started { rules, .. } | Control::Staged { rules, .. }) =
                    Control::read(bytes)
                {
                    hashes.push(rules);
                }
            }
            _ => {}
        }
    }
    let mut bundles = hashes.iter().map(|hash| kept::read(&**disk, former, hash).unwrap());
    let (rules, staged) = (bundles.next().unwrap(), bundles.collect());
    let setup = Setup { rules, staged, limits: None, recording: None, store: None, snapshot_every: None };
    let signer = Signer::from_seed([7; 32]);
    disk.create_folder(folder).unwrap();
    std::fs::write(folder.join("signing.pub"), signer.public().to_pem().unwrap()).unwrap();
    let segment_bytes = 24 << 10;
    let options =
        Options { signer: Some(signer), segment_bytes, ..Options::new(|| 1_767_200_000_000_000, [5; 16]) };
    let refuse = OnDamage::Refuse;
    let (mut recorded, _) = Recorded::open(Arc::clone(disk), folder, options, refuse, setup, |_| {}).unwrap();
    let schema = recorded.engine().rules().schema.clone();
    let source = std::io::Cursor::new(lines.join(&b'\n'));
    let mut events = EventReader::new(source, &Format::Ndjson, schema).unwrap();
    for line in &lines {
        let event = events.next_event().unwrap().unwrap().1;
        recorded.step(event, line).unwrap();
    }
    recorded.close().unwrap();
    std::fs::remove_file(folder.join("lock")).unwrap();
}

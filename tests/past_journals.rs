//! Small journals of every version of the engine: what this version can replay it replays bit for bit, and what it can't it
//! names with the version that can.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

use std::path::Path;
use std::sync::Arc;

use weir::engine::VERSION;
use weir::io::{Disk, RealDisk};
use weir::journal::{From, PublicKey, RecordedError, Replay, Verified, verify};

#[test]
fn journals_of_every_version_are_replayed_or_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let versions = disk.list(&folder).unwrap();
    assert!(
        versions.iter().any(|version| version == VERSION),
        "a journal of {VERSION} is missing: {versions:?}"
    );
    for version in versions {
        let journal = folder.join(&version);
        let key = PublicKey::read(&*disk, &journal.join("signing.pub")).unwrap();
        let verified = verify(&disk, &journal, Some(&key), None, |_| {}).unwrap();
        assert!(
            matches!(verified, Verified::Whole { heads: 1.., torn: None, .. }),
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

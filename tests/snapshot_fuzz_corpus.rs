//! A bounded number of changes to a good snapshot, through the function of the fuzz target; `WEIR_SNAPSHOTS_CHANGED=N`
//! makes as many.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

#[path = "support/fuzz_snapshot.rs"]
mod fuzz;

use std::path::Path;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const CHANGED: usize = 400;

#[test]
fn any_bytes_are_restored_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/snapshot");
    let corpus =
        || std::fs::read_dir(&folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    assert_eq!(corpus().filter(|input| fuzz::snapshot(input)).count(), 1, "the good one is restored");
    let mut chance = ChaCha8Rng::seed_from_u64(0x7765_6972);
    let changed = std::env::var("WEIR_SNAPSHOTS_CHANGED").map_or(CHANGED, |text| text.parse().unwrap());
    let mut restored = 0;
    for _ in 0..changed {
        let mut input = vec![0; 1 + 5 * chance.random_range(1..4)];
        chance.fill_bytes(&mut input);
        input[0] = chance.random_range(0..8) | 1;
        // Where it fails, this is what to keep in the corpus.
        let done = std::panic::catch_unwind(|| fuzz::snapshot(&input));
        restored += usize::from(done.unwrap_or_else(|_| panic!("it fails for {input:?}")));
    }
    assert!((changed / 50..changed).contains(&restored), "of {changed} changed ones {restored} are restored");
}

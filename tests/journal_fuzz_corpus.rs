//! The corpus of the fuzz target of the journal, and a bounded number of changes to it, through the same function;
//! `WEIR_JOURNAL_CHANGED=N` makes as many.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

#[path = "support/disk.rs"]
mod disk;
#[path = "support/fuzz_journal.rs"]
mod fuzz;

use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const CHANGED: usize = 6_000;

#[test]
fn any_bytes_in_a_journal_are_read_or_reported() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/journal");
    let mut inputs: Vec<Vec<u8>> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    inputs.sort();
    assert!(inputs.len() >= 8 && inputs.iter().map(Vec::len).sum::<usize>() < 100_000);
    let read = inputs.iter().filter(|input| fuzz::journal(input)).count();
    assert!(read >= 5, "{read} of the corpus can be read");
    let mut chance = ChaCha8Rng::seed_from_u64(0x7765_6972);
    let changed = std::env::var("WEIR_JOURNAL_CHANGED").map_or(CHANGED, |text| text.parse().unwrap());
    let mut good = 0;
    for _ in 0..changed {
        let mut input = inputs[chance.random_range(0..inputs.len())].clone();
        for _ in 0..chance.random_range(1..6) {
            let at = chance.random_range(0..=input.len());
            match chance.random_range(0..4) {
                0 if at < input.len() => input[at] = chance.random(),
                1 if at < input.len() => input[at] ^= 1 << chance.random_range(0..8),
                2 => input.truncate(at),
                _ => input.extend((0..5).map(|_| chance.random::<u8>())),
            }
        }
        // Where it fails, this is what to keep in the corpus.
        let kept = input.clone();
        let done = std::panic::catch_unwind(|| fuzz::journal(&input));
        good += usize::from(done.unwrap_or_else(|_| panic!("it fails for {kept:?}")));
    }
    assert!(good > changed / 4, "of {changed} changed inputs only {good} can be read");
}

//! Frames: however a stream is cut, what is read is what a slow twin reads; the corpus of the fuzz target, and changes to it;
//! and the tables of the document are those of the code.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

#[path = "support/fuzz_frames.rs"]
mod fuzz;

use std::path::Path;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weir::frames::{CAUSES, FLAGS, HEADER_BYTES, Header, Hello, OUTCOMES, TOKEN_BYTES_MAX, Type, VERSION};

const CHANGED: usize = 20_000;

fn headers() -> impl Strategy<Value = Header> {
    (any::<[u8; 4]>(), any::<[u32; 2]>(), any::<u64>()).prop_map(
        |([kind, flags, outcome, cause], [timeout_or_status, retry_after_ms], id)| Header {
            kind,
            flags,
            outcome,
            cause,
            timeout_or_status,
            retry_after_ms,
            id,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_however_it_is_cut(
        frames in prop::collection::vec((headers(), prop::collection::vec(any::<u8>(), 0..40)), 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        most in 0_u32..50,
    ) {
        let mut stream = Vec::new();
        frames.iter().for_each(|(header, payload)| header.write(payload, &mut stream));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]);
        let said = fuzz::in_pieces(pieces, most);
        prop_assert_eq!(&said, &fuzz::twin(&stream, most));
        let fit = frames.iter().take_while(|(_, payload)| payload.len() <= most as usize).count();
        prop_assert_eq!(said.0, frames[..fit].to_vec());
        prop_assert_eq!(said.1.is_some(), fit < frames.len());
    }

    #[test]
    fn a_stream_of_any_bytes_is_what_the_twin_says(
        stream in prop::collection::vec(prop_oneof![4 => 0_u8..32, 1 => any::<u8>()], 0..200),
        piece in 1_usize..40,
        most in 0_u32..2_000,
    ) {
        let said = fuzz::in_pieces(stream.chunks(piece), most);
        prop_assert_eq!(said, fuzz::twin(&stream, most));
    }

    #[test]
    fn a_hello_waits_for_its_end(token in prop::collection::vec(any::<u8>(), 0..TOKEN_BYTES_MAX)) {
        let mut bytes = Vec::new();
        Hello { token: &token }.write(&mut bytes).unwrap();
        for cut in 0..bytes.len() {
            prop_assert_eq!(Hello::read(&bytes[..cut]), Ok(None));
        }
        prop_assert_eq!(Hello::read(&bytes), Ok(Some((Hello { token: &token }, bytes.len()))));
    }
}

#[test]
fn any_bytes_are_frames_or_are_told_why_not() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/frames");
    let mut inputs: Vec<Vec<u8>> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    inputs.sort();
    assert!(inputs.len() >= 5 && inputs.iter().map(Vec::len).sum::<usize>() < 100_000);
    assert!(inputs.iter().filter(|input| fuzz::frames(input)).count() >= 3);
    let mut chance = ChaCha8Rng::seed_from_u64(0x7765_6972);
    let mut good = 0;
    for _ in 0..CHANGED {
        let mut input = inputs[chance.random_range(0..inputs.len())].clone();
        for _ in 0..chance.random_range(1..6) {
            let at = chance.random_range(0..=input.len());
            match chance.random_range(0..5) {
                0 if at < input.len() => input[at] = chance.random(),
                1 if at < input.len() => input[at] ^= 1 << chance.random_range(0..8),
                2 => input.truncate(at),
                3 => input.extend_from_slice(&inputs[chance.random_range(0..inputs.len())]),
                _ => input.extend((0..5).map(|_| chance.random::<u8>())),
            }
        }
        // Where it fails, this is what to keep in the corpus.
        let kept = input.clone();
        let done = std::panic::catch_unwind(|| fuzz::frames(&input));
        good += usize::from(done.unwrap_or_else(|_| panic!("it fails for {kept:?}")));
    }
    assert!(good > CHANGED / 4, "of {CHANGED} changed inputs only {good} have a frame");
}

#[test]
fn the_document_has_every_number_of_the_code() {
    let document =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/binary.md")).unwrap();
    let table = |head: &str| -> Vec<Vec<String>> {
        let (_, rows) = document.split_once(head).unwrap_or_else(|| panic!("no table `{head}`"));
        let rows = rows.lines().skip(2).take_while(|line| line.starts_with('|'));
        rows.map(|row| row.split('|').skip(1).map(|cell| cell.trim().replace('`', "")).collect()).collect()
    };
    let first_two = |rows: &[Vec<String>]| -> Vec<[String; 2]> {
        rows.iter().map(|row| [row[0].clone(), row[1].clone()]).collect()
    };
    let types = Type::ALL.map(|kind| [format!("0x{:02x}", kind as u8), kind.name().to_owned()]);
    assert_eq!(first_two(&table("| type | name |")), types);
    let flags = FLAGS.map(|(word, bit)| [format!("0x{bit:02x}"), word.to_owned()]);
    assert_eq!(first_two(&table("| flag | name |")), flags);
    for (head, words) in [("| outcome | name |", &OUTCOMES[1..]), ("| cause | name |", &CAUSES[1..])] {
        let numbered: Vec<_> =
            (1..).zip(words).map(|(at, word)| [at.to_string(), (*word).to_owned()]).collect();
        assert_eq!(first_two(&table(head)), numbered);
    }
    let layout = table("| bytes | field |");
    let last: usize = layout[layout.len() - 2][0].split("..").nth(1).unwrap().parse().unwrap();
    assert_eq!(last + 1, HEADER_BYTES, "the last field before the payload ends the header");
    assert!(document.contains(&format!("version {VERSION}")));
}

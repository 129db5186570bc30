//! The corpus of the fuzz targets, and a bounded number of changes to it, through the same functions.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

#[path = "support/fuzz.rs"]
mod fuzz;
#[path = "support/fuzz_body.rs"]
mod fuzz_body;
#[path = "support/fuzz_config.rs"]
mod fuzz_config;

use std::ops::Range;
use std::path::{Path, PathBuf};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Changed inputs of each target.
const CHANGED: usize = 1_500;
/// A larger corpus would cost more than it finds; `cargo fuzz cmin` makes it small again.
const CORPUS_BYTES_MAX: usize = 400 << 10;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn corpus(target: &str) -> Vec<String> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder().join("corpus").join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let inputs: Vec<String> = paths
        .iter()
        .map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned())
        .collect();
    let bytes: usize = inputs.iter().map(String::len).sum();
    assert!(
        !inputs.is_empty() && bytes <= CORPUS_BYTES_MAX,
        "{target}: {} inputs of {bytes} bytes",
        inputs.len()
    );
    inputs
}

/// The words of a dictionary that fuzz targets are run with.
fn words(dictionary: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder().join(dictionary)).unwrap();
    let word = |line: &str| {
        Some(line.strip_prefix('"')?.strip_suffix('"')?.replace("\\x0A", "\n").replace("\\\"", "\""))
    };
    text.lines().filter_map(word).collect()
}

/// A few bytes of a text.
fn part<'b>(bytes: &'b [u8], chance: &mut ChaCha8Rng) -> &'b [u8] {
    let start = chance.random_range(0..=bytes.len());
    &bytes[start..(start + chance.random_range(0..24)).min(bytes.len())]
}

/// The place of a word or a number, or of a single byte beside them.
fn token(bytes: &[u8], chance: &mut ChaCha8Rng) -> Range<usize> {
    let at = chance.random_range(0..=bytes.len());
    let in_word = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let before = bytes[..at].iter().rev().take_while(in_word).count();
    let after = bytes[at..].iter().take_while(in_word).count();
    if before + after == 0 { at..(at + 1).min(bytes.len()) } else { at - before..at + after }
}

/// A good input with a few changes: mostly a word in place of another, else parts taken out, doubled or from elsewhere.
fn changed(good: &[String], inputs: &[String], words: &[String], chance: &mut ChaCha8Rng) -> String {
    let mut bytes = good[chance.random_range(0..good.len())].clone().into_bytes();
    for _ in 0..chance.random_range(1..4) {
        let other = inputs[chance.random_range(0..inputs.len())].as_bytes();
        let at = chance.random_range(0..=bytes.len());
        let few = at..(at + chance.random_range(0..12)).min(bytes.len());
        let (place, put) = match chance.random_range(0..10) {
            0 => (few, Vec::new()),
            1 => (at..at, part(&bytes, chance).to_vec()),
            2 => (few, part(other, chance).to_vec()),
            3 => (few, vec![chance.next_u32() as u8]),
            4..=6 => (token(&bytes, chance), other[token(other, chance)].to_vec()),
            _ => (token(&bytes, chance), words[chance.random_range(0..words.len())].clone().into_bytes()),
        };
        bytes.splice(place, put);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn run(target: &str, dictionary: &str, body: fn(&str) -> bool) {
    let (inputs, words) = (corpus(target), words(dictionary));
    let good: Vec<String> = inputs.iter().filter(|input| body(input)).cloned().collect();
    let mut chance = ChaCha8Rng::seed_from_u64(0x7765_6972);
    let changed = (0..CHANGED).filter(|_| body(&changed(&good, &inputs, &words, &mut chance))).count();
    // Where next to nothing compiles any more, next to nothing is evaluated.
    assert!(changed > CHANGED / 20, "of {CHANGED} changed inputs only {changed} are good");
}

#[test]
fn any_text_is_a_rule_set_or_is_told_why_not() {
    run("rules", "words.dict", fuzz::rules);
}

#[test]
fn any_text_is_a_condition_or_is_told_why_not() {
    run("condition", "words.dict", fuzz::condition);
}

#[test]
fn any_text_is_a_configuration_or_is_told_why_not() {
    run("config", "config.dict", fuzz_config::config);
}

#[test]
fn any_text_is_an_event_or_is_told_why_not() {
    run("body", "body.dict", fuzz_body::body);
}

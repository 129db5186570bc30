//! The form of a journal a second time, in the plainest way: what a stranger would write to read or forge one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use weir::journal::{EventForm, Journal, OnDamage, Options, Record, Signer, Stepper};

use crate::disk::SimDisk;

pub(crate) const ID: [u8; 16] = *b"sixteen bytes id";
pub(crate) const FOLDER: &str = "/j";

/// A frame as anybody could write it.
pub(crate) fn frame(
    number: u64,
    durable: u64,
    former: &[u8],
    kind: u8,
    form: u8,
    body: &[u8],
) -> (Vec<u8>, [u8; 32]) {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    let numbers = [number.to_le_bytes(), durable.to_le_bytes()].concat();
    let rest = [&[kind, form, 0, 0], body].concat();
    let chain: [u8; 32] = Sha256::digest([former, &length, &numbers, &rest].concat()).into();
    let summed = [&length[..], &numbers, &chain, &rest].concat();
    let sum = crc(&summed).to_le_bytes();
    ([&length[..], &sum, &numbers, &chain, &rest].concat(), chain)
}

pub(crate) fn header(first: u64, former: &[u8]) -> Vec<u8> {
    let before = [&b"weirjrnl"[..], &1_u32.to_le_bytes()].concat();
    let after = [&ID[..], &first.to_le_bytes(), &5_i64.to_le_bytes(), former, &[0; 16]].concat();
    let sum = crc(&[&before[..], &after].concat());
    [&before[..], &sum.to_le_bytes(), &after].concat()
}

pub(crate) fn first_chain() -> [u8; 32] {
    Sha256::digest(ID).into()
}

/// CRC-32C, a bit at a time.
fn crc(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0x82F6_3B78 } else { sum >> 1 };
        }
    }
    !sum
}

pub(crate) fn options() -> Options {
    Options::new(|| 5, ID)
}

pub(crate) fn event(bytes: &[u8]) -> Record<'_> {
    Record::Event { form: EventForm::Json, bytes }
}

pub(crate) fn opened(disk: &SimDisk, options: Options) -> (Journal, Stepper) {
    let opened = Journal::open_stepped(disk.shared(), Path::new(FOLDER), options, OnDamage::Refuse);
    let (journal, stepper, _) = opened.unwrap();
    (journal, stepper)
}

/// The segments of a small journal of some groups, with what its records say, by number.
pub(crate) fn small(signer: Option<Signer>) -> (BTreeMap<PathBuf, Vec<u8>>, BTreeMap<u64, Vec<u8>>) {
    let disk = SimDisk::new(1);
    let options = Options { segment_bytes: 700, head_every: 4, signer, ..options() };
    let (mut journal, mut stepper) = opened(&disk, options);
    for number in 0..18_u64 {
        let body = format!("{{\"id\":\"e{number}\",\"amount\":{}}}", number * number * 1000);
        journal.append(event(body.as_bytes())).unwrap();
        if number % 3 == 2 {
            journal.submit().unwrap();
            stepper.step(true);
        }
    }
    let mut files = disk.files();
    files.retain(|path, _| !path.ends_with("signing.pub"));
    assert!(files.len() >= 3, "{files:?}");
    let bodies = bodies(&disk);
    (files, bodies)
}

/// What the records of a whole journal say.
pub(crate) fn bodies(disk: &SimDisk) -> BTreeMap<u64, Vec<u8>> {
    let mut reader = weir::journal::Reader::open(disk.shared(), Path::new(FOLDER)).unwrap();
    let mut bodies = BTreeMap::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        bodies.insert(entry.number, entry.body.to_vec());
    }
    bodies
}

#[test]
fn the_form_is_what_is_written_down() {
    let disk = SimDisk::new(1);
    let (mut journal, mut stepper) = opened(&disk, options());
    journal.append(event(b"{\"id\":\"a\"}")).unwrap();
    journal.append(Record::Control(b"{}")).unwrap();
    journal.submit().unwrap();
    assert!(stepper.step(true));
    journal.append(event(b"{\"id\":\"b\"}")).unwrap();
    journal.submit().unwrap();
    assert!(stepper.step(true));
    let (one, chain) = frame(1, 0, &first_chain(), 1, 1, b"{\"id\":\"a\"}");
    let (two, chain) = frame(2, 0, &chain, 3, 1, b"{}");
    let (three, _) = frame(3, 2, &chain, 1, 1, b"{\"id\":\"b\"}");
    let whole = [header(1, &first_chain()), one, two, three].concat();
    let path = PathBuf::from("/j/00000000000000000001.journal");
    assert_eq!(disk.files(), BTreeMap::from([(path, whole)]));
}

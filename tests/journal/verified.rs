//! Whoever changes a journal is seen: by the chain, and where he can compute the chain again, by the signed heads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use weir::io::{Disk, RealDisk};
use weir::journal::{Changed, Head, Options, PublicKey, Signer, Verified, Whole, verify};

use crate::disk::SimDisk;
use crate::twin::{FOLDER, bodies, event, first_chain, frame, header, opened, options, small};

pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

pub(crate) fn signer() -> Signer {
    Signer::from_seed([3; 32])
}

pub(crate) fn verified(
    files: &Files,
    key: Option<&PublicKey>,
    expected: Option<(u64, [u8; 32])>,
) -> Verified {
    verify(&SimDisk::of(files).shared(), Path::new(FOLDER), key, expected, |_| {}).unwrap()
}

/// Kind, form, durable and body of every record, by segment.
pub(crate) type Parts = Vec<Vec<(u8, u8, u64, Vec<u8>)>>;

pub(crate) fn parts(files: &Files) -> Parts {
    let mut parts = Vec::new();
    for bytes in files.values() {
        let mut records = Vec::new();
        let mut rest = &bytes[96..];
        while !rest.is_empty() {
            let length = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
            let durable = u64::from_le_bytes(rest[16..24].try_into().unwrap());
            records.push((rest[56], rest[57], durable, rest[60..60 + length].to_vec()));
            rest = &rest[60 + length..];
        }
        parts.push(records);
    }
    parts
}

/// The whole journal written anew by somebody who knows its form and has no key.
pub(crate) fn forged(parts: &Parts, heads_too: bool) -> Files {
    let (mut chain, mut number) = (first_chain(), 0_u64);
    let mut files = Files::new();
    for records in parts {
        let first = number + 1;
        let mut bytes = header(first, &chain);
        for (kind, form, durable, body) in records {
            let mut body = body.clone();
            if *kind == 4 && heads_too {
                body[0..8].copy_from_slice(&number.to_le_bytes());
                body[8..40].copy_from_slice(&chain);
            }
            number += 1;
            let framed = frame(number, (*durable).min(number - 1), &chain, *kind, *form, &body);
            bytes.extend_from_slice(&framed.0);
            chain = framed.1;
        }
        files.insert(Path::new(FOLDER).join(format!("{first:020}.journal")), bytes);
    }
    files
}

fn how(verified: &Verified) -> (u64, Changed) {
    match verified {
        Verified::Changed { number, how, .. } => (*number, how.clone()),
        Verified::Whole(_) => panic!("{verified:?}"),
    }
}

#[test]
fn an_untouched_journal_is_whole_and_says_how_far_it_is_signed() {
    let (files, bodies) = small(Some(signer()));
    let key = signer().public();
    let last = bodies.len() as u64;
    let Verified::Whole(Whole { first: 1, last: at, chain, heads, signed_to, torn: None, .. }) =
        verified(&files, Some(&key), None)
    else {
        panic!("it is whole");
    };
    assert_eq!(at, last);
    assert!(heads >= 4 && signed_to + 6 >= last, "{heads} heads, signed up to {signed_to} of {last}");
    assert!(matches!(verified(&files, Some(&key), Some((last, chain))), Verified::Whole(_)));
    assert_eq!(forged(&parts(&files), false), files, "the twin writes what the journal writes");
}

#[test]
fn a_slow_journal_is_signed_in_time_also_where_nothing_comes() {
    static NOW_US: AtomicI64 = AtomicI64::new(1_000_000);
    let disk = SimDisk::new(1);
    let clock = || NOW_US.load(Ordering::Relaxed);
    let options = Options { head_after_us: 60_000_000, signer: Some(signer()), clock, ..options() };
    let (mut journal, mut stepper) = opened(&disk, options);
    let mut heads_after = |waited_us: i64, events: usize| {
        NOW_US.fetch_add(waited_us, Ordering::Relaxed);
        for _ in 0..events {
            journal.append(event(b"{}")).unwrap();
        }
        journal.submit().unwrap();
        while stepper.step(true) {}
        bodies(&disk).values().filter(|body| Head::read(body).is_some()).count()
    };
    assert_eq!(heads_after(0, 3), 0, "it is not due");
    assert_eq!(heads_after(59_999_999, 1), 0, "it is not due");
    assert_eq!(heads_after(1, 0), 1, "nothing comes, and it is due");
    assert_eq!(heads_after(600_000_000, 0), 1, "nothing came since");
    assert_eq!(heads_after(0, 1), 2, "it is long due");
    assert_eq!(heads_after(1_000_000, 1), 2, "it is not due");
    assert_eq!(heads_after(-200_000_000, 1), 3, "nobody knows how long it was");
    let (files, key) = (disk.files(), signer().public());
    assert!(matches!(verified(&files, Some(&key), None), Verified::Whole(Whole { heads: 3, .. })));
}

#[test]
fn each_way_to_change_a_journal_is_seen_at_its_first_place() {
    let (files, bodies) = small(Some(signer()));
    let key = signer().public();
    let whole = parts(&files);
    let place = |number: u64| {
        let mut at = usize::try_from(number).unwrap() - 1;
        for (segment, records) in whole.iter().enumerate() {
            if at < records.len() {
                return (segment, at);
            }
            at -= records.len();
        }
        panic!("there is no record {number}");
    };
    let heads: Vec<u64> =
        bodies.iter().filter(|(_, body)| Head::read(body).is_some()).map(|(n, _)| *n).collect();
    let signed_to = heads.last().unwrap() - 1;
    for number in 1..=signed_to {
        let (segment, at) = place(number);
        let next_head = *heads.iter().find(|head| **head >= number).unwrap();
        // Changed, with everything computed again but for signatures.
        let mut parts = whole.clone();
        *parts[segment][at].3.last_mut().unwrap() ^= 1;
        for heads_too in [false, true] {
            let files = forged(&parts, heads_too);
            let found = verified(&files, Some(&key), None);
            let (seen, why) = how(&found);
            assert_eq!(seen, next_head, "record {number} changed: {why:?}");
            let Verified::Changed { rest, .. } = found else { panic!() };
            assert_eq!(rest.proven, heads.iter().copied().rfind(|head| *head < number), "record {number}");
            assert!(matches!(why, Changed::Head | Changed::Signature), "{why:?}");
            let without_key = verified(&files, None, None);
            assert!(!heads_too || matches!(without_key, Verified::Whole(_)), "the chain alone can be forged");
        }
        // Removed, and put in.
        for doubled in [false, true] {
            let mut parts = whole.clone();
            if doubled {
                let record = parts[segment][at].clone();
                parts[segment].insert(at, record);
            } else {
                parts[segment].remove(at);
            }
            let (seen, why) = how(&verified(&forged(&parts, true), Some(&key), None));
            assert!(seen + 1 >= number && seen <= next_head + 8, "record {number}: seen at {seen}: {why:?}");
        }
    }
    // All heads taken out.
    let mut parts = whole.clone();
    parts.iter_mut().for_each(|records| records.retain(|record| record.0 != 4));
    assert_eq!(how(&verified(&forged(&parts, true), Some(&key), None)).1, Changed::Unsigned);
    // Signed by somebody else.
    let (others, _) = small(Some(Signer::from_seed([4; 32])));
    assert_eq!(how(&verified(&others, Some(&key), None)), (heads[0], Changed::Signature));
}

#[test]
fn an_end_that_was_cut_off_is_seen_by_a_head_that_was_noted_elsewhere() {
    let (files, bodies) = small(Some(signer()));
    let key = signer().public();
    let Verified::Whole(Whole { last, chain, .. }) = verified(&files, Some(&key), None) else { panic!() };
    let mut cut = files.clone();
    cut.pop_last();
    assert!(matches!(verified(&cut, Some(&key), None), Verified::Whole(_)), "nothing else can tell");
    let (number, how_seen) = how(&verified(&cut, Some(&key), Some((last, chain))));
    assert_eq!(how_seen, Changed::Ended);
    assert!(number <= last && number > 1);
    let mut other = chain;
    other[0] ^= 1;
    assert_eq!(how(&verified(&files, None, Some((last, other)))), (bodies.len() as u64, Changed::Expected));
}

#[test]
fn keys_are_files_that_openssl_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (private, public) = (folder.path().join("signing.key"), folder.path().join("signing.pub"));
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let lock = weir::journal::Lock::take(disk, folder.path()).unwrap();
    let made = weir::journal::signer(&lock, None, [5; 32]).unwrap();
    let again = weir::journal::signer(&lock, None, [6; 32]).unwrap();
    assert_eq!(made.public(), again.public());
    std::fs::write(&public, made.public().to_pem().unwrap()).unwrap();
    assert_eq!(PublicKey::read(&RealDisk, &public).unwrap(), made.public());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(!format!("{made:?}").contains("SigningKey"), "no secret in a log");
    std::fs::write(&public, "no key").unwrap();
    let error = PublicKey::read(&RealDisk, &public).unwrap_err().to_string();
    assert!(error.contains("signing.pub is spoilt, and no Ed25519 public key in PEM"), "{error}");
    std::fs::remove_file(&public).unwrap();
    let openssl = Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(&private).output();
    let Ok(output) = openssl else {
        eprintln!("skipped: there is no openssl");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), made.public().to_pem().unwrap());
}

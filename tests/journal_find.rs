//! A payment's answers are found back from the journal's end as the slow twin finds them, which reads every record from the first
//! on and takes every answer apart: over segments, tenants, ids of all forms, repeats and authentications.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/recorded.rs"]
mod recorded;

use std::path::Path;

use proptest::prelude::*;
use recorded::{bundle, disk, options};
use serde_json::{Value, json};
use weir::io::LineReader;
use weir::journal::{
    AnswerForm, Answers, Looked, OnDamage, Options, Reader, Record, Recorded, Setup, Sought, Told,
    answers_at, event_at, look_back,
};

const RULES: &str = r#"
[ruleset]
name = "t"
currency = "VND"
[auth.strong]
all = [["fido"]]
[step_up]
expires = "5m"
attempts = 3
[[rule]]
id = "large"
when = "amount > 50"
then = "step_up"
auth = "strong"
"#;

const IDS: [&str; 5] = ["a", "a\"b", "a\",\"tenant\":\"n", "ü", "ab"];
const TENANTS: [Option<&str>; 3] = [None, Some("n"), Some("n\"")];

/// One event: of which payment, whose, whether it is an authentication, and how large.
type Drawn = (usize, usize, bool, i64);

fn write(folder: &Path, drawn: &[Drawn]) -> u64 {
    let setup = Setup {
        rules: bundle(RULES),
        staged: Vec::new(),
        limits: None,
        recording: None,
        store: None,
        snapshot_every: None,
    };
    let options = Options { segment_bytes: 4_096, ..options() };
    let (mut recorded, _) = Recorded::open(disk(), folder, options, OnDamage::Refuse, setup, |_| {}).unwrap();
    let mut lines = LineReader::new(recorded.engine().rules().schema.clone());
    for (at, &(id, tenant, authentication, amount)) in drawn.iter().enumerate() {
        let mut event = if authentication {
            json!({"kind": "authentication", "id": format!("x{at}"), "time_us": 1_000 + at, "transaction": IDS[id],
                "result": if amount > 50 { "succeeded" } else { "failed" }, "methods": ["fido"]})
        } else {
            json!({"kind": "transaction", "id": IDS[id], "time_us": 1_000 + amount, "amount_minor": amount, "currency": "VND"})
        };
        if let Some(tenant) = TENANTS[tenant] {
            event["tenant"] = tenant.into();
        }
        let line = event.to_string();
        recorded.step(lines.read(line.as_bytes()).unwrap(), line.as_bytes()).unwrap();
    }
    recorded.commit().unwrap();
    let durable = recorded.durable();
    recorded.close().unwrap();
    durable
}

/// The slow twin.
fn slowly(folder: &Path, tenant: Option<&str>, id: &str, last: u64) -> Option<Answers> {
    let mut reader = Reader::open(disk(), folder).unwrap();
    let mut found: Option<Answers> = None;
    while let Some(entry) = reader.next_entry().unwrap() {
        let record = entry.number;
        let Record::Answer { form: AnswerForm::Decided | AnswerForm::Declared, event, bytes } =
            entry.record().unwrap()
        else {
            continue;
        };
        let said: Value = serde_json::from_slice(bytes).unwrap();
        if record > last || said["tenant"].as_str() != tenant {
            continue;
        }
        let told = Told { record, event, line: bytes.to_vec() };
        let authentication = said["kind"] == "authentication";
        if !authentication && said["id"] == id {
            found = Some(Answers { decision: told, authentications: Vec::new() });
        } else if authentication && said["transaction"] == id {
            found.as_mut().unwrap().authentications.push(told);
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_found_as_the_slow_twin_finds_them(
        drawn in prop::collection::vec((0..IDS.len(), 0..TENANTS.len(), any::<bool>(), 40_i64..60), 1..120),
        cut in 0..40_u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let last = write(folder.path(), &drawn).saturating_sub(cut);
        for tenant in TENANTS {
            for id in IDS {
                let expected = slowly(folder.path(), tenant, id, last);
                let looked = look_back(&disk(), folder.path(), &Sought::new(tenant, id), last, |_| true).unwrap();
                let looked = match looked {
                    Looked::Found(answers) => Some(*answers),
                    Looked::Nowhere => None,
                    Looked::Ended => unreachable!("nobody told it to end"),
                };
                prop_assert_eq!(&looked, &expected, "{:?} {}", tenant, id);
                let Some(answers) = looked else { continue };
                let records: Vec<u64> = answers.authentications.iter().map(|told| told.record).collect();
                let at = answers_at(&disk(), folder.path(), answers.decision.record, &records).unwrap();
                let event = event_at(&disk(), folder.path(), answers.decision.event).unwrap().unwrap();
                let event: Value = serde_json::from_slice(&event).unwrap();
                prop_assert_eq!((&event["id"], event["tenant"].as_str()), (&id.into(), tenant));
                prop_assert_eq!(at, Some(answers));
            }
        }
    }
}

#[test]
fn it_ends_where_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let last = write(folder.path(), &[(0, 0, false, 41), (4, 0, false, 42)].repeat(40));
    let never = Sought::new(None, "never");
    let mut asked = 0;
    let ended = look_back(&disk(), folder.path(), &never, last, |bytes| {
        asked = bytes;
        bytes < 8_192
    });
    assert_eq!(ended.unwrap(), Looked::Ended);
    assert!((8_192..32_768).contains(&asked), "{asked}");
    assert_eq!(look_back(&disk(), folder.path(), &never, last, |_| true).unwrap(), Looked::Nowhere);
    // A record that is something else is no answer.
    assert_eq!(answers_at(&disk(), folder.path(), 1, &[]).unwrap(), None);
    assert_eq!(event_at(&disk(), folder.path(), u64::MAX).unwrap(), None);
}

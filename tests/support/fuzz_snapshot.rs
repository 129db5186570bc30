//! What must hold of any bytes as a snapshot: shared by the fuzz target and by the bounded run in the tests.
#![allow(unreachable_pub, clippy::unwrap_used, reason = "a failure stops")]

use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, RecordBatch, UInt32Array};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use sha2::{Digest, Sha256};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, Schema, TextField};
use weir::io::{read_snapshot_by, write_snapshot_to};
use weir::money::Currency;
use weir::rules::{RuleSet, compile};

const RULES: &str = "[ruleset]\nname = \"f\"\ntime_zone = \"Asia/Ho_Chi_Minh\"\ncurrency = \"VND\"\n\
    [lists]\nsuspected = { key = \"payee\" }\n\
    [features]\nspent = { sum = \"amount\", by = \"account\", over = \"1h\", counts = \"executed\", pending = true }\n\
    most = { max = \"amount\", by = \"account\", over = \"day\" }\n\
    payees = { distinct = \"payee\", by = \"account\", over = \"24h\" }\n\
    half = { quantile = \"amount\", q = 0.5, by = \"payee\", over = \"7d\" }\n\
    first = { is_new = true, by = [\"account\", \"payee\"] }\n\
    [auth.code]\nall = [[\"otp\"]]\n\
    [step_up]\nexpires = \"5m\"\nattempts = 3\n\
    [locks.code]\nmethods = [\"otp\"]\nby = \"account\"\nfailures = 3\nopens = { from = \"change\" }\n\
    [[rule]]\nid = \"new\"\nwhen = \"first and (spent > 100 or most > 50 or payees > 2 or half > 9)\"\n\
    then = \"step_up\"\nauth = \"code\"\n[rule.reason]\nen = \"x\"\n\
    [[rule]]\nid = \"on\"\nwhen = \"payee in suspected\"\nthen = \"block\"\n[rule.reason]\nen = \"x\"\n";

/// Any bytes: with an even first byte they are the state in a file that is otherwise good; with an odd one they say how a
/// good file is changed. Checksums and the hash of a changed state are made right, so that all that is behind them is
/// reached; where bytes of the file are changed as well, it is refused. It is read and restored, or refused. Gives
/// whether it was restored.
pub fn snapshot(data: &[u8]) -> bool {
    let Some((how, rest)) = data.split_first() else { return false };
    let edits = || rest.chunks_exact(5).take(64).map(|edit| (edit[0] % 8, place(edit), edit[4]));
    let sealed = sealed(|state| match how % 2 {
        0 => rest.clone_into(state),
        _ => edits().for_each(|edit| change(state, edit)),
    });
    let mut file = sealed.clone();
    if how % 4 == 3 {
        edits().for_each(|edit| change(&mut file, edit));
    }
    let same = file == sealed;
    let restored = restored(file);
    assert!(same || !restored, "its hash is another");
    restored
}

fn place(edit: &[u8]) -> usize {
    usize::from(edit[1]) << 16 | usize::from(edit[2]) << 8 | usize::from(edit[3])
}

/// One change: what, where, and a value.
fn change(bytes: &mut Vec<u8>, (what, place, value): (u8, usize, u8)) {
    let at = place % bytes.len().max(1);
    match what {
        0 => bytes.truncate(at),
        1 => bytes.extend(std::iter::repeat_n(value, place % 512)),
        2 => bytes.get_mut(at..).into_iter().flatten().take(8).for_each(|byte| *byte = value),
        _ => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= value),
    }
}

fn restored(file: Vec<u8>) -> bool {
    let (bytes, shared) = (file.len() as u64, Arc::<[u8]>::from(file));
    let open = move || Ok(Box::new(Cursor::new(Arc::clone(&shared))) as Box<dyn Read + Send>);
    let Ok((saved, _)) = read_snapshot_by(Path::new("any"), bytes, Box::new(open)) else { return false };
    Engine::restore(saved, &[Arc::clone(&good().rules)], None).is_ok()
}

struct Good {
    rules: Arc<RuleSet>,
    file: Vec<u8>,
}

/// A snapshot of an engine with something of everything in it.
fn good() -> &'static Good {
    static GOOD: OnceLock<Good> = OnceLock::new();
    GOOD.get_or_init(|| {
        let rules = compile("f.toml", RULES).into_result().unwrap();
        let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
        let mut asked = 0;
        for at in 0..40 {
            let answer = engine.step(&event(&rules.schema, at));
            asked += usize::from(matches!(answer, Answer::Decided(decision) if decision.step_up.is_some()));
        }
        assert!(asked > 0, "a payment waits for its answer");
        let saved = engine.freeze();
        let (file, _) = write_snapshot_to(Vec::new(), Path::new("good"), "good", &saved).unwrap();
        Good { rules: Arc::new(rules), file }
    })
}

fn event(schema: &Arc<Schema>, at: i64) -> Event {
    let kind = [Kind::Transaction, Kind::Transaction, Kind::Execution, Kind::Authentication][at as usize % 4];
    let mut draft = Draft::new(Arc::clone(schema));
    draft.begin(kind, 1_000_000 * (at + 1)).unwrap();
    let mut put = |field, text: &str| draft.text(field, text).unwrap();
    put(TextField::Id, &format!("e{at}"));
    put(TextField::Account, &format!("a{}", at % 3));
    if kind == Kind::Transaction {
        put(
            TextField::Payee,
            &format!("a payee with a name so long that no row of it fits into a few words: {}", at % 5),
        );
    } else {
        put(TextField::Transaction, &format!("e{}", at / 4 * 4));
        put(TextField::Result, "succeeded");
    }
    if kind == Kind::Transaction {
        draft.amount(at * 10 + 1, Currency::from_code("VND").unwrap()).unwrap();
    }
    draft.seal().unwrap().clone()
}

/// The good file with its state changed, and whole again: with the checksum of its row, and the hash behind it.
fn sealed(change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let reader = StreamReader::try_new(Cursor::new(&good().file), None).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &reader.schema()).unwrap();
    for batch in reader {
        let batch = batch.unwrap();
        let changed = rewritten(&batch, &change).unwrap_or(batch);
        writer.write(&changed).unwrap();
    }
    let mut file = writer.into_inner().unwrap();
    let hash = Sha256::digest(&file);
    file.extend_from_slice(&hash);
    file
}

/// A row of the state with other bytes.
fn rewritten(batch: &RecordBatch, change: impl Fn(&mut Vec<u8>)) -> Option<RecordBatch> {
    let place = batch.schema_ref().index_of("bytes").ok()?;
    let checked = batch.schema_ref().index_of("crc32").ok()?;
    let held = batch.column(place).as_binary_opt::<i32>().filter(|held| held.is_valid(0))?;
    let mut bytes = held.value(0).to_vec();
    change(&mut bytes);
    let mut columns = batch.columns().to_vec();
    columns[checked] = Arc::new(UInt32Array::from(vec![crc32fast::hash(&bytes)])) as ArrayRef;
    columns[place] = Arc::new(BinaryArray::from(vec![bytes.as_slice()]));
    RecordBatch::try_new(batch.schema(), columns).ok()
}

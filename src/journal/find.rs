//! One payment's answers among a journal's records, found beside whoever writes it and without an engine.
//!
//! Promises to give answers as they were written, byte for byte, and nothing that is not on disk as far as the caller knows;
//! and to read no further than it is told. Records are read whole or not at all, so memory is that of one. Whose answer a line
//! is, is read from how it begins.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::archive;
use super::error::JournalError;
use super::reader::Reader;
use super::record::{AnswerForm, Record};
use crate::io::Disk;
use crate::io::decision::{write_authentication_of, write_head};

/// Records from one look at whether to go on to the next.
const LOOK_EVERY: u64 = 256;

/// What the answer to an authentication says of itself, behind its time.
const AUTHENTICATION: &[u8] = b",\"kind\":\"authentication\"";

/// A payment's name.
#[derive(Clone, Debug)]
pub struct Sought {
    id: String,
    tenant: Option<String>,
    /// How the lines of its decisions begin.
    head: Vec<u8>,
    /// What only the lines of its authentications hold.
    answers: Vec<u8>,
}

/// An answer as it is in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The number of its record.
    pub record: u64,
    /// The number of its event's record.
    pub event: u64,
    /// It, without a line end.
    pub line: Vec<u8>,
}

/// What a payment was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The decision.
    pub decision: Told,
    /// What its authentications were answered, in order.
    pub authentications: Vec<Told>,
}

/// What came of looking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// It was decided.
    Found(Box<Answers>),
    /// It was not, as far back as the journal goes.
    Nowhere,
    /// Who asked told it to end before it was found.
    Ended,
}

enum What {
    Decision,
    Authentication,
}

/// What an answer to an authentication says of itself.
#[derive(Deserialize)]
struct Named<'l> {
    #[serde(borrow)]
    tenant: Option<std::borrow::Cow<'l, str>>,
    #[serde(borrow)]
    transaction: Option<std::borrow::Cow<'l, str>>,
}

impl Sought {
    /// The payment of a tenant, or of none.
    pub fn new(tenant: Option<&str>, id: &str) -> Self {
        let (mut start, mut answers) = (Vec::new(), Vec::new());
        // A buffer takes all that is written to it.
        let _ = write_head(id, tenant, &mut start);
        let _ = write_authentication_of(id, &mut answers);
        Self { id: id.to_owned(), tenant: tenant.map(str::to_owned), head: start, answers }
    }

    fn what(&self, line: &[u8]) -> Option<What> {
        if let Some(rest) = line.strip_prefix(self.head.as_slice()) {
            let time = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'-').count();
            let of_another = rest.get(time..).is_some_and(|rest| rest.starts_with(AUTHENTICATION));
            // An authentication has an id of its own.
            return (!of_another).then_some(What::Decision);
        }
        if !line.windows(self.answers.len()).any(|part| part == self.answers) {
            return None;
        }
        let named: Named<'_> = serde_json::from_slice(line).ok()?;
        let is_it = named.transaction.as_deref() == Some(&self.id)
            && named.tenant.as_deref() == self.tenant.as_deref();
        is_it.then_some(What::Authentication)
    }
}

/// The answers with these numbers, as far as they are there; none where one of them is not.
pub fn answers_at(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    decision: u64,
    authentications: &[u64],
) -> Result<Option<Answers>, JournalError> {
    let at = |number: u64| {
        let mut reader = Reader::from(Arc::clone(disk), folder, number)?;
        let Some(entry) = reader.next_whole()?.filter(|entry| entry.number == number) else {
            return Ok(None);
        };
        Ok::<_, JournalError>(match entry.record() {
            Ok(Record::Answer { event, bytes, .. }) => {
                Some(Told { record: number, event, line: bytes.to_vec() })
            }
            _ => None,
        })
    };
    let Some(decision) = at(decision)? else { return Ok(None) };
    let authentications =
        authentications.iter().map(|&number| at(number)).collect::<Result<Option<_>, _>>()?;
    Ok(authentications.map(|authentications| Answers { decision, authentications }))
}

/// Looks for the answers to a payment from the newest segment to the oldest, at records up to `last`; where an id was
/// decided more than once, since it had been forgotten, it is the newest. `goes_on` is asked now and then, with the bytes read.
pub fn look_back(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    sought: &Sought,
    last: u64,
    mut goes_on: impl FnMut(u64) -> bool,
) -> Result<Looked, JournalError> {
    let mut segments = archive::segments(&**disk, folder)?;
    let (mut last, mut bytes) = (last, 0);
    let mut later: Vec<Told> = Vec::new();
    while let Some((first, _)) = segments.pop() {
        if first > last {
            continue;
        }
        let mut reader = Reader::from(Arc::clone(disk), folder, first)?;
        let (mut decision, mut here, mut records) = (None, Vec::new(), 0_u64);
        loop {
            records += 1;
            if records % LOOK_EVERY == 0 && !goes_on(bytes + reader.bytes_read()) {
                return Ok(Looked::Ended);
            }
            let Some(entry) = reader.next_whole()?.filter(|entry| entry.number <= last) else { break };
            let record = entry.number;
            let Ok(Record::Answer { form: AnswerForm::Decided | AnswerForm::Declared, event, bytes }) =
                entry.record()
            else {
                continue;
            };
            match sought.what(bytes) {
                None => {}
                Some(What::Decision) => {
                    decision = Some(Told { record, event, line: bytes.to_vec() });
                    here.clear();
                }
                Some(What::Authentication) => here.push(Told { record, event, line: bytes.to_vec() }),
            }
        }
        here.append(&mut later);
        later = here;
        if let Some(decision) = decision {
            return Ok(Looked::Found(Box::new(Answers { decision, authentications: later })));
        }
        bytes += reader.bytes_read();
        last = first.saturating_sub(1);
        if !goes_on(bytes) {
            return Ok(Looked::Ended);
        }
    }
    Ok(Looked::Nowhere)
}

/// The bytes of an event, by the number of its record.
pub fn event_at(disk: &Arc<dyn Disk>, folder: &Path, number: u64) -> Result<Option<Vec<u8>>, JournalError> {
    let mut reader = Reader::from(Arc::clone(disk), folder, number)?;
    let Some(entry) = reader.next_whole()?.filter(|entry| entry.number == number) else { return Ok(None) };
    Ok(match entry.record() {
        Ok(Record::Event { bytes, .. }) => Some(bytes.to_vec()),
        _ => None,
    })
}

//! The events of a journal's closed segments, each payment with what it was answered.
//!
//! Promises that events come in the order of their records, with the outcome that went out: of the control group what it let
//! through, with how many payments it stands for, and of those that it stands for that they stand for none. Damage ends the
//! reading, unless somebody decided to go on over it.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use serde::Deserialize;

use super::lines::{Beside, Take};
use crate::decision::Outcome;
use crate::engine::is_stood_for;
use crate::event::{Kind, Schema, TextField};
use crate::hex::unhex;
use crate::io::{Disk, LineReader, RealDisk, read_decision};
use crate::journal::{
    AnswerForm, Columns, JournalError, Reader, Record, Standing, columns, columns_folder,
    kept::{self, KeptError},
    went_on_over,
};
use crate::rules::RuleSet;

/// Payments that may wait for their answers; beyond, the first goes on without one.
const WAITING_MAX: usize = 1 << 16;

/// The segments that are closed.
pub(super) fn closed(folder: &Path) -> std::result::Result<Vec<Columns>, JournalError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let segments = columns(&disk, folder, &columns_folder(folder))?;
    if segments.is_empty() {
        return Err(JournalError::None { folder: folder.to_owned() });
    }
    let is_open = |segment: &Columns| segment.standing == Standing::Open;
    Ok(segments.into_iter().filter(|segment| !is_open(segment)).collect())
}

/// An event that waits for its answer.
struct Waiting {
    number: u64,
    line: Vec<u8>,
    waits: bool,
    beside: Beside,
}

/// What an answer says that is needed.
#[derive(Deserialize)]
struct Said<'l> {
    outcome: Option<&'l str>,
    withheld: Option<Withheld>,
    rule_set: Option<&'l str>,
}

#[derive(Deserialize)]
struct Withheld {
    ppm: u32,
}

/// The rule sets that answered and have a control group, as they were kept.
struct Controlled<'j> {
    disk: Arc<dyn Disk>,
    folder: &'j Path,
    by_hash: HashMap<String, Option<Box<(RuleSet, LineReader)>>>,
}

impl Controlled<'_> {
    /// Whether the control group of the rule set that answered stands for the payment.
    fn stands_for(&mut self, hash: &str, line: &[u8], answer: &[u8]) -> std::result::Result<bool, KeptError> {
        if !self.by_hash.contains_key(hash) {
            let named = unhex(hash.as_bytes()).map(|hash| kept::named(&*self.disk, self.folder, &hash));
            let rules = named.transpose()?.flatten().map(|(_, loaded)| loaded.rules);
            let controlled = rules.filter(|rules| rules.control.is_some());
            let reading = |rules: RuleSet| {
                let lines = LineReader::new(Arc::clone(&rules.schema)).keep_unknown();
                Box::new((rules, lines))
            };
            self.by_hash.insert(hash.to_owned(), controlled.map(reading));
        }
        let Some(Some(controlled)) = self.by_hash.get_mut(hash) else { return Ok(false) };
        let (rules, lines) = &mut **controlled;
        let (event, decision) = (lines.read(line), read_decision(rules, answer));
        Ok(event.is_ok_and(|event| decision.is_ok_and(|decision| is_stood_for(rules, event, &decision))))
    }
}

/// Hands all events on.
pub(super) fn read(folder: &Path, out: &mut impl Take) -> Result<()> {
    let failed =
        |error: &dyn std::fmt::Display| DataFusionError::Execution(format!("{}: {error}", folder.display()));
    let segments = closed(folder).map_err(|error| failed(&error))?;
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return Ok(()) };
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut reader = Reader::from(Arc::clone(&disk), folder, first.first).map_err(|error| failed(&error))?;
    let mut controlled = Controlled { disk: Arc::clone(&disk), folder, by_hash: HashMap::new() };
    let mut lines = LineReader::new(Arc::new(Schema::default())).keep_unknown();
    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    let mut goes_on = true;
    while goes_on {
        let entry = match reader.next_entry() {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(JournalError::Damaged(damage)) if last.next.is_some_and(|next| damage.number >= next) => {
                break;
            }
            Err(JournalError::Damaged(damage))
                if went_on_over(&disk, folder, &damage).map_err(|error| failed(&error))? =>
            {
                continue;
            }
            Err(error) => return Err(failed(&error)),
        };
        if last.next.is_some_and(|next| entry.number >= next) {
            break;
        }
        match entry.record().map_err(|error| failed(&error))? {
            Record::Event { bytes, .. } => {
                let waits = lines.read(bytes).is_ok_and(|event| {
                    event.kind() == Kind::Transaction && event.text(TextField::Answered).is_none()
                });
                let (number, line) = (entry.number, bytes.to_vec());
                waiting.push_back(Waiting { number, line, waits, beside: Beside::default() });
            }
            Record::Answer { form, event, bytes } => {
                let place = waiting.binary_search_by_key(&event, |waiting| waiting.number);
                if let Some(waiting) = place.ok().and_then(|at| waiting.get_mut(at)) {
                    waiting.beside = beside(form, bytes, &waiting.line, &mut controlled)
                        .map_err(|error| failed(&error))?;
                    waiting.waits = false;
                }
            }
            Record::Control(_) | Record::Head(_) => {}
        }
        while goes_on
            && (waiting.len() > WAITING_MAX || waiting.front().is_some_and(|waiting| !waiting.waits))
            && let Some(first) = waiting.pop_front()
        {
            goes_on = hand_on(&mut lines, &first, out)?;
        }
    }
    for first in waiting {
        goes_on = goes_on && hand_on(&mut lines, &first, out)?;
    }
    Ok(())
}

/// What an answer says of its payment: nothing where it was refused.
fn beside(
    form: AnswerForm,
    answer: &[u8],
    line: &[u8],
    controlled: &mut Controlled<'_>,
) -> std::result::Result<Beside, KeptError> {
    let decides = matches!(form, AnswerForm::Decided | AnswerForm::Repeated | AnswerForm::Declared);
    let Some(said) = serde_json::from_slice::<Said<'_>>(answer).ok().filter(|_| decides) else {
        return Ok(Beside::default());
    };
    let answered = said.outcome.and_then(Outcome::from_name).map(Outcome::name);
    let chance = said.withheld.filter(|withheld| withheld.ppm > 0);
    let weight = match (chance, said.rule_set) {
        (Some(Withheld { ppm }), _) => Some(1e6 / f64::from(ppm)),
        (None, Some(hash)) => controlled.stands_for(hash, line, answer)?.then_some(0.0),
        (None, None) => None,
    };
    Ok(Beside { answered, weight })
}

fn hand_on(lines: &mut LineReader, waiting: &Waiting, out: &mut impl Take) -> Result<bool> {
    match lines.read(&waiting.line) {
        Ok(event) => out.event(event, &waiting.line, waiting.beside),
        Err(reason) => out.bad(format!("record {}: {reason}", waiting.number)),
    }
}

//! The events of a journal's closed segments, each payment with what it was answered.
//!
//! Promises that events come in the order of their records, with the outcome that went out: of the control group what it let
//! through, with how many payments it stands for. Damage ends the reading.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use serde::Deserialize;

use super::lines::{Beside, Take};
use crate::decision::Outcome;
use crate::event::{Kind, Schema, TextField};
use crate::io::{Disk, LineReader, RealDisk};
use crate::journal::{AnswerForm, Columns, JournalError, Reader, Record, Standing, columns, columns_folder};

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
}

#[derive(Deserialize)]
struct Withheld {
    ppm: u32,
}

/// Hands all events on.
pub(super) fn read(folder: &Path, out: &mut impl Take) -> Result<()> {
    let failed =
        |error: &dyn std::fmt::Display| DataFusionError::Execution(format!("{}: {error}", folder.display()));
    let segments = closed(folder).map_err(|error| failed(&error))?;
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return Ok(()) };
    let mut reader = Reader::from(Arc::new(RealDisk), folder, first.first).map_err(|error| failed(&error))?;
    let mut lines = LineReader::new(Arc::new(Schema::default())).keep_unknown();
    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    let mut goes_on = true;
    while goes_on {
        let Some(entry) = reader.next_entry().map_err(|error| failed(&error))? else { break };
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
                    waiting.beside = beside(form, bytes);
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
fn beside(form: AnswerForm, bytes: &[u8]) -> Beside {
    let decides = matches!(form, AnswerForm::Decided | AnswerForm::Repeated | AnswerForm::Declared);
    let Some(said) = serde_json::from_slice::<Said<'_>>(bytes).ok().filter(|_| decides) else {
        return Beside::default();
    };
    let answered = said.outcome.and_then(Outcome::from_name).map(Outcome::name);
    let chance = said.withheld.filter(|withheld| withheld.ppm > 0);
    Beside { answered, weight: chance.map(|Withheld { ppm }| 1e6 / f64::from(ppm)) }
}

fn hand_on(lines: &mut LineReader, waiting: &Waiting, out: &mut impl Take) -> Result<bool> {
    match lines.read(&waiting.line) {
        Ok(event) => out.event(event, &waiting.line, waiting.beside),
        Err(reason) => out.bad(format!("record {}: {reason}", waiting.number)),
    }
}

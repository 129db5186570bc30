//! Keeps what a run finds: what is not there yet of its payments, its features and its rules.
//!
//! Promises that nothing is listed before all of it is written, that a run goes on where the disk says no, and that memory is in a
//! chunk and in the payments on which rules fire. Must never know what a value is for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, RecordBatch, StringBuilder, UInt8Builder, UInt32Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

use super::file::{Sum, Writer, unusable};
use super::listing::{EVENTS, Listing, PAYMENTS, feature, fired, text};
use super::payments::{self, Builders};
use super::{CHUNK_ROWS, Kept, KeptError, why_not};
use crate::backtest::cells::Cells;
use crate::backtest::run::{Events, Shown};
use crate::decision::Quality;
use crate::engine::{Limits, Refusal};
use crate::event::{self, Kind, TextField};
use crate::rules::{Mode, RuleSet};

/// Chunks of columns that wait to be written.
const WAITING_MAX: usize = 2;

/// The files that were written, beside their places.
type Written = Result<Vec<(PathBuf, Sum)>, KeptError>;

/// Takes the payments of a run.
pub(in crate::backtest) struct Keeper {
    rules: Arc<RuleSet>,
    folder: PathBuf,
    /// What was there before.
    before: Option<Listing>,
    schemas: Vec<(String, SchemaRef)>,
    payments: Option<(Builders, SchemaRef)>,
    events: Option<(event::Kept, BinaryBuilder)>,
    texts: Vec<(TextField, StringBuilder)>,
    features: Vec<FeatureCells>,
    used: usize,
    /// By rule that is kept, its position and the payments on which it fired.
    fired: Vec<(u16, Vec<u32>)>,
    /// Payments so far, and of those how many wait in the builders.
    taken: u32,
    waiting: usize,
    decides: bool,
    parts: Parts,
    /// Why nothing is kept after all.
    gave_up: Option<String>,
    to: Option<SyncSender<Vec<RecordBatch>>>,
    writing: Option<JoinHandle<Written>>,
}

struct FeatureCells {
    position: u16,
    cells: Cells,
    qualities: UInt8Builder,
}

impl Keeper {
    /// Begins to keep in a folder what is not there yet.
    pub(in crate::backtest) fn begin(folder: &Path, rules: &Arc<RuleSet>) -> Result<Self, String> {
        std::fs::create_dir_all(folder).map_err(|source| unusable(folder)(source).to_string())?;
        let before = Listing::read(folder);
        super::room::tidy(folder);
        let lacks = |name: &str| before.as_ref().is_none_or(|listing| !listing.has(name));
        let payments = lacks(PAYMENTS).then(|| (Builders::default(), payments::schema()));
        let events = lacks(EVENTS).then(|| (event::Kept::default(), BinaryBuilder::new()));
        let texts: Vec<(TextField, StringBuilder)> = texts_of(rules)
            .filter(|field| lacks(&text(*field)))
            .map(|field| (field, StringBuilder::new()))
            .collect();
        let used = || (0..).zip(&rules.features).filter(|(_, feature)| feature.used);
        let mut features: Vec<FeatureCells> = Vec::new();
        let mut schemas: Vec<(String, SchemaRef)> = Vec::new();
        let one = |name: &str, ty| Arc::new(Schema::new(vec![Field::new(name, ty, true)]));
        schemas.extend(payments.as_ref().map(|(_, schema)| (PAYMENTS.to_owned(), Arc::clone(schema))));
        schemas.extend(events.as_ref().map(|_| (EVENTS.to_owned(), one("event", DataType::Binary))));
        schemas.extend(texts.iter().map(|(field, _)| (text(*field), one(field.name(), DataType::Utf8))));
        for (position, declared) in used() {
            let name = feature(&declared.hash);
            // Two features may be the same but for their names.
            if !lacks(&name) || schemas.iter().any(|(there, _)| *there == name) {
                continue;
            }
            let cells = Cells::new(declared);
            let fields =
                vec![Field::new("value", cells.ty(), true), Field::new("quality", DataType::UInt8, false)];
            schemas.push((name, Arc::new(Schema::new(fields))));
            features.push(FeatureCells { position, cells, qualities: UInt8Builder::new() });
        }
        let on = |rule: &crate::rules::Rule| rule.mode != Mode::Off && rule.from == Kind::Transaction;
        let kept = (0..).zip(&rules.rules).filter(|(_, rule)| on(rule) && lacks(&fired(&rule.firing.hash)));
        let mut keeper = Self {
            fired: kept.map(|(at, _)| (at, Vec::new())).collect(),
            used: used().count(),
            rules: Arc::clone(rules),
            folder: folder.to_owned(),
            before,
            schemas,
            payments,
            events,
            texts,
            features,
            taken: 0,
            waiting: 0,
            decides: false,
            parts: Parts::default(),
            gave_up: None,
            to: None,
            writing: None,
        };
        keeper.start().map_err(|error| error.to_string())?;
        Ok(keeper)
    }

    fn start(&mut self) -> Result<(), KeptError> {
        let mut writers = Vec::new();
        for (name, schema) in &self.schemas {
            let path = part(&self.folder, name);
            writers.push(Writer::create(path.clone(), schema)?);
            self.parts.0.push(path);
        }
        let (to, chunks) = sync_channel(WAITING_MAX);
        let writing = Builder::new().name("weir-kept".to_owned()).spawn(move || write_all(writers, &chunks));
        self.writing = Some(writing.map_err(unusable(&self.folder))?);
        self.to = Some(to);
        Ok(())
    }

    /// Takes a payment, the next one that was decided.
    pub(in crate::backtest) fn take(&mut self, shown: &Shown<'_>) {
        if self.gave_up.is_some() {
            return;
        }
        if shown.decision.converted.is_some() {
            return self.give_up("amounts in other currencies are converted".to_owned());
        }
        if self.taken == u32::MAX {
            return self.give_up("there are more payments than are kept".to_owned());
        }
        if shown.answered.is_none() && !self.decides {
            self.decides = true;
            if let Some(why) = why_not(&self.rules, true, &[]) {
                return self.give_up(why);
            }
        }
        let later_us = shown.basis.facts().now_us.saturating_sub(shown.fact.time_us);
        if let Some((payments, _)) = &mut self.payments {
            payments.push(shown, later_us);
        }
        if let Some((kept, cells)) = &mut self.events {
            kept.keep(shown.event);
            match postcard::to_allocvec(&*kept) {
                Ok(bytes) => cells.append_value(bytes),
                Err(error) => return self.give_up(error.to_string()),
            }
        }
        for (field, cells) in &mut self.texts {
            cells.append_option(shown.event.text(*field));
        }
        self.take_features(shown);
        let decision = shown.decision;
        for (at, rows) in &mut self.fired {
            let fired = [&decision.fired, &decision.overridden, &decision.shadow];
            if fired.into_iter().any(|fired| fired.contains(at)) {
                rows.push(self.taken);
            }
        }
        self.taken += 1;
        self.waiting += 1;
        if self.waiting == CHUNK_ROWS {
            self.hand_on();
        }
    }

    fn take_features(&mut self, shown: &Shown<'_>) {
        let readings = &shown.decision.features;
        for FeatureCells { position, cells, qualities } in &mut self.features {
            // All are recorded, so that each mostly stands at its own place.
            let at = usize::from(*position);
            let of =
                |&(held, reading): &(u16, crate::decision::Reading)| (held == *position).then_some(reading);
            let found = readings.get(at).and_then(of);
            let reading = found.or_else(|| readings.iter().find_map(of)).unwrap_or_default();
            if matches!(reading.quality, Quality::Evicted | Quality::Behind) {
                self.gave_up = Some("there was no room for all of the past".to_owned());
            }
            cells.push(reading.value);
            qualities.append_value(reading.quality as u8);
        }
    }

    fn give_up(&mut self, why: String) {
        self.gave_up = Some(why);
    }

    /// Hands what waits to who writes.
    fn hand_on(&mut self) {
        if self.waiting == 0 {
            return;
        }
        self.waiting = 0;
        match self.chunk() {
            Ok(chunk) => {
                let sent = self.to.as_ref().is_some_and(|to| to.send(chunk).is_ok());
                if !sent {
                    // Who writes has failed, and says why at the end.
                    self.to = None;
                }
            }
            Err(error) => self.give_up(error.to_string()),
        }
    }

    /// In the order of the schemas.
    fn chunk(&mut self) -> Result<Vec<RecordBatch>, ArrowError> {
        let Self { schemas, payments, events, texts, features, .. } = self;
        let mut schemas = schemas.iter().map(|(_, schema)| schema);
        let mut chunk = Vec::new();
        let mut put = |columns: Vec<ArrayRef>| {
            let schema = schemas.next().ok_or_else(|| ArrowError::SchemaError("no schema".to_owned()))?;
            chunk.push(RecordBatch::try_new(Arc::clone(schema), columns)?);
            Ok::<_, ArrowError>(())
        };
        if let Some((builders, schema)) = payments {
            put(builders.finish(schema)?.columns().to_vec())?;
        }
        if let Some((_, cells)) = events {
            put(vec![Arc::new(cells.finish())])?;
        }
        for (_, cells) in texts {
            put(vec![Arc::new(cells.finish())])?;
        }
        for FeatureCells { cells, qualities, .. } in features {
            put(vec![cells.finish(), Arc::new(qualities.finish())])?;
        }
        Ok(chunk)
    }

    /// Lists what was written, of a run that came to its end; says what became of it.
    pub(in crate::backtest) fn finish(mut self, events: &Events, first_us: Option<i64>) -> Kept {
        self.hand_on();
        self.to = None;
        let written = self.writing.take().map(JoinHandle::join);
        let kinds: Vec<Kind> = events.kinds.iter().filter_map(|kind| Kind::from_name(&kind.name)).collect();
        let other = self.before.as_ref().is_some_and(|before| before.is_other(self.taken, events));
        let bound =
            (other || events.refused.iter().any(|refused| is_for_want_of_room(&refused.name))).then(|| {
                "a bound of the engine was met, so that what is taken in follows from its features".to_owned()
            });
        let why = self.gave_up.take().or_else(|| why_not(&self.rules, self.decides, &kinds)).or(bound);
        let files = match (written, why) {
            (Some(Ok(Ok(files))), None) => files,
            (_, Some(why)) => return Kept::Not(why),
            (Some(Ok(Err(error))), None) => return Kept::Not(error.to_string()),
            _ => return Kept::Not("what writes it ended early".to_owned()),
        };
        let new = self.features.len();
        let features = self.used;
        self.list(files, events, first_us)
            .map_or_else(|error| Kept::Not(error.to_string()), |()| Kept::Computed { new, features })
    }

    fn list(
        self,
        files: Vec<(PathBuf, Sum)>,
        events: &Events,
        first_us: Option<i64>,
    ) -> Result<(), KeptError> {
        let Self { rules, folder, before, schemas, payments, fired: of_rules, taken, decides, .. } = self;
        let mut listed = Vec::new();
        for ((name, _), (path, sum)) in schemas.into_iter().zip(files) {
            let place = folder.join(&name);
            std::fs::rename(&path, &place).map_err(unusable(&place))?;
            listed.push((name, sum));
        }
        for (at, rows) in of_rules {
            let Some(rule) = rules.rules.get(usize::from(at)) else { continue };
            listed.push(write_rows(&folder, &fired(&rule.firing.hash), &rows)?);
        }
        let (names, same) = payments.map(|(builders, _)| builders.into_names()).unwrap_or_default();
        let listing = before.unwrap_or_else(|| Listing {
            payments: taken,
            events: events.clone(),
            decides,
            first_us,
            names,
            same,
            ..Listing::default()
        });
        listing.add(&folder, listed)
    }
}

/// The text fields that are kept of every payment: those that some rule reads, and who decides whom a share holds.
fn texts_of(rules: &RuleSet) -> impl Iterator<Item = TextField> {
    let mut fields: std::collections::BTreeSet<TextField> = std::collections::BTreeSet::new();
    rules.rules.iter().for_each(|rule| fields.extend(&rule.firing.texts));
    fields.extend(super::lit::of_control(rules));
    fields.into_iter()
}

/// Writes the payments on which a rule fires.
pub(super) fn write_rows(folder: &Path, name: &str, rows: &[u32]) -> Result<(String, Sum), KeptError> {
    let schema = Arc::new(Schema::new(vec![Field::new("payment", DataType::UInt32, false)]));
    let mut writer = Writer::create(part(folder, name), &schema)?;
    let columns: Vec<ArrayRef> = vec![Arc::new(UInt32Array::from(rows.to_vec()))];
    let rows = RecordBatch::try_new(schema, columns).map_err(super::file::damaged(folder))?;
    writer.write(&rows)?;
    let (path, sum) = writer.finish()?;
    let place = folder.join(name);
    std::fs::rename(&path, &place).map_err(unusable(&place))?;
    Ok((name.to_owned(), sum))
}

/// Where a file is written before it is whole: no other run's place.
fn part(folder: &Path, name: &str) -> PathBuf {
    static PARTS: AtomicU64 = AtomicU64::new(0);
    let number = PARTS.fetch_add(1, Ordering::Relaxed);
    folder.join(format!("{name}.{}-{number}.part", std::process::id()))
}

fn write_all(mut writers: Vec<Writer>, chunks: &Receiver<Vec<RecordBatch>>) -> Written {
    for chunk in chunks {
        for (writer, columns) in writers.iter_mut().zip(&chunk) {
            writer.write(columns)?;
        }
    }
    writers.into_iter().map(Writer::finish).collect()
}

/// Whether an event was refused because others took the room.
fn is_for_want_of_room(refusal: &str) -> bool {
    let Limits { side_entries_max, texts_max, .. } = Limits::default();
    let of_room =
        [Refusal::TooOld, Refusal::SideBufferFull { side_entries_max }, Refusal::KeysFull { texts_max }];
    of_room.iter().any(|of_room| of_room.to_string() == refusal)
}

/// Files that are not whole: what is left of them goes.
#[derive(Default)]
struct Parts(Vec<PathBuf>);

impl Drop for Parts {
    fn drop(&mut self) {
        // What is whole by now has moved to its place.
        self.0.iter().for_each(|path| drop(std::fs::remove_file(path)));
    }
}

//! Several streams of rows as one, by the time of their arrival.
//!
//! Promises that a stream never changes its own order, that of rows which arrive at the same time those of the earlier stream come
//! first, and that no more rows are held than a few batches a stream. Decoding and merging run beside who reads.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use datafusion::execution::SendableRecordBatchStream;
use tokio::sync::mpsc;

use super::blame::Blame;
use super::error::DataError;
use super::layout::{Columns, Layout};
use super::session;

/// Batches that wait for the merge, of each stream, and for who reads.
const WAITING: usize = 2;

/// Rows of one stream, decoded.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) layout: Arc<Layout>,
    pub(super) columns: Columns,
    /// Rows of the stream before.
    pub(super) first_row: u64,
}

/// Rows in the order of their arrival.
#[derive(Debug)]
pub struct Batch {
    parts: Vec<Arc<Part>>,
    /// Part and row of each; where there is none, the rows of the one part as they are.
    order: Vec<(u32, u32)>,
}

impl Batch {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        if self.order.is_empty() {
            self.parts.first().map_or(0, |part| part.columns.rows)
        } else {
            self.order.len()
        }
    }

    /// The parts that its rows are of.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().map(Arc::as_ref)
    }

    /// Where a row is.
    pub(super) fn place(&self, row: usize) -> (&Part, usize) {
        match self.order.get(row) {
            Some(&(part, row)) => (&self.parts[part as usize], row as usize),
            None => (&self.parts[0], row),
        }
    }
}

/// A stream that is to be read, and what its columns are.
pub(super) struct Opened {
    pub(super) stream: SendableRecordBatchStream,
    pub(super) layout: Layout,
    /// How it is called in messages.
    pub(super) what: String,
}

/// The events of a data set, in batches; ends with the first error.
#[derive(Debug)]
pub struct Events {
    batches: Option<Receiver<Result<Arc<Batch>, DataError>>>,
    thread: Option<JoinHandle<()>>,
    blame: Blame,
}

impl Events {
    /// Begins to read streams on threads of their own.
    pub(super) fn begin(
        threads: usize,
        batch_rows: usize,
        blame: Blame,
        open: impl FnOnce() -> Result<Vec<Opened>, DataError> + Send + 'static,
    ) -> std::io::Result<Self> {
        let runtime = session::runtime(threads)?;
        let (sender, batches) = sync_channel(WAITING);
        let thread = session::large_stack().spawn(move || {
            let _entered = runtime.enter();
            match open() {
                Ok(opened) => {
                    let sources = opened.into_iter().map(Source::begin).collect();
                    let merge = Merge { sources, batch_rows: batch_rows.max(1), out: sender };
                    runtime.block_on(merge.run());
                }
                // Where nobody reads any more, nobody is told.
                Err(error) => drop(sender.send(Err(error))),
            }
        })?;
        Ok(Self { batches: Some(batches), thread: Some(thread), blame })
    }
}

impl Iterator for Events {
    type Item = Result<Arc<Batch>, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.batches.as_ref()?.recv().ok();
        if !matches!(next, Some(Ok(_))) {
            self.batches = None;
        }
        let ended = self.batches.is_none().then(|| self.thread.take()).flatten();
        match (next, ended.map(JoinHandle::join)) {
            // It did not end by itself.
            (None, Some(Err(_))) => Some(Err(DataError::Reading {
                what: "the data set".to_owned(),
                message: "the thread that reads it ended by a panic".to_owned(),
            })),
            (next, _) => next.map(|next| next.map_err(|error| self.blame.on(error))),
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // It ends with the next batch that nobody takes.
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // What it ended with nobody asks for.
            let _ = thread.join();
        }
    }
}

type Decoded = Result<Arc<Part>, DataError>;

/// One stream within the merge.
struct Source {
    parts: mpsc::Receiver<Decoded>,
    /// The part that is read, with where it stands in the batch that is being put together.
    part: Option<(Arc<Part>, Option<u32>)>,
    row: usize,
    /// When the row at hand arrived.
    arrival: i64,
}

impl Source {
    fn begin(Opened { mut stream, layout, what }: Opened) -> Self {
        let (sender, parts) = mpsc::channel(WAITING);
        let layout = Arc::new(layout);
        tokio::spawn(async move {
            let mut first_row = 0;
            while let Some(batch) = session::next(&mut stream).await {
                let part = batch
                    .and_then(|batch| Ok(layout.columns(&batch)?))
                    .map_err(|error| DataError::reading(&*what, &error))
                    .map(|columns| Part { layout: Arc::clone(&layout), columns, first_row });
                let rows = part.as_ref().map_or(0, |part| part.columns.rows);
                first_row += rows as u64;
                let failed = part.is_err();
                if rows == 0 && !failed {
                    continue;
                }
                let nobody_reads = sender.send(part.map(Arc::new)).await.is_err();
                if failed || nobody_reads {
                    return;
                }
            }
        });
        Self { parts, part: None, row: 0, arrival: 0 }
    }

    /// Goes to the next row, if there is one.
    async fn step(&mut self) -> Result<bool, DataError> {
        self.row += 1;
        if self.part.as_ref().is_none_or(|(part, _)| self.row >= part.columns.rows) {
            self.row = 0;
            self.part = self.parts.recv().await.transpose()?.map(|part| (part, None));
        }
        let Some((part, _)) = &self.part else { return Ok(false) };
        self.arrival = part.columns.arrival(self.row, &part.layout.calendar);
        Ok(true)
    }
}

struct Merge {
    sources: Vec<Source>,
    batch_rows: usize,
    out: SyncSender<Result<Arc<Batch>, DataError>>,
}

impl Merge {
    async fn run(mut self) {
        let merged = match self.sources.len() {
            1 => self.pass_on().await,
            _ => self.merge().await,
        };
        if let Err(error) = merged {
            // Where nobody reads any more, nobody is told.
            let _ = self.out.send(Err(error));
        }
    }

    /// One stream's parts as they come.
    async fn pass_on(&mut self) -> Result<(), DataError> {
        while let Some(part) = self.sources[0].parts.recv().await {
            let batch = Batch { parts: vec![part?], order: Vec::new() };
            if self.out.send(Ok(Arc::new(batch))).is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn merge(&mut self) -> Result<(), DataError> {
        let mut live = Vec::new();
        for (at, source) in self.sources.iter_mut().enumerate() {
            if source.step().await? {
                live.push(at);
            }
        }
        let (mut parts, mut order) = (Vec::new(), Vec::with_capacity(self.batch_rows));
        while let Some(&at) = live.iter().min_by_key(|&&at| (self.sources[at].arrival, at)) {
            let source = &mut self.sources[at];
            let row = source.row as u32;
            if let Some((part, place)) = &mut source.part {
                let place = *place.get_or_insert_with(|| {
                    parts.push(Arc::clone(part));
                    parts.len() as u32 - 1
                });
                order.push((place, row));
            }
            if !source.step().await? {
                live.retain(|&other| other != at);
            }
            if order.len() == self.batch_rows {
                let order = std::mem::replace(&mut order, Vec::with_capacity(self.batch_rows));
                let batch = Batch { parts: std::mem::take(&mut parts), order };
                if self.out.send(Ok(Arc::new(batch))).is_err() {
                    return Ok(());
                }
                for (_, place) in self.sources.iter_mut().filter_map(|source| source.part.as_mut()) {
                    *place = None;
                }
            }
        }
        if !order.is_empty() {
            // Where nobody reads any more, it is dropped.
            let _ = self.out.send(Ok(Arc::new(Batch { parts, order })));
        }
        Ok(())
    }
}

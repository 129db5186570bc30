//! Snapshots while a stream is scored: frozen between two events, written by another thread while decisions go on.

use std::io::{self, Write};
use std::path::PathBuf;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use weir::engine::Engine;
use weir::io::{SnapshotError, SnapshotFile, write_snapshot};

/// Which snapshots are asked for.
#[derive(clap::Args)]
pub(super) struct Asked {
    /// Write a snapshot of all that is known at the end of the stream, for --restore
    #[arg(long, value_name = "FILE", group = "state_goes", conflicts_with = "journal")]
    snapshot: Option<PathBuf>,
    /// Write it after every N events too, while scoring goes on; each takes the place of the one before when it is whole
    ///
    /// Where the one before is still being written, this one is left out, and counted in the summary. With --journal they
    /// go into its folder, every 1,000,000 events unless this says otherwise, and the newest two are kept.
    #[arg(long, value_name = "N", requires = "state_goes", value_parser = clap::value_parser!(u64).range(1..))]
    snapshot_every: Option<u64>,
}

impl Asked {
    /// After how many events.
    pub(super) fn every(&self) -> Option<u64> {
        self.snapshot_every
    }
}

type Writing = JoinHandle<Result<SnapshotFile, SnapshotError>>;

/// The snapshots of one stream.
pub(super) struct Snapshots<'a> {
    asked: &'a Asked,
    writing: Option<Writing>,
    newest: Option<SnapshotFile>,
    written: u64,
    /// Those left out because the one before was still being written.
    skipped: u64,
    /// The longest that the stream stood still for one.
    pause_max: Duration,
}

impl<'a> Snapshots<'a> {
    pub(super) fn new(asked: &'a Asked) -> Self {
        Self { asked, writing: None, newest: None, written: 0, skipped: 0, pause_max: Duration::ZERO }
    }

    /// So many events were taken: begins a snapshot if one is due.
    pub(super) fn event(&mut self, engine: &mut Engine, events: u64) -> anyhow::Result<()> {
        let (Some(path), Some(every)) = (&self.asked.snapshot, self.asked.snapshot_every) else {
            return Ok(());
        };
        if !events.is_multiple_of(every) {
            return Ok(());
        }
        if self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            self.skipped += 1;
            return Ok(());
        }
        self.wait()?;
        self.begin(path.clone(), engine, events)
    }

    #[expect(clippy::disallowed_methods, reason = "the summary says how long the stream stood still")]
    fn begin(&mut self, path: PathBuf, engine: &mut Engine, events: u64) -> anyhow::Result<()> {
        let start = Instant::now();
        let saved = engine.freeze();
        self.pause_max = self.pause_max.max(start.elapsed());
        let about = format!("{}, {events} events", engine.rules().name);
        let write = move || write_snapshot(&path, &about, &saved);
        let writing = Builder::new().name("weir-snapshot".to_owned()).spawn(write);
        self.writing = Some(writing.context("can't start a thread that writes a snapshot")?);
        Ok(())
    }

    /// Waits until the one that is being written, if any, is there.
    fn wait(&mut self) -> anyhow::Result<()> {
        if let Some(writing) = self.writing.take() {
            let written = writing.join().map_err(|_| anyhow!("the thread that writes a snapshot is gone"))?;
            self.newest = Some(written?);
            self.written += 1;
        }
        Ok(())
    }

    /// Writes the last one, after all events.
    pub(super) fn finish(&mut self, engine: &mut Engine, events: u64) -> anyhow::Result<()> {
        let Some(path) = &self.asked.snapshot else { return Ok(()) };
        self.wait()?;
        self.begin(path.clone(), engine, events)?;
        self.wait()
    }

    /// What was written.
    pub(super) fn summary(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(SnapshotFile { bytes, sha256 }) = &self.newest else { return Ok(()) };
        let pause_ms = self.pause_max.as_secs_f64() * 1e3;
        write!(out, "snapshot of {bytes} bytes, SHA-256 {sha256}; ")?;
        if self.asked.snapshot_every.is_some() {
            write!(out, "{} written, {} skipped; ", self.written, self.skipped)?;
        }
        writeln!(out, "the longest pause {pause_ms:.2} ms")
    }
}

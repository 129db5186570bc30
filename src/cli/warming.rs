//! A rule set that is warmed from the journal beside scoring: begun, told, and brought to its end with the stream.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use weir::io::Bundle;
use weir::journal::{Recorded, Warmed, WarmingError};

use super::progress::Progress;
use super::way::Way;

/// The warm-up that is on, if one is.
pub(super) struct Warm {
    path: PathBuf,
    /// Events of the stream since it was begun.
    events: u64,
    on: bool,
    /// Whether it was told from where.
    told: bool,
}

impl Warm {
    /// Begins to warm this rule file, if one is named, as it was read.
    pub(super) fn begin(
        path: Option<&Path>,
        bundle: Option<Bundle>,
        way: &mut Way<'_>,
    ) -> anyhow::Result<Self> {
        let mut warm =
            Self { path: path.unwrap_or(Path::new("")).to_owned(), events: 0, on: false, told: false };
        let (Some(path), Some(bundle), Some(recorded)) = (path, bundle, way.recorded()) else {
            return Ok(warm);
        };
        match recorded.warm(&bundle) {
            Ok(()) => warm.on = true,
            Err(WarmingError::Live) => {
                let path = path.display();
                writeln!(anstream::stderr(), "{path} decides already; there is nothing to warm")?;
            }
            Err(error) => {
                return Err(error).with_context(|| format!("{} can't be warmed", path.display()));
            }
        }
        Ok(warm)
    }

    /// After each event: tells what came of it.
    pub(super) fn event(&mut self, way: &mut Way<'_>) -> anyhow::Result<()> {
        if !self.on {
            return Ok(());
        }
        self.events += 1;
        way.recorded().map_or(Ok(()), |recorded| self.tell(recorded))
    }

    /// At the stream's end: takes in what is left.
    pub(super) fn finish(&mut self, way: &mut Way<'_>) -> anyhow::Result<()> {
        let Some(recorded) = way.recorded().filter(|_| self.on) else { return Ok(()) };
        let mut progress = Progress::new("warming", None);
        while recorded.warm_on() {
            progress.event();
        }
        progress.finish();
        self.tell(recorded)
    }

    fn tell(&mut self, recorded: &mut Recorded) -> anyhow::Result<()> {
        if let Some(from) = recorded.warmth().and_then(|warmth| warmth.from) {
            self.tell_from(from)?;
        }
        let Some(came) = recorded.take_warmed() else { return Ok(()) };
        self.on = false;
        if let Ok(warmed) = &came {
            self.tell_from(warmed.from)?;
        }
        let (path, mut out) = (self.path.display(), anstream::stderr().lock());
        match came {
            Ok(Warmed { record, events, rule_set, .. }) => writeln!(
                out,
                "{path} took over at record {record}, after {} events: it is warmed with {events} events of the journal, and decides as {rule_set}",
                self.events
            )?,
            Err(why) => {
                writeln!(out, "warning: {path} is not warmed, and the rule set that decides goes on: {why}")?
            }
        }
        Ok(())
    }

    /// Tells once with what it is warmed.
    fn tell_from(&mut self, from: u64) -> anyhow::Result<()> {
        if std::mem::replace(&mut self.told, true) {
            return Ok(());
        }
        let (path, mut out) = (self.path.display(), anstream::stderr().lock());
        match from {
            0 => writeln!(out, "warming {path} from the journal's beginning")?,
            from => writeln!(out, "warming {path} from the snapshot after record {from}")?,
        }
        Ok(())
    }
}

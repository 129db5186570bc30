//! How much memory an engine may take, where the rest goes, and where it goes on from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use weir::engine::{Engine, Limits, Recording, SavedEngine};
use weir::io::{ChunkFiles, Reading, SnapshotFile, SpillWatch, read_snapshot, write_snapshot};
use weir::rules::RuleSet;

/// The options of it.
#[derive(clap::Args)]
pub(super) struct Memory {
    /// A TOML file with the engine's bounds: keys_max, forever_keys_max, arena_bytes_max, filter_bytes, texts_max,
    /// log_bytes_max, log_chunk_rows, side_entries_max, corrections_max, ids_max, list_entries_max,
    /// expiries_a_step_max, future_us_max; what it leaves out is at its default
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
    /// Most memory for what windows have still to take out, such as 2GiB; older parts go to --spill and come back in time
    ///
    /// Two chunks of 4,096 events for each window length stay in memory whatever it says. A rule set taken up by a
    /// reload, and a shadow, may have that much again.
    #[arg(long, value_name = "BYTES", value_parser = bytes, requires = "spill")]
    log_memory: Option<usize>,
    /// The folder for what does not fit --log-memory, or the log_bytes_max of --limits or of --restore; what is put there is removed at the end
    #[arg(long, value_name = "DIR")]
    spill: Option<PathBuf>,
    /// Go on from this snapshot, with its bounds, its lists and its recording; --rules and --reload name the rule sets that it needs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["limits", "log_memory", "features"])]
    restore: Option<PathBuf>,
    /// Write a snapshot of all that is known at the end of the stream, for --restore
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
}

/// A number of bytes, with or without a unit.
fn bytes(text: &str) -> Result<usize, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("B", 0)];
    let unit = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (number, shift) = unit.unwrap_or((text, 0));
    let number: Option<usize> = number.trim().parse().ok();
    let bytes = number.and_then(|number| number.checked_mul(1_usize.checked_shl(shift)?));
    bytes
        .ok_or_else(|| "give a whole number of bytes, or one with KiB, MiB or GiB, such as 512MiB".to_owned())
}

impl Memory {
    /// An engine with these bounds, and what tells whether the disk fails it.
    pub(super) fn engine(
        &self,
        rules: RuleSet,
        recording: Recording,
    ) -> anyhow::Result<(Engine, Option<SpillWatch>)> {
        let limits = self.limits.as_deref().map_or_else(|| Ok(Limits::default()), limits)?;
        let limits = Limits { log_bytes_max: self.log_memory.unwrap_or(limits.log_bytes_max), ..limits };
        let engine = Engine::new(rules, limits, recording);
        Ok(match self.files()? {
            None => (engine, None),
            Some((files, watch)) => (engine.with_store(Box::new(files)), Some(watch)),
        })
    }

    /// Where the log's chunks go, if they may leave memory, and what tells whether the disk fails it.
    fn files(&self) -> anyhow::Result<Option<(ChunkFiles, SpillWatch)>> {
        let Some(folder) = &self.spill else { return Ok(None) };
        if self.log_memory.is_none() && self.limits.is_none() && self.restore.is_none() {
            bail!("--spill needs to know how much may stay in memory: give --log-memory too");
        }
        // A file waits for the disk, so that its decisions are the same every time.
        let files = ChunkFiles::create(folder, Reading::Blocking)?;
        let watch = files.watch();
        Ok(Some((files, watch)))
    }

    /// The engine of the snapshot to go on from, if one is named, given the rule sets that there are.
    pub(super) fn restored(
        &self,
        rule_sets: &[Arc<RuleSet>],
    ) -> anyhow::Result<Option<(Engine, Option<SpillWatch>)>> {
        let Some(path) = &self.restore else { return Ok(None) };
        let saved: SavedEngine = read_snapshot(path)?;
        let (files, watch) = self.files()?.unzip();
        let engine = Engine::restore(saved, rule_sets, files.map(|files| Box::new(files) as _));
        let engine = engine.with_context(|| format!("can't go on from {}", path.display()))?;
        Ok(Some((engine, watch)))
    }

    /// Writes the snapshot that is asked for.
    pub(super) fn save(&self, engine: &mut Engine) -> anyhow::Result<Option<SnapshotFile>> {
        let Some(path) = &self.snapshot else { return Ok(None) };
        let saved =
            engine.freeze().context("a part of the log on the disk can't be had; no snapshot is written")?;
        Ok(Some(write_snapshot(path, &engine.rules().name, &saved)?))
    }
}

/// The bounds that a file says.
fn limits(path: &Path) -> anyhow::Result<Limits> {
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} does not say the engine's bounds", path.display()))
}

/// Fails where the disk has failed the log.
pub(super) fn check(watch: &Option<SpillWatch>) -> anyhow::Result<()> {
    let failed = watch.as_ref().and_then(SpillWatch::error);
    failed.map_or(Ok(()), |error| Err(anyhow::Error::new(error))).context("the log lost a part on the disk")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units() {
        for (text, expected) in [("0", 0), ("1000", 1_000), ("3B", 3), ("2KiB", 2_048), ("2 GiB", 2 << 30)] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "GiB", "-1", "1.5GiB", "2GB", "99999999999TiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}

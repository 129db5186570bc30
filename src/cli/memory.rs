//! How much memory an engine may take, where the rest goes, and where it goes on from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use weir::engine::{Engine, Limits, Recording, SavedEngine};
use weir::io::{ChunkFiles, Reading, SpillWatch, read_snapshot};
use weir::rules::RuleSet;
use weir::size::parse_size;
use weir::tokens::Tokens;

use super::rule_file;

/// The options of it.
#[derive(clap::Args)]
pub(super) struct Memory {
    /// A TOML file with the engine's bounds: keys_max, forever_keys_max, arena_bytes_max, filter_bytes, texts_max,
    /// log_bytes_max, log_chunk_rows, side_entries_max, corrections_max, ids_max, list_entries_max, step_ups_max,
    /// locks_max, pendings_max, expiries_a_step_max, future_us_max; what it leaves out is at its default. log_bytes_max
    /// needs --spill
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
    /// Most memory for what windows have still to take out, such as 2GiB; older parts go to --spill and come back in time
    ///
    /// Two chunks of 4,096 events for each window length stay in memory whatever it says. A rule set taken up by a
    /// reload, and a shadow, may have that much again.
    #[arg(long, value_name = "BYTES", value_parser = bytes, requires = "spill")]
    log_memory: Option<usize>,
    /// The folder for what does not fit --log-memory, or the log_bytes_max of --limits or of --restore; what is put there is removed at the end
    ///
    /// What a run that was killed left there is removed by the next one. A run that goes on keeps what is its own.
    #[arg(long, value_name = "DIR")]
    spill: Option<PathBuf>,
    /// Go on from this snapshot, with its bounds, its lists and its recording; --rules and --reload name the rule sets that it needs
    ///
    /// Its bounds are part of what is computed, so --limits and --log-memory can't be given with it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["limits", "log_memory"])]
    restore: Option<PathBuf>,
}

/// A number of bytes, with or without a unit.
fn bytes(text: &str) -> Result<usize, String> {
    let bytes = parse_size(text).and_then(|bytes| usize::try_from(bytes).ok());
    bytes
        .ok_or_else(|| "give a whole number of bytes, or one with KiB, MiB or GiB, such as 512MiB".to_owned())
}

impl Memory {
    /// The engine of a rule file, new or of the snapshot to go on from, with every rule set staged that the stream may
    /// ask for; and what tells whether the disk fails it. With a key, lists about identifiers hold tokens.
    pub(super) fn engine(
        &self,
        path: &Path,
        reload: &[PathBuf],
        recording: Recording,
        tokens: Option<&Tokens>,
    ) -> anyhow::Result<(Engine, Option<SpillWatch>)> {
        let rules = rule_file::load(path)?;
        if let Some(snapshot) = &self.restore {
            let mut rule_sets = vec![Arc::new(rules)];
            for path in reload {
                rule_sets.push(Arc::new(rule_file::load(path)?));
            }
            return self.restored(snapshot, &rule_sets);
        }
        let lists = rule_file::lists_with(path, &rules, tokens)?;
        let (mut engine, watch) = self.empty(rules.clone(), recording)?;
        engine.load_lists(lists.clone());
        let rates = rule_file::rates(path, &rules)?;
        engine.load_rates(rates.clone());
        for next in reload {
            let rules = rule_file::load(next)?;
            let lists = rule_file::lists_with(next, &rules, tokens)?;
            let rates = rule_file::rates(next, &rules)?;
            let staged = engine.stage_with_rates(rules, lists, rates);
            staged.with_context(|| format!("{} can't take over from {}", next.display(), path.display()))?;
        }
        if !reload.is_empty() {
            // So that the stream may also go back to it.
            engine.stage_with_rates(rules, lists, rates)?;
        }
        Ok((engine, watch))
    }

    /// The bounds, if any are given.
    fn bounds(&self) -> anyhow::Result<Option<Limits>> {
        let limits = self.limits.as_deref().map(limits).transpose()?;
        let log_bytes = limits.map(|limits| limits.log_bytes_max);
        if self.spill.is_none() && log_bytes.is_some_and(|bytes| bytes != Limits::default().log_bytes_max) {
            bail!("`log_bytes_max` needs a folder for what may not stay in memory: give --spill too");
        }
        let Some(log_bytes_max) = self.log_memory else { return Ok(limits) };
        Ok(Some(Limits { log_bytes_max, ..limits.unwrap_or_default() }))
    }

    /// The bounds, and where the log's chunks go, of an engine with a journal.
    pub(super) fn parts(&self) -> anyhow::Result<(Option<Limits>, Option<ChunkFiles>, Option<SpillWatch>)> {
        let (files, watch) = self.files(true)?.unzip();
        Ok((self.bounds()?, files, watch))
    }

    /// An engine with these bounds that knows nothing.
    fn empty(&self, rules: RuleSet, recording: Recording) -> anyhow::Result<(Engine, Option<SpillWatch>)> {
        let limits = self.bounds()?.unwrap_or_default();
        let engine = Engine::new(rules, limits, recording);
        Ok(match self.files(false)? {
            None => (engine, None),
            Some((files, watch)) => (engine.with_store(Box::new(files)), Some(watch)),
        })
    }

    /// Where the log's chunks go, if they may leave memory, and what tells whether the disk fails it. `bounded` is whether
    /// bounds may be known otherwise.
    fn files(&self, bounded: bool) -> anyhow::Result<Option<(ChunkFiles, SpillWatch)>> {
        let Some(folder) = &self.spill else { return Ok(None) };
        if !bounded && self.log_memory.is_none() && self.limits.is_none() {
            bail!("--spill needs to know how much may stay in memory: give --log-memory too");
        }
        spill_to(folder).map(Some)
    }

    /// Whether it goes on from a snapshot.
    pub(super) fn restores(&self) -> bool {
        self.restore.is_some()
    }

    /// The engine of the snapshot to go on from, given the rule sets that there are.
    fn restored(
        &self,
        path: &Path,
        rule_sets: &[Arc<RuleSet>],
    ) -> anyhow::Result<(Engine, Option<SpillWatch>)> {
        let saved: SavedEngine = read_snapshot(path)?;
        let (files, watch) = self.files(true)?.unzip();
        let engine = Engine::restore(saved, rule_sets, files.map(|files| Box::new(files) as _));
        let engine = engine.with_context(|| format!("can't go on from {}", path.display()))?;
        Ok((engine, watch))
    }
}

/// Where the log's chunks go that leave memory, and what tells whether the disk fails it.
pub(super) fn spill_to(folder: &Path) -> anyhow::Result<(ChunkFiles, SpillWatch)> {
    // Reading waits for the disk, so that decisions are the same every time.
    let files = ChunkFiles::create(folder, Reading::Blocking)?;
    let watch = files.watch();
    Ok((files, watch))
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

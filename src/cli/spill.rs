//! How much memory the tail log may take, and where the rest goes.

use std::path::PathBuf;

use anyhow::Context;
use weir::engine::{Engine, Limits, Recording};
use weir::io::{ChunkFiles, Reading, SpillWatch};
use weir::rules::RuleSet;

/// The options of it.
#[derive(clap::Args)]
pub(super) struct Spill {
    /// Most memory for what windows have still to take out, such as 2GiB; older parts go to --spill and come back in time
    ///
    /// Two chunks of 4,096 events for each window length stay in memory whatever it says. A rule set taken up by a
    /// reload, and a shadow, may have that much again.
    #[arg(long, value_name = "BYTES", value_parser = bytes, requires = "spill")]
    log_memory: Option<usize>,
    /// The folder for what does not fit --log-memory; what is put there is removed at the end
    #[arg(long, value_name = "DIR", requires = "log_memory")]
    spill: Option<PathBuf>,
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

impl Spill {
    /// An engine that keeps its log so, and what tells whether the disk fails it.
    pub(super) fn engine(
        &self,
        rules: RuleSet,
        recording: Recording,
    ) -> anyhow::Result<(Engine, Option<SpillWatch>)> {
        let (Some(log_bytes_max), Some(folder)) = (self.log_memory, &self.spill) else {
            return Ok((Engine::new(rules, Limits::default(), recording), None));
        };
        // A file waits for the disk, so that its decisions are the same every time.
        let files = ChunkFiles::create(folder, Reading::Blocking)?;
        let watch = files.watch();
        let limits = Limits { log_bytes_max, ..Limits::default() };
        Ok((Engine::new(rules, limits, recording).with_store(Box::new(files)), Some(watch)))
    }
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

//! How much a reading of history may take.

use std::path::{Path, PathBuf};

use weir::backtest::data::Settings;
use weir::size::parse_size;

/// What reading may take.
#[derive(clap::Args)]
pub(super) struct Reading {
    /// Threads that read and sort; what comes of it does not depend on them
    #[arg(long, value_name = "N", default_value_t = Settings::default().threads)]
    threads: usize,
    /// Most memory for sorting and joining; what needs more goes through the disk
    #[arg(long, value_name = "BYTES", default_value = "1GiB", value_parser = bytes)]
    memory: usize,
    /// The folder that it goes through; by default the system's for such files
    #[arg(long, value_name = "DIR")]
    spill: Option<PathBuf>,
}

impl Reading {
    /// As data sets take it.
    pub(super) fn settings(&self) -> Settings {
        let Self { threads, memory, spill } = self;
        Settings { threads: *threads, memory_bytes: *memory, spill: spill.clone(), ..Settings::default() }
    }
}

fn bytes(text: &str) -> Result<usize, String> {
    let bytes = parse_size(text).and_then(|bytes| usize::try_from(bytes).ok());
    bytes
        .ok_or_else(|| "give a whole number of bytes, or one with KiB, MiB or GiB, such as 512MiB".to_owned())
}

/// Whether two paths lead to the same file, which is there.
pub(super) fn is_same_file(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

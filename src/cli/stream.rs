//! Opening a stream of events for a command.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use weir::event::Schema;
use weir::io::{EventReader, FileFormat, Format, Mapping, OnBadLine};

/// Where events come from.
#[derive(Args)]
pub(super) struct Source {
    /// Events: .ndjson or .csv, plain or .gz; `-` or none is standard input, NDJSON unless there is a mapping
    #[arg(long, short, value_name = "FILE")]
    input: Option<PathBuf>,
    /// For CSV: which column is which field, in which unit (see datasets/handbook.mapping.toml)
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// What to do about a line that is no event: report and go on, or stop
    #[arg(long, value_enum, default_value_t = BadLine::Fail)]
    pub(super) on_bad_line: BadLine,
}

/// What to do about a bad line.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum BadLine {
    /// Report it and go on
    Skip,
    /// Stop
    Fail,
}

impl BadLine {
    pub(super) fn policy(self) -> OnBadLine {
        match self {
            Self::Skip => OnBadLine::Skip,
            Self::Fail => OnBadLine::Fail,
        }
    }
}

impl Source {
    /// This file, with a mapping where it is CSV.
    pub(super) fn new(input: PathBuf, mapping: Option<PathBuf>, on_bad_line: BadLine) -> Self {
        Self { input: Some(input), mapping, on_bad_line }
    }

    /// Whether it is named.
    pub(super) fn is_named(&self) -> bool {
        self.input.is_some()
    }

    fn input(&self) -> &Path {
        self.input.as_deref().unwrap_or(Path::new("-"))
    }

    /// Whether it is this file.
    pub(super) fn is(&self, path: &Path) -> bool {
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        real(path).is_some_and(|path| Some(path) == real(self.input()))
    }

    /// Opens it for events with these extra fields.
    pub(super) fn open(&self, schema: Arc<Schema>) -> anyhow::Result<EventReader> {
        let format = self.format()?;
        Ok(EventReader::open(self.input(), &format, schema)?)
    }

    fn format(&self) -> anyhow::Result<Format> {
        let input = self.input();
        let guessed = FileFormat::of(input);
        match (guessed, &self.mapping) {
            (Some(FileFormat::Ndjson), Some(_)) if input.as_os_str() != "-" => {
                bail!("{} is NDJSON by its name, and a mapping is for CSV", input.display())
            }
            (_, Some(mapping)) => Ok(Format::Csv(Box::new(read_mapping(mapping)?))),
            (Some(FileFormat::Ndjson), None) => Ok(Format::Ndjson),
            (Some(FileFormat::Csv), None) => {
                bail!("{} is CSV: name a mapping file with --mapping", input.display())
            }
            (None, None) => {
                bail!("{} has no known ending: name it .ndjson, .csv, or either with .gz", input.display())
            }
        }
    }
}

fn read_mapping(path: &Path) -> anyhow::Result<Mapping> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("can't read the mapping {}", path.display()))?;
    Mapping::parse(&text).with_context(|| format!("in the mapping {}", path.display()))
}

//! Events whose answers are not on disk: held until they are, and once the journal has failed written to a file, to be sent
//! again with what was answered.
//!
//! Promises that the file has them in the order of arrival, that it lasts once [`Resend::sync`] has said so, and that one
//! which holds events still is not written over.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::error::Poisoned;
use super::failure::sent_again;
use super::recorded::Step;
use crate::event::Event;
use crate::io::{Disk, DiskFile, FileFormat, say_token_key};

/// Why events can't be kept to be sent again.
#[derive(Debug, Error)]
pub enum ResendError {
    /// The file holds events of before.
    #[error("{} holds events that were to be sent again: score them with the journal (--resent --input {}), then move the file away", path.display(), path.display())]
    Holds {
        /// The file.
        path: PathBuf,
    },
    /// Its name is none that events are read from.
    #[error("{} could not be sent again under that name; end it in .ndjson", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// The disk refused.
    #[error("can't {doing} {}", path.display())]
    Disk {
        /// What was to be done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the disk says.
        source: io::Error,
    },
    /// The disk refused what was answered.
    #[error("can't write {}, and without it and the journal nothing more is answered", path.display())]
    Lost {
        /// The file.
        path: PathBuf,
        /// What the disk says.
        source: io::Error,
    },
}

/// An event that is not known to be on disk, and the answer to it.
struct Unsure {
    number: u64,
    again: Vec<u8>,
    line: Vec<u8>,
}

/// The file, and what may have to go there.
pub struct Resend {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    /// The id of the key that identifiers are tokens of, which each line says.
    tokens: Option<String>,
    /// What is to be written to it.
    buffer: Vec<u8>,
    held: VecDeque<Unsure>,
    /// Why the journal has failed, once it has.
    failed: Option<Poisoned>,
    events: u64,
    answers: u64,
    /// Answers that had gone out before that was known, as they may in async mode.
    before: u64,
}

impl Resend {
    /// Refuses a file that holds events still, or has a name that it could not be sent again under; whether there is an empty one.
    pub fn check(disk: &dyn Disk, path: &Path) -> Result<bool, ResendError> {
        // As `weir score --input` will read it: a line each, and not packed.
        let packed = path.extension().is_none_or(|ending| ending.eq_ignore_ascii_case("gz"));
        if packed || FileFormat::of(path) != Some(FileFormat::Ndjson) {
            return Err(ResendError::Name { path: path.to_owned() });
        }
        match disk.length(path) {
            Ok(0) => Ok(true),
            Ok(_) => Err(ResendError::Holds { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(ResendError::Disk { doing: "look at", path: path.to_owned(), source }),
        }
    }

    /// Makes the file. One that holds events still is left as it is, and refused. `tokens` is the id of the key that
    /// identifiers are tokens of, where they are.
    pub fn create(disk: Arc<dyn Disk>, path: &Path, tokens: Option<String>) -> Result<Self, ResendError> {
        let cant = |doing| move |source| ResendError::Disk { doing, path: path.to_owned(), source };
        if Self::check(&*disk, path)? {
            disk.remove(path).map_err(cant("write"))?;
        }
        let file = disk.create(path).and_then(|file| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            disk.sync_folder(folder.unwrap_or(Path::new("."))).map(|()| file)
        });
        let file = file.map_err(cant("write"))?;
        let (path, buffer, held) = (path.to_owned(), Vec::new(), VecDeque::new());
        Ok(Self { disk, path, file, tokens, buffer, held, failed: None, events: 0, answers: 0, before: 0 })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the journal has failed.
    pub fn failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Holds an event and its answer.
    pub fn hold(&mut self, event: &Event, bytes: &[u8], step: &Step<'_>) {
        let (mut again, line) = (Vec::with_capacity(bytes.len() + 24), step.line.to_vec());
        sent_again(event, bytes, step.answer, &mut again);
        self.held.push_back(Unsure { number: step.number, again, line });
    }

    /// All up to this record is on disk, and its answers have gone out.
    pub fn forget(&mut self, number: u64) {
        while self.held.front().is_some_and(|unsure| unsure.number <= number) {
            self.held.pop_front();
        }
    }

    /// The journal has failed. Answers up to the record `given` have gone out; those that have not are put into `out`, and say
    /// so where they are not durable.
    pub fn fail(&mut self, poisoned: Poisoned, given: u64, out: &mut Vec<u8>) {
        let durable = poisoned.durable;
        self.failed = Some(poisoned);
        self.release(durable, given, out);
    }

    /// Puts what is held where it belongs.
    pub fn release(&mut self, durable: u64, given: u64, out: &mut Vec<u8>) {
        for Unsure { number, again, line } in self.held.drain(..) {
            let lasts = number <= durable;
            if !lasts {
                let mut again = again;
                if let Some(id) = &self.tokens {
                    say_token_key(&mut again, id);
                }
                self.buffer.extend_from_slice(&again);
                self.events += 1;
                self.answers += u64::from(!line.is_empty());
            }
            if number <= given {
                self.before += u64::from(!lasts && !line.is_empty());
                continue;
            }
            match line.strip_suffix(b"}\n") {
                Some(inside) if !lasts => {
                    out.extend_from_slice(inside);
                    out.extend_from_slice(b",\"durable\":false}\n");
                }
                _ => out.extend_from_slice(&line),
            }
        }
    }

    /// Makes what is in the file last: before the answers go out.
    pub fn sync(&mut self) -> Result<(), ResendError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(&self.buffer).and_then(|()| self.file.sync());
        self.buffer.clear();
        written.map_err(|source| ResendError::Lost { path: self.path.clone(), source })
    }

    /// What went out without the journal; nothing where it is well, and then no file is left.
    pub fn finish(mut self) -> Result<Option<Unkept>, ResendError> {
        self.sync()?;
        let Self { disk, path, events, answers, before, failed, .. } = self;
        match failed {
            Some(poisoned) => Ok(Some(Unkept { path, events, answers, before, poisoned })),
            None => match disk.remove(&path) {
                Ok(()) => Ok(None),
                Err(source) => Err(ResendError::Disk { doing: "remove", path, source }),
            },
        }
    }
}

/// What was answered without the journal.
#[derive(Debug)]
pub struct Unkept {
    /// The file that holds the events.
    pub path: PathBuf,
    /// How many.
    pub events: u64,
    /// How many were answered.
    pub answers: u64,
    /// How many of these answers had gone out before it was known, and don't say that they are not durable.
    pub before: u64,
    /// Why the journal has failed.
    pub poisoned: Poisoned,
}

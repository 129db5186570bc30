//! Events whose answers are not on disk: held until they are, and once the journal has failed written to a file, to be sent
//! again with what was answered.
//!
//! Promises that an event is on the file's disk before an answer to it goes out that says it is not durable, and that the
//! file has them in the order of arrival.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use weir::event::Event;
use weir::io::{Disk, DiskFile, FileFormat, RealDisk, say_token_key};
use weir::journal::{Poisoned, Step, sent_again};

/// An event that is not known to be on disk, and the answer to it.
struct Unsure {
    number: u64,
    again: Vec<u8>,
    line: Vec<u8>,
}

/// The file, and what may have to go there.
pub(super) struct Resend {
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
    pub(super) fn check(path: &Path) -> anyhow::Result<bool> {
        let shown = path.display();
        // As `--input` will read it: a line each, and not packed.
        let packed = path.extension().is_none_or(|ending| ending.eq_ignore_ascii_case("gz"));
        if packed || FileFormat::of(path) != Some(FileFormat::Ndjson) {
            bail!("{shown} could not be sent again under that name; end it in .ndjson");
        }
        match RealDisk.length(path) {
            Ok(0) => Ok(true),
            Ok(_) => bail!(
                "{shown} holds events that were to be sent again: score them with the journal (--resent --input {shown}), then move the file away"
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("can't look at {shown}")),
        }
    }

    /// Makes the file. One that holds events still is left as it is, and refused. `tokens` is the id of the key that
    /// identifiers are tokens of, where they are.
    pub(super) fn create(path: &Path, tokens: Option<String>) -> anyhow::Result<Self> {
        let shown = path.display();
        if Self::check(path)? {
            RealDisk.remove(path).with_context(|| format!("can't write {shown}"))?;
        }
        let file = RealDisk.create(path).and_then(|file| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            RealDisk.sync_folder(folder.unwrap_or(Path::new("."))).map(|()| file)
        });
        let file = file.with_context(|| format!("can't write {shown}"))?;
        let (path, buffer, held) = (path.to_owned(), Vec::new(), VecDeque::new());
        Ok(Self { path, file, tokens, buffer, held, failed: None, events: 0, answers: 0, before: 0 })
    }

    /// Whether the journal has failed.
    pub(super) fn failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Holds an event and its answer.
    pub(super) fn hold(&mut self, event: &Event, bytes: &[u8], step: &Step<'_>) {
        let (mut again, line) = (Vec::with_capacity(bytes.len() + 24), step.line.to_vec());
        sent_again(event, bytes, step.answer, &mut again);
        self.held.push_back(Unsure { number: step.number, again, line });
    }

    /// All up to this record is on disk, and its answers have gone out.
    pub(super) fn forget(&mut self, number: u64) {
        while self.held.front().is_some_and(|unsure| unsure.number <= number) {
            self.held.pop_front();
        }
    }

    /// The journal has failed: says so. Answers up to the record `given` have gone out; those that have not are put into
    /// `out`, and say so where they are not durable.
    pub(super) fn fail(&mut self, poisoned: Poisoned, given: u64, out: &mut Vec<u8>) -> anyhow::Result<()> {
        let (durable, path) = (poisoned.durable, self.path.display());
        writeln!(
            anstream::stderr(),
            "warning: {poisoned}; answers go on without it and say that they are not durable, and their events go to {path}"
        )?;
        self.failed = Some(poisoned);
        self.release(durable, given, out);
        Ok(())
    }

    /// Puts what is held where it belongs.
    pub(super) fn release(&mut self, durable: u64, given: u64, out: &mut Vec<u8>) {
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
    pub(super) fn sync(&mut self) -> anyhow::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(&self.buffer).and_then(|()| self.file.sync());
        self.buffer.clear();
        let path = self.path.display();
        written.with_context(|| {
            format!("can't write {path}, and without it and the journal nothing more is answered")
        })
    }

    /// What went out without the journal; nothing where it is well, and then no file is left.
    pub(super) fn finish(mut self) -> anyhow::Result<Option<Unkept>> {
        self.sync()?;
        let Self { path, events, answers, before, failed, .. } = self;
        match failed {
            Some(poisoned) => Ok(Some(Unkept { path, events, answers, before, poisoned })),
            None => {
                RealDisk.remove(&path).with_context(|| format!("can't remove {}", path.display()))?;
                Ok(None)
            }
        }
    }
}

/// What was answered without the journal.
pub(super) struct Unkept {
    path: PathBuf,
    events: u64,
    answers: u64,
    before: u64,
    /// Why.
    pub(super) poisoned: Poisoned,
}

impl Unkept {
    pub(super) fn summary(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { events, answers, before, poisoned, .. } = self;
        let path = self.path.display();
        write!(out, "not durable: {answers} answers, behind record {}", poisoned.durable)?;
        if *before > 0 {
            write!(out, " ({before} of them went out before it was known, and don't say so)")?;
        }
        writeln!(
            out,
            "; {events} events are in {path}: once the journal is well, score them with it (--resent --input {path})"
        )
    }
}

//! Answers on their way out: gathered, and with a journal held back until they are on disk.

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use weir::event::Event;
use weir::io::{Output, create};
use weir::journal::{JournalError, Poisoned, Recorded, RecordedError, Resend, Step, Unkept};

use super::resend;
use super::way::Way;

/// Bytes of answers gathered before they are written.
const BUFFER_BYTES: usize = 1 << 16;
/// Events gathered before the journal is told to write them: a group is what gathers while the one before is synced.
const GROUP_EVENTS: u32 = 512;
/// Groups on their way before events wait for the oldest.
const GROUPS_MAX: usize = 8;

const CANT: &str = "can't write decisions";

/// Lines that may go out once a record is on disk.
struct Held {
    lines: Vec<u8>,
    answers: u64,
    number: u64,
}

/// Where lines go, some of them at a time.
pub(super) struct Lines {
    out: Output,
    buffer: Vec<u8>,
    at_once: bool,
    /// Answers in the buffer, the record behind them, and the events since the last group.
    answers: u64,
    number: u64,
    events: u32,
    held: VecDeque<Held>,
    /// Answers that went out, and the record behind them.
    given: u64,
    given_number: u64,
    /// Where events go that are answered without the journal, if they are.
    resend: Option<Resend>,
}

impl Lines {
    pub(super) fn create(path: &Path, at_once: bool) -> anyhow::Result<Self> {
        Ok(Self {
            out: create(path)?,
            buffer: Vec::with_capacity(2 * BUFFER_BYTES),
            at_once,
            answers: 0,
            number: 0,
            events: 0,
            held: VecDeque::new(),
            given: 0,
            given_number: 0,
            resend: None,
        })
    }

    /// Answers go on where the journal fails, and their events go there.
    pub(super) fn resending(self, resend: Option<Resend>) -> Self {
        Self { resend, ..self }
    }

    /// What is gathered.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Gathers an answer, if there is one, that may go out once its record is on disk.
    pub(super) fn push(&mut self, event: &Event, bytes: &[u8], step: &Step<'_>) {
        self.answers += u64::from(!step.line.is_empty());
        self.events += 1;
        if let Some(resend) = &mut self.resend {
            resend.hold(event, bytes, step);
            if resend.failed() {
                return resend.release(self.number, self.given_number, &mut self.buffer);
            }
        }
        self.number = step.number;
        self.buffer.extend_from_slice(step.line);
    }

    /// Writes what may go out, if it is enough or nothing may wait.
    pub(super) fn settle(&mut self, way: &mut Way<'_>) -> anyhow::Result<()> {
        let recorded = match way {
            Way::Recorded(recorded) if !self.alone() => recorded,
            _ => return self.settle_plain(),
        };
        if self.at_once || self.buffer.len() >= BUFFER_BYTES || self.events >= GROUP_EVENTS {
            self.hand_over(recorded)?;
            let all = if self.at_once { 0 } else { GROUPS_MAX };
            self.give(recorded, all)?;
            if self.alone() {
                self.settle_plain()?;
            }
        }
        Ok(())
    }

    /// The same without a journal.
    pub(super) fn settle_plain(&mut self) -> anyhow::Result<()> {
        if self.at_once || self.buffer.len() >= BUFFER_BYTES {
            self.resend.as_mut().map_or(Ok(()), Resend::sync)?;
            self.out.write_all(&self.buffer).context(CANT)?;
            self.buffer.clear();
        }
        if self.at_once {
            self.out.flush().context(CANT)?;
        }
        Ok(())
    }

    /// Hands what was stepped to the disk.
    fn hand_over(&mut self, recorded: &mut Recorded) -> anyhow::Result<()> {
        // Where nothing gathers it is waited for at once.
        let handed = if self.at_once { recorded.commit() } else { recorded.submit() };
        if let Err(poisoned) = handed {
            return self.failed(poisoned);
        }
        let lines = std::mem::replace(&mut self.buffer, Vec::with_capacity(2 * BUFFER_BYTES));
        self.held.push_back(Held { lines, answers: std::mem::take(&mut self.answers), number: self.number });
        self.events = 0;
        Ok(())
    }

    /// Gives out what is on disk, and waits where more groups than this are on their way.
    fn give(&mut self, recorded: &Recorded, groups: usize) -> anyhow::Result<()> {
        let waits = recorded.waits();
        while let Some(front) = self.held.front() {
            if waits && front.number > recorded.durable() {
                if self.held.len() <= groups {
                    return Ok(());
                }
                if let Err(poisoned) = recorded.wait(front.number) {
                    return self.failed(poisoned);
                }
            }
            if let Some(Held { lines, answers, number }) = self.held.pop_front() {
                self.out.write_all(&lines).context(CANT)?;
                self.given += answers;
                self.given_number = number;
            }
        }
        if let Some(resend) = &mut self.resend {
            resend.forget(self.given_number.min(recorded.durable()));
        }
        if self.at_once {
            self.out.flush().context(CANT)?;
        }
        Ok(())
    }

    /// Writes all that is left; gives what went out without the journal, if anything did.
    pub(super) fn finish(mut self, way: &mut Way<'_>) -> anyhow::Result<Option<Unkept>> {
        if let Way::Recorded(recorded) = way
            && !self.alone()
        {
            self.hand_over(recorded)?;
            self.give(recorded, 0)?;
            // Whether what went out is on disk, where nobody waited for it.
            if self.resend.is_some()
                && !self.alone()
                && let Err(poisoned) = recorded.sync(self.number)
            {
                self.failed(poisoned)?;
            }
        }
        let resend = self.resend.take();
        let unkept = resend.map_or(Ok(None), Resend::finish)?;
        self.finish_plain()?;
        Ok(unkept)
    }

    /// The same without a journal.
    pub(super) fn finish_plain(mut self) -> anyhow::Result<()> {
        self.out.write_all(&self.buffer).context(CANT)?;
        self.out.finish().context(CANT)
    }

    /// Whether the journal has failed, and answers go on without it.
    fn alone(&self) -> bool {
        self.resend.as_ref().is_some_and(Resend::failed)
    }

    /// The journal has failed. Answers that are not on disk say so, or are never given.
    fn failed(&mut self, poisoned: Poisoned) -> anyhow::Result<()> {
        let Some(resend) = &mut self.resend else { return Err(self.stop(poisoned)) };
        // They are held with their events as well.
        self.held.clear();
        self.buffer.clear();
        self.number = poisoned.durable;
        resend::warn(&poisoned, resend.path())?;
        resend.fail(poisoned, self.given_number, &mut self.buffer);
        Ok(())
    }

    /// What is said where answers that are not on disk are never given.
    fn stop(&mut self, poisoned: Poisoned) -> anyhow::Error {
        // What was given stays given; it may still be in the buffer of the way out.
        let flushed = self.out.flush();
        let told = if flushed.is_ok() { "" } else { " (and they can't be written)" };
        let (given, durable) = (self.given, poisoned.durable);
        anyhow::Error::new(poisoned).context(format!(
            "{given} answers were given{told}; the journal was known to be on disk up to record {durable}, and without it nothing more is answered"
        ))
    }

    /// The same of whatever a step failed with.
    pub(super) fn stopped(&mut self, error: anyhow::Error) -> anyhow::Error {
        match error.downcast::<RecordedError>() {
            Ok(RecordedError::Journal(JournalError::Poisoned(poisoned))) => self.stop(poisoned),
            Ok(other) => other.into(),
            Err(error) => error,
        }
    }
}

//! The two ways in which events are scored: in memory alone, or with every step in a journal.

use std::io::Write;

use weir::engine::Engine;
use weir::event::Event;
use weir::journal::{AnswerWriter, Recorded, Step};

use super::journaled;
use super::snapshots::Snapshots;

/// An engine, what writes its answers, and its snapshots.
pub(super) struct Plain<'a> {
    pub(super) engine: Engine,
    pub(super) snapshots: Snapshots<'a>,
    writer: AnswerWriter,
    line: Vec<u8>,
}

/// How events are scored.
pub(super) enum Way<'a> {
    /// In memory.
    Plain(Box<Plain<'a>>),
    /// With a journal.
    Recorded(Box<Recorded>),
}

impl<'a> Way<'a> {
    /// In memory.
    pub(super) fn in_memory(engine: Engine, snapshots: Snapshots<'a>) -> anyhow::Result<Self> {
        let writer = AnswerWriter::new(&engine)?;
        Ok(Self::Plain(Box::new(Plain { engine, snapshots, writer, line: Vec::new() })))
    }

    pub(super) fn engine(&self) -> &Engine {
        match self {
            Self::Plain(plain) => &plain.engine,
            Self::Recorded(recorded) => recorded.engine(),
        }
    }

    /// What is in memory alone.
    pub(super) fn plain(&mut self) -> Option<&mut Plain<'a>> {
        match self {
            Self::Plain(plain) => Some(plain),
            Self::Recorded(_) => None,
        }
    }

    /// What is in a journal.
    pub(super) fn recorded(&mut self) -> Option<&mut Recorded> {
        match self {
            Self::Plain(_) => None,
            Self::Recorded(recorded) => Some(recorded),
        }
    }

    /// Takes an event in, that `bytes` say.
    pub(super) fn step(&mut self, event: &Event, bytes: &[u8]) -> anyhow::Result<Step<'_>> {
        match self {
            Self::Recorded(recorded) => Ok(recorded.step(event, bytes)?),
            Self::Plain(plain) => {
                let Plain { engine, writer, line, .. } = &mut **plain;
                line.clear();
                writer.follow(engine)?;
                let answer = engine.step(event);
                writer.write(event, &answer, line)?;
                Ok(Step { answer, line, number: 0 })
            }
        }
    }

    /// Closes the journal, if there is one, and says what it did. One that has failed, and is left alone, is dropped.
    pub(super) fn close(self, left_alone: bool, report: &mut impl Write) -> anyhow::Result<()> {
        match self {
            Self::Recorded(recorded) if left_alone => {
                journaled::summary(&recorded.figures(), recorded.snapshots(), report)?;
            }
            Self::Recorded(recorded) => {
                let (figures, snapshots) = recorded.close()?;
                journaled::summary(&figures, &snapshots, report)?;
            }
            Self::Plain(plain) => plain.snapshots.summary(report)?,
        }
        Ok(())
    }
}

//! The calendar periods that now, or a time before it, is in: what cells over a day or a month are of.

use super::spec::Span;
use crate::time::{Calendar, Period, TIME_US_MIN};

/// The period of one calendar span.
#[derive(Clone, Copy, Debug)]
struct Turn {
    span: Span,
    period: Period,
}

/// The periods of all calendar spans that cells have.
#[derive(Debug)]
pub(crate) struct Turns {
    calendar: Calendar,
    turns: Vec<Turn>,
}

impl Turns {
    /// Those of these spans, at no time yet.
    pub(crate) fn new(spans: impl Iterator<Item = Span>, calendar: Calendar) -> Self {
        let mut spans: Vec<Span> = spans.filter(|span| span.is_calendar()).collect();
        spans.sort_unstable();
        spans.dedup();
        let turns = spans.into_iter().map(|span| Turn { span, period: Period::EMPTY }).collect();
        Self { calendar, turns }
    }

    /// The number of a calendar span.
    pub(crate) fn find(&self, span: Span) -> Option<usize> {
        self.turns.iter().position(|turn| turn.span == span)
    }

    /// Moves to now.
    #[inline]
    pub(crate) fn advance(&mut self, now_us: i64) {
        for turn in &mut self.turns {
            let end_us = now_us - turn.span.delay_us();
            if !turn.period.contains(end_us) && end_us >= TIME_US_MIN {
                turn.period = match turn.span {
                    Span::Month { .. } => self.calendar.month(end_us),
                    _ => self.calendar.day(end_us),
                };
            }
        }
    }

    /// The period of the span of this number.
    #[inline]
    pub(crate) fn period(&self, number: usize) -> Period {
        self.turns[number].period
    }

    /// What a record's word says of the period that its cells are of; never 0, which is none.
    #[inline]
    pub(crate) fn stamp(&self, number: usize) -> u64 {
        (self.period(number).start_us as u64).wrapping_add(1)
    }
}

//! Progress of long work: a bar or a counter on a terminal; elsewhere nothing, or a line now and then of what may take hours.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Events between two looks at the clock.
const EVENTS_A_TICK: u64 = 8_192;
/// Between two lines where standard error is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Counts events.
pub(super) struct Progress {
    bar: ProgressBar,
    events: u64,
}

impl Progress {
    /// A bar where the number of events is known, a counter elsewhere. Hidden where standard error is no terminal.
    pub(super) fn new(what: impl Into<Cow<'static, str>>, events: Option<u64>) -> Self {
        let template = if events.is_some() {
            "{msg} {wide_bar:.cyan/dim} {human_pos} of {human_len} events, {per_sec}, {eta} left"
        } else {
            "{spinner} {msg} {human_pos} events, {per_sec}"
        };
        let bar = bar(events, template);
        bar.set_message(what);
        Self { bar, events: 0 }
    }

    /// One more event.
    pub(super) fn event(&mut self) {
        self.events += 1;
        if self.events.is_multiple_of(EVENTS_A_TICK) {
            self.bar.set_position(self.events);
        }
    }

    /// So many events by now.
    #[cfg(feature = "backtest")]
    pub(super) fn reached(&mut self, events: u64) {
        self.events = events;
        self.bar.set_position(events);
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn bar(length: Option<u64>, template: &str) -> ProgressBar {
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// The share that is read of some bytes, in stages one after the other.
pub(super) struct Share {
    bar: ProgressBar,
    stage: &'static str,
    turns: u64,
    /// When the last line was printed, where lines are.
    told: Option<Instant>,
}

impl Share {
    /// A bar on a terminal, and a line every ten seconds elsewhere.
    #[expect(clippy::disallowed_methods, reason = "lines come now and then")]
    pub(super) fn new() -> Self {
        let bar = bar(Some(0), "{msg} {wide_bar:.cyan/dim} {percent} %, {bytes_per_sec}, {eta} left");
        let told = (!std::io::stderr().is_terminal()).then(Instant::now);
        Self { bar, stage: "", turns: 0, told }
    }

    /// So many bytes are read in a stage; another stage begins at its first byte.
    #[expect(clippy::disallowed_methods, reason = "lines come now and then")]
    pub(super) fn at(&mut self, stage: &'static str, bytes: u64, of_bytes: u64) {
        if self.stage != stage {
            self.stage = stage;
            self.bar.reset();
            self.bar.set_message(stage);
            self.turns = 0;
        }
        self.turns += 1;
        if !self.turns.is_multiple_of(EVENTS_A_TICK) {
            return;
        }
        self.bar.set_length(of_bytes);
        self.bar.set_position(bytes);
        if self.told.is_some_and(|told| told.elapsed() >= LINE_EVERY) {
            self.told = Some(Instant::now());
            // Whether anybody reads it does not matter to the work.
            let _ = writeln!(std::io::stderr(), "{}", line(stage, bytes, of_bytes));
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// What a line says of a share; never more than all of it, though what is read may grow meanwhile.
fn line(stage: &str, bytes: u64, of_bytes: u64) -> String {
    let percent = (u128::from(bytes) * 100).checked_div(u128::from(of_bytes)).unwrap_or(100).min(100);
    format!("{stage}: {percent} % of {of_bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_line_says_the_share_that_is_done() {
        assert_eq!(line("checking", 0, 200), "checking: 0 % of 200 bytes");
        assert_eq!(line("checking", 199, 200), "checking: 99 % of 200 bytes");
        assert_eq!(line("checking", u64::MAX, 3), "checking: 100 % of 3 bytes");
        assert_eq!(line("checking", 0, 0), "checking: 100 % of 0 bytes");
    }
}

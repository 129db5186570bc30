//! Progress of long work: a bar or a counter on a terminal, nothing elsewhere.

use std::borrow::Cow;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Events between two looks at the clock.
const EVENTS_A_TICK: u64 = 8_192;

/// Counts events.
pub(super) struct Progress {
    bar: ProgressBar,
    events: u64,
}

impl Progress {
    /// A bar where the number of events is known, a counter elsewhere. Hidden where standard error is no terminal.
    pub(super) fn new(what: impl Into<Cow<'static, str>>, events: Option<u64>) -> Self {
        let bar = events.map_or_else(ProgressBar::no_length, ProgressBar::new);
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let template = if events.is_some() {
            "{msg} {wide_bar:.cyan/dim} {human_pos} of {human_len} events, {per_sec}, {eta} left"
        } else {
            "{spinner} {msg} {human_pos} events, {per_sec}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
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

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

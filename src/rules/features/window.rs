//! `over` and `delay`: which part of the past a feature covers.

use std::ops::Range;

use super::Reader;
use crate::rules::document::{Table, Text, text};
use crate::rules::limits::WINDOW_US_MAX;
use crate::rules::named::Named;
use crate::rules::problem::Problem;
use crate::rules::ruleset::{Aggregate, Window};
use crate::time::format_duration;

impl<'d> Reader<'_, 'd> {
    /// The window, with how long before now it ends.
    pub(super) fn window(&mut self, table: &Table<'d>, aggregate: Aggregate) -> Option<(Window, i64)> {
        let window = self.over(table, aggregate);
        let delay_us = self.delay(table)?;
        let window = window?;
        if let Window::Sliding { length_us } = window
            && length_us + delay_us > WINDOW_US_MAX
        {
            let span = table.get("delay").map_or(table.span(), |item| item.span());
            let message =
                format!("a window reaches back at most {}, with its delay", format_duration(WINDOW_US_MAX));
            let label = format!("this one reaches back {}", format_duration(length_us + delay_us));
            return self.fail(Problem::error(span, message, label));
        }
        Some((window, delay_us))
    }

    fn over(&mut self, table: &Table<'d>, aggregate: Aggregate) -> Option<Window> {
        if table.get("over").is_none() && matches!(aggregate, Aggregate::IsNew | Aggregate::Since) {
            return Some(Window::Forever);
        }
        let item = table.required(self.problems, "over")?;
        let text = text(self.file, self.problems, item)?;
        let length_us = match text.value {
            "day" => return Some(Window::Day),
            "month" => return Some(Window::Month),
            "forever" => return Some(Window::Forever),
            _ => {
                let help = "write a duration such as 24h, `day`, `month`, `forever`, or the name of a duration parameter";
                self.duration(&text, "a window", help)?
            }
        };
        self.check_length(length_us, text.span, "a window")?;
        Some(Window::Sliding { length_us })
    }

    /// How long before now the window ends; 0 where it is not said.
    fn delay(&mut self, table: &Table<'d>) -> Option<i64> {
        if table.get("delay").is_none() {
            return Some(0);
        }
        let text = table.text(self.problems, "delay")?;
        let help = "write a duration such as 7d, or the name of a duration parameter";
        let delay_us = self.duration(&text, "a delay", help)?;
        self.check_length(delay_us, text.span, "a delay")?;
        Some(delay_us)
    }

    fn check_length(&mut self, length_us: i64, span: Range<usize>, what: &str) -> Option<()> {
        if (1..=WINDOW_US_MAX).contains(&length_us) {
            return Some(());
        }
        let message = format!("{what} is longer than 0 and at most {}", format_duration(WINDOW_US_MAX));
        self.fail(Problem::error(span, message, format!("this is {}", format_duration(length_us))))
    }

    /// A duration, or that of the parameter which is named.
    fn duration(&mut self, text: &Text<'d>, what: &str, help: &str) -> Option<i64> {
        let (scope, used, problems) = (self.scope, &mut *self.used, &mut *self.problems);
        Named { scope, used, problems }.duration(text, what, help)
    }
}

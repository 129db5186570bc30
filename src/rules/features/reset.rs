//! `reset`: what empties a feature for a key.

use toml::de::DeValue;

use super::{Reader, lists_asked, tables_read};
use crate::rules::document::{Table, Text, text};
use crate::rules::names::BuiltIn;
use crate::rules::problem::Problem;
use crate::rules::ruleset::{KeyField, Kinds, Reset};
use crate::rules::sections::Name;
use crate::rules::sql::{self, Reach};
use crate::rules::vocabulary;

impl<'d> Reader<'_, 'd> {
    /// Outer `None` where it is wrong, inner where there is none; `from` is what the feature is fed from.
    pub(super) fn reset(
        &mut self,
        table: &Table<'d>,
        name: &Name<'d>,
        from: Kinds,
        by: &[KeyField],
    ) -> Option<Option<(Reset, Option<sql::Compiled<'d>>)>> {
        let Some(item) = table.get("reset") else { return Some(None) };
        let mut on_execution = false;
        let (kinds, condition) = match item.get_ref() {
            DeValue::Table(_) => {
                let table = Table::of(self.file, self.problems, item, "a reset")?;
                table.check_keys(self.problems, &["on", "from", "where"], &[]);
                on_execution = table.get("on").is_some();
                let kinds = if on_execution { self.on_execution(&table) } else { self.from(&table, from) };
                let condition = match table.get("where") {
                    None => Some(None),
                    Some(item) => {
                        let text = text(self.file, self.problems, item)?;
                        self.reset_condition(&text, name).map(Some)
                    }
                };
                if table.len() == 0 {
                    let message = "a reset says when: by `on`, by `from` or by `where`";
                    return self.fail(Problem::error(item.span(), message, "empty"));
                }
                (kinds?, condition?)
            }
            DeValue::String(_) => {
                let text = text(self.file, self.problems, item)?;
                (from, Some(self.reset_condition(&text, name)?))
            }
            _ => {
                let message = "a reset is a condition, or a table with `on` or `from`, and `where`";
                let problem = Problem::error(item.span(), message, "neither");
                return self.fail(
                    problem.help("reset = { from = \"authentication\", where = \"result = 'succeeded'\" }"),
                );
            }
        };
        let lacking = by.iter().find_map(|field| match field {
            KeyField::Text(field) => vocabulary::lacking(BuiltIn::Text(*field), kinds),
            KeyField::Extra(_) => None,
        });
        if let Some(message) = lacking {
            let problem = Problem::warning(item.span(), message, "never resets");
            self.problems.push(problem.help("a reset acts where its event has the fields of `by`"));
        }
        let reset = Reset {
            from: kinds,
            on_execution,
            condition: condition.as_ref().map(|compiled| compiled.condition.clone()),
            tables: tables_read(condition.as_ref()),
            lists: lists_asked(condition.as_ref()),
        };
        Some(Some((reset, condition)))
    }

    /// The kinds of one that acts on an execution: it is the transaction's, not the report's.
    fn on_execution(&mut self, table: &Table<'d>) -> Option<Kinds> {
        table.word(self.problems, "on", &[("executed", ())], &[])?;
        if let Some(from) = table.get("from") {
            let message = "a reset `on` an execution has no `from`";
            let problem = Problem::error(from.span(), message, "not beside `on`");
            return self.fail(
                problem.help("it acts for the transaction that is executed; its `where` reads that one"),
            );
        }
        Some(Kinds::TRANSACTIONS)
    }

    fn reset_condition(&mut self, text: &Text<'d>, name: &Name<'d>) -> Option<sql::Compiled<'d>> {
        sql::compile(text, self.scope, Reach::Fields(name.text), self.used, self.problems)
    }
}

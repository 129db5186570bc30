//! `[locks]`: methods that meet nothing for a key after too many failures in a row.
//!
//! Promises that each lock locks methods that some requirement names, and that some event can open it again. Must never
//! know what a method is: it compares words.

use std::ops::Range;

use super::auth::{Requirements, method};
use super::document::{Table, Text, one_of, one_or_more, text};
use super::features::key_field;
use super::limits::{LOCK_FAILURES_MAX, LOCKS_MAX};
use super::named::Named;
use super::names::{BuiltIn, Scope, check_word, did_you_mean, near};
use super::problem::{Problem, Problems};
use super::ruleset::{KeyField, Kinds, Lock};
use super::sections::Name;
use super::sql::tree::Node;
use super::sql::{self, Compiled, Reach, Used};
use super::vocabulary;
use crate::event::Kind;

const KEYS: [&str; 4] = ["methods", "by", "failures", "opens"];

/// A lock of the file.
#[derive(Debug)]
pub(super) struct Declared<'d> {
    pub(super) lock: Lock,
    /// What the `where` of its `opens` compiled to.
    pub(super) opens: Option<Compiled<'d>>,
}

/// Reads the section. Locks stand in the order of their names.
pub(super) fn read<'d>(
    root: &Table<'d>,
    scope: &Scope,
    requirements: &Requirements<'d>,
    used: &mut Used,
    problems: &mut Problems,
) -> Vec<Declared<'d>> {
    let Some(section) = root.table(problems, "locks", "[locks]") else { return Vec::new() };
    if root.get("step_up").is_none() {
        let message = "[locks] count failed answers, and without [step_up] the engine asks for none";
        let problem = Problem::error(section.span(), message, "nothing to count");
        problems.push(problem.help("add [step_up] with expires = \"5m\""));
    }
    if section.len() > LOCKS_MAX {
        let message = format!("a rule file has at most {LOCKS_MAX} locks");
        problems.push(Problem::error(section.span(), message, format!("this has {}", section.len())));
        return Vec::new();
    }
    let mut reader = Reader { file: root.file, scope, requirements, used, problems };
    let mut locks = Vec::new();
    for (name, span, item) in section.entries() {
        if let Some(table) = Table::of(root.file, reader.problems, item, "a lock") {
            locks.extend(reader.lock(&Name { text: name, span }, &table));
        }
    }
    locks
}

struct Reader<'a, 'd> {
    file: &'d str,
    scope: &'a Scope,
    requirements: &'a Requirements<'d>,
    used: &'a mut Used,
    problems: &'a mut Problems,
}

impl<'d> Reader<'_, 'd> {
    fn fail<T>(&mut self, problem: Problem) -> Option<T> {
        self.problems.push(problem);
        None
    }

    fn lock(&mut self, name: &Name<'d>, table: &Table<'d>) -> Option<Declared<'d>> {
        table.check_keys(self.problems, &KEYS, &[]);
        let named = check_word(name.text);
        if let Err((message, help)) = &named {
            let problem = Problem::error(name.span.clone(), message.clone(), "this name");
            self.problems.push(problem.maybe_help(help.clone()));
        }
        let methods = self.methods(table);
        let by = self.by(table);
        let failures = self.failures(table);
        let opens = self.opens(table);
        let (opens_from, opens) = opens?;
        named.ok()?;
        let lock = Lock {
            name: name.text.to_owned(),
            methods: methods?,
            by: by?,
            failures: failures?,
            opens_from,
            opens_where: opens.as_ref().map(|compiled| compiled.condition.clone()),
        };
        Some(Declared { lock, opens })
    }

    /// The methods as bits of those that `[auth]` names.
    fn methods(&mut self, table: &Table<'d>) -> Option<u64> {
        let item = table.required(self.problems, "methods")?;
        let items = one_or_more(item);
        if items.is_empty() {
            return self.fail(Problem::error(item.span(), "`methods` names no method", "empty"));
        }
        let mut methods = 0;
        for item in items {
            let word = method(self.file, item, self.problems)?;
            let known = &self.requirements.methods;
            let Ok(bit) = known.binary_search_by(|known| known.as_str().cmp(word)) else {
                let message = format!("no requirement asks for `{word}`, so locking it changes nothing");
                let problem = Problem::error(item.span(), message, "not a method of [auth]");
                let near = did_you_mean(near(word, known.iter().map(String::as_str)));
                return self.fail(problem.maybe_help(near));
            };
            methods |= 1_u64.checked_shl(bit as u32).unwrap_or(0);
        }
        Some(methods)
    }

    /// The field whose values are locked or not.
    fn by(&mut self, table: &Table<'d>) -> Option<KeyField> {
        let name = table.required_text(self.problems, "by")?;
        let field = key_field(&name, self.scope, self.problems)?;
        let lacking = match field {
            KeyField::Text(field) => vocabulary::lacking(BuiltIn::Text(field), Kinds::TRANSACTIONS),
            KeyField::Extra(_) => None,
        };
        match lacking {
            Some(message) => self.fail(Problem::error(name.span, message, "nothing to lock")),
            None => Some(field),
        }
    }

    fn failures(&mut self, table: &Table<'d>) -> Option<u8> {
        table.required(self.problems, "failures")?;
        let mut named = Named { scope: self.scope, used: self.used, problems: self.problems };
        let (failures, span) = named.whole(table, "failures")?;
        match u8::try_from(failures).ok().filter(|failures| (1..=LOCK_FAILURES_MAX).contains(failures)) {
            None => {
                let message = format!("a lock takes 1 to {LOCK_FAILURES_MAX} failures");
                self.fail(Problem::error(span, message, "outside that"))
            }
            failures => failures,
        }
    }

    /// Which events open it.
    fn opens(&mut self, table: &Table<'d>) -> Option<(Kinds, Option<Compiled<'d>>)> {
        let item = table.required(self.problems, "opens")?;
        let table = Table::of(self.file, self.problems, item, "an opening")?;
        table.check_keys(self.problems, &["from", "where"], &[]);
        let from = table.required(self.problems, "from")?;
        let mut kinds = Kinds::default();
        let words = Kind::ALL.map(|kind| (kind.name(), kind));
        for item in one_or_more(from) {
            let word = text(self.file, self.problems, item)?;
            kinds = kinds.with(one_of(self.problems, &word, "a kind of event", &words, &[])?);
        }
        if kinds == Kinds::default() {
            return self.fail(Problem::error(from.span(), "`from` names no kind of event", "empty"));
        }
        let condition = match table.text(self.problems, "where") {
            None if table.get("where").is_some() => return None,
            None => None,
            Some(text) => Some(self.condition(&text, kinds)?),
        };
        Some((kinds, condition))
    }

    fn condition(&mut self, text: &Text<'d>, kinds: Kinds) -> Option<Compiled<'d>> {
        let compiled = sql::compile(text, self.scope, Reach::All, self.used, self.problems)?;
        let mut beyond: Option<(Range<usize>, &str)> = None;
        compiled.tree.walk(&mut |part| match part.node {
            Node::Feature(..) | Node::Quality(_) => beyond = Some((part.span.clone(), "a feature")),
            Node::Table(..) => beyond = Some((part.span.clone(), "a table")),
            _ => {}
        });
        if let Some((span, what)) = beyond {
            let message = "`opens` reads the event's own fields, parameters and lists";
            return self.fail(Problem::error(text.locate(span), message, format!("this is {what}")));
        }
        vocabulary::check(&compiled, kinds, self.problems);
        Some(compiled)
    }
}

//! Whose word a rule is, and when it acts: `tier`, `mode`, dates, `rollout`, `overrides`, `breaker`; and `[control]`.
//!
//! Promises that nothing weakens a mandatory rule. Must never know what a rule's condition says.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeValue;

use super::amounts::amount;
use super::document::{Item, Table, expected, one_or_more, text};
use super::features::key_field;
use super::limits::{BREAKER_US_MAX, BREAKER_US_MIN};
use super::names::{Scope, did_you_mean, near};
use super::problem::{Problem, Problems};
use super::rule::Declared;
use super::ruleset::{Action, Breaker, ControlGroup, Mode, OnUnknown, Pack, Share, Tier};
use super::table::UnknownRow;
use super::tables;
use crate::decision::Outcome;
use crate::time::{Calendar, format_duration, parse_duration};

/// The keys of a rule that are read here.
pub(super) const KEYS: [&str; 7] =
    ["tier", "mode", "valid_from", "valid_until", "rollout", "overrides", "breaker"];

const TIERS: [(&str, Tier); 3] =
    [("mandatory", Tier::Mandatory), ("override", Tier::Override), ("normal", Tier::Normal)];
const MODES: [(&str, Mode); 3] = [("live", Mode::Live), ("shadow", Mode::Shadow), ("off", Mode::Off)];

/// When a rule acts, and on whose word.
#[derive(Debug)]
pub(super) struct Conduct<'d> {
    pub(super) tier: Tier,
    pub(super) mode: Mode,
    pub(super) valid_from_us: Option<i64>,
    pub(super) valid_until_us: Option<i64>,
    pub(super) rollout: Option<Share>,
    /// The ids that `overrides` names, with their places.
    pub(super) overrides: Vec<(&'d str, Range<usize>)>,
    pub(super) breaker: Option<Breaker>,
}

/// What conduct is read with.
pub(super) struct Reader<'a> {
    pub(super) scope: &'a Scope,
    /// `None` where the file has no valid time zone, which was told.
    pub(super) calendar: Option<&'a Calendar>,
    pub(super) problems: &'a mut Problems,
}

impl Reader<'_> {
    fn fail<T>(&mut self, problem: Problem) -> Option<T> {
        self.problems.push(problem);
        None
    }

    /// Reads what a rule says of itself.
    pub(super) fn conduct<'d>(&mut self, table: &Table<'d>) -> Option<Conduct<'d>> {
        let tier = self.word(table, "tier", &TIERS);
        let mode = self.word(table, "mode", &MODES);
        let dates = dates(table, self.calendar, self.problems);
        let rollout = self.rollout(table);
        let breaker = self.breaker(table);
        let overrides = self.overrides(table);
        let (valid_from_us, valid_until_us) = dates?;
        Some(Conduct {
            tier: tier?,
            mode: mode?,
            valid_from_us,
            valid_until_us,
            rollout: rollout?,
            overrides: overrides?,
            breaker: breaker?,
        })
    }

    fn word<T: Copy + Default>(
        &mut self,
        table: &Table<'_>,
        key: &str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        match table.get(key) {
            None => Some(T::default()),
            Some(_) => table.word(self.problems, key, words, &[]),
        }
    }

    fn rollout(&mut self, table: &Table<'_>) -> Option<Option<Share>> {
        let Some(item) = table.get("rollout") else { return Some(None) };
        let table = Table::of(table.file, self.problems, item, "a rollout")?;
        table.check_keys(self.problems, &["percent", "by"], &[]);
        let (ppm, by) = (self.percent(&table), self.by(&table));
        Some(Some(Share { ppm: ppm?, by: by? }))
    }

    fn breaker(&mut self, table: &Table<'_>) -> Option<Option<Breaker>> {
        let Some(item) = table.get("breaker") else { return Some(None) };
        let table = Table::of(table.file, self.problems, item, "a breaker")?;
        table.check_keys(self.problems, &["percent", "over", "least"], &[]);
        let ppm_max = self.percent(&table);
        let over_us = self.over(&table);
        let decisions_min = match table.get("least") {
            None => Some(100),
            Some(_) => {
                let (least, span) = table.integer(self.problems, "least")?;
                match u32::try_from(least) {
                    Ok(least) if least > 0 => Some(least),
                    _ => self.fail(Problem::error(span, "`least` is a number of decisions", "not one")),
                }
            }
        };
        Some(Some(Breaker { ppm_max: ppm_max?, over_us: over_us?, decisions_min: decisions_min? }))
    }

    fn over(&mut self, table: &Table<'_>) -> Option<i64> {
        let text = table.required_text(self.problems, "over")?;
        match parse_duration(text.value) {
            Ok(us) if (BREAKER_US_MIN..=BREAKER_US_MAX).contains(&us) => Some(us),
            Ok(_) => {
                let (least, most) = (format_duration(BREAKER_US_MIN), format_duration(BREAKER_US_MAX));
                let message = format!("a breaker looks back {least} to {most}");
                self.fail(Problem::error(text.span, message, "outside that"))
            }
            Err(error) => self.fail(Problem::error(text.span, error.to_string(), "not a duration")),
        }
    }

    fn by(&mut self, table: &Table<'_>) -> Option<super::KeyField> {
        let name = table.required_text(self.problems, "by")?;
        key_field(&name, self.scope, self.problems)
    }

    /// A share in millionths, written as a percentage above 0 and up to 100, with at most four decimals.
    fn percent(&mut self, table: &Table<'_>) -> Option<u32> {
        let item = table.required(self.problems, "percent")?;
        let written = match item.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => return expected(self.problems, item, "a percentage"),
        };
        match ppm(written) {
            Some(ppm) => Some(ppm),
            None => {
                let message = "a percentage is above 0 and at most 100, with at most four decimals";
                self.fail(Problem::error(item.span(), message, "not one"))
            }
        }
    }

    fn overrides<'d>(&mut self, table: &Table<'d>) -> Option<Vec<(&'d str, Range<usize>)>> {
        let Some(item) = table.get("overrides") else { return Some(Vec::new()) };
        let items = one_or_more(item);
        if items.is_empty() {
            return self.fail(Problem::error(item.span(), "`overrides` names no rule", "empty"));
        }
        let id = |item: Item<'d>| text(table.file, self.problems, item).map(|id| (id.value, id.span));
        items.into_iter().map(id).collect()
    }

    /// Reads `[control]`.
    pub(super) fn control(&mut self, root: &Table<'_>) -> Option<ControlGroup> {
        let table = root.table(self.problems, "control", "[control]")?;
        table.check_keys(self.problems, &["percent", "by", "amount_max"], &[]);
        let (ppm, by) = (self.percent(&table), self.by(&table));
        let item = table.required(self.problems, "amount_max")?;
        let amount_minor_max = amount(item, self.scope.currency?, self.problems)?;
        Some(ControlGroup { share: Share { ppm: ppm?, by: by? }, amount_minor_max })
    }
}

/// When something begins to hold, and when it ends; `None` where that is wrong.
pub(super) fn dates(
    table: &Table<'_>,
    calendar: Option<&Calendar>,
    problems: &mut Problems,
) -> Option<(Option<i64>, Option<i64>)> {
    let from = date(table, "valid_from", calendar, problems);
    let until = date(table, "valid_until", calendar, problems);
    let (from, until) = (from?, until?);
    if from.zip(until).is_some_and(|(from, until)| from >= until) {
        let span = table.get("valid_until").map_or(table.span(), |item| item.span());
        problems.push(Problem::error(span, "`valid_until` is not after `valid_from`", "it never holds"));
        return None;
    }
    Some((from, until))
}

/// Outer `None` where it is wrong, inner where it is not said.
fn date(
    table: &Table<'_>,
    key: &str,
    calendar: Option<&Calendar>,
    problems: &mut Problems,
) -> Option<Option<i64>> {
    let Some(item) = table.get(key) else { return Some(None) };
    let DeValue::Datetime(written) = item.get_ref() else {
        return expected(problems, item, "a date, such as 2027-01-31 without quotes");
    };
    if written.date.is_none() {
        return expected(problems, item, "a date, not a time of day");
    }
    match calendar?.instant(&written.to_string()) {
        Ok(us) => Some(Some(us)),
        Err(error) => {
            problems.push(Problem::error(item.span(), error.to_string(), "not a date"));
            None
        }
    }
}

impl Conduct<'_> {
    /// Keeps the dates within those of the file; tells where nothing is left.
    pub(super) fn keep_within(&mut self, pack: &Pack, table: &Table<'_>, problems: &mut Problems) {
        self.valid_from_us = self.valid_from_us.max(pack.valid_from_us);
        let until = [self.valid_until_us, pack.valid_until_us];
        self.valid_until_us = until.into_iter().flatten().min();
        if self.valid_from_us.zip(self.valid_until_us).is_some_and(|(from, until)| from >= until) {
            let key = if table.get("valid_until").is_some() { "valid_until" } else { "valid_from" };
            let span = table.get(key).map_or(table.span(), |item| item.span());
            let message = format!("this rule's dates are outside those of its file, `{}`", pack.name);
            problems.push(Problem::error(span, message, "it never holds"));
        }
    }
}

/// `12.5` → 125,000.
fn ppm(percent: &str) -> Option<u32> {
    let (whole, decimals) = percent.split_once('.').unwrap_or((percent, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if decimals.len() > 4 || !digits(whole) || !digits(decimals) {
        return None;
    }
    let whole: u32 = whole.replace('_', "").parse().ok()?;
    let decimals: u32 = format!("{decimals:0<4}").parse().ok()?;
    let ppm = whole.checked_mul(10_000)?.checked_add(decimals)?;
    (1..=1_000_000).contains(&ppm).then_some(ppm)
}

/// What a rule that fires does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    pub(super) then: Option<Action>,
    pub(super) score: i64,
    /// Whether it tags or obliges.
    pub(super) duties: bool,
}

/// What a rule must and must not say beside its tier; gives what its unknown condition means.
pub(super) fn check(
    table: &Table<'_>,
    conduct: &Conduct<'_>,
    Demand { then, score, duties }: Demand,
    on_unknown: Option<OnUnknown>,
    problems: &mut Problems,
) -> Option<OnUnknown> {
    let span = |key: &str| table.get(key).map_or(table.span(), |item| item.span());
    let mut refuse = |key: &str, message: &str, label: &str| {
        problems.push(Problem::error(span(key), message, label));
    };
    let mut fine = true;
    let mut must = |holds: bool, key: &str, message: &str, label: &str| {
        if !holds {
            refuse(key, message, label);
            fine = false;
        }
    };
    let allows = then == Some(Action::Outcome(Outcome::Allow));
    match conduct.tier {
        Tier::Mandatory => {
            let law = "the law's rules hold for everyone, always";
            must(conduct.mode == Mode::Live, "mode", "a mandatory rule is live", law);
            must(conduct.rollout.is_none(), "rollout", "a mandatory rule has no rollout", law);
            must(conduct.breaker.is_none(), "breaker", "a mandatory rule has no breaker", law);
            let unknown = on_unknown != Some(OnUnknown::Silent);
            must(unknown, "on_unknown", "an unknown condition never silences a mandatory rule", "not silent");
            let demands = then.is_some() || duties;
            must(demands, "when", "a mandatory rule demands something outright", "`then` is missing");
        }
        Tier::Override => {
            must(allows, "then", "an override allows", "write then = \"allow\"");
            must(
                !conduct.overrides.is_empty(),
                "tier",
                "an override names what it overrides",
                "`overrides` is missing",
            );
            let ends = conduct.valid_until_us.is_some();
            must(ends, "tier", "an override ends on a date", "`valid_until` is missing");
            must(score == 0, "score", "an override has no score", "it only lets through");
            let known = on_unknown != Some(OnUnknown::Fires);
            must(known, "on_unknown", "what is not known lets nothing through", "an override stays silent");
        }
        Tier::Normal => {}
    }
    if conduct.tier != Tier::Override {
        must(!allows, "then", "only an override allows", "give it tier = \"override\"");
        let names_none = conduct.overrides.is_empty();
        must(names_none, "overrides", "only an override overrides", "give it tier = \"override\"");
    }
    let default = if conduct.tier == Tier::Mandatory { OnUnknown::Fires } else { OnUnknown::Silent };
    fine.then(|| on_unknown.unwrap_or(default))
}

/// Tells the tables by which an unknown condition could silence a mandatory rule.
pub(super) fn check_tables(rules: &[Declared<'_>], tables: &[tables::Declared<'_>], problems: &mut Problems) {
    for declared in rules.iter().filter(|declared| declared.rule.tier == Tier::Mandatory) {
        let read = declared.rule.tables.iter().filter_map(|at| tables.get(usize::from(*at)));
        for table in read.filter(|table| table.table.on_unknown == UnknownRow::Next) {
            let (id, name) = (&declared.rule.id, table.name.text);
            let message = format!(
                "mandatory rule `{id}` reads table `{name}`, which passes over a row that is unknown"
            );
            let span = declared.condition.text.span.clone();
            let problem = Problem::error(span, message, "could be silenced so");
            problems.push(problem.help("give the table on_unknown = \"strictest\" or \"unknown\""));
        }
    }
}

/// Finds the rules that overrides name, once all are read.
pub(super) fn link(rules: &mut [Declared<'_>], problems: &mut Problems) {
    let known: BTreeMap<String, (u16, Tier)> = rules
        .iter()
        .enumerate()
        .map(|(at, declared)| (declared.rule.id.clone(), (at as u16, declared.rule.tier)))
        .collect();
    for declared in rules {
        for (id, span) in std::mem::take(&mut declared.overrides) {
            let problem = match known.get(id) {
                Some((at, Tier::Normal)) => {
                    declared.rule.overrides.push(*at);
                    declared.overridden.push((*at, span));
                    continue;
                }
                Some((_, Tier::Mandatory)) => {
                    Problem::error(span, format!("rule `{id}` is mandatory"), "nothing overrides the law")
                }
                Some((_, Tier::Override)) => {
                    Problem::error(span, format!("rule `{id}` is an override itself"), "it stops nothing")
                }
                None => {
                    let near = did_you_mean(near(id, known.keys().map(String::as_str)));
                    let message = format!("no rule has the id `{}`", id.escape_debug());
                    Problem::error(span, message, "not a rule").maybe_help(near)
                }
            };
            problems.push(problem);
        }
        declared.rule.overrides.sort_unstable();
        declared.rule.overrides.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_exact() {
        assert_eq!(ppm("10"), Some(100_000));
        assert_eq!(ppm("0.0001"), Some(1));
        assert_eq!(ppm("100.0"), Some(1_000_000));
        for text in ["0", "0.0", "100.0001", "-1", "1e1", "0.00001", "", "nan"] {
            assert_eq!(ppm(text), None, "{text}");
        }
    }
}

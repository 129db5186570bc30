//! What each file of a rule set says of itself: its name, its dates, its tenants; and that a tenant's file loosens nothing.
//!
//! Promises that a file for some tenants can only add to what the others ask for: it says nothing that is the whole's,
//! takes no score away, lets nothing through but its own rules, and brings in no file that could. Must never know what
//! a condition says.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{Table, expected, one_or_more, text};
use super::limits::TENANTS_MAX;
use super::problem::{Problem, Problems};
use super::rule::Declared;
use super::ruleset::Pack;
use super::sections::{HEAD_KEYS, Head, languages, rule_set_name};
use super::sources::Sources;
use super::tier;
use crate::event::{Form, check_text};

/// What the head of a tenant's file says nothing of.
const OF_THE_WHOLE: [&str; 3] = ["feedback", "remember", "pending_for"];

/// The sections that a tenant's file has none of.
const NOT_A_TENANTS: [&str; 6] = ["policy", "control", "set", "step_up", "locks", "rates"];

/// The files of a rule set.
#[derive(Debug)]
pub(super) struct Packs<'s> {
    sources: &'s Sources,
    /// Each after those that it extends.
    pub(super) packs: Vec<Pack>,
    /// The place among them of each file, by position.
    places: Vec<usize>,
}

impl<'s> Packs<'s> {
    /// Reads what the files say of themselves, and tells what they must not say.
    pub(super) fn read(
        sources: &'s Sources,
        documents: &[Spanned<DeTable<'_>>],
        head: Option<&Head>,
        problems: &mut Problems,
    ) -> Self {
        sources.check(problems);
        let mut packs = Vec::new();
        let mut places = vec![0; documents.len()];
        let mut spans: Vec<(String, Range<usize>)> = Vec::new();
        for &at in sources.order() {
            let Some(document) = documents.get(at) else { continue };
            if let Some(place) = places.get_mut(at) {
                *place = packs.len();
            }
            let mut reader = Reader { sources, head, problems };
            let pack = reader.pack(at, document, &mut spans);
            packs.push(pack);
        }
        let read = Self { sources, packs, places };
        read.check_ways(documents, problems);
        read
    }

    /// By pack, the languages in which each of its rules is to have its reason, where it says.
    pub(super) fn languages<'d>(
        &self,
        documents: &'d [Spanned<DeTable<'d>>],
        problems: &mut Problems,
    ) -> Vec<Option<Vec<&'d str>>>
    where
        's: 'd,
    {
        let of_file = |at: &usize| {
            let head = documents.get(*at)?.get_ref().get("ruleset")?;
            let DeValue::Table(_) = head.get_ref() else { return None };
            let table = Table::of(self.sources.text(), problems, head, "[ruleset]")?;
            languages(&table, problems)
        };
        self.sources.order().iter().map(of_file).collect()
    }

    /// The place among all packs of the one in which something stands.
    pub(super) fn place_of(&self, span: &Range<usize>) -> usize {
        self.places.get(self.sources.position_at(span.start)).copied().unwrap_or_default()
    }

    /// Tells files that only a tenant's file brings in: they could say what it must not.
    fn check_ways(&self, documents: &[Spanned<DeTable<'_>>], problems: &mut Problems) {
        let is_tenants = |file: usize| {
            self.places
                .get(file)
                .and_then(|at| self.packs.get(*at))
                .is_some_and(|pack| !pack.tenants.is_empty())
        };
        let mut reached = vec![false; documents.len()];
        let mut open = vec![0];
        while let Some(file) = open.pop() {
            if std::mem::replace(&mut reached[file], true) || (file > 0 && is_tenants(file)) {
                continue;
            }
            open.extend(self.sources.extended_by(file));
        }
        for (file, _) in reached.iter().enumerate().filter(|(_, reached)| !**reached) {
            let start = self.sources.file(file).start;
            let message = format!("only a tenant's file extends {}", self.sources.file(file).name);
            let problem = Problem::error(start..start + 1, message, "brought in by a tenant alone");
            problems.push(problem.help(format!("let {} extend it, or a file for all", self.sources.name())));
        }
    }

    /// Tells what rules of a tenant's file say that could loosen.
    pub(super) fn check_rules(&self, rules: &[Declared<'_>], problems: &mut Problems) {
        let pack = |declared: &Declared<'_>| self.packs.get(usize::from(declared.rule.pack));
        for declared in rules {
            let rule = &declared.rule;
            if pack(declared).is_none_or(|pack| pack.tenants.is_empty()) {
                continue;
            }
            let id = &rule.id;
            if rule.score < 0 {
                let message = format!("rule `{id}` of a tenant's file takes from the score of all rules");
                let span = declared.score_span.clone();
                problems.push(Problem::error(
                    span,
                    message,
                    "could keep the score below what stops a payment",
                ));
            }
            for &(at, ref span) in &declared.overridden {
                let named = rules.get(usize::from(at)).filter(|named| named.rule.pack != rule.pack);
                if let Some(named) = named {
                    let message = format!(
                        "`{id}` of a tenant's file overrides `{}`, which is not this file's own",
                        named.rule.id
                    );
                    let label = "a tenant loosens nothing but its own rules";
                    problems.push(Problem::error(span.clone(), message, label));
                }
            }
        }
    }
}

struct Reader<'a> {
    sources: &'a Sources,
    head: Option<&'a Head>,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn pack(
        &mut self,
        at: usize,
        document: &Spanned<DeTable<'_>>,
        names: &mut Vec<(String, Range<usize>)>,
    ) -> Pack {
        let file = self.sources.file(at);
        let mut pack = Pack { source: file.name.to_owned(), ..Pack::default() };
        let root = Table::of_file(self.sources.text(), document, file.start);
        // That the file itself has none is told where its head is read.
        let item = if at > 0 { root.required(self.problems, "ruleset") } else { root.get("ruleset") };
        let Some(item) = item else { return pack };
        let Some(table) = Table::of(root.file, self.problems, item, "[ruleset]") else { return pack };
        if at > 0 {
            table.check_keys(self.problems, &HEAD_KEYS, &[]);
            self.extended(&table);
        }
        if let Some(name) = rule_set_name(&table, self.problems) {
            pack.name = name.value.to_owned();
            match names.iter().find(|(held, _)| *held == pack.name) {
                Some((_, first)) => {
                    let message = format!("two files are called `{}`, and decisions name them", pack.name);
                    let problem = Problem::error(name.span, message, "the second one");
                    self.problems.push(problem.beside(first.clone(), "the first one"));
                }
                None => names.push((pack.name.clone(), name.span)),
            }
        }
        let calendar = self.head.and_then(|head| head.calendar.as_ref());
        (pack.valid_from_us, pack.valid_until_us) =
            tier::dates(&table, calendar, self.problems).unwrap_or_default();
        pack.tenants = tenants(&table, self.problems).unwrap_or_default();
        if !pack.tenants.is_empty() {
            self.tenants(&root, &table);
        }
        pack
    }

    /// Tells what an extended file says otherwise than the one that is compiled.
    fn extended(&mut self, table: &Table<'_>) {
        let currency = table.required_text(self.problems, "currency");
        let whole = self.head.and_then(|head| head.currency);
        if let (Some(code), Some(whole)) = (currency, whole)
            && code.value != whole.code()
        {
            let message = format!("this file is in {}, the rule set is in {}", code.value, whole.code());
            self.problems.push(Problem::error(code.span, message, "another currency"));
        }
        let zone = table.text(self.problems, "time_zone");
        if let (Some(zone), Some(head)) = (zone, self.head)
            && zone.value != head.time_zone
        {
            let message = format!("this file is in {}, the rule set is in {}", zone.value, head.time_zone);
            self.problems.push(Problem::error(zone.span, message, "another time zone"));
        }
    }

    /// Tells what a tenant's file says that is not for it to say.
    fn tenants(&mut self, root: &Table<'_>, head: &Table<'_>) {
        for key in OF_THE_WHOLE {
            if let Some(item) = head.get(key) {
                let message = format!("a file for some tenants says nothing of `{key}`: it is the whole's");
                self.problems.push(Problem::error(item.span(), message, "not a tenant's"));
            }
        }
        for (key, span, item) in root.entries() {
            if NOT_A_TENANTS.contains(&key) {
                let message =
                    format!("a file for some tenants has no [{key}]: it could loosen what others ask for");
                self.problems.push(Problem::error(span, message, "not a tenant's"));
            }
            let DeValue::Table(section) = item.get_ref() else { continue };
            for (_, requirement) in section.iter().filter(|_| key == "auth") {
                if let Some(serves) = requirement.get_ref().get("serves") {
                    let message =
                        "a tenant's requirement serves no other: it could loosen what others ask for";
                    self.problems.push(Problem::error(serves.span(), message, "not a tenant's"));
                }
            }
        }
    }
}

/// The tenants that a file or a rule is for; none: for all.
pub(super) fn tenants(table: &Table<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    let Some(item) = table.get("tenants") else { return Some(Vec::new()) };
    let items = one_or_more(item);
    if items.is_empty() || items.len() > TENANTS_MAX {
        let message = format!("`tenants` names 1 to {TENANTS_MAX} tenants");
        problems.push(Problem::error(item.span(), message, format!("this names {}", items.len())));
        return None;
    }
    let mut tenants: Vec<String> = Vec::new();
    for item in items {
        let DeValue::String(_) = item.get_ref() else {
            return expected(problems, item, "the name of a tenant");
        };
        let name = text(table.file, problems, item)?;
        if let Err(error) = check_text("tenant", Form::Free, name.value) {
            problems.push(Problem::error(name.span, error.to_string(), "no event has this tenant"));
            return None;
        }
        if tenants.iter().any(|held| held == name.value) {
            let message = format!("`{}` stands twice in `tenants`", name.value);
            problems.push(Problem::error(name.span, message, "the second time"));
            return None;
        }
        tenants.push(name.value.to_owned());
    }
    tenants.sort_unstable();
    Some(tenants)
}

/// The tenants of a rule: those that it names, all of them its file's, or else its file's.
pub(super) fn tenants_of_rule(
    table: &Table<'_>,
    pack: &Pack,
    problems: &mut Problems,
) -> Option<Vec<String>> {
    let named = tenants(table, problems)?;
    let stranger = named.iter().find(|name| !pack.is_for(Some(name)));
    match (stranger, table.get("tenants")) {
        (Some(stranger), Some(item)) => {
            let message = format!("this file is not for tenant `{stranger}`");
            let label = format!("it is for {}", pack.tenants.join(", "));
            problems.push(Problem::error(item.span(), message, label));
            None
        }
        _ if named.is_empty() => Some(pack.tenants.clone()),
        _ => Some(named),
    }
}

//! `[[rule]]`: a condition with what follows from it.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeValue;

use super::auth::Requirements;
use super::document::{Table, Text, expected, text};
use super::duties::{self, Duties};
use super::limits::{NAME_BYTES_MAX, REASON_BYTES_MAX, RULES_MAX, SCORE_MAX};
use super::names::{Scope, check_word, did_you_mean, listed, near};
use super::packs::{self, Packs};
use super::problem::{Problem, Problems};
use super::ruleset::{Action, OnUnknown, Policy, Rule, Tier};
use super::sections::{is_language, no_language};
use super::sql::{self, Reach, Used};
use super::tier;
use crate::catalogue;
use crate::decision::Outcome;
use crate::event::Kind;
use crate::time::Calendar;

const KEYS: [&str; 10] =
    ["id", "when", "then", "auth", "score", "on_unknown", "reason", "customer", "tenants", "from"];
const LATER: [&str; 1] = ["quality"];
const ACTIONS: [(&str, Action); 4] = [
    ("allow", Action::Outcome(Outcome::Allow)),
    ("step_up", Action::Outcome(Outcome::StepUp)),
    ("block", Action::Outcome(Outcome::Block)),
    ("alert", Action::Alert),
];
const ON_UNKNOWN: [(&str, OnUnknown); 2] = [("silent", OnUnknown::Silent), ("fires", OnUnknown::Fires)];

/// A rule of the file, with what a rule set does not keep of it.
#[derive(Debug)]
pub(super) struct Declared<'d> {
    pub(super) rule: Rule,
    /// What its `when` compiled to.
    pub(super) condition: sql::Compiled<'d>,
    /// What it says beside what it asks for.
    pub(super) duties: Duties<'d>,
    /// The ids that it overrides, with their places, until they are found.
    pub(super) overrides: Vec<(&'d str, Range<usize>)>,
    /// Whether it does not say what an unknown condition means, nor does its tier.
    pub(super) leaves_unknown_open: bool,
    /// The rules that it overrides, with the places where it names them.
    pub(super) overridden: Vec<(u16, Range<usize>)>,
    /// Where its score is, or itself where it has none.
    pub(super) score_span: Range<usize>,
    /// Where its reason is, or itself where it has none.
    reason_span: Range<usize>,
}

/// What rules are read with.
pub(super) struct Reader<'a, 'd> {
    pub(super) scope: &'a Scope,
    pub(super) policy: &'a Policy,
    pub(super) calendar: Option<&'a Calendar>,
    pub(super) packs: &'a Packs<'a>,
    /// By pack, the languages in which each of its rules is to have its reason, where it says.
    pub(super) languages: &'a [Option<Vec<&'d str>>],
    pub(super) requirements: &'a mut Requirements<'d>,
    pub(super) used: &'a mut Used,
    pub(super) problems: &'a mut Problems,
}

impl<'d> Reader<'_, 'd> {
    /// Reads all rules, in the order of the file.
    pub(super) fn rules(&mut self, root: &Table<'d>) -> Vec<Declared<'d>> {
        let Some(item) = root.get("rule") else { return Vec::new() };
        let DeValue::Array(items) = item.get_ref() else {
            return expected(self.problems, item, "rules, each under [[rule]]").unwrap_or_default();
        };
        if items.len() > RULES_MAX {
            let message = format!("a rule file has at most {RULES_MAX} rules");
            self.problems.push(Problem::error(item.span(), message, format!("this has {}", items.len())));
            return Vec::new();
        }
        let mut ids = BTreeMap::new();
        let mut rules = Vec::with_capacity(items.len());
        for item in items {
            if self.problems.full() {
                break;
            }
            let Some(table) = Table::of(root.file, self.problems, item, "a rule") else { continue };
            rules.extend(self.rule(&table, &mut ids));
        }
        tier::link(&mut rules, self.problems);
        self.packs.check_rules(&rules, self.problems);
        for of_pack in rules.chunk_by(|one, other| one.rule.pack == other.rule.pack) {
            self.check_languages(of_pack);
        }
        rules
    }

    fn rule(&mut self, table: &Table<'d>, ids: &mut BTreeMap<&'d str, Range<usize>>) -> Option<Declared<'d>> {
        let place = self.packs.place_of(&table.span());
        let pack = self.packs.packs.get(place)?;
        let known: Vec<&str> = KEYS.iter().chain(&tier::KEYS).chain(&duties::KEYS).copied().collect();
        table.check_keys(self.problems, &known, &LATER);
        let id = self.id(table, ids);
        let text = table.required_text(self.problems, "when");
        let compiled = text
            .as_ref()
            .and_then(|text| sql::compile(text, self.scope, Reach::All, self.used, self.problems));
        let then = self.then(table);
        let auth = self.auth(table, &then);
        let score = self.score(table);
        let on_unknown = match table.get("on_unknown") {
            None => Some(None),
            Some(_) => table.word(self.problems, "on_unknown", &ON_UNKNOWN, &[]).map(Some),
        };
        let mut reader = tier::Reader { scope: self.scope, calendar: self.calendar, problems: self.problems };
        let conduct = reader.conduct(table);
        let reason = self.reason(table);
        let customer = self.customer(table);
        let duties = duties::read(table, self.problems);
        let (then, score) = (then?, score?);
        let from = self.from(table);
        let tenants = packs::tenants_of_rule(table, pack, self.problems);
        let (mut conduct, duties) = (conduct?, duties?);
        conduct.keep_within(pack, table, self.problems);
        let said = on_unknown?;
        let leaves_unknown_open = said.is_none() && conduct.tier == Tier::Normal;
        let on_unknown = {
            let demand = tier::Demand { then, score, duties: duties.any() };
            tier::check(table, &conduct, demand, said, self.problems)?
        };
        if then.is_none() && score == 0 && !duties.any() {
            let problem =
                Problem::error(table.span(), "this rule does nothing", "neither `then` nor a `score`");
            self.problems.push(problem.help("give it a `then`, a `score` that is not 0, `tags` or `oblige`"));
            return None;
        }
        if then.is_none() && score != 0 && self.policy.step_up_at.is_none() && self.policy.block_at.is_none()
        {
            let span = table.get("score").map_or(table.span(), |item| item.span());
            let message =
                "this rule only adds to the score, and [policy] sets nothing that the score leads to";
            self.problems.push(Problem::warning(span, message, "changes no outcome"));
        }
        let from = from?;
        if from == Kind::Login {
            self.check_login(table, &conduct, then, score, compiled.as_ref())?;
        }
        self.check_requirement(table, then, auth.as_deref());
        let condition = compiled?;
        let rule = Rule {
            id: id?.to_owned(),
            from,
            when: condition.condition.clone(),
            text: condition.text.value.to_owned(),
            on_unknown,
            then,
            auth: auth?,
            score,
            reason: reason?,
            customer: customer?,
            reads: condition.features.iter().copied().collect(),
            tables: condition.tables.iter().copied().collect(),
            tier: conduct.tier,
            mode: conduct.mode,
            valid_from_us: conduct.valid_from_us,
            valid_until_us: conduct.valid_until_us,
            rollout: conduct.rollout,
            overrides: Vec::new(),
            breaker: conduct.breaker,
            tags: 0,
            oblige: 0,
            legal: duties.legal.clone(),
            tenants: tenants?,
            pack: place as u8,
            #[cfg(feature = "backtest")]
            firing: super::ruleset::Firing::default(),
        };
        let span = |key: &str| table.get(key).map_or(table.span(), |item| item.span());
        Some(Declared {
            rule,
            condition,
            duties,
            overrides: conduct.overrides,
            overridden: Vec::new(),
            leaves_unknown_open,
            score_span: span("score"),
            reason_span: span("reason"),
        })
    }

    fn fail<T>(&mut self, problem: Problem) -> Option<T> {
        self.problems.push(problem);
        None
    }

    fn id(&mut self, table: &Table<'d>, ids: &mut BTreeMap<&'d str, Range<usize>>) -> Option<&'d str> {
        let id = table.required_text(self.problems, "id")?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if id.value.is_empty() || id.value.len() > NAME_BYTES_MAX || !id.value.bytes().all(plain) {
            let problem =
                Problem::error(id.span, format!("`{}` is not an id", id.value.escape_debug()), "not an id");
            return self
                .fail(problem.help(format!("write at most {NAME_BYTES_MAX} of A-Z, a-z, 0-9, _, - and .")));
        }
        if let Some(first) = ids.insert(id.value, id.span.clone()) {
            let message = format!("another rule has the id `{}`", id.value);
            let problem = Problem::error(id.span, message, "the second one");
            return self.fail(problem.beside(first, "the first one"));
        }
        Some(id.value)
    }

    /// Outer `None` where it is wrong, inner where it is not said.
    fn then(&mut self, table: &Table<'d>) -> Option<Option<Action>> {
        if table.get("then").is_none() {
            return Some(None);
        }
        table.word(self.problems, "then", &ACTIONS, &[]).map(Some)
    }

    fn auth(&mut self, table: &Table<'d>, then: &Option<Option<Action>>) -> Option<Vec<u64>> {
        let Some(item) = table.get("auth") else { return Some(Vec::new()) };
        let named = self.requirements.named(table, self.problems);
        if let Some(then) = then
            && *then != Some(Action::Outcome(Outcome::StepUp))
        {
            let problem =
                Problem::error(item.span(), "`auth` goes with `then = \"step_up\"` only", "nothing to meet");
            return self.fail(problem);
        }
        named
    }

    /// The kind of event that it looks at.
    fn from(&mut self, table: &Table<'d>) -> Option<Kind> {
        match table.get("from") {
            None => Some(Kind::Transaction),
            Some(_) => {
                let kinds = [Kind::Transaction, Kind::Login].map(|kind| (kind.name(), kind));
                table.word(self.problems, "from", &kinds, &[])
            }
        }
    }

    /// A login is no payment: there is nothing to stop, and nothing that a table says of it.
    fn check_login(
        &mut self,
        table: &Table<'d>,
        conduct: &tier::Conduct<'_>,
        then: Option<Action>,
        score: i64,
        condition: Option<&sql::Compiled<'_>>,
    ) -> Option<()> {
        let wrong = [
            (matches!(then, Some(Action::Outcome(_))), "then", "asks for no outcome"),
            (score != 0, "score", "has no score"),
            (conduct.breaker.is_some(), "breaker", "has no breaker"),
            (condition.is_some_and(|condition| !condition.tables.is_empty()), "when", "reads no table"),
        ];
        let found = wrong.into_iter().find(|(wrong, ..)| *wrong);
        let Some((_, key, what)) = found else { return Some(()) };
        let span = table.get(key).map_or(table.span(), |item| item.span());
        let problem = Problem::error(span, format!("a rule that looks at logins {what}"), "not of a login");
        self.fail(problem.help("a login is only watched: such a rule may alert, tag and oblige"))
    }

    /// A step-up that asks for nothing leaves the gateway to guess what the customer must do.
    fn check_requirement(&mut self, table: &Table<'d>, then: Option<Action>, auth: Option<&[u64]>) {
        let asks = then == Some(Action::Outcome(Outcome::StepUp));
        if asks && auth.is_some_and(<[u64]>::is_empty) && self.policy.auth.is_empty() {
            let span = table.get("then").map_or(table.span(), |item| item.span());
            let message = "this rule steps up, and nothing says which authentication is required";
            let problem = Problem::warning(span, message, "any authentication would do");
            self.problems
                .push(problem.help("give the rule an `auth`, or [policy] one for all rules without"));
        }
    }

    fn score(&mut self, table: &Table<'d>) -> Option<i64> {
        if table.get("score").is_none() {
            return Some(0);
        }
        let (score, span) = table.integer(self.problems, "score")?;
        if !(-SCORE_MAX..=SCORE_MAX).contains(&score) {
            let message = format!("a score is within plus and minus {SCORE_MAX}");
            return self.fail(Problem::error(span, message, "outside that"));
        }
        Some(score)
    }

    /// A text by language; a plain text is English.
    fn reason(&mut self, table: &Table<'d>) -> Option<Vec<(String, String)>> {
        let Some(item) = table.get("reason") else { return Some(Vec::new()) };
        if let DeValue::String(_) = item.get_ref() {
            let reason = text(table.file, self.problems, item)?;
            return Some(vec![("en".to_owned(), self.reason_text(&reason)?)]);
        }
        let by_language = Table::of(table.file, self.problems, item, "a reason")?;
        let mut reasons = Vec::new();
        for (language, span, item) in by_language.entries() {
            if !is_language(language) {
                return self.fail(no_language(language, span));
            }
            let reason = text(table.file, self.problems, item)?;
            reasons.push((language.to_owned(), self.reason_text(&reason)?));
        }
        Some(reasons)
    }

    fn reason_text(&mut self, reason: &Text<'d>) -> Option<String> {
        if reason.value.trim().is_empty() {
            return self.fail(Problem::error(reason.span.clone(), "a reason cannot be empty", "empty"));
        }
        if reason.value.len() > REASON_BYTES_MAX {
            let message = format!("a reason has at most {REASON_BYTES_MAX} bytes");
            return self.fail(Problem::error(
                reason.span.clone(),
                message,
                format!("this has {}", reason.value.len()),
            ));
        }
        Some(reason.value.to_owned())
    }

    /// Outer `None` where it is wrong, inner where it is not said.
    fn customer(&mut self, table: &Table<'d>) -> Option<Option<String>> {
        if table.get("customer").is_none() {
            return Some(None);
        }
        let code = table.text(self.problems, "customer")?;
        match check_word(code.value) {
            Ok(()) => {
                self.check_code(&code);
                Some(Some(code.value.to_owned()))
            }
            Err((message, help)) => self.fail(
                Problem::error(code.span, message, "a code of the catalogue is a word").maybe_help(help),
            ),
        }
    }

    /// Tells a code that says nothing to the customer.
    fn check_code(&mut self, code: &Text<'d>) {
        if catalogue::find(code.value).is_some() {
            return;
        }
        let codes: Vec<&str> = catalogue::CATALOGUE.iter().map(|advice| advice.code).collect();
        let help = did_you_mean(near(code.value, codes.iter().copied()))
            .unwrap_or_else(|| format!("it has {}", listed(&codes, "and")));
        let message = format!("the customer catalogue has no code `{}`", code.value);
        let problem =
            Problem::warning(code.span.clone(), message, "the customer is told what is usual instead");
        self.problems.push(problem.help(help));
    }

    /// An operator should not have to read one reason in English and the next in Vietnamese.
    fn check_languages(&mut self, rules: &[Declared<'_>]) {
        let pack = rules.first().map_or(0, |declared| usize::from(declared.rule.pack));
        match self.languages.get(pack).and_then(Option::as_deref) {
            Some(languages) => self.check_declared_languages(rules, languages),
            None => self.check_languages_of_others(rules),
        }
    }

    fn check_declared_languages(&mut self, rules: &[Declared<'_>], languages: &[&str]) {
        for declared in rules {
            let (rule, span) = (&declared.rule, &declared.reason_span);
            let has = |language: &str| rule.reason.iter().any(|(held, _)| held == language);
            let missing: Vec<&str> = languages.iter().copied().filter(|language| !has(language)).collect();
            if !missing.is_empty() {
                let (names, id) = (listed(&missing, "and"), &rule.id);
                let message = format!("rule `{id}` has no reason in {names}, which `languages` declares");
                self.problems.push(Problem::warning(span.clone(), message, format!("{names} missing")));
            }
            for (language, _) in rule.reason.iter().filter(|(held, _)| !languages.contains(&held.as_str())) {
                let message = format!("`languages` does not declare `{language}`");
                let declared = format!("`languages` names {}", listed(languages, "and"));
                let problem = Problem::warning(span.clone(), message, "nobody expects it");
                self.problems.push(problem.help(declared));
            }
        }
    }

    fn check_languages_of_others(&mut self, rules: &[Declared<'_>]) {
        let has =
            |declared: &Declared<'_>, language: &str| declared.rule.reason.iter().any(|(l, _)| l == language);
        for (language, name) in [("en", "English"), ("vi", "Vietnamese")] {
            if !rules.iter().any(|declared| has(declared, language)) {
                continue;
            }
            for declared in rules.iter().filter(|declared| !has(declared, language)) {
                let message =
                    format!("rule `{}` has no reason in {name}, other rules have", declared.rule.id);
                let label = format!("`{language}` is missing");
                self.problems.push(Problem::warning(declared.reason_span.clone(), message, label));
            }
        }
    }
}

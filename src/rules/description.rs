//! What a rule file says, part by part, so that two files can be compared and the difference told.
//!
//! Promises that layout, comments, defaults and the order of keys make no difference. Parameters stand in what
//! names them by their names: a threshold that moves is one difference, with what it reaches. Must never know how
//! a difference is shown.

use std::collections::BTreeSet;

use super::Parts;
use super::features;
use super::locks;
use super::names::ParamValue;
use super::rule;
use super::ruleset::{
    Action, Aggregate, Counts, Dialogue, Kinds, ListDeclaration, Mode, OnUnknown, Operand, Pack, RuleSet,
    Share, Tier, Window, words,
};
use super::sql::Compiled;
use super::sql::outline::Quantity;
use super::sql::tree::Node;
use super::table::{UnknownRow, Values};
use super::tables;
use crate::event::{Kind, Schema};
use crate::time::format_duration;

/// All that a rule file says.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// Name, time zone, currency and the like.
    pub settings: Vec<Aspect>,
    /// What scores and authentications mean.
    pub policy: Vec<Aspect>,
    /// The extra fields, by name, with the words of their types.
    pub fields: Vec<(String, &'static str)>,
    /// The parameters, by name.
    pub params: Vec<ParamDescription>,
    /// The features, by name.
    pub features: Vec<PartDescription>,
    /// The lists, by name.
    pub lists: Vec<PartDescription>,
    /// The decision tables, by name.
    pub tables: Vec<PartDescription>,
    /// The rules, in the order of the file.
    pub rules: Vec<PartDescription>,
}

/// One thing that is said of something.
#[derive(Clone, Debug)]
pub struct Aspect {
    /// What it is about: a key of the rule file.
    pub key: String,
    /// What is said, as a rule file says it.
    pub text: String,
    /// The same without layout.
    canonical: String,
}

impl PartialEq for Aspect {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.canonical == other.canonical
    }
}

/// A parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamDescription {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Quantity,
    /// The features that it reaches: those that name it, and those that read a table that it reaches.
    pub features: Vec<String>,
    /// The tables that name it, or read one that does.
    pub tables: Vec<String>,
    /// The rules that name it, or read a feature or a table that it reaches.
    pub rules: Vec<String>,
}

/// A feature, a list, a table or a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct PartDescription {
    /// Its name or id.
    pub name: String,
    /// What is said of it; what is left out has its default.
    pub aspects: Vec<Aspect>,
    /// Of a feature, a list or a table, the rules that read it.
    pub rules: Vec<String>,
}

impl PartDescription {
    /// What is said of it under a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.aspects.iter().find(|aspect| aspect.key == key).map(|aspect| aspect.text.as_str())
    }
}

impl Aspect {
    fn new(key: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { key: key.to_owned(), canonical: text.clone(), text }
    }

    fn condition(key: &str, compiled: &Compiled<'_>) -> Self {
        let written = compiled.text.value;
        let commented = written.contains("--") || written.contains("/*");
        let text = if commented {
            compiled.canonical.clone()
        } else {
            written.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        Self { key: key.to_owned(), text, canonical: compiled.canonical.clone() }
    }
}

impl Description {
    pub(super) fn of(set: &RuleSet, parts: &Parts<'_>) -> Self {
        let mut settings = vec![
            Aspect::new("name", &set.name),
            Aspect::new("time_zone", &set.time_zone),
            Aspect::new("currency", set.currency.code()),
            Aspect::new("remember", format_duration(set.horizon_us)),
            Aspect::new("feedback", set.feedback.name()),
            Aspect::new("methods", set.methods.join(", ")),
        ];
        for pack in &set.packs {
            settings.extend(describe_pack(pack, set));
        }
        if let Some(rates) = &set.rates {
            let file = rates.file.as_deref().unwrap_or("brought by events");
            settings.push(Aspect::new("rates", format!("{file}, otherwise {}", rates.otherwise.name())));
        }
        if let Some(control) = &set.control {
            let most = format!("amounts up to {} minor units", control.amount_minor_max);
            settings.push(Aspect::new("control", format!("{}, {most}", share(control.share, &set.schema))));
        }
        let fields = set.schema.fields().iter().map(|(name, ty)| (name.clone(), ty.name())).collect();
        Self {
            settings,
            policy: policy(set, parts),
            fields,
            params: parts
                .params
                .iter()
                .map(|param| describe_param(param.name.text, &param.value, parts))
                .collect(),
            features: parts
                .features
                .iter()
                .enumerate()
                .map(|(at, feature)| describe_feature(at, feature, set, parts))
                .collect(),
            lists: set
                .lists
                .iter()
                .enumerate()
                .map(|(at, list)| describe_list(at, list, set, parts))
                .collect(),
            tables: parts
                .tables
                .iter()
                .enumerate()
                .map(|(at, table)| describe_table(at, table, parts))
                .collect(),
            rules: parts.rules.iter().map(|rule| describe_rule(rule, set)).collect(),
        }
    }
}

/// A file that is not for all payments.
fn describe_pack(pack: &Pack, set: &RuleSet) -> Option<Aspect> {
    let date = |word: &str, us: Option<i64>| {
        us.map(|us| format!("{word} {}", set.calendar.write(us, "%Y-%m-%d %H:%M:%S %:z")))
    };
    let dates = [date("from", pack.valid_from_us), date("until", pack.valid_until_us)];
    let tenants = (!pack.tenants.is_empty()).then(|| format!("for {}", pack.tenants.join(", ")));
    let said: Vec<String> = dates.into_iter().flatten().chain(tenants).collect();
    (!said.is_empty()).then(|| Aspect::new(&format!("file {}", pack.name), said.join(", ")))
}

fn policy(set: &RuleSet, parts: &Parts<'_>) -> Vec<Aspect> {
    let mut said = Vec::new();
    for (key, bound) in [("step_up_at", set.policy.step_up_at), ("block_at", set.policy.block_at)] {
        said.extend(bound.map(|bound| Aspect::new(key, bound.to_string())));
    }
    if let Some(Dialogue { expires_us, attempts }) = set.step_up {
        said.push(Aspect::new("expires", format_duration(expires_us)));
        said.push(Aspect::new("attempts", attempts.to_string()));
    }
    if let Some(pending_us) = set.pending_us {
        said.push(Aspect::new("pending_for", format_duration(pending_us)));
    }
    if !set.policy.auth.is_empty() {
        said.push(Aspect::new("auth", set.requirement(&set.policy.auth)));
    }
    for locks::Declared { lock, opens } in &parts.locks {
        let (key, methods) = (format!("locks.{}", lock.name), set.methods_of(lock.methods).join(", "));
        let (by, opened) = (lock.by.name(&set.schema), kinds(lock.opens_from));
        let said_of = format!("{methods} by {by} after {} failures, opened by {opened}", lock.failures);
        said.push(Aspect::new(&key, said_of));
        said.extend(opens.as_ref().map(|opens| Aspect::condition(&format!("{key}.opens where"), opens)));
    }
    said
}

pub(super) fn names(compiled: &Compiled<'_>, param: &str) -> bool {
    let mut found = false;
    compiled.tree.walk(&mut |tree| found |= tree.param.as_deref() == Some(param));
    found
}

pub(super) fn describe_param(name: &str, value: &ParamValue, parts: &Parts<'_>) -> ParamDescription {
    let named: BTreeSet<u16> = (0..)
        .zip(&parts.tables)
        .filter(|(_, table)| table.conditions.iter().any(|compiled| names(compiled, name)))
        .map(|(at, _)| at)
        .collect();
    let reads = |tables: &[u16]| tables.iter().any(|table| named.contains(table));
    let tables =
        (0..).zip(&parts.tables).filter(|(at, declared)| named.contains(at) || reads(&declared.table.tables));
    let in_feature = |feature: &features::Declared<'_>| {
        let in_condition = feature.conditions().any(|compiled| names(compiled, name));
        let of_reset = feature.feature.reset.as_ref().is_some_and(|reset| reads(&reset.tables));
        let in_window = feature.over == Some(name) || feature.delay == Some(name);
        in_window || in_condition || of_reset || reads(&feature.feature.tables)
    };
    let reached: BTreeSet<u16> =
        (0..).zip(&parts.features).filter(|(_, feature)| in_feature(feature)).map(|(at, _)| at).collect();
    let in_rule = |rule: &&rule::Declared<'_>| {
        let through = rule.rule.reads.iter().any(|feature| reached.contains(feature));
        names(&rule.condition, name) || through || reads(&rule.rule.tables)
    };
    let feature_name =
        |at: &u16| parts.features.get(usize::from(*at)).map(|feature| feature.feature.name.clone());
    ParamDescription {
        name: name.to_owned(),
        value: value.quantity(),
        features: reached.iter().filter_map(feature_name).collect(),
        tables: tables.map(|(_, declared)| declared.table.name.clone()).collect(),
        rules: parts.rules.iter().filter(in_rule).map(|rule| rule.rule.id.clone()).collect(),
    }
}

fn describe_list(at: usize, list: &ListDeclaration, set: &RuleSet, parts: &Parts<'_>) -> PartDescription {
    let asks = |compiled: &Compiled<'_>| {
        let mut found = false;
        compiled.tree.walk(&mut |tree| {
            found |= matches!(tree.node, Node::Listed(_, list) | Node::ListLevel(_, list) if list == at);
        });
        found
    };
    let tables = (0..).zip(&parts.tables).filter(|(_, table)| table.conditions.iter().any(asks));
    let tables: BTreeSet<u16> = tables.map(|(at, _)| at).collect();
    let features = (0..).zip(&parts.features).filter(|(_, feature)| feature.conditions().any(asks));
    let features: BTreeSet<u16> = features.map(|(at, _)| at).collect();
    let reads = |rule: &&rule::Declared<'_>| {
        let through = rule.rule.tables.iter().any(|table| tables.contains(table))
            || rule.rule.reads.iter().any(|feature| features.contains(feature));
        asks(&rule.condition) || through
    };
    let mut aspects = vec![Aspect::new("key", list.key.name(&set.schema))];
    aspects.extend(list.file.as_ref().map(|file| Aspect::new("file", file)));
    PartDescription {
        name: list.name.clone(),
        aspects,
        rules: parts.rules.iter().filter(reads).map(|rule| rule.rule.id.clone()).collect(),
    }
}

fn describe_table(at: usize, declared: &tables::Declared<'_>, parts: &Parts<'_>) -> PartDescription {
    let table = &declared.table;
    let mut aspects = vec![Aspect::new("type", table.ty.name())];
    for (row, compiled) in declared.conditions.iter().enumerate() {
        let when = Aspect::condition("", compiled);
        let is = |when: &str| format!("{} where {when}", table.values.written(row));
        let (text, canonical) = (is(&when.text), is(&when.canonical));
        aspects.push(Aspect { key: format!("row {}", row + 1), text, canonical });
    }
    if table.values.len() > table.rows.len() {
        aspects.push(Aspect::new("else", table.values.written(table.rows.len())));
    }
    let on_unknown = match table.on_unknown {
        UnknownRow::Next => "next",
        UnknownRow::Unknown => "unknown",
        UnknownRow::Strictest => "strictest",
    };
    aspects.push(Aspect::new("on_unknown", on_unknown));
    if !table.strictness.is_empty() {
        let mut order: Vec<(u16, String)> =
            (0..).zip(&table.strictness).map(|(at, rank)| (*rank, table.values.written(at))).collect();
        order.sort();
        order.dedup();
        let order: Vec<String> = order.into_iter().map(|(_, value)| value).collect();
        aspects.push(Aspect::new("order", order.join(", ")));
    }
    let reads = |rule: &&rule::Declared<'_>| rule.rule.tables.iter().any(|read| usize::from(*read) == at);
    PartDescription {
        name: table.name.clone(),
        aspects,
        rules: parts.rules.iter().filter(reads).map(|rule| rule.rule.id.clone()).collect(),
    }
}

fn describe_feature(
    at: usize,
    declared: &features::Declared<'_>,
    set: &RuleSet,
    parts: &Parts<'_>,
) -> PartDescription {
    let (feature, schema) = (&declared.feature, &*set.schema);
    let keys = |fields: &[super::KeyField]| {
        fields.iter().map(|field| field.name(schema)).collect::<Vec<_>>().join(", ")
    };
    let name_of = |at: usize| parts.features.get(at).map_or("", |part| part.name.text);
    let mut aspects = vec![Aspect::new("value", computes(feature.aggregate, schema, name_of))];
    if !feature.is_ratio() {
        let named = |written: Option<&'_ str>| {
            let param = written.filter(|name| parts.params.iter().any(|param| param.name.text == *name));
            param.map(str::to_owned)
        };
        aspects.push(Aspect::new("by", keys(&feature.by)));
        if feature.at != feature.by {
            aspects.push(Aspect::new("at", keys(&feature.at)));
        }
        let over = match feature.window {
            Window::Sliding { length_us } => format_duration(length_us),
            Window::Day => "day".to_owned(),
            Window::Month => "month".to_owned(),
            Window::Forever => "forever".to_owned(),
        };
        aspects.push(Aspect::new("over", named(declared.over).unwrap_or(over)));
        if feature.delay_us > 0 {
            let delay = named(declared.delay).unwrap_or_else(|| format_duration(feature.delay_us));
            aspects.push(Aspect::new("delay", delay));
        }
        if feature.from != Kinds::PAYMENTS {
            aspects.push(Aspect::new("from", kinds(feature.from)));
        }
        aspects.extend(declared.condition.as_ref().map(|compiled| Aspect::condition("where", compiled)));
        let counts = match (feature.counts, feature.pending) {
            (Counts::Asked, _) => "asked",
            (Counts::Allowed, _) => "allowed",
            (Counts::Executed, false) => "executed",
            (Counts::Executed, true) => "executed or pending",
        };
        aspects.push(Aspect::new("counts", counts));
        aspects.extend(feature.label.map(|label| Aspect::new("label", label.name())));
        if let Some(reset) = &feature.reset {
            let when = if reset.on_execution { "executed".to_owned() } else { kinds(reset.from) };
            aspects.push(Aspect::new(if reset.on_execution { "reset on" } else { "reset from" }, when));
            let condition = declared.reset.as_ref();
            aspects.extend(condition.map(|compiled| Aspect::condition("reset where", compiled)));
        }
        aspects.push(Aspect::new("current", feature.current.to_string()));
        if feature.across {
            aspects.push(Aspect::new("across", "all"));
        }
    }
    let reads = |rule: &&rule::Declared<'_>| rule.rule.reads.iter().any(|read| usize::from(*read) == at);
    PartDescription {
        name: feature.name.clone(),
        aspects,
        rules: parts.rules.iter().filter(reads).map(|rule| rule.rule.id.clone()).collect(),
    }
}

/// What it computes, as a rule file says it.
fn computes<'p>(aggregate: Aggregate, schema: &Schema, name_of: impl Fn(usize) -> &'p str) -> String {
    let (key, of) = match aggregate {
        Aggregate::Count => ("count", "*"),
        Aggregate::IsNew => ("is_new", "true"),
        Aggregate::Since => ("since", "last"),
        Aggregate::Sum(field) => ("sum", field.name(schema)),
        Aggregate::Mean(field) => ("mean", field.name(schema)),
        Aggregate::Min(field) => ("min", field.name(schema)),
        Aggregate::Max(field) => ("max", field.name(schema)),
        Aggregate::Deviation(field) => ("deviation", field.name(schema)),
        Aggregate::Distinct(field) => ("distinct", field.name(schema)),
        Aggregate::Changed(field) => ("changed", field.name(schema)),
        Aggregate::First(field) => ("first", field.name(schema)),
        Aggregate::Last(field) => ("last", field.name(schema)),
        Aggregate::Previous(field) => ("previous", field.name(schema)),
        Aggregate::ZScore(field) => ("z_score", field.name(schema)),
        Aggregate::Quantile(field, ppm) => {
            return format!("quantile {} of {}", f64::from(ppm) / 1e6, field.name(schema));
        }
        Aggregate::Speed { latitude, longitude } => {
            return format!("speed {}, {}", latitude.name(schema), longitude.name(schema));
        }
        Aggregate::Ratio { of, to } => {
            let of = match of {
                Operand::Field(field) => field.name(schema),
                Operand::Feature(at) => name_of(at),
            };
            return format!("ratio {of} to {}", name_of(to));
        }
    };
    format!("{key} {of}")
}

fn kinds(kinds: Kinds) -> String {
    let names = Kind::ALL.into_iter().filter(|kind| kinds.contains(*kind)).map(Kind::name);
    names.collect::<Vec<_>>().join(", ")
}

fn describe_rule(declared: &rule::Declared<'_>, set: &RuleSet) -> PartDescription {
    let rule = &declared.rule;
    let mut aspects = vec![Aspect::condition("when", &declared.condition)];
    let mut say = |key: &str, text: Option<String>| aspects.extend(text.map(|text| Aspect::new(key, text)));
    say("from", (rule.from != Kind::Transaction).then(|| rule.from.name().to_owned()));
    say("tier", (rule.tier != Tier::Normal).then(|| rule.tier.name().to_owned()));
    say("mode", (rule.mode != Mode::Live).then(|| rule.mode.name().to_owned()));
    say("on_unknown", (rule.on_unknown == OnUnknown::Fires).then(|| "fires".to_owned()));
    say("then", rule.then.map(|action| action.name().to_owned()));
    say("auth", (!rule.auth.is_empty()).then(|| set.requirement(&rule.auth)));
    say("score", (rule.score != 0).then(|| rule.score.to_string()));
    let id = |at: &u16| set.rules.get(usize::from(*at)).map(|rule| rule.id.clone());
    let overridden: Vec<String> = rule.overrides.iter().filter_map(id).collect();
    say("overrides", (!overridden.is_empty()).then(|| overridden.join(", ")));
    let local = |time_us: i64| set.calendar.write(time_us, "%Y-%m-%d %H:%M:%S %:z");
    say("valid_from", rule.valid_from_us.map(local));
    say("valid_until", rule.valid_until_us.map(local));
    say("rollout", rule.rollout.map(|rollout| share(rollout, &set.schema)));
    say(
        "breaker",
        rule.breaker.map(|breaker| {
            let percent = percent(breaker.ppm_max);
            let over = format_duration(breaker.over_us);
            format!("{percent} of decisions over {over}, at least {}", breaker.decisions_min)
        }),
    );
    for (language, reason) in &rule.reason {
        say(&format!("reason.{language}"), Some(reason.clone()));
    }
    say("customer", rule.customer.clone());
    let duties = &declared.duties;
    for (key, words) in [("tags", &duties.tags), ("oblige", &duties.oblige)] {
        say(key, (!words.is_empty()).then(|| words.join(", ")));
    }
    say("legal", duties.legal.clone());
    say("tenants", (!rule.tenants.is_empty()).then(|| rule.tenants.join(", ")));
    PartDescription { name: rule.id.clone(), aspects, rules: Vec::new() }
}

fn share(share: Share, schema: &Schema) -> String {
    format!("{} by {}", percent(share.ppm), share.by.name(schema))
}

fn percent(ppm: u32) -> String {
    format!("{} %", f64::from(ppm) / 10_000.0)
}

impl Values {
    /// One of them as a rule file writes it; money in minor units.
    fn written(&self, at: usize) -> String {
        match self {
            Self::Text(values) => values.get(at).map(|text| format!("'{text}'")),
            Self::Whole(values) => values.get(at).map(ToString::to_string),
            Self::Decimal(values) => values.get(at).map(ToString::to_string),
            Self::Boolean(values) => values.get(at).map(ToString::to_string),
        }
        .unwrap_or_default()
    }
}

impl Action {
    /// The word for it in a rule file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outcome(outcome) => outcome.name(),
            Self::Alert => "alert",
        }
    }
}

impl RuleSet {
    /// The names of a set of methods.
    pub fn methods_of(&self, set: u64) -> Vec<String> {
        words(&self.methods, set)
    }

    /// A requirement in words: `any of (fido, sms_otp) and any of (biometric)`.
    pub fn requirement(&self, any_of: &[u64]) -> String {
        let set = |&mask: &u64| format!("any of ({})", self.methods_of(mask).join(", "));
        any_of.iter().map(set).collect::<Vec<_>>().join(" and ")
    }
}

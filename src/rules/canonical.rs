//! The canonical form of a rule set, by whose SHA-256 it is known.
//!
//! The form is a sequence of entries `TAG LENGTH:VALUE` with a line end after each; LENGTH counts the bytes of VALUE,
//! so that no value can be taken for another entry. In this order:
//!
//! - `weir-rules` with the version of this form;
//! - `name`, `time_zone`, `zone_data` (the version of the time-zone data), `currency`, `remember` (in µs);
//! - for each file that has dates or tenants, each after those that it extends: `pack`, `valid_from`, `valid_until`,
//!   `tenant`; a rule's own dates are written as they are within those of its file;
//! - for each extra field in the order of the names: `field`, `type`;
//! - for each parameter in the order of the names: `param`, and `whole` with its unit, `decimal` (the bits of the
//!   double in hexadecimal), `boolean` or `text`; money is in minor units, durations in µs;
//! - for each authentication method in the order of the words: `method`;
//! - `step_up_at`, `block_at` (empty where not set), and `requires` for each set of methods of the policy, as a mask;
//! - `pending_for` (µs) stands before the fields, and `step_up` (µs, attempts) here, where the file says so;
//! - for each lock in the order of the names: `lock`, `locks` (its methods as a mask), `by`, `failures`, `opens_from` for
//!   each kind, `opens_where`;
//! - for each feature in the order of the names: `feature`, `aggregate`, `by` and `at` for each field, `from`, `where`,
//!   `over`, `counts`, `current`, and where it says so `delay`, `pending`, `label`, `reset_from` for each kind, `reset_on`,
//!   `reset_where`, `across`;
//! - for each list in the order of the names: `list`, `key`, `file` (empty where it has none);
//! - `rates` and `otherwise` where there are rates: their file (empty where there is none) and the declared outcome;
//! - for each table in the order of the names: `table`, `type`, for each row `when` and `is`, `else` where there is one,
//!   `on_unknown`, and `strictness` for each value where unknown rows mean the strictest;
//! - for each rule in the order of the file: `rule`, `from` where it is not transactions, `when`, `on_unknown`, `then`, `requires` for each set of
//!   methods, `score`, `reason` and its text by language in the order of the codes, `customer`.
//!
//!   After `customer`, where they differ from the default: `tier`, `mode`, `valid_from`, `valid_until` (µs since 1970),
//!   `rollout` (millionths and field), `overrides` for each id, `breaker` (millionths, µs, decisions);
//!   and `tag`, `oblige` for each word in the order of the words, `legal`, `tenant` for each;
//! - for each requirement that a condition asks `met` of, in the order of the names: `asks`, and `any_of` for each set;
//! - `control` where there is a control group: millionths, field, minor units.
//!
//! Conditions are written as their tokens with one blank between them, unquoted words in lower case, without
//! comments. What is left out of a file and has a default is written as that default. So comments, layout, defaults
//! and the order of keys in a table make no difference; everything that can change a decision or its record does.

/// The hash of a feature's whole definition.
mod definition;
#[cfg(feature = "backtest")]
mod firing;

use std::collections::BTreeMap;
use std::fmt::Display;

use sha2::{Digest, Sha256};

use super::duties::Duties;
use super::expr::Needs;
use super::names::ParamValue;
use super::params::Param;
use super::ruleset::{
    Action, Aggregate, Breaker, Counts, Dialogue, Feedback, KeyField, ListDeclaration, Mode, NumberField,
    OnUnknown, Operand, Pack, Rule, RuleSet, Share, Tier, Window,
};
use super::sql::Compiled;
use super::sql::tree::Node;
use super::table::{UnknownRow, Values};
use super::types::Unit;
use super::{Parts, features, locks, rule, tables};
use crate::event::{Kind, Schema};
use crate::time::zone_data_version;

pub(super) use definition::definitions;
#[cfg(feature = "backtest")]
pub(super) use firing::firings;

const FORM: u32 = 1;

/// The SHA-256 of the canonical form; the positions of names must be those of the lists.
pub(super) fn hash(set: &RuleSet, parts: &Parts<'_>) -> [u8; 32] {
    let Parts { params, features, tables, locks, rules, .. } = parts;
    let mut form = Form { hasher: Sha256::new(), schema: &set.schema, features };
    form.put("weir-rules", FORM);
    form.put("name", &set.name);
    form.put("time_zone", &set.time_zone);
    form.put("zone_data", zone_data_version());
    form.put("currency", set.currency.code());
    form.put("remember", set.horizon_us);
    if set.feedback != Feedback::default() {
        form.put("feedback", set.feedback.name());
    }
    if let Some(pending_us) = set.pending_us {
        form.put("pending_for", pending_us);
    }
    for pack in &set.packs {
        form.pack(pack);
    }
    for (name, ty) in set.schema.fields() {
        form.put("field", name);
        form.put("type", ty.name());
    }
    for param in params {
        form.param(param);
    }
    for method in &set.methods {
        form.put("method", method);
    }
    form.put("step_up_at", maybe(set.policy.step_up_at));
    form.put("block_at", maybe(set.policy.block_at));
    form.requires(&set.policy.auth);
    if let Some(Dialogue { expires_us, attempts }) = set.step_up {
        form.put("step_up", format_args!("{expires_us} {attempts}"));
    }
    locks.iter().for_each(|declared| form.lock(declared));
    for declared in features {
        form.feature(declared);
    }
    for list in &set.lists {
        form.list(list);
    }
    if let Some(rates) = &set.rates {
        form.put("rates", rates.file.as_deref().unwrap_or_default());
        form.put("otherwise", rates.otherwise.name());
    }
    for declared in tables {
        form.table(declared);
    }
    for declared in rules {
        form.rule(declared);
        form.conduct(&declared.rule, rules);
        form.duties(&declared.duties);
        declared.rule.tenants.iter().for_each(|tenant| form.put("tenant", tenant));
    }
    let conditions = features.iter().flat_map(features::Declared::conditions);
    let conditions = conditions.chain(tables.iter().flat_map(|table| &table.conditions));
    let conditions = conditions.chain(locks.iter().flat_map(|lock| &lock.opens));
    let mut asked = BTreeMap::new();
    for condition in conditions.chain(rules.iter().map(|rule| &rule.condition)) {
        condition.tree.walk(&mut |part| {
            if let Node::Met(name, needs) = &part.node {
                asked.insert(name.as_str(), needs);
            }
        });
    }
    asked.into_iter().for_each(|(name, needs)| form.asked(name, needs));
    if let Some(control) = set.control {
        let share = form.share(control.share);
        form.put("control", format_args!("{share} {}", control.amount_minor_max));
    }
    form.hasher.finalize().into()
}

fn maybe(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn value(values: &Values, at: usize) -> String {
    match values {
        Values::Text(values) => values.get(at).map(ToString::to_string),
        Values::Whole(values) => values.get(at).map(ToString::to_string),
        Values::Decimal(values) => values.get(at).map(|value| format!("{:016x}", value.to_bits())),
        Values::Boolean(values) => values.get(at).map(ToString::to_string),
    }
    .unwrap_or_default()
}

struct Form<'a> {
    hasher: Sha256,
    schema: &'a Schema,
    features: &'a [features::Declared<'a>],
}

impl Form<'_> {
    fn put(&mut self, tag: &str, value: impl Display) {
        let value = value.to_string();
        self.hasher.update(format!("{tag} {}:{value}\n", value.len()));
    }

    fn param(&mut self, param: &Param<'_>) {
        self.put("param", param.name.text);
        match &param.value {
            ParamValue::Whole(value, unit) => {
                let unit = match unit {
                    Unit::Plain => "plain",
                    Unit::Money => "money",
                    Unit::Duration => "duration",
                    Unit::Time => "time",
                };
                self.put("whole", value);
                self.put("unit", unit);
            }
            ParamValue::Decimal(value) => self.put("decimal", format_args!("{:016x}", value.to_bits())),
            ParamValue::Boolean(value) => self.put("boolean", value),
            ParamValue::Text(value) => self.put("text", value),
        }
    }

    fn requires(&mut self, any_of: &[u64]) {
        for mask in any_of {
            self.put("requires", mask);
        }
    }

    fn asked(&mut self, name: &str, needs: &Needs) {
        self.put("asks", name);
        needs.sets().for_each(|set| self.put("any_of", set));
    }

    fn key(&mut self, tag: &str, fields: &[KeyField]) {
        for field in fields {
            let name = self.key_name(*field);
            self.put(tag, name);
        }
    }

    fn key_name(&self, field: KeyField) -> String {
        match field {
            KeyField::Text(field) => field.name().to_owned(),
            KeyField::Extra(position) => self.extra_name(position),
        }
    }

    fn extra_name(&self, position: usize) -> String {
        self.schema.fields().get(position).map(|(name, _)| name.clone()).unwrap_or_default()
    }

    fn aggregate(&self, aggregate: Aggregate) -> String {
        let of = |name: &str, field: NumberField| format!("{name} {}", field.name(self.schema));
        match aggregate {
            Aggregate::Count => "count".to_owned(),
            Aggregate::Sum(field) => of("sum", field),
            Aggregate::Mean(field) => of("mean", field),
            Aggregate::Min(field) => of("min", field),
            Aggregate::Max(field) => of("max", field),
            Aggregate::Deviation(field) => of("deviation", field),
            Aggregate::Distinct(field) => format!("distinct {}", self.key_name(field)),
            Aggregate::Changed(field) => format!("changed {}", self.key_name(field)),
            Aggregate::IsNew => "is_new".to_owned(),
            Aggregate::Since => "since".to_owned(),
            Aggregate::First(field) => of("first", field),
            Aggregate::Last(field) => of("last", field),
            Aggregate::Previous(field) => of("previous", field),
            Aggregate::Quantile(field, ppm) => of(&format!("quantile {ppm}"), field),
            Aggregate::ZScore(field) => of("z_score", field),
            Aggregate::Speed { latitude, longitude } => {
                format!("speed {} {}", latitude.name(self.schema), longitude.name(self.schema))
            }
            Aggregate::Ratio { of: part, to } => {
                let part = match part {
                    Operand::Field(field) => of("ratio field", field),
                    Operand::Feature(at) => format!("ratio feature {}", self.feature_name(at)),
                };
                format!("{part} to {}", self.feature_name(to))
            }
        }
    }

    fn feature_name(&self, position: usize) -> &str {
        self.features.get(position).map_or("", |declared| declared.name.text)
    }

    fn feature(&mut self, declared: &features::Declared<'_>) {
        self.put("feature", &declared.feature.name);
        self.definition(declared);
    }

    /// All that a feature says of itself but for its name. What is at its default is left out where it was not
    /// always there to be said: a definition keeps its hash.
    fn definition(&mut self, declared: &features::Declared<'_>) {
        let canonical = |condition: &Option<Compiled<'_>>| {
            condition.as_ref().map_or_else(String::new, |condition| condition.canonical.clone())
        };
        let feature = &declared.feature;
        let aggregate = self.aggregate(feature.aggregate);
        self.put("aggregate", aggregate);
        self.key("by", &feature.by);
        self.key("at", &feature.at);
        for kind in Kind::ALL.into_iter().filter(|kind| feature.from.contains(*kind)) {
            self.put("from", kind.name());
        }
        self.put("where", canonical(&declared.condition));
        match feature.window {
            Window::Sliding { length_us } => self.put("over", length_us),
            Window::Day => self.put("over", "day"),
            Window::Month => self.put("over", "month"),
            Window::Forever => self.put("over", "forever"),
        }
        let counts = match feature.counts {
            Counts::Asked => "asked",
            Counts::Allowed => "allowed",
            Counts::Executed => "executed",
        };
        self.put("counts", counts);
        self.put("current", feature.current);
        if feature.delay_us > 0 {
            self.put("delay", feature.delay_us);
        }
        if feature.pending {
            self.put("pending", true);
        }
        if let Some(label) = feature.label {
            self.put("label", label.name());
        }
        if let Some(reset) = &feature.reset {
            for kind in Kind::ALL.into_iter().filter(|kind| reset.from.contains(*kind)) {
                self.put("reset_from", kind.name());
            }
            if reset.on_execution {
                self.put("reset_on", "executed");
            }
            self.put("reset_where", canonical(&declared.reset));
        }
        if feature.across {
            self.put("across", "all");
        }
    }

    fn lock(&mut self, declared: &locks::Declared<'_>) {
        let lock = &declared.lock;
        self.put("lock", &lock.name);
        self.put("locks", lock.methods);
        self.key("by", &[lock.by]);
        self.put("failures", lock.failures);
        for kind in Kind::ALL.into_iter().filter(|kind| lock.opens_from.contains(*kind)) {
            self.put("opens_from", kind.name());
        }
        self.put("opens_where", maybe(declared.opens.as_ref().map(|opens| &opens.canonical)));
    }

    fn list(&mut self, list: &ListDeclaration) {
        self.put("list", &list.name);
        self.key("key", &[list.key]);
        self.put("file", maybe(list.file.as_ref()));
    }

    fn table(&mut self, declared: &tables::Declared<'_>) {
        let table = &declared.table;
        self.put("table", &table.name);
        self.put("type", table.ty.name());
        for (at, condition) in declared.conditions.iter().enumerate() {
            self.put("when", &condition.canonical);
            self.put("is", value(&table.values, at));
        }
        if table.values.len() > table.rows.len() {
            self.put("else", value(&table.values, table.rows.len()));
        }
        let on_unknown = match table.on_unknown {
            UnknownRow::Next => "next",
            UnknownRow::Unknown => "unknown",
            UnknownRow::Strictest => "strictest",
        };
        self.put("on_unknown", on_unknown);
        for rank in &table.strictness {
            self.put("strictness", rank);
        }
    }

    fn share(&self, share: Share) -> String {
        format!("{} {}", share.ppm, self.key_name(share.by))
    }

    /// Which payments a rule looks at, but for their tenants.
    fn looks_at(&mut self, rule: &Rule) {
        for (tag, time_us) in [("valid_from", rule.valid_from_us), ("valid_until", rule.valid_until_us)] {
            time_us.into_iter().for_each(|time_us| self.put(tag, time_us));
        }
        if let Some(rollout) = rule.rollout {
            let share = self.share(rollout);
            self.put("rollout", share);
        }
    }

    fn conduct(&mut self, rule: &Rule, rules: &[rule::Declared<'_>]) {
        match rule.tier {
            Tier::Normal => {}
            Tier::Override => self.put("tier", "override"),
            Tier::Mandatory => self.put("tier", "mandatory"),
        }
        match rule.mode {
            Mode::Live => {}
            Mode::Shadow => self.put("mode", "shadow"),
            Mode::Off => self.put("mode", "off"),
        }
        self.looks_at(rule);
        for declared in rule.overrides.iter().filter_map(|at| rules.get(usize::from(*at))) {
            self.put("overrides", &declared.rule.id);
        }
        if let Some(Breaker { ppm_max, over_us, decisions_min }) = rule.breaker {
            self.put("breaker", format_args!("{ppm_max} {over_us} {decisions_min}"));
        }
    }

    /// A file that is not for all payments: decisions name it.
    fn pack(&mut self, pack: &Pack) {
        if pack.is_for_all() {
            return;
        }
        self.put("pack", &pack.name);
        for (tag, time_us) in [("valid_from", pack.valid_from_us), ("valid_until", pack.valid_until_us)] {
            time_us.into_iter().for_each(|time_us| self.put(tag, time_us));
        }
        pack.tenants.iter().for_each(|tenant| self.put("tenant", tenant));
    }

    fn duties(&mut self, duties: &Duties<'_>) {
        for (tag, words) in [("tag", &duties.tags), ("oblige", &duties.oblige)] {
            words.iter().for_each(|word| self.put(tag, word));
        }
        if let Some(legal) = &duties.legal {
            self.put("legal", legal);
        }
    }

    fn condition_of(&mut self, declared: &rule::Declared<'_>) {
        if declared.rule.from != Kind::Transaction {
            self.put("from", declared.rule.from.name());
        }
        self.put("when", &declared.condition.canonical);
        let on_unknown = match declared.rule.on_unknown {
            OnUnknown::Silent => "silent",
            OnUnknown::Fires => "fires",
        };
        self.put("on_unknown", on_unknown);
    }

    fn rule(&mut self, declared: &rule::Declared<'_>) {
        let rule = &declared.rule;
        self.put("rule", &rule.id);
        self.condition_of(declared);
        self.put("then", rule.then.map_or("", Action::name));
        self.requires(&rule.auth);
        self.put("score", rule.score);
        for (language, text) in &rule.reason {
            self.put("reason", language);
            self.put("text", text);
        }
        self.put("customer", maybe(rule.customer.as_ref()));
    }
}

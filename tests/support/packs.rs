//! Rule files with generated features, which all decide alike.
#![allow(dead_code, reason = "each test uses a part")]

use proptest::prelude::*;
use weir::event::{Draft, Event, Kind, TextField};
use weir::rules::{Counts, Kinds, Label, Reset, RuleSet};

/// Rules that block and step up, by what the event says and by what a window says.
const BASE: &str = r#"
[ruleset]
name = "NAME"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
remember = "6h"

[fields]
balance = "money"
email = "text"

[params]
edge = { value = 1_000, unit = "VND" }

[[rule]]
id = "stopped"
when = "channel = 'stop' or busy > 6"
then = "block"
reason = "stopped"

[[rule]]
id = "asked"
when = "channel = 'ask' or (known and large > 2 and web + late > 3)"
then = "step_up"
reason = "asked"

RULES

[features]
busy  = { count = "*", by = "account", over = "1h" }
known = { is_new = true, by = ["account", "device"] }
large = { count = "*", by = "account", over = "1h", where = "amount > 1000" }
web   = { count = "*", by = "account", over = "1h", where = "channel = 'web' and not (payee = 'b')" }
late  = { count = "*", by = "account", over = "1h", where = "hour >= 22 or hour < 6 or weekday > 5" }
"#;

/// A rule file with these features and rules besides.
pub fn text(name: &str, rules: &str, features: &[(&str, &[String])]) -> String {
    let mut text = BASE.replace("NAME", name).replace("RULES", rules);
    for (prefix, definitions) in features {
        for (at, definition) in definitions.iter().enumerate() {
            text += &format!("{prefix}{at} = {{ {definition} }}\n");
        }
    }
    text
}

pub fn compiled(text: &str) -> RuleSet {
    let checked = weir::rules::compile("pack.toml", text);
    checked.rule_set.unwrap_or_else(|| panic!("{:?}\n{text}", checked.problems))
}

pub fn pack(name: &str, features: &[(&str, &[String])]) -> RuleSet {
    compiled(&text(name, "", features))
}

/// What a feature says of itself.
pub fn definitions() -> impl Strategy<Value = String> {
    let aggregates = prop::sample::select(vec![
        "count = '*'",
        "is_new = true",
        "since = 'last'",
        "sum = 'amount'",
        "sum = 'balance'",
        "mean = 'balance'",
        "min = 'amount'",
        "max = 'balance'",
        "deviation = 'amount'",
        "distinct = 'payee'",
        "distinct = 'email'",
        "changed = 'device'",
        "changed = 'email'",
        "first = 'amount'",
        "last = 'balance'",
        "previous = 'amount'",
        "quantile = 'amount', q = 0.75",
        "z_score = 'amount'",
    ]);
    let keys = prop::sample::select(vec![
        "by = 'account'",
        "by = 'payee', at = 'account'",
        "by = 'email'",
        "by = ['account', 'device']",
        "by = ['account', 'payee'], at = ['payee', 'account']",
    ]);
    let from = prop::sample::select(vec![
        "",
        "",
        ", from = ['transaction']",
        ", from = ['change']",
        ", from = ['login', 'reversal']",
        ", from = ['transaction', 'observed', 'reversal', 'execution']",
    ]);
    let wheres = prop::sample::select(vec![
        "",
        "",
        ", where = \"amount > edge\"",
        ", where = \"channel = 'web' and not (payee = 'b')\"",
        ", where = \"hour >= 22 or weekday > 5\"",
    ]);
    let windows =
        prop::sample::select(vec!["10us", "1h", "1h", "6h", "24h", "30d", "day", "month", "forever"]);
    let counts = prop::sample::select(vec!["asked", "allowed"]);
    (aggregates, keys, from, wheres, windows, counts, any::<bool>()).prop_map(
        |(aggregate, key, from, condition, window, counts, current)| {
            let never = ["is_new", "since", "z_score", "changed"];
            let without_current = never.iter().any(|word| aggregate.starts_with(word));
            let current = current && !without_current;
            format!(
                "{aggregate}, {key}{from}{condition}, over = '{window}', counts = '{counts}', current = {current}"
            )
        },
    )
}

/// What is said of a feature beside its definition, as a number.
pub fn options() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..VARIED * 2, 1..4)
}

const VARIED: u8 = 7;

/// The rule set with these options said of its numbered features, by their numbers: equal ones of equal features
/// keep equal hashes.
pub fn varied(mut rules: RuleSet, options: &[u8]) -> RuleSet {
    for feature in &mut rules.features {
        let number = feature.name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<usize>();
        let Some(&option) = number.ok().and_then(|number| options.get(number % options.len())) else {
            continue;
        };
        match option {
            0 => (feature.counts, feature.label) = (Counts::Asked, Some(Label::Fraud)),
            1 => (feature.counts, feature.pending) = (Counts::Executed, false),
            2 => (feature.counts, feature.pending) = (Counts::Executed, true),
            3 => (feature.delay_us, feature.current) = (weir::time::DAY_US / 24, false),
            4 => (feature.delay_us, feature.current) = (weir::time::DAY_US, false),
            5 | 6 => {
                let on_execution = option == 6;
                let from =
                    if on_execution { Kinds::TRANSACTIONS } else { Kinds::default().with(Kind::Change) };
                feature.reset = Some(Reset {
                    from,
                    on_execution,
                    condition: None,
                    tables: Vec::new(),
                    lists: Vec::new(),
                });
            }
            _ => continue,
        }
        feature.hash[31] ^= option + 1;
    }
    rules
}

/// A control event.
pub fn control(rules: &RuleSet, id: &str, time_us: i64, what: &str, subject: &str) -> Event {
    let mut draft = Draft::new(rules.schema.clone());
    draft.begin(Kind::Control, time_us).unwrap();
    draft.text(TextField::Id, id).unwrap();
    draft.text(TextField::Control, what).unwrap();
    draft.text(TextField::Subject, subject).unwrap();
    draft.seal().unwrap().clone()
}

//! Rule sets drawn at random: every aggregate with every option, beside rules that block and step up.
#![allow(dead_code, reason = "each test uses a part")]

use proptest::prelude::*;
use weir::event::{ExtraType, Kind, TextField};
use weir::rules::{
    Aggregate, Condition, Counts, DegreeField, Feature, Feedback, KeyField, Kinds, Label, NumberField,
    Operand, Reset, RuleSet, Window,
};

use super::hostile::LENGTHS_US;

/// Rules that block and step up, by what the event says and by what a window says.
pub const BASE: &str = r#"
[ruleset]
name = "twin"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
remember = "6h"

[fields]
balance = "money"
email = "text"
lat = "decimal"
lon = "decimal"

[features]
busy  = { count = "*", by = "account", over = "1h" }
known = { is_new = true, by = ["account", "device"] }
large = { count = "*", by = "account", over = "1h", where = "amount > 1000" }
web   = { count = "*", by = "account", over = "1h", where = "channel = 'web' and not (payee = 'b')" }
late  = { count = "*", by = "account", over = "1h", where = "hour >= 22 or hour < 6 or weekday > 5" }

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
"#;

pub fn base() -> RuleSet {
    compiled(BASE)
}

pub fn compiled(text: &str) -> RuleSet {
    let checked = weir::rules::compile("twin.toml", text);
    checked.rule_set.unwrap_or_else(|| panic!("{:?}", checked.problems))
}

fn aggregates() -> impl Strategy<Value = Aggregate> {
    let number = prop_oneof![3 => Just(NumberField::Amount), 1 => Just(NumberField::Extra(0))];
    let text = prop_oneof![
        Just(KeyField::Text(TextField::Device)),
        Just(KeyField::Text(TextField::Payee)),
        Just(KeyField::Extra(1))
    ];
    let share = prop_oneof![Just(1), Just(500_000), Just(950_000), Just(999_999), 1..1_000_000_u32];
    let place = prop::sample::select(vec![
        (DegreeField::Extra(2), DegreeField::Extra(3)),
        (DegreeField::Latitude, DegreeField::Longitude),
        (DegreeField::Extra(2), DegreeField::Longitude),
    ]);
    prop_oneof![
        1 => Just(Aggregate::Count),
        1 => Just(Aggregate::IsNew),
        2 => Just(Aggregate::Since),
        1 => number.clone().prop_map(Aggregate::Sum),
        1 => number.clone().prop_map(Aggregate::Mean),
        2 => number.clone().prop_map(Aggregate::Min),
        2 => number.clone().prop_map(Aggregate::Max),
        1 => number.clone().prop_map(Aggregate::Deviation),
        1 => number.clone().prop_map(Aggregate::First),
        1 => number.clone().prop_map(Aggregate::Last),
        2 => number.clone().prop_map(Aggregate::Previous),
        2 => (number.clone(), share).prop_map(|(field, ppm)| Aggregate::Quantile(field, ppm)),
        2 => number.prop_map(Aggregate::ZScore),
        2 => place.prop_map(|(latitude, longitude)| Aggregate::Speed { latitude, longitude }),
        3 => text.clone().prop_map(Aggregate::Distinct),
        3 => text.prop_map(Aggregate::Changed),
    ]
}

pub fn windows() -> impl Strategy<Value = Window> {
    prop_oneof![
        4 => prop::sample::select(&LENGTHS_US[..]).prop_map(|length_us| Window::Sliding { length_us }),
        1 => Just(Window::Day),
        1 => Just(Window::Month),
        2 => Just(Window::Forever),
    ]
}

fn features(conditions: Vec<Condition>) -> impl Strategy<Value = Feature> {
    let account = KeyField::Text(TextField::Account);
    let keys = prop::sample::select(vec![
        (vec![account], vec![account]),
        (vec![KeyField::Text(TextField::Payee)], vec![account]),
        (vec![KeyField::Extra(1)], vec![KeyField::Extra(1)]),
        (vec![account, KeyField::Text(TextField::Device)], vec![account, KeyField::Text(TextField::Device)]),
        (vec![account, KeyField::Text(TextField::Payee)], vec![KeyField::Text(TextField::Payee), account]),
    ]);
    let from = prop::sample::select(vec![
        Kinds::PAYMENTS,
        Kinds::default().with(Kind::Transaction),
        Kinds::default().with(Kind::Change),
        Kinds::default().with(Kind::Login).with(Kind::Reversal),
        Kinds::PAYMENTS.with(Kind::Reversal).with(Kind::Execution),
    ]);
    let condition = prop::option::weighted(0.3, prop::sample::select(conditions.clone()));
    (aggregates(), keys, from, condition, windows(), options(conditions)).prop_map(
        |(aggregate, (by, at), from, condition, window, options)| {
            let Options { counts: (counts, pending), in_flight_us, label, delay_us, reset, current } =
                options;
            let never = never_current(aggregate) || delay_us > 0;
            let adds_up = matches!(
                aggregate,
                Aggregate::Count | Aggregate::Sum(_) | Aggregate::Mean(_) | Aggregate::Deviation(_)
            );
            let calendar = matches!(window, Window::Day | Window::Month);
            let apart = pending && label.is_none() && adds_up && calendar;
            Feature {
                name: "generated".to_owned(),
                hash: [0; 32],
                aggregate,
                by,
                at,
                from,
                condition,
                window,
                counts: if label.is_some() { Counts::Asked } else { counts },
                pending,
                in_flight_us: in_flight_us.filter(|_| apart),
                label,
                delay_us,
                reset,
                current: current && !never,
                ty: ExtraType::Integer,
                tables: Vec::new(),
                lists: Vec::new(),
                across: false,
                used: true,
            }
        },
    )
}

/// Whether the event being scored is never part of the value.
fn never_current(aggregate: Aggregate) -> bool {
    aggregate.is_of_an_event() || matches!(aggregate, Aggregate::IsNew | Aggregate::Since)
}

/// Ratios of what stands before them, and of fields of the event.
pub fn ratios() -> impl Strategy<Value = Vec<(Result<NumberField, usize>, usize)>> {
    let of = prop_oneof![
        1 => Just(Ok(NumberField::Amount)),
        1 => Just(Ok(NumberField::Extra(0))),
        4 => (0..20_usize).prop_map(Err),
    ];
    prop::collection::vec((of, 0..20_usize), 0..3)
}

/// The rule set with these features and ratios behind its own.
pub fn with(
    mut rules: RuleSet,
    generated: Vec<Feature>,
    ratios: Vec<(Result<NumberField, usize>, usize)>,
) -> RuleSet {
    rules.features.extend(generated);
    let kept = rules.features.len();
    for (of, to) in ratios {
        let of = of.map_or_else(|at| Operand::Feature(at % kept), Operand::Field);
        let like = rules.features[0].clone();
        let aggregate = Aggregate::Ratio { of, to: to % kept };
        rules.features.push(Feature { aggregate, by: Vec::new(), at: Vec::new(), ..like });
    }
    rules
}

/// What may be said of any feature, in any combination.
#[derive(Clone, Debug)]
struct Options {
    counts: (Counts, bool),
    in_flight_us: Option<i64>,
    label: Option<Label>,
    delay_us: i64,
    reset: Option<Reset>,
    current: bool,
}

fn options(conditions: Vec<Condition>) -> impl Strategy<Value = Options> {
    let counts = prop::sample::select(vec![
        (Counts::Asked, false),
        (Counts::Allowed, false),
        (Counts::Executed, false),
        (Counts::Executed, true),
    ]);
    let label = prop::option::weighted(0.2, prop::sample::select(vec![Label::Fraud, Label::Genuine]));
    let delay_us = prop_oneof![3 => Just(0), 2 => prop::sample::select(&LENGTHS_US[..])];
    let from = prop::sample::select(vec![
        Kinds::PAYMENTS,
        Kinds::TRANSACTIONS,
        Kinds::default().with(Kind::Authentication),
        Kinds::default().with(Kind::Change).with(Kind::Login),
    ]);
    let reset = (from, any::<bool>(), prop::option::weighted(0.8, prop::sample::select(conditions)))
        .prop_map(|(from, on_execution, condition)| {
            let from = if on_execution { Kinds::TRANSACTIONS } else { from };
            Reset { from, on_execution, condition, tables: Vec::new(), lists: Vec::new() }
        });
    let in_flight_us = prop::option::weighted(0.8, prop::sample::select(&LENGTHS_US[..]));
    (counts, in_flight_us, label, delay_us, prop::option::weighted(0.3, reset), any::<bool>()).prop_map(
        |(counts, in_flight_us, label, delay_us, reset, current)| Options {
            counts,
            in_flight_us,
            label,
            delay_us,
            reset,
            current,
        },
    )
}

pub fn feedbacks() -> impl Strategy<Value = Feedback> {
    prop::sample::select(vec![Feedback::None, Feedback::Authentication, Feedback::Execution])
}

pub fn generated(most: usize) -> impl Strategy<Value = Vec<Feature>> {
    let conditions = base().features.into_iter().filter_map(|feature| feature.condition).collect();
    prop::collection::vec(features(conditions), 1..most)
}

/// Rules whose decisions do not depend on values that may wait.
pub fn steady() -> RuleSet {
    let mut rules = base();
    rules.rules.clear();
    let asks = compiled(&BASE.replace("busy > 6", "false").replace("known and large > 2", "false"));
    rules.rules.extend(asks.rules);
    rules
}

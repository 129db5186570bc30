//! What a good rule file compiles to, and by what it is known.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails stops")]

use weir::decision::Outcome;
use weir::event::{ExtraType, Kind, TextField};
use weir::money::Currency;
use weir::rules::{
    Action, Aggregate, Checked, Counts, DegreeField, Feature, Feedback, KeyField, Kinds, Label, NumberField,
    OnUnknown, Operand, RuleSet, Severity, Stratum, Window, compile, describe,
};
use weir::time::{DAY_US, SECOND_US};

const RETAIL: &str = r#"
# The example of the design.
[ruleset]
name = "retail"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"

[fields]
balance = "money"
opened_at = "time"
shop = "text"

[params]
big    = { value = 10_000_000, unit = "VND", min = 1_000_000, max = 50_000_000 }
near   = { value = 9_000_000, unit = "VND" }
fresh  = "24h"
bursts = 5

[features]
spent_24h    = { sum = "amount", by = "account", over = "fresh" }
count_10m    = { count = "*", by = "account", over = "10m" }
near_day     = { count = "*", by = "customer", over = "day", where = "amount between near and big" }
device_users = { distinct = "account", by = "device", over = "7d", counts = "allowed" }
new_device   = { is_new = true, by = ["account", "device"] }
usual_amount = { mean = "amount", by = "account", over = "month", current = false }
oldest       = { min = "opened_at", by = ["shop", "payee"], over = "forever" }
received_1h  = { sum = "amount", by = "payee", at = "account", over = "1h" }
since_reset  = { since = "last", from = ["change", "login"], where = "what in ('password', 'phone')", by = "customer" }

[policy]
step_up_at = 50
block_at   = 90
auth       = "weak"

[auth.weak]
all = [["sms_otp", "fido"]]
[auth.strong]
all = [["soft_otp", "fido"], ["biometric"]]

[[rule]]
id     = "takeover"
when   = "new_device and since_reset < fresh and amount > big"
then   = "step_up"
auth   = "strong"
score  = 40
reason = { vi = "Chuyển khoản lớn", en = "Large transfer" }
customer = "confirm_identity"

[[rule]]
id     = "burst"
when   = "count_10m > bursts or near_day >= 3 or device_users > 3 or received_1h > 5 * usual_amount"
score  = -30
on_unknown = "fires"
reason = { en = "Burst", vi = "Dồn dập" }

[[rule]]
id   = "look"
when = "spent_24h > 100000000 or oldest > timestamp '2026-01-01T00:00:00Z'"
then = "alert"
reason = { en = "Look", vi = "Xem" }
"#;

fn good(text: &str) -> RuleSet {
    let Checked { rule_set, problems, .. } = compile("retail.toml", text);
    let wrong: Vec<_> = problems.iter().filter(|problem| problem.severity != Severity::Note).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    rule_set.unwrap()
}

fn feature<'s>(set: &'s RuleSet, name: &str) -> &'s Feature {
    set.features.iter().find(|feature| feature.name == name).unwrap()
}

#[test]
fn the_example_of_the_design_compiles() {
    let set = good(RETAIL);
    assert_eq!(
        (set.name.as_str(), set.time_zone.as_str(), set.currency),
        ("retail", "Asia/Ho_Chi_Minh", Currency::VND)
    );
    // The longest window is a month, and the longest month has 31 days and an hour.
    assert_eq!(set.horizon_us, 745 * 3_600 * SECOND_US);
    assert_eq!(set.schema.find("shop"), Some((2, ExtraType::Text)));
    assert_eq!((set.policy.step_up_at, set.policy.block_at), (Some(50), Some(90)));
    assert_eq!(set.methods, ["biometric", "fido", "sms_otp", "soft_otp"]);
    assert_eq!(set.policy.auth, [0b0110]);
    let names: Vec<&str> = set.features.iter().map(|feature| feature.name.as_str()).collect();
    assert!(names.is_sorted(), "{names:?}");

    let takeover = &set.rules[0];
    assert_eq!(takeover.id, "takeover");
    assert_eq!(takeover.then, Some(Action::Outcome(Outcome::StepUp)));
    assert_eq!(takeover.auth, [0b1010, 0b0001]);
    assert_eq!((takeover.score, takeover.on_unknown), (40, OnUnknown::Silent));
    assert_eq!(takeover.reason[0], ("en".to_owned(), "Large transfer".to_owned()));
    assert_eq!(takeover.customer.as_deref(), Some("confirm_identity"));
    let reads: Vec<&str> =
        takeover.reads.iter().map(|at| set.features[usize::from(*at)].name.as_str()).collect();
    assert_eq!(reads, ["new_device", "since_reset"]);
    let burst = &set.rules[1];
    assert_eq!((burst.then, burst.score, burst.on_unknown), (None, -30, OnUnknown::Fires));
    assert_eq!(set.rules[2].then, Some(Action::Alert));
}

#[test]
fn features_have_their_defaults() {
    let set = good(RETAIL);
    let spent = feature(&set, "spent_24h");
    assert_eq!(spent.aggregate, Aggregate::Sum(NumberField::Amount));
    assert_eq!(spent.window, Window::Sliding { length_us: DAY_US });
    assert_eq!((spent.from, spent.counts, spent.current), (Kinds::PAYMENTS, Counts::Asked, true));
    assert_eq!((spent.ty, spent.used), (ExtraType::Money, true));
    assert_eq!(spent.by, [KeyField::Text(TextField::Account)]);
    assert_eq!(spent.at, spent.by);
    assert!(spent.condition.is_none());

    assert_eq!(feature(&set, "near_day").window, Window::Day);
    assert!(feature(&set, "near_day").condition.is_some());
    let users = feature(&set, "device_users");
    assert_eq!(users.aggregate, Aggregate::Distinct(KeyField::Text(TextField::Account)));
    assert_eq!((users.counts, users.ty), (Counts::Allowed, ExtraType::Integer));
    let new = feature(&set, "new_device");
    assert_eq!((new.window, new.counts, new.current), (Window::Forever, Counts::Allowed, false));
    assert_eq!(new.ty, ExtraType::Boolean);
    let usual = feature(&set, "usual_amount");
    assert_eq!((usual.window, usual.counts, usual.current), (Window::Month, Counts::Allowed, false));
    assert_eq!(usual.ty, ExtraType::Money);
    let oldest = feature(&set, "oldest");
    assert_eq!((oldest.aggregate, oldest.ty), (Aggregate::Min(NumberField::Extra(1)), ExtraType::Time));
    assert_eq!(oldest.by, [KeyField::Extra(2), KeyField::Text(TextField::Payee)]);
    let received = feature(&set, "received_1h");
    assert_eq!(received.by, [KeyField::Text(TextField::Payee)]);
    assert_eq!(received.at, [KeyField::Text(TextField::Account)]);
    assert_eq!(received.window, Window::Sliding { length_us: 3_600 * SECOND_US });
    let since = feature(&set, "since_reset");
    assert_eq!((since.aggregate, since.ty, since.current), (Aggregate::Since, ExtraType::Duration, false));
    assert_eq!(
        (since.counts, since.from),
        (Counts::Allowed, Kinds::default().with(Kind::Change).with(Kind::Login))
    );
}

/// A file with these features, all of them read by one rule.
fn with_features(features: &str, when: &str) -> RuleSet {
    good(&format!(
        "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\npending_for = \"15m\"\n[params]\nweek = \"7d\"\n[fields]\nlat = \"decimal\"\nlon = \"decimal\"\n\
         [features]\n{features}[[rule]]\nid = \"a\"\nthen = \"alert\"\nreason = \"a\"\nwhen = '''{when}'''\n"
    ))
}

#[test]
fn what_looks_at_the_past_alone_leaves_the_event_being_scored_out() {
    let of = "by = \"account\", over = \"30d\"";
    let set = with_features(
        &format!(
            "first = {{ first = \"amount\", {of} }}\nlast = {{ last = \"amount\", {of}, current = true }}\n\
             previous = {{ previous = \"amount\", {of} }}\np95 = {{ quantile = \"amount\", q = 0.950, {of} }}\n\
             z = {{ z_score = \"amount\", {of} }}\nkmh = {{ speed = [\"lat\", \"longitude\"], {of} }}\n"
        ),
        "first + last + previous + p95 > amount and z > 1.5 and kmh > week / week",
    );
    let amount = NumberField::Amount;
    let kmh = Aggregate::Speed { latitude: DegreeField::Extra(0), longitude: DegreeField::Longitude };
    for (name, aggregate, ty, current) in [
        ("first", Aggregate::First(amount), ExtraType::Money, false),
        ("last", Aggregate::Last(amount), ExtraType::Money, true),
        ("previous", Aggregate::Previous(amount), ExtraType::Money, false),
        ("p95", Aggregate::Quantile(amount, 950_000), ExtraType::Money, false),
        ("z", Aggregate::ZScore(amount), ExtraType::Decimal, false),
        ("kmh", kmh, ExtraType::Decimal, false),
    ] {
        let found = feature(&set, name);
        assert_eq!((found.aggregate, found.ty, found.current), (aggregate, ty, current), "{name}");
        assert_eq!((found.counts, found.used), (Counts::Allowed, true), "{name}");
    }
}

#[test]
fn a_window_may_end_before_now_and_be_of_what_became_of_payments() {
    let set = with_features(
        "spent = { sum = \"amount\", by = \"account\", over = \"day\", counts = \"executed\", pending = true }\n\
         frauds = { mean = \"amount\", by = \"merchant\", over = \"14d\", delay = \"week\", label = \"fraud\" }\n\
         strong = { sum = \"amount\", by = \"account\", over = \"day\", reset = { from = \"authentication\", where = \"result = 'succeeded'\" } }\n\
         executed = { count = \"*\", by = \"account\", over = \"day\", reset = { on = \"executed\", where = \"amount > 5\" } }\n\
         since_large = { count = \"*\", by = \"account\", over = \"30d\", reset = \"amount > 5\" }\n",
        "spent + strong > 5 and executed > 5 and frauds > 3 and since_large > 2",
    );
    // Three weeks are longer than the month's day, and 30 days are longer still.
    assert_eq!(set.horizon_us, 30 * DAY_US);
    assert_eq!(set.feedback, Feedback::Execution);
    let spent = feature(&set, "spent");
    assert_eq!((spent.counts, spent.pending, spent.current), (Counts::Executed, true, true));
    assert_eq!(spent.in_flight_us, Some(15 * 60 * SECOND_US));
    assert_eq!(spent.stratum(), Stratum::DecisionFed);
    let frauds = feature(&set, "frauds");
    assert_eq!((frauds.label, frauds.counts, frauds.current), (Some(Label::Fraud), Counts::Asked, false));
    assert_eq!((frauds.delay_us, frauds.stratum()), (7 * DAY_US, Stratum::EventFed));
    let reset =
        |name: &str| feature(&set, name).reset.clone().map(|reset| (reset.from, reset.condition.is_some()));
    assert_eq!(reset("strong"), Some((Kinds::default().with(Kind::Authentication), true)));
    assert_eq!(reset("since_large"), Some((Kinds::PAYMENTS, true)));
    assert_eq!(reset("executed"), Some((Kinds::TRANSACTIONS, true)));
    assert!(feature(&set, "executed").reset.as_ref().is_some_and(|reset| reset.on_execution));
    let longer = "x = { count = \"*\", by = \"account\", over = \"28d\", delay = \"week\" }\n";
    assert_eq!(with_features(longer, "x > 5").horizon_us, 35 * DAY_US);
}

#[test]
fn a_ratio_is_read_with_its_parts_and_is_of_their_stratum() {
    let set = with_features(
        "a_risk = { ratio = \"frauds\", to = \"payments\" }\nlarge = { ratio = \"amount\", to = \"usual\" }\n\
         frauds = { count = \"*\", by = \"merchant\", over = \"week\", label = \"fraud\" }\n\
         payments = { count = \"*\", by = \"merchant\", over = \"7d\" }\n\
         usual = { mean = \"amount\", by = \"account\", over = \"30d\" }\n",
        "a_risk > 0.02 or large > 5",
    );
    let position = |name: &str| set.features.iter().position(|feature| feature.name == name).unwrap();
    let risk = feature(&set, "a_risk");
    let of = Operand::Feature(position("frauds"));
    assert_eq!(risk.aggregate, Aggregate::Ratio { of, to: position("payments") });
    assert_eq!((risk.ty, risk.stratum(), risk.is_ratio()), (ExtraType::Decimal, Stratum::EventFed, true));
    let large = feature(&set, "large");
    let of = Operand::Field(NumberField::Amount);
    assert_eq!(large.aggregate, Aggregate::Ratio { of, to: position("usual") });
    assert_eq!((large.stratum(), large.by.len()), (Stratum::DecisionFed, 0));
    assert!(set.features.iter().all(|feature| feature.used));
    assert_eq!(set.rules[0].reads, [0, 1, 2, 3, 4]);
}

#[test]
fn what_a_feature_says_can_be_told() {
    let text = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n[params]\nweek = \"7d\"\n[features]\n\
        frauds = { count = \"*\", by = \"merchant\", over = \"14d\", delay = \"week\", label = \"fraud\", reset = { from = \"login\", where = \"level > 2\" } }\n\
        large = { quantile = \"amount\", q = 0.95, by = \"merchant\", over = \"7d\", counts = \"executed\", pending = true }\n\
        risk = { ratio = \"frauds\", to = \"large\" }\n\
        [[rule]]\nid = \"a\"\nthen = \"alert\"\nreason = \"a\"\nwhen = \"risk > 1.5\"\n";
    let (_, description) = describe("t.toml", text).unwrap();
    let said = |at: usize| -> Vec<(&str, &str)> {
        let aspects = &description.features[at].aspects;
        aspects.iter().map(|aspect| (aspect.key.as_str(), aspect.text.as_str())).collect()
    };
    let frauds = [
        ("value", "count *"),
        ("by", "merchant"),
        ("over", "14d"),
        ("delay", "week"),
        ("counts", "asked"),
        ("label", "fraud"),
        ("reset from", "login"),
        ("reset where", "level > 2"),
        ("current", "false"),
    ];
    assert_eq!(said(0), frauds);
    assert_eq!(said(1)[..1], [("value", "quantile 0.95 of amount")]);
    assert!(said(1).contains(&("counts", "executed or pending")), "{:?}", said(1));
    assert_eq!(said(2), [("value", "ratio frauds to large")]);
    assert!(description.features.iter().all(|feature| feature.rules == ["a"]));
    assert_eq!(
        (&description.params[0].features[..], &description.params[0].rules[..]),
        (&["frauds".to_owned()][..], &["a".to_owned()][..])
    );
}

#[test]
fn what_changes_no_decision_changes_no_hash() {
    let hash = good(RETAIL).hash;
    for (from, to) in [
        ("# The example of the design.", "# Another remark."),
        ("currency = \"VND\"\n", "currency = \"VND\"\nremember = \"745h\"\n"),
        (
            "name = \"retail\"\ntime_zone = \"Asia/Ho_Chi_Minh\"",
            "time_zone = \"Asia/Ho_Chi_Minh\"\nname = \"retail\"",
        ),
        ("bursts = 5", "bursts = 0x5"),
        ("value = 10_000_000", "value = 10_000_000.0"),
        ("fresh  = \"24h\"\nbursts = 5", "bursts = 5\nfresh = \"1d\""),
        ("balance = \"money\"\nopened_at = \"time\"", "opened_at = \"time\"\nbalance = \"money\""),
        ("over = \"10m\"", "over = \"600s\", counts = \"asked\", from = [\"observed\", \"transaction\"]"),
        (
            "vi = \"Chuyển khoản lớn\", en = \"Large transfer\"",
            "en = \"Large transfer\", vi = \"Chuyển khoản lớn\"",
        ),
        ("new_device and since_reset < fresh", "New_Device  AND\\n since_reset<fresh /* soon after */"),
        ("score  = -30", "score = -30"),
        ("currency = \"VND\"\n", "currency = \"VND\"\nfeedback = \"execution\"\n"),
        ("over = \"10m\"", "over = \"10m\", current = true"),
        ("then = \"alert\"", "then = \"alert\"\nscore = 0"),
        ("all = [[\"sms_otp\", \"fido\"]]\n[auth.strong]", "all = [[\"fido\", \"sms_otp\"]]\n[auth.strong]"),
    ] {
        let changed = RETAIL.replacen(from, to, 1);
        assert_ne!(changed, RETAIL, "{from} is not in the file");
        assert_eq!(good(&changed).hash, hash, "{from} -> {to}");
    }
    let last = RETAIL.find("[auth.weak]").unwrap();
    let first_rule = RETAIL.find("[[rule]]").unwrap();
    let auths_first = format!("{}\n{}{}", &RETAIL[last..first_rule], &RETAIL[..last], &RETAIL[first_rule..]);
    assert_eq!(good(&auths_first).hash, hash);
}

#[test]
fn what_can_change_a_decision_changes_the_hash() {
    let hash = good(RETAIL).hash;
    let mut hashes = vec![hash];
    for (from, to) in [
        ("name = \"retail\"", "name = \"retail2\""),
        ("time_zone = \"Asia/Ho_Chi_Minh\"", "time_zone = \"Asia/Bangkok\""),
        ("currency = \"VND\"\n", "currency = \"VND\"\nremember = \"8d\"\n"),
        ("bursts = 5", "bursts = 6"),
        ("bursts = 5", "bursts = 5.0"),
        ("balance = \"money\"", "balance = \"integer\""),
        ("sum = \"amount\", by = \"account\"", "sum = \"balance\", by = \"account\""),
        ("sum = \"amount\", by = \"account\"", "max = \"amount\", by = \"account\""),
        ("by = \"payee\", at = \"account\"", "by = \"account\""),
        ("over = \"10m\"", "over = \"11m\""),
        ("over = \"10m\"", "over = \"10m\", current = false"),
        ("over = \"10m\"", "over = \"10m\", counts = \"allowed\""),
        ("over = \"10m\"", "over = \"10m\", from = \"transaction\""),
        ("currency = \"VND\"\n", "currency = \"VND\"\nfeedback = \"none\"\n"),
        ("currency = \"VND\"\n", "currency = \"VND\"\nfeedback = \"authentication\"\n"),
        ("over = \"10m\"", "over = \"10m\", counts = \"executed\""),
        ("over = \"10m\"", "over = \"10m\", counts = \"executed\", pending = true"),
        ("over = \"10m\"", "over = \"10m\", delay = \"1h\""),
        ("over = \"10m\"", "over = \"10m\", delay = \"2h\""),
        ("over = \"10m\"", "over = \"10m\", label = \"fraud\""),
        ("over = \"10m\"", "over = \"10m\", label = \"genuine\""),
        ("over = \"10m\"", "over = \"10m\", reset = \"amount > 5\""),
        ("over = \"10m\"", "over = \"10m\", reset = \"amount > 6\""),
        ("over = \"10m\"", "over = \"10m\", reset = { from = \"login\" }"),
        ("over = \"10m\"", "over = \"10m\", reset = { from = \"transaction\", where = \"amount > 6\" }"),
        ("over = \"10m\"", "over = \"10m\", reset = { on = \"executed\", where = \"amount > 6\" }"),
        ("over = \"10m\"", "over = \"10m\", reset = { on = \"executed\" }"),
        ("mean = \"amount\", by", "first = \"amount\", by"),
        ("mean = \"amount\", by", "last = \"amount\", by"),
        ("mean = \"amount\", by", "previous = \"amount\", by"),
        ("count = \"*\", by", "z_score = \"amount\", by"),
        ("mean = \"amount\", by", "quantile = \"amount\", q = 0.5, by"),
        ("mean = \"amount\", by", "quantile = \"amount\", q = 0.500001, by"),
        ("count = \"*\", by", "speed = [\"latitude\", \"longitude\"], by"),
        ("spent_24h    = {", "share = { ratio = \"spent_24h\", to = \"count_10m\" }\nspent_24h = {"),
        ("spent_24h    = {", "share = { ratio = \"amount\", to = \"count_10m\" }\nspent_24h = {"),
        ("spent_24h    = {", "share = { ratio = \"amount\", to = \"spent_24h\" }\nspent_24h = {"),
        ("amount between near and big", "amount between big and near"),
        ("step_up_at = 50", "step_up_at = 51"),
        ("auth       = \"weak\"", "auth = \"strong\""),
        ("[\"biometric\"]", "[\"face\"]"),
        ("score  = 40", "score = 41"),
        ("on_unknown = \"fires\"\n", ""),
        ("amount > big", "amount >= big"),
        ("Large transfer", "Large Transfer"),
        ("confirm_identity", "call_us"),
        ("id   = \"look\"", "id = \"look2\""),
        ("then = \"alert\"", "then = \"block\""),
    ] {
        let changed = RETAIL.replacen(from, to, 1);
        assert_ne!(changed, RETAIL, "{from} is not in the file");
        let changed = compile("retail.toml", &changed).into_result().unwrap();
        assert!(!hashes.contains(&changed.hash), "{from} -> {to}");
        hashes.push(changed.hash);
    }
    let (start, second) = RETAIL.split_at(RETAIL.find("[[rule]]\nid     = \"burst\"").unwrap());
    let (start, first) = start.split_at(start.find("[[rule]]").unwrap());
    let swapped = good(&format!("{start}{second}\n{first}"));
    assert!(!hashes.contains(&swapped.hash), "the order of rules matters");
}

#[test]
fn a_step_up_may_leave_its_requirement_open() {
    let text = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n[[rule]]\nid = \"a\"\nwhen = \"amount > 1\"\nthen = \"step_up\"\nreason = \"x\"\n";
    let Checked { rule_set, problems, .. } = compile("retail.toml", text);
    let set = rule_set.unwrap();
    assert_eq!(problems.len(), 1, "it is told as a warning: {problems:#?}");
    assert_eq!((set.rules[0].auth.len(), set.policy.auth.len(), set.time_zone.as_str()), (0, 0, "UTC"));
    assert_eq!(set.rules[0].reason, [("en".to_owned(), "x".to_owned())]);
    assert_eq!(set.rules[0].text, "amount > 1");
}

#[test]
fn ten_thousand_rules_compile_and_each_reads_its_own_feature() {
    let features: String = (0..1_000)
        .map(|i| format!("f{i} = {{ count = \"*\", by = \"account\", over = \"{}m\" }}\n", i + 1))
        .collect();
    let rules: String = (0..10_000)
        .map(|i| {
            format!(
                "[[rule]]\nid = \"r{i}\"\nthen = \"block\"\n\
                 when = \"f{} > {i} and amount between {i} and 1000000 and channel in ('web', 'mobile')\"\n",
                i % 1_000
            )
        })
        .collect();
    let set = good(&format!("[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n[features]\n{features}{rules}"));
    assert_eq!(set.rules.len(), 10_000);
    for (i, rule) in set.rules.iter().enumerate() {
        assert_eq!(set.features[usize::from(rule.reads[0])].name, format!("f{}", i % 1_000));
    }
}

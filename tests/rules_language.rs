//! What conditions mean: every operator, with nulls, at its edges and beyond them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails stops")]

use std::sync::Arc;

use weir::decision::{Quality, Reading, Value};
use weir::event::{Draft, ExtraValue, Form, Kind, TextField};
use weir::money::Currency;
use weir::rules::{Facts, Refused, RuleSet, compile};
use weir::time::parse_time;

const FILE: &str = r#"
[ruleset]
name = "t"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[fields]
balance = "money"
items = "integer"
least_integer = "integer"
greatest_integer = "integer"
ratio = "decimal"
tiny = "decimal"
huge = "decimal"
shop = "text"
flag = "boolean"
gap = "duration"
opened_at = "time"
no_money = "money"
no_integer = "integer"
no_decimal = "decimal"
no_text = "text"
no_flag = "boolean"
no_gap = "duration"
no_time = "time"
[params]
big = { value = 10_000_000, unit = "VND" }
fresh = "24h"
bursts = 3
factor = 1.5
web = "web"
armed = true
[features]
count_10m = { count = "*", by = "account", over = "10m" }
new_device = { is_new = true, by = ["account", "device"] }
unknown_count = { count = "*", by = "payee", over = "10m" }
since_reset = { since = "last", from = "change", by = "customer" }
spent_24h = { sum = "amount", by = "account", over = "24h" }
usual = { mean = "amount", by = "account", over = "30d", current = false }
usual_items = { mean = "items", by = "account", over = "30d" }
"#;

fn rule_set(condition: &str) -> Result<RuleSet, Refused> {
    let text = format!("{FILE}[[rule]]\nid = \"a\"\nthen = \"block\"\nwhen = '''{condition}'''\n");
    compile("t.toml", &text).into_result()
}

fn event(set: &RuleSet) -> Draft {
    let mut draft = Draft::new(Arc::clone(&set.schema));
    draft.begin(Kind::Transaction, parse_time("2026-02-01T23:30:00+07:00").unwrap()).unwrap();
    draft.amount(12_000_000, Currency::VND).unwrap();
    for (field, text) in [
        (TextField::Id, "t1"),
        (TextField::Account, "acc1"),
        (TextField::Channel, "mobile"),
        (TextField::CustomerKind, "individual"),
        (TextField::Methods, "fido,sms_otp"),
        (TextField::Note, "50%_off!"),
    ] {
        draft.text(field, text).unwrap();
    }
    for (name, value) in [
        ("balance", ExtraValue::Whole(5_000_000)),
        ("items", ExtraValue::Whole(7)),
        ("least_integer", ExtraValue::Whole(i64::MIN)),
        ("greatest_integer", ExtraValue::Whole(i64::MAX)),
        ("ratio", ExtraValue::Decimal(0.5)),
        ("tiny", ExtraValue::Decimal(5e-324)),
        ("huge", ExtraValue::Decimal(f64::MAX)),
        ("shop", ExtraValue::Text("Phở Hà Nội")),
        ("flag", ExtraValue::Boolean(true)),
        ("gap", ExtraValue::Whole(90_000_000)),
        ("opened_at", ExtraValue::Whole(parse_time("2026-01-31T23:30:00+07:00").unwrap())),
    ] {
        draft.extra(name, value).unwrap();
    }
    draft
}

fn holds(condition: &str) -> Result<Option<bool>, Refused> {
    holds_with(condition, Quality::Exact)
}

/// Whether a condition holds where all features are of this quality.
fn holds_with(condition: &str, quality: Quality) -> Result<Option<bool>, Refused> {
    let set = rule_set(condition)?;
    let readings: Vec<Reading> = set
        .features
        .iter()
        .map(|feature| match feature.name.as_str() {
            "count_10m" => Value::Whole(3),
            "new_device" => Value::Boolean(true),
            "since_reset" => Value::Whole(3_600_000_000),
            "spent_24h" => Value::Whole(20_000_000),
            "usual" => Value::Decimal(4_000_000.5),
            "usual_items" => Value::Decimal(2.5),
            _ => Value::Null,
        })
        .map(|value| Reading { value, quality })
        .collect();
    let mut draft = event(&set);
    let facts = Facts { features: &readings, ..Facts::of(draft.seal().unwrap(), (23, 7)) };
    Ok(set.rules[0].when.holds(&facts))
}

fn check(cases: &[(&str, Option<bool>)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(condition, expected)| {
            let found = holds(condition);
            (found != Ok(*expected)).then(|| format!("{condition}: {found:?}, expected {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);
const UNKNOWN: Option<bool> = None;

#[test]
fn names() {
    check(&[
        ("amount = 12000000", YES),
        ("amount = 12_000_000", YES),
        ("Amount = 12000000 AND CHANNEL = 'mobile'", YES),
        (r#""amount" = 12000000"#, YES),
        ("currency = 'VND'", YES),
        ("kind = 'transaction'", YES),
        ("time = timestamp '2026-02-01T16:30:00Z'", YES),
        ("received is null", YES),
        ("same_owner", UNKNOWN),
        ("latitude > 0", UNKNOWN),
        ("longitude is null", YES),
        ("level = 1", UNKNOWN),
        ("hour = 23 and weekday = 7", YES),
        ("extract(hour from time) = 23 and extract(isodow from time) = 7", YES),
        ("customer_kind = 'individual'", YES),
        ("payee = 'x'", UNKNOWN),
        ("balance = 5000000 and items = 7 and ratio = 0.5 and flag", YES),
        ("shop = 'Phở Hà Nội'", YES),
        ("amount > big", YES),
        ("bursts = 3 and factor = 1.5 and armed and web = 'web'", YES),
        ("count_10m = 3 and new_device and spent_24h = 20000000", YES),
        ("usual = 4000000.5", YES),
        ("unknown_count = 0", UNKNOWN),
    ]);
}

#[test]
fn every_text_field_is_a_name_anywhere_in_a_condition() {
    for field in TextField::ALL {
        let name = field.name();
        assert!(
            holds(&format!("{name} is null or ({name} is not null and not ({name} is null))")) == Ok(YES),
            "{name}"
        );
        if field.form() != Form::Words {
            let all = format!(
                "coalesce({name}, {name}) in ({name}) or case {name} when {name} then {name} end = {name}"
            );
            assert_ne!(holds(&all), Ok(NO), "{name}");
        }
    }
}

#[test]
fn comparison_and_its_edges() {
    check(&[
        ("amount > 12000000", NO),
        ("amount >= 12000000", YES),
        ("amount < 12000001", YES),
        ("amount <= 11999999", NO),
        ("amount <> 12000000", NO),
        ("amount != 1", YES),
        ("12000000 = amount", YES),
        ("amount < balance", NO),
        ("amount * 1.0 = 12000000", YES),
        ("channel < 'mobilf'", YES),
        ("channel >= 'mobile'", YES),
        ("flag = true", YES),
        ("flag <> new_device", NO),
        ("no_integer = 1", UNKNOWN),
        ("items = null", UNKNOWN),
        ("null <> null", UNKNOWN),
        ("items > 6.5", YES),
        ("items = 7.0", YES),
        ("greatest_integer = 9223372036854775807", YES),
        ("least_integer = -9223372036854775808", YES),
        ("usual_items > 2 and usual_items < 3", YES),
    ]);
}

#[test]
fn logic_has_three_values() {
    check(&[
        ("no_flag and true", UNKNOWN),
        ("no_flag and false", NO),
        ("false and no_flag", NO),
        ("no_flag or true", YES),
        ("no_flag or false", UNKNOWN),
        ("not no_flag", UNKNOWN),
        ("not not flag", YES),
        ("no_flag and no_integer = 1 and items = 8", NO),
        ("no_flag or no_integer = 1 or items = 7", YES),
        ("flag or no_flag and false", YES),
        ("(flag or no_flag) and false", NO),
        ("no_flag is null", YES),
        ("no_flag is not null", NO),
        ("no_flag is true", NO),
        ("no_flag is not true", YES),
        ("flag is false", NO),
        ("flag is not false", YES),
        ("no_flag is unknown", YES),
        ("flag is not unknown", YES),
        ("(no_integer > 1) is null", YES),
        ("amount is null", NO),
        ("methods is not null and login_methods is null", YES),
        ("payee is null or payee = 'x'", YES),
    ]);
}

#[test]
fn arithmetic() {
    check(&[
        ("items + 1 = 8 and items - 8 = -1 and items * 2 = 14", YES),
        ("1 + 2 * 3 = 7 and (1 + 2) * 3 = 9", YES),
        ("10 - 3 - 2 = 5", YES),
        ("items / 2 = 3.5", YES),
        ("items % 4 = 3 and -items % 4 = -3 and items % -4 = 3", YES),
        ("items % 0 = 0", UNKNOWN),
        ("items / 0 > 1", UNKNOWN),
        ("ratio / no_decimal > 1", UNKNOWN),
        ("least_integer % -1 = 0", YES),
        ("least_integer - 1 < 0", UNKNOWN),
        ("-least_integer > 0", UNKNOWN),
        ("abs(least_integer) > 0", UNKNOWN),
        ("greatest_integer + 1 > 0", UNKNOWN),
        ("greatest_integer * 2 > 0", UNKNOWN),
        ("huge * 10 > 0", UNKNOWN),
        ("huge + huge > 0", UNKNOWN),
        ("huge / tiny > 0", UNKNOWN),
        ("ratio / 0 > 0", UNKNOWN),
        ("-ratio = -0.5 and abs(-ratio) = 0.5", YES),
        ("0.1 + 0.2 = 0.3", YES),
        ("amount - balance = 7000000", YES),
        ("amount * 2 = 24000000", YES),
        ("amount * 1.5 = 18000000", YES),
        ("amount * factor > 17999999.5", YES),
        ("2 * balance < amount", YES),
        ("amount / 3 = 4000000", YES),
        ("amount / balance = 2.4", YES),
        ("amount > 36000000 / 4", YES),
        ("amount % 1000000 = 0", YES),
        ("amount % 5000000 = 2000000", YES),
        ("amount > 3 * usual", NO),
        ("amount - usual > 7999999", YES),
        ("amount > 10 * 1000000", YES),
        ("no_money + 1 > 0", UNKNOWN),
    ]);
}

#[test]
fn times_and_durations() {
    check(&[
        ("since_reset < interval '24 hours'", YES),
        ("since_reset = interval '60' minute", YES),
        ("since_reset = interval 1 hour", YES),
        ("since_reset < fresh", YES),
        ("gap = interval '1 minute 30 seconds'", YES),
        ("gap * 2 = interval '3 minutes'", YES),
        ("gap / interval '1 second' = 90", YES),
        ("gap / 2 = interval '45 seconds'", YES),
        ("gap * 0.5 < interval '46 seconds'", YES),
        ("gap % interval '1 minute' = interval '30 seconds'", YES),
        ("-gap < interval '0 seconds'", YES),
        ("time - opened_at = interval '1 day'", YES),
        ("opened_at + interval '1 day' = time", YES),
        ("interval '1 day' + opened_at = time", YES),
        ("time - interval '1 day' > opened_at", NO),
        ("time - no_time < fresh", UNKNOWN),
        ("no_gap < fresh", UNKNOWN),
        ("time between timestamp '2026-02-01T00:00:00+07:00' and timestamp '2026-02-02T00:00:00+07:00'", YES),
        ("time > timestamp '2026-02-01 16:30:00Z'", NO),
    ]);
}

#[test]
fn lists_and_ranges() {
    check(&[
        ("items in (1, 7, 9)", YES),
        ("items in (1, 9)", NO),
        ("items not in (1, 9)", YES),
        ("items in (1, null)", UNKNOWN),
        ("items in (7, null)", YES),
        ("items not in (7, null)", NO),
        ("no_integer in (1)", UNKNOWN),
        ("items in (6.5, 7)", YES),
        ("items in (no_integer, items)", YES),
        ("items in (no_integer, 8)", UNKNOWN),
        ("amount in (11000000, 12000000)", YES),
        ("channel in ('web', 'mobile')", YES),
        ("channel not in ('web', 'atm')", YES),
        ("channel in (web, account)", NO),
        ("channel in (payee, 'x')", UNKNOWN),
        ("flag in (false, null)", UNKNOWN),
        ("amount between 12000000 and 12000000", YES),
        ("amount between 12000001 and 1", NO),
        ("amount not between 1 and 2", YES),
        ("amount between no_money and 5", NO),
        ("amount between no_money and 50000000", UNKNOWN),
        ("amount between 5 and no_money", UNKNOWN),
        ("amount not between no_money and 5", YES),
        ("channel between 'a' and 'n'", YES),
        ("ratio between 0 and 1", YES),
        ("'fido' = any(methods)", YES),
        ("'otp' = any(methods)", NO),
        ("'sms' = any(methods)", NO),
        ("not ('face' = any(methods))", YES),
        ("'fido' = any(login_methods)", UNKNOWN),
        ("no_text = any(methods)", UNKNOWN),
    ]);
}

#[test]
fn patterns() {
    check(&[
        ("channel like 'mob%'", YES),
        ("channel like 'mob'", NO),
        ("channel not like '%web%'", YES),
        ("channel like '_obile'", YES),
        ("shop like 'Ph_ %'", YES),
        ("shop ilike '%HÀ nội'", YES),
        ("shop like '%HÀ nội'", NO),
        ("shop not ilike '%huế%'", YES),
        ("note like '50!%!_off!!' escape '!'", YES),
        ("account like '50!%%' escape '!'", NO),
        ("no_text like '%'", UNKNOWN),
        ("channel like web", NO),
    ]);
}

#[test]
fn choices() {
    check(&[
        ("case when items > 10 then 1 when items > 5 then 2 else 3 end = 2", YES),
        ("case when no_flag then 1 else 3 end = 3", YES),
        ("case when false then 1 end is null", YES),
        ("case channel when 'web' then 1 when 'mobile' then 2 end = 2", YES),
        ("case items when 7.0 then true end", YES),
        ("case no_text when 'a' then 1 else 2 end = 2", YES),
        ("case flag when false then 1 when true then 2 end = 2", YES),
        ("case channel when no_text then 1 when 'mobile' then 2 end = 2", YES),
        ("case when flag then no_flag else true end", UNKNOWN),
        ("case channel when 'mobile' then 'a' else 'b' end = 'a'", YES),
        ("amount > case channel when 'web' then 5000000 else 11000000 end", YES),
        ("amount * case when flag then 2 else 1 end = 24000000", YES),
        ("case when flag then 1 else 2.5 end * 2 = 2", YES),
        ("coalesce(no_integer, items) = 7", YES),
        ("coalesce(no_money, 0) = 0", YES),
        ("amount >= coalesce(no_money, 12000000)", YES),
        ("coalesce(no_integer, no_decimal) > 0", UNKNOWN),
        ("coalesce(no_flag, false)", NO),
        ("coalesce(no_text, shop) = shop", YES),
        ("nullif(items, 7) is null", YES),
        ("nullif(items, 8) = 7", YES),
        ("nullif(items, no_integer) = 7", YES),
        ("nullif(no_integer, 7) is null", YES),
        ("amount / nullif(0, items - 7) > 0", UNKNOWN),
        ("least(items, 3) = 3 and greatest(items, 3) = 7", YES),
        ("least(no_integer, items) = 7 and greatest(no_integer, items) = 7", YES),
        ("least(no_integer, null) is null", YES),
        ("greatest(amount, 20000000) = 20000000", YES),
        ("greatest(items, 7.5) = 7.5", YES),
        ("least(channel, 'a') = 'a'", YES),
        ("abs(items - 10) = 3", YES),
        ("abs(balance - amount) = 7000000", YES),
    ]);
}

#[test]
fn a_condition_that_asks_for_a_quality_takes_that_value_as_it_is() {
    let cases = [
        ("count_10m = 3", [YES, YES, UNKNOWN, UNKNOWN, UNKNOWN]),
        ("quality(count_10m) = 'warming'", [NO, NO, YES, NO, NO]),
        ("quality(count_10m) in ('exact', 'corrected')", [YES, YES, NO, NO, NO]),
        ("quality(count_10m) <> 'exact' and count_10m = 3", [NO, YES, YES, YES, YES]),
        ("count_10m = 3 and quality(count_10m) <> 'exact'", [NO, YES, YES, YES, YES]),
        ("count_10m = 3 or quality(count_10m) = 'behind'", [YES; 5]),
        ("quality(usual) is not null and count_10m = 3", [YES, YES, UNKNOWN, UNKNOWN, UNKNOWN]),
        ("quality(usual) = 'evicted' or usual > 4000000", [YES; 5]),
        ("quality(new_device) <> 'exact' and new_device", [NO, YES, YES, YES, YES]),
        ("quality(unknown_count) = 'exact' and unknown_count is null", [YES, NO, NO, NO, NO]),
    ];
    for (condition, expected) in cases {
        let found = Quality::ALL.map(|quality| holds_with(condition, quality).unwrap());
        assert_eq!(found, expected, "{condition}");
    }
}

#[test]
fn minor_units_are_those_of_the_currency() {
    let text = "[ruleset]\nname = \"t\"\ncurrency = \"USD\"\n[params]\nbig = { value = 57.16, unit = \"USD\" }\n\
        [[rule]]\nid = \"a\"\nthen = \"block\"\nwhen = '''amount = 57.16 and amount = big and amount * 0.5 > 28.579 \
        and amount in (57.16) and amount % 1 = 0.16 and amount = 50 + 7.16 and amount / 2 = 28.58'''\n";
    let set = compile("t.toml", text).into_result().unwrap();
    let mut draft = Draft::new(Arc::clone(&set.schema));
    draft.begin(Kind::Transaction, 0).unwrap();
    draft.text(TextField::Id, "t").unwrap();
    draft.amount(5_716, Currency::USD).unwrap();
    let facts = Facts::of(draft.seal().unwrap(), (0, 1));
    assert_eq!(set.rules[0].when.holds(&facts), YES);
}

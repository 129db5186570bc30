//! How a condition reads with the values put in, in both languages.

use std::sync::Arc;

use weir::catalogue::Language;
use weir::decision::{Decision, Quality, Reading, Value};
use weir::event::{Draft, Kind, TextField};
use weir::explain::{Explainer, Style, lines};
use weir::money::Currency;
use weir::rules::Facts;

const FILE: &str = r#"
[ruleset]
name = "t"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[params]
big = { value = 10_000_000, unit = "VND" }
start = "T%"
[lists]
watched = { key = "account" }
[features]
count_1h = { count = "*", by = "account", over = "1h" }
usual = { mean = "amount", by = "account", over = "30d" }
[[rule]]
id = "a"
then = "block"
when = '''CONDITION'''
"#;

/// Each line as its truth and its text, of a payment of 12,500,000 from account T1 without a device.
fn read(condition: &str, language: Language) -> String {
    let explainer = Explainer::new("t.toml", &FILE.replace("CONDITION", condition)).unwrap();
    let mut draft = Draft::new(Arc::clone(&explainer.rules().schema));
    draft.begin(Kind::Transaction, 1_767_225_600_000_000).unwrap();
    draft.text(TextField::Id, "p1").unwrap();
    draft.text(TextField::Account, "T1").unwrap();
    draft.text(TextField::Methods, "sms_otp,fido").unwrap();
    draft.amount(12_500_000, Currency::VND).unwrap();
    let event = draft.seal().unwrap();
    let readings = [
        Reading { value: Value::Whole(1_234), quality: Quality::Corrected },
        Reading { value: Value::Null, quality: Quality::Exact },
    ];
    let facts = Facts { features: &readings, ..Facts::of(event, (7, 4)) };
    let explanation = explainer.explain(&facts, &Decision::default(), true);
    let style = Style::new(language, explainer.rules());
    let line = |line: &weir::explain::Line| {
        let truth = line.truth.map_or("", |truth| style.truth(truth));
        format!("{truth}|{}{}", line.branches, line.text)
    };
    lines(&explanation.rules[0].condition, &style).iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_form_reads_in_english_and_vietnamese() {
    for (condition, english, vietnamese) in [
        (
            "amount > big",
            "true|amount > big → 12,500,000 VND > 10,000,000 VND",
            "đúng|amount > big → 12.500.000 VND > 10.000.000 VND",
        ),
        (
            "device = 'x'",
            "unknown|device = 'x' → null = 'x' (`device` is absent)",
            "chưa rõ|device = 'x' → null = 'x' (`device` không có)",
        ),
        (
            "count_1h between 2 and 3 or (not same_owner)",
            "unknown|at least one of\n\
             false|├─ count_1h between 2 and 3 → 1,234 between 2 and 3 (`count_1h` corrected by late or reversed events)\n\
             unknown|└─ (not same_owner) → not unknown (`same_owner` is absent)",
            "chưa rõ|ít nhất một\n\
             sai|├─ count_1h between 2 and 3 → 1.234 trong khoảng 2 đến 3 (`count_1h` đã hiệu chỉnh do sự kiện đến muộn hoặc bị đảo)\n\
             chưa rõ|└─ (not same_owner) → không phải chưa rõ (`same_owner` không có)",
        ),
        (
            "account not in ('a', 'b') and account like start",
            "true|all of\n\
             true|├─ account not in ('a', 'b') → 'T1' not in ('a', 'b')\n\
             true|└─ account like start → 'T1' like 'T%'",
            "đúng|tất cả\n\
             đúng|├─ account not in ('a', 'b') → 'T1' không thuộc ('a', 'b')\n\
             đúng|└─ account like start → 'T1' giống 'T%'",
        ),
        (
            "amount > coalesce(usual, big * 0.5)",
            "true|amount > coalesce(usual, big * 0.5) → 12,500,000 VND > 5,000,000 VND\n\
             |└─ coalesce(usual, big * 0.5) → coalesce(null, 5,000,000 VND) = 5,000,000 VND (`usual` has no value)\n\
             |   └─ big * 0.5 → 10,000,000 VND * 0.5 = 5,000,000 VND",
            "đúng|amount > coalesce(usual, big * 0.5) → 12.500.000 VND > 5.000.000 VND\n\
             |└─ coalesce(usual, big * 0.5) → coalesce(null, 5.000.000 VND) = 5.000.000 VND (`usual` chưa có giá trị)\n\
             |   └─ big * 0.5 → 10.000.000 VND * 0,5 = 5.000.000 VND",
        ),
        (
            "amount > case when 'fido' = any(methods) then 2_000_000.0 else big end",
            "true|amount > case when 'fido' = any(methods) then 2_000_000.0 else big end → 12,500,000 VND > 2,000,000 VND\n\
             |└─ case when 'fido' = any(methods) then 2_000_000.0 else big end → case when true then 2,000,000 VND else 10,000,000 VND end = 2,000,000 VND\n\
             true|   └─ 'fido' = any(methods) → 'fido' among 'sms_otp,fido'",
            "đúng|amount > case when 'fido' = any(methods) then 2_000_000.0 else big end → 12.500.000 VND > 2.000.000 VND\n\
             |└─ case when 'fido' = any(methods) then 2_000_000.0 else big end → xét nếu đúng thì 2.000.000 VND còn lại 10.000.000 VND = 2.000.000 VND\n\
             đúng|   └─ 'fido' = any(methods) → 'fido' có trong 'sms_otp,fido'",
        ),
        (
            "time - timestamp '2025-12-30T00:00:00Z' > interval '1 day' and payee is null",
            "true|all of\n\
             true|├─ time - timestamp '2025-12-30T00:00:00Z' > interval '1 day' → 2 days > 1 day\n\
             |│  └─ time - timestamp '2025-12-30T00:00:00Z' → 2026-01-01 07:00:00 +07:00 - 2025-12-30 07:00:00 +07:00 = 2 days\n\
             true|└─ payee is null → null is null (`payee` is absent)",
            "đúng|tất cả\n\
             đúng|├─ time - timestamp '2025-12-30T00:00:00Z' > interval '1 day' → 2 ngày > 1 ngày\n\
             |│  └─ time - timestamp '2025-12-30T00:00:00Z' → 01/01/2026 07:00:00 +07:00 - 30/12/2025 07:00:00 +07:00 = 2 ngày\n\
             đúng|└─ payee is null → null không có giá trị (`payee` không có)",
        ),
        (
            "account not in watched and level(account, watched) is null",
            "true|all of\n\
             true|├─ account not in watched → 'T1' not in watched\n\
             true|└─ level(account, watched) is null → null is null\n\
             |   └─ level(account, watched) → level of 'T1' on watched = null",
            "đúng|tất cả\n\
             đúng|├─ account not in watched → 'T1' không thuộc danh sách watched\n\
             đúng|└─ level(account, watched) is null → null không có giá trị\n\
             |   └─ level(account, watched) → mức của 'T1' trong watched = null",
        ),
        (
            "extract(hour from time) % 0 = 1",
            "unknown|extract(hour from time) % 0 = 1 → null = 1\n\
             |└─ extract(hour from time) % 0 → 7 % 0 = null (no result: too large, or divided by 0)",
            "chưa rõ|extract(hour from time) % 0 = 1 → null = 1\n\
             |└─ extract(hour from time) % 0 → 7 % 0 = null (không tính được: quá lớn hoặc chia cho 0)",
        ),
    ] {
        assert_eq!(read(condition, Language::English), english, "{condition}");
        assert_eq!(read(condition, Language::Vietnamese), vietnamese, "{condition}");
    }
}

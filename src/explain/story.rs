//! What was decided, and what became of each rule, in sentences.

use super::{Explanation, Fate, RuleExplanation, Style, TableExplanation};
use crate::catalogue::Language;
use crate::decision::{Outcome, StepUp, Stopped, Withheld};
use crate::money::format_major;
use crate::rates::{Conversion, RateFrom};
use crate::rules::{Action, Mode, Quantity, Tier, Unit, UnknownRow};

/// The head of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// Which payment.
    pub payment: String,
    /// The outcome.
    pub outcome: String,
    /// What led to it, one sentence a line.
    pub details: Vec<String>,
}

impl Style {
    /// The word for an outcome.
    pub fn outcome(&self, outcome: Outcome) -> &str {
        match outcome {
            Outcome::Allow => self.pick("allow", "cho qua"),
            Outcome::StepUp => self.pick("step up", "xác thực thêm"),
            Outcome::Block => self.pick("block", "chặn"),
        }
    }

    /// All of (any of ...).
    fn sets(&self, sets: &[Vec<String>]) -> String {
        let any_of = |set: &Vec<String>| format!("{} ({})", self.pick("any of", "một trong"), set.join(", "));
        let sets: Vec<String> = sets.iter().map(any_of).collect();
        sets.join(self.pick(" and ", " và "))
    }

    fn score(&self, score: i64) -> String {
        let sign = if score > 0 { "+" } else { "" };
        format!("{sign}{}", self.whole(score))
    }
}

/// What was decided and why, before the rules.
pub fn heading(explanation: &Explanation, style: &Style) -> Heading {
    let of = explanation
        .amount
        .map(|amount| format!("{} {}, ", style.pick("of", "số tiền"), style.money(amount.minor)));
    let payment = format!(
        "{} `{}` {}{}",
        style.pick("payment", "giao dịch"),
        explanation.id,
        of.unwrap_or_default(),
        style.time(explanation.time_us)
    );
    let mut outcome = style.outcome(explanation.outcome).to_owned();
    if explanation.alert {
        outcome += style.pick(", and a person should look", ", và cần người xem xét");
    }
    let mut details = Vec::new();
    details.extend(explanation.converted.map(|converted| conversion(&converted, style)));
    if !explanation.requirement.is_empty() {
        let required = style.sets(&explanation.requirement);
        details.push(format!("{}: {required}", style.pick("required", "yêu cầu")));
    }
    details.extend(explanation.own.map(|own| answered_before(own, style)));
    details.extend(dialogue(explanation, style));
    details.push(score(explanation, style));
    for (en, vi, words) in [
        ("outside the dates of", "ngoài thời hạn hiệu lực của", &explanation.out_of_force),
        ("tags", "nhãn", &explanation.tags),
        ("obligations", "nghĩa vụ", &explanation.obligations),
        (
            "not in the record, so unknown below",
            "không có trong hồ sơ, nên chưa rõ ở dưới",
            &explanation.not_recorded,
        ),
    ] {
        if !words.is_empty() {
            details.push(format!("{}: {}", style.pick(en, vi), words.join(", ")));
        }
    }
    if let Some(held) = explanation.withheld {
        details.push(withheld(held, explanation.outcome, style));
    }
    let (told, text) = (style.pick("customer", "khách hàng"), explanation.advice.text(style.language()));
    details.push(format!("{told}: {} — {text}", explanation.advice.code));
    details.push(format!("{}: {}", style.pick("rule set", "bộ quy tắc"), explanation.rule_set));
    Heading { payment, outcome, details }
}

/// What the dialogue with the customer has come to, one sentence a line.
fn dialogue(explanation: &Explanation, style: &Style) -> Vec<String> {
    let mut said = Vec::new();
    if explanation.met {
        said.push(
            style.pick("the methods presented meet it", "các phương thức đã xác thực là đủ").to_owned(),
        );
    }
    if !explanation.missing.is_empty() {
        let missing = style.sets(&explanation.missing);
        said.push(format!("{}: {missing}", style.pick("still missing", "còn thiếu")));
    }
    if let Some(StepUp { expires_us, attempts_left, .. }) = explanation.step_up {
        let (until, left) = (style.time(expires_us), style.whole(i64::from(attempts_left)));
        said.push(match style.language() {
            Language::English => format!("the customer may answer until {until}; attempts left: {left}"),
            Language::Vietnamese => format!("khách hàng trả lời trước {until}; còn {left} lần"),
        });
    }
    said.extend(why(explanation.stopped, &explanation.locked, style));
    for answer in &explanation.answers {
        let (time, outcome) = (style.time(answer.time_us), style.outcome(answer.outcome));
        let why = why(answer.stopped, &answer.locked, style);
        let why = why.map_or(String::new(), |why| format!(" ({why})"));
        let answered = style.pick("answered by", "trả lời bằng");
        said.push(format!("{answered} `{}` {time}: {outcome}{why}", answer.id));
    }
    said
}

/// Why a payment is blocked that rules only wanted stepped up.
fn why(why: Option<Stopped>, locked: &[String], style: &Style) -> Option<String> {
    if !locked.is_empty() {
        let cannot = match why {
            Some(Stopped::Keyless) => style.pick(
                "it can't be met, since the payment lacks the field that is asked for these locks",
                "không thể đáp ứng vì giao dịch thiếu trường dùng để kiểm tra các khóa",
            ),
            _ => style.pick("it can't be met while locked", "không thể đáp ứng khi đang bị khóa"),
        };
        return Some(format!("{cannot}: {}", locked.join(", ")));
    }
    let said = match why? {
        Stopped::Attempts => style.pick("the attempts are used up", "đã hết số lần xác thực"),
        // Told with its locks.
        Stopped::Keyless => return None,
        Stopped::Full => style.pick("too many step-ups are open", "có quá nhiều yêu cầu xác thực đang chờ"),
    };
    Some(said.to_owned())
}

/// What was paid, at which rate it was converted, and where that comes from.
fn conversion(Conversion { paid, rate, from, .. }: &Conversion, style: &Style) -> String {
    let source = match from {
        RateFrom::Event => style.pick("brought by the payment", "do giao dịch cung cấp").to_owned(),
        RateFrom::Payment => style.pick("that of the payment", "theo giao dịch gốc").to_owned(),
        RateFrom::Table { valid_from_us } => {
            let since = style.pick("of the table, in force from", "trong bảng tỷ giá, áp dụng từ");
            format!("{since} {}", style.time(*valid_from_us))
        }
    };
    let (paid_in, at) = (style.pick("paid in", "thanh toán bằng"), style.pick("at the rate", "theo tỷ giá"));
    format!("{paid_in} {}: {}, {at} {rate} ({source})", paid.currency.code(), format_major(*paid))
}

/// What the engine itself came to of a payment that had its answer.
fn answered_before(own: Outcome, style: &Style) -> String {
    let own = style.outcome(own);
    match style.language() {
        Language::Vietnamese => format!("đã được trả lời trước khi đến đây; ở đây kết quả sẽ là {own}"),
        Language::English => format!("it had its answer before it came here; here it would have been {own}"),
    }
}

/// What the control group withheld, and what is left: nothing, or what mandatory rules ask for.
fn withheld(withheld: Withheld, left: Outcome, style: &Style) -> String {
    let percent = Quantity::Decimal(f64::from(withheld.ppm) / 10_000.0, Unit::Plain);
    let (asked, percent) = (style.outcome(withheld.outcome), style.quantity(&percent));
    let stands = style.outcome(left);
    match (style.language(), left) {
        (Language::English, Outcome::Allow) => {
            format!("let through by the control group ({percent} %); it would have been: {asked}")
        }
        (Language::Vietnamese, Outcome::Allow) => {
            format!("nhóm đối chứng ({percent} %) cho qua, lẽ ra là: {asked}")
        }
        (Language::English, _) => format!(
            "the {asked} that normal rules asked for was withheld by the control group ({percent} %); \
             what stands by law: {stands}"
        ),
        (Language::Vietnamese, _) => format!(
            "quy tắc thường yêu cầu {asked}, nhưng nhóm đối chứng ({percent} %) không áp dụng; \
             theo luật vẫn phải: {stands}"
        ),
    }
}

/// The score, which rules it comes from, and what it leads to.
fn score(explanation: &Explanation, style: &Style) -> String {
    let mut said = format!("{} {}", style.pick("score", "điểm"), style.whole(explanation.score));
    let acted = explanation.rules.iter().filter(|rule| rule.fate == Fate::Acted && rule.score != 0);
    let parts: Vec<String> = acted.map(|rule| format!("{} {}", rule.id, style.score(rule.score))).collect();
    if !parts.is_empty() {
        said += &format!(" = {}", parts.join(", "));
    }
    for (bound, outcome) in
        [(explanation.step_up_at, Outcome::StepUp), (explanation.block_at, Outcome::Block)]
    {
        let Some(bound) = bound else { continue };
        let reached = if explanation.score >= bound {
            style.pick("reached", "đã đạt")
        } else {
            style.pick("not reached", "chưa đạt")
        };
        let (outcome, from) = (style.outcome(outcome), style.pick("from", "từ"));
        said += &format!("; {outcome} {from} {}: {reached}", style.whole(bound));
    }
    said
}

/// A rule's id, what it asks for and what became of it.
pub fn title(rule: &RuleExplanation, style: &Style) -> String {
    let mut asks: Vec<String> = Vec::new();
    match rule.then {
        Some(Action::Outcome(outcome)) => asks.push(style.outcome(outcome).to_owned()),
        Some(Action::Alert) => asks.push(style.pick("alert", "cảnh báo").to_owned()),
        None => {}
    }
    if rule.score != 0 {
        asks.push(style.score(rule.score));
    }
    match rule.tier {
        Tier::Mandatory => asks.push(style.pick("mandatory", "bắt buộc").to_owned()),
        Tier::Override => asks.push(style.pick("override", "ngoại lệ").to_owned()),
        Tier::Normal => {}
    }
    let mut title = format!("{}: {}", rule.id, asks.join(", "));
    let fate = fate(rule, style);
    if !fate.is_empty() {
        title += &format!(" — {fate}");
    }
    if rule.by_unknown {
        let because = style.pick(
            "its condition is unknown, and then it fires",
            "điều kiện chưa rõ, khi đó quy tắc có hiệu lực",
        );
        title += &format!("; {because}");
    }
    title
}

/// What an auditor needs of a rule: where the law says so, its reason in every language, its duties.
pub fn records(rule: &RuleExplanation, style: &Style) -> Vec<String> {
    let mut said: Vec<String> =
        rule.reason.iter().map(|(language, reason)| format!("{language}: {reason}")).collect();
    if let Some(legal) = &rule.legal {
        said.insert(0, format!("{}: {legal}", style.pick("legal reference", "căn cứ pháp lý")));
    }
    for (en, vi, words) in [("tags", "nhãn", &rule.tags), ("obliges", "nghĩa vụ", &rule.oblige)] {
        if !words.is_empty() {
            said.push(format!("{}: {}", style.pick(en, vi), words.join(", ")));
        }
    }
    said
}

/// A table's name, its value and the row that gave it.
pub fn table_title(table: &TableExplanation, style: &Style) -> String {
    let value =
        table.value.as_ref().map_or_else(|| style.truth(None).to_owned(), |value| style.quantity(value));
    let row = match table.row {
        Some(row) if row == table.rows => {
            style.pick("no row holds: else", "không dòng nào đúng: else").to_owned()
        }
        Some(row) => format!("{} {}", style.pick("row", "dòng"), style.whole(row as i64 + 1)),
        None => style.pick("a row is unknown", "có dòng chưa rõ").to_owned(),
    };
    let unknown = table.looked_at.iter().any(|finding| finding.truth().is_none());
    let meaning = match table.on_unknown {
        UnknownRow::Strictest if unknown => {
            style.pick("; the strictest of those still possible", "; lấy mức nghiêm ngặt nhất còn có thể")
        }
        _ => "",
    };
    format!("{} {} = {value} — {row}{meaning}", style.pick("table", "bảng"), table.name)
}

fn fate(rule: &RuleExplanation, style: &Style) -> String {
    match &rule.fate {
        Fate::Acted => style.pick("fired", "đã kích hoạt").to_owned(),
        Fate::Silent if rule.mode == Mode::Shadow => {
            style.pick("did not fire (in shadow)", "không kích hoạt (chạy bóng)").to_owned()
        }
        Fate::Silent => style.pick("did not fire", "không kích hoạt").to_owned(),
        Fate::Shadow => style
            .pick(
                "in shadow: it would have fired, and changed nothing",
                "chạy bóng: lẽ ra kích hoạt, không làm thay đổi gì",
            )
            .to_owned(),
        Fate::Overridden { by } => {
            format!(
                "{} {}",
                style.pick("fired, and was overridden by", "đã kích hoạt, bị bỏ qua bởi"),
                by.join(", ")
            )
        }
        Fate::Tripped => style
            .pick(
                "fired, and its breaker kept it from acting: it fires too often",
                "đã kích hoạt, bị cầu dao ngắt vì kích hoạt quá nhiều",
            )
            .to_owned(),
        Fate::Off => style.pick("is off", "đang tắt").to_owned(),
        Fate::NotYet => style.pick("is not valid yet", "chưa có hiệu lực").to_owned(),
        Fate::Over => style.pick("is no longer valid", "đã hết hiệu lực").to_owned(),
        Fate::Outside => style
            .pick("the payment is outside its rollout", "giao dịch nằm ngoài phạm vi triển khai")
            .to_owned(),
    }
}

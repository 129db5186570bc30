//! One part of a condition in words: its text, the values put in, and why it has none.

use super::numbers::Style;
use crate::decision::Quality;
use crate::money::format_major;
use crate::rules::{Finding, Form};

/// Most items of an `in` that are shown.
const ITEMS_SHOWN: usize = 8;

impl Style {
    /// The value of a part.
    pub(super) fn value(&self, finding: &Finding) -> String {
        finding.value.as_ref().map_or_else(|| "null".to_owned(), |value| self.quantity(value))
    }

    /// What `and`, `or` and `not` say before their parts; `None` for all other forms.
    pub(super) fn connective(&self, form: &Form) -> Option<&str> {
        Some(match form {
            Form::All => self.pick("all of", "tất cả"),
            Form::Any => self.pick("at least one of", "ít nhất một"),
            Form::Not => self.pick("not", "không phải"),
            _ => return None,
        })
    }

    /// A part with the values of what it is made of; `None` for names, literals and connectives.
    pub(super) fn put_in(&self, finding: &Finding) -> Option<String> {
        let parts: Vec<String> = finding.parts.iter().map(|part| self.value(part)).collect();
        let part = |at: usize| parts.get(at).map_or("", String::as_str);
        let not = |english: [&'static str; 2], vietnamese: [&'static str; 2]| {
            let at = usize::from(finding.negated);
            self.pick(english[at], vietnamese[at])
        };
        Some(match &finding.form {
            Form::Field
            | Form::Feature(_)
            | Form::Quality(_)
            | Form::Table(_)
            | Form::Parameter
            | Form::Literal => return None,
            Form::All | Form::Any | Form::Not => return None,
            Form::Is(truth) => {
                let is = not(["is", "is not"], ["là", "không là"]);
                format!("{} {is} {}", part(0), self.truth(*truth))
            }
            Form::IsNull => {
                let null = not(["is null", "is not null"], ["không có giá trị", "có giá trị"]);
                format!("{} {null}", part(0))
            }
            Form::Compare(sign) | Form::Arithmetic(sign) => format!("{} {sign} {}", part(0), part(1)),
            Form::Between => {
                let between = not(["between", "not between"], ["trong khoảng", "ngoài khoảng"]);
                format!("{} {between} {} {} {}", part(0), part(1), self.pick("and", "đến"), part(2))
            }
            Form::In => {
                let is_in = not(["in", "not in"], ["thuộc", "không thuộc"]);
                format!("{} {is_in} ({})", part(0), self.items(parts.get(1..).unwrap_or_default()))
            }
            Form::Like(pattern) => format!("{} {}", part(0), self.pattern(pattern)),
            Form::Word => format!("{} {} {}", part(0), self.pick("among", "có trong"), part(1)),
            Form::Listed(list) => {
                let listed = not(["in", "not in"], ["thuộc danh sách", "không thuộc danh sách"]);
                format!("{} {listed} {list}", part(0))
            }
            Form::ListLevel(list) => {
                format!(
                    "{} {} {list}",
                    self.pick("level of", "mức của"),
                    [part(0), self.pick("on", "trong")].join(" ")
                )
            }
            Form::Met(name) => {
                let met = not(["meet", "don't meet"], ["đạt", "không đạt"]);
                format!("{} {met} {name}", self.pick("the methods presented", "các phương thức đã xác thực"))
            }
            Form::Money(money) => {
                format!("money({}, '{}')", format_major(*money), money.currency.code())
            }
            Form::Negate => format!("-({})", part(0)),
            Form::Function(name) => format!("{name}({})", parts.join(", ")),
            Form::Case { operand, branches, otherwise } => {
                self.case(&parts, usize::from(*operand), *branches, *otherwise)
            }
        })
    }

    fn items(&self, items: &[String]) -> String {
        let shown = items.iter().take(ITEMS_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        match items.len().saturating_sub(ITEMS_SHOWN) {
            0 => shown,
            more => format!("{shown}, … {} {}", self.whole(more as i64), self.pick("more", "mục khác")),
        }
    }

    /// The words of `like` in the language; what follows them stays as it is.
    fn pattern(&self, pattern: &str) -> String {
        let quote = pattern.find('\'').unwrap_or(pattern.len());
        let (words, quoted) = pattern.split_at(quote);
        let words = words.to_ascii_lowercase();
        let not = if words.contains("not") { self.pick("not ", "không ") } else { "" };
        let like = if words.contains("ilike") {
            self.pick("ilike", "giống (không kể hoa thường)")
        } else {
            self.pick("like", "giống")
        };
        format!("{not}{like} {quoted}")
    }

    fn case(&self, parts: &[String], operand: usize, branches: usize, otherwise: bool) -> String {
        let (head, rest) = parts.split_at(operand.min(parts.len()));
        let (asked, results) = rest.split_at(branches.min(rest.len()));
        let mut text = head.iter().fold(self.pick("case", "xét").to_owned(), |text, part| text + " " + part);
        for (asked, result) in asked.iter().zip(results) {
            let (when, then) = (self.pick("when", "nếu"), self.pick("then", "thì"));
            text += &format!(" {when} {asked} {then} {result}");
        }
        if let (true, Some(last)) = (otherwise, results.last()) {
            text += &format!(" {} {last}", self.pick("else", "còn lại"));
        }
        text + self.pick(" end", "")
    }

    /// What must be known to trust a part: what is absent, what was corrected.
    pub(super) fn notes(&self, finding: &Finding) -> Vec<String> {
        let own = std::iter::once(finding).filter(|finding| finding.is_leaf());
        let direct = finding.parts.iter().filter(|part| part.is_leaf());
        let mut notes: Vec<String> = Vec::new();
        for leaf in own.chain(direct) {
            let name = format!("`{}`", leaf.text.trim_matches(['(', ')', ' ']));
            let note = match (&leaf.form, &leaf.value) {
                (Form::Feature(_) | Form::Table(_), None) => {
                    Some(self.pick("has no value", "chưa có giá trị"))
                }
                (Form::Field, None) => Some(self.pick("is absent", "không có")),
                _ => None,
            };
            let quality = (leaf.quality != Quality::Exact).then(|| self.quality(leaf.quality));
            notes.extend(note.into_iter().chain(quality).map(|note| format!("{name} {note}")));
        }
        let computed = matches!(finding.form, Form::Arithmetic(_) | Form::Negate | Form::Function("abs"));
        if computed && finding.value.is_none() && finding.parts.iter().all(|part| part.value.is_some()) {
            notes.push(
                self.pick(
                    "no result: too large, or divided by 0",
                    "không tính được: quá lớn hoặc chia cho 0",
                )
                .to_owned(),
            );
        }
        notes.dedup();
        notes
    }

    fn quality(&self, quality: Quality) -> &str {
        match quality {
            Quality::Exact => self.pick("exact", "chính xác"),
            Quality::Warming => self.pick(
                "its window has not passed yet, so it is not known",
                "cửa sổ chưa trôi qua hết nên chưa biết",
            ),
            Quality::Corrected => self.pick(
                "corrected by late or reversed events",
                "đã hiệu chỉnh do sự kiện đến muộn hoặc bị đảo",
            ),
            Quality::Behind => self.pick(
                "what left its window is not taken out yet, so it is not known",
                "phần đã ra khỏi cửa sổ chưa được loại ra nên chưa biết",
            ),
            Quality::Evicted => self.pick(
                "its past was given up for want of memory, so it is not known",
                "quá khứ đã bị loại khỏi bộ nhớ nên chưa biết",
            ),
        }
    }
}

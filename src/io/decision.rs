//! Decisions, refusals and alerts, one JSON line each: canonical, so that equal decisions are equal bytes.
//!
//! What a rule set says about its rules is put into JSON once; a line is then mostly copied together. What only some
//! decisions have (rules in shadow, overridden or kept from acting, what the control group let through, tables) is left
//! out of the others.

use std::io::{self, Write};

use super::writer::{boolean, decimal, text, whole};
use crate::decision::{Decision, Outcome, StepUp, Value, Withheld};
use crate::event::{Event, Kind, TextField};
use crate::hex::hex;
use crate::rates::{Conversion, RateFrom};
use crate::rules::{Action, Rule, RuleSet, Table, Values};

/// Writes what a rule set decided.
#[derive(Clone, Debug)]
pub struct DecisionWriter {
    /// Each rule as it stands in `rules`.
    rules: Vec<Vec<u8>>,
    /// Each feature as it stands in `features`, up to its value.
    features: Vec<Vec<u8>>,
    /// Each table as it stands in `tables`: once for each row and `else`, and last where its value is unknown.
    tables: Vec<Vec<Vec<u8>>>,
    /// Each method, in quotes.
    methods: Vec<Vec<u8>>,
    /// Each tag and each obligation, in quotes.
    tags: Vec<Vec<u8>>,
    obligations: Vec<Vec<u8>>,
    /// The name of each lock, in quotes.
    locks: Vec<Vec<u8>>,
    /// The name of each file, in quotes.
    packs: Vec<Vec<u8>>,
    /// What each rule tags with and obliges to, as bits.
    duties: Vec<(u64, u64)>,
    /// The end of every line: rule set and engine.
    end: Vec<u8>,
}

/// What a line says of a rule that fired.
#[derive(Clone, Copy, Debug)]
struct RuleText<'a> {
    id: &'a str,
    then: Option<&'static str>,
    score: i64,
    reason: &'a [(String, String)],
    customer: Option<&'a str>,
    legal: Option<&'a str>,
}

impl<'a> RuleText<'a> {
    fn of(rule: &'a Rule) -> Self {
        let then = rule.then.map(Action::name);
        Self {
            id: &rule.id,
            then,
            score: rule.score,
            reason: &rule.reason,
            customer: rule.customer.as_deref(),
            legal: rule.legal.as_deref(),
        }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(b"{\"id\":")?;
        text(out, self.id)?;
        if let Some(then) = self.then {
            out.write_all(b",\"then\":")?;
            text(out, then)?;
        }
        if self.score != 0 {
            out.write_all(b",\"score\":")?;
            whole(out, self.score)?;
        }
        if !self.reason.is_empty() {
            let languages = self.reason.iter().map(|(language, reason)| (language.as_str(), reason));
            out.write_all(b",\"reason\":{")?;
            list(out, languages, |out, (language, reason)| {
                text(out, language)?;
                out.write_all(b":")?;
                text(out, reason)
            })?;
            out.write_all(b"}")?;
        }
        if let Some(customer) = self.customer {
            out.write_all(b",\"customer\":")?;
            text(out, customer)?;
        }
        if let Some(legal) = self.legal {
            out.write_all(b",\"legal\":")?;
            text(out, legal)?;
        }
        out.write_all(b"}")
    }
}

impl DecisionWriter {
    /// Of what this rule set decides with this version of the engine.
    pub fn new(rules: &RuleSet, engine: &str) -> io::Result<Self> {
        let texts = rules.rules.iter().map(RuleText::of);
        let features = rules.features.iter().map(|feature| feature.name.as_str());
        let writer = Self::of(texts, features, &rules.methods, &rules.hash, engine)?;
        Ok(Self {
            tables: rules.tables.iter().map(table).collect::<io::Result<_>>()?,
            tags: quoted(&rules.tags)?,
            locks: quoted(&rules.locks.iter().map(|lock| lock.name.clone()).collect::<Vec<_>>())?,
            packs: quoted(&rules.packs.iter().map(|pack| pack.name.clone()).collect::<Vec<_>>())?,
            obligations: quoted(&rules.obligations)?,
            duties: rules.rules.iter().map(|rule| (rule.tags, rule.oblige)).collect(),
            ..writer
        })
    }

    fn of<'a>(
        rules: impl Iterator<Item = RuleText<'a>>,
        features: impl Iterator<Item = &'a str>,
        methods: &[String],
        hash: &[u8; 32],
        engine: &str,
    ) -> io::Result<Self> {
        let mut end = b"},\"rule_set\":\"".to_vec();
        end.extend_from_slice(hex(hash).as_bytes());
        end.extend_from_slice(b"\",\"engine\":");
        text(&mut end, engine)?;
        end.extend_from_slice(b"}\n");
        Ok(Self {
            rules: rules.map(|rule| json(|out| rule.write(out))).collect::<Result<_, _>>()?,
            features: features
                .map(|name| {
                    json(|out| {
                        text(out, name)?;
                        out.write_all(b":{\"value\":")
                    })
                })
                .collect::<Result<_, _>>()?,
            tables: Vec::new(),
            methods: quoted(methods)?,
            tags: Vec::new(),
            locks: Vec::new(),
            packs: Vec::new(),
            obligations: Vec::new(),
            duties: Vec::new(),
            end,
        })
    }

    /// Writes the decision on an event and a line end.
    pub fn write(&self, event: &Event, decision: &Decision, out: &mut impl Write) -> io::Result<()> {
        begin(event, out)?;
        match (event.kind(), event.text(TextField::Transaction)) {
            (Kind::Transaction, _) => {}
            (Kind::Authentication, Some(transaction)) => write_authentication_of(transaction, out)?,
            (kind, _) => write!(out, ",\"kind\":\"{}\"", kind.name())?,
        }
        out.write_all(b",\"outcome\":\"")?;
        out.write_all(decision.outcome.name().as_bytes())?;
        if let Some(own) = decision.own {
            write!(out, "\",\"own\":\"{}", own.name())?;
        }
        out.write_all(b"\",\"alert\":")?;
        boolean(out, decision.alert)?;
        out.write_all(b",\"score\":")?;
        whole(out, decision.score)?;
        let sets = decision.requirement.any_of();
        if !sets.is_empty() {
            out.write_all(b",\"auth\":[")?;
            list(out, sets.iter(), |out, &set| words(&self.methods, set, out))?;
            out.write_all(b"]")?;
        }
        self.dialogue(decision, out)?;
        out.write_all(b",\"rules\":[")?;
        self.rules(&decision.fired, out)?;
        out.write_all(b"]")?;
        for (key, rules) in [
            ("shadow", &decision.shadow),
            ("overridden", &decision.overridden),
            ("tripped", &decision.tripped),
        ] {
            if !rules.is_empty() {
                write!(out, ",\"{key}\":[")?;
                self.rules(rules, out)?;
                out.write_all(b"]")?;
            }
        }
        if let Some(Withheld { outcome, ppm }) = decision.withheld {
            write!(out, ",\"withheld\":{{\"outcome\":\"{}\",\"ppm\":{ppm}}}", outcome.name())?;
        }
        if let Some(converted) = decision.converted {
            conversion(&converted, out)?;
        }
        if decision.out_of_force != 0 {
            out.write_all(b",\"out_of_force\":")?;
            words(&self.packs, u64::from(decision.out_of_force), out)?;
        }
        self.duties(decision, out)?;
        if !decision.tables.is_empty() {
            out.write_all(b",\"tables\":{")?;
            list(out, decision.tables.iter(), |out, &(table, row)| {
                let rows = self.tables.get(usize::from(table)).ok_or_else(strange)?;
                let unknown = rows.len().saturating_sub(1);
                out.write_all(rows.get(row.map_or(unknown, usize::from)).ok_or_else(strange)?)
            })?;
            out.write_all(b"}")?;
        }
        out.write_all(b",\"features\":{")?;
        list(out, decision.features.iter(), |out, (feature, reading)| {
            out.write_all(part(&self.features, *feature)?)?;
            match reading.value {
                Value::Null => out.write_all(b"null")?,
                Value::Boolean(value) => boolean(out, value)?,
                Value::Whole(value) => whole(out, value)?,
                Value::Decimal(value) => decimal(out, value)?,
            }
            out.write_all(b",\"quality\":\"")?;
            out.write_all(reading.quality.name().as_bytes())?;
            out.write_all(b"\"}")
        })?;
        out.write_all(&self.end)
    }

    /// What the dialogue with the customer has come to, where there is one.
    fn dialogue(&self, decision: &Decision, out: &mut impl Write) -> io::Result<()> {
        if decision.met {
            out.write_all(b",\"met\":true")?;
        }
        let missing = decision.missing.any_of();
        if !missing.is_empty() {
            out.write_all(b",\"missing\":[")?;
            list(out, missing.iter(), |out, &set| words(&self.methods, set, out))?;
            out.write_all(b"]")?;
        }
        if let Some(StepUp { id, expires_us, attempts_left }) = decision.step_up {
            write!(
                out,
                ",\"step_up\":{{\"id\":\"{id:016x}\",\"expires_us\":{expires_us},\"attempts_left\":{attempts_left}}}"
            )?;
        }
        if let Some(stopped) = decision.stopped {
            write!(out, ",\"stopped\":\"{}\"", stopped.name())?;
        }
        if decision.locked != 0 {
            out.write_all(b",\"locked\":")?;
            words(&self.locks, decision.locked.into(), out)?;
        }
        Ok(())
    }

    fn rules(&self, rules: &[u16], out: &mut impl Write) -> io::Result<()> {
        list(out, rules.iter(), |out, &rule| out.write_all(part(&self.rules, rule)?))
    }

    /// The tags and obligations of the rules that fired, where there are some.
    fn duties(&self, decision: &Decision, out: &mut impl Write) -> io::Result<()> {
        let duties = decision.fired.iter().filter_map(|&rule| self.duties.get(usize::from(rule)));
        let (tags, oblige) = duties.fold((0, 0), |(tags, oblige), duty| (tags | duty.0, oblige | duty.1));
        for (key, names, set) in [("tags", &self.tags, tags), ("obligations", &self.obligations, oblige)] {
            if set != 0 {
                write!(out, ",\"{key}\":")?;
                words(names, set, out)?;
            }
        }
        Ok(())
    }
}

/// The words of a set, one a bit.
fn words(names: &[Vec<u8>], set: u64, out: &mut impl Write) -> io::Result<()> {
    let bits = (0..u64::BITS as u16).filter(|bit| set >> bit & 1 == 1);
    out.write_all(b"[")?;
    list(out, bits, |out, bit| out.write_all(part(names, bit)?))?;
    out.write_all(b"]")
}

fn quoted(names: &[String]) -> io::Result<Vec<Vec<u8>>> {
    names.iter().map(|name| json(|out| text(out, name))).collect()
}

/// What became of an amount in another currency.
fn conversion(converted: &Conversion, out: &mut impl Write) -> io::Result<()> {
    let Conversion { paid, rate, from, minor } = converted;
    write!(out, ",\"converted\":{{\"amount_minor\":{minor},\"paid_minor\":{},", paid.minor)?;
    write!(out, "\"paid_currency\":\"{}\",\"rate\":\"{rate}\",", paid.currency.code())?;
    write!(out, "\"from\":\"{}\"", from.name())?;
    if let RateFrom::Table { valid_from_us } = from {
        write!(out, ",\"valid_from_us\":{valid_from_us}")?;
    }
    out.write_all(b"}")
}

/// Writes that an event was refused, with what the rule set declares of it where it does, and a line end.
pub fn write_refusal(
    event: &Event,
    code: &str,
    declared: Option<Outcome>,
    message: &str,
    out: &mut impl Write,
) -> io::Result<()> {
    begin(event, out)?;
    out.write_all(b",\"refused\":")?;
    text(out, code)?;
    if let Some(declared) = declared {
        write!(out, ",\"declared\":\"{}\"", declared.name())?;
    }
    out.write_all(b",\"message\":")?;
    text(out, message)?;
    out.write_all(b"}\n")
}

/// Writes what is answered where nothing is decided, for measuring, and a line end.
pub fn write_constant(event: &Event, out: &mut impl Write) -> io::Result<()> {
    begin(event, out)?;
    out.write_all(b",\"outcome\":\"allow\",\"constant\":true}\n")
}

/// Writes that an event was taken in and a person should look, with what its transaction was answered, and a line end.
pub fn write_alert(
    event: &Event,
    code: &str,
    answered: &str,
    message: &str,
    out: &mut impl Write,
) -> io::Result<()> {
    begin(event, out)?;
    write!(out, ",\"kind\":\"{}\"", event.kind().name())?;
    if let Some(transaction) = event.text(TextField::Transaction) {
        out.write_all(b",\"transaction\":")?;
        text(out, transaction)?;
    }
    for (key, said) in [("alert", code), ("answered", answered), ("message", message)] {
        write!(out, ",\"{key}\":")?;
        text(out, said)?;
    }
    out.write_all(b"}\n")
}

fn begin(event: &Event, out: &mut impl Write) -> io::Result<()> {
    write_head(event.id(), event.text(TextField::Tenant), out)?;
    whole(out, event.time_us())
}

/// Writes how every line about this event begins, up to its time: by that it is found.
pub(crate) fn write_head(id: &str, tenant: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{\"id\":")?;
    text(out, id)?;
    if let Some(tenant) = tenant {
        out.write_all(b",\"tenant\":")?;
        text(out, tenant)?;
    }
    out.write_all(b",\"time_us\":")
}

/// Writes what only the answer to an authentication of this transaction has in it.
pub(crate) fn write_authentication_of(transaction: &str, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b",\"kind\":\"authentication\",\"transaction\":")?;
    text(out, transaction)
}

fn json(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write(&mut bytes)?;
    Ok(bytes)
}

/// Items with commas between them.
fn list<W: Write, T>(
    out: &mut W,
    items: impl Iterator<Item = T>,
    write: impl Fn(&mut W, T) -> io::Result<()>,
) -> io::Result<()> {
    for (position, item) in items.enumerate() {
        if position > 0 {
            out.write_all(b",")?;
        }
        write(out, item)?;
    }
    Ok(())
}

/// What a table says by each of its rows, by `else` if it has one, and where its value is unknown.
fn table(table: &Table) -> io::Result<Vec<Vec<u8>>> {
    let of = |row: Option<usize>| {
        json(|out| {
            text(out, &table.name)?;
            out.write_all(b":{\"row\":")?;
            match row {
                None => out.write_all(b"null")?,
                Some(row) if row == table.rows.len() => out.write_all(b"\"else\"")?,
                Some(row) => whole(out, row as i64 + 1)?,
            }
            out.write_all(b",\"value\":")?;
            match (row, &table.values) {
                (None, _) => out.write_all(b"null")?,
                (Some(row), Values::Text(values)) => text(out, &values[row])?,
                (Some(row), Values::Whole(values)) => whole(out, values[row])?,
                (Some(row), Values::Decimal(values)) => decimal(out, values[row])?,
                (Some(row), Values::Boolean(values)) => boolean(out, values[row])?,
            }
            out.write_all(b"}")
        })
    };
    (0..table.values.len()).map(Some).chain([None]).map(of).collect()
}

fn strange() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the decision is of another rule set")
}

fn part(parts: &[Vec<u8>], position: u16) -> io::Result<&[u8]> {
    parts.get(usize::from(position)).map(Vec::as_slice).ok_or_else(strange)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::decision::{Quality, Reading};
    use crate::event::{Draft, ExtraType};
    use crate::money::Currency;
    use crate::rules::{Condition, Row, UnknownRow};

    fn writer() -> DecisionWriter {
        let reason =
            [("en".to_owned(), "a \"new\" device".to_owned()), ("vi".to_owned(), "thiết bị mới".to_owned())];
        let plain = RuleText { id: "night", then: None, score: 0, reason: &[], customer: None, legal: None };
        let full = RuleText {
            id: "takeover",
            then: Some("step_up"),
            score: 40,
            reason: &reason,
            customer: Some("confirm_identity"),
            legal: None,
        };
        let methods = ["fido", "soft_otp_advanced", "biometric"].map(str::to_owned);
        let features = ["new_device", "mean_1d", "since"];
        DecisionWriter::of([full, plain].into_iter(), features.into_iter(), &methods, &[0xab; 32], "0.1.0")
            .unwrap()
    }

    fn event(tenant: Option<&str>) -> Event {
        let mut draft = Draft::new(Arc::default());
        draft.begin(Kind::Transaction, 7).unwrap();
        draft.amount(1, Currency::VND).unwrap();
        draft.text(TextField::Id, "t\"1").unwrap();
        if let Some(tenant) = tenant {
            draft.text(TextField::Tenant, tenant).unwrap();
        }
        draft.seal().unwrap().clone()
    }

    fn line(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        String::from_utf8(json(write).unwrap()).unwrap()
    }

    #[test]
    fn a_full_decision_is_one_canonical_line() {
        let mut decision =
            Decision { outcome: Outcome::StepUp, alert: true, score: 40, ..Decision::default() };
        decision.requirement.join(0b011);
        decision.requirement.join(0b100);
        decision.fired = vec![0, 1];
        let reading = |value, quality| Reading { value, quality };
        decision.features = vec![
            (0, reading(Value::Boolean(true), Quality::Exact)),
            (1, reading(Value::Decimal(0.1 + 0.2), Quality::Corrected)),
            (2, reading(Value::Null, Quality::Exact)),
        ];
        let expected = [
            r#"{"id":"t\"1","tenant":"a","time_us":7,"outcome":"step_up","alert":true,"score":40,"#,
            r#""auth":[["fido","soft_otp_advanced"],["biometric"]],"#,
            r#""rules":[{"id":"takeover","then":"step_up","score":40,"#,
            r#""reason":{"en":"a \"new\" device","vi":"thiết bị mới"},"customer":"confirm_identity"},{"id":"night"}],"#,
            r#""features":{"new_device":{"value":true,"quality":"exact"},"#,
            r#""mean_1d":{"value":0.30000000000000004,"quality":"corrected"},"since":{"value":null,"quality":"exact"}},"#,
            r#""rule_set":"abababababababababababababababababababababababababababababababab","engine":"0.1.0"}"#,
            "\n",
        ];
        let event = event(Some("a"));
        assert_eq!(line(|out| writer().write(&event, &decision, out)), expected.concat());
    }

    #[test]
    fn what_only_some_decisions_have_stands_between_rules_and_features() {
        let named = |name: &str, values: Values, rows: usize| Table {
            name: name.to_owned(),
            rows: vec![Row { when: Condition::constant(None), text: String::new() }; rows],
            values,
            ty: ExtraType::Text,
            on_unknown: UnknownRow::Next,
            strictness: Vec::new(),
            reads: Vec::new(),
            tables: Vec::new(),
        };
        let tables = [
            named("kind", Values::Text(["a\"".into(), "b".into()].into()), 1),
            named("limit", Values::Whole([5, 7].into()), 2),
            named("share", Values::Decimal([0.5].into()), 1),
            named("held", Values::Boolean([true].into()), 1),
        ];
        let tables = tables.iter().map(table).collect::<io::Result<_>>().unwrap();
        let writer = DecisionWriter { tables, ..writer() };
        let mut decision = Decision { fired: vec![1], shadow: vec![0], ..Decision::default() };
        decision.overridden = vec![1];
        decision.tripped = vec![1];
        decision.own = Some(Outcome::Block);
        decision.withheld = Some(Withheld { outcome: Outcome::Block, ppm: 10_000 });
        decision.tables = vec![(0, Some(1)), (1, Some(1)), (2, None), (3, Some(0))];
        let text = line(|out| writer.write(&event(None), &decision, out));
        let expected = [
            r#""outcome":"allow","own":"block","alert":false,"#,
            r#""rules":[{"id":"night"}],"shadow":[{"id":"takeover","#,
            r#""overridden":[{"id":"night"}],"tripped":[{"id":"night"}],"withheld":{"outcome":"block","ppm":10000},"#,
            r#""tables":{"kind":{"row":"else","value":"b"},"limit":{"row":2,"value":7},"share":{"row":null,"value":null},"held":{"row":1,"value":true}},"features":{"#,
        ];
        for part in expected {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        decision.tables = vec![(0, Some(3))];
        assert!(writer.write(&event(None), &decision, &mut Vec::new()).is_err());
    }

    #[test]
    fn what_is_absent_is_left_out() {
        let text = line(|out| writer().write(&event(None), &Decision::default(), out));
        let start =
            r#"{"id":"t\"1","time_us":7,"outcome":"allow","alert":false,"score":0,"rules":[],"features":{},"#;
        assert!(text.starts_with(start), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }

    #[test]
    fn an_alert_says_of_what_and_what_was_answered() {
        let mut draft = Draft::new(Arc::default());
        draft.begin(Kind::Execution, 7).unwrap();
        for (field, value) in
            [(TextField::Id, "x1"), (TextField::Transaction, "t\"1"), (TextField::Result, "succeeded")]
        {
            draft.text(field, value).unwrap();
        }
        let event = draft.seal().unwrap();
        let text =
            line(|out| write_alert(event, "executed_not_allowed", "waiting", "it \"still\" waits", out));
        let expected = concat!(
            r#"{"id":"x1","time_us":7,"kind":"execution","transaction":"t\"1","alert":"executed_not_allowed","#,
            r#""answered":"waiting","message":"it \"still\" waits"}"#,
            "\n"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_refusal_says_why() {
        let text = line(|out| write_refusal(&event(None), "id_reused", None, "other \"content\"", out));
        assert_eq!(
            text,
            "{\"id\":\"t\\\"1\",\"time_us\":7,\"refused\":\"id_reused\",\"message\":\"other \\\"content\\\"\"}\n"
        );
    }

    #[test]
    fn a_decision_of_another_rule_set_is_an_error() {
        let decision = Decision { fired: vec![2], ..Decision::default() };
        assert!(writer().write(&event(None), &decision, &mut Vec::new()).is_err());
    }
}

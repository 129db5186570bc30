//! Decisions and refusals, one JSON line each: canonical, so that equal decisions are equal bytes.
//!
//! What a rule set says about its rules is put into JSON once; a line is then mostly copied together.

use std::io::{self, Write};

use super::writer::{boolean, decimal, text, whole};
use crate::decision::{Decision, Value};
use crate::event::{Event, TextField};
use crate::rules::{Action, Rule, RuleSet};

/// Writes what a rule set decided.
#[derive(Clone, Debug)]
pub struct DecisionWriter {
    /// Each rule as it stands in `rules`.
    rules: Vec<Vec<u8>>,
    /// Each feature as it stands in `features`, up to its value.
    features: Vec<Vec<u8>>,
    /// Each method, in quotes.
    methods: Vec<Vec<u8>>,
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
}

impl<'a> RuleText<'a> {
    fn of(rule: &'a Rule) -> Self {
        let then = rule.then.map(|action| match action {
            Action::Outcome(outcome) => outcome.name(),
            Action::Alert => "alert",
        });
        Self {
            id: &rule.id,
            then,
            score: rule.score,
            reason: &rule.reason,
            customer: rule.customer.as_deref(),
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
        out.write_all(b"}")
    }
}

impl DecisionWriter {
    /// Of what this rule set decides with this version of the engine.
    pub fn new(rules: &RuleSet, engine: &str) -> io::Result<Self> {
        let texts = rules.rules.iter().map(RuleText::of);
        let features = rules.features.iter().map(|feature| feature.name.as_str());
        Self::of(texts, features, &rules.methods, &rules.hash, engine)
    }

    fn of<'a>(
        rules: impl Iterator<Item = RuleText<'a>>,
        features: impl Iterator<Item = &'a str>,
        methods: &[String],
        hash: &[u8; 32],
        engine: &str,
    ) -> io::Result<Self> {
        let mut end = b"},\"rule_set\":\"".to_vec();
        for byte in hash {
            write!(end, "{byte:02x}")?;
        }
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
            methods: methods.iter().map(|name| json(|out| text(out, name))).collect::<Result<_, _>>()?,
            end,
        })
    }

    /// Writes the decision on an event and a line end.
    pub fn write(&self, event: &Event, decision: &Decision, out: &mut impl Write) -> io::Result<()> {
        head(event, out)?;
        out.write_all(b",\"outcome\":\"")?;
        out.write_all(decision.outcome.name().as_bytes())?;
        out.write_all(b"\",\"alert\":")?;
        boolean(out, decision.alert)?;
        out.write_all(b",\"score\":")?;
        whole(out, decision.score)?;
        let sets = decision.requirement.any_of();
        if !sets.is_empty() {
            out.write_all(b",\"auth\":[")?;
            list(out, sets.iter(), |out, &set| self.methods(set, out))?;
            out.write_all(b"]")?;
        }
        out.write_all(b",\"rules\":[")?;
        list(out, decision.fired.iter(), |out, &rule| out.write_all(part(&self.rules, rule)?))?;
        out.write_all(b"],\"features\":{")?;
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

    fn methods(&self, set: u64, out: &mut impl Write) -> io::Result<()> {
        let bits = (0..u64::BITS as u16).filter(|bit| set >> bit & 1 == 1);
        out.write_all(b"[")?;
        list(out, bits, |out, bit| out.write_all(part(&self.methods, bit)?))?;
        out.write_all(b"]")
    }
}

/// Writes that an event was refused, and a line end.
pub fn write_refusal(event: &Event, code: &str, message: &str, out: &mut impl Write) -> io::Result<()> {
    head(event, out)?;
    out.write_all(b",\"refused\":")?;
    text(out, code)?;
    out.write_all(b",\"message\":")?;
    text(out, message)?;
    out.write_all(b"}\n")
}

fn head(event: &Event, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{\"id\":")?;
    text(out, event.id())?;
    if let Some(tenant) = event.text(TextField::Tenant) {
        out.write_all(b",\"tenant\":")?;
        text(out, tenant)?;
    }
    out.write_all(b",\"time_us\":")?;
    whole(out, event.time_us())
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

fn part(parts: &[Vec<u8>], position: u16) -> io::Result<&[u8]> {
    let strange = || io::Error::new(io::ErrorKind::InvalidInput, "the decision is of another rule set");
    parts.get(usize::from(position)).map(Vec::as_slice).ok_or_else(strange)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::decision::{Outcome, Quality, Reading};
    use crate::event::{Draft, Kind};

    fn writer() -> DecisionWriter {
        let reason =
            [("en".to_owned(), "a \"new\" device".to_owned()), ("vi".to_owned(), "thiết bị mới".to_owned())];
        let plain = RuleText { id: "night", then: None, score: 0, reason: &[], customer: None };
        let full = RuleText {
            id: "takeover",
            then: Some("step_up"),
            score: 40,
            reason: &reason,
            customer: Some("confirm_identity"),
        };
        let methods = ["fido", "soft_otp_advanced", "biometric"].map(str::to_owned);
        let features = ["new_device", "mean_1d", "since"];
        DecisionWriter::of([full, plain].into_iter(), features.into_iter(), &methods, &[0xab; 32], "0.1.0")
            .unwrap()
    }

    fn event(tenant: Option<&str>) -> Event {
        let mut draft = Draft::new(Arc::default());
        draft.begin(Kind::Clock, 7).unwrap();
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
    fn what_is_absent_is_left_out() {
        let text = line(|out| writer().write(&event(None), &Decision::default(), out));
        let start =
            r#"{"id":"t\"1","time_us":7,"outcome":"allow","alert":false,"score":0,"rules":[],"features":{},"#;
        assert!(text.starts_with(start), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }

    #[test]
    fn a_refusal_says_why() {
        let text = line(|out| write_refusal(&event(None), "id_reused", "other \"content\"", out));
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

//! What happened to a stream, by the values of one field: who calls, and what they were answered.

use std::collections::HashMap;
use std::io::{self, Write};

use anyhow::bail;
use weir::decision::Outcome;
use weir::engine::Answer;
use weir::event::{Event, ExtraType, ExtraValue, Kind, Schema, TextField};
use weir::rules::KeyField;

/// How many values are shown; the others are shown together.
const SHOWN: usize = 50;

/// Values beyond this many are counted together with the others that are not shown.
const VALUES_MAX: usize = 10_000;

/// What the answers to some transactions were.
#[derive(Clone, Copy, Default)]
struct Counts {
    /// By [`Outcome`], weakest first.
    outcomes: [u64; 3],
    alerts: u64,
    refused: u64,
}

impl Counts {
    fn all(&self) -> u64 {
        self.outcomes.iter().sum::<u64>() + self.refused
    }

    fn add(&mut self, other: &Self) {
        for (count, more) in self.outcomes.iter_mut().zip(other.outcomes) {
            *count += more;
        }
        self.alerts += other.alerts;
        self.refused += other.refused;
    }
}

/// Counts of answers by the values of a field.
pub(super) struct Cut {
    name: String,
    field: KeyField,
    values: HashMap<String, Counts>,
    /// Transactions without the field.
    without: Counts,
    /// Those with a value past the bound.
    beyond: Counts,
}

impl Cut {
    /// By the field of this name: one of every event, or an extra field with text.
    pub(super) fn new(name: &str, schema: &Schema) -> anyhow::Result<Self> {
        let extra = || {
            let is_it = |(held, ty): &(String, ExtraType)| held == name && ty.form().is_some();
            schema.fields().iter().position(is_it).map(KeyField::Extra)
        };
        let Some(field) = TextField::from_name(name).map(KeyField::Text).or_else(extra) else {
            bail!(
                "--by `{name}`: not a field with text; name one such as tenant, portal, provider or payment_kind"
            );
        };
        let (without, beyond) = (Counts::default(), Counts::default());
        Ok(Self { name: name.to_owned(), field, values: HashMap::new(), without, beyond })
    }

    /// Counts the answer to a transaction.
    pub(super) fn count(&mut self, event: &Event, answer: Answer<'_>) {
        if event.kind() != Kind::Transaction {
            return;
        }
        let mut one = Counts::default();
        match answer {
            Answer::Decided(decision) => {
                one.outcomes[decision.outcome as usize] = 1;
                one.alerts = u64::from(decision.alert);
            }
            Answer::Refused(_) => one.refused = 1,
            Answer::Repeated(_) | Answer::Taken | Answer::TakenBefore => return,
            Answer::Alert(_) | Answer::AlertedBefore(_) => return,
        }
        let text = match self.field {
            KeyField::Text(field) => event.text(field),
            KeyField::Extra(position) => match event.extra(position) {
                Some(ExtraValue::Text(text)) => Some(text),
                _ => None,
            },
        };
        let Some(text) = text else { return self.without.add(&one) };
        let full = self.values.len() >= VALUES_MAX;
        match self.values.get_mut(text) {
            Some(held) => held.add(&one),
            None if full => self.beyond.add(&one),
            None => _ = self.values.insert(text.to_owned(), one),
        }
    }

    /// The values with the most transactions, then the rest together and those without a value.
    pub(super) fn show(&self, out: &mut impl Write) -> io::Result<()> {
        let mut values: Vec<(&str, &Counts)> =
            self.values.iter().map(|(text, counts)| (text.as_str(), counts)).collect();
        values.sort_by_key(|(text, counts)| (std::cmp::Reverse(counts.all()), *text));
        let (shown, others) = values.split_at(values.len().min(SHOWN));
        let mut rest = self.beyond;
        others.iter().for_each(|(_, counts)| rest.add(counts));
        let mut rows: Vec<(String, Counts)> =
            shown.iter().map(|(text, counts)| ((*text).to_owned(), **counts)).collect();
        let more = if self.beyond.all() > 0 { "more than " } else { "" };
        for (name, counts) in
            [(format!("({more}{} others)", others.len()), rest), ("(none)".to_owned(), self.without)]
        {
            if counts.all() > 0 {
                rows.push((name, counts));
            }
        }
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let width = width.max(self.name.chars().count());
        write!(out, "{:width$}", self.name)?;
        for word in Outcome::ALL.map(Outcome::name).into_iter().chain(["alert", "refused"]) {
            write!(out, "  {word:>10}")?;
        }
        writeln!(out)?;
        for (name, counts) in rows {
            write!(out, "{name:width$}")?;
            for count in counts.outcomes.into_iter().chain([counts.alerts, counts.refused]) {
                write!(out, "  {count:>10}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weir::decision::Decision;
    use weir::event::Draft;
    use weir::money::Currency;

    use super::*;

    fn shown(values: impl Iterator<Item = (Option<String>, Outcome)>) -> String {
        let mut cut = Cut::new("provider", &Schema::default()).unwrap();
        let mut draft = Draft::new(Arc::default());
        for (value, outcome) in values {
            draft.begin(Kind::Transaction, 1).unwrap();
            draft.text(TextField::Id, "p").unwrap();
            draft.amount(1, Currency::VND).unwrap();
            value.into_iter().for_each(|value| draft.text(TextField::Provider, &value).unwrap());
            let decision = Decision { outcome, ..Decision::default() };
            cut.count(draft.seal().unwrap(), Answer::Decided(&decision));
        }
        let mut out = Vec::new();
        cut.show(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_largest_come_first_and_the_rest_together() {
        let value = |text: &str| Some(text.to_owned());
        let few = [
            (value("nine"), Outcome::Allow),
            (value("one"), Outcome::Block),
            (None, Outcome::StepUp),
            (value("one"), Outcome::Allow),
        ];
        let expected = "\
provider       allow     step_up       block       alert     refused
one                1           0           1           0           0
nine               1           0           0           0           0
(none)             0           1           0           0           0
";
        assert_eq!(shown(few.into_iter()), expected);
        let many = (0..12_000).map(|n| (Some(n.to_string()), Outcome::Allow));
        let text = shown(many);
        assert_eq!(text.lines().count(), 1 + SHOWN + 1);
        assert!(text.lines().last().unwrap().starts_with("(more than 9950 others)       11950"), "{text}");
    }

    #[test]
    fn a_field_without_text_is_refused() {
        assert!(Cut::new("amount", &Schema::default()).is_err());
        let schema = Schema::new(vec![("shop".to_owned(), ExtraType::Text)]);
        assert!(Cut::new("shop", &schema).is_ok());
    }
}

//! Measured payments of a batch, kept whole: who measures them need not be there when they are decided.
//!
//! Promises the very payments that were put in, in their order. Must never know what is measured.

use crate::backtest::{Fact, Truth};

/// From where to where.
type Piece = (u32, u32);

/// Payments with their texts and rules in one piece each.
#[derive(Debug, Default)]
pub(super) struct Facts {
    rows: Vec<Row>,
    text: String,
    rules: Vec<u16>,
}

#[derive(Debug)]
struct Row {
    /// What is no text and no list.
    bare: Fact<'static>,
    texts: [Option<Piece>; 9],
    rules: [Piece; 3],
}

impl Facts {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn push(&mut self, fact: &Fact<'_>) {
        let Fact { id, tenant, customer, account, fired, shadow, alone, truth, .. } = *fact;
        let Fact { portal, provider, payment_kind, .. } = *fact;
        let Truth { label, kind, case } = truth;
        let texts =
            [Some(id), tenant, Some(customer), Some(account), kind, case, portal, provider, payment_kind];
        let texts = texts.map(|text| text.map(|text| self.keep_text(text)));
        let rules = [fired, shadow, alone].map(|rules| self.keep_rules(rules));
        let bare = Fact {
            at: fact.at,
            id: "",
            time_us: fact.time_us,
            tenant: None,
            customer: "",
            account: "",
            account_number: fact.account_number,
            amount_minor: fact.amount_minor,
            outcome: fact.outcome,
            alert: fact.alert,
            score: fact.score,
            fired: &[],
            shadow: &[],
            law: fact.law,
            alone: &[],
            truth: Truth { label, kind: None, case: None },
            weight: fact.weight,
            portal: None,
            provider: None,
            payment_kind: None,
        };
        self.rows.push(Row { bare, texts, rules });
    }

    fn keep_text(&mut self, text: &str) -> Piece {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        (start, self.text.len() as u32)
    }

    fn keep_rules(&mut self, rules: &[u16]) -> Piece {
        let start = self.rules.len() as u32;
        self.rules.extend_from_slice(rules);
        (start, self.rules.len() as u32)
    }

    /// Gives each again.
    pub(super) fn each(&self, mut take: impl FnMut(&Fact<'_>)) {
        (0..self.rows.len()).filter_map(|at| self.get(at)).for_each(|fact| take(&fact));
    }

    /// The place of one of them among the decided payments.
    pub(super) fn place(&self, at: usize) -> Option<u64> {
        self.rows.get(at).map(|row| row.bare.at)
    }

    /// Gives one again, by its place among them.
    pub(super) fn get(&self, at: usize) -> Option<Fact<'_>> {
        let text =
            |piece: Option<Piece>| piece.and_then(|(start, end)| self.text.get(start as usize..end as usize));
        let some = |(start, end): Piece| self.rules.get(start as usize..end as usize).unwrap_or_default();
        let Row { bare, texts, rules } = self.rows.get(at)?;
        let [id, tenant, customer, account, kind, case, portal, provider, payment_kind] = texts.map(text);
        let [fired, shadow, alone] = rules.map(some);
        Some(Fact {
            id: id.unwrap_or_default(),
            tenant,
            customer: customer.unwrap_or_default(),
            account: account.unwrap_or_default(),
            fired,
            shadow,
            alone,
            truth: Truth { label: bare.truth.label, kind, case },
            portal,
            provider,
            payment_kind,
            ..*bare
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Outcome;
    use crate::rules::Label;

    #[test]
    fn payments_come_back_as_they_were() {
        let one = Fact {
            at: 3,
            id: "p3",
            time_us: -5,
            tenant: Some("t"),
            customer: "",
            account: "ä",
            account_number: Some(4),
            amount_minor: i64::MAX,
            outcome: Outcome::Block,
            alert: true,
            score: -9,
            fired: &[1, 5],
            shadow: &[],
            law: Outcome::StepUp,
            alone: &[5],
            truth: Truth { label: Some(Label::Fraud), kind: Some("scam"), case: None },
            weight: 20.0,
            portal: None,
            provider: Some("q"),
            payment_kind: None,
        };
        let other = Fact { at: 4, id: "p4", tenant: None, fired: &[], shadow: &[7], alone: &[], ..one };
        let mut facts = Facts::default();
        facts.push(&one);
        facts.push(&other);
        let mut again = Vec::new();
        facts.each(|fact| again.push(format!("{fact:?}")));
        assert_eq!(again, [format!("{one:?}"), format!("{other:?}")]);
    }
}

//! One measured payment, as evaluation sees it.
//!
//! Promises to hold all that any figure is taken of, so that whoever measures needs no event, no engine and no file.

use crate::decision::Outcome;
use crate::rules::Label;

/// What a payment turned out to be, as far as anybody knows at the end of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truth<'a> {
    /// Fraud or genuine; `None` where nobody knows (blocked, abandoned, or too young to be known).
    pub label: Option<Label>,
    /// The kind of fraud, in the labeller's words.
    pub kind: Option<&'a str>,
    /// Which fraud it belongs to, where the data says so; otherwise the frauds of an account are one case.
    pub case: Option<&'a str>,
}

/// A payment that was decided, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Fact<'a> {
    /// Its place among the decided payments, from 0.
    pub at: u64,
    /// Its id.
    pub id: &'a str,
    /// When it happened, microseconds since 1970 UTC.
    pub time_us: i64,
    /// Whose payment it is, where there are several tenants: customers, accounts and cases are each tenant's own.
    pub tenant: Option<&'a str>,
    /// Who is bothered: its customer, or its account where it has none, or its id.
    pub customer: &'a str,
    /// What is drawn again together by the bootstrap, and one case of fraud: its account, or its customer, or its id.
    pub account: &'a str,
    /// The number of its account, where whoever shows payments has numbered all of theirs: it is then looked up by nobody.
    pub account_number: Option<u32>,
    /// In minor units of the rule set's currency.
    pub amount_minor: i64,
    /// What the rules ask for: also where a control group let it through, and where history answered otherwise.
    pub outcome: Outcome,
    /// A person should look.
    pub alert: bool,
    /// Sum of the scores of the rules that fired.
    pub score: i64,
    /// The rules that fired and acted, as positions in the rule set, ascending.
    pub fired: &'a [u16],
    /// The rules in shadow that would have fired, ascending.
    pub shadow: &'a [u16],
    /// What the law's mandatory rules alone would have asked for.
    pub law: Outcome,
    /// The rules without which it would not be flagged; where it is not, those in shadow with which it would be. Ascending.
    pub alone: &'a [u16],
    /// What it turned out to be.
    pub truth: Truth<'a>,
    /// How many payments it stands for: 1, or one over the chance of being in the control group, or 0 where the group stands for
    /// it, and nothing is known of it then.
    pub weight: f64,
    /// The service that it is for, who executes it, and its kind.
    pub portal: Option<&'a str>,
    /// The intermediary.
    pub provider: Option<&'a str>,
    /// The kind of payment.
    pub payment_kind: Option<&'a str>,
}

impl Fact<'_> {
    /// Whether anybody is bothered with it: it is stepped up, blocked or alerted.
    pub fn is_flagged(&self) -> bool {
        self.alert || self.outcome > Outcome::Allow
    }
}

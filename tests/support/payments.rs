//! Payments as an evaluation takes them, kept whole, and rules of every kind that they may have fired.

use std::sync::Arc;

use weir::backtest::{Fact, Truth};
use weir::decision::Outcome;
use weir::rules::{Label, RuleSet};

/// A payment that owns what a fact borrows.
#[derive(Clone, Debug)]
pub struct Payment {
    pub id: String,
    pub time_us: i64,
    pub tenant: Option<String>,
    pub customer: String,
    pub account: String,
    pub amount_minor: i64,
    pub outcome: Outcome,
    pub alert: bool,
    pub score: i64,
    pub fired: Vec<u16>,
    pub shadow: Vec<u16>,
    pub law: Outcome,
    pub alone: Vec<u16>,
    pub label: Option<Label>,
    pub kind: Option<String>,
    pub case: Option<String>,
    pub weight: f64,
    pub portal: Option<String>,
    pub provider: Option<String>,
    pub payment_kind: Option<String>,
}

impl Payment {
    /// One that is let through, and of which nothing is known.
    pub fn new(at: usize, time_us: i64) -> Self {
        Self {
            id: format!("p{at}"),
            time_us,
            tenant: None,
            customer: "c".to_owned(),
            account: "a".to_owned(),
            amount_minor: 100,
            outcome: Outcome::Allow,
            alert: false,
            score: 0,
            fired: Vec::new(),
            shadow: Vec::new(),
            law: Outcome::Allow,
            alone: Vec::new(),
            label: None,
            kind: None,
            case: None,
            weight: 1.0,
            portal: None,
            provider: None,
            payment_kind: None,
        }
    }

    pub fn fact(&self, at: usize) -> Fact<'_> {
        Fact {
            at: at as u64,
            id: &self.id,
            time_us: self.time_us,
            tenant: self.tenant.as_deref(),
            customer: &self.customer,
            account: &self.account,
            account_number: None,
            amount_minor: self.amount_minor,
            outcome: self.outcome,
            alert: self.alert,
            score: self.score,
            fired: &self.fired,
            shadow: &self.shadow,
            law: self.law,
            alone: &self.alone,
            truth: Truth { label: self.label, kind: self.kind.as_deref(), case: self.case.as_deref() },
            weight: self.weight,
            portal: self.portal.as_deref(),
            provider: self.provider.as_deref(),
            payment_kind: self.payment_kind.as_deref(),
        }
    }
}

/// A rule of every kind.
pub fn rules() -> Arc<RuleSet> {
    let rule = |id: &str, rest: &str| format!("[[rule]]\nid = \"{id}\"\nwhen = \"amount > 1\"\n{rest}\n");
    let text = [
        "[ruleset]\nname = \"kinds\"\ncurrency = \"EUR\"\ntime_zone = \"Europe/Berlin\"\n".to_owned(),
        "[policy]\nstep_up_at = 50\nblock_at = 60\n".to_owned(),
        rule("law_step", "tier = \"mandatory\"\nthen = \"step_up\""),
        rule("law_alert", "tier = \"mandatory\"\nthen = \"alert\""),
        rule("blocks", "then = \"block\""),
        rule("steps", "then = \"step_up\"\nscore = 20"),
        rule("scores", "score = 30"),
        rule("alerts", "then = \"alert\""),
        rule(
            "exception",
            "tier = \"override\"\nthen = \"allow\"\noverrides = [\"steps\"]\nvalid_until = 2030-01-01",
        ),
        rule("would_block", "mode = \"shadow\"\nthen = \"block\""),
        rule("would_alert", "mode = \"shadow\"\nthen = \"alert\""),
        rule("rests", "mode = \"off\"\nthen = \"block\""),
        rule("law_block", "tier = \"mandatory\"\nthen = \"block\""),
        rule("would_score", "mode = \"shadow\"\nscore = 30"),
    ];
    let compiled = weir::rules::compile("kinds.toml", &text.concat()).into_result();
    Arc::new(compiled.expect("the rules are valid"))
}

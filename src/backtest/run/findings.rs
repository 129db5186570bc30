//! What is found of a rule set's payments: figures, examples, columns, and what it does otherwise than another.
//!
//! Promises that each payment is taken once by each of them. Must never know where payments come from.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;

use super::columns::Columns;
use super::course::Shown;
use super::measuring::Measuring;
use super::span::Stands;
use super::verdicts::Verdicts;
use super::without::Without;
use super::{Asked, BacktestError};
use crate::backtest::Fact;
use crate::backtest::evaluate::{Comparison, Evaluator, Examples};
use crate::backtest::kept::Among;
use crate::backtest::report::{Evaluation, Measured};
use crate::catalogue::Language;
use crate::decision::Decision;
use crate::explain::{Explainer, Style};
use crate::io::explanation::{Show, write_explanation_text};
use crate::rules::{Facts, RuleSet};
use crate::time::Calendar;

/// What is found of its payments.
pub(super) struct Findings {
    rules: Arc<RuleSet>,
    without: Without,
    words: Words,
    explains_later: bool,
    measuring: Measuring,
    examples: Examples,
    comparison: Option<Comparison>,
    columns: Option<Columns>,
    /// What it asks for, where another rule set is held against it.
    verdicts: Option<Verdicts>,
}

/// Puts decisions into words.
pub(super) struct Words {
    explainer: Arc<Explainer>,
    style: Style,
}

impl Words {
    pub(super) fn of(&self, facts: &Facts<'_>, decision: &Decision) -> String {
        let explanation = self.explainer.explain(facts, decision, false);
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let _ = write_explanation_text(
            &explanation,
            &self.style,
            Show { for_auditor: false, painted: false },
            &mut text,
        );
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Findings {
    pub(super) fn new(
        rules: &Arc<RuleSet>,
        explainer: Arc<Explainer>,
        calendar: &Calendar,
        asked: &Asked,
    ) -> Result<Self, BacktestError> {
        let style = Style::new(Language::English, rules);
        let evaluator = Evaluator::new(rules, calendar.clone(), &asked.evaluate);
        Ok(Self {
            measuring: Measuring::begin(evaluator)?,
            examples: Examples::new(rules, asked.evaluate.examples),
            rules: Arc::clone(rules),
            without: Without::default(),
            words: Words { explainer, style },
            explains_later: false,
            comparison: None,
            columns: None,
            verdicts: None,
        })
    }

    /// The same, with what is decided in columns.
    pub(super) fn with_columns(self, columns: Option<Columns>) -> Self {
        Self { columns, ..self }
    }

    /// From here on payments come with what another rule set asked for.
    pub(super) fn compare(&mut self, comparison: Comparison) {
        self.comparison = Some(comparison);
    }

    /// From here on it tells what it asked for.
    pub(super) fn tell_verdicts(&mut self) {
        self.verdicts = Some(Verdicts::default());
    }

    /// Takes a payment, at its place in the batch, beside what the other rule set asked for.
    pub(super) fn take(&mut self, at: usize, shown: &Shown<'_>, old: Option<&Verdicts>) {
        let Shown { event, fact, decision, .. } = *shown;
        let is_measured = shown.stands == Stands::Measured;
        if let Some(columns) = &mut self.columns {
            columns.push(shown.row, event, &fact, decision, is_measured);
        }
        if is_measured {
            self.explain(shown);
            let (law, alone) = self.without.look(&self.rules, shown);
            self.measuring.take(&Fact { law, alone, ..fact });
            let was = old.and_then(|old| old.find(at));
            if let (Some(comparison), Some((was, fired))) = (&mut self.comparison, was) {
                let old = Fact { outcome: was.outcome, alert: was.alert, score: was.score, fired, ..fact };
                comparison.take(&old, &fact);
            }
        }
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.push(at, fact.outcome, fact.alert, fact.score, fact.fired);
        }
    }

    /// Puts the decision into words where it is to be shown.
    fn explain(&mut self, shown: &Shown<'_>) {
        let Some(case) = self.examples.wants(&shown.fact) else { return };
        let text = match self.explains_later {
            true => String::new(),
            false => self.words.of(&shown.basis.facts(), shown.decision),
        };
        self.examples.put(case, &shown.fact, text);
    }

    /// What is shown is put into words later, once it is known which payments those are.
    pub(super) fn explain_later(self) -> Self {
        Self { explains_later: true, ..self }
    }

    /// The payments that are shown, and what puts their decisions into words.
    pub(super) fn examples_and_words(&mut self) -> (&mut Examples, &Words) {
        (&mut self.examples, &self.words)
    }

    /// Hands on what is to be measured.
    pub(super) fn hand_on(&mut self) -> Result<(), BacktestError> {
        self.measuring.hand_on()
    }

    /// The same, in its places among others.
    pub(super) fn hand_on_among(&mut self, among: Among) -> Result<(), BacktestError> {
        self.measuring.hand_on_among(among)
    }

    /// What it asked for in the last batch.
    pub(super) fn take_verdicts(&mut self) -> Verdicts {
        self.verdicts.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// What was decided in the last batch, in columns, if that is kept.
    pub(super) fn take_columns(&mut self) -> Result<Option<RecordBatch>, BacktestError> {
        Ok(self.columns.as_mut().map(Columns::take).transpose()?)
    }

    /// What was measured, how the rule set did, and what it does otherwise than another.
    pub(super) fn finish(self) -> Result<(Measured, Evaluation, Option<Comparison>), BacktestError> {
        let (measured, result) = self.measuring.finish()?;
        Ok((measured, Evaluation { examples: self.examples.finish(), ..result }, self.comparison))
    }
}

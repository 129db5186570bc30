//! What happened to a stream, counted.

use std::io::{self, Write};

use weir::decision::{Decision, Outcome, Quality};
use weir::engine::{Alert, Answer, Engine};
use weir::event::{Event, Kind};

/// Counts of answers, and of rules that fired.
pub(super) struct Tally {
    /// By [`Outcome`], weakest first.
    pub(super) outcomes: [u64; 3],
    pub(super) alerts: u64,
    /// What answers to step-ups came to, by outcome.
    answered: [u64; 3],
    /// Logins that were decided, and those of them with an alert.
    watched: u64,
    alerts_watched: u64,
    pub(super) repeated: u64,
    pub(super) taken: u64,
    pub(super) taken_before: u64,
    /// Payments that were executed though they were not allowed.
    executed_not_allowed: u64,
    /// Decisions in which a breaker kept a rule from acting.
    tripped: u64,
    /// Decisions in which the control group withheld what normal rules asked for.
    withheld: u64,
    /// Decisions outside the dates of each file of the rule set that the stream began with.
    out_of_force: Vec<u64>,
    /// By code.
    pub(super) refused: std::collections::BTreeMap<&'static str, (u64, Option<Outcome>)>,
    /// By rule of the rule set that the stream began with.
    pub(super) fired: Vec<u64>,
    /// Values read of each quality before the stream began.
    qualities: [u64; 5],
}

impl Tally {
    pub(super) fn new(engine: &Engine) -> Self {
        Self {
            outcomes: [0; 3],
            alerts: 0,
            answered: [0; 3],
            watched: 0,
            alerts_watched: 0,
            repeated: 0,
            taken: 0,
            taken_before: 0,
            executed_not_allowed: 0,
            tripped: 0,
            withheld: 0,
            out_of_force: vec![0; engine.rules().packs.len()],
            refused: Default::default(),
            fired: vec![0; engine.rules().rules.len()],
            qualities: engine.qualities(),
        }
    }

    pub(super) fn count(&mut self, event: &Event, answer: Answer<'_>) {
        match answer {
            Answer::Decided(decision) if event.kind() == Kind::Authentication => self.answered(decision),
            Answer::Decided(decision) if event.kind() != Kind::Transaction => self.watched(decision),
            Answer::Decided(decision) => self.decided(decision),
            Answer::Repeated(_) => self.repeated += 1,
            Answer::Taken => self.taken += 1,
            Answer::TakenBefore | Answer::AlertedBefore(_) => self.taken_before += 1,
            Answer::Alert(Alert::ExecutedNotAllowed(_)) => {
                self.taken += 1;
                self.executed_not_allowed += 1;
            }
            Answer::Refused(refusal) => {
                let (count, declared) = self.refused.entry(refusal.code()).or_default();
                *count += 1;
                *declared = refusal.declared();
            }
        }
    }

    /// How a step-up went on.
    fn answered(&mut self, decision: &Decision) {
        self.answered[decision.outcome as usize] += 1;
        self.rules_fired(decision);
    }

    /// What is decided and is no payment.
    fn watched(&mut self, decision: &Decision) {
        self.watched += 1;
        self.alerts_watched += u64::from(decision.alert);
        self.rules_fired(decision);
    }

    fn decided(&mut self, decision: &Decision) {
        self.outcomes[decision.outcome as usize] += 1;
        self.alerts += u64::from(decision.alert);
        self.tripped += u64::from(!decision.tripped.is_empty());
        self.withheld += u64::from(decision.withheld.is_some());
        self.rules_fired(decision);
    }

    fn rules_fired(&mut self, decision: &Decision) {
        if decision.rule_set > 0 {
            return;
        }
        for (at, count) in self.out_of_force.iter_mut().enumerate() {
            *count += u64::from(decision.out_of_force >> at & 1);
        }
        for &rule in &decision.fired {
            self.fired[usize::from(rule)] += 1;
        }
    }

    pub(super) fn decisions(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// One line: decisions by outcome, what else came, and how many values of features were not plainly exact.
    pub(super) fn summary(&self, engine: &Engine, out: &mut impl Write) -> io::Result<()> {
        let of = |outcome: Outcome| self.outcomes[outcome as usize];
        write!(
            out,
            "{} decision{}: {} allow, {} step_up, {} block ({} with an alert); {} other events",
            self.decisions(),
            if self.decisions() == 1 { "" } else { "s" },
            of(Outcome::Allow),
            of(Outcome::StepUp),
            of(Outcome::Block),
            self.alerts,
            self.taken
        )?;
        if self.repeated + self.taken_before > 0 {
            write!(out, "; {} came again", self.repeated + self.taken_before)?;
        }
        if self.answered.iter().sum::<u64>() > 0 {
            let [allowed, again, blocked] = self.answered;
            write!(out, "; step-ups answered: {allowed} allow, {again} step_up again, {blocked} block")?;
        }
        if self.watched > 0 {
            write!(out, "; {} logins watched ({} with an alert)", self.watched, self.alerts_watched)?;
        }
        if self.executed_not_allowed > 0 {
            write!(out, "; {} reported as executed though not allowed", self.executed_not_allowed)?;
        }
        if self.withheld > 0 {
            write!(out, "; {} let through by the control group", self.withheld)?;
        }
        if self.tripped > 0 {
            write!(out, "; {} with a rule kept from acting by its breaker", self.tripped)?;
        }
        let since = |(now, before): (u64, &u64)| now - before;
        let read = engine.qualities().into_iter().zip(&self.qualities).map(since);
        for (quality, count) in Quality::ALL.iter().zip(read).skip(1).filter(|(_, count)| *count > 0) {
            write!(out, "; {count} values {}", quality.name())?;
        }
        for (code, (count, declared)) in &self.refused {
            let declared =
                declared.map_or_else(String::new, |outcome| format!(", declared {}", outcome.name()));
            write!(out, "; {count} refused ({code}{declared})")?;
        }
        writeln!(out)?;
        self.warn(engine, out)
    }

    /// Warns of files that were not asked, since payments were outside their dates.
    fn warn(&self, engine: &Engine, out: &mut impl Write) -> io::Result<()> {
        let begun = engine.rule_set(0);
        let packs = begun.iter().flat_map(|rules| &rules.packs);
        for (pack, count) in packs.zip(&self.out_of_force).filter(|(_, count)| **count > 0) {
            writeln!(
                out,
                "warning: {} outside the dates of `{}`: its rules kept silent",
                if *count == 1 { "1 decision is".to_owned() } else { format!("{count} decisions are") },
                pack.name
            )?;
        }
        Ok(())
    }
}

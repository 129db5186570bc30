//! What is answered where there is no decision in time, by cause, as the configuration declares it.
//!
//! Promises that what is answered is never weaker than what the event's own fields require of the mandatory rules (see
//! [`crate::engine::Floor`]), and that a declaration which could only mislead is refused before anything is served.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::decision::{Demand, Outcome};
use crate::engine::demanding;
use crate::rules::RuleSet;

/// Why there is no decision in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The request's deadline has passed.
    Deadline,
    /// More comes than is decided in time.
    Overload,
    /// The journal can't be written.
    JournalFailure,
    /// The engine is not ready: it recovers, or fills its features.
    Warming,
}

impl Cause {
    /// Every cause, in declaration order.
    pub const ALL: [Self; 4] = [Self::Deadline, Self::Overload, Self::JournalFailure, Self::Warming];

    /// The word for it in files and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Overload => "overload",
            Self::JournalFailure => "journal_failure",
            Self::Warming => "warming",
        }
    }
}

/// What is answered for a cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Declaration {
    /// Nothing: status 503, and the caller decides.
    #[default]
    Refuse,
    /// Let it through.
    Allow,
    /// Ask for a stronger authentication.
    StepUp,
    /// Stop it.
    Block,
    /// What the event's own fields require of the mandatory rules, and otherwise let it through.
    OwnFields,
    /// What the engine decides in memory alone; of `journal_failure` only.
    Decide,
}

impl Declaration {
    /// Every declaration, in declaration order.
    pub const ALL: [Self; 6] =
        [Self::Refuse, Self::Allow, Self::StepUp, Self::Block, Self::OwnFields, Self::Decide];

    /// The word for it in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Allow => "allow",
            Self::StepUp => "step_up",
            Self::Block => "block",
            Self::OwnFields => "own_fields",
            Self::Decide => "decide",
        }
    }

    /// The outcome that is answered at least, if it is one.
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Refuse | Self::Decide => None,
            Self::Allow | Self::OwnFields => Some(Outcome::Allow),
            Self::StepUp => Some(Outcome::StepUp),
            Self::Block => Some(Outcome::Block),
        }
    }
}

/// What is answered by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Declared {
    /// See [`Cause::Deadline`].
    pub deadline: Declaration,
    /// See [`Cause::Overload`].
    pub overload: Declaration,
    /// See [`Cause::JournalFailure`].
    pub journal_failure: Declaration,
    /// See [`Cause::Warming`].
    pub warming: Declaration,
}

impl Declared {
    /// What is answered for a cause.
    pub fn of(&self, cause: Cause) -> Declaration {
        match cause {
            Cause::Deadline => self.deadline,
            Cause::Overload => self.overload,
            Cause::JournalFailure => self.journal_failure,
            Cause::Warming => self.warming,
        }
    }
}

/// Why a declaration is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeclaredError {
    /// A rule of the law can demand more.
    #[error(
        "`declared.{}` is `allow`, and mandatory rule `{rule}` can demand more; say `own_fields`, which lets through what no mandatory rule stops by the payment's own fields, or `step_up`, `block` or `refuse`",
        cause.name()
    )]
    Allows {
        /// The cause.
        cause: Cause,
        /// The id of the first rule that can.
        rule: String,
    },
    /// Only a journal that failed leaves an engine that can decide.
    #[error(
        "`declared.{}` is `decide`, which only `journal_failure` can be: the engine has not decided; say `own_fields`, `step_up`, `block` or `refuse`",
        cause.name()
    )]
    Undecided {
        /// The cause.
        cause: Cause,
    },
    /// What is answered without a journal has nowhere to go.
    #[error(
        "`declared.journal_failure` is `{}`, and no file takes the events that are answered then; name one on another disk than the journal's, or say `refuse`",
        said.name()
    )]
    NoResend {
        /// What is declared.
        said: Declaration,
    },
}

impl Declared {
    /// Refuses what would be weaker than a mandatory rule can be, and what means nothing.
    pub fn check(&self, rules: &RuleSet) -> Result<(), DeclaredError> {
        for cause in Cause::ALL {
            match self.of(cause) {
                Declaration::Allow => {
                    if let Some(rule) = demanding(rules).next() {
                        return Err(DeclaredError::Allows { cause, rule: rule.id.clone() });
                    }
                }
                Declaration::Decide if cause != Cause::JournalFailure => {
                    return Err(DeclaredError::Undecided { cause });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A declared answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Why there is one.
    pub(super) cause: Cause,
    /// What is answered.
    pub(super) demand: Demand,
    /// The methods required, all of (any of ...), in words.
    pub(super) auth: Vec<Vec<String>>,
}

impl Said {
    /// What is answered for a cause where at least `demand` is; in the words of a rule set.
    pub(super) fn new(cause: Cause, demand: Demand, rules: &RuleSet) -> Self {
        let words = |set: &u64| crate::rules::ruleset::words(&rules.methods, *set);
        let auth = demand.requirement.any_of().iter().map(words).collect();
        Self { cause, demand, auth }
    }
}

/// What is answered at least of an event that requires `floor` by itself; a step-up that nothing says more of requires what
/// the rule set's policy does.
pub(super) fn at_least(outcome: Outcome, floor: Demand, rules: &RuleSet) -> Demand {
    let mut demand = floor;
    demand.join(&Demand::of(outcome));
    if demand.outcome == Outcome::StepUp && demand.requirement.any_of().is_empty() {
        rules.policy.auth.iter().for_each(|&methods| demand.requirement.join(methods));
    }
    demand
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(tier: &str) -> RuleSet {
        let text = format!(
            "[ruleset]\nname = \"r\"\ntime_zone = \"UTC\"\ncurrency = \"VND\"\n[auth.any]\nall = [[\"fido\"]]\n[policy]\nauth = \"any\"\n[[rule]]\nid = \"large\"\nwhen = \"amount > 100\"\nthen = \"step_up\"\n{tier}"
        );
        crate::rules::compile("rules.toml", &text).into_result().unwrap()
    }

    #[test]
    fn what_is_weaker_than_the_law_is_refused_by_name() {
        let mandatory = rules("tier = \"mandatory\"\nlegal = \"law\"\n");
        for cause in Cause::ALL {
            let with = |said| {
                let mut declared = Declared::default();
                match cause {
                    Cause::Deadline => declared.deadline = said,
                    Cause::Overload => declared.overload = said,
                    Cause::JournalFailure => declared.journal_failure = said,
                    Cause::Warming => declared.warming = said,
                }
                declared
            };
            let refused = with(Declaration::Allow).check(&mandatory).unwrap_err().to_string();
            assert!(refused.contains(cause.name()) && refused.contains("`large`"), "{refused}");
            assert!(refused.contains("own_fields"), "{refused}");
            assert_eq!(with(Declaration::Allow).check(&rules("")), Ok(()));
            for said in [Declaration::Refuse, Declaration::OwnFields, Declaration::StepUp, Declaration::Block]
            {
                assert_eq!(with(said).check(&mandatory), Ok(()));
            }
            let decides = with(Declaration::Decide).check(&mandatory);
            assert_eq!(decides.is_ok(), cause == Cause::JournalFailure, "{decides:?}");
        }
    }

    #[test]
    fn a_declared_step_up_says_what_is_required() {
        let rules = rules("");
        let demand = at_least(Outcome::StepUp, Demand::default(), &rules);
        assert_eq!(Said::new(Cause::Deadline, demand, &rules).auth, [["fido"]]);
        let blocked = at_least(Outcome::StepUp, Demand::of(Outcome::Block), &rules);
        assert_eq!(blocked, Demand::of(Outcome::Block));
    }
}

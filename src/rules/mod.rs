//! Rule files: from text to a checked and compiled [`RuleSet`].
//!
//! Promises that a rule set which compiles can be evaluated on any event without an error, a panic or an
//! allocation. Must never know windows' state, a transport or a file: text comes in, a rule set or problems go out.

/// Conditions and values, typed and ready to evaluate.
pub mod expr;
/// What a rule file compiles to.
pub mod ruleset;

pub use expr::{Condition, Facts};
pub use ruleset::{
    Action, Aggregate, Counts, Feature, KeyField, Kinds, NumberField, OnUnknown, Policy, Rule, RuleSet,
    Window,
};

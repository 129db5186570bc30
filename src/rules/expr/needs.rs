//! What methods a condition may ask for: a requirement by the words of its methods, so that it means the same whatever
//! numbers another rule set gives them.

use std::sync::Arc;

/// All of (any of ...).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::rules) struct Needs(Arc<[Box<[Box<str>]>]>);

impl Needs {
    /// Of these sets.
    pub(in crate::rules) fn new(sets: Vec<Box<[Box<str>]>>) -> Self {
        Self(sets.into())
    }

    /// Whether methods, joined by commas, meet each set.
    pub(in crate::rules) fn are_met(&self, methods: &str) -> bool {
        self.0.iter().all(|any| methods.split(',').any(|word| any.iter().any(|method| **method == *word)))
    }

    /// Each set, its words joined by commas.
    pub(in crate::rules) fn sets(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|any| any.join(","))
    }
}

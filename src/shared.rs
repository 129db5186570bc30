//! What a copy shares with its original until one of the two changes it.
//!
//! Promises that sharing moves nothing, and that whoever was never shared pays one comparison at a change. Must never
//! know what it holds.

use std::mem::take;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A part of a state, small enough to be copied within a step.
#[derive(Debug)]
pub(crate) enum Shared<T> {
    /// Nobody else has it.
    Own(T),
    /// A copy may have it too.
    Both(Arc<T>),
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self::Own(T::default())
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self::Own(value)
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Own(held) => held,
            Self::Both(held) => held,
        }
    }
}

impl<T: Clone + Default> Shared<T> {
    /// The part, to be changed; copied first where a copy still has it.
    #[inline(always)]
    pub(crate) fn get_mut(&mut self) -> &mut T {
        match self {
            Self::Own(held) => held,
            Self::Both(_) => self.part(),
        }
    }

    /// The part, from now on without the copy.
    #[cold]
    #[inline(never)]
    fn part(&mut self) -> &mut T {
        if let Self::Both(held) = self {
            *self = Self::Own(Arc::try_unwrap(take(held)).unwrap_or_else(|held| (*held).clone()));
        }
        match self {
            Self::Own(held) => held,
            Self::Both(held) => Arc::make_mut(held),
        }
    }

    /// The part, unless a copy still has it.
    pub(crate) fn into_own(self) -> Option<T> {
        match self {
            Self::Own(held) => Some(held),
            Self::Both(held) => Arc::try_unwrap(held).ok(),
        }
    }

    /// A copy that shares the part.
    pub(crate) fn share(&mut self) -> Self {
        if let Self::Own(held) = self {
            *self = Self::Both(Arc::new(take(held)));
        }
        match self {
            Self::Own(held) => Self::Own(held.clone()),
            Self::Both(held) => Self::Both(Arc::clone(held)),
        }
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(to)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::deserialize(from).map(Self::Own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_what_was_there_and_only_what_is_changed_is_copied() {
        let mut parts: Vec<Shared<Vec<u64>>> = (0..3).map(|n| vec![n; 4].into()).collect();
        let copy: Vec<Shared<Vec<u64>>> = parts.iter_mut().map(Shared::share).collect();
        parts[1].get_mut()[2] = 9;
        assert_eq!([&*parts[1], &*copy[1]], [&vec![1, 1, 9, 1], &vec![1; 4]]);
        assert_eq!(parts[0].as_ptr(), copy[0].as_ptr());
        assert_ne!(parts[1].as_ptr(), copy[1].as_ptr());
        let before = parts[2].as_ptr();
        drop(copy);
        parts[2].get_mut()[0] = 7;
        assert_eq!(parts[2].as_ptr(), before, "with the copy gone it is taken back as it is");
        let copy = parts[0].share();
        let both = parts.swap_remove(0);
        assert_eq!((both.into_own(), copy.into_own()), (None, Some(vec![0; 4])));
    }
}

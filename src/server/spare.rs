//! What is used again: things that were shared, once nobody holds them any more, so that a request in steady state asks the
//! allocator for nothing.
//!
//! Promises that nobody else holds what is given, and that what is kept is bounded: so many things, each with so many bytes at most.
//! Must never know what they are.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Things of a kind that are kept at most: more than are answered before the engine's thread lets go of what it took together.
const SPARES_MAX: usize = 1024;
/// Bytes that one may hold on to beside itself.
const SPARE_BYTES_MAX: usize = 8 << 10;

/// What can be used again.
pub(super) trait Spare {
    /// About how many bytes it holds on to beside itself.
    fn bytes(&self) -> usize;
}

/// Things that were used, in the order in which they were.
#[derive(Debug)]
pub(super) struct Spares<T>(Mutex<VecDeque<Arc<T>>>);

impl<T> Default for Spares<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Spare> Spares<T> {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<T>>> {
        // Nothing panics while it is held, and whole is what it is.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps one that is done with, whoever still holds it.
    pub(super) fn keep(&self, used: &Arc<T>) {
        if used.bytes() > SPARE_BYTES_MAX {
            return;
        }
        let mut spares = self.lock();
        if spares.len() < SPARES_MAX {
            spares.push_back(Arc::clone(used));
        }
    }

    /// One made anew of the oldest, or a new one where somebody still holds that: then its turn comes again.
    pub(super) fn take(&self, renew: impl FnOnce(&mut T), new: impl FnOnce() -> T) -> Arc<T> {
        let mut spares = self.lock();
        let Some(mut oldest) = spares.pop_front() else {
            drop(spares);
            return Arc::new(new());
        };
        match Arc::get_mut(&mut oldest) {
            Some(spare) => {
                drop(spares);
                renew(spare);
                oldest
            }
            None => {
                spares.push_back(oldest);
                drop(spares);
                Arc::new(new())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Spare for Vec<u8> {
        fn bytes(&self) -> usize {
            self.capacity()
        }
    }

    fn take(spares: &Spares<Vec<u8>>, byte: u8) -> Arc<Vec<u8>> {
        let renew = |spare: &mut Vec<u8>| {
            spare.clear();
            spare.push(byte);
        };
        spares.take(renew, || vec![byte])
    }

    #[test]
    fn what_somebody_holds_is_given_to_nobody_and_comes_again_later() {
        let spares = Spares::default();
        let (first, second) = (take(&spares, 1), take(&spares, 2));
        spares.keep(&first);
        spares.keep(&second);
        let at = Arc::as_ptr(&second);
        drop(second);
        let third = take(&spares, 3);
        assert_eq!((&**first, &**third), (&[1][..], &[3][..]), "the first is still held");
        let fourth = take(&spares, 4);
        assert_eq!((Arc::as_ptr(&fourth), &**fourth), (at, &[4][..]), "the second is used again");
        let at = Arc::as_ptr(&first);
        drop(first);
        assert_eq!(Arc::as_ptr(&take(&spares, 5)), at);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let spares = Spares::default();
        spares.keep(&Arc::new(Vec::with_capacity(SPARE_BYTES_MAX + 1)));
        assert_eq!(spares.lock().len(), 0, "it is too long");
        (0..2 * SPARES_MAX).for_each(|_| spares.keep(&Arc::new(Vec::with_capacity(SPARE_BYTES_MAX))));
        assert_eq!(spares.lock().len(), SPARES_MAX);
    }
}

//! What is to be done at a time, in the order in which it was put there.
//!
//! Promises to forget nothing that it took. A time is never before that of what was put before it: what should be done
//! earlier then waits, and until then counts.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::shared::Shared;

/// Entries in one page.
const PAGE: usize = 1024;

/// A payment: its identity, and its row, since another one may come to have the same identity.
type Of = (u128, u64);
/// When it is due, its row, and its identity: in 32 bytes.
type Entry = (i64, u64, u128);

/// The queue.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Lapses {
    pages: VecDeque<Shared<Vec<Entry>>>,
    /// How many of the first page are done.
    done: usize,
    len: usize,
}

impl Lapses {
    /// A copy that shares what it holds.
    pub(super) fn freeze(&mut self) -> Self {
        Self { pages: self.pages.iter_mut().map(Shared::share).collect(), ..*self }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts one behind the others.
    pub(super) fn push(&mut self, due_us: i64, (identity, row): Of) {
        if self.pages.back().is_none_or(|page| page.len() >= PAGE) {
            self.pages.push_back(Vec::with_capacity(PAGE).into());
        }
        let before_us = self.last_us();
        if let Some(page) = self.pages.back_mut() {
            page.get_mut().push((due_us.max(before_us), row, identity));
            self.len += 1;
        }
    }

    fn last_us(&self) -> i64 {
        let of = |page: &Shared<Vec<Entry>>| page.last().map(|&(due_us, ..)| due_us);
        self.pages.iter().rev().take(2).find_map(of).unwrap_or(i64::MIN)
    }

    /// The first, if it is due at `now_us`.
    pub(super) fn pop_due(&mut self, now_us: i64) -> Option<Of> {
        let page = self.pages.front()?;
        let &(due_us, row, identity) = page.get(self.done)?;
        if due_us > now_us {
            return None;
        }
        self.done += 1;
        self.len -= 1;
        if self.done >= PAGE {
            self.pages.pop_front();
            self.done = 0;
        }
        Some((identity, row))
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.pages.len() * PAGE * size_of::<Entry>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_in_order_when_it_is_due() {
        let mut lapses = Lapses::default();
        let (mut put, mut out, mut latest) = (Vec::new(), Vec::new(), i64::MIN);
        for n in 0..10_000i64 {
            // Now and then one that should come earlier than those before it.
            let due_us = if n % 7 == 0 { n - 50 } else { n + 100 };
            latest = latest.max(due_us);
            lapses.push(due_us, (n as u128, n as u64));
            put.push(latest);
            while let Some((identity, row)) = lapses.pop_due(n) {
                assert_eq!((identity, row), (out.len() as u128, out.len() as u64));
                assert!(put[out.len()] <= n);
                out.push(identity);
            }
            assert!(put.get(out.len()).is_none_or(|&due_us| due_us > n));
            assert_eq!(lapses.len(), put.len() - out.len());
        }
        assert!(out.len() > 9_000 && lapses.bytes() <= 3 * PAGE * 32);
    }
}

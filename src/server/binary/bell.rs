//! Who tells a connection that an answer may be there: tickets ring, and the connection looks.
//!
//! Promises that no ring is lost, and that many of them wake a connection once. A bell may ring for a request that was
//! answered meanwhile, and for another that has its slot since: it says where to look, and nothing of what is there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// Where the bells of one connection are heard.
#[derive(Debug, Default)]
pub(super) struct Outbox(Mutex<Rung>);

#[derive(Debug, Default)]
struct Rung {
    slots: Vec<u32>,
    waker: Option<Waker>,
}

/// Rings for one slot of a connection.
#[derive(Debug)]
pub(in super::super) struct Bell {
    outbox: Arc<Outbox>,
    slot: u32,
}

impl Bell {
    pub(super) fn new(outbox: &Arc<Outbox>, slot: u32) -> Self {
        Self { outbox: Arc::clone(outbox), slot }
    }

    /// Tells the connection to look.
    pub(in super::super) fn ring(&self) {
        let mut rung = self.outbox.lock();
        rung.slots.push(self.slot);
        let waker = rung.waker.take();
        drop(rung);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Rung> {
        // Nothing panics while it is held, and whole is what it is.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the slots that were rung for into `slots`, which is empty; where there are none, the task is woken at the next ring.
    pub(super) fn take(&self, slots: &mut Vec<u32>, cx: &Context<'_>) {
        let mut rung = self.lock();
        std::mem::swap(&mut rung.slots, slots);
        if slots.is_empty() {
            rung.waker = Some(cx.waker().clone());
        }
    }
}

/// What hears bells in tests.
#[cfg(test)]
#[derive(Default)]
pub(in super::super) struct Rings(Arc<Outbox>);

#[cfg(test)]
impl Rings {
    pub(in super::super) fn bell(&self, slot: u32) -> Bell {
        Bell::new(&self.0, slot)
    }

    pub(in super::super) fn heard(&self) -> Vec<u32> {
        std::mem::take(&mut self.0.lock().slots)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn many_rings_wake_once_and_none_is_lost() {
        let (outbox, woken) = (Arc::new(Outbox::default()), Arc::new(Woken::default()));
        let waker = Waker::from(Arc::clone(&woken));
        let cx = Context::from_waker(&waker);
        let mut slots = Vec::new();
        Bell::new(&outbox, 7).ring();
        outbox.take(&mut slots, &cx);
        assert_eq!((std::mem::take(&mut slots), woken.0.load(Ordering::Relaxed)), (vec![7], 0));
        outbox.take(&mut slots, &cx);
        assert!(slots.is_empty());
        (0..5).for_each(|slot| Bell::new(&outbox, slot).ring());
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        outbox.take(&mut slots, &cx);
        assert_eq!(slots, [0, 1, 2, 3, 4]);
    }
}

//! What others ask the engine's thread to do between two batches: whatever needs the engine itself.
//!
//! Promises that an order is done once, in turn, or that whoever waits for it is told that it never will be.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use super::engine::Desk;
use super::service::Service;

type Order = Box<dyn FnOnce(&mut Desk) + Send>;

/// Orders that wait; none once the thread has ended.
pub(super) struct Orders(Mutex<Option<VecDeque<Order>>>);

impl Default for Orders {
    fn default() -> Self {
        Self(Mutex::new(Some(VecDeque::new())))
    }
}

impl Orders {
    /// The next one.
    pub(super) fn next(&self) -> Option<Order> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut()?.pop_front()
    }

    /// None is done any more: whoever waits is told so.
    pub(super) fn close(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn put(&self, order: Order) {
        if let Some(orders) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            orders.push_back(order);
        }
    }
}

impl Service {
    /// Has the engine's thread do something; none where it has ended.
    pub(super) async fn order<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk) -> T + Send + 'static,
    ) -> Option<T> {
        let (tell, told) = oneshot::channel();
        // Whoever asked may have gone.
        self.orders.put(Box::new(move |desk| drop(tell.send(work(desk)))));
        self.queue.wake();
        told.await.ok()
    }
}

//! Bytes that came on a connection and were not taken yet.
//!
//! Promises that it is no longer than [`BASE_BYTES`] but for a frame that is longer itself, grows only by as much as came, and
//! within the room that all bodies share.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that every connection has room for.
const BASE_BYTES: usize = 16 << 10;

pub(super) struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// What it holds of the room of all bodies, for what is beyond the base.
    room: Option<OwnedSemaphorePermit>,
}

impl Default for Input {
    fn default() -> Self {
        Self { bytes: vec![0; BASE_BYTES], start: 0, end: 0, room: None }
    }
}

/// So many bytes of a semaphore's room, if they are free.
fn hold(bodies: &Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    Arc::clone(bodies).try_acquire_many_owned(u32::try_from(bytes).unwrap_or(u32::MAX)).ok()
}

impl Input {
    /// What was not taken yet.
    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// So many bytes of it are done with.
    pub(super) fn take(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > BASE_BYTES {
                *self = Self::default();
            }
        }
    }

    /// All of it is done with.
    pub(super) fn clear(&mut self) {
        self.take(self.end);
    }

    /// Makes room for more of a frame that has so many bytes all in all; false where the bodies of all have none.
    pub(super) fn make_room(&mut self, frame_bytes: usize, bodies: &Arc<Semaphore>) -> bool {
        if self.end < self.bytes.len() {
            return true;
        }
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            // The frame that it grew for is gone.
            if self.room.is_none() && self.end < BASE_BYTES {
                self.bytes.truncate(BASE_BYTES);
                self.bytes.shrink_to_fit();
            }
            return true;
        }
        let more = self.bytes.len().min(frame_bytes.saturating_sub(self.bytes.len()));
        let Some(room) = hold(bodies, more) else { return false };
        match &mut self.room {
            Some(held) => held.merge(room),
            none => *none = Some(room),
        }
        self.bytes.resize(self.bytes.len() + more, 0);
        true
    }

    /// Room for a payload until it is answered: what the frame took here while it came, and what is free of the rest.
    pub(super) fn room_for(
        &mut self,
        payload_bytes: usize,
        bodies: &Arc<Semaphore>,
    ) -> Option<OwnedSemaphorePermit> {
        let held = self.room.take();
        let has = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let mut room = hold(bodies, payload_bytes.saturating_sub(has))?;
        if let Some(held) = held {
            room.merge(held);
        }
        Some(room)
    }

    /// Reads what there is, up to what there is room for; nothing is the end.
    pub(super) fn poll_read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<std::io::Result<usize>> {
        let mut free = ReadBuf::new(self.bytes.get_mut(self.end..).unwrap_or_default());
        ready!(Pin::new(stream).poll_read(cx, &mut free))?;
        let came = free.filled().len();
        self.end += came;
        Poll::Ready(Ok(came))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(input: &mut Input, mut bytes: &[u8]) -> usize {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match input.poll_read(&mut bytes, &mut cx) {
            Poll::Ready(read) => read.unwrap(),
            Poll::Pending => panic!("bytes are there"),
        }
    }

    #[test]
    fn it_grows_by_what_came_and_within_what_all_may_have() {
        let bodies = Arc::new(Semaphore::new(3 * BASE_BYTES));
        let (mut input, long) = (Input::default(), vec![7; 8 * BASE_BYTES]);
        assert_eq!(fill(&mut input, &long), BASE_BYTES);
        assert!(input.make_room(usize::MAX, &bodies));
        assert_eq!((fill(&mut input, &long), bodies.available_permits()), (BASE_BYTES, 2 * BASE_BYTES));
        assert!(input.make_room(2 * BASE_BYTES + 10, &bodies));
        assert_eq!((fill(&mut input, &long), bodies.available_permits()), (10, 2 * BASE_BYTES - 10));
        assert!(!input.make_room(8 * BASE_BYTES, &bodies), "there is no room for twice as much");
        let room = input.room_for(2 * BASE_BYTES, &bodies).unwrap();
        assert_eq!((room.num_permits(), bodies.available_permits()), (2 * BASE_BYTES, BASE_BYTES));
        input.take(2 * BASE_BYTES + 10);
        assert_eq!((input.is_empty(), input.bytes.len()), (true, BASE_BYTES), "it is short again");
        drop(room);
        assert_eq!(bodies.available_permits(), 3 * BASE_BYTES);
    }

    #[test]
    fn what_is_left_moves_to_the_front() {
        let bodies = Arc::new(Semaphore::new(0));
        let mut input = Input::default();
        let bytes: Vec<u8> = (0..BASE_BYTES).map(|at| at as u8).collect();
        assert_eq!(fill(&mut input, &bytes), BASE_BYTES);
        input.take(BASE_BYTES - 3);
        assert!(input.make_room(40, &bodies));
        assert_eq!((input.unread(), input.start), (&bytes[BASE_BYTES - 3..], 0));
    }
}

//! Bytes that are to go out on a connection: answers put one behind the other, and written many at a time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

/// Bytes that it holds on to while it is empty, and that may have gone out before what is left moves to the front.
const KEPT_BYTES: usize = 64 << 10;

#[derive(Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    gone: usize,
    /// All was given to the stream, and may still be there.
    flushing: bool,
}

impl Output {
    /// What answers are put behind.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// How many bytes wait.
    pub(super) fn waiting(&self) -> usize {
        self.bytes.len() - self.gone
    }

    /// Whether all is gone.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting() == 0 && !self.flushing
    }

    /// Gives the stream as much as it takes; whether it took anything.
    pub(super) fn write(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> io::Result<bool> {
        let mut moved = false;
        while let Some(rest @ [_, ..]) = self.bytes.get(self.gone..) {
            match Pin::new(&mut *stream).poll_write(cx, rest)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(gone) => {
                    self.gone += gone;
                    (moved, self.flushing) = (true, true);
                }
                Poll::Pending => break,
            }
        }
        if self.gone == self.bytes.len() || self.gone >= KEPT_BYTES {
            self.bytes.drain(..self.gone);
            self.gone = 0;
            if self.bytes.is_empty() {
                self.bytes.shrink_to(KEPT_BYTES);
            }
        }
        if self.flushing && self.waiting() == 0 && Pin::new(stream).poll_flush(cx)?.is_ready() {
            self.flushing = false;
        }
        Ok(moved)
    }
}

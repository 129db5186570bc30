//! Chunks of columns, read and looked at by several threads, and taken in their order.
//!
//! Promises that the order is that of the payments on any number of threads, and that few chunks are held.

use std::sync::mpsc::{Receiver, sync_channel};

use super::KeptError;

/// Chunks that a thread is ahead.
const AHEAD: usize = 2;

/// Does some work for each of so many chunks, and has what comes of it taken in order.
pub(super) fn in_order<W, T: Send>(
    chunks: usize,
    threads: usize,
    begin: impl Fn() -> Result<W, KeptError> + Sync,
    work: impl Fn(&mut W, usize) -> Result<T, KeptError> + Sync,
    mut take: impl FnMut(usize, T) -> Result<(), KeptError>,
) -> Result<(), KeptError> {
    let threads = threads.clamp(1, chunks.max(1));
    let (begin, work) = (&begin, &work);
    std::thread::scope(|scope| {
        let mut ways: Vec<Receiver<Result<T, KeptError>>> = Vec::with_capacity(threads);
        for first in 0..threads {
            let (to, way) = sync_channel(AHEAD);
            ways.push(way);
            scope.spawn(move || {
                let mut worker = match begin() {
                    Ok(worker) => worker,
                    Err(error) => return drop(to.send(Err(error))),
                };
                for chunk in (first..chunks).step_by(threads) {
                    // Where nobody takes it any more, there is nothing left to do.
                    if to.send(work(&mut worker, chunk)).is_err() {
                        return;
                    }
                }
            });
        }
        for chunk in 0..chunks {
            let done = ways.get(chunk % threads).and_then(|way| way.recv().ok());
            let ended =
                || KeptError::Damaged { path: "a thread".to_owned(), why: "it ended early".to_owned() };
            take(chunk, done.ok_or_else(ended)??)?;
        }
        Ok(())
    })
}

//! How the tail logs of all ledgers are kept: their bounds, and where their chunks go when memory is short.

use super::Limits;
use super::ledger::Ledger;
use crate::state::ChunkStore;

/// What every ledger's log is told before its first row.
#[derive(Debug)]
pub(crate) struct Logs {
    chunk_rows: usize,
    bytes_max: usize,
    store: Option<Box<dyn ChunkStore>>,
}

impl Logs {
    /// Bounded so, and without a store.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { chunk_rows: limits.log_chunk_rows, bytes_max: limits.log_bytes_max, store: None }
    }

    /// Chunks go to stores of this kind from now on.
    pub(crate) fn set_store(&mut self, store: Box<dyn ChunkStore>) {
        self.store = Some(store);
    }

    /// Tells an empty ledger how to keep its log.
    pub(crate) fn give(&self, ledger: &mut Ledger) {
        let store = self.store.as_ref().map(|store| store.another());
        ledger.set_log(self.chunk_rows, self.bytes_max, store);
    }
}

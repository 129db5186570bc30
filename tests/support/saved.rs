//! What was saved of an engine in memory: the state's bytes, and the rows of its logs.
#![allow(dead_code, reason = "each test uses a part")]

use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use weir::engine::{Engine, SavedEngine};
use weir::io::{read_snapshot_by, write_snapshot_to};
use weir::rules::RuleSet;
use weir::state::{ChunkColumns, ChunkStore};

#[derive(Debug, PartialEq)]
pub struct Saved {
    state: Vec<u8>,
    rows: Vec<ChunkColumns>,
}

impl Saved {
    pub fn of(saved: &SavedEngine) -> Self {
        let rows = saved.chunks().map(|(_, chunk)| chunk.rows().unwrap().into_owned()).collect();
        Self { state: postcard::to_stdvec(saved).unwrap(), rows }
    }

    pub fn restored(self, rule_sets: &[Arc<RuleSet>], store: Option<Box<dyn ChunkStore>>) -> Engine {
        let mut saved: SavedEngine = postcard::from_bytes(&self.state).unwrap();
        let mut rows = self.rows.into_iter();
        saved.chunks_mut().for_each(|(_, chunk)| chunk.set_rows(Arc::new(rows.next().unwrap())));
        assert!(rows.next().is_none());
        Engine::restore(saved, rule_sets, store).unwrap()
    }
}

/// The same once it was written as a file is, and read back from it.
pub fn written(saved: &SavedEngine) -> SavedEngine {
    let path = Path::new("any");
    let (file, _) = write_snapshot_to(Vec::new(), path, "a test", saved).unwrap();
    let (bytes, file) = (file.len() as u64, Arc::<[u8]>::from(file));
    let open = move || Ok(Box::new(Cursor::new(Arc::clone(&file))) as Box<dyn Read + Send>);
    read_snapshot_by(path, bytes, Box::new(open)).unwrap().0
}

//! Which file a reading failed at: what reads them says what is wrong, and not where.
//!
//! Promises to name a file only where reading it alone fails with the same words.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::error::Result;
use datafusion::prelude::SessionContext;

use super::error::{DataError, told};
use super::session;

/// Files, each as a table of its own.
#[derive(Clone)]
pub(super) struct Blame {
    pub(super) context: SessionContext,
    pub(super) files: Vec<(PathBuf, Arc<dyn TableProvider>)>,
}

impl std::fmt::Debug for Blame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.files.iter().map(|(path, _)| path)).finish()
    }
}

impl Blame {
    /// The same error, with the file that it came from where that is found.
    pub(super) fn on(&self, error: DataError) -> DataError {
        let DataError::Reading { what, message } = error else { return error };
        let found =
            self.files.iter().find(|(_, table)| self.fails(table).is_some_and(|told| told == message));
        let message = match found {
            Some((path, _)) => format!("{}: {message}", path.display()),
            None => message,
        };
        DataError::Reading { what, message }
    }

    /// What reading a file alone fails with.
    fn fails(&self, table: &Arc<dyn TableProvider>) -> Option<String> {
        let reading = async {
            let mut stream = self.context.read_table(Arc::clone(table))?.execute_stream().await?;
            while let Some(rows) = session::next(&mut stream).await {
                rows?;
            }
            Ok(())
        };
        let read: Result<()> = session::run(1, reading);
        read.err().map(|error| told(&error))
    }
}

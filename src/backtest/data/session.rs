//! DataFusion as it is run here: bounded memory, a folder to spill to, stacks that deep plans fit on.
//!
//! Promises that nothing of it reaches a caller's thread: plans recurse, and walk on stacks of their own.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{DataFrame, SQLOptions, SessionConfig, SessionContext};
use tokio::runtime::{Builder, Runtime};

/// The stack of every thread that plans or runs queries; only what is used of it takes memory.
const STACK_BYTES: usize = 256 << 20;
/// What a sort keeps for merging what it spilled, and the most of all memory that this may be.
const MERGE_BYTES: usize = 10 << 20;
const MERGE_SHARE: usize = 4;
/// How many of those who hold the most an error names.
const NAMED: usize = 3;

/// How a data set is read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads that decode; what is read does not depend on it.
    pub threads: usize,
    /// What sorts and joins hold at most, in bytes; sorts go on on disk.
    pub memory_bytes: usize,
    /// Where they do; `None` for the system's folder for such files.
    pub spill: Option<PathBuf>,
    /// Rows that are handed on at one time.
    pub batch_rows: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let threads = thread::available_parallelism().map_or(1, Into::into);
        Self { threads, memory_bytes: 1 << 30, spill: None, batch_rows: 8_192 }
    }
}

/// A session whose plans run in so many partitions; with one, rows keep the order of their files.
pub(in crate::backtest) fn session(
    settings: &Settings,
    time_zone: &str,
    partitions: usize,
) -> Result<SessionContext> {
    let mut config = SessionConfig::new()
        .with_target_partitions(partitions.max(1))
        .with_batch_size(settings.batch_rows.max(1))
        .with_information_schema(true);
    let options = config.options_mut();
    // Columns are called as their files call them.
    options.sql_parser.enable_ident_normalization = false;
    options.execution.time_zone = Some(time_zone.to_owned());
    options.execution.sort_spill_reservation_bytes = MERGE_BYTES.min(settings.memory_bytes / MERGE_SHARE);
    let mode = match &settings.spill {
        Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    let pool = FairSpillPool::new(settings.memory_bytes);
    let named = std::num::NonZeroUsize::new(NAMED).unwrap_or(std::num::NonZeroUsize::MIN);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(TrackConsumersPool::new(pool, named)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(mode))
        .build_arc()?;
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

/// What a query gives that only reads: nothing is written, changed or set by it.
pub(in crate::backtest) async fn read_only(context: &SessionContext, sql: &str) -> Result<DataFrame> {
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    context.sql_with_options(sql, options).await
}

/// A runtime whose threads have stacks for plans.
pub(super) fn runtime(threads: usize) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads.max(1))
        .thread_stack_size(STACK_BYTES)
        .thread_name("weir-data")
        .enable_all()
        .build()
}

/// A thread with such a stack.
pub(super) fn large_stack() -> thread::Builder {
    thread::Builder::new().name("weir-data".to_owned()).stack_size(STACK_BYTES)
}

/// Runs something to its end on a thread of its own, with so many more to help it.
pub(in crate::backtest) fn run<T: Send>(
    threads: usize,
    work: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    let run = || runtime(threads)?.block_on(work);
    thread::scope(|scope| {
        let running = large_stack().spawn_scoped(scope, run)?;
        let ended = running.join();
        ended.unwrap_or_else(|_| Err(DataFusionError::Internal("the query ended by a panic".to_owned())))
    })
}

/// The next rows of a stream.
pub(in crate::backtest) async fn next(
    stream: &mut SendableRecordBatchStream,
) -> Option<Result<datafusion::arrow::array::RecordBatch>> {
    std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await
}

//! What the disk takes meanwhile: an append and an fdatasync now and then, beside those of the journal.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use weir::bench::{Clock, Latencies, new_latencies};

/// From one to the next: often enough for a p99 of half a minute, seldom enough to be no load.
const EVERY: Duration = Duration::from_millis(20);
/// What is appended each time: a group of a dozen events with their answers.
const APPENDED_BYTES: usize = 8 << 10;

/// How long each took, in nanoseconds, until `over`, in a file of this folder that nobody else has and that goes afterwards.
pub(super) fn measure(folder: &Path, over: &AtomicBool) -> anyhow::Result<Latencies> {
    let path = folder.join(format!(".weir-bench-{}", std::process::id()));
    let failed = || format!("can't sync a file in {}", folder.display());
    let mut file = File::create_new(&path).with_context(failed)?;
    let measured = syncs(&mut file, over).with_context(failed);
    std::fs::remove_file(&path).with_context(failed)?;
    measured
}

fn syncs(file: &mut File, over: &AtomicBool) -> std::io::Result<Latencies> {
    let (clock, mut times, bytes) = (Clock::new(), new_latencies(), vec![b'.'; APPENDED_BYTES]);
    while !over.load(Ordering::Relaxed) {
        let began_ns = clock.now_ns();
        file.write_all(&bytes)?;
        file.sync_data()?;
        times.saturating_record(clock.now_ns() - began_ns);
        std::thread::sleep(EVERY);
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_syncs_until_it_is_over_and_leaves_nothing() {
        let (folder, over) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
        let times = std::thread::scope(|scope| {
            let times = scope.spawn(|| measure(folder.path(), &over));
            std::thread::sleep(EVERY * 10);
            over.store(true, Ordering::Relaxed);
            times.join().unwrap().unwrap()
        });
        assert!((1..=11).contains(&times.len()), "{}", times.len());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let missing = measure(&folder.path().join("missing"), &over).unwrap_err();
        assert!(missing.to_string().starts_with("can't sync a file in "), "{missing:#}");
    }
}

//! Who asks to see what is in a journal, and what for: put down beside it before anything is shown.
//!
//! Where that can't be (a copy on a disk that is mounted read-only, a folder of somebody else), it is said, and what is asked is
//! answered nevertheless: whoever can read the files could read them without this program.

use std::io::Write;
use std::path::Path;

use weir::io::Disk;
use weir::journal::{JournalError, put_down};

use super::journaled::unsigned;

/// Who asks, and what for.
#[derive(clap::Args)]
pub(super) struct Asks {
    /// Who asks; otherwise the user of this process
    #[arg(long = "as", value_name = "NAME")]
    who: Option<String>,
    /// What for; it stays in the journal, so put no name and no account there
    #[arg(long = "for", value_name = "WHY", default_value = "not said")]
    why: String,
}

impl Asks {
    /// Puts down that this is asked of a journal; an error where there is none.
    pub(super) fn put_down(&self, disk: &dyn Disk, journal: &Path, what: &str) -> anyhow::Result<()> {
        let what = format!("{what}, for: {}", self.why);
        match put_down(disk, journal, &unsigned()?, (self.who(), what)) {
            Ok(()) => {}
            // What to do about a disk is for who writes there, not for who asks.
            Err(JournalError::Disk { doing, path, source }) => writeln!(
                anstream::stderr(),
                "warning: who asks could not be put down, and will be in no record: can't {doing} {}: {source}",
                path.display()
            )?,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// What for.
    pub(super) fn why(&self) -> &str {
        &self.why
    }

    /// Who asks.
    pub(super) fn who(&self) -> String {
        let user = || {
            std::env::var("USER")
                .or_else(|_| std::env::var("LOGNAME"))
                .unwrap_or_else(|_| "unknown".to_owned())
        };
        self.who.clone().unwrap_or_else(user)
    }
}

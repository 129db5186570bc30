//! Who asks to see what is in a journal, and what for: put down in it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir::io::Disk;
use weir::journal::{Control, put_beside, put_down};

use super::journaled::{now_us, options, own_key, unsigned};

/// Who asks, and what for.
#[derive(clap::Args)]
pub(super) struct Asks {
    /// Who asks; otherwise the user of this process
    #[arg(long = "as", value_name = "NAME")]
    who: Option<String>,
    /// What for
    #[arg(long = "for", value_name = "WHY", default_value = "not said")]
    why: String,
    /// The key that signs the journal, where it is not DIR/signing.key; without it who asks is put down in DIR/asked
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
}

impl Asks {
    /// Puts down that this is asked.
    pub(super) fn put_down(&self, disk: &Arc<dyn Disk>, journal: &Path, what: &str) -> anyhow::Result<()> {
        let what = format!("{what}, for: {}", self.why);
        let said = Control::Asked { at_us: now_us(), who: self.who(), what };
        self.put_down_control(disk, journal, &said)
    }

    /// The same of any control record.
    pub(super) fn put_down_control(
        &self,
        disk: &Arc<dyn Disk>,
        journal: &Path,
        said: &Control,
    ) -> anyhow::Result<()> {
        let own = Some(own_key(journal)).filter(|key| key.exists());
        let within = match self.signing_key.clone().or(own) {
            Some(key) => put_down(disk, journal, options(disk, journal, Some(&key))?, said)?,
            // A head by another key would look like one that somebody put in.
            None => put_beside(&**disk, journal, &unsigned()?, said).map(|()| false)?,
        };
        if !within {
            writeln!(anstream::stderr(), "who asks is put down in {}", journal.join("asked").display())?;
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

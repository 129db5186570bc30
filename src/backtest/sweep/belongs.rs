//! Whether a sweep belongs to a backtest: figures of other data, or of other rules, say nothing about it.

use thiserror::Error;

use super::result::SweepReport;

/// Why a sweep says nothing about a backtest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OtherSweep {
    /// It ran over other data.
    #[error(
        "the sweep is of the data set {swept} ({swept_sha256}), and this backtest of {tried} ({tried_sha256}); sweep this one, or try the rules on the sweep's"
    )]
    Data {
        /// Its data set.
        swept: String,
        /// The hash of that.
        swept_sha256: String,
        /// The backtest's.
        tried: String,
        /// The hash of that.
        tried_sha256: String,
    },
    /// It varied another rule set.
    #[error(
        "the sweep is of {swept} as it was then ({swept_hash}), and this backtest tries {tried}; give the file as it was swept with --rules or --against, or sweep the one that is tried"
    )]
    Rules {
        /// Its rule file.
        swept: String,
        /// The hash of that.
        swept_hash: String,
        /// The backtest's rule files, with their hashes.
        tried: String,
    },
}

impl SweepReport {
    /// Whether it is of a data set, by name and SHA-256.
    ///
    /// # Errors
    ///
    /// Where it is of another one.
    pub fn is_of_data(&self, name: &str, sha256: &str) -> Result<(), OtherSweep> {
        if self.data.sha256 == sha256 {
            return Ok(());
        }
        Err(OtherSweep::Data {
            swept: self.data.name.clone(),
            swept_sha256: self.data.sha256.clone(),
            tried: name.to_owned(),
            tried_sha256: sha256.to_owned(),
        })
    }

    /// Whether it is of one of some rule sets, by their files and hashes.
    ///
    /// # Errors
    ///
    /// Where it is of another one.
    pub fn is_of_rules(&self, tried: &[(&str, &str)]) -> Result<(), OtherSweep> {
        if tried.iter().any(|(_, hash)| self.hash == *hash) {
            return Ok(());
        }
        let named: Vec<String> = tried.iter().map(|(file, hash)| format!("{file} ({hash})")).collect();
        let (swept, swept_hash) = (self.file.clone(), self.hash.clone());
        Err(OtherSweep::Rules { swept, swept_hash, tried: named.join(" against ") })
    }
}

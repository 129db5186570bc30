//! What is there of a data set's past, and what is known of all its payments together.
//!
//! Promises that only what is listed is used, and that it is listed once it is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::KeptError;
use super::file::{Sum, check, unusable};
use super::payments::NAMED;
use crate::backtest::run::Events;

pub(super) const NAME: &str = "kept.json";

/// The columns of the payments themselves.
pub(super) const PAYMENTS: &str = "payments.arrow";
/// Every payment whole.
pub(super) const EVENTS: &str = "events.arrow";

/// What is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Listing {
    /// Payments that were decided.
    pub(super) payments: u32,
    /// What became of the events.
    pub(super) events: Events,
    /// Whether history leaves any payment's answer open.
    pub(super) decides: bool,
    /// When the first payment happened.
    pub(super) first_us: Option<i64>,
    /// Tenants, portals, providers, kinds of payment and kinds of label, by their numbers.
    pub(super) names: [Vec<String>; NAMED],
    /// The columns of payments that say the same of all, which are read once.
    pub(super) same: BTreeSet<usize>,
    /// Files by name.
    pub(super) files: BTreeMap<String, Sum>,
}

impl Listing {
    /// That of a folder; `None` where there is none that is what was written.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join(NAME)).ok()?;
        let (sum, listing) = text.split_once('\n')?;
        (sum == sum_of(listing)).then(|| serde_json::from_str(listing).ok())?
    }

    /// Whether another run found other payments, or something else became of events.
    pub(super) fn is_other(&self, payments: u32, events: &Events) -> bool {
        self.payments != payments || self.events != *events
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Where a file is that is listed, once it was checked to be what was written.
    pub(super) fn checked(&self, folder: &Path, name: &str) -> Result<PathBuf, KeptError> {
        let path = folder.join(name);
        let sum = self.files.get(name).copied().unwrap_or_default();
        check(&path, sum)?;
        Ok(path)
    }

    /// Lists more files, with those that somebody else has listed meanwhile.
    pub(super) fn add(mut self, folder: &Path, files: Vec<(String, Sum)>) -> Result<(), KeptError> {
        // Of two processes one may lose what the other lists: that is then computed again.
        static LISTING: Mutex<()> = Mutex::new(());
        let _held = LISTING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = Self::read(folder) {
            self.files.extend(there.files);
        }
        self.files.extend(files);
        let path = folder.join(NAME);
        let part = folder.join(format!("{NAME}.{}.part", std::process::id()));
        let listing = serde_json::to_string(&self).map_err(|error| unusable(&path)(error.into()))?;
        let text = format!("{}\n{listing}", sum_of(&listing));
        std::fs::write(&part, text).map_err(unusable(&part))?;
        std::fs::rename(&part, &path).map_err(unusable(&path))
    }
}

fn sum_of(listing: &str) -> String {
    format!("{:08x}", crc32c::crc32c(listing.as_bytes()))
}

/// The file of a feature's values.
pub(super) fn feature(hash: &[u8; 32]) -> String {
    format!("feature-{}.arrow", crate::hex::hex(*hash))
}

/// The file of the payments on which a rule fires.
pub(super) fn fired(hash: &[u8; 32]) -> String {
    format!("fired-{}.arrow", crate::hex::hex(*hash))
}

/// The file of a text field.
pub(super) fn text(field: crate::event::TextField) -> String {
    format!("text-{}.arrow", field.name())
}

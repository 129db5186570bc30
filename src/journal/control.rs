//! Control records: what happened beside events, as JSON objects that an auditor can read.
//!
//! Promises that what is written is read again as it was. Times are microseconds of the wall clock, for people only: nothing
//! is decided by them.

use serde::{Deserialize, Serialize};

use super::damage::{Damage, Torn};
use super::rulings::Approval;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "control", rename_all = "snake_case")]
pub enum Control {
    /// An engine began to write.
    Started {
        /// When.
        at_us: i64,
        /// The engine's semantic version.
        engine: String,
        /// The rule set as it was kept.
        rules: String,
        /// More that it was started with.
        #[serde(default)]
        with: serde_json::Value,
    },
    /// A journal was opened again.
    Recovered {
        /// When.
        at_us: i64,
        /// The number of the snapshot from which, if from one.
        snapshot: Option<u64>,
        /// The last record that was there.
        after: u64,
        /// What was cut.
        cut: Option<Torn>,
        /// The record `started`, said again; none where nobody knows it any more, or in a journal of former times.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        started: Option<Box<Control>>,
    },
    /// A rule set was put beside the one that runs.
    Staged {
        /// When.
        at_us: i64,
        /// The rule set as it was kept.
        rules: String,
    },
    /// A rule set that was staged is staged no more.
    Unstaged {
        /// When.
        at_us: i64,
        /// Its hash, as decisions name it.
        rule_set: String,
    },
    /// Somebody proposed a rule set.
    Proposed {
        /// When.
        at_us: i64,
        /// The rule set as it was kept.
        rules: String,
        /// Its hash, as decisions name it.
        rule_set: String,
        /// Its name.
        name: String,
        /// Who.
        by: String,
    },
    /// Somebody approved a rule set that was proposed.
    Approved {
        /// When.
        at_us: i64,
        /// The rule set as it was kept.
        rules: String,
        /// With which key.
        #[serde(flatten)]
        approval: Approval,
    },
    /// A rule set is about to be taken up, or to be warmed for that; `decides` follows once it decides.
    Activated {
        /// When.
        at_us: i64,
        /// The rule set as it was kept.
        rules: String,
        /// Its hash, as decisions name it.
        rule_set: String,
        /// Who asked for it.
        by: String,
        /// Whose approvals counted.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        approved_by: Vec<String>,
        /// Whether its features are filled first.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        warm: bool,
        /// Whether it decided before, and is asked back.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        back: bool,
    },
    /// A rule set is warmed no more; what decided goes on.
    Cancelled {
        /// When.
        at_us: i64,
        /// The rule set as it was kept.
        rules: String,
        /// Who asked for it, or for a rollback.
        by: String,
    },
    /// A rule set decides from the event before on.
    Decides {
        /// When.
        at_us: i64,
        /// The rule set as it was kept; empty where that is not known.
        rules: String,
        /// Its hash, as decisions name it.
        rule_set: String,
        /// Its name.
        name: String,
    },
    /// A rule set that was warmed took over between this record and the one before.
    Warmed {
        /// When.
        at_us: i64,
        /// The rule set as it was kept.
        rules: String,
        /// The record behind which it was warmed with all; 0 is the beginning.
        from: u64,
    },
    /// A snapshot was written.
    Snapshot {
        /// When.
        at_us: i64,
        /// The last record that it holds.
        number: u64,
        /// The SHA-256 of its file without the last 32 bytes, which are this sum, in hex: `head -c -32 FILE | sha256sum`.
        sha256: String,
    },
    /// Somebody asked to see something.
    Asked {
        /// When.
        at_us: i64,
        /// Who.
        who: String,
        /// What for: an audit, an export, a query.
        what: String,
    },
    /// Retention archived and removed; written before anything goes.
    Retained {
        /// When.
        at_us: i64,
        /// Who asked for it.
        who: String,
        /// What for.
        why: String,
        /// First and last records of what was archived.
        archived: Vec<(u64, u64)>,
        /// First and last of what is removed.
        removed: Option<(u64, u64)>,
        /// First and last of all up to there that retention did not remove, now or before: they were missing, and somebody had
        /// decided to go on without them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<(u64, u64)>,
        /// Where something is: the record of the snapshot from which replay begins then.
        base: Option<u64>,
        /// The record of the snapshot that was archived.
        snapshot: Option<u64>,
        /// How many files of columns are removed.
        columns: u64,
    },
    /// It was told to go on behind damage.
    WentOn {
        /// When.
        at_us: i64,
        /// The damage that was seen then.
        damage: Vec<Damage>,
        /// The snapshots after records that are missing at the end, which are removed: their numbers are given again.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        snapshots: Vec<u64>,
    },
    /// It was closed in order; all before this record is on disk.
    Closed {
        /// When.
        at_us: i64,
    },
}

impl Control {
    /// Its bytes in a record.
    pub fn to_bytes(&self) -> Vec<u8> {
        // No map here has keys that are no texts, and nothing else can fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The rule sets that it names, by the hashes that they are kept by.
    pub fn kept(&self) -> Vec<String> {
        match self {
            Self::Started { rules, with, .. } => {
                let staged = with["staged"].as_array().into_iter().flatten();
                let staged = staged.filter_map(|hash| hash.as_str().map(str::to_owned));
                std::iter::once(rules.clone()).chain(staged).collect()
            }
            Self::Recovered { started: Some(started), .. } => started.kept(),
            Self::Staged { rules, .. }
            | Self::Warmed { rules, .. }
            | Self::Proposed { rules, .. }
            | Self::Activated { rules, .. } => vec![rules.clone()],
            _ => Vec::new(),
        }
    }

    /// What a record's bytes say; none where this version does not know it.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

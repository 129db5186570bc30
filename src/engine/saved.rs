//! What is saved of an engine at one moment, and an engine that goes on from it.
//!
//! Saved is what events changed. Rule sets are known by their hashes: whoever restores has them. Promises that the
//! engine which goes on gives, from there on, the answers of the one that was saved, bit for bit.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::answers::Answers;
use super::breaker::Counted;
use super::dialogue::{Dialogues, PRESENTED_BYTES_MAX};
use super::exchange::{Exchange, SavedExchange};
use super::judge::{Judge, reads};
use super::ledger::{Ledger, SavedLedger};
use super::ledgers::{Ledgers, Sources};
use super::logs::Logs;
use super::payments::Payments;
use super::recent::Recent;
use super::reload::{Former, Reloads, Staged};
use super::shadow::{Shadow, ShadowStopped};
use super::{Engine, Limits, Recording, Seen, ShadowLimits, VERSION};
use crate::event::KEPT_BYTES_MAX;
use crate::hex::hex;
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::RuleSet;
use crate::state::{ChunkStore, ResumeError, SavedChunk};

type Hash = [u8; 32];

/// What is saved of an engine. It shares parts with the engine that goes on, which copies them before it changes them,
/// so that it can be written by another thread meanwhile. Serialized it is all but the rows of its [`chunks`](Self::chunks).
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedEngine {
    version: String,
    limits: Limits,
    recording: Recording,
    now_us: i64,
    row: u64,
    live: SavedJudge,
    ledgers: Vec<SavedLedger>,
    seen: Recent<Seen>,
    answers: Answers,
    payments: Payments,
    dialogues: Dialogues,
    /// How many rule sets were live before the present one.
    number: u32,
    /// Those of which decisions may be repeated: number, hash, and until when.
    former: Vec<(u32, Hash, i64)>,
    staged: Vec<(Hash, Lists, Option<Arc<Rates>>)>,
    exchange: SavedExchange,
    shadow: Option<SavedShadow>,
}

/// What is saved of a rule set at work.
#[derive(Debug, Serialize, Deserialize)]
struct SavedJudge {
    rules: Hash,
    lists: Lists,
    counted: Counted,
    qualities: [u64; 5],
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedShadow {
    judge: SavedJudge,
    limits: ShadowLimits,
    stopped: Option<ShadowStopped>,
    ledgers: Vec<SavedLedger>,
}

/// Why an engine cannot go on from what was saved.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RestoreError {
    /// Another version of the engine saved it, which may compute other values.
    #[error("engine version {saved} saved it, this is {VERSION}; restore it with the version that saved it")]
    Version {
        /// That version.
        saved: String,
    },
    /// A rule set that it needs is not there.
    #[error("it needs the rule set with the hash {hash}; give its rule file too")]
    RuleSet {
        /// The hash in hexadecimal.
        hash: String,
    },
    /// It does not fit the rule set that it names.
    #[error("it does not fit the rule set with the hash {hash}; it was damaged, or made by other code")]
    Unfit {
        /// The hash in hexadecimal.
        hash: String,
    },
    /// Rows of a log that are kept elsewhere can't be had.
    #[error("a part of its log can't be read: {why}; take an older snapshot")]
    Lost {
        /// What is said.
        why: String,
    },
}

fn unfit(hash: &Hash) -> RestoreError {
    RestoreError::Unfit { hash: hex(hash) }
}

impl SavedJudge {
    fn of(judge: &Judge) -> Self {
        let (rules, lists, qualities) = (judge.rules.hash, judge.lists.clone(), judge.qualities);
        Self { rules, lists, counted: judge.decider.counted(), qualities }
    }

    fn restored(self, rules: Arc<RuleSet>, recording: Recording) -> Result<Judge, RestoreError> {
        let mut judge = Judge::new(rules, self.lists, Vec::new(), recording);
        judge.qualities = self.qualities;
        judge.decider.resume(self.counted).then_some(judge).ok_or_else(|| unfit(&self.rules))
    }
}

impl SavedEngine {
    /// Bytes of the longest text in it, which whoever reads it needs at once: all that a payment says or presents, and no
    /// single text, such as a note, is longer.
    pub(crate) const TEXT_BYTES_MAX: usize =
        if KEPT_BYTES_MAX > PRESENTED_BYTES_MAX { KEPT_BYTES_MAX } else { PRESENTED_BYTES_MAX };

    /// The latest time that any event had, microseconds since 1970 UTC.
    pub fn now_us(&self) -> i64 {
        self.now_us
    }

    /// The hash of the rule set that was live.
    pub fn rules(&self) -> &[u8; 32] {
        &self.live.rules
    }

    /// The same, but that decisions from there on record other features.
    pub fn recording(mut self, recording: Recording) -> Self {
        self.recording = recording;
        self
    }

    /// The chunks of its logs, whose rows are no part of what is serialized, each with the number of its log: always in the
    /// same order.
    pub fn chunks(&self) -> impl Iterator<Item = (usize, &SavedChunk)> {
        let shadow = self.shadow.iter().flat_map(|shadow| &shadow.ledgers);
        let logs = self.ledgers.iter().chain(shadow).enumerate();
        logs.flat_map(|(log, ledger)| ledger.state.chunks().map(move |chunk| (log, chunk)))
    }

    /// The same, to be told where their rows are.
    pub fn chunks_mut(&mut self) -> impl Iterator<Item = (usize, &mut SavedChunk)> {
        let shadow = self.shadow.iter_mut().flat_map(|shadow| &mut shadow.ledgers);
        let logs = self.ledgers.iter_mut().chain(shadow).enumerate();
        logs.flat_map(|(log, ledger)| ledger.state.chunks_mut().map(move |chunk| (log, chunk)))
    }
}

impl Engine {
    /// What is saved of it as of now, without copying what is large; chunks of tail logs that are away stay there, and are
    /// read by whoever writes it.
    pub fn freeze(&mut self) -> SavedEngine {
        let freeze =
            |ledgers: &mut [Ledger]| -> Vec<SavedLedger> { ledgers.iter_mut().map(Ledger::freeze).collect() };
        let (ledgers, shadow_ledgers) = (freeze(&mut self.ledgers.live), freeze(&mut self.ledgers.shadow));
        let shadow = self.shadow.as_ref().map(|shadow| SavedShadow {
            judge: SavedJudge::of(&shadow.judge),
            limits: shadow.limits,
            stopped: shadow.stopped,
            ledgers: shadow_ledgers,
        });
        let former = self.reloads.former.iter();
        SavedEngine {
            version: VERSION.to_owned(),
            limits: self.limits,
            recording: self.recording,
            now_us: self.now_us,
            row: self.row,
            live: SavedJudge::of(&self.live),
            ledgers,
            seen: self.seen.freeze(),
            answers: self.answers.freeze(),
            payments: self.payments.freeze(),
            dialogues: self.dialogues.freeze(),
            number: self.reloads.number,
            former: former.map(|former| (former.number, former.rules.hash, former.until_us)).collect(),
            staged: self
                .reloads
                .staged
                .iter()
                .map(|staged| (staged.rules.hash, staged.lists.clone(), staged.rates.clone()))
                .collect(),
            exchange: self.exchange.freeze(&self.live.rates),
            shadow,
        }
    }

    /// An engine that goes on from what was saved, with the same limits and recording. `rule_sets` are all that it may
    /// need: the live one, those staged, the shadow's, and every one by which a feature or a decision that is still known
    /// came in. Chunks that leave memory go to a store like this one.
    pub fn restore(
        saved: SavedEngine,
        rule_sets: &[Arc<RuleSet>],
        store: Option<Box<dyn ChunkStore>>,
    ) -> Result<Self, RestoreError> {
        if saved.version != VERSION {
            return Err(RestoreError::Version { saved: saved.version });
        }
        let find = |hash: &Hash| {
            let found = rule_sets.iter().find(|rules| rules.hash == *hash).cloned();
            found.ok_or_else(|| RestoreError::RuleSet { hash: hex(hash) })
        };
        let SavedEngine { limits, recording, now_us, row, .. } = saved;
        let mut logs = Logs::new(&limits);
        if let Some(store) = store {
            logs.set_store(store);
        }
        let ledger = |saved: SavedLedger| {
            let origin = find(&saved.origin)?;
            Ledger::restored(saved, &origin, &logs).map_err(|error| match error {
                ResumeError::Unfit => unfit(&origin.hash),
                ResumeError::Lost(why) => RestoreError::Lost { why },
            })
        };
        let rules = find(&saved.live.rules)?;
        let mut ledgers = Ledgers {
            live: saved.ledgers.into_iter().map(ledger).collect::<Result<_, _>>()?,
            shadow: Vec::new(),
        };
        let mut live = saved.live.restored(Arc::clone(&rules), recording)?;
        let sources = Sources::find(&rules, ledgers.live.iter());
        live.set_wanted(sources.wanted(ledgers.live.iter(), reads(&rules, recording)));
        ledgers
            .live
            .iter_mut()
            .zip(sources.bindings(&rules))
            .for_each(|(ledger, binding)| ledger.bind(binding));
        let mut shadow = None;
        if let Some(SavedShadow { judge, limits, stopped, ledgers: own }) = saved.shadow {
            let rules = find(&judge.rules)?;
            ledgers.shadow = own.into_iter().map(ledger).collect::<Result<_, _>>()?;
            let mut judge = judge.restored(Arc::clone(&rules), recording)?;
            let sources = Sources::find(&rules, ledgers.all());
            judge.set_wanted(sources.wanted(ledgers.all(), reads(&rules, recording)));
            let bindings = sources.bindings(&rules).skip(ledgers.live.len());
            ledgers.shadow.iter_mut().zip(bindings).for_each(|(ledger, binding)| ledger.bind(binding));
            shadow = Some(Box::new(Shadow { judge, limits, decided: false, stopped, warmed: None }));
        }
        let former =
            |(number, hash, until_us): (u32, Hash, i64)| Ok(Former { number, rules: find(&hash)?, until_us });
        let staged = |(hash, lists, rates): (Hash, Lists, Option<Arc<Rates>>)| {
            Ok(Staged::restored(find(&hash)?, lists, rates))
        };
        let reloads = Reloads {
            number: saved.number,
            former: saved.former.into_iter().map(former).collect::<Result<_, _>>()?,
            staged: saved.staged.into_iter().map(staged).collect::<Result<_, _>>()?,
        };
        let mut engine = Self {
            exchange: Exchange::new(rules.horizon_us, limits.ids_max),
            calendar: rules.calendar.clone(),
            live,
            limits,
            recording,
            now_us,
            passed: 0,
            ledgers,
            logs,
            row,
            seen: saved.seen,
            answers: saved.answers,
            payments: saved.payments,
            dialogues: saved.dialogues,
            original: None,
            unlocked: None,
            locked: 0,
            reloads,
            shadow,
        };
        engine.restore_exchange(saved.exchange);
        Ok(engine)
    }
}

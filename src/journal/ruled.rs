//! Rule sets that are proposed, approved and taken up by request: each step of it is a record before anything acts.
//!
//! What is slow is done beside, by a [`Keeper`] that any thread may have: reading, checking and keeping files. Promises that
//! whoever goes the journal's way again takes up the same rule sets between the same events, and that a shadow, which no
//! record names, never takes over.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::Builder;

use super::control::Control;
use super::course::{RecordedError, load, stage_loaded, unstage};
use super::kept::{self, KeptError};
use super::record::Record;
use super::recorded::Recorded;
use super::rulings::{Approval, Ruling, Rulings};
use super::tokened;
use super::warming::{Warmed, WarmingError};
use crate::engine::ShadowLimits;
use crate::event::{Event, TextField};
use crate::hex::{hex, unhex};
use crate::io::{Bundle, Disk, Loaded};
use crate::lists::List;

/// What keeps rule sets with a journal, beside the engine that writes it.
#[derive(Clone)]
pub struct Keeper {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    id: [u8; 16],
    tokens: Option<String>,
}

/// A rule set that is loaded, and once it is kept can be taken up.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// It as it is kept.
    pub rules: String,
    /// Its files.
    pub bundle: Bundle,
    /// What they say.
    pub loaded: Loaded,
}

/// Who asks for a rule set to be taken up, and how.
#[derive(Clone, Debug, Default)]
pub struct Activation {
    /// Who asks for it.
    pub by: String,
    /// Whose approvals counted.
    pub approved_by: Vec<String>,
    /// Whether its features are filled first.
    pub warm: bool,
    /// Whether it decided before.
    pub back: bool,
}

/// A rule set that is staged, so that the next event can take it up.
#[derive(Debug)]
#[must_use = "it stays staged until it is settled"]
pub struct Activating {
    rules: String,
    rule_set: [u8; 32],
    name: String,
    /// Somebody else staged it.
    stays: bool,
}

impl Keeper {
    /// The journal's id: what is approved is approved for it alone.
    pub fn id(&self) -> [u8; 16] {
        self.id
    }

    /// The hash that a rule set would be kept by, where it can be kept; nothing is kept yet.
    pub fn hash(&self, bundle: &Bundle) -> Result<String, RecordedError> {
        tokened::same(self.tokens.as_deref(), bundle.tokens())?;
        kept::check(bundle)?;
        Ok(kept::hash(bundle))
    }

    /// Keeps a rule set with the journal.
    pub fn keep(&self, prepared: &Prepared) -> Result<(), RecordedError> {
        tokened::same(self.tokens.as_deref(), prepared.bundle.tokens())?;
        kept::keep(&*self.disk, &self.folder, &prepared.bundle)?;
        Ok(())
    }

    /// A rule set that was kept, by that hash.
    pub fn read(&self, rules: &str) -> Result<Bundle, KeptError> {
        Ok(kept::read(&*self.disk, &self.folder, rules)?.of_tokens(self.tokens.clone()))
    }

    /// The same, loaded.
    pub fn prepare(&self, rules: &str) -> Result<Prepared, RecordedError> {
        let bundle = self.read(rules)?;
        let loaded = load(&bundle, rules)?;
        Ok(Prepared { rules: rules.to_owned(), bundle, loaded })
    }
}

impl Activating {
    /// What the control event names that takes it up.
    pub fn rule_set(&self) -> String {
        hex(self.rule_set)
    }
}

impl Recorded {
    /// What keeps rule sets beside it.
    pub fn keeper(&self) -> Keeper {
        let (disk, folder) = (Arc::clone(&self.disk), self.folder.clone());
        Keeper { disk, folder, id: self.id, tokens: self.tokens.clone() }
    }

    /// What is proposed and what decided.
    pub fn rulings(&self) -> &Rulings {
        &self.rulings
    }

    /// Puts a record down; its number.
    fn put(&mut self, said: &Control) -> Result<u64, RecordedError> {
        let number = self.journal.append(Record::Control(&said.to_bytes()))?;
        self.rulings.take(said);
        Ok(number)
    }

    /// Puts down that somebody proposes a rule set, which must fit the running one; the record's number.
    pub fn propose(&mut self, prepared: &Prepared, by: &str) -> Result<u64, RecordedError> {
        let found = &prepared.loaded.rules;
        let rule_set = found.hash_text();
        let unfit = |why| RecordedError::Reload { rule_set: found.hash_text(), why };
        self.engine.check_fit(found).map_err(unfit)?;
        let (rules, name, by) = (prepared.rules.clone(), found.name.clone(), by.to_owned());
        self.put(&Control::Proposed { at_us: (self.clock)(), rules, rule_set, name, by })
    }

    /// Puts an approval down, which was checked; the record's number.
    pub fn approve(&mut self, rules: &str, approval: Approval) -> Result<u64, RecordedError> {
        self.put(&Control::Approved { at_us: (self.clock)(), rules: rules.to_owned(), approval })
    }

    /// Puts down that a rule set is about to be taken up, and stages it: the next event is to name it, and then comes
    /// [`settle`](Self::settle). None where it is warmed first, and takes over by itself. Where it decided before, a warm-up that
    /// is on is cancelled.
    pub fn activate(
        &mut self,
        prepared: Prepared,
        activation: Activation,
    ) -> Result<Option<Activating>, WarmingError> {
        if self.warming.is_some() && !activation.back {
            return Err(WarmingError::Busy);
        }
        let Prepared { rules, bundle, loaded } = prepared;
        let found = &loaded.rules;
        self.engine.check_fit(found)?;
        let (rule_set, hash, name) = (found.hash_text(), found.hash, found.name.clone());
        let Activation { by, approved_by, warm, back } = activation;
        if warm && hash == self.engine.rules().hash {
            return Err(WarmingError::Live);
        }
        self.cancel_warming(&by)?;
        let at_us = (self.clock)();
        self.put(&Control::Activated { at_us, rules: rules.clone(), rule_set, by, approved_by, warm, back })?;
        if warm {
            self.begin_warming(bundle, rules);
            return Ok(None);
        }
        let stays = self.engine.is_staged(&hash);
        stage_loaded(loaded, &mut self.engine)?;
        self.staged.insert(hash, rules.clone());
        self.journal.append(Record::Control(&Control::Staged { at_us, rules: rules.clone() }.to_bytes()))?;
        Ok(Some(Activating { rules, rule_set: hash, name, stays }))
    }

    /// Puts down whether a rule set that was to be taken up decides now, and forgets that it was staged; the last record's
    /// number, where it decides.
    pub fn settle(&mut self, activating: Activating, taken: bool) -> Result<Option<u64>, RecordedError> {
        let Activating { rules, rule_set, name, stays } = activating;
        let (at_us, hash) = ((self.clock)(), hex(rule_set));
        if !stays && unstage(&hash, &mut self.engine) {
            let said = Control::Unstaged { at_us, rule_set: hash.clone() };
            self.journal.append(Record::Control(&said.to_bytes()))?;
        }
        if !taken {
            return Ok(None);
        }
        self.settled = self.engine.rule_set_number();
        self.put(&Control::Decides { at_us, rules, rule_set: hash, name }).map(Some)
    }

    /// Puts down that a rule set which was warmed decides.
    pub fn settle_warmed(&mut self, warmed: &Warmed) -> Result<u64, RecordedError> {
        let (rules, rule_set) = (warmed.rules.clone(), warmed.rule_set.clone());
        let name = self.engine.rules().name.clone();
        self.settled = self.engine.rule_set_number();
        self.put(&Control::Decides { at_us: (self.clock)(), rules, rule_set, name })
    }

    /// Puts down which rule set decides where nobody did: an event took one up that was staged. Whether it was so. Reads no file.
    pub fn settle_taken(&mut self) -> Result<bool, RecordedError> {
        let number = self.engine.rule_set_number();
        if self.settled == number {
            return Ok(false);
        }
        self.settled = number;
        let live = self.engine.rules();
        let rules = self.staged.get(&live.hash).cloned().unwrap_or_default();
        let (rule_set, name) = (live.hash_text(), live.name.clone());
        self.put(&Control::Decides { at_us: (self.clock)(), rules, rule_set, name }).map(|_| true)
    }

    /// The same where a journal was opened, or begun with a rule set: nothing is put down.
    pub(super) fn settle_opened(&mut self, begun: Option<String>) -> Result<(), RecordedError> {
        let rule_set = self.engine.rules().hash_text();
        let rules = begun.unwrap_or_else(|| self.held_as());
        if self.rulings.live().is_none_or(|live| live.rule_set != rule_set || live.rules != rules) {
            self.rulings.found(Ruling { rules, rule_set, at_us: (self.clock)(), by: None });
        }
        Ok(())
    }

    /// As what the rule set is kept that decides: what records say last, or the only one that they name, where its files say what
    /// the engine holds. Empty otherwise: which of several was approved is never guessed.
    fn held_as(&self) -> String {
        let rule_set = self.engine.rules().hash_text();
        let is_held = |rules: &&str| {
            let bundle = kept::read(&*self.disk, &self.folder, rules);
            bundle.and_then(|bundle| load(&bundle, rules)).is_ok_and(|loaded| self.holds(&loaded))
        };
        let live = self.rulings.live().filter(|live| live.rule_set == rule_set);
        if let Some(live) = live.map(|live| &*live.rules).filter(is_held) {
            return live.to_owned();
        }
        let mut found = self.rulings.named(&rule_set).filter(is_held);
        found.next().filter(|_| found.next().is_none()).unwrap_or_default().to_owned()
    }

    /// Whether the engine decides by such a rule set, with such files of lists and rates.
    fn holds(&self, loaded: &Loaded) -> bool {
        let (rules, lists) = (self.engine.rules(), self.engine.lists());
        let same = |file: Option<&List>, held: Option<&List>| {
            file.zip(held).is_some_and(|(file, held)| held.is_loaded_as(file))
        };
        loaded.rules.hash == rules.hash
            && (0..rules.lists.len()).all(|at| same(loaded.lists.get(at), lists.get(at)))
            && (rules.rates.is_none() || loaded.rates.version() == self.engine.rates().version())
    }

    /// Takes in a slice for the rule set that is warmed, if one is, and waits for nothing; whether more is to be done.
    pub fn warm_beside(&mut self) -> bool {
        self.warm_by(false)
    }

    /// Cancels the warm-up that is on, if one is: puts that down, and forgets all that was taken in for it. Gives the rule set as it
    /// was kept.
    pub fn cancel_warming(&mut self, by: &str) -> Result<Option<String>, RecordedError> {
        let Some(rules) = self.warms().map(str::to_owned) else { return Ok(None) };
        self.put(&Control::Cancelled { at_us: (self.clock)(), rules: rules.clone(), by: by.to_owned() })?;
        let warming = self.warming.take();
        // It may hold an engine as large as the running one, and no event waits until that is gone.
        drop(Builder::new().name("weir-forgets".to_owned()).spawn(move || drop(warming)));
        Ok(Some(rules))
    }

    /// The rule set that is warmed, as it was kept, if one is.
    pub fn warms(&self) -> Option<&str> {
        self.warming.as_ref().map(|warming| warming.rules())
    }

    /// Lets a rule set decide beside, in place of any other; what it decides is in no record, and neither is it.
    pub fn load_shadow(&mut self, prepared: Prepared) -> Result<(), RecordedError> {
        let Loaded { rules, lists, .. } = prepared.loaded;
        let rule_set = rules.hash_text();
        let loaded = self.engine.load_shadow(rules, lists, ShadowLimits::default());
        loaded.map_err(|why| RecordedError::Reload { rule_set, why })
    }

    /// Takes the rule set out that decides beside.
    pub fn drop_shadow(&mut self) {
        self.engine.drop_shadow();
    }

    /// Takes the shadow out where an event is about to take the same rule set up: it would go on with what only the shadow
    /// knows, and nobody who reads the journal could.
    pub(super) fn keep_shadow_out(&mut self, event: &Event) {
        let asked = || event.text(TextField::Subject).and_then(|subject| unhex(subject.as_bytes()));
        if self.engine.shadow_rules().is_some_and(|shadow| asked() == Some(shadow.hash)) {
            self.engine.drop_shadow();
        }
    }
}

//! What the engine's own thread does for rule sets: takes them up between two events, and tells what it knows.
//!
//! Promises that nothing slow is done here: what is taken up was read, checked and loaded elsewhere; and that after it bodies are
//! read, answers declared and figures told by the rule set that decides.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::clock::{now, now_us};
use super::super::engine::{Desk, IDLE};
use super::super::reading::{Given, Readers};
use super::super::ticket::What;
use crate::decision::Outcome;
use crate::event::{Event, Kind, TextField};
use crate::io::decision::write_refusal;
use crate::journal::{Activation, Prepared, RecordedError, Rulings};

/// A rule set that decides beside.
#[derive(Clone, Debug)]
pub(in super::super) struct Beside {
    pub(super) rules: String,
    pub(super) by: String,
    pub(super) since_us: i64,
}

/// What the engine's thread knows of its rule sets.
pub(super) struct Known {
    pub(super) rulings: Rulings,
    /// Of what decides: name, lists with what is on them, rates.
    pub(super) live: Value,
    pub(super) shadow: Value,
    pub(super) warming: Value,
}

/// What came of taking a rule set up.
pub(super) struct TakenUp {
    /// The record that must be on disk before it is told.
    pub(super) number: u64,
    /// How long the engine stood still.
    pub(super) pause: Duration,
    /// The features that begin anew.
    pub(super) begins: Vec<String>,
    /// Whether it decides; otherwise it is warmed first.
    pub(super) decides: bool,
}

impl Desk {
    /// How long to wait for events: not long where something else is to be done.
    pub(in super::super) fn patience(&self) -> Duration {
        match self.recorded.warmth() {
            Some(warmth) if warmth.from.is_some() => Duration::ZERO,
            Some(_) => Duration::from_millis(1),
            None => IDLE,
        }
    }

    /// Goes on with the rule set that is warmed, if one is. Each step does so too.
    pub(in super::super) fn warm(&mut self) {
        self.recorded.warm_beside();
        match self.recorded.take_warmed() {
            None => {}
            Some(Ok(warmed)) => {
                self.beside = None;
                if let Err(error) =
                    self.recorded.settle_warmed(&warmed).and_then(|_| Ok(self.recorded.submit()?))
                {
                    tracing::error!(%error, "the journal did not take that a rule set decides");
                }
                let (events, rule_set) = (warmed.events, warmed.rule_set);
                tracing::info!(hash = warmed.rules, rule_set, events, "a rule set was warmed and decides");
                self.follow_rules();
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "the rule set was not warmed; what decided goes on");
                self.service.rules.not_warmed(Some(error.to_string()));
            }
        }
    }

    /// What an event is answered that would take up a rule set whose law what is declared would be weaker than: an earlier
    /// process, for which something else was declared, may have staged it. The engine does not see the event.
    pub(in super::super) fn unfit(&self, event: &Event) -> Option<Vec<u8>> {
        if event.kind() != Kind::Control || event.text(TextField::Control) != Some("rule_set") {
            return None;
        }
        let rules = self.recorded.engine().staged(event.text(TextField::Subject)?)?;
        let error = self.service.settings.declared.check(rules).err()?;
        let mut line = Vec::new();
        // A buffer takes all that is written to it.
        let _ = write_refusal(event, "rules", None, &error.to_string(), &mut line);
        Some(line)
    }

    /// Looks whether an event took up a rule set that was staged at the start.
    pub(in super::super) fn look_at_rules(&mut self) -> Result<(), RecordedError> {
        let records = self.service.settings.without.has_journal() && !self.alone();
        let settled = records && self.recorded.settle_taken()?;
        if settled || self.recorded.engine().rules().hash != self.readers.rules().hash {
            self.follow_rules();
            let rules = self.recorded.engine().rules();
            tracing::info!(rule_set = rules.name, hash = rules.hash_text(), "an event took up a rule set");
        }
        Ok(())
    }

    /// Reads bodies from now on as the rule set says that decides. What was read before has the same fields.
    fn follow_rules(&mut self) {
        let rules = self.recorded.engine().rules_shared();
        let tokens = self.readers.tokens().cloned();
        self.service.set_readers(Readers::new(rules, tokens, self.service.settings.unknown_fields));
        if let Some(readers) = self.service.readers() {
            self.readers = readers;
        }
    }

    /// Takes a rule set up between two events, or begins to warm it; the error is why what decides goes on.
    pub(super) fn take_up(&mut self, prepared: Prepared, activation: Activation) -> Result<TakenUp, String> {
        self.check()?;
        if activation.back {
            // One that began while the files were read to which it goes back.
            self.cancel_warming(&activation.by, "rolled back")?;
        }
        let begun = now();
        let begins = self.recorded.engine().would_begin(&prepared.loaded.rules);
        let begins = begins.into_iter().map(str::to_owned).collect();
        let activating = self.recorded.activate(prepared, activation).map_err(|error| error.to_string())?;
        let decides = activating.is_some();
        if let Some(activating) = activating {
            let body = json!({
                // Nobody can have sent an event of this id before.
                "id": format!("weir-rules-{}-{}", self.recorded.last(), now_us()),
                "time_us": now_us(),
                "control": "rule_set",
                "subject": activating.rule_set(),
            });
            let given = Given { kind: Some(Kind::Control), received_us: now_us(), ..Given::default() };
            let taken = self.readers.read(body.to_string().as_bytes(), given);
            let taken = taken.map_err(|error| error.to_string())?;
            let stepped = self.step(&taken, now());
            let is_taken = matches!(&stepped, Ok(stepped) if stepped.answered.what == What::Taken);
            let settled = self.recorded.settle(activating, is_taken);
            stepped.map_err(|error| error.to_string())?;
            settled.map_err(|error| error.to_string())?;
            if !is_taken {
                let said: Value = serde_json::from_slice(&self.line).unwrap_or_default();
                return Err(said["message"].as_str().unwrap_or("the engine refused it").to_owned());
            }
            self.follow_rules();
        } else {
            self.service.rules.not_warmed(None);
        }
        let number = self.submit()?;
        let pause = now() - begun;
        if decides {
            self.service.metrics.reload.took(pause, 1);
        }
        Ok(TakenUp { number, pause, begins, decides })
    }

    /// Cancels the warm-up that is on, if one is; the record that must be on disk before it is told.
    pub(in super::super) fn cancel_warming(&mut self, by: &str, why: &str) -> Result<Option<u64>, String> {
        self.check()?;
        let cancelled = self.recorded.cancel_warming(by).map_err(|error| error.to_string())?;
        let Some(hash) = cancelled else { return Ok(None) };
        let number = self.submit()?;
        tracing::info!(hash, by, why, "a warm-up is cancelled");
        self.service.rules.not_warmed(Some(format!("{by} {why}")));
        Ok(Some(number))
    }

    /// Tells what keeps a rule set from taking over.
    pub(super) fn check_fit(&self, prepared: &Prepared) -> Result<(), String> {
        let found = &prepared.loaded.rules;
        let unfit = |why| RecordedError::Reload { rule_set: found.hash_text(), why }.to_string();
        self.recorded.engine().check_fit(found).map_err(unfit)
    }

    /// Lets a rule set decide beside.
    pub(super) fn load_shadow(&mut self, prepared: Prepared, by: String) -> Result<(), String> {
        let rules = prepared.rules.clone();
        if prepared.loaded.rules.hash == self.recorded.engine().rules().hash {
            return Err("its rules decide already, and a shadow has other ones; lists and rates alone can't be tried beside".to_owned());
        }
        self.recorded.load_shadow(prepared).map_err(|error| error.to_string())?;
        self.teller.tally.shadow = [[0; 3]; 3];
        self.beside = Some(Beside { rules, by, since_us: now_us() });
        Ok(())
    }

    /// Takes the rule set out that decides beside; whether there was one.
    pub(super) fn drop_shadow(&mut self) -> bool {
        self.beside = None;
        let there = self.recorded.engine().shadow_rules().is_some();
        self.recorded.drop_shadow();
        there
    }

    /// Puts something down in the journal; the last record's number.
    pub(super) fn put_down<T>(
        &mut self,
        put: impl FnOnce(&mut crate::journal::Recorded) -> Result<T, RecordedError>,
    ) -> Result<u64, String> {
        self.check()?;
        put(&mut self.recorded).map_err(|error| error.to_string())?;
        self.submit()
    }

    fn submit(&mut self) -> Result<u64, String> {
        let number = self.recorded.last();
        self.recorded.submit().map_err(|poisoned| poisoned.to_string())?;
        self.teller.wrote(number);
        Ok(number)
    }

    /// Without a journal nothing can be put down, and so nothing acts.
    fn check(&self) -> Result<(), String> {
        if self.alone() || self.recorded.poisoned().is_some() {
            return Err("the journal has failed, and rule sets are changed with it alone".to_owned());
        }
        Ok(())
    }

    /// All that is known here of rule sets.
    pub(super) fn known(&self) -> Known {
        let engine = self.recorded.engine();
        let rules = engine.rules();
        let lists: Vec<Value> = (rules.lists.iter().enumerate())
            .map(|(at, declared)| {
                let entries = engine.lists().get(at).map_or(0, crate::lists::List::len);
                json!({"name": declared.name, "file": declared.file, "entries": entries})
            })
            .collect();
        let rates = rules
            .rates
            .as_ref()
            .map(|_| json!({"version": engine.rates().version_text(), "rates": engine.rates().len()}));
        let live = json!({
            "rule_set": rules.hash_text(), "name": rules.name, "rules": rules.rules.len(), "lists": lists, "rates": rates,
        });
        let shadow = engine.shadow_rules().zip(self.beside.as_ref()).map(|(rules, beside)| {
            let mut decisions = serde_json::Map::new();
            for live in Outcome::ALL {
                let of = &self.teller.tally.shadow[live as usize];
                let of = Outcome::ALL.map(|shadow| (shadow.name().to_owned(), of[shadow as usize].into()));
                decisions.insert(live.name().to_owned(), Value::Object(of.into_iter().collect()));
            }
            json!({
                "hash": beside.rules, "rule_set": rules.hash_text(), "name": rules.name,
                "since_us": beside.since_us, "by": beside.by,
                "stopped": engine.shadow_stopped().map(|why| why.to_string()),
                "decisions": decisions,
            })
        });
        let warming = self.recorded.warms().zip(self.recorded.warmth()).map(|(rules, warmth)| {
            let (from, to) = (warmth.from, self.recorded.last());
            json!({
                "hash": rules, "from_record": from, "record": warmth.record, "of_records": to, "events": warmth.events,
            })
        });
        let rulings = self.recorded.rulings().clone();
        Known { rulings, live, shadow: shadow.into(), warming: warming.into() }
    }
}

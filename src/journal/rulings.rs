//! What is proposed, who approved it, and what decided when, as control records say it in their order.
//!
//! Promises that whoever takes the same records in knows the same, to hold a bounded number of each, and never to forget who
//! proposed what. It must never know what a rule set says, nor whether an approval counts.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::control::Control;
use super::heads::PublicKey;
use crate::hex::unhex;

/// Proposals known at most; the oldest that nobody approved, or that decided, are forgotten, and can be made again.
const PROPOSALS_MAX: usize = 64;
/// Rule sets known at most that records name otherwise than as proposed, the newest.
const NAMED_MAX: usize = 64;
/// Rule sets that decided, the newest.
const RULINGS_MAX: usize = 64;

/// An approval as an auditor checks it: Ed25519 over "weir rules approval 1", the journal's id, and the hash that the rule set
/// is kept by, both as bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The approver's name.
    pub by: String,
    /// The caller that the approver is.
    pub caller: String,
    /// The public key, 32 bytes in hexadecimal.
    pub public_key: String,
    /// The signature, 64 bytes in hexadecimal.
    pub signature: String,
}

impl Approval {
    /// Whether its key signed that rule set for the journal with this id; whose key it is, only the file of approvers says.
    pub fn is_signed(&self, id: &[u8; 16], rules: &str) -> bool {
        let signed = || {
            let key = PublicKey::from_bytes(&unhex(self.public_key.as_bytes())?)?;
            Some(key.approved(id, &unhex(rules.as_bytes())?, &unhex(self.signature.as_bytes())?))
        };
        signed().unwrap_or(false)
    }
}

/// A rule set that was proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// It as it was kept.
    pub rules: String,
    /// Its hash, as decisions name it.
    pub rule_set: String,
    /// Its name.
    pub name: String,
    /// When it was proposed first.
    pub at_us: i64,
    /// All who proposed it.
    pub by: Vec<String>,
    /// Who approved it, each once.
    pub approvals: Vec<Approval>,
}

/// A rule set that decided from a time on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// It as it was kept; empty where that is not known.
    pub rules: String,
    /// Its hash, as decisions name it.
    pub rule_set: String,
    /// Since when.
    pub at_us: i64,
    /// Who asked for it; none where nobody did by a request.
    pub by: Option<String>,
}

/// What is proposed and what decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rulings {
    proposals: VecDeque<Proposal>,
    /// All who ever proposed a rule set, by the hash that it is kept by: whoever did never approves it.
    proposers: BTreeMap<String, Vec<String>>,
    decided: VecDeque<Ruling>,
    /// What was staged, asked for or decided: as it was kept, and its hash as decisions name it, where the record says that.
    named: VecDeque<(String, Option<String>)>,
    /// What was about to be taken up, and who asked for it.
    asked: Option<(String, String)>,
}

impl Rulings {
    /// Takes the next record in.
    pub(super) fn take(&mut self, said: &Control) {
        match said {
            Control::Started { at_us, rules, with, .. } if self.decided.is_empty() => {
                let rule_set = with["rule_set"].as_str().unwrap_or_default().to_owned();
                said.kept().iter().skip(1).for_each(|staged| self.name(staged, None));
                self.name(rules, Some(&rule_set));
                self.decides(Ruling { rules: rules.clone(), rule_set, at_us: *at_us, by: None });
            }
            Control::Recovered { started: Some(started), .. } => self.take(started),
            Control::Proposed { at_us, rules, rule_set, name, by } => {
                let proposers = self.proposers.entry(rules.clone()).or_default();
                if !proposers.contains(by) {
                    proposers.push(by.clone());
                }
                let all = proposers.clone();
                if let Some(known) = self.find(rules) {
                    known.by = all;
                    return;
                }
                if self.proposals.len() >= PROPOSALS_MAX {
                    // Without room one is put down only by a program of former times.
                    let at = self.forgettable().unwrap_or(0);
                    self.proposals.remove(at);
                }
                self.proposals.push_back(Proposal {
                    rules: rules.clone(),
                    rule_set: rule_set.clone(),
                    name: name.clone(),
                    at_us: *at_us,
                    by: all,
                    approvals: Vec::new(),
                });
            }
            Control::Approved { rules, approval, .. } => {
                if let Some(known) = self.find(rules) {
                    known.approvals.retain(|held| held.by != approval.by);
                    known.approvals.push(approval.clone());
                }
            }
            Control::Activated { rules, rule_set, by, .. } => {
                self.name(rules, Some(rule_set));
                self.asked = Some((rules.clone(), by.clone()));
            }
            Control::Cancelled { rules, .. } => {
                self.asked.take_if(|(asked, _)| asked == rules);
            }
            Control::Staged { rules, .. } | Control::Warmed { rules, .. } => self.name(rules, None),
            Control::Decides { at_us, rules, rule_set, .. } => {
                self.name(rules, Some(rule_set));
                let asked = self.asked.take().filter(|(asked, _)| asked == rules);
                let (rules, rule_set) = (rules.clone(), rule_set.clone());
                self.decides(Ruling { rules, rule_set, at_us: *at_us, by: asked.map(|(_, by)| by) });
            }
            _ => {}
        }
    }

    /// From now on this decides.
    pub(super) fn decides(&mut self, ruling: Ruling) {
        if self.decided.len() == RULINGS_MAX {
            self.decided.pop_front();
        }
        self.decided.push_back(ruling);
    }

    /// The same where no record says so, but the one that asked for it.
    pub(super) fn found(&mut self, mut ruling: Ruling) {
        let asked = self.asked.take().filter(|(asked, _)| *asked == ruling.rules);
        ruling.by = asked.map(|(_, by)| by);
        self.decides(ruling);
    }

    /// A record names a rule set, and says its hash or not.
    fn name(&mut self, rules: &str, rule_set: Option<&String>) {
        let at = self.named.iter().position(|(named, _)| named == rules);
        let said = at.and_then(|at| self.named.remove(at)).and_then(|(_, said)| said);
        if self.named.len() >= NAMED_MAX {
            self.named.pop_front();
        }
        self.named.push_back((rules.to_owned(), rule_set.cloned().or(said)));
    }

    /// What records name that has this hash, or may have it, as it was kept; not what was only proposed.
    pub(super) fn named<'r>(&'r self, rule_set: &'r str) -> impl Iterator<Item = &'r str> {
        let has = move |said: &Option<String>| said.as_ref().is_none_or(|said| said == rule_set);
        let named = self.named.iter().rev().filter(move |(rules, said)| !rules.is_empty() && has(said));
        named.map(|(rules, _)| &**rules)
    }

    /// The oldest proposal that may be forgotten: nobody approved it, or it decided.
    fn forgettable(&self) -> Option<usize> {
        let decided = |rules: &str| self.decided.iter().any(|ruling| ruling.rules == rules);
        self.proposals.iter().position(|held| held.approvals.is_empty() || decided(&held.rules))
    }

    /// Whether a rule set can be proposed, and no other one is lost that somebody approved.
    pub fn has_room(&self, rules: &str) -> bool {
        self.proposals.len() < PROPOSALS_MAX || self.proposal(rules).is_some() || self.forgettable().is_some()
    }

    fn find(&mut self, rules: &str) -> Option<&mut Proposal> {
        self.proposals.iter_mut().find(|proposal| proposal.rules == rules)
    }

    /// What is proposed, the oldest first.
    pub fn proposals(&self) -> impl Iterator<Item = &Proposal> {
        self.proposals.iter()
    }

    /// What was proposed by the hash that it is kept by.
    pub fn proposal(&self, rules: &str) -> Option<&Proposal> {
        self.proposals.iter().find(|proposal| proposal.rules == rules)
    }

    /// What decides.
    pub fn live(&self) -> Option<&Ruling> {
        self.decided.back()
    }

    /// What decided before that, and is another; as what it was kept may be unknown.
    pub fn before(&self) -> Option<&Ruling> {
        let live = self.live()?;
        self.decided.iter().rev().find(|ruling| ruling.rules != live.rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(rules: &str, by: &str) -> Control {
        let text = |text: &str| text.to_owned();
        Control::Proposed { at_us: 1, rules: text(rules), rule_set: text("x"), name: text("n"), by: text(by) }
    }

    fn approved(rules: &str, by: &str) -> Control {
        let text = |text: &str| text.to_owned();
        let approval =
            Approval { by: text(by), caller: text(by), public_key: text("k"), signature: text("s") };
        Control::Approved { at_us: 2, rules: text(rules), approval }
    }

    fn decides(rules: &str) -> Control {
        Control::Decides { at_us: 3, rules: rules.into(), rule_set: rules.into(), name: "n".into() }
    }

    #[test]
    fn what_records_say_is_what_is_known() {
        let mut known = Rulings::default();
        // As they are read back.
        let mut take = |said: &Control| known.take(&Control::read(&said.to_bytes()).unwrap());
        let said = [
            proposed("a", "x"),
            approved("a", "m"),
            proposed("a", "y"),
            approved("a", "m"),
            approved("b", "m"),
        ];
        said.iter().for_each(&mut take);
        let proposal = known.proposal("a").unwrap();
        assert_eq!(
            (proposal.by.as_slice(), proposal.approvals.len()),
            (&["x".to_owned(), "y".to_owned()][..], 1)
        );
        assert_eq!(known.proposals().count(), 1);
        for rules in ["a", "b", "b", "a"] {
            known.take(&decides(rules));
        }
        assert_eq!(known.live().map(|live| &*live.rules), Some("a"));
        assert_eq!(known.before().map(|before| &*before.rules), Some("b"));
        for at in 0..200 {
            known.take(&proposed(&at.to_string(), "x"));
            known.take(&decides(&at.to_string()));
        }
        assert_eq!((known.proposals().count(), known.decided.len()), (PROPOSALS_MAX, RULINGS_MAX));
        assert!(known.proposal("199").is_some() && known.proposal("a").is_none());
        // Whoever proposed it once is known, though the proposal was forgotten.
        known.take(&proposed("a", "z"));
        assert_eq!(known.proposal("a").unwrap().by, ["x", "y", "z"]);
    }

    #[test]
    fn what_somebody_approved_is_not_forgotten_for_others() {
        let mut known = Rulings::default();
        for at in 0..PROPOSALS_MAX {
            known.take(&proposed(&at.to_string(), "x"));
            known.take(&approved(&at.to_string(), "m"));
        }
        assert!(!known.has_room("more") && known.has_room("0"), "it is proposed already");
        known.take(&decides("7"));
        assert!(known.has_room("more"));
        known.take(&proposed("more", "x"));
        assert!(known.proposal("7").is_none() && known.proposal("0").is_some());
        // Nobody approved it: it is the one that goes.
        known.take(&proposed("another", "x"));
        assert!(known.proposal("more").is_none() && known.proposals().count() == PROPOSALS_MAX);
    }

    #[test]
    fn what_was_only_proposed_is_not_named() {
        let mut known = Rulings::default();
        for said in [proposed("p", "x"), Control::Staged { at_us: 1, rules: "s".into() }, decides("d")] {
            known.take(&said);
        }
        assert_eq!(known.named("d").collect::<Vec<_>>(), ["d", "s"]);
        assert_eq!(known.named("other").collect::<Vec<_>>(), ["s"]);
    }
}

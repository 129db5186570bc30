//! Who may approve rule sets, and which approvals count.
//!
//! Promises that an approval counts only where a named key signed the very files, for this journal, and where its owner did not
//! propose them; and each approver once. Reads no file.

use serde::Deserialize;
use thiserror::Error;

use crate::hex::{hex, unhex};
use crate::journal::{Approval, Proposal, PublicKey};

/// Somebody who may approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// What people call it.
    pub name: String,
    /// The caller that it is: what that one proposes it can't approve.
    pub caller: String,
    /// Its key.
    pub key: PublicKey,
}

/// How many approvals a rule set needs, and whose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals {
    /// How many; none for development.
    pub required: usize,
    approvers: Vec<Approver>,
}

/// What is wrong with a file of approvers.
#[derive(Debug, Error)]
pub enum ApproversError {
    /// It is no such file.
    #[error("{0}")]
    Toml(String),
    /// Something about one of them.
    #[error("approver {number} (`{name}`): {what}")]
    Approver {
        /// Its place in the file, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// Nobody could ever approve enough: whoever proposes does not count.
    #[error(
        "it names {named}, and {required} must approve; name {required} at least, and one more where an approver proposes"
    )]
    Few {
        /// How many it names.
        named: usize,
        /// How many are required.
        required: usize,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    approver: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    caller: Option<String>,
    public_key: String,
}

impl Approvals {
    /// What a file of approvers says, of whom so many must approve.
    ///
    /// # Errors
    ///
    /// Where it is no such file, names a name, a caller or a key twice, or too few.
    pub fn from_toml(text: &str, required: usize) -> Result<Self, ApproversError> {
        let file: File = toml::from_str(text).map_err(|error| ApproversError::Toml(error.to_string()))?;
        let mut approvers: Vec<Approver> = Vec::with_capacity(file.approver.len());
        for (at, Entry { name, caller, public_key }) in file.approver.into_iter().enumerate() {
            let bad = |what: &str| ApproversError::Approver {
                number: at + 1,
                name: name.clone(),
                what: what.to_owned(),
            };
            let key = PublicKey::from_pem(&public_key)
                .map_err(|why| bad(&format!("`public_key` is no Ed25519 public key in PEM: {why}")))?;
            let caller = caller.unwrap_or_else(|| name.clone());
            if approvers.iter().any(|held| held.name == name || held.caller == caller || held.key == key) {
                return Err(bad("another one has the same name, caller or key, and would count twice"));
            }
            approvers.push(Approver { name, caller, key });
        }
        if approvers.len() < required {
            return Err(ApproversError::Few { named: approvers.len(), required });
        }
        Ok(Self { required, approvers })
    }

    /// Those who may approve.
    pub fn approvers(&self) -> impl Iterator<Item = &Approver> {
        self.approvers.iter()
    }

    /// The approval that a signature is, for the journal with this id; or why it is none.
    pub(super) fn check(
        &self,
        name: &str,
        signature: &[u8; 64],
        (id, rules): (&[u8; 16], &str),
    ) -> Result<Approval, &'static str> {
        let approver = self.approvers.iter().find(|approver| approver.name == name);
        let approver = approver.ok_or("nobody of this name may approve")?;
        let rules = unhex(rules.as_bytes()).ok_or("the hash is none")?;
        if !approver.key.approved(id, &rules, signature) {
            return Err("the approver's key did not sign this rule set for this journal");
        }
        Ok(Approval {
            by: approver.name.clone(),
            caller: approver.caller.clone(),
            public_key: hex(approver.key.to_bytes()),
            signature: hex(signature),
        })
    }

    /// The names of those whose approvals of a proposal count.
    pub(super) fn counted<'p>(&self, proposal: &'p Proposal, id: &[u8; 16]) -> Vec<&'p str> {
        let counts = |held: &&Approval| {
            let signature = unhex(held.signature.as_bytes());
            let checked = signature.map(|signature| self.check(&held.by, &signature, (id, &proposal.rules)));
            matches!(checked, Some(Ok(now)) if !proposal.by.contains(&now.caller))
        };
        proposal.approvals.iter().filter(counts).map(|held| held.by.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Signer;

    const RULES: &str = "00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff";

    fn entry(name: &str, seed: u8) -> String {
        let pem = Signer::from_seed([seed; 32]).public().to_pem().unwrap();
        format!("[[approver]]\nname = \"{name}\"\npublic_key = \"\"\"{pem}\"\"\"\n")
    }

    #[test]
    fn an_approval_counts_for_its_files_its_journal_and_by_others_than_who_proposes() {
        let approvals = Approvals::from_toml(&(entry("mai", 1) + &entry("nam", 2)), 2).unwrap();
        let rules: [u8; 32] = unhex(RULES.as_bytes()).unwrap();
        let (id, other) = ([3; 16], [4; 16]);
        let signed = |seed: u8, id: &[u8; 16]| Signer::from_seed([seed; 32]).approve(id, &rules);
        let check = |name: &str, seed: u8, made: &[u8; 16], hash: &str| {
            approvals.check(name, &signed(seed, made), (&id, hash)).is_ok()
        };
        assert!(check("mai", 1, &id, RULES) && check("nam", 2, &id, RULES));
        assert!(!check("mai", 2, &id, RULES), "another's key");
        assert!(!check("eve", 1, &id, RULES), "nobody");
        assert!(!check("mai", 1, &other, RULES), "another journal");
        assert!(!check("mai", 1, &id, &RULES.replace("00", "01")), "other files");
        let held = |name: &str, seed| approvals.check(name, &signed(seed, &id), (&id, RULES)).unwrap();
        let proposal = |by: &str| Proposal {
            rules: RULES.to_owned(),
            rule_set: String::new(),
            name: String::new(),
            at_us: 0,
            by: vec![by.to_owned()],
            approvals: vec![held("mai", 1), held("nam", 2)],
        };
        assert_eq!(approvals.counted(&proposal("eve"), &id), ["mai", "nam"]);
        assert_eq!(approvals.counted(&proposal("mai"), &id), ["nam"]);
        assert_eq!(approvals.counted(&proposal("eve"), &other), Vec::<&str>::new());
        // Whoever is no approver any more does not count.
        let fewer = Approvals::from_toml(&entry("nam", 2), 1).unwrap();
        assert_eq!(fewer.counted(&proposal("eve"), &id), ["nam"]);
    }

    #[test]
    fn a_file_that_would_let_one_count_twice_is_refused() {
        let refused = |text: &str, required| Approvals::from_toml(text, required).unwrap_err().to_string();
        assert!(refused(&(entry("mai", 1) + &entry("nam", 1)), 1).contains("approver 2 (`nam`)"));
        assert!(refused(&(entry("mai", 1) + &entry("mai", 2)), 1).contains("would count twice"));
        let same_caller = entry("nam", 2).replace("public_key", "caller = \"mai\"\npublic_key");
        assert!(refused(&(entry("mai", 1) + &same_caller), 1).contains("would count twice"));
        assert!(refused(&entry("mai", 1), 2).contains("names 1, and 2 must approve"));
        assert!(refused("[[approver]]\nname = \"x\"\npublic_key = \"y\"\n", 1).contains("no Ed25519"));
        assert!(refused("[[approver]]\nnam = \"x\"\n", 0).contains("unknown field"));
    }
}

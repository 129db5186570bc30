//! Who may ask for what: by a token, a certificate of a client, or the user at the other end of a Unix socket.
//!
//! Promises that no token is kept, only its SHA-256; that a token is compared with all that are known, in constant time;
//! and that nobody is let in by default who is not on this machine. Reads no file.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use thiserror::Error;

use crate::hex::unhex;

/// Callers in one file at most.
const CALLERS_MAX: usize = 4_096;
/// Bytes of a name at most.
const NAME_BYTES_MAX: usize = 128;
/// Bytes of a token at most: a longer one is not looked at.
const TOKEN_BYTES_MAX: usize = 256;
/// Senders that are no caller of a file have numbers from here.
const PEERS_FROM: u64 = 1 << 32;

/// What one may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Decisions, and the answers to step-ups.
    Score,
    /// The other events.
    Events,
    /// What was decided, and metrics.
    Read,
    /// Rule sets: load, approve, roll back.
    Rules,
    /// Everything else on the administrative listener.
    Admin,
}

impl Scope {
    /// Every scope, in declaration order.
    pub const ALL: [Self; 5] = [Self::Score, Self::Events, Self::Read, Self::Rules, Self::Admin];

    /// The word for it in files and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Events => "events",
            Self::Read => "read",
            Self::Rules => "rules",
            Self::Admin => "admin",
        }
    }

    /// The scope of a word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// How a caller shows who it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Proof {
    /// A bearer token with this SHA-256.
    Token([u8; 32]),
    /// A client's certificate with this subject alternative name: a DNS name or a URI, letter for letter.
    Certificate(String),
    /// A process of this user, on a Unix socket.
    User(u32),
    /// A process whose first group is this one, on a Unix socket.
    Group(u32),
    /// It is on this machine, where no caller is named.
    Here,
}

impl Proof {
    /// What it is, without what is in it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Certificate(_) => "certificate",
            Self::User(_) => "uid",
            Self::Group(_) => "gid",
            Self::Here => "here",
        }
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Somebody who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What people call it.
    pub name: String,
    /// How it shows who it is.
    pub proof: Proof,
    /// What it may ask for.
    pub scopes: Vec<Scope>,
    /// Whose events it may send and see; of everybody where there is none.
    pub tenant: Option<String>,
}

/// Who may ask for what. Where it names nobody, everybody on this machine may ask for all on the loopback address, on a Unix
/// socket its owner and root, and nobody else for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    callers: Vec<Arc<Caller>>,
}

/// What is wrong with an access file.
#[derive(Debug, Error)]
pub enum AccessError {
    /// It is not what such a file is. Where, without what is there.
    #[error("line {line}: {message}")]
    Toml {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// It names nobody.
    #[error("it names nobody; `weir access new` writes what it must hold")]
    Nobody,
    /// It names too many.
    #[error("it names more than {CALLERS_MAX}")]
    TooMany,
    /// Something about one of those it names.
    #[error("caller {number} (`{name}`): {what}")]
    Caller {
        /// Its place in the file, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// What is wrong.
        what: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    caller: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    token_sha256: Option<String>,
    certificate: Option<String>,
    uid: Option<u32>,
    gid: Option<u32>,
    scopes: Vec<Scope>,
    tenant: Option<String>,
}

impl Entry {
    fn caller(self) -> Result<Caller, (String, &'static str)> {
        let Self { name, token_sha256, certificate, uid, gid, scopes, tenant } = self;
        let mut proofs = Vec::new();
        if let Some(digits) = token_sha256 {
            match unhex(digits.as_bytes()) {
                Some(hash) => proofs.push(Proof::Token(hash)),
                None => return Err((name, "`token_sha256` must be 64 hexadecimal digits")),
            }
        }
        proofs.extend(certificate.map(Proof::Certificate));
        proofs.extend(uid.map(Proof::User));
        proofs.extend(gid.map(Proof::Group));
        let plain = |text: &str| {
            !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control)
        };
        let what = if !plain(&name) || !tenant.as_deref().is_none_or(plain) {
            "a name has between 1 and 128 bytes and no control characters"
        } else if scopes.is_empty() {
            "`scopes` is empty; without any it may ask for nothing"
        } else if proofs.len() != 1 {
            "it needs exactly one of `token_sha256`, `certificate`, `uid` and `gid`"
        } else {
            match proofs.pop() {
                Some(proof) => return Ok(Caller { name, proof, scopes, tenant }),
                None => "it shows nothing",
            }
        };
        Err((name, what))
    }
}

impl Access {
    /// What an access file says. Messages show names, and nothing of a token.
    ///
    /// # Errors
    ///
    /// Where it is no such file, names nobody, or names a token twice.
    pub fn from_toml(text: &str) -> Result<Self, AccessError> {
        let file: File = toml::from_str(text).map_err(|error| AccessError::Toml {
            line: 1 + error
                .span()
                .map_or(0, |span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count()),
            // What is of a wrong type may be a token that was put into a wrong place.
            message: match error.message() {
                message if message.starts_with("invalid ") => {
                    "a value of another type than its key has".to_owned()
                }
                message => message.lines().next().unwrap_or_default().to_owned(),
            },
        })?;
        if file.caller.is_empty() {
            return Err(AccessError::Nobody);
        }
        if file.caller.len() > CALLERS_MAX {
            return Err(AccessError::TooMany);
        }
        let mut callers: Vec<Arc<Caller>> = Vec::with_capacity(file.caller.len());
        for (at, entry) in file.caller.into_iter().enumerate() {
            let bad = |(name, what)| AccessError::Caller { number: at + 1, name, what };
            let caller = entry.caller().map_err(bad)?;
            if callers.iter().any(|known| known.proof == caller.proof) {
                return Err(bad((caller.name, "another caller shows the same")));
            }
            callers.push(Arc::new(caller));
        }
        Ok(Self { callers })
    }

    /// Those who are named.
    pub fn callers(&self) -> impl Iterator<Item = &Caller> {
        self.callers.iter().map(|caller| &**caller)
    }

    /// Whether nobody is named.
    pub fn is_open(&self) -> bool {
        self.callers.is_empty()
    }

    /// Whoever has this token. Takes as long whoever it is.
    pub(super) fn of_token(&self, token: &[u8]) -> Option<Who> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let hash: [u8; 32] = Sha256::digest(token).into();
        let mut found = u64::MAX;
        for (at, caller) in self.callers.iter().enumerate() {
            if let Proof::Token(known) = &caller.proof {
                found.conditional_assign(&(at as u64), known.ct_eq(&hash));
            }
        }
        self.at(usize::try_from(found).ok()?)
    }

    /// Whoever has a certificate with one of these names.
    pub(super) fn of_certificate(&self, names: &[String]) -> Option<Who> {
        self.find(|proof| matches!(proof, Proof::Certificate(name) if names.contains(name)))
    }

    /// Whoever is at the other end of a Unix socket that is `owner`'s: a user that is named, or one of a group that is; where
    /// neither is named anywhere, the owner and root.
    pub(super) fn of_user(&self, uid: u32, gid: u32, owner: u32) -> Option<Who> {
        let users = |proof: &Proof| matches!(proof, Proof::User(_) | Proof::Group(_));
        if !self.callers.iter().any(|caller| users(&caller.proof)) {
            return (uid == owner || uid == 0).then(|| Who::here(u64::from(uid)));
        }
        self.find(|proof| *proof == Proof::User(uid))
            .or_else(|| self.find(|proof| *proof == Proof::Group(gid)))
    }

    /// Whoever comes from an address, where nothing else is shown.
    pub(super) fn of_address(&self, ip: IpAddr) -> Option<Who> {
        (self.is_open() && is_here(ip)).then(|| Who::here(peer_of(ip)))
    }

    /// Whether somebody is named who may do one of these from afar, with certificates or without.
    pub(super) fn reaches(&self, scopes: &[Scope], certificates: bool) -> bool {
        self.callers().any(|caller| {
            let afar = match caller.proof {
                Proof::Token(_) => true,
                Proof::Certificate(_) => certificates,
                Proof::User(_) | Proof::Group(_) | Proof::Here => false,
            };
            afar && scopes.iter().any(|scope| caller.scopes.contains(scope))
        })
    }

    fn find(&self, is: impl Fn(&Proof) -> bool) -> Option<Who> {
        self.at(self.callers.iter().position(|caller| is(&caller.proof))?)
    }

    fn at(&self, at: usize) -> Option<Who> {
        Some(Who { sender: at as u64, caller: Arc::clone(self.callers.get(at)?) })
    }
}

/// Whether an address is this machine's own.
pub(super) fn is_here(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// One number for what one peer can have many of: an IPv4 address, or 64 bits of an IPv6 address.
pub(super) fn peer_of(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => u64::from(u32::from(ip)),
        IpAddr::V6(ip) => (u128::from(ip) >> 64) as u64,
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Who {
    /// A number, for shares.
    pub(super) sender: u64,
    caller: Arc<Caller>,
}

impl Who {
    fn here(peer: u64) -> Self {
        let caller =
            Caller { name: "here".to_owned(), proof: Proof::Here, scopes: Scope::ALL.to_vec(), tenant: None };
        Self { sender: PEERS_FROM.wrapping_add(peer), caller: Arc::new(caller) }
    }

    pub(super) fn may(&self, scope: Scope) -> bool {
        self.caller.scopes.contains(&scope)
    }

    /// What people call it.
    pub(super) fn name(&self) -> &str {
        &self.caller.name
    }

    /// Whose events it may send and see.
    pub(super) fn tenant(&self) -> Option<&str> {
        self.caller.tenant.as_deref()
    }

    /// Whether it is let in only because it is on this machine.
    pub(super) fn is_here(&self) -> bool {
        self.caller.proof == Proof::Here
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::hex;

    fn sha256(token: &str) -> String {
        hex(Sha256::digest(token))
    }

    #[test]
    fn a_token_is_its_callers_and_nobody_elses() {
        let text: String = (0..5)
            .map(|n| {
                let hash = sha256(&format!("token {n}"));
                format!("[[caller]]\nname = \"n{n}\"\ntoken_sha256 = \"{hash}\"\nscopes = [\"score\"]\n")
            })
            .collect();
        let access = Access::from_toml(&text).unwrap();
        for n in 0..5 {
            let who = access.of_token(format!("token {n}").as_bytes()).unwrap();
            assert_eq!((who.sender, who.caller.name.as_str()), (n, format!("n{n}").as_str()));
            assert!(who.may(Scope::Score) && !who.may(Scope::Admin) && !who.is_here());
        }
        for no in ["", "token 5", "token 0 ", &"token 0".repeat(50), &sha256("token 0")] {
            assert!(access.of_token(no.as_bytes()).is_none(), "{no}");
        }
        assert!(access.of_address("127.0.0.1".parse().unwrap()).is_none());
    }

    #[test]
    fn where_nobody_is_named_this_machine_may() {
        let open = Access::default();
        for (ip, may) in [
            ("127.0.0.1", true),
            ("127.8.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("0.0.0.0", false),
            ("::ffff:10.0.0.1", false),
        ] {
            assert_eq!(open.of_address(ip.parse().unwrap()).is_some(), may, "{ip}");
        }
        assert!(open.of_user(7, 7, 7).is_some() && open.of_user(0, 7, 7).is_some());
        assert!(open.of_user(8, 7, 7).is_none());
    }

    #[test]
    fn users_that_are_named_are_the_only_ones() {
        let access = Access::from_toml(
            "[[caller]]\nname = \"u\"\nuid = 8\nscopes = [\"score\"]\n[[caller]]\nname = \"g\"\ngid = 9\nscopes = [\"read\"]\n",
        )
        .unwrap();
        assert!(access.of_user(7, 7, 7).is_none() && access.of_user(0, 0, 7).is_none());
        assert!(access.of_user(8, 9, 7).unwrap().may(Scope::Score));
        assert!(access.of_user(6, 9, 7).unwrap().may(Scope::Read));
    }

    #[test]
    fn what_is_no_access_file_is_refused_without_showing_a_hash() {
        let hash = sha256("t");
        let entry = |more: &str| format!("[[caller]]\nname = \"a\"\n{more}\n");
        for (text, said) in [
            (String::new(), "names nobody"),
            (entry("scopes = [\"score\"]"), "exactly one of"),
            (entry(&format!("uid = 1\ntoken_sha256 = \"{hash}\"\nscopes = [\"score\"]")), "exactly one of"),
            (entry(&format!("token_sha256 = \"{}\"\nscopes = [\"score\"]", &hash[1..])), "64 hexadecimal"),
            (entry(&format!("token_sha256 = \"{hash}\"\nscopes = []")), "may ask for nothing"),
            (entry(&format!("token_sha256 = \"{hash}\"\nscopes = [\"all\"]")), "line 4: unknown variant"),
            (entry(&format!("token = \"{hash}\"\nscopes = [\"score\"]")), "unknown field `token`"),
            (entry("uid = 1\nscopes = [\"score\"]").repeat(2), "shows the same"),
        ] {
            let error = Access::from_toml(&text).unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains(&hash[1..]), "{error}");
        }
    }
}

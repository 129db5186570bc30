//! The files of a rule set, looked at again and again for what was changed.
//!
//! Promises that nothing is read where times and lengths are what they were, and that also a file that is wrong, or not there,
//! is looked at again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::bundle::{Bundle, BundleError};

/// When a file was changed, and its bytes; none where it is not there.
type Stamp = Option<(Option<SystemTime>, u64)>;

fn stamp(path: &Path) -> Stamp {
    let held = fs::metadata(path).ok()?;
    Some((held.modified().ok(), held.len()))
}

/// A rule file that is followed.
#[derive(Debug)]
pub struct Followed {
    path: PathBuf,
    /// All that was asked for last.
    stamps: BTreeMap<PathBuf, Stamp>,
    /// What was found last.
    found: Option<Bundle>,
}

impl Followed {
    /// Of a rule file that nobody looked at yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, stamps: BTreeMap::new(), found: None }
    }

    /// Forgets what was found, so that the next look finds it again.
    pub fn forget(&mut self) {
        (self.stamps, self.found) = (BTreeMap::new(), None);
    }

    /// What the files say, where that is another than at the last look.
    pub fn look(&mut self) -> Option<Result<Bundle, BundleError>> {
        if !self.stamps.is_empty() && self.stamps.iter().all(|(path, held)| stamp(path) == *held) {
            return None;
        }
        let asked = RefCell::new(BTreeMap::new());
        // The stamp before the bytes: what is written in between is seen at the next look.
        let read = |path: &Path| {
            asked.borrow_mut().insert(path.to_owned(), stamp(path));
            Ok(fs::read(path)?.into())
        };
        let found = Bundle::read_by(&self.path, read);
        self.stamps = asked.into_inner();
        match found {
            Ok(bundle) if self.found.as_ref() == Some(&bundle) => None,
            Ok(bundle) => {
                self.found = Some(bundle.clone());
                Some(Ok(bundle))
            }
            Err(error) => {
                self.found = None;
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_is_seen_once_also_where_it_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let rules = |amount: u32| {
            format!(
                "[ruleset]\nname = \"r\"\ntime_zone = \"UTC\"\ncurrency = \"VND\"\n[lists]\nbad = {{ file = \"bad.txt\", key = \"payee\" }}\n\
                 [[rule]]\nid = \"l\"\nwhen = \"amount > {amount} or payee in bad\"\nthen = \"block\"\nreason = \"l\"\n"
            )
        };
        let mut followed = Followed::new(at("r.toml"));
        assert!(followed.look().unwrap().is_err(), "it is not there");
        assert!(followed.look().is_none(), "and that was told");
        fs::write(at("r.toml"), rules(1)).unwrap();
        assert!(followed.look().unwrap().is_err(), "its list is not there");
        assert!(followed.look().is_none());
        fs::write(at("bad.txt"), "a\n").unwrap();
        assert_eq!(followed.look().unwrap().unwrap().files().count(), 2);
        assert!(followed.look().is_none());
        fs::write(at("bad.txt"), "a\nb\n").unwrap();
        assert!(followed.look().unwrap().is_ok());
        fs::write(at("r.toml"), "nonsense").unwrap();
        assert!(followed.look().unwrap().is_err());
        // The same as before it was wrong is to be taken up all the same.
        fs::write(at("r.toml"), rules(22)).unwrap();
        assert!(followed.look().unwrap().is_ok());
        assert!(followed.look().is_none());
    }
}

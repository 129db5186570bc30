//! A rule set as the files that it is made of: its rule file, those that this extends, the files of its lists and of its
//! rates, by their paths below the folder that holds them all.
//!
//! Promises that what is loaded from a bundle is what is loaded from the files that it was read from, byte for byte.
//! Must never know where a bundle is kept.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::error::{FileError, ReadError};
use super::file::Input;
use super::lists::{ListError, load_lists_by};
use super::rates::{RateFileError, load_rates_by};
use super::sources::{load_rules_by, plain};
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::{Refused, RuleSet, Sources};

/// Why the files of a rule set can't be read, or make none.
#[derive(Debug, Error)]
pub enum BundleError {
    /// The rule file can't be read.
    #[error("can't read the rule file {path}: {source}")]
    File {
        /// The rule file.
        path: PathBuf,
        /// What was said.
        source: io::Error,
    },
    /// The rule file has errors.
    #[error("{path} can't be used: {why}")]
    Rules {
        /// The rule file.
        path: PathBuf,
        /// The errors.
        why: Refused,
    },
    /// The file of a list can't be loaded.
    #[error(transparent)]
    List(#[from] ListError),
    /// The file of its rates can't be loaded.
    #[error(transparent)]
    Rates(#[from] RateFileError),
    /// A path that could not be read back.
    #[error("{path} can't be kept: {why}")]
    Path {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// The files of a rule set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    pub(super) rules: String,
    pub(super) files: BTreeMap<String, Arc<[u8]>>,
    /// The id of the key that the identifiers on its lists are tokens of; none where they are as somebody wrote them.
    pub(super) tokens: Option<String>,
}

/// What the files say.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The texts of the rule files.
    pub sources: Sources,
    /// The rule set.
    pub rules: RuleSet,
    /// What its lists' files put on.
    pub lists: Lists,
    /// Its rates.
    pub rates: Rates,
}

/// Bytes of a path at most.
const PATH_BYTES_MAX: usize = 512;
/// Bytes of a name in a path at most, as disks have them.
const NAME_BYTES_MAX: usize = 255;

/// Files as they were read, by path.
type Files = BTreeMap<PathBuf, Arc<[u8]>>;

impl Bundle {
    /// Reads a rule file with all that it needs.
    pub fn read(path: &Path) -> Result<Self, BundleError> {
        Self::read_by(path, |path| Ok(std::fs::read(path)?.into()))
    }

    /// The same with files that are read so.
    pub(super) fn read_by(
        path: &Path,
        read: impl Fn(&Path) -> io::Result<Arc<[u8]>>,
    ) -> Result<Self, BundleError> {
        let file = |source| BundleError::File { path: path.to_owned(), source };
        let top = plain(&std::path::absolute(path).map_err(file)?);
        let (_, files) = load(&top, read)?;
        let root = root(&files);
        let inside = |path: &Path| {
            let name = path.strip_prefix(&root).ok().and_then(Path::to_str);
            let named = name.filter(|name| !name.contains(['\n', '\r', '\\']));
            let why = "its name is no plain text; give it another";
            named.map(str::to_owned).ok_or_else(|| BundleError::Path { path: path.to_owned(), why })
        };
        let rules = inside(&top)?;
        let named = files.iter().map(|(path, bytes)| Ok((inside(path)?, Arc::clone(bytes))));
        Ok(Self { rules, files: named.collect::<Result<_, BundleError>>()?, tokens: None })
    }

    /// Of files that were read elsewhere; `rules` is the path of the rule file.
    pub fn new(rules: String, files: BTreeMap<String, Arc<[u8]>>) -> Self {
        Self { rules, files, tokens: None }
    }

    /// Of texts that somebody sends; `rules` is the path of the rule file. Every path is a plain one below one folder, since the
    /// files are kept under it.
    pub fn of_texts(rules: String, texts: BTreeMap<String, String>) -> Result<Self, BundleError> {
        for path in texts.keys().chain([&rules]) {
            let bad = |why| BundleError::Path { path: path.into(), why };
            let mut parts = Path::new(path).components();
            if path.is_empty() || path.len() > PATH_BYTES_MAX {
                return Err(bad("a path has between 1 and 512 bytes"));
            }
            if path.split('/').any(|name| name.len() > NAME_BYTES_MAX) {
                return Err(bad("a name in a path has at most 255 bytes"));
            }
            if path.contains('\\') || path.contains(char::is_control) {
                return Err(bad("it has a character that no path of a rule set has"));
            }
            let is_plain = parts.all(|part| matches!(part, Component::Normal(_)));
            if !is_plain || plain(Path::new(path)).to_str() != Some(path) {
                return Err(bad("write it from the folder that holds all files, without `.` and `..`"));
            }
            let inside = |other: &String| other.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
            if texts.keys().any(inside) {
                return Err(bad("it is a file and a folder"));
            }
        }
        let files = texts.into_iter().map(|(path, text)| (path, text.into_bytes().into()));
        Ok(Self::new(rules, files.collect()))
    }

    /// The same as one whose lists hold tokens of the key with this id already.
    pub(crate) fn of_tokens(self, tokens: Option<String>) -> Self {
        Self { tokens, ..self }
    }

    /// The path of the rule file.
    pub fn rules(&self) -> &str {
        &self.rules
    }

    /// All files by their paths, sorted.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), &**bytes))
    }

    /// What the files say. No other file is looked at.
    pub fn load(&self) -> Result<Loaded, BundleError> {
        load(Path::new(&self.rules), |path| self.file(path)).map(|(loaded, _)| loaded)
    }

    /// The same, and the bundle of those files alone that were looked at.
    pub fn load_needed(&self) -> Result<(Loaded, Self), BundleError> {
        let (loaded, looked_at) = load(Path::new(&self.rules), |path| self.file(path))?;
        let needed = |path: &str| looked_at.contains_key(Path::new(path));
        let files = self.files.iter().filter(|(path, _)| needed(path));
        let files = files.map(|(path, bytes)| (path.clone(), Arc::clone(bytes))).collect();
        Ok((loaded, Self { files, ..self.clone() }))
    }

    /// The texts of the rule files, to be checked.
    pub fn sources(&self) -> Result<Sources, BundleError> {
        let top = Path::new(&self.rules);
        let sources = load_rules_by(top, |path| text_of(&self.file(path)?));
        sources.map_err(|source| BundleError::File { path: top.to_owned(), source })
    }

    fn file(&self, path: &Path) -> io::Result<Arc<[u8]>> {
        let held = path.to_str().and_then(|path| self.files.get(path)).cloned();
        held.ok_or_else(|| {
            let why = "it is not among the files that were kept; name it by a path relative to the rule file";
            io::Error::new(io::ErrorKind::NotFound, why)
        })
    }
}

/// Loads a rule set from files that are read so, and gives every file that was asked for.
fn load(top: &Path, read: impl Fn(&Path) -> io::Result<Arc<[u8]>>) -> Result<(Loaded, Files), BundleError> {
    let files = RefCell::new(Files::new());
    let bytes = |path: &Path| {
        let path = plain(path);
        if let Some(held) = files.borrow().get(&path) {
            return Ok(Arc::clone(held));
        }
        let bytes = read(&path)?;
        files.borrow_mut().insert(path, Arc::clone(&bytes));
        Ok::<_, io::Error>(bytes)
    };
    let text = |path: &Path| text_of(&bytes(path)?);
    let open = |path: &Path| match bytes(path) {
        Ok(bytes) => Input::new(Cursor::new(bytes)),
        Err(source) => Err(ReadError::File(FileError { path: path.to_owned(), source })),
    };
    let file = |source| BundleError::File { path: top.to_owned(), source };
    let sources = load_rules_by(top, text).map_err(file)?;
    let compiled = sources.compile().into_result();
    let rules = compiled.map_err(|why| BundleError::Rules { path: top.to_owned(), why })?;
    let folder = top.parent().unwrap_or(Path::new(""));
    let lists = load_lists_by(&rules, folder, &open)?;
    let rates = load_rates_by(&rules, folder, &open)?;
    Ok((Loaded { sources, rules, lists, rates }, files.into_inner()))
}

fn text_of(bytes: &[u8]) -> io::Result<String> {
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// The innermost folder that holds all files.
fn root(files: &Files) -> PathBuf {
    let folders = files.keys().map(|path| path.parent().unwrap_or(Path::new("")));
    let shared = |one: PathBuf, other: &Path| {
        let both = one.components().zip(other.components()).take_while(|(one, other)| one == other);
        both.map(|(part, _): (Component<'_>, _)| part).collect()
    };
    let mut folders = folders;
    let first = folders.next().map(Path::to_owned).unwrap_or_default();
    folders.fold(first, shared)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const BASE: &str = "[ruleset]\nname = \"base\"\ntime_zone = \"UTC\"\ncurrency = \"VND\"\n\
        [lists]\nbad = { file = \"lists/bad.txt\", key = \"payee\" }\n\
        [rates]\nfile = \"rates.csv\"\notherwise = \"block\"\n\
        [[rule]]\nid = \"bad\"\nwhen = \"payee in bad\"\nthen = \"block\"\nreason = \"listed\"\n";

    #[test]
    fn what_is_read_is_loaded_again_without_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("law/lists")).unwrap();
        fs::create_dir_all(at("shop/rules")).unwrap();
        fs::write(at("law/base.toml"), BASE).unwrap();
        fs::write(at("law/lists/bad.txt"), "a\nb\n").unwrap();
        fs::write(at("law/rates.csv"), "valid_from,currency,rate\n2026-01-01,USD,26000\n").unwrap();
        let own = "[ruleset]\nname = \"shop\"\ntime_zone = \"UTC\"\ncurrency = \"VND\"\nextends = \"../../law/base.toml\"\n\
            [lists]\nours = { file = \"ours.csv\", key = \"payee\" }\n\
            [[rule]]\nid = \"ours\"\nwhen = \"payee in ours\"\nthen = \"block\"\nreason = \"ours\"\n";
        fs::write(at("shop/rules/own.toml"), own).unwrap();
        fs::write(at("shop/rules/ours.csv"), "key\nc\n").unwrap();
        let bundle = Bundle::read(&at("shop/../shop/rules/own.toml")).unwrap();
        let names: Vec<&str> = bundle.files().map(|(name, _)| name).collect();
        let expected = [
            "law/base.toml",
            "law/lists/bad.txt",
            "law/rates.csv",
            "shop/rules/ours.csv",
            "shop/rules/own.toml",
        ];
        assert_eq!((names.as_slice(), bundle.rules()), (&expected[..], "shop/rules/own.toml"));
        let rules = super::super::load_rules(&at("shop/rules/own.toml")).unwrap().compile();
        let rules = rules.into_result().unwrap();
        drop(folder);
        let loaded = bundle.load().unwrap();
        assert_eq!(loaded.rules.hash, rules.hash);
        let entries = |at| loaded.lists.get(at).map(crate::lists::List::len);
        assert_eq!((entries(0), entries(1)), (Some(2), Some(1)));
        assert_eq!(loaded.rates.len(), 1);
        let mut less = bundle.clone();
        less.files.remove("law/lists/bad.txt");
        let error = less.load().unwrap_err().to_string();
        assert!(error.contains("law/lists/bad.txt") && error.contains("not among the files"), "{error}");
    }
}

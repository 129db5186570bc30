//! A rule set's files with tokens in place of the identifiers that its lists hold.
//!
//! Promises that what is made has the same rules, that a list about an identifier asks for the tokens of what was on it, and
//! that nothing of such a key is left. Rule sets that look at what an identifier says are refused, since with tokens they
//! would never do what they say. Notes and names are people's words and stay.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::bundle::{Bundle, BundleError};
use super::error::{FileError, ReadError};
use super::file::{Input, packed};
use super::lists::{ListError, file_of, with_tokens};
use super::sources::plain;
use crate::tokens::Tokens;

/// Why a rule set can't be used with tokens.
#[derive(Debug, Error)]
pub enum TokenedError {
    /// Its files make none.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The file of a list can't be read.
    #[error(transparent)]
    List(#[from] ListError),
    /// It looks at what an identifier says.
    #[error(
        "{path} can't be used with tokens, since they say nothing but whether two are the same:\n  {}\nput what is looked for on a list about that field, and ask the list", what.join("\n  ")
    )]
    Text {
        /// The rule file.
        path: String,
        /// What it looks at, a line each.
        what: Vec<String>,
    },
    /// One file for identifiers and for what is none.
    #[error("{} is the file of the list `{list}` and of one about another kind of field; give each a file of its own", path.display())]
    Shared {
        /// The file.
        path: PathBuf,
        /// One of its lists.
        list: String,
    },
    /// A file can't be packed.
    #[error("{} can't be packed: {source}", path.display())]
    Packed {
        /// The file.
        path: PathBuf,
        /// What was said.
        source: io::Error,
    },
}

impl Bundle {
    /// The id of the key that the identifiers on its lists are tokens of, where that was made here.
    pub fn tokens(&self) -> Option<&str> {
        self.tokens.as_deref()
    }

    /// The same with tokens for what is on lists about identifiers.
    pub fn tokenised(&self, tokens: &Tokens) -> Result<Self, TokenedError> {
        let rules = self.load()?.rules;
        let what = rules.read_as_text();
        if !what.is_empty() {
            return Err(TokenedError::Text { path: self.rules.clone(), what });
        }
        let folder = Path::new(&self.rules).parent().unwrap_or(Path::new(""));
        let held = |path: &Path| {
            let found = path.to_str().and_then(|path| self.files.get(path)).cloned();
            found.ok_or_else(|| FileError { path: path.to_owned(), source: io::ErrorKind::NotFound.into() })
        };
        let open = |path: &Path| Input::new(Cursor::new(held(&plain(path)).map_err(ReadError::File)?));
        let mut files = self.files.clone();
        let mut about: BTreeMap<PathBuf, bool> = BTreeMap::new();
        for list in &rules.lists {
            let Some(path) = file_of(&rules, list, folder) else { continue };
            let (file, is_identifier) = (plain(&path), list.key.is_identifier(&rules.schema));
            if *about.entry(file.clone()).or_insert(is_identifier) != is_identifier {
                return Err(TokenedError::Shared { path: file, list: list.name.clone() });
            }
            if is_identifier {
                let told = with_tokens(&rules, list, path, &open, tokens)?;
                let told = packed(&file, told)
                    .map_err(|source| TokenedError::Packed { path: file.clone(), source })?;
                if let Some(held) = file.to_str().and_then(|file| files.get_mut(file)) {
                    *held = Arc::from(told);
                }
            }
        }
        Ok(Self { rules: self.rules.clone(), files, tokens: Some(tokens.id().to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Loaded;
    use super::*;

    const HEAD: &str = "[ruleset]\nname = \"r\"\ntime_zone = \"UTC\"\ncurrency = \"VND\"\n[fields]\nphone = \"identifier\"\n";
    const RULE: &str = "[[rule]]\nid = \"bad\"\nthen = \"block\"\nreason = \"listed\"\n";

    fn bundle(lists: &str, when: &str, files: &[(&str, &[u8])]) -> Bundle {
        let rules = format!("{HEAD}[lists]\n{lists}\n{RULE}when = \"\"\"{when}\"\"\"\n");
        let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), Arc::from(*bytes)));
        let all = files.chain([("r.toml".to_owned(), Arc::from(rules.as_bytes()))]).collect();
        Bundle::new("r.toml".to_owned(), all)
    }

    fn tokens() -> Tokens {
        Tokens::new(&[7; 32])
    }

    #[test]
    fn keys_become_tokens_and_all_else_stays() {
        let tokens = tokens();
        let txt = "# seen by Mai\n 0123 \n\n#0999\n456\n";
        let csv = "\u{feff}level,payee,note,expires\n# 0999\n3,\" 0,1\",\"said \"\"no\"\", twice\",2030-01-02\n\n,456,#x,\n";
        let shops = "0123\n# kept\n";
        let gz = packed(Path::new("p.txt.gz"), b"0901\n".to_vec()).unwrap();
        let lists = "a = { file = \"a.txt\", key = \"account\" }\nb = { file = \"x/../b.csv\", key = \"payee\" }\n\
            c = { file = \"c.txt\", key = \"merchant\" }\nd = { file = \"d.txt.gz\", key = \"phone\" }\ne = { key = \"payee\" }";
        let when = "account in a or payee in b or merchant in c or phone in d or payee in e or payee in a";
        let files: [(&str, &[u8]); 4] = [
            ("a.txt", txt.as_bytes()),
            ("b.csv", csv.as_bytes()),
            ("c.txt", shops.as_bytes()),
            ("d.txt.gz", &gz),
        ];
        let clear = bundle(lists, when, &files);
        let told = clear.tokenised(&tokens).unwrap();
        assert_eq!((clear.tokens(), told.tokens()), (None, Some(tokens.id())));
        let [one, two, four, five] = ["0123", "0,1", "456", "0901"].map(|key| tokens.token(key));
        let file = |name: &str| std::str::from_utf8(&told.files[name]).unwrap();
        assert_eq!(file("a.txt"), format!("{one}\n{four}\n"));
        let csv = format!(
            "level,payee,note,expires\n3,{two},\"said \"\"no\"\", twice\",2030-01-02\n,{four},\"#x\",\n"
        );
        assert_eq!(file("b.csv"), csv);
        assert_eq!(file("c.txt"), shops);
        let (Loaded { rules, lists, .. }, before) = (told.load().unwrap(), clear.load().unwrap());
        assert_eq!(rules.hash, before.rules.hash);
        for (at, key, token) in [(0, "456", &four), (1, "0,1", &two), (3, "0901", &five)] {
            let found = |lists: &crate::lists::Lists, key: &str| {
                let listing = lists.find(at, None, key, 0)?;
                Some((listing.level, listing.expires_us, listing.note.map(str::to_owned)))
            };
            assert!(found(&before.lists, key).is_some());
            assert_eq!(found(&lists, token), found(&before.lists, key));
            assert_eq!(found(&lists, key), None);
        }
        // Tokens of tokens would match nobody.
        let again = told.tokenised(&tokens).unwrap_err().to_string();
        assert!(again.contains("a.txt:1: the key of this line is a token already"), "{again}");
    }

    #[test]
    fn one_file_is_not_two_things() {
        let lists =
            "a = { file = \"a.txt\", key = \"payee\" }\nb = { file = \"./a.txt\", key = \"merchant\" }";
        let refused = bundle(lists, "payee in a or merchant in b", &[("a.txt", b"x\n")]).tokenised(&tokens());
        let said = refused.unwrap_err().to_string();
        assert!(said.contains("a.txt") && said.contains("a file of its own"), "{said}");
        let lists = lists.replace("merchant", "account");
        bundle(&lists, "payee in a or account in b", &[("a.txt", b"x\n")]).tokenised(&tokens()).unwrap();
    }

    #[test]
    fn a_rule_set_that_reads_identifiers_is_refused() {
        let lists = "a = { key = \"payee\" }\nb = { key = \"merchant\" }";
        let is_refused = |when: &str| match bundle(lists, when, &[]).tokenised(&tokens()) {
            Ok(_) => false,
            Err(TokenedError::Text { what, .. }) => {
                assert!(what.iter().all(|line| line.starts_with("rule `bad`: ")), "{what:?}");
                true
            }
            Err(other) => panic!("{when}: {other}"),
        };
        for when in [
            "payee = linked_account",
            "payee <> account and phone = account",
            "payee is null or account is not null",
            "payee in a and merchant in b and account not in a",
            "merchant = 'x' and channel like 'm%' and provider < 'x'",
            "coalesce(linked_account, account) = payee",
            "payee in (account, linked_account)",
            "case when channel = 'web' then payee else account end in a",
            "level(payee, a) > 2",
            "ip = '10.0.0.1'",
        ] {
            assert!(!is_refused(when), "{when}");
        }
        for when in [
            "payee = 'x'",
            "'x' <> payee",
            "payee in ('x', 'y')",
            "payee = merchant",
            "payee in (account, 'x')",
            "phone like '090%'",
            "account ilike '%1'",
            "account < payee",
            "account between 'a' and 'b'",
            "payee in b",
            "merchant in a",
            "coalesce(payee, 'none') = 'none'",
            "nullif(payee, 'x') is null",
            "greatest(payee, account) = payee",
            "case payee when 'x' then true else false end",
            "case when payee = 'x' then amount > 1 else amount > 2 end",
            "case when payee = 'x' then 1 else 2 end * 3 > amount",
            "level(payee, b) > 2",
            "abs(level(merchant, a)) > 2",
            "(not (payee = 'x')) is not true",
            "payee = any(methods)",
        ] {
            assert!(is_refused(when), "{when}");
        }
    }

    #[test]
    fn every_condition_is_looked_at() {
        let head = "[ruleset]\nname = \"r\"\ntime_zone = \"UTC\"\ncurrency = \"VND\"\n";
        let rule = "[[rule]]\nid = \"some\"\nthen = \"block\"\nreason = \"some\"\n";
        for (rest, place) in [
            (
                format!(
                    "[features]\nf = {{ count = \"*\", by = \"account\", over = \"1h\", where = \"payee = 'x'\" }}\n{rule}when = \"f > 1\"\n"
                ),
                "feature `f`:",
            ),
            (
                format!(
                    "[features]\nf = {{ count = \"*\", by = \"account\", over = \"1h\", reset = {{ from = \"login\", where = \"device = 'x'\" }} }}\n{rule}when = \"f > 1\"\n"
                ),
                "the reset of feature `f`:",
            ),
            (
                format!(
                    "[features]\nf = {{ count = \"*\", by = \"merchant\", at = \"payee\", over = \"1h\" }}\n{rule}when = \"f > 1\"\n"
                ),
                "feature `f`: `merchant` and `payee` are one key",
            ),
            (
                format!(
                    "[tables]\nt = {{ rows = [{{ when = \"payee = 'x'\", is = 1 }}], else = 2, on_unknown = \"next\" }}\n{rule}when = \"t > 1\"\n"
                ),
                "table `t`:",
            ),
        ] {
            let files = [("r.toml".to_owned(), Arc::from(format!("{head}{rest}").as_bytes()))];
            let said = Bundle::new("r.toml".to_owned(), files.into_iter().collect()).tokenised(&tokens());
            let said = said.unwrap_err().to_string();
            assert!(said.contains(place), "{said}");
        }
    }

    #[test]
    fn the_packs_can_be_used_with_tokens() {
        let mut packs = 0;
        for folder in ["rules", "rules/vn"] {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                if name.ends_with(".toml") && !name.ends_with(".cases.toml") {
                    Bundle::read(&path).unwrap().tokenised(&tokens()).unwrap();
                    packs += 1;
                }
            }
        }
        assert!(packs > 2, "{packs}");
    }
}

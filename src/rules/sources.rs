//! The text of a rule file with those of the files that it extends.
//!
//! All texts are joined into one, so that the place of anything is a range of one text whichever file it stands in;
//! here a place is told by file and line again. Promises a bounded number of files, each once, without cycles. Must
//! never read a file: the caller gives the texts.

use std::borrow::Cow;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::document::one_or_more;
use super::limits::{CHAIN_MAX, FILES_MAX};
use super::problem::{Problem, Problems};

/// A rule file's text, and those of all files that it extends.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// All texts, one after the other with a line end between them; the file that is compiled comes first.
    text: String,
    files: Vec<File>,
    /// The files by position, each after those that it extends.
    order: Vec<usize>,
}

#[derive(Clone, Debug)]
struct File {
    name: String,
    /// Its bytes in the joined text.
    bytes: Range<usize>,
    links: Vec<Link>,
}

/// A file that another one extends.
#[derive(Clone, Debug)]
struct Link {
    /// Where it is named, in the joined text.
    span: Range<usize>,
    /// Its position; an error is why it can't be extended.
    to: Result<usize, String>,
}

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceFile<'a> {
    /// What messages call it.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Where its text begins in the joined one.
    pub start: usize,
}

/// A place in a file, as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// What messages call the file.
    pub file: &'a str,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// From 0, in its own file.
    pub byte: usize,
}

/// The name of a file and its text; an error is why it can't be read.
pub type Found = Result<(String, String), String>;

impl Sources {
    /// A file by itself; one that extends others can't be compiled so.
    pub fn alone(name: &str, text: &str) -> Self {
        Self::load(name, text, |_, _| Err("only this file is given, none that it extends".to_owned()))
    }

    /// A file with all that it extends. `find` is given the name of a file and the path that it extends, and gives
    /// that file's name, the same for the same file, and its text.
    pub fn load(name: &str, text: &str, find: impl FnMut(&str, &str) -> Found) -> Self {
        let mut loader = Loader { sources: Self::default(), find };
        let top = loader.add(name.to_owned(), text);
        loader.follow(top, &mut Vec::new());
        loader.sources
    }

    /// A file that extends this one, whatever path it names it by, and no other.
    #[must_use]
    pub fn beneath(&self, name: &str, text: &str) -> Self {
        let find = |from: &str, path: &str| {
            let at = match from == name {
                true => Some(0),
                false => self.extended_by_path(from, path),
            };
            let found = at.map(|at| self.file(at)).map(|file| (file.name.to_owned(), file.text.to_owned()));
            found.ok_or_else(|| "it could not be extended before".to_owned())
        };
        Self::load(name, text, find)
    }

    /// The position of what a file extends by a path.
    fn extended_by_path(&self, from: &str, path: &str) -> Option<usize> {
        let at = self.files.iter().position(|file| file.name == from)?;
        let links = &self.files.get(at)?.links;
        let paths = extends(self.file(at).text).into_iter().zip(links);
        let (_, link) = paths.into_iter().find(|((held, _), _)| held == path)?;
        link.to.as_ref().ok().copied()
    }

    /// The same with more text at the end of the file that is compiled.
    #[must_use]
    pub fn continued(&self, text: &str) -> Self {
        let end = self.files.first().map_or(0, |file| file.bytes.end);
        self.edited(vec![(end..end, format!("\n{text}"))])
    }

    /// Texts that have nothing to do with each other, by the names that messages give them.
    pub fn apart<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut loader = Loader { sources: Self::default(), find: |_: &str, _: &str| Err(String::new()) };
        for (name, text) in texts {
            loader.add(name.to_owned(), text);
        }
        loader.sources
    }

    /// The name of the file that is compiled.
    pub fn name(&self) -> &str {
        self.files.first().map_or("", |file| &file.name)
    }

    /// All texts joined; what problems' places are places in.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The files, the one that is compiled first.
    pub fn files(&self) -> impl Iterator<Item = SourceFile<'_>> {
        (0..self.files.len()).map(|at| self.file(at))
    }

    /// The same with other words in some places of the joined text, none of which overlaps another or names a file.
    pub(super) fn edited(&self, mut edits: Vec<(Range<usize>, String)>) -> Self {
        edits.sort_by_key(|(place, _)| place.start);
        let mut text = String::with_capacity(self.text.len());
        let mut done = 0;
        for (place, words) in &edits {
            text.push_str(self.text.get(done..place.start).unwrap_or_default());
            text.push_str(words);
            done = place.end;
        }
        text.push_str(self.text.get(done..).unwrap_or_default());
        let moved = |byte: usize| {
            let before = edits.iter().take_while(|(place, _)| place.end <= byte);
            before.fold(byte, |byte, (place, words)| byte + words.len() - place.len())
        };
        let files = self.files.iter().map(|file| File {
            name: file.name.clone(),
            bytes: moved(file.bytes.start)..moved(file.bytes.end),
            links: file
                .links
                .iter()
                .map(|link| Link { span: moved(link.span.start)..moved(link.span.end), to: link.to.clone() })
                .collect(),
        });
        Self { text, files: files.collect(), order: self.order.clone() }
    }

    /// The file in which a byte of the joined text stands.
    pub fn file_at(&self, byte: usize) -> SourceFile<'_> {
        self.file(self.position_at(byte))
    }

    /// Where a byte of the joined text is.
    pub fn place(&self, byte: usize) -> Place<'_> {
        let SourceFile { name, text, start } = self.file_at(byte);
        let byte = byte.saturating_sub(start);
        let before = text.get(..byte).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Place { file: name, line: before.matches('\n').count() + 1, column: line.chars().count() + 1, byte }
    }

    /// The position of the file in which a byte stands; 0 is the file that is compiled.
    pub(super) fn position_at(&self, byte: usize) -> usize {
        self.files.partition_point(|file| file.bytes.start <= byte).saturating_sub(1)
    }

    /// The file at a position.
    pub(super) fn file(&self, position: usize) -> SourceFile<'_> {
        let Some(file) = self.files.get(position) else {
            return SourceFile { name: "", text: &self.text, start: 0 };
        };
        let text = self.text.get(file.bytes.clone()).unwrap_or_default();
        SourceFile { name: &file.name, text, start: file.bytes.start }
    }

    /// The positions of all files, each after those that it extends.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// The positions of the files that a file extends itself.
    pub(super) fn extended_by(&self, position: usize) -> impl Iterator<Item = usize> {
        let links = self.files.get(position).map(|file| file.links.as_slice()).unwrap_or_default();
        links.iter().filter_map(|link| link.to.as_ref().ok().copied())
    }

    /// Whether a file extends another one, itself or through others.
    pub(super) fn reaches(&self, from: usize, to: usize) -> bool {
        self.extended_by(from).any(|next| next == to || self.reaches(next, to))
    }

    /// Each file's text with a blank for every byte before it, so that its places are places in the joined text.
    pub(super) fn padded(&self) -> Vec<Cow<'_, str>> {
        let padded = |file: &File| {
            let text = self.text.get(file.bytes.clone()).unwrap_or_default();
            if file.bytes.start == 0 {
                return Cow::Borrowed(text);
            }
            let mut padded = " ".repeat(file.bytes.start);
            // A mark of the byte order is one only where a file begins.
            match text.strip_prefix(MARK) {
                Some(rest) => padded.extend(["   ", rest]),
                None => padded.push_str(text),
            }
            Cow::Owned(padded)
        };
        self.files.iter().map(padded).collect()
    }

    /// Tells the files that can't be extended.
    pub(super) fn check(&self, problems: &mut Problems) {
        for link in self.files.iter().flat_map(|file| &file.links) {
            if let Err(why) = &link.to {
                let message = format!("this file can't be extended: {why}");
                problems.push(Problem::error(link.span.clone(), message, "not extended"));
            }
        }
    }
}

/// The mark of UTF-8 with which some editors begin a file.
const MARK: &str = "\u{feff}";

struct Loader<F> {
    sources: Sources,
    find: F,
}

impl<F: FnMut(&str, &str) -> Found> Loader<F> {
    fn add(&mut self, name: String, text: &str) -> usize {
        let sources = &mut self.sources;
        if !sources.files.is_empty() {
            sources.text.push('\n');
        }
        let start = sources.text.len();
        sources.text.push_str(text);
        sources.files.push(File { name, bytes: start..sources.text.len(), links: Vec::new() });
        sources.files.len() - 1
    }

    /// Adds what a file extends, and what that does; `above` are the files that led to it.
    fn follow(&mut self, at: usize, above: &mut Vec<usize>) {
        let start = self.sources.file(at).start;
        above.push(at);
        for (path, span) in extends(self.sources.file(at).text) {
            let to = self.link(at, &path, above);
            let span = start + span.start..start + span.end;
            if let Some(file) = self.sources.files.get_mut(at) {
                file.links.push(Link { span, to });
            }
        }
        above.pop();
        self.sources.order.push(at);
    }

    fn link(&mut self, from: usize, path: &str, above: &mut Vec<usize>) -> Result<usize, String> {
        let (name, text) = (self.find)(self.sources.file(from).name, path)?;
        let held = self.sources.files.iter().position(|file| file.name == name);
        if let Some(held) = held {
            let again = self.sources.extended_by(from).any(|to| to == held);
            return match above.contains(&held) {
                true => Err("it extends this one in turn, which is a cycle".to_owned()),
                false if again => Err("it stands here twice".to_owned()),
                false => Ok(held),
            };
        }
        if above.len() >= CHAIN_MAX {
            return Err(format!("a chain of files is at most {CHAIN_MAX} long"));
        }
        if self.sources.files.len() >= FILES_MAX {
            return Err(format!("a rule set is made of at most {FILES_MAX} files"));
        }
        let at = self.add(name, &text);
        self.follow(at, above);
        Ok(at)
    }
}

/// The paths that a text extends, with their places in it; of a text that is no rule file, none.
fn extends(text: &str) -> Vec<(String, Range<usize>)> {
    let (document, _) = DeTable::parse_recoverable(text);
    let head = document.get_ref().get("ruleset").and_then(|head| match head.get_ref() {
        DeValue::Table(head) => head.get("extends"),
        _ => None,
    });
    let items = head.map(one_or_more).unwrap_or_default();
    let path = |item: super::document::Item<'_>| match item.get_ref() {
        DeValue::String(path) => Some((path.to_string(), item.span())),
        _ => None,
    };
    items.into_iter().filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(named: &[(&str, &str)], top: &str) -> Sources {
        let text = |wanted: &str| {
            let found = named.iter().find(|(name, _)| *name == wanted);
            found
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .ok_or("no such file".to_owned())
        };
        let (name, own) = text(top).unwrap();
        Sources::load(&name, &own, |_, path| text(path))
    }

    fn of(extends: &[&str]) -> String {
        format!("[ruleset]\nextends = {extends:?}\n")
    }

    #[test]
    fn each_file_comes_once_and_after_what_it_extends() {
        let (a, b) = (of(&["b", "c"]), of(&["d"]));
        let sources = files(&[("a", &a), ("b", &b), ("c", &b), ("d", "đ = 1")], "a");
        let names: Vec<&str> = sources.order().iter().map(|at| sources.file(*at).name).collect();
        assert_eq!(names, ["d", "b", "c", "a"]);
        let place = sources.place(sources.text().find("= 1").unwrap());
        assert_eq!((place.file, place.line, place.column, place.byte), ("d", 1, 3, 3));
        for (file, padded) in sources.files.iter().zip(sources.padded()) {
            assert_eq!(padded.get(file.bytes.clone()), sources.text.get(file.bytes.clone()));
        }
        let mut problems = Problems::default();
        sources.check(&mut problems);
        assert!(!problems.any_error());
    }

    #[test]
    fn a_file_stands_on_one_that_is_loaded_and_goes_on_at_its_end() {
        let (a, b) = (of(&["b"]), of(&["c"]));
        let sources = files(&[("a", &a), ("b", &b), ("c", "c = 1")], "a");
        let above = sources.beneath("above", &of(&["../a"]));
        assert!(why(&above).is_empty(), "{:?}", why(&above));
        let names: Vec<&str> = above.files().map(|file| file.name).collect();
        assert_eq!(names, ["above", "a", "b", "c"]);
        assert_eq!(above.files().last().map(|file| file.text), Some("c = 1"));
        let more = sources.continued("d = 2");
        let texts: Vec<String> = more.files().map(|file| file.text.to_owned()).collect();
        assert_eq!(texts, [format!("{a}\nd = 2"), b, "c = 1".to_owned()]);
        assert_eq!(more.place(more.text().find("c = 1").unwrap()).file, "c");
    }

    fn why(sources: &Sources) -> Vec<String> {
        let links = sources.files.iter().flat_map(|file| &file.links);
        links.filter_map(|link| link.to.clone().err()).collect()
    }

    #[test]
    fn cycles_chains_and_files_that_are_not_there_are_told() {
        let (a, b) = (of(&["b"]), of(&["a", "x"]));
        let found = why(&files(&[("a", &a), ("b", &b)], "a"));
        assert_eq!(found, ["it extends this one in turn, which is a cycle", "no such file"]);
        assert_eq!(why(&files(&[("a", &of(&["a"]))], "a")).len(), 1);
        assert_eq!(why(&files(&[("a", &of(&["b", "b"])), ("b", "")], "a")), ["it stands here twice"]);
        let chain: Vec<(String, String)> =
            (0..6).map(|at| (at.to_string(), of(&[&(at + 1).to_string()]))).collect();
        let chain: Vec<(&str, &str)> = chain.iter().map(|(name, text)| (&**name, &**text)).collect();
        assert_eq!(why(&files(&chain, "0")), ["a chain of files is at most 4 long"]);
        let many: Vec<String> = (1..=16).map(|at| at.to_string()).collect();
        let wide = of(&many.iter().map(String::as_str).collect::<Vec<_>>());
        let mut named = vec![("0", wide.as_str())];
        named.extend(many.iter().map(|name| (name.as_str(), "")));
        let sources = files(&named, "0");
        assert_eq!((sources.files.len(), why(&sources).len()), (16, 1));
    }
}

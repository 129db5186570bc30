//! `like` patterns, read once.
//!
//! `%` stands for any text, `_` for any one character. As in standard SQL and DuckDB there is no escape character
//! unless the condition names one. Matching takes at most text length times pattern length steps.

/// A pattern of `like` or `ilike`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pattern {
    parts: Box<[Part]>,
    folded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    Any,
    One,
    Exactly(char),
}

impl Pattern {
    /// Reads a pattern; `folded` ignores case. `None` where the escape character escapes nothing that is special.
    pub(super) fn new(pattern: &str, escape: Option<char>, folded: bool) -> Option<Self> {
        let mut parts = Vec::new();
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            let exactly = |c| Part::Exactly(if folded { fold(c) } else { c });
            let part = if Some(character) == escape {
                let next = characters.next()?;
                (matches!(next, '%' | '_') || Some(next) == escape).then_some(exactly(next))?
            } else {
                match character {
                    '%' => Part::Any,
                    '_' => Part::One,
                    other => exactly(other),
                }
            };
            if part != Part::Any || parts.last() != Some(&Part::Any) {
                parts.push(part);
            }
        }
        Some(Self { parts: parts.into(), folded })
    }

    /// The pattern written with this escape character, and whether that is needed.
    pub(super) fn written_with(&self, escape: char) -> (String, bool) {
        let (mut written, mut escaped) = (String::new(), false);
        for part in &self.parts {
            match *part {
                Part::Any => written.push('%'),
                Part::One => written.push('_'),
                Part::Exactly(character) => {
                    if matches!(character, '%' | '_') || character == escape {
                        written.push(escape);
                        escaped = true;
                    }
                    written.push(character);
                }
            }
        }
        (written, escaped)
    }

    /// Whether it matches lower-case texts whatever case they had.
    pub(super) fn ignores_case(&self) -> bool {
        self.folded
    }

    /// Whether all of `text` matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut rest = text.chars();
        let mut at = 0;
        // Where to take up again, one character further, when what follows the latest `%` does not match.
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let mut ahead = rest.clone();
            let next = ahead.next();
            match (self.parts.get(at), next) {
                (Some(Part::Any), _) => {
                    at += 1;
                    retry = Some((at, rest.clone()));
                }
                (Some(Part::One), Some(_)) => {
                    at += 1;
                    rest = ahead;
                }
                (Some(&Part::Exactly(wanted)), Some(found)) if self.same(wanted, found) => {
                    at += 1;
                    rest = ahead;
                }
                (None, None) => return true,
                _ => {
                    let Some((resume, from)) = &mut retry else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    at = *resume;
                    rest = from.clone();
                }
            }
        }
    }

    fn same(&self, wanted: char, found: char) -> bool {
        wanted == found || (self.folded && wanted == fold(found))
    }
}

/// The lower-case form of a character where that is one character.
fn fold(character: char) -> char {
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(single), None) => single,
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a%", "a", true),
            ("a%", "ba", false),
            ("%c", "abc", true),
            ("%b%", "abc", true),
            ("a_c", "abc", true),
            ("a_c", "ac", false),
            ("_", "đ", true),
            ("%a%b%", "xaxxbx", true),
            ("%ab%ab", "ababxab", true),
            ("%ab%ab", "abxabx", false),
            ("", "", true),
            ("", "a", false),
            ("%", "", true),
            ("a!%", "a%", true),
            ("a!%", "ab", false),
            ("a!!", "a!", true),
        ] {
            let pattern = Pattern::new(pattern, Some('!'), false).unwrap();
            assert_eq!(pattern.matches(text), expected, "{pattern:?} on {text:?}");
        }
    }

    #[test]
    fn case_is_ignored_only_when_asked() {
        assert!(Pattern::new("%ĐÀ%", None, true).unwrap().matches("ngân hàng đà nẵng"));
        assert!(!Pattern::new("%ĐÀ%", None, false).unwrap().matches("ngân hàng đà nẵng"));
    }

    #[test]
    fn an_escape_that_escapes_nothing_is_refused() {
        assert_eq!(Pattern::new("a!b", Some('!'), false), None);
        assert_eq!(Pattern::new("a!", Some('!'), false), None);
    }

    #[test]
    fn many_wildcards_stay_cheap() {
        let pattern = Pattern::new(&"%a".repeat(2_000), None, false).unwrap();
        assert!(!pattern.matches(&"a".repeat(512)));
        let pattern = Pattern::new(&format!("{}b", "%a".repeat(200)), None, false).unwrap();
        assert!(!pattern.matches(&"a".repeat(512)));
    }
}

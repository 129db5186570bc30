//! The text of a condition with its tokens, so that an expression can be found in it again.

use std::ops::Range;

use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

/// A condition's text and where its tokens are.
#[derive(Debug)]
pub(super) struct Source<'t> {
    pub(super) text: &'t str,
    /// The position of the first character of each line, in characters.
    lines: Vec<usize>,
    /// The byte of each character; empty where the text is ASCII and they are the same.
    bytes: Vec<usize>,
    /// The tokens but for blanks and comments, in bytes.
    tokens: Vec<Range<usize>>,
}

impl<'t> Source<'t> {
    /// A text without its tokens.
    pub(super) fn new(text: &'t str) -> Self {
        let mut lines = vec![0];
        let newlines = text.chars().enumerate().filter(|(_, c)| *c == '\n');
        lines.extend(newlines.map(|(at, _)| at + 1));
        let bytes =
            if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(byte, _)| byte).collect() };
        Self { text, lines, bytes, tokens: Vec::new() }
    }

    /// Remembers the tokens.
    pub(super) fn take(&mut self, tokens: &[TokenWithSpan]) {
        let kept = tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_) | Token::EOF));
        self.tokens = kept.map(|token| self.range(token.span)).collect();
    }

    /// The byte of a location; that of the end where it is beyond.
    pub(super) fn byte(&self, location: Location) -> usize {
        let line = usize::try_from(location.line).unwrap_or(1).saturating_sub(1);
        let column = usize::try_from(location.column).unwrap_or(1).saturating_sub(1);
        let character = self.lines.get(line).map_or(usize::MAX, |start| start.saturating_add(column));
        if self.text.is_ascii() {
            character.min(self.text.len())
        } else {
            self.bytes.get(character).copied().unwrap_or(self.text.len())
        }
    }

    /// The bytes of a span.
    pub(super) fn range(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start);
        start..self.byte(span.end).max(start)
    }

    /// The whole text.
    pub(super) fn whole(&self) -> Range<usize> {
        0..self.text.len()
    }

    /// The last token.
    pub(super) fn last_token(&self) -> Range<usize> {
        self.tokens.last().cloned().unwrap_or_else(|| self.whole())
    }

    fn token(&self, at: usize) -> Option<(&str, Range<usize>)> {
        let range = self.tokens.get(at)?.clone();
        Some((self.text.get(range.clone())?, range))
    }

    /// The first token that starts at `byte` or after it.
    fn after(&self, byte: usize) -> usize {
        self.tokens.partition_point(|token| token.start < byte)
    }

    /// The range together with the parentheses right around it.
    pub(super) fn with_parentheses(&self, range: Range<usize>) -> Range<usize> {
        let opening = self.after(range.start).checked_sub(1).and_then(|at| self.token(at));
        let closing = self.token(self.after(range.end));
        match (opening, closing) {
            (Some(("(", opening)), Some((")", closing))) => opening.start..closing.end,
            _ => range,
        }
    }

    /// The range together with the token before it.
    pub(super) fn with_token_before(&self, range: Range<usize>) -> Range<usize> {
        match self.after(range.start).checked_sub(1).and_then(|at| self.token(at)) {
            Some((_, token)) => token.start..range.end,
            None => range,
        }
    }

    /// The range together with the token after it.
    pub(super) fn with_token_after(&self, range: Range<usize>) -> Range<usize> {
        match self.token(self.after(range.end)) {
            Some((_, token)) => range.start..token.end,
            None => range,
        }
    }

    /// The range with the tokens after it up to one of these words.
    pub(super) fn until(&self, range: Range<usize>, words: &[&str]) -> Range<usize> {
        let mut at = self.after(range.end);
        while let Some((text, token)) = self.token(at) {
            if words.iter().any(|word| word.eq_ignore_ascii_case(text)) {
                return range.start..token.end;
            }
            at += 1;
        }
        range
    }

    /// The range with the tokens before it back to this word.
    pub(super) fn back_to(&self, range: Range<usize>, word: &str) -> Range<usize> {
        let mut at = self.after(range.start);
        while let Some((text, token)) = at.checked_sub(1).and_then(|before| self.token(before)) {
            if text.eq_ignore_ascii_case(word) {
                return token.start..range.end;
            }
            at -= 1;
        }
        range
    }

    /// The text without layout and comments, and with unquoted words in lower case: the same for the same condition.
    pub(super) fn canonical(&self) -> String {
        let mut canonical = String::with_capacity(self.text.len());
        for token in &self.tokens {
            let text = self.text.get(token.clone()).unwrap_or_default();
            if !canonical.is_empty() {
                canonical.push(' ');
            }
            if text.starts_with(['\'', '"']) {
                canonical.push_str(text);
            } else {
                canonical.push_str(&text.to_ascii_lowercase());
            }
        }
        canonical
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_bytes_also_beyond_ascii() {
        let source = Source::new("a = 'đ'\nor b");
        assert_eq!(source.byte(Location { line: 1, column: 7 }), 7);
        assert_eq!(source.byte(Location { line: 2, column: 4 }), 12);
        assert_eq!(source.byte(Location { line: 9, column: 1 }), source.text.len());
        let source = Source::new("a\nbc");
        assert_eq!(source.byte(Location { line: 2, column: 2 }), 3);
    }
}

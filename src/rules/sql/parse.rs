//! From text to `sqlparser`'s tree.

use sqlparser::ast::Expr;
use sqlparser::dialect::Dialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::source::Source;
use crate::rules::limits::{CONDITION_BYTES_MAX, NESTING_MAX};
use crate::rules::problem::Problem;

/// Plain SQL expressions: names as in the standard, `10_000_000` for long numbers.
#[derive(Debug)]
struct Plain;

impl Dialect for Plain {
    fn is_identifier_start(&self, character: char) -> bool {
        character.is_alphabetic() || character == '_'
    }

    fn is_identifier_part(&self, character: char) -> bool {
        character.is_alphanumeric() || character == '_'
    }

    fn identifier_quote_style(&self, _identifier: &str) -> Option<char> {
        Some('"')
    }

    fn is_delimited_identifier_start(&self, character: char) -> bool {
        character == '"'
    }

    /// A word of SQL that fails as such is told as that, and not taken for a name.
    fn is_reserved_for_identifier(&self, word: Keyword) -> bool {
        matches!(
            word,
            Keyword::CASE
                | Keyword::CAST
                | Keyword::EXISTS
                | Keyword::EXTRACT
                | Keyword::INTERVAL
                | Keyword::NOT
                | Keyword::NULL
        )
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        true
    }
}

/// Parses a condition, and nothing after it.
pub(super) fn parse(text: &str) -> Result<(Source<'_>, Expr), Box<Problem>> {
    if text.len() > CONDITION_BYTES_MAX {
        let message = format!("a condition has at most {CONDITION_BYTES_MAX} bytes");
        let label = format!("this has {}", text.len());
        let help = "split it into several rules or features";
        return Err(Box::new(Problem::error(0..text.len(), message, label).help(help)));
    }
    if text.trim().is_empty() {
        let problem = Problem::error(0..text.len(), "a condition is missing", "expected a condition");
        return Err(Box::new(problem));
    }
    let mut source = Source::new(text);
    let tokens = match Tokenizer::new(&Plain, text).tokenize_with_location() {
        Ok(tokens) => tokens,
        Err(error) => {
            let start = source.byte(error.location).min(text.len());
            let message = uncapitalised(&error.message);
            return Err(Box::new(Problem::error(start..text.len(), message, "from here on")));
        }
    };
    source.take(&tokens);
    if let Some(token) = tokens.iter().find(|token| !is_ours(&token.token)) {
        let shown = token.token.to_string();
        let problem = Problem::error(
            source.range(token.span),
            format!("`{shown}` has no place in a condition"),
            "this is not supported",
        );
        let help = match &token.token {
            Token::DoubleEq => Some("write `=`".to_owned()),
            Token::Overlap => Some("write `and`".to_owned()),
            Token::StringConcat | Token::Pipe => Some("write `or`".to_owned()),
            Token::ExclamationMark => Some("write `not`".to_owned()),
            _ => None,
        };
        return Err(Box::new(problem.maybe_help(help)));
    }
    let tokens = with_lists(tokens);
    let mut parser =
        Parser::new(&Plain).with_recursion_limit(NESTING_MAX + 2).with_tokens_with_locations(tokens);
    let parsed = parser.parse_expr();
    let next = parser.peek_token();
    match parsed {
        Ok(expr) if next.token == Token::EOF => Ok((source, expr)),
        Ok(_) => Err(Box::new(trailing(&source, &next))),
        Err(error) => Err(Box::new(unparsed(&source, &error))),
    }
}

/// The tokens with parentheses around a name that stands right after `in`: to a list of its own, SQL has no way.
fn with_lists(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut with = Vec::with_capacity(tokens.len() + 2);
    let mut after_in = false;
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let (is_in, is_name) = match &token.token {
            Token::Word(word) if word.quote_style.is_none() && word.keyword == Keyword::IN => (true, false),
            Token::Word(_) => (false, true),
            Token::Whitespace(_) => (after_in, false),
            _ => (false, false),
        };
        let called = rest.peek().is_some_and(|next| next.token == Token::LParen);
        if after_in && is_name && !called {
            let Span { start, end } = token.span;
            with.push(TokenWithSpan { token: Token::LParen, span: Span { start, end: start } });
            with.push(token);
            with.push(TokenWithSpan { token: Token::RParen, span: Span { start: end, end } });
        } else {
            with.push(token);
        }
        after_in = is_in;
    }
    with
}

/// Whether a token can be part of a condition at all.
fn is_ours(token: &Token) -> bool {
    matches!(
        token,
        Token::EOF
            | Token::Word(_)
            | Token::Number(_, false)
            | Token::SingleQuotedString(_)
            | Token::Comma
            | Token::Whitespace(_)
            | Token::Eq
            | Token::Neq
            | Token::Lt
            | Token::Gt
            | Token::LtEq
            | Token::GtEq
            | Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::Mod
            | Token::LParen
            | Token::RParen
    )
}

fn trailing(source: &Source<'_>, next: &TokenWithSpan) -> Problem {
    let problem = Problem::error(
        source.range(next.span),
        format!("unexpected `{}` after the condition", next.token),
        "the condition ends before this",
    );
    match &next.token {
        Token::Word(_) => problem.help("join two conditions with `and` or `or`"),
        Token::Number(..) | Token::Comma | Token::Period => {
            problem.help("digits are grouped with `_`: 10_000_000; decimals follow one point: 0.5")
        }
        _ => problem,
    }
}

/// A parser's message without its location, and with a span in its place.
fn unparsed(source: &Source<'_>, error: &ParserError) -> Problem {
    let text = match error {
        ParserError::RecursionLimitExceeded => return too_deep(source.whole()),
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => text,
    };
    let (message, location) = match text.rsplit_once(" at Line: ") {
        Some((message, place)) => (message, location(place)),
        None => (text.as_str(), None),
    };
    let (span, label) = match location {
        Some(location) if location.line > 0 => {
            let start = source.byte(location);
            (source.with_token_after(start..start), "the condition cannot be read here")
        }
        _ => (source.last_token(), "the condition ends here"),
    };
    let message =
        message.replace("Expected: ", "expected ").replace("found: EOF", "found the end of the condition");
    let message = message.replace("found: ", "found ");
    Problem::error(span, uncapitalised(&message), label)
}

fn location(place: &str) -> Option<Location> {
    let (line, column) = place.split_once(", Column: ")?;
    Some(Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
}

/// The problem of a condition that is nested beyond the bound.
pub(super) fn too_deep(span: std::ops::Range<usize>) -> Problem {
    let message = format!("this condition is nested more than {NESTING_MAX} levels deep");
    Problem::error(span, message, "too deep").help("split it into several rules or features")
}

fn uncapitalised(message: &str) -> String {
    let mut characters = message.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

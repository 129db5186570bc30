//! Which token key the identifiers of a line are tokens of, where the line is to be sent again: it says so itself.
//!
//! It stands among the extra fields under a name that no rule file can declare, so that readers pass over it, doors leave it
//! out, and files can be put together line by line. Promises that all else of the line stays as it was.

use serde::Deserialize;

const NAME: &str = "weir.tokens";
const EXTRA: &[u8] = br#""extra":{"#;

/// Puts the id of a token key into the line of an event, which may have a line end.
pub fn say_token_key(line: &mut Vec<u8>, id: &str) {
    let said = format!(r#""{NAME}":"{id}""#);
    // Within a text a quote has a backslash before it, so these bytes are a key.
    match line.windows(EXTRA.len()).position(|bytes| bytes == EXTRA) {
        Some(at) => {
            let at = at + EXTRA.len();
            let empty = line[at..].trim_ascii_start().starts_with(b"}");
            let said = if empty { said } else { said + "," };
            line.splice(at..at, said.into_bytes());
        }
        None => {
            if let Some(at) = line.iter().rposition(|&byte| byte == b'}') {
                line.splice(at..at, format!(r#","extra":{{{said}}}"#).into_bytes());
            }
        }
    }
}

/// The id of the token key that a line says; none where it says none.
pub fn token_key_said(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Line {
        extra: Option<Extra>,
    }
    #[derive(Deserialize)]
    struct Extra {
        #[serde(rename = "weir.tokens")]
        tokens: Option<String>,
    }
    serde_json::from_slice::<Line>(line).ok()?.extra?.tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_and_nothing_else_is_changed() {
        for (line, said) in [
            (r#"{"kind":"login","id":"a"}"#, r#"{"kind":"login","id":"a","extra":{"weir.tokens":"7f"}}"#),
            (
                r#"{"id":"\"extra\":{","extra":{"phone":"t_"}}"#,
                r#"{"id":"\"extra\":{","extra":{"weir.tokens":"7f","phone":"t_"}}"#,
            ),
            (r#"{"id":"a","extra":{ }}"#, r#"{"id":"a","extra":{"weir.tokens":"7f" }}"#),
        ] {
            for end in ["", "\n"] {
                let mut bytes = format!("{line}{end}").into_bytes();
                assert_eq!(token_key_said(&bytes), None);
                say_token_key(&mut bytes, "7f");
                assert_eq!(std::str::from_utf8(&bytes).unwrap(), format!("{said}{end}"));
                assert_eq!(token_key_said(&bytes).as_deref(), Some("7f"));
            }
        }
        assert_eq!(token_key_said(b"nonsense"), None);
    }
}

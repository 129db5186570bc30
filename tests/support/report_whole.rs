//! A page that is as good as any: well-formed, nothing in it comes from elsewhere, and it reads aloud.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::page::{self, Element};

/// The elements of a page.
pub fn checked(html: &str) -> Vec<Element> {
    let elements = page::read(html);
    loads_nothing(html, &elements);
    reads_aloud(&elements);
    elements
}

fn loads_nothing(html: &str, elements: &[Element]) {
    for element in elements {
        for name in ["src", "srcset", "action", "data", "poster", "background", "xlink:href"] {
            assert!(!element.attributes.contains_key(name), "{name} in {element:?}");
        }
        if let Some(href) = element.attributes.get("href") {
            assert!(element.name == "a" && href.starts_with('#'), "{element:?}");
        }
        let script = element.attributes.keys().any(|name| name.starts_with("on"));
        assert!(!script, "{element:?}");
    }
    let scripts: Vec<&Element> = elements.iter().filter(|element| element.name == "script").collect();
    assert_eq!(scripts.len(), 1, "a script from outside");
    for element in elements.iter().filter(|element| ["style", "script"].contains(&element.name.as_str())) {
        for loads in ["url(", "@import", "http:", "https:", "fetch(", "import("] {
            assert!(!element.text.contains(loads), "{loads} in <{}>", element.name);
        }
    }
    let hash = base64(&Sha256::digest(script_text(html)));
    assert!(html.contains(&format!("script-src 'sha256-{hash}'")), "the script's hash is sha256-{hash}");
}

/// As a browser takes it: from one tag to the other.
fn script_text(html: &str) -> &str {
    html.split_once("<script>").unwrap().1.split_once("</script>").unwrap().0
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let digit = |at: usize| (0..6).fold(0, |digit, more| digit << 1 | bit(at * 6 + more));
    let digits = (0..(bytes.len() * 8).div_ceil(6)).map(|at| char::from(DIGITS[usize::from(digit(at))]));
    digits.chain(std::iter::repeat_n('=', (3 - bytes.len() % 3) % 3)).collect()
}

/// Landmarks, headings in order, captions, scopes, names of pictures, and links that lead somewhere.
fn reads_aloud(elements: &[Element]) {
    let count = |name: &str| elements.iter().filter(|element| element.name == name).count();
    for name in ["html", "main", "header", "nav", "footer", "h1", "title"] {
        // A picture has a title of its own.
        let own = elements
            .iter()
            .filter(|element| element.name == name && !element.within.contains(&"svg".to_owned()));
        assert_eq!(own.count(), 1, "<{name}>");
    }
    assert!(elements.iter().any(|element| element.name == "html" && element.attributes["lang"] == "en"));
    let mut last = 0;
    for element in elements {
        if let Some(level) = element.name.strip_prefix('h').and_then(|level| level.parse::<u8>().ok()) {
            assert!(level <= last + 1, "<h{level}> {} behind <h{last}>", element.text);
            assert!(!element.text.trim().is_empty());
            last = level;
        }
    }
    assert_eq!(count("caption"), count("table"));
    assert_eq!(count("summary"), count("details"));
    let ids: Vec<&String> = elements.iter().filter_map(|element| element.attributes.get("id")).collect();
    let unique: BTreeSet<&String> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "an id stands twice");
    for element in elements {
        if element.name == "th" {
            assert!(element.attributes.contains_key("scope"), "{element:?}");
        }
        if element.name == "svg" {
            assert_eq!(element.attributes["role"], "img");
        }
        for name in ["aria-labelledby", "aria-describedby"] {
            if let Some(of) = element.attributes.get(name) {
                assert!(unique.contains(of), "{name}={of}");
            }
        }
        if let Some(href) = element.attributes.get("href") {
            assert!(unique.contains(&href[1..].to_owned()), "{href}");
        }
    }
}

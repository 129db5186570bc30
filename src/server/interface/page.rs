//! The interface as one page for people: no script, nothing from elsewhere, readable on a phone and in the dark.
//!
//! What stands in it is the document's own; a line to be copied is taken whole by one click.

use std::fmt::Write;

use serde_json::Value;

use super::operations::{Body, GROUPS, Operation, Parameter, Reply, operations};
use super::{ABOUT, KINDS, openapi, scope, server};
use crate::engine::VERSION;

const STYLE: &str = include_str!("style.css");

/// What a browser may do for the page: nothing but show it in this style.
pub(in super::super) const POLICY: &str = "default-src 'none'; style-src 'sha256-1EJGkgpO0RWRZiRU94r4jadpRkCWUU7jcn5xhSyo2xQ='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A text of HTML.
struct Page(String);

/// The page.
pub(in super::super) fn page() -> String {
    let document = openapi(None);
    let mut page = Page(String::with_capacity(96 << 10));
    page.add(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>weir: the interface</title>",
    );
    page.add("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>");
    page.add(STYLE);
    page.add("</style></head><body><h1>weir <small>");
    page.say(&format!("engine {VERSION}"));
    page.add("</small></h1>");
    page.paragraph(ABOUT);
    page.add("<p>For programs: <a href=\"/openapi.json\">/openapi.json</a> (OpenAPI 3.1). A click on a command takes all of it; with an access file, add <code>-H &quot;authorization: Bearer $TOKEN&quot;</code>.</p><nav>");
    for (group, _) in GROUPS {
        page.link(group);
    }
    page.add("<a href=\"#problems\">Problems</a></nav>");
    let operations = operations();
    for (group, about) in GROUPS {
        page.heading(group, about);
        for operation in operations.iter().filter(|operation| operation.group == group) {
            page.operation(operation, &document);
        }
    }
    page.add("<h2 id=\"problems\">Problems</h2>");
    page.paragraph("Whatever goes wrong is answered as a document of RFC 9457, application/problem+json. Programs go by its `type`: `urn:weir:problem:` and the word here.");
    page.rows(
        KINDS.iter().map(|kind| (kind.word.to_owned(), kind.status.to_string(), kind.about.to_owned())),
    );
    page.add("</body></html>\n");
    page.0
}

impl Page {
    fn add(&mut self, html: &str) {
        self.0.push_str(html);
    }

    /// Text, with what HTML would read otherwise.
    fn say(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.add("&amp;"),
                '<' => self.add("&lt;"),
                '>' => self.add("&gt;"),
                '"' => self.add("&quot;"),
                c => self.0.push(c),
            }
        }
    }

    fn within(&mut self, open: &str, text: &str, close: &str) {
        self.add(open);
        self.say(text);
        self.add(close);
    }

    /// A sentence; what stands between backticks is code.
    fn prose(&mut self, text: &str) {
        for (at, part) in text.split('`').enumerate() {
            if at % 2 == 1 { self.within("<code>", part, "</code>") } else { self.say(part) }
        }
    }

    fn paragraph(&mut self, text: &str) {
        self.add("<p>");
        self.prose(text);
        self.add("</p>");
    }

    fn link(&mut self, group: &str) {
        // A text takes all that is written to it.
        let _ = write!(self.0, "<a href=\"#{}\">{group}</a>", anchor(group));
    }

    fn heading(&mut self, group: &str, about: &str) {
        let _ = write!(self.0, "<h2 id=\"{}\">{group}</h2>", anchor(group));
        self.within("<p class=\"soft\">", about, "</p>");
    }

    /// Rows of a name, a short word and a sentence.
    fn rows(&mut self, rows: impl Iterator<Item = (String, String, String)>) {
        self.add("<div class=\"wide\"><table>");
        for (name, word, about) in rows {
            self.within("<tr><td><code>", &name, "</code></td>");
            self.within("<td class=\"soft\">", &word, "</td>");
            self.add("<td>");
            self.prose(&about);
            self.add("</td></tr>");
        }
        self.add("</table></div>");
    }

    fn operation(&mut self, operation: &Operation, document: &Value) {
        let Operation { method, path, id, summary, about, listeners, .. } = operation;
        let class = method.to_ascii_lowercase();
        let _ = write!(self.0, "<details class=\"operation {class}\" id=\"{id}\"><summary><b>{method}</b>");
        self.within("<code>", path, "</code>");
        self.within("<span>", summary, "</span></summary><div>");
        if !about.is_empty() {
            self.paragraph(about);
        }
        let who = scope(operation)
            .map_or("Everybody may ask.".to_owned(), |scope| format!("Needs the scope `{}`.", scope.name()));
        let place = match listeners {
            ["administration"] => " Only on the administrative listener.",
            ["clients"] => "",
            _ => " On both listeners.",
        };
        self.add("<p class=\"soft\">");
        self.prose(&format!("{who}{place}"));
        self.add("</p>");
        if !operation.parameters.is_empty() {
            self.add("<h3>Parameters</h3>");
            self.rows(operation.parameters.iter().map(|Parameter { name, place, about, .. }| {
                ((*name).to_owned(), (*place).to_owned(), (*about).to_owned())
            }));
        }
        match &operation.body {
            Some(body) => self.body(operation, body, document),
            None => {
                self.add("<h3>Ask</h3>");
                self.within("<pre class=\"all\">", &curl(operation, None), "</pre>");
            }
        }
        for reply in &operation.replies {
            self.reply(reply);
        }
        let of = |word: &&&str| KINDS.iter().find(|kind| kind.word == **word);
        if !operation.problems.is_empty() {
            self.add("<h3>Problems</h3>");
            self.rows(
                operation
                    .problems
                    .iter()
                    .filter_map(|word| of(&word))
                    .map(|kind| (kind.word.to_owned(), kind.status.to_string(), kind.about.to_owned())),
            );
        }
        self.add("</div></details>");
    }

    fn body(&mut self, operation: &Operation, body: &Body, document: &Value) {
        self.add("<h3>Ask</h3>");
        for example in &body.examples {
            self.within("<p>", &format!("{} ({})", example.summary, example.answered), "</p>");
            self.within("<pre class=\"all\">", &curl(operation, Some(&example.value)), "</pre>");
        }
        let schemas = [&body.schema, &body.schema["items"]].into_iter();
        let named = schemas.chain(body.schema["oneOf"].as_array().into_iter().flatten());
        for name in named.filter_map(|schema| schema["$ref"].as_str()?.rsplit('/').next()) {
            self.fields(name, &document["components"]["schemas"][name]);
        }
    }

    /// The fields of a schema, those that are needed first.
    fn fields(&mut self, name: &str, schema: &Value) {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut fields: Vec<_> = schema["properties"].as_object().into_iter().flatten().collect();
        fields.sort_by_key(|(name, _)| !required.contains(&name.as_str()));
        self.within("<details class=\"more\"><summary>", &format!("Fields of {name}"), "</summary>");
        self.rows(fields.into_iter().map(|(field, schema)| {
            let needed = if required.contains(&field.as_str()) { "needed" } else { "" };
            let about = schema["description"].as_str().unwrap_or_default();
            let words: Vec<&str> =
                schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let words =
                if words.is_empty() { String::new() } else { format!(" One of {}.", words.join(", ")) };
            (field.clone(), needed.to_owned(), format!("{about}{words}"))
        }));
        self.add("</details>");
    }

    fn reply(&mut self, reply: &Reply) {
        let Reply { status, about, kind, examples, .. } = reply;
        self.within("<h3>", &format!("{status} {kind}"), "</h3>");
        self.paragraph(about);
        for (_, value) in examples {
            let shown = value.as_str().map_or_else(|| format!("{value:#}"), str::to_owned);
            self.within("<pre>", &shown, "</pre>");
        }
    }
}

/// What a link to a group names.
fn anchor(group: &str) -> String {
    group.to_ascii_lowercase().replace(' ', "-")
}

/// What asks for it in a shell.
fn curl(operation: &Operation, body: Option<&Value>) -> String {
    let mut path = operation.path.clone();
    for Parameter { name, place, example, .. } in &operation.parameters {
        if let ("path", Some(example)) = (*place, example.as_str()) {
            path = path.replace(&format!("{{{name}}}"), example);
        }
    }
    let method = if operation.method == "GET" || body.is_some() && operation.method == "POST" {
        String::new()
    } else {
        format!(" -X {}", operation.method)
    };
    // JSON has no quotes of a shell but within texts.
    let body =
        body.map_or(String::new(), |body| format!(" -d '{}'", body.to_string().replace('\'', "'\\''")));
    format!("curl -s{method} {}{path}{body}", server(operation))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let part = |part: &[u8]| {
            let bits =
                (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(part.get(at).copied().unwrap_or(0)));
            (0..4)
                .map(|at| match at <= part.len() {
                    true => char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]),
                    false => '=',
                })
                .collect::<String>()
        };
        bytes.chunks(3).map(part).collect()
    }

    #[test]
    fn a_browser_may_use_its_style_and_nothing_else() {
        let hash = base64(&Sha256::digest(STYLE));
        assert!(POLICY.contains(&format!("'sha256-{hash}'")), "the style's hash is sha256-{hash}");
        let page = page();
        for never in ["<script", "style=", "onclick", "src=", "http-equiv"] {
            assert!(!page.contains(never), "{never}");
        }
    }

    #[test]
    fn every_operation_and_problem_stands_in_it() {
        let page = page();
        for operation in operations() {
            assert!(page.contains(&format!("id=\"{}\"", operation.id)), "{}", operation.id);
        }
        assert!(KINDS.iter().all(|kind| page.contains(&format!("<code>{}</code>", kind.word))));
        assert!(page.len() < 192 << 10, "{} bytes", page.len());
        let mut said = Page(String::new());
        said.say("<a href=\"&\">");
        assert_eq!(said.0, "&lt;a href=&quot;&amp;&quot;&gt;");
    }
}

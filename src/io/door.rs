//! The door: events with tokens in place of identifiers, before anything else sees them.
//!
//! Promises that no identifier is in what comes out, neither in the event nor in its line: text fields and declared extra
//! fields that are identifiers become tokens, and what no rule file declares is left out, since nobody can tell what it
//! holds. The entry of a `list` event becomes one unless its list is about a field that is none. What has been through it
//! before passes as it is, where all its identifiers are tokens. Must never know where an event comes from or goes.

use std::io;

use super::writer::write_event;
use crate::event::{Draft, Event, Kind, TextField};
use crate::rules::RuleSet;
use crate::tokens::{Tokens, is_token};

/// Gives events tokens; its buffers are used again for the next event.
#[derive(Debug)]
pub struct Door {
    /// None for what has them already.
    tokens: Option<Tokens>,
    draft: Draft,
    line: Vec<u8>,
}

impl Door {
    /// With these tokens, for events with the extra fields of a rule set.
    pub fn new(tokens: Tokens, rules: &RuleSet) -> Self {
        Self { tokens: Some(tokens), draft: Draft::new(rules.schema.clone()), line: Vec::new() }
    }

    /// For events that have been through a door before.
    pub fn again(rules: &RuleSet) -> Self {
        Self { tokens: None, draft: Draft::new(rules.schema.clone()), line: Vec::new() }
    }

    /// The event with tokens, and the line that says it, without its end; `rules` is the rule set that it goes to. An error
    /// where an identifier should be a token already, and is none.
    pub fn take(&mut self, event: &Event, rules: &RuleSet) -> io::Result<(&Event, &[u8])> {
        let Self { tokens, draft, line } = self;
        let entry = event.kind() != Kind::List || is_entry_identifier(event, rules);
        let mut plain = false;
        let told = draft.retell(event, entry, |text, out| match tokens {
            Some(tokens) => tokens.push(text, out),
            None => {
                plain |= !is_token(text);
                out.push_str(text);
            }
        });
        let told = told.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if plain {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an identifier is no token"));
        }
        line.clear();
        write_event(told, line)?;
        Ok((told, line.trim_ascii_end()))
    }
}

/// Whether the entry of a `list` event is an identifier. Of a list that nobody knows it may be one.
fn is_entry_identifier(event: &Event, rules: &RuleSet) -> bool {
    let name = event.text(TextField::List).unwrap_or_default();
    let found = rules.lists.binary_search_by(|list| list.name.as_str().cmp(name)).ok();
    found.and_then(|at| rules.lists.get(at)).is_none_or(|list| list.key.is_identifier(&rules.schema))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ExtraValue, Form};
    use crate::money::Currency;
    use crate::rules::compile;

    const RULES: &str = "[ruleset]\nname = \"r\"\ntime_zone = \"UTC\"\ncurrency = \"VND\"\n\
        [fields]\nphone = \"identifier\"\ncolour = \"text\"\n\
        [lists]\nbad = { key = \"payee\" }\nshops = { key = \"merchant\" }\nphones = { key = \"phone\" }\n\
        [[rule]]\nid = \"bad\"\nwhen = \"payee in bad or merchant in shops or phone in phones\"\nthen = \"block\"\nreason = \"listed\"\n";

    fn rules() -> RuleSet {
        compile("r.toml", RULES).into_result().unwrap()
    }

    #[test]
    fn every_field_is_what_it_was_or_a_token() {
        let rules = rules();
        let tokens = Tokens::new(&[7; 32]);
        let mut door = Door::new(tokens.clone(), &rules);
        let mut draft = Draft::new(rules.schema.clone());
        draft.begin(Kind::Transaction, 5).unwrap();
        draft.amount(9, Currency::VND).unwrap();
        let text = |field: TextField| match field.form() {
            Form::OneOf(words) => words[0].to_owned(),
            Form::Words => "pin,fido".to_owned(),
            Form::Ip => "10.0.0.1".to_owned(),
            Form::Free | Form::Identifier => format!("of {}", field.name()),
        };
        for &field in TextField::ALL {
            draft.text(field, &text(field)).unwrap();
        }
        draft.extra("phone", ExtraValue::Text("0901")).unwrap();
        draft.extra("colour", ExtraValue::Text("red")).unwrap();
        draft.extra("nobody", ExtraValue::Text("0902")).unwrap();
        let event = draft.seal().unwrap();
        let (told, line) = door.take(event, &rules).unwrap();
        let line = std::str::from_utf8(line).unwrap();
        let mut changed = Vec::new();
        for &field in TextField::ALL {
            let is = told.text(field).unwrap();
            if is == tokens.token(&text(field)) {
                changed.push(field.name());
                assert!(!line.contains(&format!("\"{}\"", text(field))), "{line}");
            } else {
                assert_eq!(is, text(field));
            }
        }
        let expected = ["customer", "account", "device", "session", "payee", "linked_account", "entry"];
        assert_eq!(changed, expected);
        let at = |name| rules.schema.find(name).unwrap().0;
        assert_eq!(told.extra(at("phone")), Some(ExtraValue::Text(&tokens.token("0901"))));
        assert_eq!(told.extra(at("colour")), Some(ExtraValue::Text("red")));
        assert!(!line.contains("0901") && !line.contains("0902") && !line.contains("nobody"), "{line}");
        assert_eq!((told.identity(), told.amount()), (event.identity(), event.amount()));
        // The line says the event, all of it.
        let mut lines = super::super::LineReader::new(rules.schema.clone());
        assert_eq!(lines.read(line.as_bytes()).unwrap().fingerprint(), told.fingerprint());
    }

    #[test]
    fn what_comes_again_has_tokens_or_is_refused() {
        let rules = rules();
        let tokens = Tokens::new(&[7; 32]);
        let mut door = Door::again(&rules);
        let mut draft = Draft::new(rules.schema.clone());
        let long = "x".repeat(16);
        for (account, passes) in
            [(tokens.token("0901").as_str(), true), ("0901", false), (long.as_str(), false)]
        {
            draft.begin(Kind::Change, 5).unwrap();
            for (field, text) in
                [(TextField::Id, "1"), (TextField::What, "phone"), (TextField::Account, account)]
            {
                draft.text(field, text).unwrap();
            }
            let told = door.take(draft.seal().unwrap(), &rules);
            assert_eq!(told.is_ok(), passes, "{account}");
            if let Ok((told, _)) = told {
                assert_eq!(told.text(TextField::Account), Some(account));
            }
        }
    }

    #[test]
    fn the_entry_of_a_list_is_what_its_list_is_about() {
        let rules = rules();
        let tokens = Tokens::new(&[7; 32]);
        let mut door = Door::new(tokens.clone(), &rules);
        let mut draft = Draft::new(rules.schema.clone());
        for (list, is_token) in [("bad", true), ("shops", false), ("phones", true), ("unknown", true)] {
            draft.begin(Kind::List, 5).unwrap();
            for (field, text) in [
                (TextField::Id, "1"),
                (TextField::List, list),
                (TextField::Entry, "x"),
                (TextField::Action, "put"),
                (TextField::Note, "words of people"),
            ] {
                draft.text(field, text).unwrap();
            }
            let (told, _) = door.take(draft.seal().unwrap(), &rules).unwrap();
            let expected = if is_token { tokens.token("x") } else { "x".to_owned() };
            assert_eq!(told.text(TextField::Entry), Some(expected.as_str()), "{list}");
            assert_eq!(told.text(TextField::Note), Some("words of people"));
        }
    }
}

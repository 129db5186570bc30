//! What `list` events do: put an entry on a list, or take one off, at their place in the stream.
//!
//! A late one acts when it arrives. A tenant's events change its own entries only; those without a tenant, like the
//! files, are for all.

use super::{Limits, Refusal};
use crate::event::{Event, Kind, TextField};
use crate::lists::{List, Listing, Lists};
use crate::rules::RuleSet;

/// The list that an event is about.
fn position(rules: &RuleSet, event: &Event) -> Option<usize> {
    let name = event.text(TextField::List)?;
    rules.lists.binary_search_by(|list| list.name.as_str().cmp(name)).ok()
}

fn puts(event: &Event) -> bool {
    event.text(TextField::Action) == Some("put")
}

/// Why a list does not take what an event says; all but `list` events have nothing to say.
pub(crate) fn refuses(rules: &RuleSet, lists: &Lists, limits: &Limits, event: &Event) -> Option<Refusal> {
    if event.kind() != Kind::List {
        return None;
    }
    let Some(list) = position(rules, event).and_then(|at| lists.get(at)) else {
        return Some(Refusal::UnknownList);
    };
    let entry = event.text(TextField::Entry).unwrap_or_default();
    let full = puts(event) && list.len() >= limits.list_entries_max;
    let list_entries_max = limits.list_entries_max;
    (full && !list.holds(event.text(TextField::Tenant), entry))
        .then_some(Refusal::ListFull { list_entries_max })
}

/// Forgets some of what has expired on the list that an event is about: also before an event that is then refused,
/// or a full list would stay full.
pub(crate) fn forget(rules: &RuleSet, lists: &mut Lists, event: &Event, now_us: i64) {
    if let Some(list) = list_of(rules, lists, event) {
        list.forget_some(now_us);
    }
}

/// Does what an event says.
pub(crate) fn change(rules: &RuleSet, lists: &mut Lists, event: &Event) {
    let (tenant, entry) = (event.text(TextField::Tenant), event.text(TextField::Entry).unwrap_or_default());
    let Some(list) = list_of(rules, lists, event) else { return };
    if puts(event) {
        let (expires_us, level, note) = (event.expires_us(), event.level(), event.text(TextField::Note));
        list.put_by_event(tenant, entry, Listing { expires_us, level, note });
    } else {
        list.take(tenant, entry);
    }
}

fn list_of<'l>(rules: &RuleSet, lists: &'l mut Lists, event: &Event) -> Option<&'l mut List> {
    if event.kind() != Kind::List {
        return None;
    }
    lists.get_mut(position(rules, event)?)
}

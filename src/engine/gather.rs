//! What one event brings: its key numbers, its values, and which cells it feeds.

use super::places;
use super::plan::{Column, Plan};
use crate::event::{Event, ExtraValue, TextField};
use crate::rules::{Facts, KeyField, NumberField};
use crate::state::{Key, NO_TEXT, State};

/// Reused for every event.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// The dictionary number of each key field, `NO_TEXT` where absent.
    pub(crate) numbers: Vec<u32>,
    /// One per column; meaningful where present.
    pub(crate) values: Vec<i64>,
    present: Vec<bool>,
    /// Per family, the bits that the event feeds.
    pub(crate) masks: Vec<u64>,
    /// Per family, the bits that empty it once the event is executed.
    pub(crate) armed: Vec<u64>,
    /// Per family, its key; meaningful where either mask is not empty.
    pub(crate) keys: Vec<Key>,
    tenant: Option<(String, u32)>,
}

/// The key of these fields, or `None` where one of them is absent.
#[inline]
pub(crate) fn key(numbers: &[u32], fields: &[usize]) -> Option<Key> {
    let mut key = Key::default();
    for (part, &field) in key.iter_mut().zip(fields) {
        *part = numbers[field];
        if *part == NO_TEXT {
            return None;
        }
    }
    Some(key)
}

/// The text of a key field.
pub(crate) fn text(event: &Event, field: KeyField) -> Option<&str> {
    match field {
        KeyField::Text(field) => event.text(field),
        KeyField::Extra(position) => match event.extra(position) {
            Some(ExtraValue::Text(text)) => Some(text),
            _ => None,
        },
    }
}

/// The number of a field, if windows take it in.
pub(crate) fn number(event: &Event, field: NumberField) -> Option<i64> {
    match field {
        NumberField::Amount => event.amount().map(|amount| amount.minor),
        NumberField::Extra(position) => match event.extra(position) {
            Some(ExtraValue::Whole(value)) => {
                let (_, ty) = event.schema().fields().get(position)?;
                (value.unsigned_abs() <= ty.magnitude_max().unsigned_abs()).then_some(value)
            }
            _ => None,
        },
    }
}

impl Gathered {
    /// Room for a plan.
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            numbers: vec![NO_TEXT; plan.key_fields.len()],
            values: vec![0; plan.columns.len()],
            present: vec![false; plan.columns.len()],
            masks: vec![0; plan.keys.len()],
            armed: vec![0; plan.keys.len()],
            keys: vec![Key::default(); plan.keys.len()],
            tenant: None,
        }
    }

    /// Whether the event feeds any cell.
    pub(crate) fn feeds(&self) -> bool {
        self.masks.iter().any(|&mask| mask != 0)
    }

    /// What the event brings to a column.
    #[inline]
    pub(crate) fn value(&self, column: usize) -> Option<i64> {
        self.present[column].then(|| self.values[column])
    }

    /// Gathers from an event.
    pub(crate) fn take(&mut self, plan: &Plan, state: &mut State, facts: &Facts<'_>) {
        let event = facts.event;
        let kind = &plan.kinds[event.kind() as usize];
        self.numbers.fill(NO_TEXT);
        // A tenant's number is for good, so an event that names no key gets it none.
        let tenant = if kind.key_fields.is_empty() { 0 } else { self.tenant(event, state) };
        for &field in &kind.key_fields {
            let part = plan.key_fields[field];
            if let Some(text) = text(event, part.field) {
                // A key across tenants is nobody's, as that of an event without a tenant.
                self.numbers[field] = state.text_number(if part.across { 0 } else { tenant }, text);
            }
        }
        for (at, column) in plan.columns.iter().enumerate() {
            let value = match *column {
                Column::Number(field) => number(event, field),
                Column::Text(field) => {
                    Some(i64::from(self.numbers[field])).filter(|&n| n != i64::from(NO_TEXT))
                }
                Column::Place(latitude, longitude) => places::place(event, latitude, longitude),
            };
            self.present[at] = value.is_some();
            self.values[at] = value.unwrap_or(0);
        }
        self.masks.copy_from_slice(&kind.masks);
        self.armed.fill(0);
        look_at(plan, &kind.conditional, facts, &self.present, &mut self.masks);
        self.find_keys(plan);
    }

    /// Gathers besides what the decision carries: what depends on tables, and what empties once the event is executed.
    pub(crate) fn take_decided(&mut self, plan: &Plan, facts: &Facts<'_>) {
        let kind = &plan.kinds[facts.event.kind() as usize];
        if !(kind.carrying.is_empty() && kind.arming.is_empty()) {
            look_at(plan, &kind.carrying, facts, &self.present, &mut self.masks);
            look_at(plan, &kind.arming, facts, &self.present, &mut self.armed);
            self.find_keys(plan);
        }
    }

    /// The key of every family that the event feeds; one without a key is not fed.
    fn find_keys(&mut self, plan: &Plan) {
        for (family, fields) in plan.keys.iter().enumerate() {
            if self.masks[family] | self.armed[family] != 0 {
                match key(&self.numbers, fields) {
                    Some(key) => self.keys[family] = key,
                    None => (self.masks[family], self.armed[family]) = (0, 0),
                }
            }
        }
    }

    /// The tenant's number; 0 for events without one.
    fn tenant(&mut self, event: &Event, state: &mut State) -> u32 {
        let Some(name) = event.text(TextField::Tenant) else { return 0 };
        if let Some((held, number)) = &self.tenant
            && held == name
        {
            return *number;
        }
        let number = state.tenant_number(name);
        let held = self.tenant.get_or_insert_default();
        held.0.clear();
        held.0.push_str(name);
        held.1 = number;
        number
    }
}

/// Puts the bits of those of some contributions whose conditions hold into the masks.
fn look_at(plan: &Plan, contributions: &[usize], facts: &Facts<'_>, present: &[bool], masks: &mut [u64]) {
    for contribution in contributions.iter().map(|&at| &plan.contributions[at]) {
        let present = contribution.needs.is_none_or(|column| present[column]);
        if present && contribution.condition.as_ref().is_none_or(|c| c.holds(facts) == Some(true)) {
            masks[contribution.family] |= 1 << contribution.bit;
        }
    }
}

//! Payments again, from what was kept of them: with the decisions that rules make of them now.
//!
//! The rules whose conditions are as they were have the payments on which they fire in a file. Those that are new or were edited are
//! looked at for every payment, over the columns that they read, and then have one, too.
//!
//! Promises what a run of the engine shows, payment by payment, and that only what is listed and undamaged is used.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chunks::in_order;
use super::columns::{Files, Places, rows};
use super::keeper::write_rows;
use super::listing::{EVENTS, Listing, PAYMENTS, feature, fired, text};
use super::lit::{Chunk, Lit, Wanted};
use super::showing::{Showing, Watch};
use super::{CHUNK_ROWS, KeptError, why_not};
use crate::backtest::run::{Basis, Events, Span};
use crate::engine::{fires_where, looks_at};
use crate::event::{EventError, Kind, TextField};
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::{Mode, RuleSet};

/// What is kept of a data set, with all that a rule set needs of it.
pub(in crate::backtest) struct Past {
    folder: PathBuf,
    listing: Listing,
    rules: Arc<RuleSet>,
    lists: Lists,
    rates: Rates,
    /// By rule, the payments on which it fires, ascending.
    fired: Vec<(u16, Vec<u32>)>,
    /// The rules of which nobody knows that yet.
    asked: Vec<u16>,
    warming: u64,
    immature: u64,
}

impl Past {
    /// Opens a folder for a rule set; `None` where something is not there that it needs.
    pub(in crate::backtest) fn open(
        folder: &Path,
        rules: &Arc<RuleSet>,
        (lists, rates): (&Lists, &Rates),
    ) -> Result<Option<Self>, KeptError> {
        let Some(listing) = Listing::read(folder) else { return Ok(None) };
        let kinds: Vec<Kind> =
            listing.events.kinds.iter().filter_map(|kind| Kind::from_name(&kind.name)).collect();
        let used = rules.features.iter().filter(|feature| feature.used);
        let is_there = [PAYMENTS, EVENTS].into_iter().all(|name| listing.has(name))
            && used.map(|declared| feature(&declared.hash)).all(|name| listing.has(&name));
        if !is_there || why_not(rules, listing.decides, &kinds).is_some() {
            return Ok(None);
        }
        let (mut known, mut asked) = (Vec::new(), Vec::new());
        for (at, rule) in (0..).zip(&rules.rules) {
            if rule.mode == Mode::Off || rule.from != Kind::Transaction {
                continue;
            }
            let name = fired(&rule.firing.hash);
            if listing.has(&name) {
                known.push((at, rows(&listing.checked(folder, &name)?)?));
            } else {
                asked.push(at);
            }
        }
        Ok(Some(Self {
            folder: folder.to_owned(),
            listing,
            rules: Arc::clone(rules),
            lists: lists.clone(),
            rates: rates.clone(),
            fired: known,
            asked,
            warming: 0,
            immature: 0,
        }))
    }

    /// How many rules have to be looked at, of how many.
    pub(in crate::backtest) fn looked_at(&self) -> (usize, usize) {
        (self.asked.len(), self.asked.len() + self.fired.len())
    }

    /// The rule set.
    pub(in crate::backtest) fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// What became of the events.
    pub(in crate::backtest) fn events(&self) -> &Events {
        &self.listing.events
    }

    /// When the first payment happened.
    pub(in crate::backtest) fn first_us(&self) -> Option<i64> {
        self.listing.first_us
    }

    /// Payments that were shown from before and from after the measured time.
    pub(in crate::backtest) fn warming_and_immature(&self) -> (u64, u64) {
        (self.warming, self.immature)
    }

    /// Shows payments as a run of the engine does, with a basis and an event that have what is `wanted`. Where nothing is, only those
    /// are shown on which a rule fires or that are frauds, with each chunk that they stand among. Then keeps which payments the rules
    /// fire on that were looked at.
    pub(in crate::backtest) fn each(
        &mut self,
        span: Span,
        threads: usize,
        wanted: Option<&Wanted>,
        watch: &mut impl Watch,
    ) -> Result<(), KeptError> {
        let rules = Arc::clone(&self.rules);
        let nothing = Wanted::by(&rules, std::iter::empty());
        let of_asked = self.asked.iter().filter_map(|&at| rules.rules.get(usize::from(at)));
        let all = Wanted::by(&rules, of_asked).and(wanted.unwrap_or(&nothing));
        let all = self.within(all);
        let files = self.check(&all)?;
        let chunks = (self.listing.payments as usize).div_ceil(CHUNK_ROWS);
        let beside = (&self.lists, &self.rates);
        let (listing, known, asked) = (&self.listing, &self.fired, &self.asked);
        let begin = || Ok((Files::open(&files, &listing.same)?, Lit::new(&rules, beside, &all)));
        let work = |(files, lit): &mut (Files, Lit<'_>), chunk: usize| {
            let read = files.read(chunk)?;
            let fired = fires(&rules, (known, asked), (&read, chunk), lit)?;
            Ok((read, fired))
        };
        let lit = Lit::new(&rules, beside, &all);
        let mut showing = Showing::new(listing, &rules, lit, span, wanted.is_some());
        let mut found: Vec<Vec<u32>> = vec![Vec::new(); asked.len()];
        in_order(chunks, threads, begin, work, |at, (chunk, fired)| {
            let first = at * CHUNK_ROWS;
            for &(row, rule) in &fired {
                let place = asked.iter().position(|asked| *asked == rule);
                if let Some(found) = place.and_then(|place| found.get_mut(place)) {
                    found.push(first as u32 + row);
                }
            }
            showing.chunk(first, &chunk, &fired, watch).map_err(|error| self.bad_event(&error))
        })?;
        (self.warming, self.immature) = showing.warming_and_immature();
        self.keep(found);
        Ok(())
    }

    /// The files with what is wanted, each checked. Events are read whole where a field of them has no column.
    fn check(&self, wanted: &Wanted) -> Result<Places, KeptError> {
        let checked = |name: &str| self.listing.checked(&self.folder, name);
        let mut places = Places { payments: checked(PAYMENTS)?, ..Places::default() };
        if wanted.whole {
            places.events = Some(checked(EVENTS)?);
        } else {
            for &field in &wanted.texts {
                places.texts.push((field, checked(&text(field))?));
            }
        }
        for &position in &wanted.features {
            if let Some(declared) = self.rules.features.get(usize::from(position)) {
                places.features.push((position, checked(&feature(&declared.hash))?));
            }
        }
        Ok(places)
    }

    /// The same, with whole events where a field has no column of its own.
    fn within(&self, wanted: Wanted) -> Wanted {
        let lacks = |field: &TextField| !self.listing.has(&text(*field));
        Wanted { whole: wanted.whole || wanted.texts.iter().any(lacks), ..wanted }
    }

    /// Keeps which payments the rules fire on that were looked at. What can't be written is looked at the next time, too.
    fn keep(&mut self, found: Vec<Vec<u32>>) {
        let mut listed = Vec::new();
        for (at, rows) in std::mem::take(&mut self.asked).into_iter().zip(found) {
            let Some(rule) = self.rules.rules.get(usize::from(at)) else { continue };
            listed.extend(write_rows(&self.folder, &fired(&rule.firing.hash), &rows));
            self.fired.push((at, rows));
        }
        self.fired.sort_unstable_by_key(|(at, _)| *at);
        // It was used now, whether anything is new or not.
        let _ = self.listing.clone().add(&self.folder, listed);
    }

    /// Looks at some payments again, whole, with all that the engine recorded of them: in the order in which they are given.
    pub(in crate::backtest) fn look(
        &self,
        payments: &BTreeSet<u64>,
        mut take: impl FnMut(u64, &dyn Basis),
    ) -> Result<(), KeptError> {
        let wanted = Wanted::all(&self.rules);
        let mut files = Files::open(&self.check(&wanted)?, &self.listing.same)?;
        let mut lit = Lit::new(&self.rules, (&self.lists, &self.rates), &wanted);
        let mut held: Option<(usize, Chunk)> = None;
        for &at in payments {
            let (chunk, row) = (at as usize / CHUNK_ROWS, at as usize % CHUNK_ROWS);
            if held.as_ref().is_none_or(|(held, _)| *held != chunk) {
                held = Some((chunk, files.read(chunk)?));
            }
            if let Some((_, chunk)) = &held {
                lit.set(chunk, row).map_err(|error| self.bad_event(&error))?;
                take(at, &lit);
            }
        }
        Ok(())
    }

    /// The rules that fire on a payment that was shown, live ones and ones in shadow.
    pub(in crate::backtest) fn fired_on(&self, payment: u64) -> (Vec<u16>, Vec<u16>) {
        let fires = |rows: &[u32]| u32::try_from(payment).is_ok_and(|at| rows.binary_search(&at).is_ok());
        let fired = self.fired.iter().filter(|(_, rows)| fires(rows)).map(|(at, _)| *at);
        let is_live =
            |at: &u16| self.rules.rules.get(usize::from(*at)).is_some_and(|rule| rule.mode == Mode::Live);
        fired.partition(is_live)
    }

    fn bad_event(&self, error: &EventError) -> KeptError {
        KeptError::Damaged { path: self.folder.display().to_string(), why: error.to_string() }
    }
}

/// On which payments of a chunk which rules fire: by row, then by rule.
fn fires(
    rules: &RuleSet,
    (known, asked): (&[(u16, Vec<u32>)], &[u16]),
    (chunk, at): (&Chunk, usize),
    lit: &mut Lit<'_>,
) -> Result<Vec<(u32, u16)>, KeptError> {
    let first = (at * CHUNK_ROWS) as u32;
    let mut fired = Vec::new();
    for (rule, rows) in known {
        let from = rows.partition_point(|row| *row < first);
        let of_chunk = rows.iter().skip(from).take_while(|row| ((*row - first) as usize) < CHUNK_ROWS);
        fired.extend(of_chunk.map(|row| (row - first, *rule)));
    }
    let asked: Vec<_> =
        asked.iter().filter_map(|&at| Some((at, rules.rules.get(usize::from(at))?))).collect();
    if !asked.is_empty() {
        for row in 0..chunk.payments.len() {
            let damaged = |error: EventError| KeptError::Damaged {
                path: "an event".to_owned(),
                why: error.to_string(),
            };
            lit.set(chunk, row).map_err(damaged)?;
            let facts = lit.facts();
            for &(at, rule) in &asked {
                if looks_at(rule, facts.event) && fires_where(rule, rule.when.holds(&facts), facts.event) {
                    fired.push((row as u32, at));
                }
            }
        }
    }
    fired.sort_unstable();
    Ok(fired)
}

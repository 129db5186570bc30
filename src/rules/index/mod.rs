//! Which rules may fire: found without looking at each.
//!
//! Conditions are taken apart into predicates, each on one attribute that many of them share; an attribute is
//! evaluated once per event. A rule that asks for values that few others ask for is filed under them (`group`); all
//! others are sieved attribute by attribute, 64 rules at a time (`sieve`). Promises that no rule that fires is
//! left out, and that looking allocates nothing. Must never know state, nor what a rule does when it fires.

mod attribute;
mod classes;
mod group;
mod predicate;
mod sieve;

use hashbrown::HashTable;

use super::Facts;
use super::expr::{Condition, TruthExpr};
use super::ruleset::{Mode, OnUnknown, Rule, Tier};
use attribute::{Attribute, Operand};
use classes::{ClassSet, Truths};
use group::Groups;
use predicate::{Predicate, each_conjunct};

/// An attribute that fewer predicates share is not worth looking at before they are.
const PREDICATES_MIN: usize = 4;

/// Finds the rules of a rule set that may fire.
#[derive(Clone, Debug)]
pub struct Index {
    attributes: Vec<Attribute>,
    groups: Groups,
    rules: usize,
}

/// What an index writes on while it looks.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    classes: Classes,
    sieve: Vec<u64>,
    found: Vec<u16>,
}

impl Condition {
    /// The conditions that must all hold for it to hold; it is false where one is, and otherwise unknown where one is.
    pub fn conjuncts(&self) -> Vec<Self> {
        let mut all = Vec::new();
        each_conjunct(self.truth(), &mut |part| all.push(Self::new(part.clone())));
        all
    }
}

/// The class of each attribute for one event, found when it is first asked for.
#[derive(Clone, Debug, Default)]
struct Classes(Vec<u32>);

/// A rule with what can be told of it by looking at single attributes.
#[derive(Debug)]
struct Row {
    rule: u16,
    /// By attribute, ascending: the classes in which it may fire.
    may: Vec<(u32, ClassSet)>,
}

impl Classes {
    /// Not a class: there are fewer.
    const UNKNOWN: u32 = u32::MAX;

    #[inline]
    fn of(&mut self, attribute: u32, attributes: &[Attribute], facts: &Facts<'_>) -> u32 {
        let (Some(held), Some(attribute)) =
            (self.0.get_mut(attribute as usize), attributes.get(attribute as usize))
        else {
            return classes::NULL;
        };
        if *held == Self::UNKNOWN {
            *held = attribute.class(facts);
        }
        *held
    }
}

impl Index {
    /// An index of rules; their positions are those in `rules`.
    pub fn new(rules: &[Rule]) -> Self {
        let looked_at = |&(_, rule): &(u16, &Rule)| rule.mode != Mode::Off;
        let looked_at: Vec<(u16, &Rule)> = (0..).zip(rules).filter(looked_at).collect();
        let (attributes, rows) = if looked_at.len() < group::ROWS_SIEVED_MIN {
            let rows = looked_at.iter().map(|&(rule, _)| Row { rule, may: Vec::new() });
            (Vec::new(), rows.collect())
        } else {
            Predicates::read(&looked_at).rows(&looked_at)
        };
        Self { groups: Groups::new(&rows), attributes, rules: looked_at.len() }
    }

    /// What looking takes; made once and used again.
    pub fn scratch(&self) -> Scratch {
        Scratch {
            classes: Classes(vec![Classes::UNKNOWN; self.attributes.len()]),
            sieve: Vec::with_capacity(self.rules.div_ceil(64)),
            found: Vec::with_capacity(self.rules),
        }
    }

    /// The positions of the rules that may fire, ascending: all that do, and few that don't. Rules that are off are
    /// not among them.
    pub fn candidates<'s>(&self, facts: &Facts<'_>, scratch: &'s mut Scratch) -> &'s [u16] {
        let Scratch { classes, sieve, found } = scratch;
        classes.0.clear();
        classes.0.resize(self.attributes.len(), Classes::UNKNOWN);
        found.clear();
        self.groups.look(|attribute| classes.of(attribute, &self.attributes, facts), sieve, found);
        found
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.attributes.capacity() * size_of::<Attribute>()
            + self.attributes.iter().map(Attribute::bytes).sum::<usize>()
            + self.groups.bytes()
    }
}

/// All predicates of all rules.
#[derive(Debug, Default)]
struct Predicates<'r> {
    operands: Vec<Operand<'r>>,
    /// With the position of its rule among those read, and of its operand.
    all: Vec<(usize, usize, Predicate<'r>)>,
}

impl<'r> Predicates<'r> {
    fn read(rules: &[(u16, &'r Rule)]) -> Self {
        let mut read = Self::default();
        let mut places: HashTable<usize> = HashTable::new();
        for (at, (_, rule)) in rules.iter().enumerate() {
            each_conjunct(rule.when.truth(), &mut |truth: &'r TruthExpr| {
                let predicate = Predicate::of(truth);
                let Self { operands, all } = &mut read;
                let place = places.entry(
                    predicate.operand.hash(),
                    |&place| operands.get(place) == Some(&predicate.operand),
                    |&place| operands.get(place).map_or(0, Operand::hash),
                );
                let place = *place.or_insert(operands.len()).get();
                if place == operands.len() {
                    operands.push(predicate.operand);
                }
                all.push((at, place, predicate));
            });
        }
        read
    }

    /// The attributes worth having, and a row per rule.
    fn rows(self, rules: &[(u16, &'r Rule)]) -> (Vec<Attribute>, Vec<Row>) {
        let mut of: Vec<Vec<usize>> = vec![Vec::new(); self.operands.len()];
        for (at, (_, place, _)) in self.all.iter().enumerate() {
            of[*place].push(at);
        }
        let mut rows: Vec<Row> = rules.iter().map(|&(rule, _)| Row { rule, may: Vec::new() }).collect();
        let mut attributes = Vec::new();
        for (operand, predicates) in self.operands.iter().zip(of) {
            if predicates.len() < PREDICATES_MIN {
                continue;
            }
            let predicates = predicates.iter().map(|&at| &self.all[at]);
            let mut constants = Vec::new();
            predicates.clone().for_each(|(_, _, predicate)| predicate.constants(&mut constants));
            let ordered = predicates.clone().any(|(_, _, predicate)| predicate.ordered());
            let attribute = Attribute::new(*operand, &constants, ordered);
            let number = attributes.len() as u32;
            for (at, _, predicate) in predicates {
                let Truths { yes, no } = predicate.truths(&attribute);
                let unknown_fires = fires_when_unknown(rules[*at].1);
                let may = if unknown_fires { no.complement(attribute.classes()) } else { yes };
                rows[*at].narrow(number, may);
            }
            attributes.push(attribute);
        }
        (attributes, rows)
    }
}

impl Row {
    /// Besides, it may fire only in these classes of an attribute; attributes come in ascending order.
    fn narrow(&mut self, attribute: u32, may: ClassSet) {
        match self.may.last_mut() {
            Some((last, held)) if *last == attribute => *held = held.intersection(&may),
            _ => self.may.push((attribute, may)),
        }
    }
}

fn fires_when_unknown(rule: &Rule) -> bool {
    rule.on_unknown == OnUnknown::Fires || rule.tier == Tier::Mandatory
}

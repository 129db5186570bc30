//! Where a rule set takes an identifier for what it is called instead of for whom it stands.
//!
//! With tokens a comparison of an identifier with a written text, or with a field that is none, can never hold, and its
//! order and letters mean nothing. Promises to find every such place, by what is evaluated. Two identifiers may be
//! equal, be on a list about one, and be absent.

use super::expr::{
    Chooser, Common, Comparison, Condition, DecimalExpr, Test, TextExpr, TruthExpr, WholeExpr,
};
use super::{KeyField, ListDeclaration, RuleSet};
use crate::event::Schema;

impl KeyField {
    /// Whether it stands for somebody or for what is theirs.
    pub fn is_identifier(self, schema: &Schema) -> bool {
        match self {
            Self::Text(field) => field.is_identifier(),
            Self::Extra(position) => schema.is_identifier(position),
        }
    }
}

impl RuleSet {
    /// What of it tokens would make meaningless, one line each; nothing where it can be used with them.
    pub fn read_as_text(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut look = |place: String, condition: Option<&Condition>| {
            let mut search = Search { schema: &self.schema, lists: &self.lists, found: Vec::new() };
            if let Some(condition) = condition {
                search.truth(condition.truth());
            }
            search.found.dedup();
            found.extend(search.found.into_iter().map(|what| format!("{place}: {what}")));
        };
        for rule in &self.rules {
            look(format!("rule `{}`", rule.id), Some(&rule.when));
        }
        for feature in &self.features {
            look(format!("feature `{}`", feature.name), feature.condition.as_ref());
            let reset = feature.reset.as_ref().and_then(|reset| reset.condition.as_ref());
            look(format!("the reset of feature `{}`", feature.name), reset);
        }
        for table in &self.tables {
            for row in &table.rows {
                look(format!("table `{}`", table.name), Some(&row.when));
            }
        }
        for lock in &self.locks {
            look(format!("lock `{}`", lock.name), lock.opens_where.as_ref());
        }
        for feature in &self.features {
            let pairs = feature.by.iter().zip(&feature.at);
            for (by, at) in pairs.filter(|(by, at)| self.stands(**by) != self.stands(**at)) {
                let (by, at) = (by.name(&self.schema), at.name(&self.schema));
                found.push(format!(
                    "feature `{}`: `{by}` and `{at}` are one key, and only one of them is an identifier",
                    feature.name
                ));
            }
        }
        found
    }

    fn stands(&self, key: KeyField) -> bool {
        key.is_identifier(&self.schema)
    }
}

/// What the values of a text may be.
#[derive(Clone, Copy, Default)]
struct Sort<'r> {
    /// An identifier, of this field.
    identifier: Option<&'r str>,
    /// A text that says itself.
    plain: bool,
}

impl Sort<'_> {
    fn or(self, other: Self) -> Self {
        Self { identifier: self.identifier.or(other.identifier), plain: self.plain || other.plain }
    }
}

struct Search<'r> {
    schema: &'r Schema,
    lists: &'r [ListDeclaration],
    found: Vec<String>,
}

impl<'r> Search<'r> {
    fn key(&self, key: KeyField) -> Sort<'r> {
        let identifier = key.is_identifier(self.schema).then(|| key.name(self.schema));
        Sort { identifier, plain: identifier.is_none() }
    }

    /// Two texts that are held against each other.
    fn equal(&mut self, sort: Sort<'_>) {
        if let Sort { identifier: Some(name), plain: true } = sort {
            self.found.push(format!("`{name}` is compared with a text that is no identifier"));
        }
    }

    /// A text whose letters are looked at.
    fn letters(&mut self, sort: Sort<'_>) {
        if let Some(name) = sort.identifier {
            self.found.push(format!("the letters of `{name}` are looked at, or their order"));
        }
    }

    fn listed(&mut self, text: &'r TextExpr, list: usize) {
        let Some(list) = self.lists.get(list) else { return };
        let (asked, about) = (self.text(text), self.key(list.key));
        if asked.or(about).identifier.is_some() && asked.or(about).plain {
            self.found.push(format!(
                "the list `{}` is about `{}`, and is asked for another kind of text",
                list.name,
                list.key.name(self.schema)
            ));
        }
    }

    fn truth(&mut self, truth: &'r TruthExpr) {
        match truth {
            TruthExpr::Constant(_)
            | TruthExpr::SameOwner
            | TruthExpr::Extra(_)
            | TruthExpr::Feature(_)
            | TruthExpr::FeatureAsItIs(_)
            | TruthExpr::Table(..)
            | TruthExpr::Met(_) => {}
            TruthExpr::Not(part) | TruthExpr::Is(part, _) => self.truth(part),
            TruthExpr::All(parts) | TruthExpr::Any(parts) => parts.iter().for_each(|part| self.truth(part)),
            TruthExpr::WholeTo(_, whole, _) | TruthExpr::WholeAmong(whole, _) => self.whole(whole),
            TruthExpr::TextTo(_, text, _) | TruthExpr::TextAmong(text, _) => {
                let sort = self.text(text);
                self.equal(Sort { plain: true, ..sort });
            }
            TruthExpr::Whole(test) => parts(test).for_each(|part| self.whole(part)),
            TruthExpr::Decimal(test) => parts(test).for_each(|part| self.decimal(part)),
            TruthExpr::Truth(test) => parts(test).for_each(|part| self.truth(part)),
            TruthExpr::Text(test) => {
                let sort = self.joined(parts(test));
                match test {
                    Test::Compare(Comparison::Equal | Comparison::Unequal, _) | Test::In(_) => {
                        self.equal(sort)
                    }
                    Test::Compare(..) | Test::Between(_) => self.letters(sort),
                    Test::Null(_) => {}
                }
            }
            TruthExpr::Like(text, _) | TruthExpr::Word(text, _) => {
                let sort = self.text(text);
                self.letters(sort);
            }
            TruthExpr::Listed(text, list) => self.listed(text, *list),
            TruthExpr::Common(common) => self.common(common, |search, part| search.truth(part)),
        }
    }

    fn whole(&mut self, whole: &'r WholeExpr) {
        match whole {
            WholeExpr::Arithmetic(_, pair) => {
                [&pair.0, &pair.1].into_iter().for_each(|part| self.whole(part))
            }
            WholeExpr::Negate(part) | WholeExpr::Absolute(part) => self.whole(part),
            WholeExpr::ListLevel(text, list) => self.listed(text, *list),
            WholeExpr::Common(common) => self.common(common, |search, part| search.whole(part)),
            _ => {}
        }
    }

    fn decimal(&mut self, decimal: &'r DecimalExpr) {
        match decimal {
            DecimalExpr::Whole(whole) => self.whole(whole),
            DecimalExpr::Arithmetic(_, pair) => {
                [&pair.0, &pair.1].into_iter().for_each(|part| self.decimal(part));
            }
            DecimalExpr::Negate(part) | DecimalExpr::Absolute(part) => self.decimal(part),
            DecimalExpr::Common(common) => self.common(common, |search, part| search.decimal(part)),
            _ => {}
        }
    }

    /// What a text may be; what it is made of is looked at.
    fn text(&mut self, text: &'r TextExpr) -> Sort<'r> {
        match text {
            TextExpr::Constant(None) => Sort::default(),
            TextExpr::Field(field) => self.key(KeyField::Text(*field)),
            TextExpr::Extra(position) => self.key(KeyField::Extra(*position)),
            TextExpr::Constant(Some(_))
            | TextExpr::Currency
            | TextExpr::Kind
            | TextExpr::Quality(_)
            | TextExpr::Table(..) => Sort { identifier: None, plain: true },
            TextExpr::Common(common) => {
                let mut sort = Sort::default();
                self.common(common, |search, part| sort = sort.or(search.text(part)));
                match common {
                    Common::Nullif(_) => self.equal(sort),
                    Common::Least(_) | Common::Greatest(_) => self.letters(sort),
                    Common::Coalesce(_) | Common::Case(_) => {}
                }
                sort
            }
        }
    }

    fn joined(&mut self, texts: impl Iterator<Item = &'r TextExpr>) -> Sort<'r> {
        texts.fold(Sort::default(), |sort, text| sort.or(self.text(text)))
    }

    fn common<E>(&mut self, common: &'r Common<E>, mut each: impl FnMut(&mut Self, &'r E)) {
        match common {
            Common::Coalesce(parts) | Common::Least(parts) | Common::Greatest(parts) => {
                parts.iter().for_each(|part| each(self, part));
            }
            Common::Nullif(pair) => [&pair.0, &pair.1].into_iter().for_each(|part| each(self, part)),
            Common::Case(case) => {
                self.chooser(&case.chooser);
                case.results.iter().chain([&case.otherwise]).for_each(|part| each(self, part));
            }
        }
    }

    fn chooser(&mut self, chooser: &'r Chooser) {
        match chooser {
            Chooser::Searched(conditions) => conditions.iter().for_each(|part| self.truth(part)),
            Chooser::Truth(operand, values) => {
                std::iter::once(operand).chain(values).for_each(|part| self.truth(part));
            }
            Chooser::Whole(operand, values) => {
                std::iter::once(operand).chain(values).for_each(|part| self.whole(part));
            }
            Chooser::Decimal(operand, values) => {
                std::iter::once(operand).chain(values).for_each(|part| self.decimal(part));
            }
            Chooser::Text(operand, values) => {
                let sort = self.joined(std::iter::once(operand).chain(values));
                self.equal(sort);
            }
        }
    }
}

/// What a test is made of.
fn parts<E>(test: &Test<E>) -> Box<dyn Iterator<Item = &E> + '_> {
    match test {
        Test::Compare(_, pair) => Box::new([&pair.0, &pair.1].into_iter()),
        Test::Between(parts) => Box::new([&parts.0, &parts.1, &parts.2].into_iter()),
        Test::In(parts) => Box::new(std::iter::once(&parts.0).chain(&parts.1)),
        Test::Null(part) => Box::new(std::iter::once(&**part)),
    }
}

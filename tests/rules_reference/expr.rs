//! Expressions as the generator builds them, and what each of them is, step by step.

use std::fmt::{self, Display};

use weir::event::{Draft, ExtraValue, Kind, TextField};

/// An expression as the generator builds it. A number's type is known: whole, or decimal.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Name(&'static str, Ty),
    Whole(i64),
    Decimal(&'static str),
    Text(&'static str),
    Boolean(bool),
    Unary(&'static str, Box<Expr>),
    Abs(Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    IsNull(Box<Expr>, bool),
    Is(Box<Expr>, Option<bool>, bool),
    In(Box<Expr>, Vec<Expr>, bool),
    Between(Box<Expr>, Box<Expr>, Box<Expr>, bool),
    Like(Box<Expr>, &'static str, bool),
    Call(&'static str, Vec<Expr>),
    Case(Option<Box<Expr>>, Vec<(Expr, Expr)>, Option<Box<Expr>>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ty {
    Whole,
    Decimal,
    Text,
    Boolean,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Whole(i64),
    Decimal(f64),
    Text(String),
    Boolean(bool),
}

#[derive(Clone, Debug)]
pub(crate) struct Fields {
    pub(crate) x: Option<i64>,
    pub(crate) y: Option<i64>,
    pub(crate) d: Option<f64>,
    pub(crate) e: Option<f64>,
    pub(crate) f: Option<bool>,
    pub(crate) g: Option<bool>,
    pub(crate) s: Option<&'static str>,
    pub(crate) t: Option<&'static str>,
}

pub(crate) fn not(negated: bool) -> &'static str {
    if negated { "not " } else { "" }
}

impl Display for Expr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |parts: &[Expr]| parts.iter().map(Expr::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Name(name, _) => write!(out, "{name}"),
            Self::Whole(value) => write!(out, "{value}"),
            Self::Decimal(text) => write!(out, "{text}"),
            Self::Text(text) => write!(out, "'{text}'"),
            Self::Boolean(value) => write!(out, "{value}"),
            Self::Unary(op, operand) => write!(out, "({op} {operand})"),
            Self::Abs(operand) => write!(out, "abs({operand})"),
            Self::Binary(op, left, right) => write!(out, "({left} {op} {right})"),
            Self::IsNull(operand, negated) => write!(out, "({operand} is {}null)", not(*negated)),
            Self::Is(operand, truth, negated) => {
                let truth = truth.map_or("unknown", |truth| if truth { "true" } else { "false" });
                write!(out, "({operand} is {}{truth})", not(*negated))
            }
            Self::In(operand, items, negated) => {
                write!(out, "({operand} {}in ({}))", not(*negated), list(items))
            }
            Self::Between(operand, low, high, negated) => {
                write!(out, "({operand} {}between {low} and {high})", not(*negated))
            }
            Self::Like(operand, pattern, negated) => {
                write!(out, "({operand} {}like '{pattern}')", not(*negated))
            }
            Self::Call(name, parts) => write!(out, "{name}({})", list(parts)),
            Self::Case(operand, whens, otherwise) => {
                write!(out, "case")?;
                if let Some(operand) = operand {
                    write!(out, " {operand}")?;
                }
                for (when, then) in whens {
                    write!(out, " when {when} then {then}")?;
                }
                if let Some(otherwise) = otherwise {
                    write!(out, " else {otherwise}")?;
                }
                write!(out, " end")
            }
        }
    }
}

impl Expr {
    pub(crate) fn ty(&self) -> Ty {
        let join = |parts: &mut dyn Iterator<Item = &Expr>| {
            let types: Vec<Ty> = parts.map(Expr::ty).collect();
            if types.contains(&Ty::Decimal) { Ty::Decimal } else { types[0] }
        };
        match self {
            Self::Name(_, ty) => *ty,
            Self::Whole(_) => Ty::Whole,
            Self::Decimal(_) => Ty::Decimal,
            Self::Text(_) => Ty::Text,
            Self::Unary("-", operand) | Self::Abs(operand) => operand.ty(),
            Self::Binary("/", ..) => Ty::Decimal,
            Self::Binary("+" | "-" | "*" | "%", left, right) => join(&mut [&**left, &**right].into_iter()),
            Self::Call(_, parts) => join(&mut parts.iter()),
            Self::Case(_, whens, otherwise) => {
                join(&mut whens.iter().map(|(_, then)| then).chain(otherwise.as_deref()))
            }
            _ => Ty::Boolean,
        }
    }

    pub(crate) fn is_literal(&self) -> bool {
        match self {
            Self::Whole(_) | Self::Decimal(_) => true,
            Self::Unary("-", operand) => operand.is_literal(),
            _ => false,
        }
    }

    /// The value as `ty`: whole numbers become decimal beside decimal ones.
    pub(crate) fn as_ty(&self, ty: Ty, fields: &Fields) -> Value {
        match (self.value(fields), ty) {
            (Value::Whole(value), Ty::Decimal) => Value::Decimal(value as f64),
            (value, _) => value,
        }
    }

    pub(crate) fn value(&self, fields: &Fields) -> Value {
        match self {
            Self::Name(name, _) => fields.get(name),
            Self::Whole(value) => Value::Whole(*value),
            Self::Decimal(text) => Value::Decimal(text.parse().unwrap()),
            Self::Text(text) => Value::Text((*text).to_owned()),
            Self::Boolean(value) => Value::Boolean(*value),
            Self::Unary("not", operand) => truth(kleene_not(operand.truth(fields))),
            Self::Unary(_, operand) => match operand.value(fields) {
                Value::Whole(value) => whole(-i128::from(value)),
                Value::Decimal(value) => decimal(-value),
                other => other,
            },
            Self::Abs(operand) => match operand.value(fields) {
                Value::Whole(value) => whole(i128::from(value).abs()),
                Value::Decimal(value) => decimal(value.abs()),
                other => other,
            },
            Self::Binary(op @ ("and" | "or"), left, right) => {
                let (left, right) = (left.truth(fields), right.truth(fields));
                truth(if *op == "and" {
                    kleene_and(left, right)
                } else {
                    kleene_not(kleene_and(kleene_not(left), kleene_not(right)))
                })
            }
            Self::Binary(op @ ("+" | "-" | "*" | "/" | "%"), left, right) => {
                let ty = self.ty();
                arithmetic(op, left.as_ty(ty, fields), right.as_ty(ty, fields))
            }
            Self::Binary(op, left, right) => {
                let ty = wider(left.ty(), right.ty());
                truth(compare(op, &left.as_ty(ty, fields), &right.as_ty(ty, fields)))
            }
            Self::IsNull(operand, negated) => {
                Value::Boolean((operand.value(fields) == Value::Null) != *negated)
            }
            Self::Is(operand, wanted, negated) => {
                Value::Boolean((operand.truth(fields) == *wanted) != *negated)
            }
            Self::In(operand, items, negated) => {
                let ty = items.iter().fold(operand.ty(), |ty, item| wider(ty, item.ty()));
                let operand = operand.as_ty(ty, fields);
                // `in` is `= or = or ...`
                let mut any = Some(false);
                for item in items {
                    let equal = compare("=", &operand, &item.as_ty(ty, fields));
                    any = kleene_not(kleene_and(kleene_not(any), kleene_not(equal)));
                }
                truth(if *negated { kleene_not(any) } else { any })
            }
            Self::Between(operand, low, high, negated) => {
                let ty = wider(wider(operand.ty(), low.ty()), high.ty());
                let operand = operand.as_ty(ty, fields);
                let above = compare(">=", &operand, &low.as_ty(ty, fields));
                let within = kleene_and(above, compare("<=", &operand, &high.as_ty(ty, fields)));
                truth(if *negated { kleene_not(within) } else { within })
            }
            Self::Like(operand, pattern, negated) => match operand.value(fields) {
                Value::Text(text) => {
                    let text: Vec<char> = text.chars().collect();
                    let pattern: Vec<char> = pattern.chars().collect();
                    Value::Boolean(like(&text, &pattern) != *negated)
                }
                other => other,
            },
            Self::Call("nullif", parts) => {
                let ty = self.ty();
                let (first, second) = (parts[0].as_ty(ty, fields), parts[1].as_ty(ty, fields));
                if compare("=", &first, &second) == Some(true) { Value::Null } else { first }
            }
            Self::Call(name, parts) => {
                let ty = self.ty();
                let mut present =
                    parts.iter().map(|p| p.as_ty(ty, fields)).filter(|value| *value != Value::Null);
                let picked = match *name {
                    "coalesce" => present.next(),
                    "least" => present.reduce(|a, b| if compare("<", &b, &a) == Some(true) { b } else { a }),
                    _ => present.reduce(|a, b| if compare(">", &b, &a) == Some(true) { b } else { a }),
                };
                picked.unwrap_or(Value::Null)
            }
            Self::Case(operand, whens, otherwise) => {
                let ty = self.ty();
                let matching = operand.as_ref().map(|operand| {
                    let ty = whens.iter().fold(operand.ty(), |ty, (when, _)| wider(ty, when.ty()));
                    (ty, operand.as_ty(ty, fields))
                });
                let chosen = whens.iter().find(|(when, _)| match &matching {
                    None => when.truth(fields) == Some(true),
                    Some((ty, operand)) => compare("=", operand, &when.as_ty(*ty, fields)) == Some(true),
                });
                let result = chosen.map(|(_, then)| then).or(otherwise.as_deref());
                result.map_or(Value::Null, |result| result.as_ty(ty, fields))
            }
        }
    }

    pub(crate) fn truth(&self, fields: &Fields) -> Option<bool> {
        match self.value(fields) {
            Value::Boolean(value) => Some(value),
            Value::Null => None,
            other => panic!("{self} is {other:?}"),
        }
    }
}

impl Fields {
    pub(crate) fn get(&self, name: &str) -> Value {
        let number = |value: Option<i64>| value.map_or(Value::Null, Value::Whole);
        let decimal = |value: Option<f64>| value.map_or(Value::Null, Value::Decimal);
        let text = |value: Option<&str>| value.map_or(Value::Null, |text| Value::Text(text.to_owned()));
        match name {
            "x" => number(self.x),
            "y" => number(self.y),
            "d" => decimal(self.d),
            "e" => decimal(self.e),
            "f" => truth(self.f),
            "g" => truth(self.g),
            "s" => text(self.s),
            _ => text(self.t),
        }
    }

    pub(crate) fn fill(&self, draft: &mut Draft) {
        draft.begin(Kind::Clock, 0).unwrap();
        draft.text(TextField::Id, "c").unwrap();
        for name in ["x", "y", "d", "e", "f", "g", "s", "t"] {
            match self.get(name) {
                Value::Null => {}
                Value::Whole(value) => draft.extra(name, ExtraValue::Whole(value)).unwrap(),
                Value::Decimal(value) => draft.extra(name, ExtraValue::Decimal(value)).unwrap(),
                Value::Text(text) => draft.extra(name, ExtraValue::Text(&text)).unwrap(),
                Value::Boolean(value) => draft.extra(name, ExtraValue::Boolean(value)).unwrap(),
            }
        }
    }
}

pub(crate) fn wider(a: Ty, b: Ty) -> Ty {
    if b == Ty::Decimal { b } else { a }
}

pub(crate) fn truth(value: Option<bool>) -> Value {
    value.map_or(Value::Null, Value::Boolean)
}

pub(crate) fn whole(value: i128) -> Value {
    i64::try_from(value).map_or(Value::Null, Value::Whole)
}

pub(crate) fn decimal(value: f64) -> Value {
    if value.is_finite() { Value::Decimal(value) } else { Value::Null }
}

pub(crate) fn kleene_and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

pub(crate) fn kleene_not(a: Option<bool>) -> Option<bool> {
    a.map(|a| !a)
}

pub(crate) fn arithmetic(op: &str, left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Whole(a), Value::Whole(b)) => {
            let (a, b) = (i128::from(a), i128::from(b));
            match op {
                "+" => whole(a + b),
                "-" => whole(a - b),
                "*" => whole(a * b),
                _ if b == 0 => Value::Null,
                _ => whole(a % b),
            }
        }
        (Value::Decimal(a), Value::Decimal(b)) => decimal(match op {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            _ => a / b,
        }),
        _ => Value::Null,
    }
}

pub(crate) fn compare(op: &str, left: &Value, right: &Value) -> Option<bool> {
    let order = match (left, right) {
        (Value::Whole(a), Value::Whole(b)) => a.cmp(b),
        (Value::Decimal(a), Value::Decimal(b)) => a.partial_cmp(b)?,
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        _ => return None,
    };
    Some(match op {
        "=" => order.is_eq(),
        "<>" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

pub(crate) fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|at| like(&text[at..], rest)),
        Some(('_', rest)) => !text.is_empty() && like(&text[1..], rest),
        Some((wanted, rest)) => text.first() == Some(wanted) && like(&text[1..], rest),
    }
}

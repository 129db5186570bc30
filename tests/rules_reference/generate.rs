//! Well-typed expressions, and events for them that have edges in their fields.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::expr::{Expr, Fields, Ty};

const TEXTS: [&str; 5] = ["a", "ab", "abab", "đ", "b%"];
const PATTERNS: [&str; 7] = ["a%", "%b", "a_", "%a%b", "%", "đ", "_b%"];
const WHOLES: [i64; 9] = [0, 1, 2, 3, 7, 100, 9_007_199_254_740_993, i64::MAX - 1, i64::MAX];
const DECIMALS: [&str; 6] = ["0.0", "0.5", "0.1", "2.0", "123456.789", "9007199254740993.0"];

/// Names only where literals alone would be folded exactly and not as doubles.
fn binary(op: &'static str, left: Expr, right: Expr) -> Expr {
    let left = if left.is_literal() && right.is_literal() { Expr::Name("x", Ty::Whole) } else { left };
    Expr::Binary(op, Box::new(left), Box::new(right))
}

fn case(
    depth: u32,
    result: impl Fn(u32) -> BoxedStrategy<Expr> + 'static,
    first: BoxedStrategy<Expr>,
) -> BoxedStrategy<Expr> {
    let searched = (
        boolean(depth),
        first.clone(),
        vec((boolean(depth), result(depth)), 0..2),
        option::of(result(depth)),
    )
        .prop_map(|(when, then, more, otherwise)| {
            let whens = std::iter::once((when, then)).chain(more).collect();
            Expr::Case(None, whens, otherwise.map(Box::new))
        });
    let simple = (any_type(depth), first, vec(result(depth), 0..2), option::of(result(depth))).prop_map(
        |((operand, mut values), then, more, otherwise)| {
            let whens = std::iter::once(then).chain(more).map(|then| (values.pop().unwrap(), then)).collect();
            Expr::Case(Some(Box::new(operand)), whens, otherwise.map(Box::new))
        },
    );
    prop_oneof![searched, simple].boxed()
}

/// A value with three others that it can be compared with.
fn any_type(depth: u32) -> BoxedStrategy<(Expr, Vec<Expr>)> {
    prop_oneof![
        (number(depth), vec(number(depth), 3)),
        (text(depth), vec(text(depth), 3)),
        (boolean(depth), vec(boolean(depth), 3)),
    ]
    .boxed()
}

fn whole_number(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        select(vec!["x", "y"]).prop_map(|name| Expr::Name(name, Ty::Whole)),
        select(WHOLES.to_vec()).prop_map(Expr::Whole),
    ];
    let Some(depth) = depth.checked_sub(1) else { return leaf.boxed() };
    let inner = whole_number(depth);
    prop_oneof![
        3 => leaf,
        3 => (select(vec!["+", "-", "*", "%"]), inner.clone(), inner.clone()).prop_map(|(op, l, r)| binary(op, l, r)),
        1 => inner.clone().prop_map(|e| Expr::Unary("-", Box::new(e))),
        1 => inner.clone().prop_map(|e| Expr::Abs(Box::new(e))),
        1 => (select(vec!["coalesce", "least", "greatest"]), vec(inner.clone(), 1..4))
            .prop_map(|(name, parts)| Expr::Call(name, parts)),
        1 => vec(inner.clone(), 2).prop_map(|parts| Expr::Call("nullif", parts)),
        1 => case(depth, whole_number, inner),
    ]
    .boxed()
}

fn decimal_number(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        select(vec!["d", "e"]).prop_map(|name| Expr::Name(name, Ty::Decimal)),
        select(DECIMALS.to_vec()).prop_map(Expr::Decimal),
    ];
    let Some(depth) = depth.checked_sub(1) else { return leaf.boxed() };
    let inner = decimal_number(depth);
    let other = number(depth);
    prop_oneof![
        3 => leaf,
        3 => (select(vec!["+", "-", "*", "/"]), inner.clone(), other.clone()).prop_map(|(op, l, r)| {
            // The name that replaces a literal is whole, which only a quotient may be on both sides.
            if l.is_literal() && r.is_literal() { binary("/", l, r) } else { binary(op, l, r) }
        }),
        1 => (whole_number(depth), whole_number(depth)).prop_map(|(l, r)| binary("/", l, r)),
        1 => inner.clone().prop_map(|e| Expr::Unary("-", Box::new(e))),
        1 => inner.clone().prop_map(|e| Expr::Abs(Box::new(e))),
        1 => (select(vec!["coalesce", "least", "greatest"]), inner.clone(), vec(other.clone(), 0..3))
            .prop_map(|(name, first, more)| Expr::Call(name, std::iter::once(first).chain(more).collect())),
        1 => (inner.clone(), other).prop_map(|(a, b)| Expr::Call("nullif", vec![a, b])),
        1 => case(depth, number, inner),
    ]
    .boxed()
}

fn number(depth: u32) -> BoxedStrategy<Expr> {
    prop_oneof![whole_number(depth), decimal_number(depth)].boxed()
}

fn text(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        select(vec!["s", "t"]).prop_map(|name| Expr::Name(name, Ty::Text)),
        select(TEXTS.to_vec()).prop_map(Expr::Text),
    ];
    let Some(depth) = depth.checked_sub(1) else { return leaf.boxed() };
    let inner = text(depth);
    prop_oneof![
        3 => leaf,
        1 => (select(vec!["coalesce", "least", "greatest"]), vec(inner.clone(), 1..3))
            .prop_map(|(name, parts)| Expr::Call(name, parts)),
        1 => vec(inner.clone(), 2).prop_map(|parts| Expr::Call("nullif", parts)),
        1 => case(depth, text, inner),
    ]
    .boxed()
}

pub(crate) fn boolean(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        4 => select(vec!["f", "g"]).prop_map(|name| Expr::Name(name, Ty::Boolean)),
        1 => any::<bool>().prop_map(Expr::Boolean),
    ];
    let Some(depth) = depth.checked_sub(1) else { return leaf.boxed() };
    let inner = boolean(depth);
    let orders = select(vec!["=", "<>", "<", "<=", ">", ">="]);
    let compared = |sides: BoxedStrategy<Expr>| {
        (orders.clone(), sides.clone(), sides)
            .prop_map(|(op, l, r)| Expr::Binary(op, Box::new(l), Box::new(r)))
    };
    let ranged = |parts: BoxedStrategy<Expr>| {
        (parts.clone(), parts.clone(), parts, any::<bool>())
            .prop_map(|(e, low, high, n)| Expr::Between(Box::new(e), Box::new(low), Box::new(high), n))
    };
    prop_oneof![
        1 => leaf,
        4 => (select(vec!["and", "or"]), inner.clone(), inner.clone())
            .prop_map(|(op, l, r)| Expr::Binary(op, Box::new(l), Box::new(r))),
        1 => inner.clone().prop_map(|e| Expr::Unary("not", Box::new(e))),
        3 => compared(number(depth)),
        1 => compared(text(depth)),
        1 => (select(vec!["=", "<>"]), inner.clone(), inner.clone())
            .prop_map(|(op, l, r)| Expr::Binary(op, Box::new(l), Box::new(r))),
        1 => ranged(number(depth)),
        1 => ranged(text(depth)),
        2 => (any_type(depth), 1..4usize, any::<bool>()).prop_map(|((e, mut items), count, n)| {
            items.truncate(count);
            Expr::In(Box::new(e), items, n)
        }),
        1 => (any_type(depth), any::<bool>()).prop_map(|((e, _), n)| Expr::IsNull(Box::new(e), n)),
        1 => (inner.clone(), any::<Option<bool>>(), any::<bool>())
            .prop_map(|(e, truth, n)| Expr::Is(Box::new(e), truth, n)),
        1 => (text(depth), select(PATTERNS.to_vec()), any::<bool>()).prop_map(|(e, p, n)| Expr::Like(Box::new(e), p, n)),
        1 => vec(inner.clone(), 1..3).prop_map(|parts| Expr::Call("coalesce", parts)),
        1 => vec(inner.clone(), 2).prop_map(|parts| Expr::Call("nullif", parts)),
        1 => case(depth, boolean, inner),
    ]
    .boxed()
}

pub(crate) fn fields() -> impl Strategy<Value = Fields> {
    let wholes = || {
        option::weighted(
            0.8,
            select(vec![0, 1, -1, 2, 3, -7, 100, i64::MIN, i64::MIN + 1, i64::MAX, (1 << 53) + 1]),
        )
    };
    let decimals =
        || option::weighted(0.8, select(vec![0.0, -0.0, 0.5, -1.5, 0.1, 2.0, 5e-324, f64::MAX, f64::MIN]));
    let texts = || option::weighted(0.8, select(TEXTS.to_vec()));
    (
        wholes(),
        wholes(),
        decimals(),
        decimals(),
        any::<Option<bool>>(),
        any::<Option<bool>>(),
        texts(),
        texts(),
    )
        .prop_map(|(x, y, d, e, f, g, s, t)| Fields { x, y, d, e, f, g, s, t })
}

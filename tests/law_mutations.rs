//! The cases of the Vietnamese packs notice every slip: each threshold moved by one, up and down, and each comparison
//! that lets its edge in made to leave it out, or the other way round, fails at least one of them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper of a test may stop it, and it says how much it saw"
)]

use weir::cases;
use weir::lists::Lists;
use weir::rates::Rates;
use weir::rules::Sources;

/// A pack with one slip in it.
struct Mutant {
    what: String,
    text: String,
}

fn replaced(text: &str, at: usize, length: usize, with: &str) -> String {
    format!("{}{with}{}", &text[..at], &text[at + length..])
}

/// Every line of the pack with where it begins.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().scan(0, |at, line| {
        let began = *at;
        *at += line.len() + 1;
        Some((began, line))
    })
}

/// Thresholds of `[params]`, and amounts of `money(...)`, one more and one less.
fn moved(text: &str) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (began, line) in lines(text) {
        let starts = ["{ value = ", "money("].map(|before| line.find(before).map(|at| at + before.len()));
        for start in starts.into_iter().flatten() {
            let number = &line[start..];
            let length = number.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(number.len());
            let Ok(value) = number[..length].replace('_', "").parse::<i64>() else { continue };
            for other in [value - 1, value + 1] {
                let text = replaced(text, began + start, length, &other.to_string());
                mutants.push(Mutant { what: format!("{other} in {}", line.trim()), text });
            }
        }
    }
    mutants
}

/// Comparisons that take their edge in leave it out, and the other way round.
fn turned(text: &str) -> Vec<Mutant> {
    const TURNED: [(&str, &str); 4] = [(" <= ", " < "), (" < ", " <= "), (" >= ", " > "), (" > ", " >= ")];
    let mut mutants = Vec::new();
    for (began, line) in lines(text) {
        let Some(code) = line.split(" #").next().filter(|code| !code.trim_start().starts_with('#')) else {
            continue;
        };
        for (sign, other) in TURNED {
            for (at, _) in code.match_indices(sign) {
                let text = replaced(text, began + at, sign.len(), other);
                mutants.push(Mutant {
                    what: format!("`{}` for `{}` in {}", other.trim(), sign.trim(), line.trim()),
                    text,
                });
            }
        }
    }
    mutants
}

/// Whether some case of the pack fails on this text of it; a text that can't be compiled is noticed by the checker.
fn noticed(name: &str, text: &str, cases_text: &str) -> bool {
    let beside = |_: &str, path: &str| {
        let read = std::fs::read_to_string(format!("rules/vn/{path}"));
        read.map(|text| (path.to_owned(), text)).map_err(|error| error.to_string())
    };
    let Some(rules) = Sources::load(name, text, beside).compile().rule_set else { return true };
    let Ok(cases) = cases::parse(cases_text, &rules) else { return true };
    let lists = Lists::new(rules.lists.len());
    cases.iter().any(|case| !cases::run(&rules, &lists, Rates::NONE, case).failures.is_empty())
}

fn survivors(name: &str) -> (usize, Vec<String>) {
    let read = |path: String| std::fs::read_to_string(path).unwrap();
    let text = read(format!("rules/vn/{name}.toml"));
    let cases = read(format!("rules/vn/{name}.cases.toml"));
    assert!(!noticed(name, &text, &cases), "{name} itself does not hold");
    let mutants: Vec<Mutant> = moved(&text).into_iter().chain(turned(&text)).collect();
    let mut survived = Vec::new();
    for mutant in &mutants {
        if !noticed(name, &mutant.text, &cases) {
            survived.push(mutant.what.clone());
        }
    }
    (mutants.len(), survived)
}

fn hold(name: &str, least: usize) {
    let (tried, survived) = survivors(name);
    println!("{name}: {tried} slips tried, {} not noticed", survived.len());
    assert!(survived.is_empty(), "no case of {name} notices: {survived:#?}");
    assert!(tried >= least, "only {tried} slips were found in {name} to try");
}

#[test]
fn the_cases_of_circular_50_notice_every_slip() {
    hold("circular-50", 25);
}

#[test]
fn the_cases_of_its_types_notice_every_slip() {
    hold("circular-50-types", 60);
}

#[test]
fn the_cases_of_circular_77_notice_every_slip() {
    hold("circular-77", 6);
}

#[test]
fn the_cases_of_decision_2345_notice_every_slip() {
    hold("decision-2345", 45);
}

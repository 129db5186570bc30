//! What a customer is told gives nothing away.

use weir::catalogue::{CATALOGUE, Language};
use weir::decision::{Decision, Outcome};
use weir::explain::advice;
use weir::rules::{compile, describe};

#[test]
fn no_text_names_a_rule_a_threshold_a_feature_or_a_number() {
    let text = std::fs::read_to_string("rules/retail.toml").unwrap();
    let (_, said) = describe("retail.toml", &text).unwrap();
    let names = said.rules.iter().map(|rule| &rule.name);
    let names = names.chain(said.params.iter().map(|param| &param.name));
    let names: Vec<&String> = names.chain(said.features.iter().map(|feature| &feature.name)).collect();
    assert!(names.len() > 50);
    for advice in CATALOGUE {
        for language in Language::ALL {
            let text = advice.text(language).to_lowercase();
            assert!(!text.contains(|c: char| c.is_numeric()), "{text}");
            let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            for name in &names {
                assert!(!words.contains(&name.as_str()), "`{name}` is in {text}");
            }
            for word in
                ["rule", "score", "limit", "threshold", "list", "report", "fraud", "suspicious", "risk"]
            {
                assert!(!words.contains(&word), "`{word}` is in {text}");
            }
        }
    }
}

#[test]
fn the_strongest_rule_that_says_something_fitting_speaks() {
    let rule = |id: &str, rest: &str| format!("[[rule]]\nid = \"{id}\"\nwhen = \"amount > 1\"\n{rest}\n");
    let file = [
        "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n[policy]\nblock_at = 50\n".to_owned(),
        rule("a", "score = 60\ncustomer = \"confirm_payment\""),
        rule("b", "then = \"step_up\"\ncustomer = \"use_app\""),
        rule("c", "then = \"step_up\"\nscore = 5\ncustomer = \"use_biometrics\""),
        rule("d", "then = \"block\"\ncustomer = \"visit_branch\""),
    ];
    let rules = compile("t.toml", &file.concat()).into_result().unwrap();
    let code = |outcome, fired: &[u16]| {
        advice(&rules, &Decision { outcome, fired: fired.to_vec(), ..Decision::default() }).code
    };
    assert_eq!(code(Outcome::Allow, &[]), "payment_done");
    assert_eq!(code(Outcome::StepUp, &[0, 1]), "use_app");
    assert_eq!(code(Outcome::StepUp, &[0, 1, 2]), "use_biometrics");
    assert_eq!(code(Outcome::Block, &[0, 1, 3]), "visit_branch");
    // Whoever is stopped by the score must not be told to confirm.
    assert_eq!(code(Outcome::Block, &[0, 1]), "not_possible_now");
}

#[test]
fn a_code_that_the_catalogue_has_not_is_warned_of_with_a_near_one() {
    let file = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n[[rule]]\nid = \"a\"\nwhen = \"amount > 1\"\n\
        then = \"step_up\"\nauth = \"x\"\ncustomer = \"confirm_identty\"\n[auth.x]\nall = [[\"fido\"]]\n";
    let checked = compile("t.toml", file);
    assert!(checked.rule_set.is_some());
    let [problem] = checked.problems.as_slice() else { panic!("{:?}", checked.problems) };
    assert_eq!(problem.message, "the customer catalogue has no code `confirm_identty`");
    assert_eq!(problem.help.as_deref(), Some("did you mean `confirm_identity`?"));
    assert_eq!(&file[problem.span.clone()], "\"confirm_identty\"");
}

//! stub
use weir::rules::Problem;
pub(super) fn render(problems: &[Problem], name: &str, _text: &str, _color: bool) -> String {
    problems.iter().map(|p| format!("{name}: {} {:?} {:?}\n", p.message, p.label, p.help)).collect()
}

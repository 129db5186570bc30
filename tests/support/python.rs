//! The Python that tests hold weir against: the one that `WEIR_PYTHON` names, or `python3`.

use std::process::Command;

/// A Python that has these modules (`httpx, h2`), or `None` after saying so. The one that is named must have them.
pub fn python(modules: &str) -> Option<String> {
    let named = std::env::var("WEIR_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());
    let found = Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    if found.is_ok_and(|done| done.status.success()) {
        return Some(python);
    }
    assert!(named.is_none(), "WEIR_PYTHON can't import {modules}");
    eprintln!("SKIPPED: python3 can't import {modules}; pip install -r tests/requirements.txt");
    None
}

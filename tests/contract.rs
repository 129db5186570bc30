//! The sidecar as others see it: asked by Python's httpx, TLS implementations that are not ours, and nginx in front of it.
//!
//! Runs where a Python with the packages of `tests/requirements.txt` is: the one that `WEIR_PYTHON` names, or `python3`. It
//! says so where not, and the scripts say which program they miss.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly"
)]

#[path = "support/python.rs"]
mod python;

use std::path::Path;
use std::process::Command;

use python::python;

/// Runs a script of this repository with the program, and tells what it says.
fn run(script: &str, arguments: &[&str]) -> Option<String> {
    let python = python("httpx, h2, jsonschema")?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(python);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIR_")) {
        command.env_remove(name);
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(root.join(script)).args(arguments).current_dir(root);
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{script}\n{said}\n{}", String::from_utf8_lossy(&done.stderr));
    println!("{said}");
    Some(said)
}

fn contract(script: &str) {
    run(&format!("tests/contract/{script}.py"), &[env!("CARGO_BIN_EXE_weir")]);
}

#[test]
fn the_interface_is_what_httpx_finds() {
    contract("interface");
}

#[test]
fn the_description_is_taken_at_its_word() {
    contract("openapi");
}

#[test]
fn tls_is_what_other_implementations_speak() {
    contract("tls");
}

#[test]
fn a_reverse_proxy_stands_in_front() {
    contract("proxy");
}

/// The command of the worked gateway's README, with this build.
#[test]
fn the_worked_gateway_goes_its_way() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gateway/README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let command = readme.lines().find_map(|line| line.strip_prefix("$ python ")).unwrap();
    let mut words = command.split_whitespace();
    let script = words.next().unwrap();
    let arguments: Vec<&str> = words
        .map(|word| if word == "target/release/weir" { env!("CARGO_BIN_EXE_weir") } else { word })
        .collect();
    if let Some(said) = run(script, &arguments) {
        assert!(said.contains("12 scenes, 12 as expected"), "{said}");
    }
}

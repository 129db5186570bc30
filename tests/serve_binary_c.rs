//! The client in C is compiled with every warning on, and asks a sidecar; where there is no compiler, that is said.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, documents nothing, and says what it skips"
)]

#[path = "support/sidecar.rs"]
mod sidecar;

use std::path::Path;
use std::process::{Command, Output};

use sha2::{Digest, Sha256};
use sidecar::{Sidecar, here};
use weir::hex::hex;
use weir::server::{Access, Address, Bounds, Listen, Settings};

fn said(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

#[test]
fn the_client_in_c_has_all_its_payments_answered() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("decide");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/binary/decide.c");
    let flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-o"];
    let compiled = match Command::new("cc").args(flags).arg(&program).arg(&source).output() {
        Ok(compiled) => compiled,
        Err(error) => return println!("SKIPPED: no C compiler (cc): {error}"),
    };
    assert!(compiled.status.success(), "{}", said(&compiled));
    let hash = hex(Sha256::digest("token of c"));
    let access = format!("[[caller]]\nname = \"c\"\ntoken_sha256 = \"{hash}\"\nscopes = [\"score\"]\n");
    let settings = Settings {
        listen: here(),
        binary: Listen { unix: Some(folder.path().join("frames.sock")), ..here() },
        access: Access::from_toml(&access).unwrap(),
        // Fewer than it would have in flight, so that it has to wait.
        bounds: Bounds { frames_max: 40, ..Bounds::default() },
        ..Settings::default()
    };
    let sidecar = Sidecar::start(settings);
    let asks = |address: &str, token: &str, payments: &str| {
        Command::new(&program).args([address, payments]).env("WEIR_TOKEN", token).output().unwrap()
    };
    let addresses: Vec<String> = sidecar
        .addresses
        .iter()
        .filter_map(|address| match address {
            Address::Binary(address) => match &**address {
                Address::Tcp(address) => Some(address.to_string()),
                other => Some(other.to_string()),
            },
            _ => None,
        })
        .collect();
    assert_eq!(addresses.len(), 2);
    for address in &addresses {
        let done = asks(address, "token of c", "2000");
        let said = said(&done);
        assert_eq!(done.status.code(), Some(0), "{said}");
        println!("{said}");
        let number = |word: &str| -> u64 {
            let line = said.lines().find(|line| line.starts_with(word)).unwrap_or_else(|| panic!("{said}"));
            line[word.len()..].trim().parse().unwrap()
        };
        assert_eq!(number("allow") + number("block"), 2_000, "{said}");
        assert!(number("block") > 500, "of amounts up to two millions those over one are blocked: {said}");
        assert_eq!(number("problems"), 0, "{said}");
    }
    let refused = asks(&addresses[0], "another", "10");
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("refused with 401"), "{}", said(&refused));
}

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

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest, Sha256};
use sidecar::{Sidecar, here};
use weir::frames::{self, BRIEF, HELLO_BYTES, Header, Type, Welcome};
use weir::hex::hex;
use weir::server::{Access, Address, Bounds, Listen, Settings};

fn said(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

/// The client, compiled in a folder; `None` after saying so where there is no compiler.
fn compiled(folder: &Path) -> Option<PathBuf> {
    let program = folder.join("decide");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/binary/decide.c");
    let flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-o"];
    let done = match Command::new("cc").args(flags).arg(&program).arg(&source).output() {
        Ok(done) => done,
        Err(error) => {
            println!("SKIPPED: no C compiler (cc): {error}");
            return None;
        }
    };
    assert!(done.status.success(), "{}", said(&done));
    Some(program)
}

#[test]
fn the_client_in_c_has_all_its_payments_answered() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = compiled(folder.path()) else { return };
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

/// Answers every payment with "allow", and says before each answer what no version of today knows.
fn answer_and_more(mut stream: TcpStream) -> std::io::Result<()> {
    stream.read_exact(&mut [0; HELLO_BYTES])?;
    let (mut out, mut held) = (Vec::new(), Vec::new());
    Welcome { payload_bytes_max: 1 << 10, in_flight_max: 9 }.write(&mut out);
    loop {
        stream.write_all(&out)?;
        out.clear();
        let mut part = [0; 4096];
        let came = stream.read(&mut part)?;
        if came == 0 {
            return Ok(());
        }
        held.extend_from_slice(&part[..came]);
        while let Some((asked, payload)) = frames::read(&held, 1 << 10).unwrap() {
            for id in [0, asked.id] {
                Header { kind: 0x99, id, ..Header::default() }.write(b"news", &mut out);
            }
            let payment: serde_json::Value = serde_json::from_slice(payload).unwrap();
            let line = format!("{{\"id\":{},\"outcome\":\"allow\"}}", payment["id"]);
            let line = if asked.flags & BRIEF == 0 { line } else { String::new() };
            let kind = Type::Decision as u8;
            let header =
                Header { kind, outcome: 1, timeout_or_status: 200, id: asked.id, ..Header::default() };
            header.write(line.as_bytes(), &mut out);
            held.drain(..frames::bytes_of(&held).unwrap());
        }
    }
}

#[test]
fn the_client_in_c_passes_over_what_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = compiled(folder.path()) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = std::thread::spawn(move || answer_and_more(listener.accept().unwrap().0));
    let done = Command::new(&program).args([&address.to_string(), "100"]).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert!(said(&done).starts_with("allow               100\n"), "{}", said(&done));
    serving.join().unwrap().unwrap();
}

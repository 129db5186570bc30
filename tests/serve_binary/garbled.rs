//! Connections of which bytes are changed, left out and put in twice.

use std::io::Write;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use weir::frames::Type;
use weir::server::Settings;

use super::door::{Door, hello, request, tcp};
use super::sidecar::payment;
use super::{is_served, with_door};

/// A hello and some requests, with bytes changed, left out and put in twice.
fn garbled() -> impl Strategy<Value = Vec<u8>> {
    let change = (0_u8..3, any::<prop::sample::Index>(), any::<u8>(), 1_usize..40);
    (prop::collection::vec(change, 1..6), any::<u32>()).prop_map(|(changes, run)| {
        let asked = |id: u64| request(Type::Decide, id, &payment(&format!("garbled {run} {id}"), ""));
        let mut bytes = [hello(""), (1..8).flat_map(asked).collect()].concat();
        for (what, place, byte, long) in changes {
            let at = place.index(bytes.len());
            let part = at..bytes.len().min(at + long);
            match what {
                0 => bytes[at] = byte,
                1 => drop(bytes.drain(part)),
                _ => {
                    let twice = bytes[part].to_vec();
                    drop(bytes.splice(at..at, twice));
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        bytes
    })
}

#[test]
fn garbled_connections_are_answered_in_frames_and_end() {
    let sidecar = with_door(Settings::default());
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let ran = runner.run(&garbled(), |bytes| {
        let mut stream = tcp(&sidecar.addresses);
        // It may be closed before all is sent.
        let _ = stream.write_all(&bytes).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
        let mut door = Door::raw(stream);
        let (mut answers, mut problems) = (0, 0);
        while let Some(frame) = door.next() {
            match frame.kind() {
                Type::Problem => problems += 1,
                Type::Welcome | Type::Decision => answers += 1,
                other => {
                    return Err(TestCaseError::fail(format!("{other:?} answers nothing that was asked")));
                }
            }
        }
        prop_assert!(answers + problems <= 24, "{answers} answers and {problems} problems");
        Ok(())
    });
    ran.unwrap();
    is_served(&sidecar, "others");
}

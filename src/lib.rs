//! weir: exact rolling aggregates, rule files, and a decision for every payment.
//!
//! One deterministic engine, fed by a log; everything else is a way in or a way out of it. The map, in reading order:

// What comes in: events of every kind, validated.
pub mod event;

// What goes out: decisions.
pub mod decision;

// What a customer is told.
pub mod catalogue;

// Exact money.
pub mod money;
pub mod rates;

// Microseconds and calendars.
pub mod time;

// Sizes as people write them.
pub mod size;

// Hashes, ids and keys as text.
pub mod hex;

// Numbers as people read them.
mod digits;

// What stands in the place of an identifier.
pub mod tokens;

// What a snapshot shares with the state that goes on.
mod shared;

// Lists of keys that rules ask about, and that events change.
pub mod lists;

// Rule files: checked and compiled. Knows no state.
pub mod rules;

// Rolling aggregates in columnar memory. Knows no rules.
pub mod state;

// `step`: an event in, a decision out. Puts rules and state together; no IO, no clock, no randomness.
pub mod engine;

// A decision in words: every rule as its own text with the values put in.
pub mod explain;

// What changed between two rule sets, and which decisions that changes.
pub mod diff;

// The durable log of all that came in and was answered.
pub mod journal;

// Ways in and out: files, streams, formats.
pub mod io;

// What stands on the wire of the binary door.
pub mod frames;

// The sidecar: the engine over HTTP, inline beside a gateway.
pub mod server;

// The client of a sidecar, for gateways.
pub mod client;

// An open-loop load generator for a running sidecar.
pub mod bench;

// History through the engine, and what came of it. Not in the lean build.
#[cfg(feature = "backtest")]
pub mod backtest;

// A seeded source of events: a payment stream with labelled frauds.
pub mod generate;

// Cases beside rule packs: short streams with what must be answered.
pub mod cases;

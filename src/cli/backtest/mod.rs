//! `weir backtest`: what a rule set would have done.

#![allow(dead_code, reason = "the command that shows a summary is built beside it")]

mod summary;

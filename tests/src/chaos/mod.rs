//! A run in which everything that can go wrong does, at random and again and again, and the promises that must hold all
//! the same.
//!
//! [`workload`] makes calls and notes what their callers saw, in [`sessions`] too; [`faults`] injects faults and notes when;
//! [`experiments`] tries what chance alone would hardly come to; [`surroundings`] samples the process from outside, and [`verdicts`] holds all of it, and the ledger that the tools wrote, against the
//! invariants of `docs/reliability.md`. A seed chooses everything but the timing.

mod experiments;
mod faults;
mod report;
mod run;
mod sessions;
mod surroundings;
mod verdicts;
mod workload;

pub use self::report::Report;
pub use self::run::{Plan, run};

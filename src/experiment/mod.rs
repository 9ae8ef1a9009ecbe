//! Experiment files: what to break in which lab, and what is expected of it.
//!
//! A file is decoded from a YAML tree with positions, so that all its problems are told at once; the surprising thing is
//! that selectors stay text here, because one file may be run on several topologies. `engine/` resolves them.
//!
//! [`load()`] takes a file or a folder (all its `*.yaml` in order of their names; `suite.yaml` with `suite: TITLE` and
//! `order: [FILE, …]` may change that) and returns a [`Suite`]: experiments grouped by the lab that serves them. The first
//! key of a file says what it is. [`schema::json_schema`] is the same for editors.
//!
//! # `experiment: NAME`
//!
//! Everything an experiment may say, read by a test of this room:
//!
#![doc = concat!("```yaml\n", include_str!("testdata/complete.yaml"), "```")]
//!
//! **Time.** `at` is lab time after the method's start (`10s`) or the incident's clock (`13:33:36`), which is divided by
//! `scale`; a step without `at` begins right after the one before it, and none begins before the one before it has ended.
//!
//! **Steps.** One of `commit` (`on`, and `patch: FILE` or `set: [LINE, …]`, `comment`), `rollback` (`on`, `n`), `reboot`,
//! `power-off`, `power-on`, `exec` (`on`, `argv`), `service` (`on`, `name`, `action: start|stop|restart`), `inject`
//! (`fault`, `on` or `between: [A, B]` for all links between two selectors, `params`, and `for`, `until: method-end` or a
//! later `heal: ID`; `on: mx1:eth4` is the link with that end), `wait`, `wait-until` (a predicate) with `within`; and `id`, `title`.
//!
//! **Predicates.** One of
//! - `{state: KIND, on: SELECTOR, key: PATTERN, field: PATH, OP: …, quantifier: all|any}` with one of `equals`, `not`,
//!   `one-of`, `less`, `greater`, `present: true`, `absent: true`, `changed: true`, `differs-between: nodes|keys`,
//!   `same-between: nodes|keys`; kinds and fields are those of [`crate::record::StateKind`]
//! - `{traffic: all|GROUP|[GROUP, …], from: SELECTOR, to: SELECTOR, is: out|delivered|black-holed}`, or instead of `is` one
//!   of `delivering-at-least: 40%`, `delivering-at-most: 40%` (of the flows), `pairs-out-at-least: 3`
//! - `{log: TEXT, on: SELECTOR, daemon: PATTERN}`
//! - `{reached: POINT}`
//!
//! **Expectations.** A `name`, one form, and what goes with it:
//!
//! | form | with | meaning |
//! |---|---|---|
//! | `always: P`, `never: P`, `at-end: P` | | as they say |
//! | `never: P` | `for-longer-than`, `in-total`, `at-most-times` | never true for longer than that |
//! | `eventually: P` | `within`, `after: POINT`, `already-true: ok` | turns true in time |
//! | `eventually: P` | `for-longer-than` | at some point true for longer than that: a loss of service that is expected |
//! | `unchanged: P` | | a state predicate without comparison: stays what it was |
//! | `stable: P` | `hold`, `within` | true for `hold` without a break |
//!
//! `from` and `to` give the window: points `method-start`, `method-end`, `experiment-end`, an epoch (`injected`, `visible`,
//! `healed`, `settled`, …), `step:ID started`, `step:ID done`, each with an offset like `+2s`. What verdicts mean is
//! written in [`crate::assertions`].
//!
//! # `contract: NAME`
//!
//! A table of faults against designs. Each cell states what its design does, so that a known weakness is an *expected
//! finding* and a surprise either way fails. Each cell becomes an experiment `ROW@DESIGN`: inject, hold, heal, settle; the
//! cells of a design share its lab.
//!
#![doc = concat!("```yaml\n", include_str!("testdata/contract.yaml"), "```")]
//!
//! `keeps`: no pair of a traffic group that counts is out for longer than `limit`. `loses`: one is out for longer than
//! `longer-than` (default `limit`). `either`: only the return to the baseline is judged, as in every cell.

mod contract;
mod error;
mod expectation;
mod load;
mod method;
mod model;
mod parts;
mod predicate;
mod reader;
pub mod schema;
mod single;

#[cfg(test)]
mod tests;

pub use error::ExperimentError;
pub use load::load;
pub use model::{
    Action, Experiment, Hold, IncidentRow, Injection, Isolation, LabGroup, NotApplicable, SelectorText,
    ServiceAction, SteadyState, Step, Suite, Target, TrafficGroup, When,
};

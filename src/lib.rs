//! faultlab: a chaos-engineering lab for networks.
//!
//! It builds a lab from a containerlab file, breaks it on purpose, measures what users of that network would have felt,
//! and judges it with evidence. This crate is the whole product; the binary only starts it.
//!
//! The house is a list of rooms; a room imports only rooms above it (`tests/rooms.rs` checks that):
//!
//! - [`base`]: names, quantities, seed, clock, positions in files, printing of errors
//! - [`record`]: what happened, as plain data: events, observations, verdicts, the history on disk
//! - [`topology`]: the containerlab dialect → a checked graph
//! - [`nos`]: what each kind of node is and needs
//! - [`runtime`]: makes a lab exist; `runtime::namespaces` is the embedded default
//! - [`wire`]: the cable between two nodes
//! - [`switch`]: the reference MC-LAG switch's own daemons
//! - [`faults`]: fault catalogue → plans of inject, verify, heal
//! - [`probes`]: traffic and state collectors → observations
//! - [`assertions`]: judgement over a history; pure
//! - [`experiment`]: experiment and suite files
//! - [`engine`]: runs an experiment
//! - [`report`]: history → terminal, JUnit, HTML, JSON
//! - [`cli`]: verbs, exit codes; the only room that prints or reads the environment

pub mod assertions;
pub mod base;
pub mod cli;
pub mod engine;
pub mod experiment;
pub mod faults;
pub mod nos;
pub mod probes;
pub mod record;
pub mod report;
pub mod runtime;
pub mod switch;
pub mod topology;
pub mod wire;

//! Probes against real namespaces, a real kernel and real daemons.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up has failed it")]

mod lab;
mod state;
mod traffic;

//! Temporal judgement over a history: pure, so that any old run can be judged again, also with new expectations.
//!
//! # What is known of the past
//!
//! A history is finite and sampled. Everything below is evaluated in three values, true, false and *unknown* (Kleene):
//!
//! - A state that changed did so somewhere in `(previous_sample, at]`. In between it is either the old or the new one; a
//!   predicate that gives both the same answer is known there, any other is unknown.
//! - Before the first observation of a kind at a node, and after a collector failed until its next observation, the state
//!   is unknown; so is the absence of an instance. A collector of lists that may be empty (alarms) shows that it works by
//!   observing the key `table`.
//! - A flow certainly does not deliver from the first to the last lost packet of a gap, and certainly delivers from one
//!   packet that arrived to the next; the rest of a gap is unknown. Gaps that a single packet separates are one gap. Where
//!   the prober itself was late within a gap, its bounds are wider by two sending intervals at each side.
//! - A *pair* (one node to another within a traffic group) is out while **any** of its flows is: one dead hash bucket is an
//!   outage for the customers in it. How long all flows were out together is reported beside it.
//! - A log line or a named instant is true from when it appeared, and false from the window's start until then.
//! - The window is half-open. It ends at the method's end by default; for outages and for `eventually … within` at the
//!   experiment's end. What still lasts when the experiment ends may go on: its upper bound is open.
//!
//! # Verdicts
//!
//! | form | pass | fail | inconclusive |
//! |---|---|---|---|
//! | `always` | true at every instant | false at one | otherwise, also over an empty window |
//! | `never` | false at every instant | true at one | otherwise |
//! | `eventually within D` | false first, then true within D | false until after D | true from the start (unless allowed), not seen false first, unknown when it mattered, D beyond the end |
//! | `never for longer than D` | longest possible run ≤ D | longest certain run > D | D between the two |
//! | `for longer than D` (expected finding) | longest certain run > D | longest possible run ≤ D | D between the two |
//! | `at end` | true just before the end | false there | unknown there |
//! | `stable for D` | a certain run ≥ D that starts in time | no possible one | otherwise |
//!
//! The experiment's verdict is the worst of its expectations (pass < inconclusive < fail < error), and at least
//! inconclusive when: a fault did not land or did not heal, a step failed, the history ends before the experiment, or
//! nothing was expected. An experiment that was aborted is an error. No data is never a pass.

mod deadline;
mod error;
mod evaluate;
mod facts;
mod judge;
mod model;
mod outage;
mod point;
mod print;
mod state;
mod temporal;
mod timeline;
mod traffic;

pub use error::AssertionError;
pub use judge::{Finding, JudgeContext, judge, truth_at};
pub use model::{
    Between, Expectation, FlowSelection, LogPredicate, Op, Predicate, Quantifier, Resolve, Selection,
    StatePredicate, Temporal, TrafficPredicate, TrafficState, Window, matches, optional,
};
pub use point::{Anchor, Point, known_points};
pub use timeline::Truth;

#[cfg(test)]
mod tests;

//! Fault catalogue → plans of inject, verify and heal steps: plain data, no I/O.
//!
//! A definition under `faults/` names one of a few *mechanisms* and its parameters; [`plan()`] turns a definition and resolved
//! targets into a [`FaultPlan`]. The engine carries plans out. Contract of every plan: steps are idempotent, healing runs in
//! reverse order and tolerates that injecting never ran, both sides are verified (what must be broken and what must still
//! work), and only nodes and cables of the plan are touched.

pub mod catalogue;
pub mod definition;
pub mod error;
pub mod plan;

pub use catalogue::Catalogue;
pub use definition::{ActsOn, Definition, Mechanism};
pub use error::FaultError;
pub use plan::{Action, Check, FaultPlan, Targets, plan};

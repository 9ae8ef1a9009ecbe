//! The containerlab dialect: a file → all its problems at once, or a checked graph; and pure queries on that graph.

mod annotations;
mod definition;
mod dialect;
mod environment;
pub mod error;
mod files;
pub mod graph;
pub mod kinds;
mod links;
pub mod load;
mod management;
pub mod model;
mod prepared;
pub mod schema;
pub mod selector;
mod shape;
mod sources;
mod template;
#[cfg(test)]
mod tests;

pub use error::TopologyError;
pub use load::{LoadOptions, load, parse};
pub use model::{Bind, Link, LinkId, Management, Node, Topology, labels};
pub use selector::Selector;

//! The containerlab dialect: a file → all its problems at once, or a checked graph; and pure queries on that graph.

mod annotations;
mod checks;
mod definition;
mod dialect;
mod environment;
pub mod error;
mod files;
mod git;
#[cfg(test)]
mod golden;
pub mod graph;
mod interfaces;
pub mod kinds;
mod link_parts;
mod links;
pub mod load;
mod management;
mod merge;
pub mod model;
mod prepared;
mod resolve;
pub mod resolved;
pub mod schema;
pub mod selector;
mod shape;
mod sources;
mod stages;
mod template;
#[cfg(test)]
mod tests;
pub mod unsupported;
mod values;

pub use error::TopologyError;
pub use load::{LoadOptions, load, parse};
pub use model::{
    Attachment, Bind, EndDetails, Link, LinkDetails, LinkId, LinkType, Management, Node, Topology, labels,
};
pub use selector::Selector;

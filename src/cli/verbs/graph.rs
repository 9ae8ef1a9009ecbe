//! `graph`: a topology as a drawing.

use super::Outcome;
use crate::cli::args::{GraphArgs, GraphFormat};
use crate::cli::exit::Exit;
use crate::topology::graph;

/// Prints a drawing.
pub fn graph(args: &GraphArgs) -> Outcome {
    let topology = super::validate::load_topology(&args.file, false, &args.selection)?;
    super::print(&match args.format {
        GraphFormat::Dot => graph::dot(&topology),
        GraphFormat::Mermaid => graph::mermaid(&topology),
        GraphFormat::Svg => graph::svg(&topology),
    });
    Ok(Exit::Passed)
}

//! `schema` and `completions`: for editors and shells.

use clap::CommandFactory;

use super::Outcome;
use crate::cli::args::{Cli, CompletionsArgs, SchemaArgs, SchemaFile};
use crate::cli::exit::Exit;

/// Prints a JSON Schema.
pub fn schema(args: &SchemaArgs) -> Outcome {
    super::print_json(&match args.file {
        SchemaFile::Topology => crate::topology::schema::json_schema(),
        SchemaFile::Experiment => crate::experiment::schema::json_schema(),
        SchemaFile::History => schemars::schema_for!(crate::record::Entry).to_value(),
        SchemaFile::Summary => crate::report::summary_schema(),
    });
    Ok(Exit::Passed)
}

/// Prints completions for a shell.
pub fn completions(args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "faultlab", &mut script);
    super::print(&String::from_utf8_lossy(&script));
    Ok(Exit::Passed)
}

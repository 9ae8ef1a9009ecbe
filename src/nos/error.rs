//! What can be wrong with a node's kind, timers, templates or files, always with the place in the topology file.

use std::path::PathBuf;

use crate::base::NodeName;

/// An error of planning a topology's nodes, or of asking a node's daemon.
#[derive(Debug, thiserror::Error)]
pub enum NosError {
    /// Nothing here can run this kind of node.
    #[error(
        "{file}:{line}: node `{node}` is of kind `{kind}` with image `{image}`, which does not run without its vendor's image; \
         set the label `faultlab.nos` to one of frr, mclag-switch, linux to model it, or run the lab with a container runtime"
    )]
    NotRunnable {
        /// The topology file.
        file: String,
        /// Line of the node.
        line: usize,
        /// The node.
        node: NodeName,
        /// Its kind.
        kind: String,
        /// Its image.
        image: String,
    },
    /// A label's value is wrong.
    #[error("{file}:{line}: label `{label}` of node `{node}`: {problem}")]
    Label {
        /// The topology file.
        file: String,
        /// Line of the node.
        line: usize,
        /// The node.
        node: NodeName,
        /// The label.
        label: String,
        /// The rule, what was found and the next move.
        problem: String,
    },
    /// A template could not be rendered.
    #[error("{}:{line}: template for node `{node}` ({file}:{node_line}): {problem}", template.display())]
    Template {
        /// The template file.
        template: PathBuf,
        /// Line in the template, as far as it is known.
        line: usize,
        /// The node.
        node: NodeName,
        /// The topology file.
        file: String,
        /// Line of the node in it.
        node_line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A file that a node needs could not be read.
    #[error("{file}:{line}: node `{node}` needs {}, which cannot be read", path.display())]
    Read {
        /// The topology file.
        file: String,
        /// Line of the node.
        line: usize,
        /// The node.
        node: NodeName,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The variables file is not valid YAML.
    #[error("variables of node `{node}` cannot be read")]
    Variables {
        /// The node.
        node: NodeName,
        /// All problems with their places.
        #[source]
        source: crate::base::Diagnostics,
    },
    /// A program that a node runs is not installed.
    #[error("{file}:{line}: node `{node}` needs the program {}, which is not installed; {hint}", program.display())]
    Program {
        /// The topology file.
        file: String,
        /// Line of the node.
        line: usize,
        /// The node.
        node: NodeName,
        /// The program.
        program: PathBuf,
        /// How to get it.
        hint: &'static str,
    },
    /// A time scale below one, or no number.
    #[error("`{0}` is no time scale (expected a number of at least 1, e.g. 60)")]
    Scale(String),
    /// A timer override names no timer.
    #[error("unknown timer `{name}`; {hint}")]
    UnknownTimer {
        /// What was written.
        name: String,
        /// The next move.
        hint: String,
    },
    /// A daemon did not answer.
    #[error("ask {} for `{command}`", socket.display())]
    Query {
        /// The daemon's socket.
        socket: PathBuf,
        /// What was asked.
        command: String,
        /// Why there was no answer.
        #[source]
        source: std::io::Error,
    },
    /// A daemon refused a command.
    #[error("{} refused `{command}`: {answer}", socket.display())]
    Refused {
        /// The daemon's socket.
        socket: PathBuf,
        /// What was asked.
        command: String,
        /// What it said.
        answer: String,
    },
    /// A daemon's answer is no JSON of the expected shape.
    #[error("understand the answer of {} to `{command}`", socket.display())]
    Answer {
        /// The daemon's socket.
        socket: PathBuf,
        /// What was asked.
        command: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A definition of a kind is wrong.
    #[error("read the definitions of kinds")]
    Definition(#[source] crate::base::Diagnostics),
    /// No such kind.
    #[error("unknown kind `{name}`; {}", unknown_kind(name, known))]
    UnknownDefinition {
        /// What was written.
        name: String,
        /// The ids there are.
        known: Vec<String>,
    },
    /// A NOS's answer has another shape.
    #[error("read an answer as {parser:?}: {problem}")]
    Unreadable {
        /// What was to read it.
        parser: super::queries::Parser,
        /// What is wrong with it.
        problem: String,
    },
    /// A NETCONF peer says what is no NETCONF.
    #[error("understand a NETCONF peer: {0}")]
    Netconf(String),
}

impl NosError {
    pub(crate) fn netconf(problem: impl Into<String>) -> Self {
        Self::Netconf(problem.into())
    }
}

fn unknown_kind(name: &str, known: &[String]) -> String {
    match crate::base::suggest::did_you_mean(name, known.iter().map(String::as_str)) {
        Some(guess) => format!("did you mean `{guess}`?"),
        None => format!("known kinds: {}", known.join(", ")),
    }
}

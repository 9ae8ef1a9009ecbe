//! The command line's grammar.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A chaos-engineering lab for networks.
///
/// Runs a containerlab topology, breaks it on purpose, measures what users of that network would have felt, and judges it
/// with evidence. Data goes to standard output, progress and diagnostics to standard error.
///
/// Exit codes: 0 passed, 1 an expectation failed, 2 usage, 3 invalid input, 4 environment lacks something, 5 could not run,
/// 6 inconclusive, 7 passed but something was left behind, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "faultlab", version, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// Shows what faultlab does, on standard error; twice for more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to colour what people read.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, env = "FAULTLAB_COLOR")]
    pub color: Color,
    /// What labs are made of. Labs of one runtime are not seen by the other.
    #[arg(long, global = true, value_enum, default_value_t = RuntimeChoice::Namespaces, env = "FAULTLAB_RUNTIME")]
    pub runtime: RuntimeChoice,
}

/// What labs are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RuntimeChoice {
    /// Namespaces of this machine: nothing to install, gone with the process.
    Namespaces,
    /// Containers of this machine's Docker engine.
    Docker,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Runs experiments: brings labs up, breaks them, judges, reports, takes them down.
    Run(RunArgs),
    /// Brings a lab up that stays.
    #[command(visible_alias = "deploy")]
    Up(UpArgs),
    /// Takes a lab down.
    #[command(visible_alias = "destroy")]
    Down(DownArgs),
    /// Lists labs that are up.
    List(JsonArgs),
    /// Shows the nodes of a lab: state, services, addresses.
    Inspect(InspectArgs),
    /// Runs a command in a node; its exit code becomes faultlab's.
    ///
    /// As a shell has it: 127 when the node has no such program, 126 when it is no program, 128 plus the signal when it was
    /// killed. faultlab's own codes 3, 4 and 5 come with a message that begins with `faultlab:`.
    Exec(ExecArgs),
    /// Opens a node's console, which works when its network does not.
    Console(ConsoleArgs),
    /// Shows the logs of a node's daemons.
    Logs(LogsArgs),
    /// Draws a topology.
    Graph(GraphArgs),
    /// Checks files without running anything.
    Validate(ValidateArgs),
    /// Renders node configurations from their templates into the topology's folder, for use with containerlab itself.
    Render(RenderArgs),
    /// Shows the fault catalogue.
    Faults(FaultsArgs),
    /// Shows which network operating systems are known, and what each fault becomes on them.
    Kinds(KindsArgs),
    /// Judges a recorded run again.
    Analyze(AnalyzeArgs),
    /// Makes the image that nodes run on Docker.
    Image(ImageArgs),
    /// Removes what killed runs left on Docker; labs that are meant to stay are left alone.
    Recover(JsonArgs),
    /// Tells what this machine can do.
    Doctor(JsonArgs),
    /// Prints the JSON Schema of a file type.
    Schema(SchemaArgs),
    /// Prints shell completions.
    Completions(CompletionsArgs),
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Experiment files, contract files, or folders of them.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Folder for run.jsonl, junit.xml, report.html and summary.json; default `runs/<time>`.
    #[arg(short, long)]
    pub out: Option<PathBuf>,
    /// Runs only experiments whose name contains this text; may be repeated.
    #[arg(long)]
    pub only: Vec<String>,
    /// Seed of every random choice, instead of the files' own.
    #[arg(long)]
    pub seed: Option<u64>,
    /// How many labs may run side by side; default: two, or one where there is a single core. More labs than cores disturb
    /// what is measured.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub labs: Option<u16>,
    /// Prints the machine-readable summary on standard output instead of the table.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Topology file.
    #[arg(short, long = "topo", value_name = "FILE")]
    pub topo: Option<PathBuf>,
    /// Topology file.
    #[arg(
        value_name = "FILE",
        conflicts_with = "topo",
        required_unless_present = "topo"
    )]
    pub file: Option<PathBuf>,
    /// Name of the lab, instead of the file's own; lets the same file run twice.
    #[arg(long)]
    pub name: Option<String>,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Divides the timers that may be scaled by this factor.
    #[arg(long, default_value_t = 1.0)]
    pub scale: f64,
    /// How long nodes may take until all their services run.
    #[arg(long, default_value = "2m", value_parser = crate::base::duration::parse)]
    pub timeout: std::time::Duration,
    /// How the topology is read.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Prints the lab as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `down`.
#[derive(Debug, Args)]
pub struct DownArgs {
    /// Labs to take down, by name or by topology file.
    #[arg(required_unless_present_any = ["all", "topo"])]
    pub labs: Vec<String>,
    /// Topology file whose lab to take down.
    #[arg(short, long, value_name = "FILE")]
    pub topo: Option<PathBuf>,
    /// Takes all labs of this user down.
    #[arg(short, long)]
    pub all: bool,
}

/// Arguments of verbs that only choose their output form.
#[derive(Debug, Args)]
pub struct JsonArgs {
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The lab; may be left out when only one is up.
    pub lab: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `exec`.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The lab.
    pub lab: String,
    /// The node.
    pub node: String,
    /// Command and arguments, after `--`.
    #[arg(last = true, required = true)]
    pub argv: Vec<String>,
}

/// Arguments of `console`.
#[derive(Debug, Args)]
pub struct ConsoleArgs {
    /// The lab.
    pub lab: String,
    /// The node.
    pub node: String,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The lab.
    pub lab: String,
    /// The node.
    pub node: String,
    /// Only this daemon.
    pub service: Option<String>,
    /// How many lines of each daemon.
    #[arg(short = 'n', long, default_value_t = 100)]
    pub lines: usize,
}

/// Arguments of `graph`.
#[derive(Debug, Args)]
pub struct GraphArgs {
    /// Topology file.
    pub file: PathBuf,
    /// Form of the drawing.
    #[arg(short, long, value_enum, default_value_t = GraphFormat::Dot)]
    pub format: GraphFormat,
    /// How the topology is read.
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Forms of a drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// Graphviz.
    Dot,
    /// Mermaid flowchart.
    Mermaid,
    /// A picture.
    Svg,
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Topology, experiment or contract files, or folders of experiments.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Does not look whether files that they refer to exist.
    #[arg(long)]
    pub no_stat: bool,
    /// Prints what was read as JSON: of a topology, the resolved lab.
    #[arg(long)]
    pub json: bool,
    /// How the topology is read.
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// How a topology is read, and which part of it is meant.
#[derive(Clone, Debug, Default, Args)]
pub struct SelectionArgs {
    /// Variables of the topology's template (YAML or JSON), merged deeply, later ones win; may be repeated. Default: the files
    /// `<topology>_vars.*` beside it.
    #[arg(long, value_name = "FILE")]
    pub vars: Vec<PathBuf>,
    /// Only these nodes, and links with both ends at them; comma-separated, may be repeated.
    #[arg(long, value_name = "NODES", value_delimiter = ',')]
    pub node_filter: Vec<String>,
}

/// Arguments of `render`.
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// Topology file.
    pub file: PathBuf,
    /// Writes nothing; fails when a rendered file differs from the one on disk.
    #[arg(long)]
    pub check: bool,
    /// How the topology is read.
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Arguments of `faults`.
#[derive(Debug, Args)]
pub struct FaultsArgs {
    /// What to show.
    #[command(subcommand)]
    pub what: FaultsVerb,
}

/// What to show of the catalogue.
#[derive(Debug, Subcommand)]
pub enum FaultsVerb {
    /// Lists all faults.
    List(JsonArgs),
    /// Shows one fault.
    Show {
        /// Its id.
        fault: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `kinds`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct KindsArgs {
    /// What to show; all kinds when left out.
    #[command(subcommand)]
    pub what: Option<KindsVerb>,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

/// What to show of the known kinds.
#[derive(Debug, Subcommand)]
pub enum KindsVerb {
    /// Shows one kind.
    Show {
        /// Its id, or a containerlab kind or alias that it serves.
        name: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `image`.
#[derive(Debug, Args)]
pub struct ImageArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub what: ImageVerb,
}

/// What to do with the image.
#[derive(Debug, Subcommand)]
pub enum ImageVerb {
    /// Makes it from the packages installed on this machine, without a registry, unless it is there already.
    Build(JsonArgs),
}

/// Arguments of `analyze`.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// A run's folder, or its run.jsonl.
    pub run: PathBuf,
    /// Judges by the expectations of these files instead of the recorded ones.
    #[arg(long, value_name = "FILE")]
    pub expect: Vec<PathBuf>,
    /// Writes junit.xml, report.html and summary.json into this folder.
    #[arg(short, long)]
    pub out: Option<PathBuf>,
    /// Prints the machine-readable summary instead of the table.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which file type.
    #[arg(value_enum)]
    pub file: SchemaFile,
}

/// File types with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaFile {
    /// A topology.
    Topology,
    /// An experiment or contract.
    Experiment,
    /// A line of a history (run.jsonl).
    History,
    /// The summary (summary.json).
    Summary,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell.
    pub shell: clap_complete::Shell,
}

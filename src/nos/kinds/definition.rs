//! What is known of one NOS, as written in its file beside this one. Files may be `like` another one, whose keys they then
//! have where they do not give their own.
//!
//! Texts of steps hold places in braces, filled in when they are used: `{daemon}`, `{unit}`, `{change}`, `{number}`.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::super::queries::Parser;
use super::ports::Naming;
use crate::record::StateKind;

/// What is known of one NOS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Definition {
    /// Its id, which is also its file's name.
    pub nos: String,
    /// Name for people.
    pub title: String,
    /// Who makes it.
    pub vendor: String,
    /// containerlab kinds it serves, aliases included. `linux` with an FRR image is FRR all the same.
    pub containerlab: Vec<String>,
    /// How its images are called, for people.
    pub image: String,
    /// Whether everything below was tried on the real software.
    pub tried: bool,
    /// What was not, each as a phrase; empty exactly when `tried`.
    #[serde(default)]
    pub untried: Vec<String>,
    /// Typical time from start to ready.
    #[serde(with = "crate::base::duration::text")]
    pub boot_time: Duration,
    /// When it counts as ready.
    pub ready: Readiness,
    /// Its factory login in containerlab.
    #[serde(default)]
    pub credentials: Option<Credentials>,
    /// Its interfaces' names.
    pub interfaces: Naming,
    /// The virtual machines it runs as; none for software that runs on the lab's kernel.
    #[serde(default)]
    pub machine: Option<Machine>,
    /// What keeps its daemons running.
    pub services: ServiceManager,
    /// Its daemons.
    pub daemons: Vec<Daemon>,
    /// Tasks that no daemon of its own has, with the reason.
    #[serde(default)]
    pub lacks: IndexMap<Role, String>,
    /// How each kind of state is asked for.
    pub state: IndexMap<StateKind, Question>,
    /// What can be done to it beyond its daemons and cables.
    pub operations: IndexMap<Operation, Recipe>,
    /// Where it logs.
    pub logs: Vec<String>,
}

/// When a node counts as ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Readiness {
    /// When its supervisor says that all services are.
    Services,
    /// When a file in its container holds this text (vrnetlab's `/health`).
    File {
        /// Absolute path.
        path: String,
        /// What it holds then.
        holds: String,
    },
    /// When a command run in its container prints this text.
    Exec {
        /// The command.
        argv: Vec<String>,
        /// What it prints then.
        prints: String,
    },
}

/// A login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Credentials {
    /// User.
    pub user: String,
    /// Password: public knowledge, the same in every lab.
    pub password: String,
}

/// Virtual machines in a node's container, as vrnetlab starts them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Machine {
    /// The machines, in order.
    pub vms: Vec<Vm>,
    /// Which of them has the ports that cables are plugged into, from 0.
    pub data_vm: usize,
    /// QEMU's name of the network device of `ethN`, with `{n}` for N in two digits.
    pub netdev: String,
}

/// One virtual machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Vm {
    /// What runs in it.
    pub role: String,
    /// TCP port of its serial console (telnet) in the container.
    pub console: u16,
    /// TCP port of its QEMU monitor in the container.
    pub monitor: u16,
    /// What its console shows when somebody may log in.
    pub prompt: String,
}

/// What keeps daemons running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ServiceManager {
    /// Its name.
    pub manager: String,
    /// Kills a daemon; it comes back as the manager has it.
    pub kill: Vec<Step>,
    /// Brings it back when the manager does not.
    #[serde(default)]
    pub start: Vec<Step>,
    /// When the manager gives a daemon up.
    #[serde(default)]
    pub start_limit: Option<StartLimit>,
}

/// When a service manager gives up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StartLimit {
    /// Starts, the first one included.
    pub starts: u32,
    /// Within this time.
    #[serde(with = "crate::base::duration::text")]
    pub within: Duration,
}

/// A daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Daemon {
    /// Its process's name.
    pub name: String,
    /// Its name in the service manager's words, where that differs.
    #[serde(default)]
    pub unit: Option<String>,
    /// Its tasks.
    pub roles: Vec<Role>,
}

/// Tasks of daemons, by which faults name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// RIB to FIB.
    RoutingManager,
    /// BGP.
    Bgp,
    /// OSPF.
    Ospf,
    /// MAC learning, ageing and flooding.
    L2Learning,
    /// LACP.
    Lacp,
    /// Multi-chassis peer protocol.
    Iccp,
    /// BFD.
    Bfd,
    /// Interfaces.
    Interfaces,
    /// Configuration and command line.
    Management,
    /// The data plane.
    Forwarding,
    /// Anything else.
    Other,
}

impl Role {
    /// Roles that faults name: each definition has a daemon for it, or says why not.
    pub const OF_FAULTS: [Self; 6] = [
        Self::RoutingManager,
        Self::Bgp,
        Self::L2Learning,
        Self::Lacp,
        Self::Iccp,
        Self::Bfd,
    ];
}

/// A way to ask for state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Question {
    /// How.
    pub ask: Ask,
    /// What reads the answer; none: the answer is kept as it came and judged by nobody.
    #[serde(default)]
    pub parser: Option<Parser>,
}

/// How to ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// faultlab's own collector of this name.
    Collector(String),
    /// A command of a daemon, on its VTY socket.
    Vty {
        /// The daemon.
        daemon: String,
        /// The command.
        command: String,
    },
    /// A command run in the container.
    Exec(Vec<String>),
    /// A command of the NOS's command line, over SSH.
    Cli(String),
    /// An empty RPC of this name, over NETCONF.
    Rpc(String),
}

/// What can be done to a NOS beyond its daemons and cables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Applies `{change}`.
    Commit,
    /// Applies `{change}` for a while: it undoes itself unless confirmed.
    CommitConfirmed,
    /// Goes back to the configuration `{number}` commits ago.
    RollBack,
    /// Nothing new is learned and nothing ages; LACP lives.
    MacFreeze,
    /// The multi-chassis peers no longer hear each other; their link forwards.
    IccpSever,
    /// The whole node starts again.
    Reboot,
}

impl Operation {
    /// All of them: each definition has a recipe for it, or says why not.
    pub const ALL: [Self; 6] = [
        Self::Commit,
        Self::CommitConfirmed,
        Self::RollBack,
        Self::MacFreeze,
        Self::IccpSever,
        Self::Reboot,
    ];
}

/// How an operation is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Recipe {
    /// With these steps.
    By(Steps),
    /// Not at all, for this reason.
    Unsupported(String),
}

/// What to do, and what to do to undo it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Steps {
    /// What to do, in order.
    pub inject: Vec<Step>,
    /// How to undo it, in order; empty when it undoes itself.
    #[serde(default)]
    pub undo: Vec<Step>,
    /// What to know about it.
    #[serde(default)]
    pub note: Option<String>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// A signal to the main process of a daemon, by pidfd.
    Signal {
        /// The daemon.
        process: String,
        /// Signal name.
        signal: String,
    },
    /// Starts or stops a service of the node's supervisor, forgetting its start limit.
    Service {
        /// The service.
        name: String,
        /// Whether it shall run.
        running: bool,
    },
    /// A command in the node's container.
    Exec(Vec<String>),
    /// A command of the NOS's command line, over SSH.
    Cli(String),
    /// A change of configuration, over NETCONF.
    Netconf(Netconf),
    /// A command of the QEMU monitor of the machine with the data ports.
    Monitor(String),
    /// The carrier of the cable at both ends.
    Carrier {
        /// Whether there is one.
        up: bool,
    },
    /// Drops these kinds of traffic on the cable, both ways.
    Block {
        /// Kinds of traffic.
        traffic: Vec<String>,
    },
    /// Takes such drops away.
    Unblock {
        /// Kinds of traffic.
        traffic: Vec<String>,
    },
    /// The node's power.
    Power {
        /// Whether there is any.
        on: bool,
    },
}

/// Operations on a candidate configuration (RFC 6241 sections 7 and 8, Junos XML Management Protocol).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Netconf {
    /// Loads statements into the candidate, one `set` or `delete` a line (Junos `load-configuration action="set"`).
    LoadSet(String),
    /// Loads a rollback into the candidate (Junos `load-configuration rollback`).
    LoadRollback(String),
    /// Merges configuration in XML into the candidate (`edit-config`).
    Edit(String),
    /// Makes the candidate active.
    Commit,
    /// Makes the candidate active; it is undone after so many seconds unless a [`Self::Commit`] follows.
    CommitConfirmed(u32),
    /// Forgets the candidate's changes.
    Discard,
    /// An empty RPC of this name.
    Rpc(String),
}

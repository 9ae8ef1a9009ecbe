//! Turns a checked topology into plans of its nodes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::content::Content;
use super::frr;
use super::plan::{Container, NodePlan};
use super::templates::Renderer;
use super::timers::{self, NodeTimers, Scale};
use super::{Nos, NosError, bundles, mclag_switch, open_vswitch};
use crate::base::{InterfaceName, NodeName, Seed, ServiceName};
use crate::record::TimerValue;
use crate::topology::{Node, Topology};

/// How to plan.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// Decides what the real world leaves to chance, e.g. which switch a bundle prefers.
    pub seed: Seed,
    /// How much faster than real life slow timers run.
    pub scale: Scale,
    /// Timers set by an experiment, as values in the lab: neither scaled nor held to a floor.
    pub timer_overrides: BTreeMap<String, Duration>,
    /// Whether the nodes run this machine's programs, which must then be installed.
    pub check_binaries: bool,
}

impl Default for PlanOptions {
    /// Real-life timers, seed 0, for this machine's programs.
    fn default() -> Self {
        Self {
            seed: Seed(0),
            scale: Scale::REAL,
            timer_overrides: BTreeMap::new(),
            check_binaries: true,
        }
    }
}

/// The plans of a topology.
#[derive(Clone, Debug)]
pub struct Plans {
    /// One for each node, in the topology's order.
    pub nodes: Vec<NodePlan>,
    /// Timers and what they are in this lab, for the report.
    pub timers: Vec<TimerValue>,
    /// What each node is.
    pub kinds: BTreeMap<NodeName, Nos>,
    /// Timers of each node, as its templates saw them.
    pub node_timers: BTreeMap<NodeName, NodeTimers>,
}

/// Plans all nodes of a topology. Reads the templates and files that it names.
pub fn plan_nodes(topology: &Topology, options: &PlanOptions) -> Result<Plans, NosError> {
    timers::check_overrides(&options.timer_overrides)?;
    let mut renderer = Renderer::new(topology, options.seed);
    let mut nodes = Vec::new();
    let mut kinds = BTreeMap::new();
    let mut node_timers = BTreeMap::new();
    for (name, node) in &topology.nodes {
        let nos = Nos::of(topology, name, node)?;
        let timers = timers::of_node(topology, name, node, options.scale, &options.timer_overrides)?;
        let texts = renderer.render(name, node, &timers)?;
        let content = Content::of(topology, name, node, &texts)?;
        let planning = Planning {
            topology,
            name,
            node,
            timers: &timers,
            options,
        };
        nodes.push(planning.plan(nos, content)?);
        kinds.insert(name.clone(), nos);
        node_timers.insert(name.clone(), timers);
    }
    let of_nodes = node_timers
        .iter()
        .map(|(name, timers)| (name, kinds[name], timers));
    let timers = timers::table(of_nodes);
    Ok(Plans {
        nodes,
        timers,
        kinds,
        node_timers,
    })
}

/// Renders all templates: node, the bind source that the text belongs at, and the text.
pub fn render(
    topology: &Topology,
    options: &PlanOptions,
) -> Result<Vec<(NodeName, PathBuf, String)>, NosError> {
    timers::check_overrides(&options.timer_overrides)?;
    let mut renderer = Renderer::new(topology, options.seed);
    let mut found = Vec::new();
    for (name, node) in &topology.nodes {
        let timers = timers::of_node(topology, name, node, options.scale, &options.timer_overrides)?;
        let texts = renderer.render(name, node, &timers)?;
        let content = Content::of(topology, name, node, &texts)?;
        found.extend(
            content
                .sources
                .into_iter()
                .map(|(source, text)| (name.clone(), source, text)),
        );
    }
    Ok(found)
}

struct Planning<'a> {
    topology: &'a Topology,
    name: &'a NodeName,
    node: &'a Node,
    timers: &'a NodeTimers,
    options: &'a PlanOptions,
}

impl Planning<'_> {
    fn plan(&self, nos: Nos, content: Content) -> Result<NodePlan, NosError> {
        let mut plan = self.bare();
        match nos {
            Nos::Frr => self.router(&mut plan, &content)?,
            Nos::MclagSwitch => self.switch(&mut plan, &content)?,
            Nos::Linux => {
                self.bundles(&mut plan)?;
            }
        }
        plan.files.splice(0..0, content.files);
        plan.binds = content.binds;
        // What the topology says wins over what its kind needs.
        plan.sysctls.extend(self.node.sysctls.clone());
        plan.exec.extend(self.commands()?);
        Ok(plan)
    }

    fn bare(&self) -> NodePlan {
        let interfaces = self
            .topology
            .links_of(self.name)
            .flat_map(|link| [&link.a, &link.b])
            .filter(|end| end.node == *self.name)
            .map(|end| end.interface.clone());
        let mut interfaces: Vec<InterfaceName> = interfaces.collect();
        // A link from a node to itself is seen from both of its ends.
        let mut seen = std::collections::BTreeSet::new();
        interfaces.retain(|interface| seen.insert(interface.clone()));
        let prefix = self
            .topology
            .management
            .ipv4_subnet
            .map_or(24, |(_, prefix)| prefix);
        NodePlan {
            node: self.name.clone(),
            hostname: self.name.to_string(),
            interfaces,
            management: self.node.mgmt_ipv4,
            management_prefix: prefix,
            files: Vec::new(),
            binds: Vec::new(),
            sysctls: BTreeMap::new(),
            environment: self.node.env.clone(),
            setup: Vec::new(),
            services: Vec::new(),
            exec: Vec::new(),
            boot_time: Duration::ZERO,
            container: Container {
                image: self.node.image.clone(),
                kind: self.node.kind.clone(),
                node_type: self.node.node_type.clone(),
                group: self.node.group.clone(),
                labels: self.node.labels.clone(),
            },
        }
    }

    fn router(&self, plan: &mut NodePlan, content: &Content) -> Result<(), NosError> {
        let before = self.bundles(plan)?;
        let router = frr::plan(self.topology, self.name, self.node, content, &before)?;
        for daemon in &router.daemons {
            let program = Path::new(frr::PROGRAMS).join(daemon.as_str());
            self.need(&program, "install the package frr")?;
        }
        plan.setup.extend(router.setup);
        plan.services.extend(router.services);
        plan.files.extend(router.files);
        plan.sysctls = frr::sysctls();
        plan.boot_time = self.timers["router-boot-time"].value;
        Ok(())
    }

    fn switch(&self, plan: &mut NodePlan, content: &Content) -> Result<(), NosError> {
        let configuration = content.text_at(
            self.topology,
            self.name,
            self.node,
            Path::new(mclag_switch::CONFIGURATION),
        )?;
        let ospf = configuration.as_deref().is_some_and(mclag_switch::wants_ospf);
        for daemon in ["zebra", "bfdd", "staticd"] {
            self.need(&Path::new(frr::PROGRAMS).join(daemon), "install the package frr")?;
        }
        self.need_open_vswitch()?;
        plan.setup = mclag_switch::setup();
        plan.files = frr::empty_parts();
        plan.services = mclag_switch::services(self.timers["l2ald-restart-delay"].value, ospf);
        plan.sysctls = frr::sysctls();
        plan.boot_time = self.timers["boot-time"].value;
        Ok(())
    }

    /// Adds what the node's bundle labels ask for; returns the services that must be ready before routing.
    fn bundles(&self, plan: &mut NodePlan) -> Result<Vec<ServiceName>, NosError> {
        let wanted = bundles::read(self.topology, self.name, self.node)?;
        let bundles = bundles::plan(self.name, &wanted, self.options.seed);
        if bundles.services.is_empty() {
            return Ok(Vec::new());
        }
        self.need_open_vswitch()?;
        plan.setup.extend(bundles.setup);
        plan.services.extend(bundles.services);
        plan.exec.extend(bundles.up);
        Ok(vec![ServiceName::new("ovs-vswitchd")])
    }

    fn commands(&self) -> Result<Vec<Vec<String>>, NosError> {
        self.node
            .exec
            .iter()
            .map(|line| {
                shlex::split(line)
                    .filter(|words| !words.is_empty())
                    .ok_or_else(|| NosError::Label {
                        file: self.topology.file.display().to_string(),
                        line: self.node.line,
                        node: self.name.clone(),
                        label: "exec".to_owned(),
                        problem: format!("`{line}` has an unclosed quote or is empty"),
                    })
            })
            .collect()
    }

    fn need_open_vswitch(&self) -> Result<(), NosError> {
        for (program, hint) in open_vswitch::PROGRAMS {
            self.need(Path::new(program), hint)?;
        }
        Ok(())
    }

    fn need(&self, program: &Path, hint: &'static str) -> Result<(), NosError> {
        if !self.options.check_binaries || program.exists() {
            return Ok(());
        }
        Err(NosError::Program {
            file: self.topology.file.display().to_string(),
            line: self.node.line,
            node: self.name.clone(),
            program: program.to_owned(),
            hint,
        })
    }
}

#[cfg(test)]
pub(super) mod tests;

//! What a lab keeps on disk: one labelled volume, so that it is found and removed like everything else of the lab.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::keeper::{CUT, PLAN, STATUS, WAS_UP};
use crate::base::NodeName;
use crate::nos::plan::NodePlan;
use crate::runtime::{LabPlan, NodeStatus};

/// A lab's volume as the host sees it.
#[derive(Clone, Debug)]
pub(super) struct Storage(PathBuf);

impl Storage {
    /// `mountpoint` is where the engine keeps the volume.
    pub(super) fn at(mountpoint: &str) -> Self {
        Self(mountpoint.into())
    }

    /// Writes the plan and faultlab's binary, and makes the nodes' directories.
    pub(super) fn fill(&self, plan: &LabPlan, binary: &Path) -> io::Result<()> {
        for node in &plan.nodes {
            for part in [
                self.meeting(&node.node),
                self.logs(&node.node),
                self.persistent(&node.node),
            ] {
                fs::create_dir_all(part)?;
            }
            fs::write(
                self.meeting(&node.node).join(PLAN),
                serde_json::to_vec(&inside(node))?,
            )?;
        }
        // A copy: labs outlive the file that made them, and a replaced one must not change under a running lab.
        fs::copy(binary, self.binary())?;
        // Last: whoever finds it finds a whole lab.
        fs::write(self.0.join(PLAN), serde_json::to_vec(plan)?)
    }

    /// Reads the plan. A lab that was never made whole has none.
    pub(super) fn plan(&self) -> io::Result<LabPlan> {
        Ok(serde_json::from_slice(&fs::read(self.0.join(PLAN))?)?)
    }

    pub(super) fn binary(&self) -> PathBuf {
        self.0.join("faultlab")
    }

    /// What a node's keeper and its init share.
    pub(super) fn meeting(&self, node: &NodeName) -> PathBuf {
        self.node(node).join("keep")
    }

    pub(super) fn logs(&self, node: &NodeName) -> PathBuf {
        self.node(node).join("logs")
    }

    pub(super) fn persistent(&self, node: &NodeName) -> PathBuf {
        self.node(node).join("persistent")
    }

    /// Where the node stands, as its keeper left word.
    pub(super) fn status(&self, node: &NodeName) -> io::Result<NodeStatus> {
        Ok(serde_json::from_slice(&fs::read(
            self.meeting(node).join(STATUS),
        )?)?)
    }

    /// Tells the keeper that the node's end is wanted, or no longer.
    pub(super) fn set_cut(&self, node: &NodeName, wanted: bool) -> io::Result<()> {
        let file = self.meeting(node).join(CUT);
        if wanted {
            return fs::write(file, "");
        }
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether every node was up once: whoever made the lab had finished.
    pub(super) fn all_were_up(&self) -> bool {
        self.plan().is_ok_and(|plan| {
            let was_up = |node: &NodePlan| self.meeting(&node.node).join(WAS_UP).exists();
            plan.nodes.iter().all(was_up)
        })
    }

    fn node(&self, node: &NodeName) -> PathBuf {
        self.0.join("nodes").join(Path::new(node.as_str()))
    }
}

/// The plan as the node's init needs it: the engine makes the binds.
fn inside(plan: &NodePlan) -> NodePlan {
    NodePlan {
        binds: Vec::new(),
        ..plan.clone()
    }
}

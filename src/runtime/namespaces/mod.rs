//! The embedded runtime: Linux namespaces, with the kernel as garbage collector.
//!
//! A lab is one process (`lab_init`) in namespaces of its own and everything below it. Nothing of it has a name on the
//! host's file system: it is found by an abstract socket, and all its files lie on its own tmpfs. So when that process
//! dies, in whatever way, the kernel removes the whole lab.

mod address;
pub(in crate::runtime) mod boot;
mod conversation;
pub mod environment;
mod exec;
pub mod exercise;
mod freezer;
pub(in crate::runtime) mod kernel;
pub mod lab;
pub mod lab_init;
mod lab_node;
mod layers;
pub(in crate::runtime) mod logs;
pub(in crate::runtime) mod network;
pub(in crate::runtime) mod node_init;
pub mod node_requests;
pub mod probe;
pub(in crate::runtime) mod protocol;
pub(in crate::runtime) mod rootfs;
pub mod rootless;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use self::lab::{NamespaceLab, system};
use self::protocol::Reply;
use crate::base::LabName;
use crate::runtime::{Lab, LabPlan, Lifetime, Runtime, RuntimeError};

/// How long making a lab may take.
const MAKING: Duration = Duration::from_secs(60);

/// Makes and finds labs of namespaces.
#[derive(Clone, Debug)]
pub struct Namespaces {
    binary: PathBuf,
}

impl Namespaces {
    /// `binary` is faultlab itself: it becomes the lab's init and is what [`crate::nos::plan::NODE_BINARY`] shows in nodes.
    #[must_use]
    pub fn new(binary: PathBuf) -> Self {
        Self { binary }
    }

    /// With the running program as the binary, also when its file was replaced since.
    #[must_use]
    pub fn of_this_program() -> Self {
        Self::new("/proc/self/exe".into())
    }

    fn start(
        &self,
        plan: &LabPlan,
        lifetime: Lifetime,
        listener: &OwnedFd,
    ) -> io::Result<(UnixStream, Reply)> {
        use std::os::unix::process::CommandExt;
        let (control, its_end) = UnixStream::pair()?;
        let inherited: [RawFd; 2] = [listener.as_raw_fd(), its_end.as_raw_fd()];
        let mut command = Command::new(&self.binary);
        command
            .arg("__lab-init")
            .arg(match lifetime {
                Lifetime::WithCaller => lab_init::WITH_CALLER,
                Lifetime::Stays => lab_init::STAYS,
            })
            .args(inherited.map(|fd| fd.to_string()))
            .env(environment::LAB_VARIABLE, plan.name.as_str())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        #[expect(
            unsafe_code,
            reason = "two descriptors must survive the exec of this child only"
        )]
        // SAFETY: the closure makes one system call per descriptor and touches no memory of other threads.
        unsafe {
            command.pre_exec(move || inherited.into_iter().try_for_each(kernel::keep_across_exec));
        }
        let mut starter = command.spawn()?;
        drop(its_end);
        control.set_read_timeout(Some(MAKING))?;
        let talk = protocol::send_line(&control, plan, &[]).and_then(|()| protocol::receive_line(&control));
        starter.wait()?;
        Ok((control, talk?.0))
    }
}

impl Runtime for Namespaces {
    fn create(&self, plan: &LabPlan, lifetime: Lifetime) -> Result<Box<dyn Lab>, RuntimeError> {
        let name = &plan.name;
        let listener = match address::claim(name) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(RuntimeError::LabExists(name.clone()));
            }
            other => other.map_err(system(format!("claim the name of lab {name}")))?,
        };
        let (control, reply) = self
            .start(plan, lifetime, &listener)
            .map_err(system(format!("start lab {name}")))?;
        drop(listener);
        if let Reply::Refused(reason) = reply {
            if let Some(reason) = reason.strip_prefix(lab_init::NO_NAMESPACES) {
                return Err(RuntimeError::Environment {
                    missing: format!("the privilege to make namespaces ({reason})"),
                    hint: "root needs CAP_SYS_ADMIN, which containers often lack; an ordinary user needs user namespaces; \
                           `faultlab doctor` tells what is there"
                        .into(),
                });
            }
            return Err(RuntimeError::Refused {
                lab: name.clone(),
                operation: "be made".into(),
                reason,
            });
        }
        let lifeline = (lifetime == Lifetime::WithCaller).then_some(control);
        let lab = NamespaceLab::open(name, lifeline).map_err(system(format!("reach lab {name}")))?;
        Ok(Box::new(lab))
    }

    fn list(&self) -> Result<Vec<LabName>, RuntimeError> {
        address::list().map_err(system("list labs"))
    }

    fn open(&self, name: &LabName) -> Result<Box<dyn Lab>, RuntimeError> {
        match NamespaceLab::open(name, None) {
            Ok(lab) => Ok(Box::new(lab)),
            Err(error) => {
                let known = self.list()?;
                if known.contains(name) {
                    return Err(system(format!("reach lab {name}"))(error));
                }
                Err(RuntimeError::NoSuchLab {
                    name: name.clone(),
                    known,
                })
            }
        }
    }
}

//! Labs of an ordinary user: everything happens in a user namespace where that user is root.
//!
//! Only one uid is mapped, so daemons must run as root inside (see the platform notes for FRR). Both functions must be
//! called before the process has a second thread; the kernel refuses otherwise.

use std::fs;
use std::io;

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::address::{self, OWNER_VARIABLE};
use super::lab::system;
use crate::base::LabName;
use crate::runtime::RuntimeError;

/// Whether labs can only be made after [`enter_user_namespace`].
#[must_use]
pub fn is_needed() -> bool {
    !nix::unistd::geteuid().is_root()
}

/// Makes the calling process root in a user namespace of its own, to create labs there.
///
/// The network namespace stays the host's, so that the lab's socket is found by its owner's later commands.
pub fn enter_user_namespace() -> Result<(), RuntimeError> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    remember_owner(uid.as_raw());
    let enter = || -> io::Result<()> {
        unshare(CloneFlags::CLONE_NEWUSER)?;
        become_root(uid, gid)
    };
    enter().map_err(|source| match source.raw_os_error() {
        Some(nix::libc::EPERM | nix::libc::ENOSPC | nix::libc::EINVAL | nix::libc::EACCES) => {
            RuntimeError::Environment {
                missing: "a user namespace for an ordinary user".into(),
                hint: "run as root, or allow them: sysctl kernel.unprivileged_userns_clone=1, \
                   kernel.apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces above 0"
                    .into(),
            }
        }
        _ => system("enter a user namespace")(source),
    })
}

/// Maps a user (as numbered outside) to root of the user namespace that this process has just made.
pub(super) fn become_root(uid: nix::unistd::Uid, gid: nix::unistd::Gid) -> io::Result<()> {
    // Without privilege over the parent namespace, groups may be mapped only once setgroups is given up.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Enters the user namespace in which a lab of this user lives, to open it.
pub fn join_user_namespace(lab: &LabName) -> Result<(), RuntimeError> {
    remember_owner(nix::unistd::geteuid().as_raw());
    let join = || -> io::Result<()> {
        let peer = getsockopt(&address::connect(lab)?, PeerCredentials)?;
        let namespace = fs::File::open(format!("/proc/{}/ns/user", peer.pid()))?;
        setns(namespace, CloneFlags::CLONE_NEWUSER)?;
        Ok(())
    };
    match join() {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(RuntimeError::NoSuchLab {
            name: lab.clone(),
            known: address::list().map_err(system("list labs"))?,
        }),
        other => other.map_err(system(format!("enter the user namespace of lab {lab}"))),
    }
}

#[expect(
    unsafe_code,
    reason = "the environment carries it to the lab's init, started from this process"
)]
fn remember_owner(uid: u32) {
    // SAFETY: called before the process has a second thread, as documented.
    unsafe { std::env::set_var(OWNER_VARIABLE, uid.to_string()) };
}

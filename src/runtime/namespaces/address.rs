//! Where a lab is found: an abstract Unix socket in the host's network namespace, which vanishes with its owner.
//!
//! The controller binds it before the lab exists (so two labs of one name cannot race); the lab's init listens on it (so
//! that the credentials a client sees are those of the init).

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{SocketAddr, UnixStream};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, socket};

use crate::base::LabName;

/// Overrides the user whose labs are meant: inside a user namespace of ours everybody is 0.
pub(super) const OWNER_VARIABLE: &str = "FAULTLAB_OWNER";

/// The user whose labs are seen.
pub(super) fn owner() -> u32 {
    std::env::var(OWNER_VARIABLE)
        .ok()
        .and_then(|uid| uid.parse().ok())
        .unwrap_or_else(|| nix::unistd::geteuid().as_raw())
}

fn prefix() -> String {
    format!("faultlab/{}/", owner())
}

/// Takes the name. Fails with `AddrInUse` when a lab has it.
pub(super) fn claim(lab: &LabName) -> io::Result<OwnedFd> {
    let fd = socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let address = UnixAddr::new_abstract(format!("{}{lab}", prefix()).as_bytes())?;
    bind(fd.as_raw_fd(), &address)?;
    Ok(fd)
}

/// Connects to a lab's init.
pub(super) fn connect(lab: &LabName) -> io::Result<UnixStream> {
    use std::os::linux::net::SocketAddrExt;
    let address = SocketAddr::from_abstract_name(format!("{}{lab}", prefix()))?;
    UnixStream::connect_addr(&address)
}

/// The names of all labs of this user, sorted.
pub(super) fn list() -> io::Result<Vec<LabName>> {
    Ok(listening(&std::fs::read_to_string("/proc/net/unix")?, &prefix()))
}

/// Listening abstract sockets with the prefix. Accepted connections carry the same name, but not the listening flag.
fn listening(table: &str, prefix: &str) -> Vec<LabName> {
    const LISTENING: &str = "00010000";
    let mut names: Vec<LabName> = table
        .lines()
        .filter_map(|line| {
            let mut columns = line.split_whitespace();
            let flags = columns.nth(3)?;
            let path = columns.nth(3)?;
            let name = path.strip_prefix('@')?.strip_prefix(prefix)?;
            (flags == LISTENING).then(|| LabName::from(name))
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_of_this_user_are_labs() {
        let table = "Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 1001 @faultlab/0/b\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 1002 @faultlab/0/b\n\
            0000000000000000: 00000002 00000000 00000000 0001 01 1003 @faultlab/0/being-made\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 1004 @faultlab/1000/other\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 1005 @faultlab/0/a\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 1006 /run/systemd/private\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 1007\n";
        assert_eq!(
            listening(table, "faultlab/0/"),
            [LabName::from("a"), LabName::from("b")]
        );
    }
}

//! What the panel holds inside a node's network namespace: sockets, never a thread.
//!
//! Sockets stay in the namespace they were opened in, so a throw-away thread enters it once and the panel never does.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use nix::libc;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use rtnetlink::sys::Socket;
use tokio::io::unix::AsyncFd;

use super::messages;
use super::netlink::{self, Interface, Netlink};

/// The socket on which the kernel tells of a node's interfaces.
pub(super) type Watch = Rc<AsyncFd<Socket>>;

/// A node's namespace.
pub(super) struct NodeNet {
    netns: OwnedFd,
    watch: Watch,
    pub(super) netlink: Netlink,
    ioctl: OwnedFd,
}

impl NodeNet {
    /// Opens what is needed in a node's namespace.
    pub(super) fn open(netns: OwnedFd) -> io::Result<Self> {
        let (watch, netlink, ioctl) = std::thread::scope(|scope| {
            let inside = || -> io::Result<_> {
                setns(&netns, CloneFlags::CLONE_NEWNET)?;
                let ioctl = socket(
                    AddressFamily::Inet,
                    SockType::Datagram,
                    SockFlag::SOCK_CLOEXEC,
                    None,
                )?;
                Ok((netlink::open_watch()?, Netlink::open()?, ioctl))
            };
            scope.spawn(inside).join()
        })
        .map_err(|_| io::Error::other("the thread in the node's namespace panicked"))??;
        // SAFETY: a netlink socket answers with the same open descriptor until it is dropped, which the AsyncFd that
        // owns it alone decides.
        #[expect(unsafe_code, reason = "AsyncFd cannot see that a descriptor stays open")]
        let watch = unsafe { AsyncFd::register(watch) }?;
        Ok(Self {
            netns,
            watch: Rc::new(watch),
            netlink,
            ioctl,
        })
    }

    pub(super) fn netns(&self) -> BorrowedFd<'_> {
        self.netns.as_fd()
    }

    pub(super) fn watch(&self) -> Watch {
        Rc::clone(&self.watch)
    }

    /// Returns all changes of interfaces that the kernel told so far, oldest first.
    pub(super) fn changes(&mut self) -> Vec<Interface> {
        let mut changes = Vec::new();
        loop {
            match netlink::receive(self.watch.get_ref()) {
                Ok(messages) => {
                    changes.extend(messages.iter().filter_map(|(_, told)| Interface::read(told)));
                }
                // The socket overflowed: what was lost is found by looking.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    changes.extend(self.interfaces().unwrap_or_default());
                }
                Err(_) => return changes,
            }
        }
    }

    /// Lists the node's interfaces as they are now.
    pub(super) fn interfaces(&mut self) -> io::Result<Vec<Interface>> {
        let list = self.netlink.dump(messages::list_links())?;
        Ok(list.iter().filter_map(Interface::read).collect())
    }

    /// Makes the kernel compute checksums of what an interface sends: OVS in user space and taps get frames as they are.
    pub(super) fn compute_checksums(&self, interface: &str) -> io::Result<()> {
        /// `ETHTOOL_STXCSUM`, `linux/ethtool.h`.
        const SET_TX_CHECKSUM_OFFLOAD: u32 = 0x17;
        let mut value = [SET_TX_CHECKSUM_OFFLOAD, 0];
        // SAFETY: all fields of an ifreq are plain bytes and integers, for which zero is valid.
        #[expect(unsafe_code, reason = "SIOCETHTOOL takes a C struct with a union")]
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        let name = interface.as_bytes();
        if name.len() >= request.ifr_name.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for (to, from) in request.ifr_name.iter_mut().zip(name) {
            *to = from.cast_signed();
        }
        request.ifr_ifru.ifru_data = value.as_mut_ptr().cast();
        // SAFETY: `request` names a `struct ethtool_value` (two u32) that outlives the call, and the fd is a socket.
        #[expect(unsafe_code, reason = "there is no safe wrapper for SIOCETHTOOL")]
        let result = unsafe { libc::ioctl(self.ioctl.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

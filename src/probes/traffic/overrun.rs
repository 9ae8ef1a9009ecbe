//! Packets that arrived at a socket and were thrown away by the kernel because nobody read them in time.
//!
//! They look like the network's losses and are the prober's, so they must be known.

use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::libc;

/// Index of `SK_MEMINFO_DROPS` in the array of `SO_MEMINFO` (linux/sock_diag.h).
const DROPS: usize = 8;
const FIELDS: usize = 9;

/// Returns a socket's counter of dropped packets, or zero where the kernel does not tell (before Linux 4.12).
pub(super) fn dropped_packets(socket: &UdpSocket) -> u64 {
    let mut info = [0_u32; FIELDS];
    let mut length = libc::socklen_t::try_from(size_of_val(&info)).unwrap_or(0);
    #[expect(unsafe_code, reason = "SO_MEMINFO has no safe wrapper")]
    // SAFETY: `info` is writable for `length` bytes and the kernel writes at most that many.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result == 0 { u64::from(info[DROPS]) } else { 0 }
}

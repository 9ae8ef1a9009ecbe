//! Capture of a wire to pcapng (draft-ietf-opsawg-pcapng): what each end's node *sent*, before blocks drop any of it.
//!
//! A thread of its own writes, so that a busy wire never makes the panel late. One interface description per end tells who
//! sent a frame. 802.1Q tags, which the kernel takes off before it hands frames over, are put back.

use std::fs::File;
use std::io::{self, BufWriter, IoSliceMut, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread::JoinHandle;

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

/// The most of a frame that is kept; longer than any MTU here.
const SNAP: usize = 65_536;
const ETH_P_ALL: u16 = 3;
/// Frames taken from one end before the other has its turn.
const TURN: usize = 256;
/// What is written at most this late while frames are few.
const FLUSH_MS: u16 = 200;

/// A capture that runs.
pub(super) struct Capture {
    /// Closing it stops the thread.
    stop: OwnedFd,
    thread: JoinHandle<io::Result<u64>>,
}

impl Capture {
    /// Starts to capture interfaces of the calling thread's namespace, given by index and by the name to write.
    pub(super) fn start(ends: &[(u32, String)], file: File) -> io::Result<Self> {
        let mut sockets = Vec::new();
        for (index, _) in ends {
            sockets.push(open(*index)?);
        }
        let mut file = BufWriter::new(file);
        file.write_all(&section_header())?;
        for (_, name) in ends {
            file.write_all(&interface_description(name))?;
        }
        file.flush()?;
        let (stopped, stop) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
        let thread = std::thread::Builder::new()
            .name("capture".into())
            .spawn(move || write_frames(&sockets, &stopped, file))?;
        Ok(Self { stop, thread })
    }

    /// Stops, and returns how many frames were written.
    pub(super) fn finish(self) -> io::Result<u64> {
        drop(self.stop);
        self.thread
            .join()
            .map_err(|_| io::Error::other("the capturing thread panicked"))?
    }
}

fn open(index: u32) -> io::Result<OwnedFd> {
    // No protocol until it is bound, or frames of other interfaces come first.
    let socket = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        None,
    )?;
    for option in [libc::PACKET_AUXDATA, libc::PACKET_IGNORE_OUTGOING] {
        let on: libc::c_int = 1;
        let size = libc::socklen_t::try_from(size_of_val(&on)).map_err(io::Error::other)?;
        // SAFETY: the value is an int that outlives the call, and its true size is told.
        #[expect(unsafe_code, reason = "nix knows no options of packet sockets")]
        let result = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_PACKET,
                option,
                (&raw const on).cast(),
                size,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    setsockopt(&socket, sockopt::RcvBuf, &(4 << 20))?;
    bind(&socket, index)?;
    Ok(socket)
}

fn bind(socket: &OwnedFd, index: u32) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?,
        sll_protocol: ETH_P_ALL.to_be(),
        sll_ifindex: index.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let size = libc::socklen_t::try_from(size_of_val(&address)).map_err(io::Error::other)?;
    // SAFETY: the address is a whole sockaddr_ll that outlives the call, and its true size is told.
    #[expect(unsafe_code, reason = "nix makes no addresses of packet sockets")]
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn write_frames(sockets: &[OwnedFd], stopped: &OwnedFd, mut file: BufWriter<File>) -> io::Result<u64> {
    let mut written = 0;
    let mut buffer = vec![0; SNAP];
    loop {
        let mut fds: Vec<PollFd<'_>> = sockets
            .iter()
            .chain([stopped])
            .map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN))
            .collect();
        let ready = match poll(&mut fds, PollTimeout::from(FLUSH_MS)) {
            Ok(ready) => ready,
            Err(nix::Error::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        let over = fds
            .last()
            .and_then(PollFd::revents)
            .is_some_and(|events| !events.is_empty());
        for (interface, socket) in (0..).zip(sockets) {
            // Not for ever: under a flood, the other end and the wish to stop must have their turn.
            for _ in 0..TURN {
                let Some((time, frame)) = receive(socket, &mut buffer)? else {
                    break;
                };
                file.write_all(&packet(interface, time, &frame))?;
                written += 1;
            }
        }
        if ready == 0 || over {
            file.flush()?;
        }
        if over {
            return Ok(written);
        }
    }
}

/// Receives a frame with its time; none when there is none, or the interface was down for a moment.
fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Option<(TimeSpec, Vec<u8>)>> {
    let mut space = nix::cmsg_space!(TimeSpec, libc::tpacket_auxdata);
    let mut slices = [IoSliceMut::new(buffer)];
    let received = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut slices,
        Some(&mut space),
        MsgFlags::MSG_DONTWAIT,
    );
    let message = match received {
        Ok(message) => message,
        Err(nix::Error::EAGAIN | nix::Error::EINTR | nix::Error::ENETDOWN) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut time = TimeSpec::new(0, 0);
    let mut tag = None;
    for control in message.cmsgs()? {
        match control {
            ControlMessageOwned::ScmTimestampns(at) => time = at,
            ControlMessageOwned::Unknown(other) if other.cmsg_header.cmsg_level == libc::SOL_PACKET => {
                tag = tag_of(&other.data_bytes);
            }
            _ => {}
        }
    }
    let length = message.bytes;
    let mut frame = buffer.get(..length).unwrap_or_default().to_vec();
    if let Some(tag) = tag.filter(|_| frame.len() >= 12) {
        frame.splice(12..12, tag);
    }
    Ok(Some((time, frame)))
}

/// Reads a `struct tpacket_auxdata`: the tag's four bytes as they were on the wire, when there was one.
fn tag_of(auxdata: &[u8]) -> Option<[u8; 4]> {
    const VLAN_VALID: u32 = 1 << 4;
    let status = u32::from_ne_bytes(auxdata.get(..4)?.try_into().ok()?);
    let half = |at: usize| Some(u16::from_ne_bytes(auxdata.get(at..at + 2)?.try_into().ok()?).to_be_bytes());
    let ([a, b], [c, d]) = (half(18)?, half(16)?);
    (status & VLAN_VALID != 0).then_some([a, b, c, d])
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = u32::try_from(padded + 12).unwrap_or(u32::MAX).to_le_bytes();
    let mut block = Vec::with_capacity(padded + 12);
    block.extend(kind.to_le_bytes());
    block.extend(length);
    block.extend(body);
    block.resize(8 + padded, 0);
    block.extend(length);
    block
}

fn section_header() -> Vec<u8> {
    let mut body = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    body.extend([1, 0, 0, 0]);
    body.extend([0xff; 8]);
    block(0x0a0d_0d0a, &body)
}

fn interface_description(name: &str) -> Vec<u8> {
    // LINKTYPE_ETHERNET, no limit to frames' lengths.
    let mut body = vec![1, 0, 0, 0, 0, 0, 0, 0];
    let mut option = |code: u16, value: &[u8]| {
        body.extend(code.to_le_bytes());
        body.extend(u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
        body.extend(value);
        body.resize(body.len().next_multiple_of(4), 0);
    };
    option(2, name.as_bytes());
    // if_tsresol: nanoseconds.
    option(9, &[9]);
    option(0, &[]);
    block(1, &body)
}

fn packet(interface: u32, time: TimeSpec, frame: &[u8]) -> Vec<u8> {
    let nanoseconds = time.tv_sec() * 1_000_000_000 + time.tv_nsec();
    let nanoseconds = nanoseconds.cast_unsigned();
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut body = interface.to_le_bytes().to_vec();
    body.extend(&nanoseconds.to_le_bytes()[4..]);
    body.extend(&nanoseconds.to_le_bytes()[..4]);
    body.extend(length);
    body.extend(length);
    body.extend(frame);
    block(6, &body)
}

//! A blocking rtnetlink socket that sends many requests in one system call.
//!
//! Blocking on purpose: the kernel carries out rtnetlink requests inside `send`, so an answer is there when `send`
//! returns, and the panel's state never changes between a request and its answer.

use std::io;

use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload, NlasIterator,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// Requests in one datagram: their acknowledgements must fit in the socket's receive buffer, or the kernel drops them.
const BATCH: usize = 64;
const HEADER: usize = 16;
const TYPE_ERROR: u16 = 2;
const TYPE_DONE: u16 = 3;
const RTNLGRP_LINK: u32 = 1;
const RECEIVE: usize = 64 * 1024;

/// A request with its flags beyond REQUEST and ACK.
pub(super) type Asked = (RouteNetlinkMessage, u16);

/// A message as received: its type and what follows the header.
pub(super) struct Told {
    pub(super) kind: u16,
    pub(super) payload: Vec<u8>,
}

/// The socket, bound to the network namespace of the thread that opened it.
pub(super) struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens a socket in the calling thread's network namespace.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_cap_ack(true)?;
        // A request that the kernel does not answer at once would be a bug; better an error than a hanging lab.
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(5))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Carries out requests in order. All are tried; the first failure is returned with its position.
    pub(super) fn carry_out(&mut self, requests: Vec<Asked>) -> Result<(), (usize, io::Error)> {
        let mut failure = None;
        let mut done = 0;
        let mut requests = requests.into_iter().peekable();
        while requests.peek().is_some() {
            let first = self.sequence + 1;
            let mut datagram = Vec::with_capacity(BATCH * 256);
            for (message, flags) in requests.by_ref().take(BATCH) {
                self.append(&mut datagram, message, flags | NLM_F_ACK);
            }
            let sent = || {
                self.socket.send(&datagram, 0)?;
                acknowledgements(&self.socket, first, self.sequence)
            };
            match sent() {
                Ok(None) => {}
                Ok(Some((at, error))) => failure = failure.or(Some((done + at, error))),
                Err(error) => return Err((done, error)),
            }
            done += (self.sequence - first + 1) as usize;
        }
        failure.map_or(Ok(()), Err)
    }

    /// Asks for a list and returns everything in it.
    pub(super) fn dump(&mut self, message: RouteNetlinkMessage) -> io::Result<Vec<Told>> {
        let mut datagram = Vec::new();
        self.append(&mut datagram, message, NLM_F_DUMP);
        self.socket.send(&datagram, 0)?;
        let mut list = Vec::new();
        loop {
            for (sequence, told) in receive(&self.socket)? {
                match told.kind {
                    _ if sequence != self.sequence => {}
                    TYPE_DONE => return Ok(list),
                    TYPE_ERROR => return Err(error_of(&told.payload).unwrap_or(io::ErrorKind::Other.into())),
                    _ => list.push(told),
                }
            }
        }
    }

    fn append(&mut self, datagram: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16) {
        self.sequence += 1;
        let mut message = NetlinkMessage::new(
            rtnetlink::packet_core::NetlinkHeader::default(),
            NetlinkPayload::from(message),
        );
        message.header.flags = NLM_F_REQUEST | flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let start = datagram.len();
        datagram.resize(start + message.buffer_len().next_multiple_of(4), 0);
        message.serialize(&mut datagram[start..]);
    }
}

fn acknowledgements(socket: &Socket, first: u32, last: u32) -> io::Result<Option<(usize, io::Error)>> {
    let mut failure = None;
    let mut missing = last - first + 1;
    while missing > 0 {
        for (sequence, told) in receive(socket)? {
            if told.kind == TYPE_ERROR && (first..=last).contains(&sequence) {
                missing -= 1;
                let error = error_of(&told.payload);
                failure = failure.or(error.map(|error| ((sequence - first) as usize, error)));
            }
        }
    }
    Ok(failure)
}

/// Opens a non-blocking socket that is told of every change of an interface in the calling thread's namespace.
pub(super) fn open_watch() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.add_membership(RTNLGRP_LINK)?;
    socket.set_non_blocking(true)?;
    Ok(socket)
}

/// Receives one datagram and splits it into messages with their sequence numbers.
pub(super) fn receive(socket: &Socket) -> io::Result<Vec<(u32, Told)>> {
    let mut buffer = Vec::with_capacity(RECEIVE);
    socket.recv(&mut buffer, 0)?;
    let mut messages = Vec::new();
    let mut rest = buffer.as_slice();
    while rest.len() >= HEADER {
        let length = word(rest, 0) as usize;
        let Some(message) = rest.get(..length).filter(|message| message.len() >= HEADER) else {
            break;
        };
        let kind = u16::from_ne_bytes([message[4], message[5]]);
        let payload = message[HEADER..].to_vec();
        messages.push((word(message, 8), Told { kind, payload }));
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(messages)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|four| four.try_into().ok())
        .map_or(0, u32::from_ne_bytes)
}

fn error_of(payload: &[u8]) -> Option<io::Error> {
    let code = word(payload, 0).cast_signed();
    (code != 0).then(|| io::Error::from_raw_os_error(code.abs()))
}

/// What is needed of an interface, from a message about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Interface {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) up: bool,
    pub(super) carrier: bool,
    pub(super) mtu: u32,
    pub(super) gone: bool,
}

impl Interface {
    /// Reads RTM_NEWLINK and RTM_DELLINK; none for other messages and for those about bridge ports.
    ///
    /// By hand, because a watcher must survive attributes that a decoder of everything does not know.
    pub(super) fn read(told: &Told) -> Option<Self> {
        const NEW_LINK: u16 = 16;
        const DEL_LINK: u16 = 17;
        const UP: u32 = 1;
        const LOWER_UP: u32 = 1 << 16;
        const IFLA_IFNAME: u16 = 3;
        const IFLA_MTU: u16 = 4;
        let header = told.payload.get(..16)?;
        if !matches!(told.kind, NEW_LINK | DEL_LINK) || header[0] != 0 {
            return None;
        }
        let flags = word(header, 8);
        let mut interface = Self {
            index: word(header, 4),
            up: flags & UP != 0,
            carrier: flags & LOWER_UP != 0,
            gone: told.kind == DEL_LINK,
            ..Self::default()
        };
        for attribute in NlasIterator::new(&told.payload[16..]).flatten() {
            let value = attribute.value();
            match attribute.kind() {
                IFLA_IFNAME => {
                    let name = String::from_utf8_lossy(value);
                    name.trim_end_matches('\0').clone_into(&mut interface.name);
                }
                IFLA_MTU => interface.mtu = word(value, 0),
                _ => {}
            }
        }
        Some(interface)
    }
}

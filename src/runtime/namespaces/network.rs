//! A network namespace from the inside: interfaces up, addresses, and what a power cut does to them.
//!
//! Blocking netlink on purpose: a lab's init and a node's init have one thread and no async runtime.

use std::io;
use std::net::IpAddr;

use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::RouteNetlinkMessage as Route;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use rtnetlink::packet_route::route::{RouteMessage, RouteType};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// A netlink socket in the namespace it was opened in.
pub(in crate::runtime) struct Network {
    socket: Socket,
    sequence: u32,
}

/// A link as far as booting and power cuts care.
struct Link {
    index: u32,
    name: String,
    loopback: bool,
    /// The near end of a cable: a veth whose other end lies in another namespace.
    wire: bool,
}

impl Network {
    /// Opens a socket in the caller's network namespace.
    pub(in crate::runtime) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sets every interface up and returns their names.
    pub(super) fn all_up(&mut self) -> io::Result<Vec<String>> {
        let links = self.links()?;
        for link in &links {
            self.set_up(link.index, true)?;
        }
        Ok(links.into_iter().map(|link| link.name).collect())
    }

    /// Sets the loopback interface up.
    pub(in crate::runtime) fn loopback_up(&mut self) -> io::Result<()> {
        self.set_up(1, true)
    }

    /// Gives an interface an address, if there is such an interface and it has not got it.
    pub(super) fn add_address(&mut self, interface: &str, address: IpAddr, prefix: u8) -> io::Result<()> {
        let Some(link) = self.links()?.into_iter().find(|link| link.name == interface) else {
            return Ok(());
        };
        let mut message = AddressMessage::default();
        message.header.index = link.index;
        message.header.prefix_len = prefix;
        message.header.family = match address {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        message.attributes.push(AddressAttribute::Address(address));
        if address.is_ipv4() {
            message.attributes.push(AddressAttribute::Local(address));
        }
        self.ask(Route::NewAddress(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Takes everything away that a power cut takes: addresses, routes, devices made by software; cables stay, down.
    ///
    /// What the kernel will not give up (fallback tunnels, routes that went with their device) is no error.
    pub(in crate::runtime) fn cut_power(&mut self) -> io::Result<()> {
        for link in self.links()? {
            if link.wire || link.loopback {
                self.set_up(link.index, false)?;
            } else {
                let mut message = LinkMessage::default();
                message.header.index = link.index;
                let _ = self.ask(Route::DelLink(message), 0);
            }
        }
        for message in self.dump(Route::GetAddress(AddressMessage::default()))? {
            if let Route::NewAddress(address) = message {
                let _ = self.ask(Route::DelAddress(address), 0);
            }
        }
        for message in self.dump(Route::GetRoute(RouteMessage::default()))? {
            if let Route::NewRoute(route) = message
                && route.header.kind != RouteType::Local
                && route.header.kind != RouteType::Broadcast
            {
                let _ = self.ask(Route::DelRoute(route), 0);
            }
        }
        Ok(())
    }

    fn links(&mut self) -> io::Result<Vec<Link>> {
        let messages = self.dump(Route::GetLink(LinkMessage::default()))?;
        let links = messages.into_iter().filter_map(|message| match message {
            Route::NewLink(link) => Some(Link::read(&link)),
            _ => None,
        });
        Ok(links.collect())
    }

    fn set_up(&mut self, index: u32, up: bool) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.change_mask = LinkFlags::Up;
        if up {
            message.header.flags = LinkFlags::Up;
        }
        self.ask(Route::SetLink(message), 0)
    }

    fn send(&mut self, message: Route, flags: u16) -> io::Result<()> {
        let mut request = NetlinkMessage::from(message);
        self.sequence += 1;
        request.header.sequence_number = self.sequence;
        request.header.flags = NLM_F_REQUEST | flags;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        Ok(())
    }

    fn ask(&mut self, message: Route, flags: u16) -> io::Result<()> {
        self.send(message, NLM_F_ACK | flags)?;
        loop {
            for reply in self.receive()? {
                if let NetlinkPayload::Error(error) = reply {
                    return error.code.map_or(Ok(()), |_| Err(error.to_io()));
                }
            }
        }
    }

    fn dump(&mut self, message: Route) -> io::Result<Vec<Route>> {
        self.send(message, NLM_F_DUMP)?;
        let mut found = Vec::new();
        loop {
            for reply in self.receive()? {
                match reply {
                    NetlinkPayload::InnerMessage(inner) => found.push(inner),
                    NetlinkPayload::Done(_) => return Ok(found),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    _ => {}
                }
            }
        }
    }

    fn receive(&mut self) -> io::Result<Vec<NetlinkPayload<Route>>> {
        let (bytes, _) = self.socket.recv_from_full()?;
        let mut rest = bytes.as_slice();
        let mut payloads = Vec::new();
        while !rest.is_empty() {
            let message = NetlinkMessage::<Route>::deserialize(rest).map_err(io::Error::other)?;
            let length = usize::try_from(message.header.length).map_err(io::Error::other)?;
            if message.header.sequence_number == self.sequence {
                payloads.push(message.payload);
            }
            rest = rest.get(length.next_multiple_of(4).max(4)..).unwrap_or_default();
        }
        Ok(payloads)
    }
}

impl Link {
    fn read(message: &LinkMessage) -> Self {
        let mut link = Self {
            index: message.header.index,
            name: String::new(),
            loopback: message.header.flags.contains(LinkFlags::Loopback),
            wire: false,
        };
        let mut veth = false;
        let mut elsewhere = false;
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name.clone_from(name),
                LinkAttribute::LinkNetNsId(_) => elsewhere = true,
                LinkAttribute::LinkInfo(infos) => {
                    veth = infos
                        .iter()
                        .any(|info| matches!(info, LinkInfo::Kind(InfoKind::Veth)));
                }
                _ => {}
            }
        }
        link.wire = veth && elsewhere;
        link
    }
}

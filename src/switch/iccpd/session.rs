//! The TCP session of the peering, without ever waiting.
//!
//! The switch with the higher address connects, the other listens, as LDP does (RFC 5036 section 2.5.2). Both ends are
//! IRB addresses, so the session lives or dies with the MAC tables on the way.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::message::{Message, decode, encode};
use crate::base::MonoTime;
use crate::switch::SwitchError;

/// Port of the ICCP application on Junos (33012).
const PORT: u16 = 33012;
const KEEPALIVE: Duration = Duration::from_millis(500);
/// Silence after which the session is closed. BFD is what detects loss fast.
const SILENCE: Duration = Duration::from_secs(3);
/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(1);

/// The session and whatever leads to one.
#[derive(Debug)]
pub(super) struct Session {
    local: Ipv4Addr,
    peer: Ipv4Addr,
    greeting: Message,
    listener: Option<TcpListener>,
    attempt: Option<(Socket, MonoTime)>,
    live: Option<Live>,
}

#[derive(Debug)]
struct Live {
    stream: TcpStream,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    greeted: bool,
    heard: MonoTime,
    said: MonoTime,
}

impl Session {
    pub(super) fn new(local: Ipv4Addr, peer: Ipv4Addr, greeting: Message) -> Self {
        Self {
            local,
            peer,
            greeting,
            listener: None,
            attempt: None,
            live: None,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.greeted)
    }

    pub(super) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let listener = self.listener.as_ref().map(AsFd::as_fd);
        listener
            .into_iter()
            .chain(self.live.as_ref().map(|live| live.stream.as_fd()))
            .collect()
    }

    /// Ends the session, e.g. because BFD says the peer is gone.
    pub(super) fn close(&mut self) {
        self.live = None;
        self.attempt = None;
    }

    pub(super) fn send(&mut self, message: &Message) {
        if let Some(live) = &mut self.live {
            live.outgoing.extend(encode(message));
            live.said = MonoTime::now();
        }
    }

    /// Moves everything on that can move, and returns what arrived.
    pub(super) fn step(&mut self, may_connect: bool) -> Result<Vec<Message>, SwitchError> {
        if self.live.is_none() && may_connect {
            if self.local > self.peer {
                self.connect()?;
            } else {
                self.accept()?;
            }
        }
        let Some(live) = &mut self.live else {
            return Ok(Vec::new());
        };
        let now = MonoTime::now();
        if now.since(live.said) >= KEEPALIVE {
            live.outgoing.extend(encode(&Message::Keepalive));
            live.said = now;
        }
        let outcome = live.exchange(now);
        if outcome.is_err() || now.since(live.heard) > SILENCE {
            self.live = None;
        }
        outcome
    }

    fn connect(&mut self) -> Result<(), SwitchError> {
        let failed = || SwitchError::io(format!("connect to ICCP peer {}", self.peer));
        let now = MonoTime::now();
        let Some((socket, begun)) = &self.attempt else {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(failed())?;
            socket.set_nonblocking(true).map_err(failed())?;
            let local = SocketAddr::new(IpAddr::V4(self.local), 0);
            // The IRB may not have its address yet: not worth a complaint, the next attempt follows.
            if socket.bind(&SockAddr::from(local)).is_ok() {
                let peer = SocketAddr::new(IpAddr::V4(self.peer), PORT);
                // In progress, or refused, which the next step sees.
                let _ = socket.connect(&SockAddr::from(peer));
                self.attempt = Some((socket, now));
            }
            return Ok(());
        };
        if socket.peer_addr().is_ok() {
            if let Some((socket, _)) = self.attempt.take() {
                self.begin(socket.into());
            }
        } else if now.since(*begun) > ATTEMPT {
            self.attempt = None;
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<(), SwitchError> {
        let failed = || SwitchError::io(format!("listen on port {PORT}"));
        let listener = if let Some(listener) = &self.listener {
            listener
        } else {
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).map_err(failed())?;
            listener.set_nonblocking(true).map_err(failed())?;
            self.listener.insert(listener)
        };
        let mut newest = None;
        while let Ok((stream, from)) = listener.accept() {
            if from.ip() == IpAddr::V4(self.peer) {
                newest = Some(stream);
            }
        }
        if let Some(stream) = newest {
            stream.set_nonblocking(true).map_err(failed())?;
            self.begin(stream);
        }
        Ok(())
    }

    fn begin(&mut self, stream: TcpStream) {
        // Small messages must not wait for each other; without it they would only be slower.
        let _ = stream.set_nodelay(true);
        let now = MonoTime::now();
        self.live = Some(Live {
            stream,
            incoming: Vec::new(),
            outgoing: encode(&self.greeting),
            greeted: false,
            heard: now,
            said: now,
        });
    }
}

impl Live {
    fn exchange(&mut self, now: MonoTime) -> Result<Vec<Message>, SwitchError> {
        let failed = || SwitchError::io("talk to the ICCP peer");
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(failed()(error)),
            }
        }
        let mut chunk = [0; 16 << 10];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(SwitchError::protocol("the ICCP peer", "it closed the session")),
                Ok(count) => {
                    self.incoming.extend_from_slice(&chunk[..count]);
                    self.heard = now;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(failed()(error)),
            }
        }
        let mut messages = Vec::new();
        while let Some(message) = decode(&mut self.incoming)? {
            self.greeted |= matches!(message, Message::Connect { .. });
            messages.push(message);
        }
        Ok(messages)
    }
}

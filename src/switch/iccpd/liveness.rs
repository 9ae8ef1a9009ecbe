//! Backup liveness: "I am alive" over the management network.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

use super::machine::Backup;
use crate::base::MonoTime;
use crate::switch::SwitchError;

/// Beside ICCP's own port.
const PORT: u16 = 33013;
/// How often a switch says that it is alive.
const INTERVAL: Duration = Duration::from_millis(300);
/// Silence after which the peer counts as dead: three messages.
pub(super) const SILENCE: Duration = Duration::from_millis(900);

/// Both directions of backup liveness.
#[derive(Debug)]
pub(super) struct Liveness {
    peer: Option<Ipv4Addr>,
    socket: Option<UdpSocket>,
    heard: Option<MonoTime>,
    said: MonoTime,
}

impl Liveness {
    pub(super) fn new(peer: Option<Ipv4Addr>) -> Self {
        Self {
            peer,
            socket: None,
            heard: None,
            said: MonoTime::default(),
        }
    }

    pub(super) fn backup(&self) -> Backup {
        match self.peer {
            None => Backup::NotConfigured,
            Some(_) => Backup::Heard(self.heard),
        }
    }

    pub(super) fn step(&mut self) -> Result<(), SwitchError> {
        let Some(peer) = self.peer else { return Ok(()) };
        let socket = if let Some(socket) = &self.socket {
            socket
        } else {
            let failed = || SwitchError::io(format!("listen on UDP port {PORT}"));
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).map_err(failed())?;
            socket.set_nonblocking(true).map_err(failed())?;
            self.socket.insert(socket)
        };
        let now = MonoTime::now();
        if now.since(self.said) >= INTERVAL {
            self.said = now;
            // No route or no neighbour is what this is there to find out.
            let _ = socket.send_to(b"alive", (peer, PORT));
        }
        let mut buffer = [0; 64];
        for _ in 0..16 {
            match socket.recv_from(&mut buffer) {
                Ok((_, from)) if from.ip() == IpAddr::V4(peer) => self.heard = Some(now),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                // Somebody else's, or the dead peer's port-unreachable: drained all the same.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }
}

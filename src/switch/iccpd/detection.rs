//! BFD to the peer: a session of FRR's bfdd, configured and watched through its VTY socket.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use crate::base::MonoTime;
use crate::switch::SwitchError;
use crate::switch::config::model::Iccp;
use crate::switch::daemon::log;
use crate::switch::state::{Vty, parse_bfd};

/// A bfdd that does not answer so long is as good as gone.
const PATIENCE: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_millis(250);

/// The session to the peer.
#[derive(Debug)]
pub(super) struct Detection {
    local: Ipv4Addr,
    peer: Ipv4Addr,
    interval_ms: u32,
    multiplier: u8,
    vty: Option<Vty>,
    configured: bool,
    up: bool,
    answered: MonoTime,
}

impl Detection {
    pub(super) fn new(iccp: &Iccp) -> Self {
        Self {
            local: iccp.local,
            peer: iccp.peer,
            // RFC 5880 knows no zero; FRR accepts 10 to 60000 ms and multipliers from 2.
            interval_ms: iccp.bfd_interval_ms.clamp(10, 60_000),
            multiplier: iccp.bfd_multiplier.max(2),
            vty: None,
            configured: false,
            up: false,
            answered: MonoTime::default(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.up
    }

    /// Asks bfdd, and configures the session when bfdd does not have it.
    pub(super) fn step(&mut self) -> Result<(), SwitchError> {
        let asked = self.ask();
        if asked.is_err() {
            self.vty = None;
            if MonoTime::now().since(self.answered) > PATIENCE {
                self.change(false, "bfdd does not answer");
            }
        }
        asked
    }

    fn ask(&mut self) -> Result<(), SwitchError> {
        if !self.configured {
            self.configure()?;
        }
        let vty = self.vty()?;
        let sessions = parse_bfd(&vty.command("show bfd peers json")?)?;
        self.answered = MonoTime::now();
        match sessions.get(&self.peer.to_string()) {
            Some(session) => self.change(session.state == "up", &session.diagnostic),
            None => self.configured = false,
        }
        Ok(())
    }

    fn vty(&mut self) -> Result<&mut Vty, SwitchError> {
        Ok(match &mut self.vty {
            Some(vty) => vty,
            empty => empty.insert(Vty::open_within(Path::new("/"), "bfdd", ANSWER)?),
        })
    }

    fn configure(&mut self) -> Result<(), SwitchError> {
        let mut commands = self.session();
        commands.extend([
            format!("receive-interval {}", self.interval_ms),
            format!("transmit-interval {}", self.interval_ms),
            format!("detect-multiplier {}", self.multiplier),
            "no shutdown".to_owned(),
        ]);
        say(&commands)?;
        self.configured = true;
        Ok(())
    }

    /// Takes the session away from bfdd.
    pub(super) fn remove(&mut self) -> Result<(), SwitchError> {
        let mut commands = self.session();
        if let Some(last) = commands.last_mut() {
            *last = format!("no {last}");
        }
        say(&commands)
    }

    fn session(&self) -> Vec<String> {
        vec![
            "configure terminal".to_owned(),
            "bfd".to_owned(),
            format!("peer {} local-address {}", self.peer, self.local),
        ]
    }

    fn change(&mut self, up: bool, diagnostic: &str) {
        if up == self.up {
            return;
        }
        self.up = up;
        let line = if up {
            format!(
                "BFDD_STATE_DOWN_TO_UP: BFD Session {} State Down -> Up",
                self.peer
            )
        } else {
            format!(
                "BFDD_STATE_UP_TO_DOWN: BFD Session {} State Up -> Down Local Diag: {diagnostic}",
                self.peer
            )
        };
        log("bfdd", &line);
    }
}

/// Says commands on a connection of their own, so that the one for questions stays in its mode.
fn say(commands: &[String]) -> Result<(), SwitchError> {
    let mut vty = Vty::open_within(Path::new("/"), "bfdd", ANSWER)?;
    commands
        .iter()
        .try_for_each(|command| vty.command(command).map(drop))
}

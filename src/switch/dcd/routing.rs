//! IRB addresses and passed-on lines → FRR, as the difference to what was said before.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::MonoTime;
use crate::switch::SwitchError;
use crate::switch::config::model::SwitchConfig;
use crate::switch::daemon::replace_file;
use crate::switch::pipeline;

const SAID: &str = "/run/faultlab/dcd.frr.json";
const ZEBRA: &str = "/run/frr/zebra.vty";
/// Pause after a failure, e.g. while zebra starts: `vtysh` is not cheap.
const RETRY: Duration = Duration::from_secs(1);

/// What FRR was told. It is kept beside the daemon, so that a restarted dcd can still take lines back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    /// Inode of zebra's socket: a new one means a zebra that knows nothing.
    zebra: u64,
    /// Addresses: interface and command.
    addresses: BTreeSet<(String, String)>,
    /// Lines passed on.
    lines: Vec<String>,
}

/// What FRR was told, and when telling it last failed.
#[derive(Debug)]
pub(super) struct Routing {
    said: Said,
    failed: Option<MonoTime>,
}

impl Routing {
    pub(super) fn load() -> Self {
        let text = std::fs::read_to_string(SAID).unwrap_or_default();
        Self {
            said: serde_json::from_str(&text).unwrap_or_default(),
            failed: None,
        }
    }

    /// Tells FRR what differs from what it was told, if anything does.
    pub(super) fn step(&mut self, config: &SwitchConfig) -> Result<(), SwitchError> {
        let wanted = Said::wanted(config);
        let paused = self
            .failed
            .is_some_and(|failed| MonoTime::now().since(failed) < RETRY);
        if wanted == self.said || paused {
            return Ok(());
        }
        let outcome = self.tell(wanted);
        self.failed = outcome.is_err().then(MonoTime::now);
        outcome
    }

    fn tell(&mut self, wanted: Said) -> Result<(), SwitchError> {
        let nothing = Said::default();
        let known = if wanted.zebra == self.said.zebra {
            &self.said
        } else {
            &nothing
        };
        let commands = difference(known, &wanted);
        if !commands.is_empty() {
            vtysh(&commands)?;
        }
        let text = serde_json::to_string(&wanted).map_err(|error| SwitchError::protocol(SAID, error))?;
        replace_file(SAID, &text)?;
        self.said = wanted;
        Ok(())
    }
}

impl Said {
    fn wanted(config: &SwitchConfig) -> Self {
        let addresses = config.irbs.iter().flat_map(|(unit, irb)| {
            irb.addresses.iter().map(|(address, length)| {
                let family = if address.is_ipv4() { "ip" } else { "ipv6" };
                (
                    pipeline::irb_name(*unit),
                    format!("{family} address {address}/{length}"),
                )
            })
        });
        Self {
            zebra: std::fs::metadata(ZEBRA)
                .map(|meta| meta.ino())
                .unwrap_or_default(),
            addresses: addresses.collect(),
            lines: config.frr.clone(),
        }
    }
}

fn difference(known: &Said, wanted: &Said) -> Vec<String> {
    let mut commands = Vec::new();
    for (interface, command) in known.addresses.difference(&wanted.addresses) {
        commands.extend([
            format!("interface {interface}"),
            format!("no {command}"),
            "exit".to_owned(),
        ]);
    }
    for (interface, command) in wanted.addresses.difference(&known.addresses) {
        commands.extend([
            format!("interface {interface}"),
            command.clone(),
            "exit".to_owned(),
        ]);
    }
    if known.lines != wanted.lines {
        // Only whole blocks are taken back: which `no` undoes a line inside one is the daemon's secret.
        let head =
            |line: &&String| !line.starts_with(' ') && !matches!(line.trim(), "exit" | "!" | "end" | "");
        let gone = known
            .lines
            .iter()
            .filter(head)
            .filter(|line| !wanted.lines.contains(line));
        commands.extend(
            gone.filter(|line| !line.starts_with("interface "))
                .map(|line| format!("no {line}")),
        );
        commands.extend(wanted.lines.iter().cloned());
        commands.push("end".to_owned());
    }
    commands
}

fn vtysh(commands: &[String]) -> Result<(), SwitchError> {
    let mut arguments = vec!["-c", "configure terminal"];
    arguments.extend(commands.iter().flat_map(|command| ["-c", command.trim()]));
    let output = Command::new("vtysh")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(SwitchError::io("start vtysh"))?;
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    // An address that went away together with its interface need not be taken back.
    let gone = |line: &str| line.contains("Can't find address");
    match said.lines().find(|line| line.starts_with('%') && !gone(line)) {
        None if output.status.success() || said.lines().any(gone) => Ok(()),
        complaint => Err(SwitchError::Refused {
            operation: "configure FRR".to_owned(),
            reason: complaint.map_or_else(|| format!("vtysh ended with {}", output.status), str::to_owned),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_difference_is_said_and_blocks_are_taken_back_whole() {
        let irb = |address: &str| ("irb.97".to_owned(), format!("ip address {address}"));
        let known = Said {
            zebra: 1,
            addresses: BTreeSet::from([irb("10.97.2.2/29"), irb("10.97.2.9/29")]),
            lines: vec![
                "router ospf".into(),
                " network 10.0.0.0/8 area 0".into(),
                "exit".into(),
            ],
        };
        let wanted = Said {
            zebra: 1,
            addresses: BTreeSet::from([irb("10.97.2.2/29"), irb("10.97.2.3/29")]),
            lines: vec!["ip route 10.9.0.0/16 10.97.2.1".into()],
        };
        insta::assert_snapshot!(difference(&known, &wanted).join("\n"));
        assert_eq!(difference(&wanted, &wanted), Vec::<String>::new());
    }
}

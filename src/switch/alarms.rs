//! Chassis alarms, derived from what the supervisor tells of the daemons; pure.
//!
//! The surprising thing is what raises none: a daemon that hangs (SIGSTOP) still has its process, so the chassis is fine
//! with it, as on the real box. And an alarm once raised stays until its daemon *runs* again: being started is not enough.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::base::{MonoTime, ServiceName};
use crate::nos::plan::{ServiceState, ServiceStatus};

/// Daemons of the reference switch whose failure is a chassis alarm.
pub const ALARMED: [&str; 2] = ["l2ald", "iccpd"];

/// An alarm that is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Unique name, e.g. `app-fail-l2ald`.
    pub id: String,
    /// Always `chassis` here.
    pub class: String,
    /// `red` or `yellow`.
    pub color: String,
    /// Text for people, e.g. `Application l2ald fail on node Re0`.
    pub reason: String,
    /// When it was set: wall clock, RFC 3339 with milliseconds, UTC.
    pub since: String,
    /// The same on the monotonic clock, for measuring how long until somebody noticed.
    pub since_monotonic: MonoTime,
}

/// Alarms that are set, by id.
pub type Alarms = BTreeMap<String, Alarm>;

/// The same instant on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// `CLOCK_MONOTONIC`.
    pub monotonic: MonoTime,
    /// Wall clock.
    pub wall: SystemTime,
}

impl Now {
    /// Reads both clocks.
    #[must_use]
    pub fn read() -> Self {
        Self {
            monotonic: MonoTime::now(),
            wall: SystemTime::now(),
        }
    }

    /// The wall clock at an earlier monotonic instant, RFC 3339.
    fn wall_at(self, earlier: MonoTime) -> String {
        let wall = self.wall - self.monotonic.since(earlier);
        jiff::Timestamp::try_from(wall).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
    }
}

/// A line for the system log: the process that says it on the real box, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmLine {
    /// E.g. `sysman`.
    pub process: &'static str,
    /// E.g. `EMF_EVO_ALARM_SET: …`.
    pub text: String,
}

/// Returns the alarms after a look at the daemons, and what to log about the change.
///
/// A daemon the supervisor does not mention keeps the alarm it has: no news is not good news.
#[must_use]
pub fn derive(
    before: &Alarms,
    services: &[ServiceStatus],
    alarmed: &[ServiceName],
    now: Now,
) -> (Alarms, Vec<AlarmLine>) {
    let mut alarms = before.clone();
    let mut lines = Vec::new();
    for service in services.iter().filter(|service| alarmed.contains(&service.name)) {
        let id = format!("app-fail-{}", service.name);
        match service.state {
            ServiceState::Failed if !alarms.contains_key(&id) => {
                let alarm = failed(&id, service, now);
                lines.push(AlarmLine {
                    process: "sysman",
                    text: format!("SYSTEM_APP_FAILED_EVENT: App has failed re0-{}", service.name),
                });
                lines.push(event("SET", "set", &alarm));
                alarms.insert(id, alarm);
            }
            ServiceState::Running => {
                if let Some(alarm) = alarms.remove(&id) {
                    lines.push(event("CLEAR", "cleared", &alarm));
                }
            }
            _ => {}
        }
    }
    (alarms, lines)
}

fn failed(id: &str, service: &ServiceStatus, now: Now) -> Alarm {
    let since = MonoTime(service.since).min(now.monotonic);
    Alarm {
        id: id.to_owned(),
        class: "chassis".to_owned(),
        color: "red".to_owned(),
        reason: format!("Application {} fail on node Re0", service.name),
        since: now.wall_at(since),
        since_monotonic: since,
    }
}

fn event(name: &str, what: &str, alarm: &Alarm) -> AlarmLine {
    let Alarm {
        color, class, reason, ..
    } = alarm;
    AlarmLine {
        process: "emfd-fpa",
        text: format!(
            "EMF_EVO_ALARM_{name}: Alarm {what}: APP color={color}, class={class}, reason={reason}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn status(name: &str, state: ServiceState) -> ServiceStatus {
        ServiceStatus {
            name: name.into(),
            state,
            pid: None,
            restarts: 3,
            last_exit: Some("status=6/ABRT".into()),
            since: 4_000_000_000,
        }
    }

    fn now() -> Now {
        Now {
            monotonic: MonoTime(5_000_000_000),
            wall: SystemTime::UNIX_EPOCH + Duration::from_millis(1_761_219_966_250),
        }
    }

    fn step(before: &Alarms, state: ServiceState) -> (Alarms, Vec<AlarmLine>) {
        derive(
            before,
            &[status("l2ald", state)],
            &ALARMED.map(ServiceName::from),
            now(),
        )
    }

    #[test]
    fn a_daemon_at_its_start_limit_raises_a_red_alarm_dated_from_its_failure() {
        let (alarms, lines) = step(&Alarms::new(), ServiceState::Failed);
        let alarm = &alarms["app-fail-l2ald"];
        assert_eq!(alarm.reason, "Application l2ald fail on node Re0");
        assert_eq!((alarm.class.as_str(), alarm.color.as_str()), ("chassis", "red"));
        assert_eq!(alarm.since, "2025-10-23T11:46:05.250Z");
        let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "SYSTEM_APP_FAILED_EVENT: App has failed re0-l2ald",
                "EMF_EVO_ALARM_SET: Alarm set: APP color=red, class=chassis, reason=Application l2ald fail on node Re0",
            ]
        );
    }

    #[test]
    fn an_alarm_is_logged_once_and_stays_until_the_daemon_runs_again() {
        let (raised, _) = step(&Alarms::new(), ServiceState::Failed);
        for state in [
            ServiceState::Failed,
            ServiceState::Stopped,
            ServiceState::Waiting,
            ServiceState::Starting,
            ServiceState::Restarting,
        ] {
            assert_eq!(step(&raised, state), (raised.clone(), Vec::new()), "{state:?}");
        }
        let (cleared, lines) = step(&raised, ServiceState::Running);
        assert!(cleared.is_empty());
        assert!(
            lines[0]
                .text
                .starts_with("EMF_EVO_ALARM_CLEAR: Alarm cleared: APP color=red")
        );
    }

    #[test]
    fn crashes_below_the_start_limit_and_daemons_without_the_flag_raise_nothing() {
        assert!(step(&Alarms::new(), ServiceState::Restarting).0.is_empty());
        let other = [status("ospfd", ServiceState::Failed)];
        assert!(
            derive(&Alarms::new(), &other, &ALARMED.map(ServiceName::from), now())
                .0
                .is_empty()
        );
    }

    #[test]
    fn a_daemon_that_is_not_mentioned_keeps_its_alarm() {
        let (raised, _) = step(&Alarms::new(), ServiceState::Failed);
        assert_eq!(
            derive(&raised, &[], &ALARMED.map(ServiceName::from), now()).0,
            raised
        );
    }
}

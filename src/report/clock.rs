//! Lab time and incident time of an experiment.
//!
//! Both count from the start of the method. A lab scaled 60 times lets a minute of the incident pass in a second.

use std::time::Duration;

use crate::base::MonoTime;

/// Converts instants of an experiment into what people read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// When the method began.
    pub(super) zero: MonoTime,
    /// Incident time at zero, in seconds since midnight.
    incident: Option<f64>,
    /// Seconds of the incident in a second of the lab.
    pub(super) scale: f64,
}

const DAY: f64 = 86_400.0;

impl Clock {
    pub(super) fn new(zero: MonoTime, incident: Option<&str>, scale: f64) -> Self {
        let scale = if scale.is_finite() && scale > 0.0 {
            scale
        } else {
            1.0
        };
        Self {
            zero,
            incident: incident.and_then(time_of_day),
            scale,
        }
    }

    /// Seconds since the method began; negative before it.
    pub(super) fn seconds(&self, at: MonoTime) -> f64 {
        if at >= self.zero {
            at.since(self.zero).as_secs_f64()
        } else {
            -self.zero.since(at).as_secs_f64()
        }
    }

    /// Lab time, e.g. `+12.34 s`.
    pub(super) fn lab(&self, at: MonoTime) -> String {
        let seconds = self.seconds(at);
        let sign = if seconds < 0.0 { '−' } else { '+' };
        format!("{sign}{:.2} s", seconds.abs())
    }

    /// Incident time of day, e.g. `13:33:08`, when the experiment has one.
    pub(super) fn incident(&self, at: MonoTime) -> Option<String> {
        Some(clock_face(self.incident_seconds(at)?))
    }

    /// Incident time of day in seconds, not wrapped at midnight.
    pub(super) fn incident_seconds(&self, at: MonoTime) -> Option<f64> {
        Some(self.incident? + self.seconds(at) * self.scale)
    }

    /// How long a duration of the lab would have been in the incident; nothing when both are the same.
    pub(super) fn stretched(&self, duration: Duration) -> Option<Duration> {
        ((self.scale - 1.0).abs() > 1e-9)
            .then(|| Duration::try_from_secs_f64(duration.as_secs_f64() * self.scale).ok())?
    }

    /// `13:33:08 (+42.12 s)`, or lab time alone.
    pub(super) fn both(&self, at: MonoTime) -> String {
        match self.incident(at) {
            Some(incident) => format!("{incident} ({})", self.lab(at)),
            None => self.lab(at),
        }
    }
}

/// Reads `13:26:05` or `13:26`.
pub(super) fn time_of_day(text: &str) -> Option<f64> {
    let mut parts = text.trim().split(':');
    let mut next = || parts.next().map(str::parse::<f64>);
    let (hours, minutes) = (next()?.ok()?, next()?.ok()?);
    let seconds = next().map_or(Some(0.0), Result::ok)?;
    let valid =
        (0.0..24.0).contains(&hours) && (0.0..60.0).contains(&minutes) && (0.0..60.0).contains(&seconds);
    valid.then_some(hours * 3600.0 + minutes * 60.0 + seconds)
}

fn clock_face(seconds: f64) -> String {
    let whole = seconds.rem_euclid(DAY).floor();
    format!(
        "{:02.0}:{:02.0}:{:02.0}",
        (whole / 3600.0).floor(),
        (whole % 3600.0 / 60.0).floor(),
        whole % 60.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incident_time_runs_scaled_from_the_start_of_the_method() {
        let clock = Clock::new(MonoTime(1_000_000_000), Some("13:26:05"), 60.0);
        assert_eq!(
            clock.incident(MonoTime(1_000_000_000)).as_deref(),
            Some("13:26:05")
        );
        assert_eq!(
            clock.incident(MonoTime(8_050_000_000)).as_deref(),
            Some("13:33:08")
        );
        assert_eq!(clock.both(MonoTime(500_000_000)), "13:25:35 (−0.50 s)");
        let late = Clock::new(MonoTime(0), Some("23:59"), 60.0);
        assert_eq!(
            late.incident(MonoTime(2_000_000_000)).as_deref(),
            Some("00:01:00")
        );
        assert_eq!(
            Clock::new(MonoTime(0), Some("25:00"), 1.0).incident(MonoTime(0)),
            None
        );
    }
}

//! When this switch booted, for `init-delay-time`: a restarted dcd must not start the delay over.

use std::time::Duration;

use crate::base::MonoTime;
use crate::switch::SwitchError;
use crate::switch::config::model::McAe;
use crate::switch::daemon::replace_file;

/// On a file system that a power cut empties.
const BOOTED: &str = "/run/faultlab/dcd.booted";

/// The boot of this switch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boot(MonoTime);

impl Boot {
    /// Reads the time of the boot, or takes now for it and writes it down.
    pub(super) fn recall() -> Result<Self, SwitchError> {
        let recorded = std::fs::read_to_string(BOOTED).ok();
        if let Some(nanoseconds) = recorded.and_then(|text| text.trim().parse().ok()) {
            return Ok(Self(MonoTime(nanoseconds)));
        }
        let now = MonoTime::now();
        replace_file(BOOTED, &now.0.to_string())?;
        Ok(Self(now))
    }

    /// Whether a multi-chassis aggregate may come into service.
    pub(super) fn is_over(self, mc_ae: &McAe) -> bool {
        MonoTime::now().since(self.0) >= Duration::from_millis(mc_ae.init_delay_ms)
    }
}

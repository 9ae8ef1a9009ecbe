//! The stop lever: how a signal reaches everything that waits.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How far a run has been told to stop. Clones share the state.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    level: AtomicU8,
    lock: Mutex<()>,
    changed: Condvar,
}

/// Why a wait ended without its condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The condition came true.
    Met,
    /// The deadline passed.
    Deadline,
    /// The run was told to stop.
    Cancelled,
}

impl Cancel {
    /// Tells everybody to stop; each further call is one level more urgent.
    pub fn raise(&self) {
        let _guard = self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.level.fetch_add(1, Ordering::SeqCst);
        self.inner.changed.notify_all();
    }

    /// Returns whether the run was told to stop.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.level() > 0
    }

    /// Returns how often it was told to stop: 1 heal and tear down, 2 skip graces, 3 stop now.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.inner.level.load(Ordering::SeqCst)
    }

    /// Waits for a duration, or less when told to stop.
    #[expect(clippy::must_use_candidate, reason = "most who wait go on either way")]
    pub fn sleep(&self, duration: Duration) -> Waited {
        self.sleep_below(1, duration)
    }

    fn sleep_below(&self, level: u8, duration: Duration) -> Waited {
        let deadline = Instant::now() + duration;
        let mut guard = self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.level() >= level {
                return Waited::Cancelled;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Waited::Deadline;
            }
            guard = self
                .inner
                .changed
                .wait_timeout(guard, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Polls a condition until it is met, the deadline passes, or the run is told to stop.
    pub fn wait_until(&self, deadline: Duration, poll: Duration, condition: impl FnMut() -> bool) -> Waited {
        self.wait_below(1, deadline, poll, condition)
    }

    /// As [`Self::wait_until`], for healing: being told once to stop means to heal, so only the second time ends the wait.
    pub fn wait_until_healed(
        &self,
        deadline: Duration,
        poll: Duration,
        condition: impl FnMut() -> bool,
    ) -> Waited {
        self.wait_below(2, deadline, poll, condition)
    }

    fn wait_below(
        &self,
        level: u8,
        deadline: Duration,
        poll: Duration,
        mut condition: impl FnMut() -> bool,
    ) -> Waited {
        let end = Instant::now() + deadline;
        loop {
            if condition() {
                return Waited::Met;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Waited::Deadline;
            }
            if self.sleep_below(level, poll.min(left)) == Waited::Cancelled {
                return Waited::Cancelled;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_wakes_a_sleeper_at_once() {
        let cancel = Cancel::default();
        let other = cancel.clone();
        let sleeper = std::thread::spawn(move || other.sleep(Duration::from_secs(60)));
        cancel.raise();
        assert_eq!(sleeper.join().unwrap(), Waited::Cancelled);
    }

    #[test]
    fn healing_is_waited_for_until_told_twice() {
        let cancel = Cancel::default();
        let heal = |deadline| cancel.wait_until_healed(deadline, Duration::from_millis(1), || false);
        cancel.raise();
        assert_eq!(heal(Duration::from_millis(5)), Waited::Deadline);
        cancel.raise();
        assert_eq!(heal(Duration::from_secs(60)), Waited::Cancelled);
    }

    #[test]
    fn a_condition_that_is_already_met_needs_no_wait() {
        assert_eq!(
            Cancel::default().wait_until(Duration::ZERO, Duration::ZERO, || true),
            Waited::Met
        );
        assert_eq!(
            Cancel::default().wait_until(Duration::ZERO, Duration::ZERO, || false),
            Waited::Deadline
        );
    }
}

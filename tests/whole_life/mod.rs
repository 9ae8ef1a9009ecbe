//! How long a victim lives, learnt on the way: a busy machine changes its mind, and instants are parts of a life.

#![allow(unreachable_pub, reason = "shared by several test programs")]

use std::process::Child;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The length of a whole life, in microseconds.
pub struct Life(AtomicU64);

impl Life {
    /// A first guess.
    pub fn of(whole: Duration) -> Self {
        let life = Self(AtomicU64::new(0));
        life.set(whole);
        life
    }

    fn set(&self, whole: Duration) {
        self.0
            .store(u64::try_from(whole.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// Waits for an instant of a life that began at `begun`; the last instants come after its end. Returns the wait.
    pub fn spend(&self, victim: &mut Child, begun: Instant, instant: u32, instants: u32) -> Duration {
        let part = f64::from(instant) / f64::from(instants) * 1.1;
        let wait = Duration::from_micros(self.0.load(Ordering::Relaxed)).mul_f64(part);
        // The instant itself is what is tested, so this is a wait for a time and not for a condition.
        while begun.elapsed() < wait {
            if victim.try_wait().unwrap().is_some() {
                self.set(begun.elapsed());
                return wait;
            }
            std::thread::sleep(Duration::from_millis(1).min(wait.saturating_sub(begun.elapsed())));
        }
        if part > 1.0 && victim.try_wait().unwrap().is_none() {
            self.set(begun.elapsed().mul_f64(1.2));
        }
        wait
    }
}

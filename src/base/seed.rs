//! The one seed of a run, and independent streams of choices derived from it.

use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The recorded seed of a run: same seed, same choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// Returns a generator for one purpose, e.g. `["lacp", "mx1", "ae0"]`.
    ///
    /// Streams of different purposes are independent, so adding a choice somewhere changes none elsewhere.
    #[must_use]
    pub fn stream(self, purpose: &[&str]) -> ChaCha8Rng {
        let mut hash = Sha256::new();
        hash.update(self.0.to_le_bytes());
        for part in purpose {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        ChaCha8Rng::from_seed(hash.finalize().into())
    }

    /// Chooses an index below `count` for a purpose.
    ///
    /// # Panics
    /// If `count` is zero: there is nothing to choose from.
    #[must_use]
    pub fn choose(self, purpose: &[&str], count: usize) -> usize {
        assert!(count > 0, "a choice needs at least one candidate");
        // 2^64 is so much larger than any count here that the modulo's bias cannot be observed.
        usize::try_from(self.stream(purpose).next_u64() % count as u64).expect("smaller than a usize")
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_purpose_choose_the_same() {
        assert_eq!(
            Seed(7).choose(&["lacp", "mx1"], 1000),
            Seed(7).choose(&["lacp", "mx1"], 1000)
        );
    }

    #[test]
    fn purposes_are_independent_streams() {
        let choices: std::collections::BTreeSet<_> = (0..20)
            .map(|n| Seed(7).choose(&["lacp", &n.to_string()], 1_000_000))
            .collect();
        assert!(choices.len() > 15);
    }
}

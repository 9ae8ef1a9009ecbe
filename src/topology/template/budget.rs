//! What a template may cost. A topology is data from elsewhere; it must not be able to hang or exhaust the machine.

/// Steps of evaluation: actions, operands, turns of a range, items made or printed.
const STEPS: usize = 5_000_000;
/// Bytes of text made on the way, printed or not.
const BYTES: usize = 64 << 20;
/// Lists within lists.
pub(super) const DEEPEST_LIST: usize = 50;

/// What is left to spend.
#[derive(Debug)]
pub(super) struct Budget {
    steps: usize,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            steps: STEPS,
            bytes: BYTES,
        }
    }
}

impl Budget {
    pub(super) fn steps(&mut self, count: usize) -> Result<(), String> {
        self.steps = self.steps.checked_sub(count).ok_or_else(|| {
            format!("the template takes more than {STEPS} steps; does a range or `seq` go too far?")
        })?;
        Ok(())
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<(), String> {
        self.bytes = self
            .bytes
            .checked_sub(count)
            .ok_or_else(|| format!("the template makes more than {} MiB of text", BYTES >> 20))?;
        Ok(())
    }
}

//! What can go wrong before a judgement. Judging itself never fails: what cannot be told is a verdict.

/// An error of preparing expectations.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// A selector names no node, or is none.
    #[error("resolve selector `{selector}` of expectation `{expectation}`: {reason}")]
    Selector {
        /// The expectation.
        expectation: String,
        /// The selector as written.
        selector: String,
        /// Why, with the known names.
        reason: String,
    },
    /// A text is no point in time of an experiment.
    #[error(
        "read `{text}` as a point in time (expected e.g. `method-start`, `method-end`, `experiment-end`, `injected`, \
         `visible`, `healed`, `settled`, `step:ID started` or `step:ID done`, each with an offset like `+2s` if needed)"
    )]
    Point {
        /// The text.
        text: String,
    },
}

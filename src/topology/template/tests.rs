//! Templates and what Go makes of them.

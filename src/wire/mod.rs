//! The cable between two nodes: patch, carrier, filters.
//!
//! A wire is two veth pairs. Their inner ends are the nodes' interfaces, their outer ends lie in the lab's patch
//! namespace, each with a clsact qdisc whose last filter redirects every frame out of the other. So everything done to a
//! cable is done outside the nodes, which can see it only as they would see it on a real one:
//!
//! - **carrier**: an outer end is up exactly when the interface at the *far* node is up and the wire is not cut;
//! - **silent loss**: filters before the last one redirect chosen frames into a dead end, at ingress from their sender, so
//!   that the sender's queue never reports a loss (a drop at egress is seen as ENOBUFS and retried).
//!
//! nft hooks are no alternative: they do not see frames that clsact redirected. Priorities of filters on an outer end:
//! 1 to 499 blocks of a protocol, 500 to 899 blocks of everything, **900 to 999 kept free for impairments** (delay,
//! jitter, loss by probability: a filter there will redirect into a relay whose other side is the far outer end; it
//! belongs in `panel/impair.rs`), 1000 the wire itself.
//!
//! [`panel`] is the daemon in the patch namespace that owns all this, [`Panel`] its client.

pub mod client;
pub mod error;
pub mod model;
pub mod panel;
mod protocol;

pub use client::{PANEL_SOCKET, PANEL_VERB, Panel};
pub use error::{Refusal, WireError};
pub use model::{
    BlockId, BlockState, CaptureId, Cidr, Direction, EndConfig, Lease, MANAGEMENT_INTERFACE, Mac,
    ManagementPort, Passed, Traffic, WireConfig, WireEnd, WireSpec, WireState, management_wire,
};

//! NETCONF without its connection: framing, requests, replies (RFC 6241, RFC 6242, Junos's own operations).
//!
//! Pure: bytes and text in, bytes and text out. The connection is made by the runtime's drivers.

pub mod framing;
pub mod message;

pub use framing::{Framing, Unframer};
pub use message::{Message, Reply, RpcError, hello, read, request, rpc};

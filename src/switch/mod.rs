//! The reference MC-LAG switch: its own daemons, run inside nodes by this same binary.

pub mod alarms;
pub mod cli;
pub mod client;
pub mod config;
pub mod daemon;
pub mod dcd;
pub mod error;
pub mod iccpd;
pub mod l2ald;
mod lines;
mod links;
pub mod mgd;
pub mod ovs;
pub mod pipeline;
pub mod state;

pub use error::SwitchError;

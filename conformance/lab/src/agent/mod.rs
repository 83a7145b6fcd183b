//! The verbs agent: a process beside an RDMA device that does what it is told, one JSON value per
//! line on standard input and output.
//!
//! It runs in guests of the lab and, over ssh, on hosts with real NICs. It decides nothing: queue
//! pairs, memory and work requests are made as [`Request`] says, errors and completions come back
//! as they are. [`client::Agent`] speaks with one; [`Pair`] is the two hosts of a script.

pub mod client;
pub mod managed;
mod protocol;
mod status;

pub use client::{Agent, AgentError, Choice, Line, Pair};
pub use protocol::*;
pub use status::Status;

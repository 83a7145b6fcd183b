//! The verbs agent: a process beside an RDMA device that does what it is told, one JSON value per
//! line on standard input and output.
//!
//! It runs in guests of the lab and, over ssh, on hosts with real NICs. It decides nothing: queue
//! pairs, memory and work requests are made as [`Request`] says, errors and completions come back
//! as they are. [`client::Agent`] speaks with one; [`Pair`] is the two hosts of a script.

pub mod client;
pub mod managed;
mod protocol;

pub use client::{Agent, AgentError, Choice, Line, Pair};
pub use protocol::*;

use crate::conform::Judged;

/// A check that is made with verbs rather than with a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// `[[rule]]` tables for the wire between the hosts (`h0`, `h1`); empty: none. Where there is
    /// no wire (device) a script with rules is skipped.
    pub rules: &'static str,
    pub run: Play,
}

/// What a script does.
pub type Play = fn(&mut Pair) -> Result<Judged, AgentError>;

//! Checks that need verbs.

use crate::Judged;
use xoff_lab::agent::{AgentError, Pair};

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

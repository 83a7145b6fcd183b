//! Findings: what is wrong, how it shows, what to do; one type for every source and renderer.

use crate::catalogue::Check;
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Note,
    Warning,
    Error,
}

/// Most frame numbers that a finding keeps.
pub const FRAMES_KEPT: usize = 8;

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is violated.
    pub check: &'static Check,
    pub severity: Severity,
    /// Set if the capture cannot decide: what it lacks. The finding is then INCONCLUSIVE.
    pub inconclusive: Option<String>,
    /// What it is about: a connection, an interface and class, a link.
    pub subject: String,
    /// What happened and why, one sentence, with figures.
    pub cause: String,
    /// What to do, one sentence.
    pub cure: String,
    /// How often.
    pub count: u64,
    /// The first frames that show it, at most [`FRAMES_KEPT`].
    pub frames: Vec<u64>,
}

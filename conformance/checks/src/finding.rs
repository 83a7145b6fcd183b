//! Findings: what is wrong, how it shows, what to do; one type for every source and renderer.

use crate::page::Check;
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
    pub at: Where,
}

/// Where it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// Frames of a capture, by number from 1: the first of them, at most [`FRAMES_KEPT`].
    Frames(Vec<u64>),
    /// A case of a run, by its label (empty if there is one only), and a metric that counts it.
    Run {
        case: String,
        metric: Option<&'static str>,
    },
    /// A line of a file, from 1.
    Line { file: String, line: u64 },
}

impl Finding {
    /// The frames that show it; none if it is not about a capture.
    pub fn frames(&self) -> &[u64] {
        match &self.at {
            Where::Frames(frames) => frames,
            Where::Run { .. } | Where::Line { .. } => &[],
        }
    }
}

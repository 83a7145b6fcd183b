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
    /// Places in files: the one that is shown first, then others that belong to it.
    Text(Vec<Place>),
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As it was given.
    pub file: String,
    /// First and last line, from 1.
    pub line: u64,
    pub end_line: u64,
    /// First column, from 1, in bytes; 0: the line as a whole.
    pub column: u64,
    /// Bytes in the first line; 0: to its end.
    pub len: u64,
}

impl Place {
    /// A whole line.
    pub fn line(file: impl Into<String>, line: u64) -> Place {
        Place {
            file: file.into(),
            line,
            end_line: line,
            column: 0,
            len: 0,
        }
    }
}

impl Finding {
    /// The frames that show it; none if it is not about a capture.
    pub fn frames(&self) -> &[u64] {
        match &self.at {
            Where::Frames(frames) => frames,
            Where::Run { .. } | Where::Text(_) => &[],
        }
    }
}

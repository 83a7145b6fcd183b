//! What an importer saw beside the settings: statements that the device does not have, or that do
//! nothing.

use crate::source::Span;

/// Something about the configuration itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    pub kind: RemarkKind,
    pub at: Span,
    /// Other places that belong to it.
    pub related: Vec<Span>,
    /// The port that it concerns, if it is one.
    pub port: Option<String>,
    /// The 802.1p priorities or classes that it concerns (bit n = n); 0: not about some of them.
    pub priorities: u8,
    /// One sentence with the names and figures: "policy-map PM-IN is applied to no port".
    pub cause: String,
    /// One sentence: what to do.
    pub cure: String,
}

/// Which rule a remark belongs to is decided in `rules/remarks.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemarkKind {
    /// The device has no such statement, or no such key (C-17).
    NoSuchStatement,
    /// A value that the device refuses (C-17).
    BadValue,
    /// It names something that is not there: a profile, a map, a class (C-17).
    UnknownName,
    /// Said twice, differently: the last one wins (C-17, a note).
    Contradiction,
    /// A candidate that was never committed (C-19).
    Uncommitted,
    /// It is defined, and bound to nothing that it could act on (C-19).
    NotBound,
    /// It acts only together with another statement, which is missing (C-19).
    Prerequisite,
    /// More lossless classes than the device has buffers for (C-04).
    TooManyLossless,
    /// Shares whose sum the device refuses.
    Sum,
    /// Pause of the whole link beside PFC on one port (C-18).
    TwoKindsOfPause,
    /// The watchdog cannot work with these times (WD-05).
    WatchdogTimes,
    /// The watchdog does not run although a line asks for it (C-15).
    WatchdogInert,
    /// Good to know, no fault (C-17, a note).
    Note,
}

impl Remark {
    pub fn new(
        kind: RemarkKind,
        at: Span,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) -> Remark {
        Remark {
            kind,
            at,
            related: Vec::new(),
            port: None,
            priorities: 0,
            cause: cause.into(),
            cure: cure.into(),
        }
    }

    #[must_use]
    pub fn on_port(self, port: impl Into<String>) -> Remark {
        Remark {
            port: Some(port.into()),
            ..self
        }
    }

    #[must_use]
    pub fn of_priorities(self, priorities: u8) -> Remark {
        Remark { priorities, ..self }
    }

    #[must_use]
    pub fn beside(mut self, place: Span) -> Remark {
        self.related.push(place);
        self
    }
}

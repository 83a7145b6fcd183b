//! How often something was seen, and where first.

use xoff_checks::catalogue::Check;
use xoff_checks::finding::{FRAMES_KEPT, Finding, Severity, Where};

/// A count and the first frames.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) frames: Vec<u64>,
}

impl Tally {
    pub(super) fn add(&mut self, frame: u64) {
        self.count += 1;
        if self.frames.len() < FRAMES_KEPT {
            self.frames.push(frame);
        }
    }

    /// A finding about what was counted, still without words.
    pub(super) fn finding(
        &self,
        check: &'static Check,
        severity: Severity,
        subject: String,
    ) -> Finding {
        Finding {
            check,
            severity,
            inconclusive: None,
            subject,
            cause: String::new(),
            cure: String::new(),
            count: self.count,
            at: Where::Frames(self.frames.clone()),
        }
    }
}

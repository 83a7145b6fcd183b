//! One pass over a capture.

use super::report::{CaptureSummary, TraceReport};
use crate::capture::{Frame, Interface, InterfaceStats};
use xoff_sim::units::BitRate;

/// What the analysis is to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep activity over time.
    pub timeline: bool,
    /// What links run at, where the capture does not say.
    pub link_rate: Option<BitRate>,
}

/// Analyses a capture frame by frame.
#[derive(Default)]
pub struct Analyzer {
    summary: CaptureSummary,
}

impl Analyzer {
    pub fn new(_options: Options) -> Analyzer {
        Analyzer::default()
    }

    /// An interface of the capture; they come in the order of their numbers.
    pub fn interface(&mut self, _id: u32, interface: &Interface) {
        let entry = (interface.clone(), InterfaceStats::default(), 0);
        self.summary.interfaces.push(entry);
    }

    /// The next frame.
    pub fn frame(&mut self, f: &Frame<'_>) {
        let summary = &mut self.summary;
        if summary.frames == 0 {
            summary.first_ns = f.at_ns;
        }
        summary.frames += 1;
        summary.bytes += f.data.len() as u64;
        summary.last_ns = f.at_ns;
    }

    pub fn finish(mut self, _stats: &[InterfaceStats], partial: Option<String>) -> TraceReport {
        self.summary.partial = partial;
        TraceReport {
            capture: self.summary,
            ..TraceReport::default()
        }
    }
}

//! Activity over time in a fixed number of steps, whatever the length of the capture.

use super::class::PauseClass;

/// Activity per step of time.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    pub start_ns: u64,
    /// Length of a step.
    pub step_ns: u64,
    pub steps: usize,
    pub flows: Vec<FlowRow>,
    pub pauses: Vec<PauseRow>,
}

/// One direction of a connection.
#[derive(Clone, Debug, Default)]
pub struct FlowRow {
    /// Index into the report's connections, and direction.
    pub connection: usize,
    pub direction: usize,
    pub cells: Vec<FlowCell>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowCell {
    pub new_bytes: u64,
    pub repeated_bytes: u64,
    /// Greatest PSN offset from the first PSN.
    pub psn: u64,
    pub naks: u32,
    pub timeouts: u32,
    pub cnps: u32,
    pub ce: u32,
}

/// What a port's pause frames stopped.
#[derive(Clone, Debug)]
pub struct PauseRow {
    /// Index into the report's pause ports.
    pub port: usize,
    pub class: PauseClass,
    /// Nanoseconds paused in each step.
    pub paused_ns: Vec<u64>,
}

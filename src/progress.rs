//! A progress bar on standard error, if that is a terminal, and the CPU time of threads.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use xoff_sim::engine;

/// Steps of the bar per case.
const STEPS: u64 = 1_000;

pub(crate) struct Bar(ProgressBar);

/// The part of the bar that one case moves.
pub(crate) struct CaseBar<'a> {
    bar: &'a ProgressBar,
    shown: u64,
}

impl Bar {
    pub(crate) fn new(cases: usize, quiet: bool) -> Bar {
        if quiet || !std::io::stderr().is_terminal() {
            return Bar(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(cases as u64 * STEPS);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3}% {elapsed} {msg}") {
            bar.set_style(style);
        }
        Bar(bar)
    }

    pub(crate) fn case(&self) -> CaseBar<'_> {
        CaseBar {
            bar: &self.0,
            shown: 0,
        }
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl CaseBar<'_> {
    /// Moves forward to where the run is: by flows or by time, whichever is further.
    pub(crate) fn update(&mut self, progress: &engine::Progress) {
        let flows = STEPS * u64::from(progress.flows_done) / u64::from(progress.flows.max(1));
        let until = progress.until.map_or(0, |t| t.ps()).max(1);
        let time = u128::from(STEPS) * u128::from(progress.now.ps()) / u128::from(until);
        let time = if progress.until.is_some() {
            time.min(u128::from(STEPS)) as u64
        } else {
            0
        };
        self.advance(flows.max(time));
    }

    pub(crate) fn done(mut self) {
        self.advance(STEPS);
    }

    fn advance(&mut self, to: u64) {
        let to = to.min(STEPS);
        self.bar.inc(to.saturating_sub(self.shown));
        self.shown = self.shown.max(to);
    }
}

/// Time that this thread has used a CPU: exact on Linux, elsewhere by the clock on the wall.
pub(crate) struct CpuTimer {
    cpu: Option<u64>,
    wall: Instant,
}

impl CpuTimer {
    pub(crate) fn start() -> CpuTimer {
        CpuTimer {
            cpu: thread_cpu_ns(),
            wall: Instant::now(),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        match (self.cpu, thread_cpu_ns()) {
            (Some(before), Some(now)) => Duration::from_nanos(now.saturating_sub(before)),
            _ => self.wall.elapsed(),
        }
    }
}

fn thread_cpu_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

//! A progress bar on standard error, if that is a terminal, and the CPU time of threads.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Steps of the bar per case.
const STEPS: u64 = 1_000;

/// Characters of the bar.
const WIDTH: u64 = 40;

/// Terminals are not given more lines than eyes can follow.
const PAUSE: Duration = Duration::from_millis(100);

/// None: nobody looks.
pub(crate) struct Bar(Option<Mutex<Shown>>);

struct Shown {
    done: u64,
    all: u64,
    start: Instant,
    drawn: Option<Instant>,
}

/// The part of the bar that one case moves.
pub(crate) struct CaseBar<'a> {
    bar: &'a Bar,
    shown: u64,
}

impl Bar {
    pub(crate) fn new(cases: usize, quiet: bool) -> Bar {
        if quiet || !std::io::stderr().is_terminal() {
            return Bar(None);
        }
        Bar(Some(Mutex::new(Shown {
            done: 0,
            all: cases as u64 * STEPS,
            start: Instant::now(),
            drawn: None,
        })))
    }

    pub(crate) fn case(&self) -> CaseBar<'_> {
        CaseBar {
            bar: self,
            shown: 0,
        }
    }

    fn advance(&self, steps: u64) {
        // Another thread's panic is told by that thread.
        let Some(mut shown) = self.0.as_ref().and_then(|shown| shown.lock().ok()) else {
            return;
        };
        shown.done += steps;
        if shown.drawn.is_none_or(|drawn| drawn.elapsed() >= PAUSE) {
            shown.drawn = Some(Instant::now());
            draw(&line(shown.done, shown.all, shown.start.elapsed()));
        }
    }

    pub(crate) fn finish(&self) {
        let shown = self.0.as_ref().and_then(|shown| shown.lock().ok());
        if shown.is_some_and(|shown| shown.drawn.is_some()) {
            draw("");
        }
    }
}

/// In place of what stands in the terminal's line. There is nowhere to report a failure to.
fn draw(line: &str) {
    let mut out = std::io::stderr().lock();
    let _ = write!(out, "\r{line}\x1b[K").and_then(|()| out.flush());
}

fn line(done: u64, all: u64, elapsed: Duration) -> String {
    let (done, all) = (done.min(all), all.max(1));
    let full = (WIDTH * done / all) as usize;
    let rest = WIDTH as usize - full;
    let percent = 100 * done / all;
    let seconds = elapsed.as_secs();
    let (bar, rest) = ("█".repeat(full), "░".repeat(rest));
    format!(
        "{bar}{rest} {percent:>3}% {}:{:02}",
        seconds / 60,
        seconds % 60
    )
}

impl CaseBar<'_> {
    /// Moves forward to where the run is: by flows or by time, whichever is further.
    pub(crate) fn update(&mut self, progress: &xoff_sim::Progress) {
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
        self.bar.advance(to.saturating_sub(self.shown));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_full_at_the_end_and_never_longer() {
        let bar = |full, rest| "█".repeat(full) + &"░".repeat(rest);
        let at = |done, all, seconds| line(done, all, Duration::from_secs(seconds));
        assert_eq!(at(0, 2_000, 0), bar(0, 40) + "   0% 0:00");
        assert_eq!(at(1_999, 2_000, 61), bar(39, 1) + "  99% 1:01");
        assert_eq!(at(2_000, 2_000, 3_600), bar(40, 0) + " 100% 60:00");
        assert_eq!(at(3_000, 2_000, 5), bar(40, 0) + " 100% 0:05");
        assert_eq!(at(0, 0, 5), bar(0, 40) + "   0% 0:05");
    }

    #[test]
    fn cases_move_the_bar_forward_only() {
        let shown = Mutex::new(Shown {
            done: 0,
            all: 2 * STEPS,
            start: Instant::now(),
            drawn: Some(Instant::now() + Duration::from_secs(3_600)),
        });
        let bar = Bar(Some(shown));
        let done = || bar.0.as_ref().unwrap().lock().unwrap().done;
        let mut case = bar.case();
        for (to, wanted) in [(300, 300), (200, 300), (5_000, 1_000)] {
            case.advance(to);
            assert_eq!(done(), wanted);
        }
        bar.case().done();
        assert_eq!(done(), 2 * STEPS);
    }
}

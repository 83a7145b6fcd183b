//! How much memory there is, and how many cases fit into it at a time.
//!
//! Running out ends a program without a word. What is known to be too much is refused before.

use crate::output::Error;
use std::fs::read_to_string;
use xoff_model::units::Bytes;
use xoff_scenario::plan::Case;
use xoff_sim::footprint;

/// Address space that a thread reserves: its stack, and an arena of the allocator.
const THREAD: u64 = 72 << 20;
/// Of what there is, the part that estimates may fill.
const SHARE: (u64, u64) = (3, 4);

/// Bytes that this process may still take; None: unknown.
pub(crate) fn available() -> Option<u64> {
    let of_process = limit().map(|limit| limit.saturating_sub(mapped()));
    let of_machine = read_to_string("/proc/meminfo").ok();
    let of_machine = of_machine.and_then(|text| field(&text, "MemAvailable:"));
    let of_group = read_to_string("/sys/fs/cgroup/memory.max").ok();
    let of_group = of_group.and_then(|text| text.trim().parse().ok());
    let least = [of_process, of_machine.map(|kib| kib << 10), of_group];
    least
        .into_iter()
        .flatten()
        .min()
        .map(|bytes| bytes / SHARE.1 * SHARE.0)
}

/// Largest address space of this process (`ulimit -v`).
fn limit() -> Option<u64> {
    let limits = read_to_string("/proc/self/limits").ok()?;
    field(&limits, "Max address space")
}

/// Address space that this process has already.
fn mapped() -> u64 {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    field(&status, "VmSize:").map_or(0, |kib| kib << 10)
}

/// The number after a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// How many cases can run at the same time, `wanted` at most.
pub(crate) fn fitting(cases: &[(usize, &Case)], wanted: usize) -> Result<usize, Error> {
    let Some(room) = available() else {
        return Ok(wanted);
    };
    let kept: u64 = cases
        .iter()
        .map(|(_, case)| footprint::of_results(&case.model))
        .sum();
    let largest = cases
        .iter()
        .map(|(_, case)| footprint::of_run(&case.model))
        .max();
    fit(room, kept, largest.unwrap_or(0), wanted)
}

fn fit(room: u64, kept: u64, largest: u64, wanted: usize) -> Result<usize, Error> {
    let need = |threads: u64| {
        let stacks = if threads > 1 { threads * THREAD } else { 0 };
        kept.saturating_add(largest.saturating_mul(threads))
            .saturating_add(stacks)
    };
    let most = (1..=wanted.max(1))
        .rev()
        .find(|&threads| need(threads as u64) <= room);
    most.ok_or_else(|| {
        Error::Message(format!(
            "this run needs about {} of memory, and {} may be used: \
             use fewer hosts, flows or cases",
            Bytes(need(1)),
            Bytes(room)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_proc_are_found() {
        let text = "MemTotal:  9 kB\nMemAvailable:   1234 kB\n";
        assert_eq!(field(text, "MemAvailable:"), Some(1234));
        let limits = "Max cpu time  unlimited\nMax address space  unlimited  unlimited bytes\n";
        assert_eq!(field(limits, "Max address space"), None);
        assert!(mapped() > 0);
        assert!(available().is_some_and(|bytes| bytes > 0));
    }

    #[test]
    fn no_more_cases_run_at_a_time_than_fit() {
        let mb = 1 << 20;
        assert_eq!(fit(1_000 * mb, 100 * mb, 200 * mb, 8).unwrap(), 3);
        assert_eq!(fit(100_000 * mb, 100 * mb, 200 * mb, 8).unwrap(), 8);
        assert_eq!(fit(310 * mb, 100 * mb, 200 * mb, 8).unwrap(), 1);
        let Err(Error::Message(text)) = fit(200 * mb, 100 * mb, 200 * mb, 8) else {
            panic!("it fits")
        };
        assert!(text.contains("fewer hosts"), "{text}");
    }
}

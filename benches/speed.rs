//! Packet-hops per CPU second of whole runs: `cargo bench --bench speed [-- CONFIG.txt ...]`.
//!
//! CPU time is the process's user time as the kernel accounts it; nothing here asserts a time.

use std::io::Write as _;
use std::path::Path;

/// User CPU seconds of this process so far, and its resident memory in bytes (Linux).
fn usage() -> (f64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: f64 = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().nth(11))
        .and_then(|t| t.parse().ok())
        .unwrap_or(0.0);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .and_then(|l| l.split_whitespace().next())
        .and_then(|kb| kb.parse::<u64>().ok())
        .unwrap_or(0);
    (ticks / 100.0, peak * 1_024)
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hpcc");
    let mut configs: Vec<std::path::PathBuf> = std::env::args()
        .skip(1)
        .filter(|a| a.ends_with(".txt"))
        .map(Into::into)
        .collect();
    if configs.is_empty() {
        configs.push(root.join("fat320_ws50_1ms_dcqcn/config.txt"));
    }
    let mut out = std::io::stdout().lock();
    for config in configs {
        let dir = config.parent().unwrap_or(Path::new(".")).to_owned();
        let read = |name: &str| {
            std::fs::read_to_string(dir.join(name)).map_err(|e| format!("{name}: {e}"))
        };
        let name = config.file_name().unwrap_or_default().to_string_lossy();
        let input = match xoff_scenario::hpcc::load(&name, &read) {
            Ok(input) => input,
            Err(errors) => {
                let _ = writeln!(out, "{}: {:?}", config.display(), errors[0].message);
                continue;
            }
        };
        let before = usage().0;
        let results = xoff_sim::run(&input.model, &mut |_| {});
        let (after, rss) = usage();
        let spent = (after - before).max(0.01);
        let _ = writeln!(
            out,
            "{}: {} packet-hops, {} events, {spent:.2} CPU s, {:.2} M packet-hops/s, peak {} MB",
            config.display(),
            results.packet_hops,
            results.events,
            results.packet_hops as f64 / spent / 1e6,
            rss / 1_000_000,
        );
    }
}

//! When a PFC watchdog acts, against its own clock.

use crate::support::{Run, run};
use xoff_model::results::WatchdogEvent;

/// `h0` storms from `at` to `until` (µs); `traffic` goes to it.
fn storm(at: u64, until: u64, keys: &str, traffic: &str) -> Run {
    run(&format!(
        r#"
until = "40ms"
[topology]
kind = "star"
hosts = 3
[switch.default]
pfc = {{ mode = "pfc", response = "0us" }}
watchdog = {{ poll = "1ms", detect = "2ms", restore = "3ms"{keys} }}
[nic.default]
pfc = {{ mode = "pfc", response = "0us" }}
timeout = 0
[[fault]]
kind = "pause-storm"
node = "h0"
at = "{at}us"
until = "{until}us"
{traffic}
# What keeps the run going.
[[traffic]]
kind = "flows"
name = "clock"
pace = "1Gbps"
flow = [{{ src = "h1", dst = "h2", bytes = "1GB" }}]
"#
    ))
}

/// One packet of h1 for h0 is sent at this time (µs).
fn packet(at: u64) -> String {
    format!(
        "[[traffic]]\nkind = \"flows\"\nname = \"late\"\nstart = \"{at}us\"\ntransport = \"uc\"\n\
         flow = [{{ src = \"h1\", dst = \"h0\", bytes = \"1000B\" }}]\n"
    )
}

/// The first poll, every millisecond, that sees `span` ms completed since `from` ps.
fn poll_after(from: u64, span_ms: u64) -> u64 {
    let poll = 1_000_000_000;
    (from + span_ms * poll).div_ceil(poll) * poll
}

fn times(events: &[WatchdogEvent]) -> Vec<(bool, u64)> {
    events.iter().map(|e| (e.storm, e.at.ps())).collect()
}

/// The pause arrives its frame (84 byte times) and the link (3 m and 200 ns) later.
const LATENCY: u64 = 84 * 80 + 15_000 + 200_000;

#[test]
fn detection_and_restoration_take_up_to_a_poll_longer() {
    for phase in [0, 1, 250, 500, 750, 999] {
        let (at, until) = (5_000 + phase, 15_000 + 2 * phase);
        let r = storm(at, until, "", "");
        let detected = poll_after(at * 1_000_000 + LATENCY, 2);
        let restored = poll_after(until * 1_000_000 + LATENCY, 3);
        let wanted = vec![(true, detected), (false, restored)];
        assert_eq!(times(&r.results.watchdog), wanted, "{phase}");
        let took = detected - at * 1_000_000;
        assert!((2_000_000_000..3_000_000_000 + LATENCY).contains(&took));
    }
}

#[test]
fn a_queue_without_packets_is_stormed_unless_told_otherwise() {
    let ignore = ", empty_queue = \"ignore\"";
    assert_eq!(storm(1_000, 30_000, "", "").get("watchdog.storms"), 1);
    let stated = ", empty_queue = \"storm\"";
    assert_eq!(storm(1_000, 30_000, stated, "").get("watchdog.storms"), 1);
    assert_eq!(storm(1_000, 30_000, ignore, "").get("watchdog.storms"), 0);
    // From the first packet that waits: it reaches its queue within two microseconds.
    for phase in [0, 300, 990] {
        let r = storm(1_000, 30_000, ignore, &packet(10_000 + phase));
        let detected = poll_after((10_002 + phase) * 1_000_000, 2);
        assert_eq!(times(&r.results.watchdog)[0], (true, detected), "{phase}");
        assert_eq!(r.get("drops.pfc_watchdog"), 1);
    }
    // A packet that comes while an empty queue is paused does not restart the clock.
    let r = storm(1_000, 30_000, "", &packet(2_000));
    let detected = poll_after(1_000_000_000 + LATENCY, 2);
    assert_eq!(times(&r.results.watchdog)[0], (true, detected));
}

#[test]
fn a_pause_that_does_not_last_is_no_storm() {
    let r = storm(5_000, 6_999, "", &packet(5_500));
    assert_eq!(r.get("watchdog.storms"), 0);
    assert_eq!(r.get("drops.total"), 0);
}

/// `h0` storms at 50 ms; its traffic and that of a victim begin at 600 ms.
#[test]
fn a_storm_before_the_traffic_harms_nobody() {
    let r = run(r#"
until = "650ms"
[topology]
kind = "star"
hosts = 3
rate = "10Gbps"
[switch.default]
pfc = { mode = "pfc" }
buffer = { size = "12MB" }
watchdog = { mode = "on", poll = "100ms", detect = "200ms", restore = "200ms" }
[nic.default]
pfc = { mode = "pfc" }
[[fault]]
kind = "pause-storm"
node = "h0"
at = "50ms"
[[traffic]]
kind = "flows"
name = "late"
start = "600ms"
transport = "uc"
bytes = "4GB"
message = "64KiB"
pace = "1Gbps"
flow = [{ src = "h1", dst = "h0" }]
[[traffic]]
kind = "flows"
name = "victim"
start = "600ms"
transport = "uc"
bytes = "4GB"
message = "64KiB"
pace = "1Gbps"
flow = [{ src = "h1", dst = "h2" }]
"#);
    assert_eq!(times(&r.results.watchdog), [(true, 300_000_000_000)]);
    assert_eq!(r.get("pause.time[node=h1]"), 0);
    assert!(r.delivered("victim") > 6_000_000 && r.delivered("late") == 0);
}

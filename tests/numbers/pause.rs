//! Pause frames: how long, which classes, expiry, refresh, watchdog, deadlocks.

use crate::support::{Run, run};
use xoff_model::results::{DropCause, FlowStatus};
use xoff_model::time::SimDuration;

/// Wire time of a full frame at 100G, MTU 1024, RETH included.
const FRAME_PS: u64 = (1_024 + 98) * 80;
/// 512 bit times at 100G.
const QUANTUM_PS: u64 = 5_120;

/// `h1` sends 5 MB to `h0` on each of the given priorities while `h0` has a `fault`.
fn flows(mode: &str, priorities: &[u8], quanta: u32, pace: &str, fault: &str) -> Run {
    let flows: String = priorities
        .iter()
        .map(|p| {
            format!(
                "[[traffic]]\nname = \"p{p}\"\nkind = \"flows\"\npriority = {p}\n\
                 pace = \"{pace}\"\n\
                 flow = [{{ src = \"h{p}\", dst = \"h0\", bytes = \"5MB\" }}]\n"
            )
        })
        .collect();
    run(&format!(
        r#"
until = "20ms"
[topology]
kind = "star"
hosts = 8
[switch.default]
pfc.mode = "{mode}"
pfc.response = "1us"
buffer.alpha = 4
[nic.default]
mtu = 1024
pfc = {{ mode = "{mode}", quanta = {quanta} }}
timeout = 0
{fault}
{flows}
"#
    ))
}

/// A storm on priority 3 that begins at 100 us.
fn storm(from: &str, until: &str) -> String {
    format!(
        "[[fault]]\nkind = \"pause-storm\"\nnode = \"{from}\"\npriorities = 3\nat = \"100us\"\n\
         until = \"{until}\"\n"
    )
}

/// Time at which a group was complete.
fn end(r: &Run, group: &str) -> u64 {
    let ends = r.flows(group).map(|f| f.end.expect("completed").ps());
    ends.max().expect("the group has flows")
}

#[test]
fn a_pause_that_is_not_refreshed_expires_after_its_quanta() {
    for quanta in [4_000u32, 10_000, 65_535] {
        let wanted = u64::from(quanta) * QUANTUM_PS;
        // The storm is over, and all that would refresh or end the pause is lost.
        let lossy = "[[fault]]\nkind = \"loss\"\nlink = \"h0:sw0\"\nloss = \"100%\"\n\
                     at = \"103us\"\nuntil = \"108us\"\n";
        let fault = format!("{}{lossy}", storm("h0", "105us"));
        let held = flows("pfc", &[3], quanta, "off", &fault);
        let stats = &held.port("sw0", "h0").priority;
        assert_eq!(stats[3].rx_pause, 1, "one frame arrived");
        assert_eq!(stats[3].rx_pause_duration, SimDuration::from_ps(wanted));
        assert_eq!(stats[3].rx_pause_transitions, 1);
        let free = flows("pfc", &[3], quanta, "off", "");
        let delay = end(&held, "p3") - end(&free, "p3");
        assert!(
            delay.abs_diff(wanted) <= FRAME_PS,
            "{quanta} quanta: {delay} ps"
        );
    }
}

#[test]
fn a_storm_stops_its_class_and_no_other() {
    let fault = storm("h0", "300us");
    let free = flows("pfc", &[3, 4], 10_000, "40Gbps", "");
    let held = flows("pfc", &[3, 4], 10_000, "40Gbps", &fault);
    let paused = held.port("sw0", "h0").priority[3].rx_pause_duration.ps();
    assert!(paused.abs_diff(200_000_000) <= FRAME_PS, "{paused}");
    assert_eq!(held.port("sw0", "h0").priority[4].rx_pause_duration.ps(), 0);
    assert!(end(&held, "p4").abs_diff(end(&free, "p4")) <= FRAME_PS);
    assert_eq!(held.get("drops.total"), 0);
    // Refreshed at half its time, 25.6 us: the storm of 200 us takes 8 frames, and a resume.
    let stats = &held.port("sw0", "h0").priority[3];
    assert_eq!((stats.rx_pause, stats.rx_resume), (8, 1));
    assert_eq!(stats.rx_pause_transitions, 1);
}

#[test]
fn whole_port_pause_stops_every_class() {
    let held = flows("802.3x", &[3, 4], 10_000, "40Gbps", &storm("h0", "300us"));
    let stats = &held.port("sw0", "h0").priority;
    for priority in [0, 3, 4, 7] {
        let paused = stats[priority].rx_pause_duration.ps();
        assert!(
            paused.abs_diff(200_000_000) <= FRAME_PS,
            "priority {priority}: {paused}"
        );
    }
    assert!(held.port("sw0", "h0").rx_global_pause > 0);
    assert_eq!(held.get("drops.total"), 0);
    assert!(held.all_completed());
}

#[test]
fn pfc_and_whole_port_pause_do_not_understand_each_other() {
    let text = |switch: &str, nic: &str| {
        format!(
            "[topology]\nkind = \"star\"\nhosts = 9\n[switch.default]\npfc.mode = \"{switch}\"\n\
             buffer.size = \"4MiB\"\n[nic.default]\npfc.mode = \"{nic}\"\n\
             [[traffic]]\nkind = \"incast\"\nbytes = \"4MB\"\n"
        )
    };
    let lost = |s: &str, n: &str| run(&text(s, n)).get("drops.total");
    assert_eq!((lost("pfc", "pfc"), lost("802.3x", "802.3x")), (0, 0));
    assert!(lost("pfc", "802.3x") > 0 && lost("802.3x", "pfc") > 0);
    assert!(lost("pfc", "off") > 0 && lost("off", "pfc") > 0 && lost("off", "off") > 0);
}

/// `h0` never takes anything; `h1` sends to it, and to `h2` from the same NIC.
fn stormed(switch: &str) -> Run {
    run(&format!(
        r#"
until = "20ms"
[topology]
kind = "dumbbell"
left = 2
right = 2
[switch.default]
pfc.mode = "pfc"
{switch}
[nic.default]
mtu = 1024
pfc.mode = "pfc"
timeout = 0
[[fault]]
kind = "pause-storm"
node = "h2"
until = "15ms"
[[traffic]]
name = "to-storm"
kind = "flows"
flow = [{{ src = "h0", dst = "h2", bytes = "50MB" }}]
[[traffic]]
name = "victim"
kind = "flows"
flow = [{{ src = "h1", dst = "h3", bytes = "50MB" }}]
"#
    ))
}

#[test]
fn a_watchdog_frees_the_victims_of_a_storm() {
    let without = stormed("");
    let victim = without.flows("victim").next().unwrap();
    assert_ne!(victim.status, FlowStatus::Completed, "a storm spreads");
    let times = "poll = \"200us\", detect = \"1ms\", restore = \"1ms\"";
    let with = stormed(&format!("watchdog = {{ {times}, action = \"drop\" }}"));
    let victim = with.flows("victim").next().unwrap();
    assert_eq!(victim.status, FlowStatus::Completed);
    assert!(with.drops(DropCause::Watchdog) > 0);
    assert_eq!(with.get("watchdog.storms"), 1);
    assert_eq!(with.get("watchdog.restored"), 1);
    let event = with.results.watchdog[0];
    // Detected at the first poll after a stall of 1 ms.
    assert!(event.storm && event.at.ps() >= 1_000_000_000 && event.at.ps() <= 1_500_000_000);
    let restored = with.results.watchdog[1].at.ps();
    assert!(
        (15_900_000_000..=16_500_000_000).contains(&restored),
        "{restored}"
    );
}

#[test]
fn a_watchdog_that_forwards_ignores_the_pause() {
    let times = "poll = \"200us\", detect = \"1ms\", restore = \"1ms\"";
    let with = stormed(&format!("watchdog = {{ {times}, action = \"forward\" }}"));
    assert!(with.all_completed());
    assert_eq!(with.get("drops.total"), 0);
}

#[test]
fn a_storm_guard_frees_the_network_from_a_stuck_receiver() {
    let text = |guard: &str| {
        format!(
            r#"
until = "20ms"
[topology]
kind = "dumbbell"
left = 2
right = 2
[switch.default]
pfc.mode = "pfc"
[nic.default]
mtu = 1024
pfc.mode = "pfc"
storm_guard = "{guard}"
timeout = 0
[[fault]]
kind = "slow-receiver"
node = "h2"
drain = "1Mbps"
[[traffic]]
name = "to-stuck"
kind = "flows"
flow = [{{ src = "h0", dst = "h2", bytes = "50MB" }}]
[[traffic]]
name = "victim"
kind = "flows"
flow = [{{ src = "h1", dst = "h3", bytes = "50MB" }}]
"#
        )
    };
    let status = |r: &Run| r.flows("victim").next().unwrap().status;
    assert_ne!(status(&run(&text("off"))), FlowStatus::Completed);
    let guarded = run(&text("1ms"));
    assert_eq!(status(&guarded), FlowStatus::Completed);
    assert!(guarded.drops(DropCause::RxBuffer) > 0);
    let paused = guarded.port("right", "h2").priority[3]
        .rx_pause_longest
        .ps();
    assert!(paused.abs_diff(1_000_000_000) < 10_000_000, "{paused}");
}

#[test]
fn a_storm_needs_no_pause_configuration_at_the_nic() {
    let text = |mode: &str, guard: &str| {
        format!(
            "until = \"3ms\"\n[topology]\nkind = \"star\"\nhosts = 2\n\
             [switch.default]\npfc.mode = \"pfc\"\n[nic.default]\npfc.mode = \"{mode}\"\n\
             storm_guard = \"{guard}\"\ntimeout = 0\n\
             [[fault]]\nkind = \"pause-storm\"\nnode = \"h0\"\nuntil = \"2ms\"\n\
             [[traffic]]\nkind = \"incast\"\nbytes = \"100MB\"\n"
        )
    };
    for mode in ["off", "pfc"] {
        let r = run(&text(mode, "off"));
        let paused = r.port("sw0", "h0").priority[3].rx_pause_duration.ps();
        assert!(
            paused.abs_diff(2_000_000_000) < 2 * FRAME_PS * 4,
            "{mode}: {paused}"
        );
    }
    // A guarded NIC stops its own storm.
    let r = run(&text("pfc", "500us"));
    let paused = r.port("sw0", "h0").priority[3].rx_pause_duration.ps();
    assert!(paused.abs_diff(500_000_000) < 2 * FRAME_PS * 4, "{paused}");
}

/// Four switches in a circle; every flow takes two of its links, clockwise.
fn ring(hops: usize, switch: &str) -> Run {
    let flows: Vec<String> = (0..4)
        .map(|i| {
            let path: Vec<String> = (0..=hops)
                .map(|k| format!("\"sw{}\"", (i + k) % 4))
                .collect();
            format!(
                "{{ src = \"h{i}\", dst = \"h{}\", bytes = \"50MB\", path = [{}] }}",
                (i + hops) % 4,
                path.join(", ")
            )
        })
        .collect();
    run(&format!(
        r#"
until = "20ms"
[topology]
kind = "ring"
switches = 4
hosts_per_switch = 1
[switch.default]
pfc.mode = "pfc"
buffer = {{ size = "2MiB", xoff = "100kB" }}
{switch}
[nic.default]
pfc.mode = "pfc"
timeout = 0
[[traffic]]
name = "f"
kind = "flows"
flow = [{}]
"#,
        flows.join(", ")
    ))
}

#[test]
fn a_cyclic_buffer_dependency_is_found() {
    let r = ring(2, "");
    assert_eq!(r.results.deadlocks.len(), 1, "{:?}", r.results.deadlocks);
    let deadlock = &r.results.deadlocks[0];
    assert_eq!(
        (deadlock.cycle.len(), deadlock.priority, deadlock.cured),
        (4, 3, None)
    );
    assert!(r.flows("f").all(|f| f.status == FlowStatus::Unfinished));
    assert_eq!(r.get("drops.lossless"), 0);
}

#[test]
fn without_a_cycle_there_is_no_deadlock() {
    let r = ring(1, "");
    assert!(r.all_completed());
    assert_eq!(r.get("deadlocks"), 0);
}

#[test]
fn a_watchdog_dissolves_a_deadlock() {
    let r = ring(
        2,
        "watchdog = { poll = \"500us\", detect = \"2ms\", restore = \"2ms\" }",
    );
    assert!(r.results.deadlocks.iter().any(|d| d.cured.is_some()));
    assert!(r.get("watchdog.storms") > 0);
    assert!(r.delivered("f") > ring(2, "").delivered("f"));
}

#[test]
fn heavy_pausing_is_no_deadlock() {
    let r = run(r#"
[topology]
kind = "leaf-spine"
leaves = 4
spines = 2
hosts_per_leaf = 4
[simulation]
deadlock_scan = "20us"
[switch.default]
pfc.mode = "pfc"
buffer = { size = "4MiB", alpha = "1/16" }
[nic.default]
pfc.mode = "pfc"
[[traffic]]
kind = "all-to-all"
bytes = "500kB"
[[traffic]]
kind = "incast"
bytes = "1MB"
"#);
    assert!(r.all_completed());
    assert!(r.get("pause.frames") > 1_000);
    assert_eq!((r.get("deadlocks"), r.get("drops.total")), (0, 0));
}

//! Runs without a time limit that can go nowhere end, and say so.

use crate::support::{Run, run};
use xoff_model::results::Stop;

/// `h0` never lets anything come in, and no timer gives up.
fn held(mode: &str, simulation: &str, nic: &str, fault: &str, switch: &str) -> Run {
    run(&format!(
        r#"
until = "off"
[simulation]
{simulation}
[topology]
kind = "star"
hosts = 3
[switch.default]
pfc.mode = "{mode}"
{switch}
[nic.default]
pfc.mode = "{mode}"
{nic}
[[fault]]
node = "h0"
at = "10us"
{fault}
[[traffic]]
kind = "flows"
flow = [{{ src = "h1", dst = "h0", bytes = "100MB" }}]
[[traffic]]
kind = "flows"
flow = [{{ src = "h2", dst = "h1", bytes = "1MB" }}]
"#
    ))
}

const STORM: &str = "kind = \"pause-storm\"";
const NO_TIMER: &str = "timeout = 0";

#[test]
fn a_storm_without_end_ends_the_run_whoever_watches() {
    for mode in ["pfc", "802.3x"] {
        for watch in [
            "",
            "sample = \"10us\"",
            "sample = \"7us\"\ndeadlock_scan = \"off\"",
            "sample = \"100us\"\ndeadlock_scan = \"30us\"",
        ] {
            for nic in [NO_TIMER, "timeout = \"100us\"\nretry_cnt = \"off\""] {
                let r = held(mode, watch, nic, STORM, "");
                assert_eq!(r.results.stop, Stop::Stuck, "{mode} {watch} {nic}");
                assert!(r.results.end.ps() < 10_000_000_000, "{mode} {watch} {nic}");
                assert_eq!(r.get("flows.completed"), 1, "{mode} {watch} {nic}");
            }
        }
    }
}

#[test]
fn a_watchdog_that_sees_no_storm_does_not_keep_it_going() {
    for mode in ["pfc", "802.3x"] {
        // Too late for all that waits, or blind to the empty queues of the others.
        let watchdog = "watchdog = { poll = \"50us\", detect = \"100us\", restore = \"100us\" }";
        let r = held(mode, "sample = \"10us\"", NO_TIMER, STORM, watchdog);
        assert_eq!(r.results.stop, Stop::Stuck, "{mode}");
        assert!(r.get("watchdog.storms") > 0, "{mode}");
    }
}

#[test]
fn pauses_that_meet_are_no_progress() {
    let fault = "kind = \"periodic-pause\"\nquanta = 40000\nperiod = \"100us\"";
    let r = held("pfc", "sample = \"10us\"", NO_TIMER, fault, "");
    assert_eq!(r.results.stop, Stop::Stuck);
    // With a gap between them there is some.
    let fault = "kind = \"periodic-pause\"\nquanta = 40000\nperiod = \"205us\"";
    let r = held("pfc", "", NO_TIMER, fault, "");
    assert_eq!(r.results.stop, Stop::Idle);
    assert!(r.all_completed());
}

#[test]
fn what_waits_long_is_not_stuck() {
    // The storm ends long after everything has come to rest; so does a failed link.
    let fault = "kind = \"pause-storm\"\nuntil = \"300ms\"";
    let r = held("pfc", "sample = \"1ms\"", NO_TIMER, fault, "");
    assert_eq!(r.results.stop, Stop::Idle);
    assert!(r.all_completed() && r.results.end.ps() > 300_000_000_000);
    // A receiver that takes a frame every 88 ms and a timer that fails the QP in the end.
    let fault = "kind = \"slow-receiver\"\ndrain = \"100kbps\"\nuntil = \"400ms\"";
    let r = held(
        "pfc",
        "sample = \"1ms\"",
        "timeout = 0\nrx_buffer = \"64kB\"",
        fault,
        "",
    );
    assert!(r.all_completed(), "{:?}", r.results.stop);
    let r = held("pfc", "sample = \"1ms\"", "timeout = \"50ms\"", STORM, "");
    assert_eq!(r.get("flows.failed"), 1);
    assert_eq!(r.results.stop, Stop::Idle);
    // A QP of its own pace: one packet of 1024 B in 82 ms.
    let r = run(
        "until = \"off\"\n[simulation]\nsample = \"1ms\"\n[topology]\nkind = \"star\"\nhosts = 2\n\
         [switch.default]\npfc.mode = \"pfc\"\n[nic.default]\npfc.mode = \"pfc\"\ntimeout = 0\n\
         [[traffic]]\nkind = \"incast\"\nbytes = \"8kB\"\npace = \"100kbps\"\n",
    );
    assert!(r.all_completed(), "{:?}", r.results.stop);
}

#[test]
fn samples_do_not_change_how_a_deadlock_ends() {
    let ring = |simulation: &str| {
        let flows: Vec<String> = (0..4)
            .map(|i| {
                let path: Vec<String> = (0..=2).map(|k| format!("\"sw{}\"", (i + k) % 4)).collect();
                format!(
                    "{{ src = \"h{i}\", dst = \"h{}\", bytes = \"50MB\", path = [{}] }}",
                    (i + 2) % 4,
                    path.join(", ")
                )
            })
            .collect();
        run(&format!(
            "until = \"off\"\n[simulation]\n{simulation}\n[topology]\nkind = \"ring\"\n\
             switches = 4\nhosts_per_switch = 1\n[switch.default]\npfc.mode = \"pfc\"\n\
             buffer = {{ size = \"2MiB\", xoff = \"100kB\" }}\n\
             [nic.default]\npfc.mode = \"pfc\"\ntimeout = 0\n\
             [[traffic]]\nkind = \"flows\"\nflow = [{}]\n",
            flows.join(", ")
        ))
    };
    for simulation in ["", "sample = \"50us\"", "sample = \"3ms\""] {
        let r = ring(simulation);
        assert_eq!(r.results.stop, Stop::Stuck, "{simulation}");
        assert_eq!(r.results.deadlocks.len(), 1, "{simulation}");
    }
}

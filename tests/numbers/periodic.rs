//! A receiver that throttles its sender: one pause in each period.

use crate::support::{Run, load, near, run};

/// Wire time of a full frame at 100G, MTU 1024, RETH included.
const FRAME_PS: u64 = (1_024 + 98) * 80;
/// 512 bit times at 100G.
const QUANTUM_PS: u64 = 5_120;

/// `h1` sends to `h0`, directly behind a switch, or `h0` is the neighbour itself.
fn throttled(mode: &str, nic: &str, keys: &str) -> Run {
    run(&format!(
        r#"
until = "10ms"
[topology]
kind = "star"
hosts = 3
[switch.default]
pfc.mode = "{mode}"
[nic.default]
mtu = 1024
pfc.mode = "{nic}"
[[fault]]
kind = "periodic-pause"
node = "h0"
{keys}
[[traffic]]
kind = "flows"
flow = [{{ src = "h1", dst = "h0", bytes = "10GB" }}]
"#
    ))
}

#[test]
fn a_sender_keeps_what_the_pauses_leave() {
    for mode in ["pfc", "802.3x"] {
        for (quanta, period_us) in [(1_000u64, 20u64), (2_000, 20), (1_000, 100), (10_000, 60)] {
            let keys = format!("quanta = {quanta}\nperiod = \"{period_us}us\"");
            let r = throttled(mode, mode, &keys);
            let (pause, period) = (quanta * QUANTUM_PS, period_us * 1_000_000);
            let port = r.port("sw0", "h0");
            let at = format!("{mode} {keys}");
            // The port was sending for 1 - pause / period of the time. The frame that is on the
            // wire when a pause begins goes on, so that up to one more fits into a period.
            let busy = u128::from(port.busy.ps()) * 1_000_000 / u128::from(r.results.end.ps());
            let least = u128::from(period - pause) * 1_000_000 / u128::from(period);
            let most = u128::from(period - pause + FRAME_PS) * 1_000_000 / u128::from(period);
            assert!(
                (least - 500..=most + 500).contains(&busy),
                "{at}: {busy} {least} {most}"
            );
            let frames = 10_000 / period_us;
            let sent = r.port("h0", "sw0").pauses_sent();
            assert!(sent.abs_diff(frames) <= 1, "{at}: {sent}");
            let time = r.get("pause.time[node=sw0]");
            near(&at, time, frames * pause, 12_000);
        }
    }
}

#[test]
fn only_the_named_classes_are_throttled_and_only_while_it_lasts() {
    let keys =
        "quanta = 1000\nperiod = \"20us\"\npriorities = [3, 5]\nat = \"1ms\"\nuntil = \"2ms\"";
    let r = throttled("pfc", "pfc", keys);
    let port = r.port("sw0", "h0");
    let named = port.priority.map(|p| p.rx_pause);
    assert_eq!(named, [0, 0, 0, 50, 0, 50, 0, 0]);
    // The port obeys its lossless class, 3.
    assert_eq!(port.priority[5].rx_pause_ignored, 50);
    assert_eq!(port.priority[3].rx_pause_transitions, 50);
    let counted = "quanta = 1000\nperiod = \"20us\"\npriorities = 3\nat = \"1ms\"\ncount = 7";
    assert_eq!(
        throttled("pfc", "pfc", counted).get("pause.sent[node=h0]"),
        7
    );
}

#[test]
fn pauses_that_meet_hold_the_port_without_end() {
    // 204.8 us each, every 100 us.
    let r = throttled("pfc", "pfc", "quanta = 40000\nperiod = \"100us\"");
    let port = r.port("sw0", "h0");
    assert_eq!(port.priority[3].rx_pause_transitions, 1);
    assert!(r.results.flows[0].bytes_delivered < 100_000);
}

#[test]
fn a_nic_without_pause_sends_pfc() {
    let r = throttled("pfc", "off", "quanta = 1000\nperiod = \"20us\"");
    let frames = r.port("sw0", "h0").priority[3].rx_pause;
    assert!(frames.abs_diff(500) <= 1, "{frames}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (keys, wrong, message) in [
        (
            "quanta = 9\nperiod = \"0us\"",
            "\"0us\"",
            "a period of zero",
        ),
        ("quanta = 70000\nperiod = \"1us\"", "70000", "no pause time"),
        ("quanta = 0\nperiod = \"1us\"", "0", "no pause time"),
        (
            "quanta = \"infinite\"\nperiod = \"1us\"",
            "\"infinite\"",
            "has an end",
        ),
        ("quanta = 9\nperiod = 5", "5", "missing unit"),
        ("period = \"1us\"", "\"periodic-pause\"", "needs `quanta`"),
        ("quanta = 9", "\"periodic-pause\"", "needs `period`"),
        (
            "quanta = 9\nperiod = \"1us\"\ncount = 0",
            "0",
            "a count of zero",
        ),
        (
            "quanta = 9\nperiod = \"1us\"\nuntil = \"1ms\"\ncount = 5",
            "5",
            "both `count` and `until`",
        ),
        (
            "quanta = 9\nperiod = \"1us\"\nat = \"2ms\"\nuntil = \"1ms\"",
            "\"1ms\"",
            "ends before it begins",
        ),
        (
            "quanta = 9\nperiod = \"1us\"\ndrain = \"1Gbps\"",
            "\"1Gbps\"",
            "no meaning",
        ),
        (
            "quanta = 9\nperiod = \"1us\"\npriorities = 8",
            "8",
            "priority 8",
        ),
    ] {
        let text = format!(
            "[topology]\nkind = \"star\"\nhosts = 2\n\
             [[fault]]\nkind = \"periodic-pause\"\nnode = \"h0\"\n{keys}\n\
             [[traffic]]\nkind = \"incast\"\nbytes = \"1MB\"\n"
        );
        let errors = load(&text).map(|_| ()).unwrap_err();
        assert_eq!(errors.len(), 1, "{keys}: {errors:?}");
        assert!(errors[0].message.contains(message), "{keys}: {errors:?}");
        assert_eq!(&text[errors[0].span.clone()], wrong, "{keys}");
    }
    for key in ["period = \"1us\"", "quanta = 9", "count = 3"] {
        let text = format!(
            "[topology]\nkind = \"star\"\nhosts = 2\n\
             [[fault]]\nkind = \"pause-storm\"\nnode = \"h0\"\n{key}\n\
             [[traffic]]\nkind = \"incast\"\nbytes = \"1MB\"\n"
        );
        let errors = load(&text).map(|_| ()).unwrap_err();
        assert!(errors[0].message.contains("no meaning"), "{errors:?}");
    }
}

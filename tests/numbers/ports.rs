//! Ports that differ from their node: what they have otherwise holds there and nowhere else.

use crate::support::{Run, near, run};
use xoff_model::results::DropCause;

/// `h1` and `h2` write 8 MB each to `h0`, which takes `drain`; `rest` is of the switch's ports.
fn incast(drain: &str, rest: &str) -> Run {
    run(&format!(
        r#"
until = "200ms"
[topology]
kind = "star"
hosts = 3
[switch.default]
pfc.mode = "pfc"
buffer.size = "2MB"
{rest}
[nic.default]
pfc.mode = "pfc"
timeout = "1ms"
drain = "{drain}"
[[traffic]]
kind = "incast"
name = "a"
senders = ["h1"]
receiver = "h0"
bytes = "8MB"
[[traffic]]
kind = "incast"
name = "b"
senders = ["h2"]
receiver = "h0"
bytes = "8MB"
"#
    ))
}

#[test]
fn a_port_that_sends_no_pause_loses_what_comes_in_there() {
    for pfc in ["mode = \"off\"", "send = false", "priorities = [4]"] {
        let r = incast("off", &format!("[switch.default.port.h1.pfc]\n{pfc}"));
        let drops = r.drops(DropCause::TailDrop);
        assert!(drops > 0 && drops == r.all_drops(), "{pfc}: {drops}");
        // Nothing of the port that is right.
        assert_eq!(r.get("retransmits.packets[group=b]"), 0, "{pfc}");
        assert!(r.get("retransmits.packets[group=a]") > 0, "{pfc}");
        assert_eq!(r.get("pause.sent[port=sw0>h1]"), 0, "{pfc}");
        assert!(r.get("pause.time[port=h2>sw0,prio=3]") > 0, "{pfc}");
        assert_eq!(r.get("flows.unfinished"), 0, "{pfc}");
    }
    // To obey is another matter, and no host but h0 pauses.
    let r = incast("off", "[switch.default.port.h1.pfc]\nobey = false");
    assert_eq!((r.all_drops(), r.get("retransmits.packets")), (0, 0));
}

#[test]
fn a_port_that_obeys_no_pause_overruns_its_neighbour() {
    for pfc in ["mode = \"off\"", "obey = false"] {
        let r = incast("50Gbps", &format!("[switch.default.port.h0.pfc]\n{pfc}"));
        let drops = r.drops(DropCause::RxBuffer);
        assert!(drops > 0 && drops == r.all_drops(), "{pfc}: {drops}");
        let ignored = r.get("pause.ignored[port=sw0>h0]");
        assert_eq!(ignored, r.get("pause.frames[port=sw0>h0]"), "{pfc}");
        assert!(ignored > 0 && ignored == r.get("pause.ignored"), "{pfc}");
        assert_eq!(r.get("pause.time[port=sw0>h0,prio=3]"), 0, "{pfc}");
    }
    let r = incast("50Gbps", "[switch.default.port.h0.pfc]\nsend = false");
    assert_eq!((r.all_drops(), r.get("pause.ignored")), (0, 0));
    assert!(r.get("pause.time[port=sw0>h0,prio=3]") > 0);
}

/// Two links of `h0`, of which the second differs; a flow by each.
#[test]
fn members_of_a_lag_may_differ() {
    let r = run(r#"
until = "50ms"
[topology]
kind = "star"
hosts = 3
links_per_host = 2
[switch.default]
pfc.mode = "pfc"
[switch.default.port."sw0:1".pfc]
obey = false
[nic.default]
pfc.mode = "pfc"
timeout = "1ms"
drain = "50Gbps"
[[traffic]]
kind = "flows"
flow = [
    { src = "h1", dst = "h0", dst_port = 0, bytes = "8MB", group = "right" },
    { src = "h2", dst = "h0", dst_port = 1, bytes = "8MB", group = "wrong" },
]
"#);
    assert_eq!(r.get("retransmits.packets[group=right]"), 0);
    assert!(r.get("retransmits.packets[group=wrong]") > 0);
    assert_eq!(r.get("pause.ignored[port=sw0:0]"), 0);
    assert!(r.get("pause.ignored[port=sw0:1]") > 0);
    assert_eq!(r.get("drops.rx_buffer[port=h0:0]"), 0);
    assert_eq!(r.get("drops.rx_buffer[port=h0:1]"), r.all_drops());
}

/// The same load leaves by two ports, and one of them is not like the other.
fn two_sinks(rest: &str) -> Run {
    run(&format!(
        r#"
until = "200ms"
[topology]
kind = "star"
hosts = 6
[switch.default]
pfc.mode = "pfc"
{rest}
[nic.default]
pfc.mode = "pfc"
[[traffic]]
kind = "incast"
name = "a"
senders = ["h2", "h3"]
receiver = "h0"
bytes = "4MB"
[[traffic]]
kind = "incast"
name = "b"
senders = ["h4", "h5"]
receiver = "h1"
bytes = "4MB"
"#
    ))
}

#[test]
fn marking_and_shaping_are_those_of_the_port() {
    let r = two_sinks("[switch.default.port.h0.ecn]\nkmin = \"20kB\"\nkmax = \"80kB\"");
    let marked = r.get("ecn.marked[port=sw0>h0]");
    assert!(marked > 0 && marked == r.get("ecn.marked"), "{marked}");
    let r = two_sinks("[switch.default.port.h0.ets]\nmax = { 3 = \"10Gbps\" }");
    assert_eq!(r.all_drops(), 0);
    // Both groups have 8 MB; at 100 Gb/s they take a tenth of what they take at 10.
    let (a, b) = (r.get("fct.max[group=a]"), r.get("fct.max[group=b]"));
    near("time at the shaped port", a, 10 * b, 20_000);
    // The wire carries 4,174 or 4,178 bytes and 20 of gap for 4,096 of payload.
    near(
        "time at 10 Gb/s",
        a,
        8_000_000 * 8 * 100 * 4_178 / 4_096,
        10_000,
    );
}

/// A priority is another group at one port, and another queue at the other.
#[test]
fn maps_are_those_of_the_port_by_which_a_frame_comes_or_goes() {
    let r = two_sinks(
        "[switch.default.port.h2]\ndscp_to_priority = { 26 = 4 }\npfc.priorities = [4]\n\
         [switch.default.port.h1]\npriority_to_queue = { 3 = 5 }",
    );
    // What comes from h2 is of priority 4 in the switch, and leaves by queue 4.
    let port = r.port("sw0", "h0");
    assert!(port.priority[4].tx_bytes > 4_000_000 && port.priority[3].tx_bytes > 4_000_000);
    // h2 does not know priority 4 by name, and is not stopped for it.
    assert!(r.port("h2", "sw0").priority[4].rx_pause_ignored > 0);
    // At h1 priority 3 leaves by queue 5, which is how it appears there.
    let port = r.port("sw0", "h1");
    assert!(port.priority[3].tx_bytes > 8_000_000 && port.priority[5].tx_bytes == 0);
}

/// The watchdog looks at one port only: the other storm goes on.
#[test]
fn a_watchdog_may_be_off_at_a_port() {
    let storm = |node: &str| {
        format!("[[fault]]\nkind = \"pause-storm\"\nnode = \"{node}\"\nat = \"100us\"\n")
    };
    let r = two_sinks(&format!(
        "watchdog = {{ poll = \"1ms\", detect = \"2ms\", restore = \"50ms\" }}\n\
         [switch.default.port.h1.watchdog]\nmode = \"off\"\n{}{}",
        storm("h0"),
        storm("h1")
    ));
    let storms: Vec<u32> = r.results.watchdog.iter().map(|event| event.port).collect();
    assert_eq!(storms, [0]);
}

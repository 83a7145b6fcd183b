//! VLAN tags: where they are, what they weigh, and what becomes of priorities that lived in them.

use crate::support::{Run, run};
use xoff_model::results::DropCause;

/// `h0` behind `left` writes to `h2` behind `right`; all hosts tag, and switches go by PCP.
fn trunk(switch: &str, nic: &str) -> Run {
    run(&format!(
        r#"
until = "100ms"
simulation.framing.vlan = true
[topology]
kind = "dumbbell"
left = 2
right = 2
[switch.default]
trust = "pcp"
pfc.mode = "pfc"
{switch}
[nic.default]
pfc.mode = "pfc"
timeout = "1ms"
{nic}
[[traffic]]
kind = "flows"
flow = [{{ src = "h0", dst = "h2", bytes = "4096000B" }}]
"#
    ))
}

/// Frames and wire bytes that a port sent by each priority of its own.
fn sent(r: &Run, node: &str, peer: &str) -> Vec<(usize, u64, u64)> {
    let port = r.port(node, peer);
    let queues = port.priority.iter().enumerate();
    let used = queues.filter(|(_, queue)| queue.tx_frames > 0);
    used.map(|(p, queue)| (p, queue.tx_frames, queue.tx_bytes))
        .collect()
}

/// A WRITE of 1,000 packets of 4,096 bytes, the first with a RETH; `tag`: bytes of the VLAN tag.
fn data(tag: u64) -> u64 {
    // Preamble and gap 20, Ethernet 14, IPv4 20, UDP 8, BTH 12, ICRC 4, FCS 4.
    1_000 * (20 + 14 + 20 + 8 + 12 + 4_096 + 4 + 4 + tag) + 16
}

#[test]
fn a_tag_is_lost_at_an_untagged_port_and_with_it_the_pcp() {
    let r = trunk("", "");
    assert_eq!(sent(&r, "left", "right"), [(3, 1_000, data(4))]);
    assert_eq!(sent(&r, "right", "h2"), [(3, 1_000, data(4))]);

    let r = trunk(
        "[switch.default.port.\"left>right\"]\ntagging = \"untagged\"",
        "",
    );
    assert_eq!(sent(&r, "h0", "left"), [(3, 1_000, data(4))]);
    // It still leaves by the queue of its priority, four bytes shorter.
    assert_eq!(sent(&r, "left", "right"), [(3, 1_000, data(0))]);
    // The next switch finds no PCP.
    assert_eq!(sent(&r, "right", "h2"), [(0, 1_000, data(0))]);
    assert_eq!(r.all_drops(), 0);
    // What answers it comes the other way, where all is well.
    assert!(
        sent(&r, "right", "left")
            .iter()
            .all(|(priority, ..)| *priority == 3)
    );

    let native = "[switch.default.port.\"left>right\"]\ntagging = \"untagged\"\n\
                  [switch.default.port.\"right>left\"]\ndefault_priority = 3";
    assert_eq!(
        sent(&trunk(native, ""), "right", "h2"),
        [(3, 1_000, data(0))]
    );
}

#[test]
fn a_host_may_send_without_a_tag() {
    let r = trunk("", "[nic.default.port.\"h0:0\"]\ntagged = false");
    assert_eq!(sent(&r, "h0", "left"), [(3, 1_000, data(0))]);
    assert_eq!(sent(&r, "left", "right"), [(0, 1_000, data(0))]);
    // ACKs of h2 have their tags.
    assert!(
        sent(&r, "right", "left")
            .iter()
            .all(|(priority, ..)| *priority == 3)
    );
    assert!(r.all_completed());
}

#[test]
fn a_tag_that_is_added_has_the_priority_as_its_pcp() {
    let r = trunk(
        "[switch.default.port.\"left:0\"]\ntrust = \"dscp\"\n\
         [switch.default.port.\"left>right\"]\ntagging = \"tagged\"",
        "tagged = false",
    );
    assert_eq!(sent(&r, "h0", "left"), [(3, 1_000, data(0))]);
    assert_eq!(sent(&r, "left", "right"), [(3, 1_000, data(4))]);
    assert_eq!(sent(&r, "right", "h2"), [(3, 1_000, data(4))]);
}

/// Two senders to one receiver: without its tag the traffic is not lossless any more.
#[test]
fn what_has_lost_its_pcp_is_lossy() {
    let incast = |port: &str| {
        run(&format!(
            r#"
until = "100ms"
simulation.framing.vlan = true
[topology]
kind = "leaf-spine"
leaves = 3
spines = 1
hosts_per_leaf = 1
[switch.default]
trust = "pcp"
pfc.mode = "pfc"
buffer.size = "2MB"
{port}
[nic.default]
pfc.mode = "pfc"
timeout = "1ms"
[[traffic]]
kind = "incast"
receiver = "h2"
bytes = "8MB"
"#
        ))
    };
    let r = incast("");
    assert_eq!((r.all_drops(), r.get("retransmits.packets")), (0, 0));
    let r = incast("[switch.default.port.\"leaf0>spine0\"]\ntagging = \"untagged\"");
    let at = r.port("spine0", "leaf2").drops[DropCause::TailDrop as usize];
    assert!(at[0] > 0 && at[3] == 0, "{at:?}");
    assert_eq!(at[0], r.all_drops());
}

/// The link MTU is of packets: a tag takes nothing of it.
#[test]
fn a_tag_does_not_count_against_the_link_mtu() {
    // IPv4 20, UDP 8, BTH 12, RETH 16, payload, ICRC 4.
    for (link, fits) in [(4_156, true), (4_155, false)] {
        let r = trunk(&format!("link_mtu = {link}"), "");
        assert_eq!(r.get("drops.oversize") == 0, fits, "{link}");
    }
}

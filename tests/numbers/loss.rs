//! Loss and its repair, against closed forms.

use crate::support::{near, run};
use xoff_model::results::DropCause;
use xoff_model::time::SimDuration;
use xoff_model::units::BitRate;

/// Payload and wire bytes of a packet in the middle of a message: Ethernet 14, IPv4 20, UDP 8,
/// BTH 12, ICRC 4, FCS 4, preamble and gap 20.
const MTU: u64 = 1_024;
const WIRE: u64 = MTU + 82;
/// An ACK or NAK: 66 bytes with AETH, preamble and gap.
const ACK_WIRE: u64 = 66 + 20;

/// One flow from `h0` to `h1` at 100G; the link from `h0` drops each 256th data packet that it
/// carries, whatever it is. The cables are as long as it takes for `window` packets to follow a
/// lost one before its NAK is back.
fn dropper(recovery: &str, window: u64, bytes: u64, message: u64, until: &str) -> (u64, u64, u64) {
    let rate = BitRate::from_gbps(100);
    let packet = rate.serialize_ceil(WIRE).ps();
    let nak = rate.serialize_ceil(ACK_WIRE).ps();
    // The next packet shows the gap: two hops there and two back, with 4 link delays.
    let path = (window * packet - packet / 2) - 2 * packet - 2 * nak;
    let delay = path / 4;
    let r = run(&format!(
        r#"
until = "{until}"
[topology]
kind = "star"
hosts = 2
cable = "0m"
phy_delay = "{delay}ps"
[[link]]
a = "h0"
b = "sw0"
drop_every = 256
[switch.default]
latency = "0ns"
[nic.default]
mtu = {MTU}
recovery = "{recovery}"
ack_every = 1
nak_delay = "0ns"
retransmit_delay = "0ns"
timeout = "1ms"
retry_cnt = "off"
[[traffic]]
name = "f"
kind = "flows"
message = "{message}B"
flow = [{{ src = "h0", dst = "h1", bytes = "{bytes}B" }}]
"#
    ));
    let span = r.results.end.ps();
    let line = rate.bytes_in_floor(SimDuration::from_ps(span)) * MTU / WIRE;
    (
        r.delivered("f") * 1_000_000 / line,
        r.get("messages.completed"),
        {
            let busy = r.port("h0", "sw0").busy.ps();
            busy * 1_000_000 / span
        },
    )
}

#[test]
fn go_back_n_wastes_a_window_per_loss() {
    for window in [16, 64, 100, 128, 200] {
        let (share, ..) = dropper("go-back-n", window, 50_000_000, 50_000_000, "1s");
        let wanted = (255 - window) * 1_000_000 / 256;
        near(&format!("{window} in flight"), share, wanted, 50_000);
    }
}

#[test]
fn a_window_of_a_whole_loss_interval_leaves_nothing() {
    // Each retransmission is itself a 256th packet. A gap is reported once, so only the timeout
    // of 1 ms ends the wait, and then at most 255 of 11,300 packets count.
    let (share, messages, busy) = dropper("go-back-n", 255, 50_000_000, 50_000_000, "20ms");
    assert_eq!(messages, 0);
    assert!(share < 23_000, "{share} ppm");
    assert!(busy > 990_000, "{busy} ppm");
    // A longer one wastes the loss after next: 511 - W of 512 packets count.
    let (share, ..) = dropper("go-back-n", 300, 50_000_000, 50_000_000, "1s");
    near("300 in flight", share, 211 * 1_000_000 / 512, 50_000);
}

#[test]
fn go_back_0_never_completes_a_message_longer_than_the_loss_interval() {
    let (share, messages, busy) = dropper("go-back-0", 16, 40_000_000, 4_000_000, "20ms");
    assert_eq!(messages, 0);
    // Nothing but the first 255 packets ever arrives in order.
    assert!(share < 1_500, "{share} ppm");
    assert!(busy > 990_000, "the link is busy all the time: {busy} ppm");
    // Messages that fit between two losses do complete.
    let (_, messages, _) = dropper("go-back-0", 16, 40_000_000, 100_000, "20ms");
    assert!(messages > 100, "{messages}");
}

#[test]
fn selective_repeat_sends_again_only_what_was_lost() {
    let (share, ..) = dropper("selective", 100, 50_000_000, 50_000_000, "1s");
    near("selective repeat", share, 255 * 1_000_000 / 256, 10_000);
}

#[test]
fn symmetric_senders_share_tail_drop() {
    for senders in [2, 4] {
        let r = run(&format!(
            r#"
[topology]
kind = "star"
hosts = {}
[switch.default.buffer]
size = "1MiB"
[nic.default]
mtu = 1024
[[traffic]]
name = "f"
kind = "incast"
senders = {senders}
bytes = "100MB"
transport = "ud"
op = "send"
"#,
            senders + 1
        ));
        let lost: Vec<u64> = r
            .flows("f")
            .map(|f| 100_000_000 - f.bytes_delivered)
            .collect();
        let total: u64 = lost.iter().sum();
        assert!(r.drops(DropCause::TailDrop) > 10_000);
        for one in &lost {
            let share = one * 1_000_000 / total;
            let even = 1_000_000 / senders;
            assert!(share.abs_diff(even) <= 5_000, "{lost:?}");
        }
    }
}

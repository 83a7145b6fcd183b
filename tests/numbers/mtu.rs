//! Link MTUs: which frames are too large, where, and what it takes a queue pair to learn of it.

use crate::support::{Run, load, run};
use xoff_model::results::DropCause;

/// `h1` writes one packet of 4,096 bytes to `h0`; `rest` says where the network is narrow.
fn one_packet(rest: &str) -> Run {
    run(&format!(
        r#"
until = "1s"
[topology]
kind = "star"
hosts = 2
{rest}
[nic.default]
timeout = "100us"
retry_cnt = 7
[[traffic]]
kind = "flows"
flow = [{{ src = "h1", dst = "h0", bytes = "4096B" }}]
"#
    ))
}

/// IPv4 20, UDP 8, BTH 12, RETH 16, payload, ICRC 4.
const PACKET: u32 = 20 + 8 + 12 + 16 + 4_096 + 4;

#[test]
fn a_frame_above_the_link_mtu_is_lost_at_that_port() {
    for (table, node, peer) in [
        ("[switch.default.port.h1]", "sw0", "h1"),
        ("[switch.default.port.h0]", "sw0", "h0"),
        ("[switch.default]", "sw0", "h1"),
    ] {
        let r = one_packet(&format!("{table}\nlink_mtu = {PACKET}"));
        assert_eq!((r.all_drops(), r.all_completed()), (0, true), "{table}");
        let r = one_packet(&format!("{table}\nlink_mtu = {}", PACKET - 1));
        // Sent once and repeated seven times.
        let drops = r.port(node, peer).drops[DropCause::Oversize as usize][3];
        assert_eq!((drops, r.all_drops()), (8, 8), "{table}");
        assert_eq!(r.get("drops.oversize"), 8, "{table}");
        assert_eq!(r.get("flows.failed"), 1, "{table}");
    }
}

/// Path MTUs that differ at both ends, as after one host was moved to jumbo frames.
#[test]
fn a_nic_discards_what_is_too_large_for_its_interface() {
    let narrow = "[nic.receiver]\nmtu = 1024\nlink_mtu = 1500";
    let text = |bytes: u32| {
        format!(
            "until = \"1s\"\n[topology]\nkind = \"star\"\nhosts = 2\n[[assign]]\nnodes = \"h0\"\n\
             profile = \"receiver\"\n[nic.default]\ntimeout = \"100us\"\n{narrow}\n[[traffic]]\n\
             kind = \"flows\"\nflow = [{{ src = \"h1\", dst = \"h0\", bytes = \"{bytes}B\" }}]"
        )
    };
    // IPv4 20, UDP 8, BTH 12, RETH 16, ICRC 4: 1,440 bytes of payload make 1,500.
    let r = run(&text(1_440));
    assert_eq!((r.all_drops(), r.all_completed()), (0, true));
    let r = run(&text(1_444));
    let drops = r.port("h0", "sw0").drops[DropCause::Oversize as usize][3];
    assert_eq!((drops, r.all_drops(), r.get("flows.failed")), (8, 8, 1));
}

#[test]
fn a_path_mtu_that_the_interface_cannot_carry_is_refused() {
    let text = |mtu: u32, link: &str| {
        format!(
            "[topology]\nkind = \"star\"\nhosts = 2\n[nic.default]\nmtu = {mtu}\n\
             link_mtu = {link}\n[[traffic]]\nkind = \"incast\"\nbytes = \"1kB\""
        )
    };
    for (mtu, link) in [(1_024, "1500"), (4_096, "4192"), (4_096, "\"off\"")] {
        assert!(load(&text(mtu, link)).is_ok(), "{mtu} {link}");
    }
    for (mtu, link) in [
        (2_048, "1500"),
        (4_096, "4191"),
        (256, "67"),
        (256, "65536"),
    ] {
        let found = load(&text(mtu, link)).unwrap_err();
        assert!(found[0].message.contains("a link MTU of"), "{found:?}");
    }
}

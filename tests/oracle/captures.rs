//! Captures of simulated traffic: to tshark they are whole, with every checksum right.

use super::available;
use crate::cli::{Scratch, text, xoff_in};
use std::path::Path;

/// READ over IPv6 with VLAN tags, with loss; datagrams and atomics beside it.
const MIXED: &str = r#"
until = "5ms"
[simulation]
framing = { kind = "rocev2", vlan = true, ipv6 = true }
[topology]
kind = "star"
hosts = 4
rate = "25Gbps"
cable = "3m"
[[traffic]]
kind = "incast"
receiver = "h0"
senders = ["h1"]
bytes = "1MB"
op = "read"
message = "64kB"
[[traffic]]
kind = "incast"
receiver = "h0"
senders = ["h2"]
bytes = "8kB"
op = "atomic"
[[traffic]]
kind = "incast"
receiver = "h0"
senders = ["h3"]
bytes = "100kB"
op = "send"
transport = "ud"
[[fault]]
kind = "loss"
link = ["h1", "sw0"]
loss = "2%"
at = "0us"
"#;

#[test]
fn tshark_finds_simulated_captures_whole() {
    if !available("tshark_finds_simulated_captures_whole") {
        return;
    }
    let scratch = Scratch::new("oracle-captures");
    let mixed = scratch.file("mixed.toml", MIXED);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scenarios = [
        ("topologies/pause-tree.toml", &["macc.opcode"][..]),
        (
            "topologies/headroom-too-small.toml",
            &["infiniband.aeth.syndrome.error_code"],
        ),
        (
            mixed.as_str(),
            &[
                "ipv6.src",
                "vlan.id",
                "infiniband.atomiceth.swapdt",
                "infiniband.deth.srcqp",
            ],
        ),
    ];
    for (scenario, present) in scenarios {
        let path = scratch.path("out.pcapng");
        // The beginning is enough; some expectations then fail.
        let args = ["run", scenario, "--set", "until=500us", "--pcap", &path];
        let out = xoff_in(root, &args);
        let told = text(&out.stderr);
        assert_ne!(out.status.code(), Some(2), "{told}");
        let (_, line) = told.split_once("out.pcapng: ").expect("what was captured");
        let digits = line.split_once(" frames").unwrap().0;
        let frames: usize = digits.replace([',', ' '], "").parse().unwrap();
        let mut fields = vec!["_ws.malformed", "ip.checksum.status", "udp.checksum.status"];
        fields.extend(present);
        let rows = super::read(&path, &fields);
        assert_eq!(rows.len(), frames, "{scenario}");
        for (n, row) in rows.iter().enumerate() {
            let bad = row[1] == "0" || row[2] == "0";
            assert!(
                row[0].is_empty() && !bad,
                "{scenario}: frame {}: {row:?}",
                n + 1
            );
        }
        for (at, field) in fields.iter().enumerate().skip(3) {
            let any = rows.iter().any(|row| !row[at].is_empty());
            assert!(any, "{scenario}: no {field}");
        }
    }
}

//! Captures of simulated traffic: to tshark they are whole, with every checksum right.

use super::{PREFERENCES, available, tshark};
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
    if !available() {
        return;
    }
    let scratch = Scratch::new("oracle-captures");
    let mixed = scratch.file("mixed.toml", MIXED);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scenarios = [
        ("topologies/pause-tree.toml", "macc"),
        (
            "topologies/roce-without-dcb.toml",
            "infiniband.aeth.syndrome.error_code",
        ),
        (mixed.as_str(), "ipv6 && vlan && infiniband.atomiceth"),
        (mixed.as_str(), "infiniband.bth.opcode == 12"),
    ];
    for (scenario, holds) in scenarios {
        let path = scratch.path("out.pcapng");
        let args = ["run", scenario, "--pcap", &path];
        let out = xoff_in(root, &args);
        let told = text(&out.stderr);
        assert_ne!(out.status.code(), Some(2), "{told}");
        let (_, line) = told.split_once("out.pcapng: ").expect("what was captured");
        let digits = line.split_once(" frames").unwrap().0;
        let frames: usize = digits.replace([',', ' '], "").parse().unwrap();
        let wrong = "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0";
        let count = |filter: &str| {
            let mut args = vec!["-r", &path, "-T", "fields", "-e", "frame.number"];
            args.extend(PREFERENCES);
            if !filter.is_empty() {
                args.extend(["-Y", filter]);
            }
            tshark(&args).lines().count()
        };
        assert_eq!(count(""), frames, "{scenario}");
        assert_eq!(count(wrong), 0, "{scenario}");
        assert_ne!(count(holds), 0, "{scenario}: {holds}");
    }
}

//! Captures of Linux's RDMA drivers between two kernels: what is found agrees with what the wire
//! between them did, and with what the kernels counted (`traces/README.md`).

use crate::cli::{text, xoff_in};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

const CAPTURES: [&str; 9] = [
    "at_loss",
    "rc_ackloss",
    "rc_dup",
    "rc_loss",
    "rc_swap",
    "rnr",
    "rp_loss",
    "siw_loss",
    "smbd",
];

const FIGURES: [&str; 9] = [
    "data_packets",
    "retransmitted_packets",
    "duplicate_requests",
    "naks",
    "rnr_naks",
    "timeouts",
    "read_requests",
    "read_restarts",
    "messages",
];

fn row(connection: &Value, direction: &Value) -> String {
    let mut ends = [&connection["a"], &connection["b"]];
    if direction["direction"] != "a_to_b" {
        ends.reverse();
    }
    let service = connection["service"].as_str().unwrap_or("?");
    let end = |e: &Value| format!("{} {}", e["address"].as_str().unwrap_or("?"), e["qpn"]);
    let mut line = format!("  {service} {} > {}:", end(ends[0]), end(ends[1]));
    let mut figures: Vec<(&str, u64)> = FIGURES
        .iter()
        .map(|&name| (name, &direction[name]))
        .chain([("packet_seq_err", &direction["counters"]["packet_seq_err"])])
        .filter_map(|(name, value)| Some((name, value.as_u64()?)))
        .collect();
    figures.retain(|f| f.1 > 0);
    for (name, value) in figures {
        let _ = write!(line, " {name} {value}");
    }
    if let Some(recovery) = direction["recovery"].as_str() {
        let _ = write!(line, ", {recovery}");
    }
    line
}

fn table(capture: &Value) -> String {
    let mut out = String::new();
    let list = |key: &str| capture[key].as_array().cloned().unwrap_or_default();
    for connection in list("connections") {
        for direction in connection["directions"].as_array().into_iter().flatten() {
            if direction["data_packets"] != 0 {
                out += &row(&connection, direction);
                out.push('\n');
            }
        }
    }
    for finding in list("findings") {
        let part = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let _ = writeln!(
            out,
            "  {} {} {}",
            part("severity"),
            part("id"),
            finding["count"]
        );
    }
    out
}

#[test]
fn captures_of_real_stacks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut shown = String::new();
    for name in CAPTURES {
        let path = format!("traces/captures/linux_{name}.pcap.gz");
        let out = xoff_in(root, &["trace", "-q", "--format", "json", &path]);
        let json: Value = serde_json::from_str(&text(&out.stdout)).unwrap();
        let _ = write!(shown, "{name}\n{}", table(&json["captures"][0]));
    }
    insta::assert_snapshot!("real-stacks", shown);
}

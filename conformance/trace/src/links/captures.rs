//! Every value that tcpdump prints of the DCBX captures is what is decoded.

use super::*;
use pcap_file::pcap::PcapReader;
use std::fs;
use std::path::PathBuf;
use xoff_checks::dcbx::X_09;
use xoff_wire::lldp::Organizational;
use xoff_wire::qaz::Ets;

fn file(name: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    fs::read(root.join("../../traces/captures").join(name)).unwrap()
}

/// The LLDP frames of a capture by number, and what the follower makes of them.
fn decode(name: &str) -> (Vec<(u64, Repr)>, Outcome) {
    let bytes = file(&format!("{name}.pcap"));
    let mut reader = PcapReader::new(bytes.as_slice()).unwrap();
    let (mut units, mut follower) = (Vec::new(), Follower::new());
    let (mut number, mut last_ns) = (0, 0);
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        number += 1;
        last_ns = packet.timestamp().as_nanos() as u64;
        let (eth, len) = ethernet::Repr::parse(packet.data()).unwrap();
        if eth.ethertype != lldp::ETHERTYPE {
            continue;
        }
        let f = Frame {
            number,
            at_ns: last_ns,
            timed: true,
            interface: 0,
            direction: crate::capture::Direction::Unknown,
            original_len: packet.orig_len(),
            data: packet.data(),
        };
        follower.frame(&f, &eth, &packet.data()[len..]);
        units.push((number, Repr::parse(&packet.data()[len..]).unwrap().0));
    }
    (
        units,
        follower.finish(&CaptureSummary {
            last_ns: Some(last_ns),
            ..CaptureSummary::default()
        }),
    )
}

/// The numbers of a line, decimal or after 0x.
fn numbers(line: &str) -> String {
    let tokens = line.split(|c: char| !c.is_ascii_alphanumeric());
    let values = tokens.filter_map(|t| match t.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => t.parse::<u64>().ok(),
    });
    values.map(|v| format!(" {v}")).collect()
}

/// What a line of tcpdump says, in this test's words; None for lines without values.
fn told(line: &str, next: &str) -> Option<String> {
    let line = line.trim();
    let after = |prefix: &str| line.strip_prefix(prefix).map(str::trim);
    let value = |s: &str| s.split_once(": ").map(|(_, v)| v.to_owned());
    if let Some(mac) = after("Subtype MAC address (4):") {
        return Some(format!("chassis {mac}"));
    }
    for prefix in ["Subtype MAC address (3):", "Subtype Interface Name (5):"] {
        if let Some(port) = after(prefix) {
            return Some(format!("port {port}"));
        }
    }
    for (prefix, word) in [
        ("Port Description TLV", "description"),
        ("System Name TLV", "system"),
        ("vlan name:", "vlan name"),
    ] {
        if line.starts_with(prefix) {
            return Some(format!("{word} {}", value(line)?));
        }
    }
    if after("System Description TLV").is_some() {
        return Some(format!("system description {}", next.trim()));
    }
    for (prefix, word) in [
        ("Time to Live TLV (3), length 2: TTL", "ttl"),
        ("port vlan id (PVID):", "pvid"),
        ("port and protocol vlan id (PPVID):", "ppvid"),
        ("vlan id (VID):", "vid"),
        ("Value", "table"),
        ("Willing:", "flags"),
        ("Priority:", "app"),
    ] {
        if let Some(rest) = after(prefix)
            && rest.contains(|c: char| c.is_ascii_digit())
            && (word != "app" || rest.contains("Sel"))
        {
            return Some(format!("{word}{}", numbers(&rest.replace("20s", "20"))));
        }
    }
    let oui = after("Organization specific TLV")?;
    let unknown = oui.split_once("OUI Unknown (")?.1;
    let bytes: String = next.trim().strip_prefix("0x0000:")?.split(' ').collect();
    Some(format!("other {} {bytes}", unknown.trim_end_matches(')')))
}

/// What tcpdump printed, by frame number.
fn printed(name: &str) -> Vec<(u64, Vec<String>)> {
    let text = String::from_utf8(file(&format!("{name}.out"))).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut frames = Vec::new();
    let mut inside = false;
    for (i, line) in lines.iter().enumerate() {
        let mut words = line.split_whitespace();
        let number = words.next().and_then(|n| n.parse().ok());
        if let (Some(number), true) = (number, words.next().is_some_and(|w| w.starts_with("20"))) {
            inside = line.contains(" LLDP, ");
            if inside {
                frames.push((number, Vec::new()));
            }
        } else if let (true, Some((_, said))) = (inside, frames.last_mut()) {
            said.extend(told(line, lines.get(i + 1).copied().unwrap_or_default()));
        }
    }
    frames
}

fn list(values: impl IntoIterator<Item = u8>) -> String {
    let values = values.into_iter();
    let words: String = values.map(|v| format!(" {v}")).collect();
    format!("table{words}")
}

fn tables(ets: &Ets) -> [String; 3] {
    [list(ets.priority), list(ets.bandwidth), list(ets.tsa)]
}

/// What was decoded, in the same words.
fn decoded(unit: &Repr) -> Vec<String> {
    let mut said = vec![
        format!("chassis {}", unit.chassis),
        format!("port {}", unit.port),
        format!("ttl {}", unit.ttl),
    ];
    for (word, text) in [
        ("description", &unit.port_description),
        ("system", &unit.system_name),
        ("system description", &unit.system_description),
    ] {
        said.extend(text.as_ref().map(|t| format!("{word} {t}")));
    }
    for tlv in &unit.organizational {
        match tlv {
            Organizational::PortVlan(vid) => said.push(format!("pvid {vid}")),
            Organizational::ProtocolVlan { flags, vid } => {
                said.push(format!("ppvid {vid} {flags}"));
            }
            Organizational::VlanName { vid, name } => {
                said.extend([format!("vid {vid}"), format!("vlan name {name}")]);
            }
            Organizational::EtsConfiguration(e) => {
                let (w, c) = (u8::from(e.willing), u8::from(e.cbs));
                said.push(format!("flags {w} {c} 0 {}", e.max_tcs));
                said.extend(tables(e));
            }
            Organizational::EtsRecommendation(e) => said.extend(tables(e)),
            Organizational::Pfc(p) => {
                let (w, m) = (u8::from(p.willing), u8::from(p.mbc));
                said.push(format!("flags {w} {m} 0 {}", p.capability));
                said.push(list((0..8).map(|i| p.enabled >> i & 1)));
            }
            Organizational::App(apps) => said.extend(
                apps.iter()
                    .map(|a| format!("app {} 0 {} {}", a.priority, a.selector, a.protocol)),
            ),
            Organizational::Other {
                oui: [a, b, c],
                subtype,
                value,
            } => {
                let hex: String = value.iter().map(|v| format!("{v:02x}")).collect();
                said.push(format!(
                    "other 0x{a:02x}{b:02x}{c:02x} {a:02x}{b:02x}{c:02x}{subtype:02x}{hex}"
                ));
            }
            Organizational::ProtocolIdentity(_) => {}
            other => panic!("tcpdump prints no {}", other.name()),
        }
    }
    said
}

#[test]
fn values_are_those_that_tcpdump_prints() {
    for (name, frames, values) in [
        ("dcb_pfc", 4, 9 * 4),
        ("dcb_ets", 31, 14 * 31),
        ("lldp-app-priority", 1, 13),
    ] {
        let printed = printed(name);
        let (units, _) = decode(name);
        let decoded: Vec<_> = units.iter().map(|(n, unit)| (*n, decoded(unit))).collect();
        assert_eq!(decoded, printed, "{name}");
        assert_eq!(printed.len(), frames, "{name}");
        let count: usize = printed.iter().map(|(_, said)| said.len()).sum();
        assert_eq!(count, values, "{name}");
    }
}

#[test]
fn what_is_wrong_with_the_captures_is_found() {
    let causes = |name| -> Vec<String> {
        let (_, outcome) = decode(name);
        let found = outcome.findings.into_iter().filter(|f| f.check != &X_09);
        found
            .map(|f| format!("{} {} x{}", f.check.id, f.cause, f.count))
            .collect()
    };
    insta::assert_debug_snapshot!(causes("dcb_ets"));
    insta::assert_debug_snapshot!(causes("dcb_pfc"));
    insta::assert_debug_snapshot!(causes("lldp-app-priority"));
}

#[test]
fn written_units_are_the_captured_ones() {
    for name in ["dcb_pfc", "lldp-app-priority", "dcb_ets"] {
        let bytes = file(&format!("{name}.pcap"));
        let mut reader = PcapReader::new(bytes.as_slice()).unwrap();
        while let Some(packet) = reader.next_packet() {
            let packet = packet.unwrap();
            let (eth, len) = ethernet::Repr::parse(packet.data()).unwrap();
            if eth.ethertype == lldp::ETHERTYPE {
                let tlvs = &packet.data()[len..];
                let written = Repr::parse(tlvs).unwrap().0.to_bytes();
                assert_eq!(written, tlvs[..written.len()], "{name}");
            }
        }
    }
}

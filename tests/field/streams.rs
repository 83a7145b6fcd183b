//! iWARP with markers that are not as the rule says, SMB that is refused, LLDP of a plain switch.

use super::frames::{File, address};
use super::{Traced, trace};
use xoff_wire::ddp;
use xoff_wire::lldp::{Id, Organizational, Repr};
use xoff_wire::mpa::{Framer, MarkerRule, Pointer, Startup};
use xoff_wire::rdmap::{self, Control, Opcode};
use xoff_wire::smb2::{self, Command, Framing, Header};
use xoff_wire::{Mac, ethernet};

/// Both directions of a TCP connection of 10.0.0.1:40000 with 10.0.0.2.
struct Tcp {
    file: File,
    seq: [u32; 2],
    ports: [u16; 2],
}

impl Tcp {
    fn new(port: u16) -> Tcp {
        let mut tcp = Tcp {
            file: File::new(),
            seq: [1_000, 9_000],
            ports: [40_000, port],
        };
        tcp.segment(0, &[], 0x02);
        tcp.segment(1, &[], 0x12);
        tcp
    }

    fn send(&mut self, from: usize, payload: &[u8]) {
        self.segment(from, payload, 0x18);
    }

    fn segment(&mut self, from: usize, payload: &[u8], flags: u8) {
        let to = 1 - from;
        let mac = |end: usize| Mac([2, 0, 0, 0, 0, end as u8 + 1]);
        let mut frame = vec![0; 14];
        ethernet::Repr {
            dst: mac(to),
            src: mac(from),
            ethertype: 0x0800,
            ..ethernet::Repr::default()
        }
        .emit(&mut frame);
        let total = 40 + payload.len() as u16;
        let mut ip = [
            0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        ip[2..4].copy_from_slice(&total.to_be_bytes());
        for (at, end) in [(12, from), (16, to)] {
            let std::net::IpAddr::V4(v4) = address(end as u8 + 1) else {
                unreachable!()
            };
            ip[at..at + 4].copy_from_slice(&v4.octets());
        }
        frame.extend(ip);
        frame.extend(self.ports[from].to_be_bytes());
        frame.extend(self.ports[to].to_be_bytes());
        frame.extend(self.seq[from].to_be_bytes());
        frame.extend(self.seq[to].to_be_bytes());
        frame.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        frame.extend(payload);
        self.file.frame(10_000, &frame);
        let syn = u32::from(flags & 2 != 0);
        self.seq[from] = self.seq[from].wrapping_add(payload.len() as u32 + syn);
    }

    /// MPA's request and reply; the responder sends markers if the initiator asks for them.
    fn start(&mut self, markers: bool, crc: bool) {
        for (from, reply) in [(0, false), (1, true)] {
            let startup = Startup {
                reply,
                markers: markers && !reply,
                crc,
                revision: 1,
                ..Startup::default()
            };
            let mut octets = vec![0; startup.buffer_len()];
            startup.emit(&mut octets);
            self.send(from, &octets);
        }
    }
}

/// A tagged segment whose payload is nothing that could be a marker.
fn write(len: usize) -> Vec<u8> {
    let control = Control {
        version: rdmap::VERSION,
        reserved: 0,
        opcode: Opcode::Write,
        invalidate: None,
    };
    let header = ddp::Repr {
        last: true,
        reserved: 0,
        version: ddp::VERSION,
        kind: ddp::Kind::Tagged {
            ulp: control.octet(),
            stag: 9,
            offset: 0,
        },
    };
    let mut ulpdu = vec![0; header.buffer_len()];
    header.emit(&mut ulpdu);
    ulpdu.extend((0..len).map(|i| 0xc0 | (i * 7 % 61) as u8));
    ulpdu
}

/// Twenty Writes of the responder, `spoil` applied to the stream.
fn writes(name: &str, framer: Framer, crc: bool, spoil: fn(&mut Vec<u8>)) -> Traced {
    let mut tcp = Tcp::new(4210);
    tcp.start(true, crc);
    let mut framer = framer;
    let mut stream = Vec::new();
    let mut ends = Vec::new();
    for n in 0..20 {
        framer.emit(&write(900 + 37 * n), &mut stream);
        ends.push(stream.len());
    }
    spoil(&mut stream);
    let mut from = 0;
    for end in ends {
        tcp.send(1, &stream[from..end]);
        from = end;
    }
    trace(name, &tcp.file)
}

#[test]
fn markers_by_a_rule_of_the_senders_own_are_followed() {
    for crc_counts in [true, false] {
        for (kind, pointer) in [
            ("le", Pointer::Little),
            ("zero", Pointer::Zero),
            ("be", Pointer::Big),
        ] {
            let rule = MarkerRule {
                crc_counts,
                pointer,
            };
            let name = format!("markers-{kind}-{crc_counts}");
            let t = writes(&name, Framer::with_rule(false, rule), false, |_| ());
            let d = &t.json["iwarp"][0]["from_responder"];
            assert_eq!(
                (&d["fpdus"], &d["bad_headers"]),
                (&20.into(), &0.into()),
                "{name}"
            );
            assert_eq!(d["operations"][0]["messages"], 20, "{name}");
            let bytes: usize = (0..20).map(|n| 900 + 37 * n).sum();
            assert_eq!(d["operations"][0]["bytes"], bytes as u64, "{name}");
            assert_eq!(d["followed_to_frame"], serde_json::Value::Null, "{name}");
            t.says("20 RDMA Write");
            let odd = rule != MarkerRule::default();
            assert_eq!(t.findings("W-24").len(), usize::from(odd), "{name}");
            let place = "the octets of CRCs are not counted between markers";
            assert_eq!(t.shown.contains(place), !crc_counts, "{name}");
        }
    }
}

#[test]
fn markers_that_nothing_explains_end_the_counts() {
    // No marker points anywhere, and nothing proves where FPDUs begin.
    let spoil = |stream: &mut Vec<u8>| {
        for at in (512..stream.len() - 4).step_by(512) {
            stream[at..at + 4].copy_from_slice(&[0xee, 0xee, 0xbe, 0xef]);
        }
    };
    let t = writes("markers-noise", Framer::new(true, false), false, spoil);
    let d = &t.json["iwarp"][0]["from_responder"];
    assert_eq!((&d["fpdus"], &d["bad_headers"]), (&0.into(), &0.into()));
    assert!(d["followed_to_frame"].is_u64(), "{d}");
    t.says("partial: 10.0.0.2:4210 to 10.0.0.1:40000: counted up to frame");
    let found = t.findings("W-24");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["verdict"], "inconclusive");
}

#[test]
fn a_crc_proves_where_fpdus_begin_whatever_markers_say() {
    let mut tcp = Tcp::new(4210);
    tcp.start(true, true);
    let mut framer = Framer::with_rule(
        true,
        MarkerRule {
            crc_counts: true,
            pointer: Pointer::Little,
        },
    );
    for n in 0..20 {
        let mut octets = Vec::new();
        framer.emit(&write(900 + 37 * n), &mut octets);
        tcp.send(1, &octets);
    }
    let t = trace("markers-crc", &tcp.file);
    let d = &t.json["iwarp"][0]["from_responder"];
    assert_eq!(
        (&d["fpdus"], &d["bad_crc"], &d["bad_headers"]),
        (&20.into(), &0.into(), &0.into())
    );
    assert!(d["bad_markers"].as_u64().unwrap() > 20, "{d}");
}

#[test]
fn payload_is_not_reported_as_headers() {
    // Without markers and CRC, a length that is too small: the next header is in the payload.
    let mut tcp = Tcp::new(4210);
    tcp.start(false, false);
    let mut framer = Framer::new(false, false);
    for n in 0..20 {
        let mut octets = Vec::new();
        framer.emit(&write(900), &mut octets);
        if n == 5 {
            octets[0..2].copy_from_slice(&300u16.to_be_bytes());
        }
        tcp.send(1, &octets);
    }
    let t = trace("false-length", &tcp.file);
    let d = &t.json["iwarp"][0]["from_responder"];
    assert_eq!(
        (&d["fpdus"], &d["bad_headers"]),
        (&20.into(), &0.into()),
        "{d}"
    );
    assert_eq!(d["operations"].as_array().unwrap().len(), 1, "{d}");
}

#[test]
fn refused_sessions_are_found() {
    for (status, words) in [
        (0xc000_0022u32, "STATUS_ACCESS_DENIED (0xc0000022)"),
        (0xc000_006d, "STATUS_LOGON_FAILURE (0xc000006d)"),
        (0xc000_0499, "0xc0000499"),
    ] {
        let mut tcp = Tcp::new(445);
        let mut message = |from: usize, header: Header, body: &[u8]| {
            let mut octets = vec![0; 4 + smb2::HEADER_LEN];
            Framing {
                kind: 0,
                len: (smb2::HEADER_LEN + body.len()) as u32,
            }
            .emit(&mut octets);
            header.emit(&mut octets[4..]);
            octets.extend(body);
            tcp.send(from, &octets);
        };
        let header = |flags, status| Header {
            command: Command::SESSION_SETUP,
            message_id: 3,
            flags,
            status,
            ..Header::default()
        };
        let mut body = vec![0; 24];
        smb2::SessionSetupRequest::default().emit(&mut body);
        message(0, header(0, 0), &body);
        message(
            1,
            header(smb2::FLAG_RESPONSE, status),
            &[9, 0, 0, 0, 0, 0, 0, 0, 0],
        );
        let t = trace(&format!("refused-{status:x}"), &tcp.file);
        let found = t.findings("S-07");
        assert_eq!(found.len(), 1, "{words}");
        assert!(
            found[0]["cause"].as_str().unwrap().contains(words),
            "{found:?}"
        );
        assert_eq!(
            (&found[0]["verdict"], &found[0]["frames"][0]),
            (&"warning".into(), &4.into())
        );
        assert_eq!(t.json["smb"]["refused"][0]["status"], status);
    }
}

fn lldp(name: &str, capabilities: Option<(u16, u16)>, tlvs: Vec<Organizational>) -> Traced {
    let unit = Repr {
        chassis: Id::interface("leaf"),
        port: Id::interface("p1"),
        ttl: 120,
        capabilities,
        organizational: tlvs,
        ..Repr::default()
    };
    let mut file = File::new();
    file.frame(0, &unit.frame(Mac([2, 0, 0, 0, 0, 7])));
    trace(name, &file)
}

#[test]
fn what_a_switch_says_besides_dcbx_is_shown() {
    let tlvs = vec![
        Organizational::PortVlan(10),
        Organizational::VlanName {
            vid: 20,
            name: "storage".to_owned(),
        },
        Organizational::MaxFrame(9_216),
        Organizational::Aggregation {
            old: true,
            status: 3,
            port: 5,
        },
    ];
    let t = lldp("plain-switch", Some((4, 4)), tlvs);
    t.says("VLAN port VLAN 10, 20 is called storage");
    t.says("max frame 9216 bytes");
    t.says("aggregation in use, as port 5");
    let end = &t.json["links"][0]["ends"][0];
    assert_eq!(
        (&end["port_vlan"], &end["max_frame_bytes"]),
        (&10.into(), &9_216.into())
    );
    let found = t.findings("X-09");
    assert_eq!(found.len(), 1);
    let cause = found[0]["cause"].as_str().unwrap();
    assert!(
        cause.starts_with("a switch that sends no DCBX at all: "),
        "{cause}"
    );
    assert!(
        cause.contains("(ETS recommendation, ETS configuration, PFC)"),
        "{cause}"
    );
    // A station that is no switch, and one that does not say, are not asked.
    for (name, capabilities) in [("host", Some((0x80, 0x80))), ("silent", None)] {
        assert!(
            lldp(name, capabilities, Vec::new())
                .findings("X-09")
                .is_empty(),
            "{name}"
        );
    }
}

#[test]
fn a_repeated_tlv_is_cured_at_the_agent() {
    let t = lldp(
        "repeated",
        Some((4, 4)),
        vec![
            Organizational::MaxFrame(9_216),
            Organizational::MaxFrame(1_522),
        ],
    );
    let found = t.findings("X-02");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0]["cause"]
            .as_str()
            .unwrap()
            .contains("of which the first counts")
    );
    assert!(
        found[0]["cure"]
            .as_str()
            .unwrap()
            .starts_with("Have it sent once")
    );
}

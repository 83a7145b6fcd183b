//! SMB sessions and iWARP connections, for people and for programs.

use super::super::plural;
use super::super::table::{Align, Table};
use crate::report::text::{NOTHING, paragraph};
use serde_json::{Value, json};
use std::net::SocketAddr;
use xoff_model::units::{BitRate, Bytes};
use xoff_scenario::metrics::value::grouped;
use xoff_trace::iwarp::{IwarpConnection, IwarpDirection};
use xoff_trace::smb::{
    Carrier, Channel, DirectConnection, DirectDirection, Rdma, RefusedSetup, SmbReport, SmbSession,
    status_words,
};

/// Sessions, channels or connections listed at most.
const LISTED: usize = 20;

pub(super) fn text(report: &SmbReport) -> String {
    let mut out = String::new();
    if report.messages > 0 {
        out += "\nSMB\n";
        out += &paragraph(2, "", &totals(report));
        for session in report.sessions.iter().take(LISTED) {
            out += &one_session(session);
        }
        out += &more(report.sessions.len(), "session");
    }
    if !report.direct.is_empty() {
        out += "\nSMB Direct\n";
        for direct in report.direct.iter().take(LISTED) {
            out += &one_direct(direct);
        }
        out += &more(report.direct.len(), "connection");
    }
    out
}

fn more(count: usize, what: &str) -> String {
    match count.saturating_sub(LISTED) {
        0 => String::new(),
        n => format!("  and {} more\n", plural(n as u64, what)),
    }
}

fn totals(r: &SmbReport) -> String {
    let mut text = format!(
        "{}, {}, {}, {} ({} accepted, {} refused)",
        plural(r.tcp_connections, "TCP connection"),
        plural(r.messages, "message"),
        plural(r.sessions.len() as u64, "session"),
        plural(r.binding_requests, "session-binding request"),
        r.bindings,
        r.failed_bindings,
    );
    for (count, what) in [
        (r.encrypted_messages, "encrypted message"),
        (r.compressed_messages, "compressed message"),
        (r.failed_setups, "refused session"),
    ] {
        if count > 0 {
            text += &format!(", {}", plural(count, what));
        }
    }
    text
}

fn one_session(s: &SmbSession) -> String {
    let dialect = s.dialect.map_or("unknown dialect".to_owned(), dialect_name);
    let said = |side: Option<bool>| match side {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not seen",
    };
    let text = format!(
        "session {:#x}: {} to {}, {dialect}, multichannel: client {}, server {}{}",
        s.id,
        s.client,
        s.server,
        said(s.multichannel[0]),
        said(s.multichannel[1]),
        if s.encrypted { ", encrypted" } else { "" },
    );
    let mut out = paragraph(2, "", &text);
    for channel in s.channels.iter().take(LISTED) {
        out += &paragraph(4, "channel    ", &one_channel(channel));
    }
    for offered in s.interfaces.iter().take(LISTED) {
        let info = &offered.info;
        let address = info.address.map_or(NOTHING.to_owned(), |a| a.to_string());
        let mut text = format!("{address}, {}", BitRate::from_bps(info.link_speed));
        if info.rss {
            text += ", RSS";
        }
        if info.rdma {
            text += ", RDMA";
        }
        text += &match offered.channels {
            0 => ", not used".to_owned(),
            n => format!(", {}", plural(n, "channel")),
        };
        out += &paragraph(4, "offers     ", &text);
    }
    out
}

fn dialect_name(dialect: u16) -> String {
    let [major, minor] = dialect.to_be_bytes();
    let (minor, patch) = (minor >> 4, minor & 15);
    match patch {
        0 => format!("SMB {major}.{minor}"),
        _ => format!("SMB {major}.{minor}.{patch}"),
    }
}

fn carrier_name(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Tcp => "TCP",
        Carrier::Direct(rdma) => rdma_name(rdma),
    }
}

fn rdma_name(rdma: Rdma) -> &'static str {
    match rdma {
        Rdma::Roce => "RoCE",
        Rdma::Iwarp => "iWARP",
    }
}

fn one_channel(c: &Channel) -> String {
    let kind = if c.binding { "bound" } else { "first" };
    let mut text = format!(
        "{} {} to {}, {kind}, from frame {}",
        carrier_name(c.carrier),
        end(c.client),
        end(c.server),
        c.first_frame
    );
    if let Some(status) = c.status.filter(|status| *status != 0) {
        text += &format!(", refused with status {}", status_words(status));
    }
    if c.reset.is_some() {
        text += ", reset";
    }
    text
}

/// An end of a channel: RoCE has no ports.
fn end(end: SocketAddr) -> String {
    match end.port() {
        0 => end.ip().to_string(),
        _ => end.to_string(),
    }
}

fn one_direct(d: &DirectConnection) -> String {
    let mut text = format!(
        "{} to {} over {}, asks for {} credits, messages up to {}",
        d.client,
        d.server,
        rdma_name(d.key.rdma),
        d.request.credits_requested,
        Bytes(u64::from(d.request.max_receive_size)),
    );
    text += &match &d.response {
        None => "; no answer seen".to_owned(),
        Some(r) => format!(
            "; granted {}, reads and writes up to {}",
            r.credits_granted,
            Bytes(u64::from(r.max_read_write_size))
        ),
    };
    let mut out = paragraph(2, "", &text);
    for (label, side) in ["client     ", "server     "]
        .into_iter()
        .zip(&d.directions)
    {
        let least = side
            .least_credits
            .map_or(String::new(), |n| format!(", at least {n} left"));
        let text = format!(
            "{}, {}, credits granted {}, used {}{least}",
            plural(side.messages, "message"),
            Bytes(side.data_bytes),
            grouped(side.granted),
            grouped(side.used),
        );
        out += &paragraph(4, label, &text);
    }
    out
}

/// iWARP connections, those with most payload first.
pub(super) fn iwarp(connections: &[IwarpConnection]) -> String {
    if connections.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[
        ("initiator", Align::Left),
        ("responder", Align::Left),
        ("CRC", Align::Left),
        ("markers", Align::Left),
        ("FPDUs", Align::Right),
        ("payload", Align::Right),
        ("bad CRC", Align::Right),
        ("TCP resent", Align::Right),
        ("messages", Align::Left),
        ("end", Align::Left),
    ]);
    let mut partly = String::new();
    let mut rows: Vec<&IwarpConnection> = connections.iter().collect();
    rows.sort_by_key(|c| std::cmp::Reverse(sum(c, payload)));
    for c in rows.into_iter().take(LISTED) {
        let markers = match c.markers {
            [false, false] => "no",
            [true, true] => "yes",
            _ => "one way",
        };
        let end = match (c.rejected, &c.terminate, c.reset) {
            (true, _, _) => "rejected",
            (_, Some(_), _) => "terminate",
            (_, _, true) => "reset",
            _ => "",
        };
        table.row([
            c.initiator.to_string(),
            c.responder.to_string(),
            if c.crc { "yes" } else { "no" }.to_owned(),
            markers.to_owned(),
            grouped(sum(c, |d| d.fpdus)),
            Bytes(sum(c, payload)).to_string(),
            grouped(sum(c, |d| d.bad_crc)),
            grouped(sum(c, |d| d.tcp.retransmitted)),
            operations(c),
            end.to_owned(),
        ]);
        partly += &followed(c);
    }
    let rest = more(connections.len(), "connection");
    format!("\niWARP connections\n{}{rest}{partly}", table.render(2))
}

/// How many messages of which kind, both ways together.
fn operations(c: &IwarpConnection) -> String {
    let mut counts: Vec<(String, u64)> = Vec::new();
    for o in c.directions.iter().flat_map(|d| &d.operations) {
        let name = o.opcode.to_string();
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, n)) => *n = n.saturating_add(o.messages),
            None => counts.push((name, o.messages)),
        }
    }
    let list: Vec<String> = counts
        .iter()
        .map(|(name, n)| format!("{} {name}", grouped(*n)))
        .collect();
    list.join(", ")
}

/// Directions whose counts end before the capture does.
fn followed(c: &IwarpConnection) -> String {
    let ends = [c.initiator, c.responder];
    let mut out = String::new();
    for (side, d) in c.directions.iter().enumerate() {
        if let Some(frame) = d.followed_to {
            let text = format!(
                "{} to {}: counted up to frame {frame} only, as FPDUs cannot be told behind it",
                ends[side],
                ends[1 - side]
            );
            out += &paragraph(2, "partial: ", &text);
        }
    }
    out
}

fn payload(d: &IwarpDirection) -> u64 {
    d.operations
        .iter()
        .fold(0, |n, o| n.saturating_add(o.bytes))
}

fn sum(c: &IwarpConnection, of: impl Fn(&IwarpDirection) -> u64) -> u64 {
    c.directions.iter().map(of).fold(0, u64::saturating_add)
}

pub(super) fn json(r: &SmbReport) -> Value {
    json!({
        "tcp_connections": r.tcp_connections,
        "messages": r.messages,
        "encrypted_messages": r.encrypted_messages,
        "compressed_messages": r.compressed_messages,
        "session_binding_requests": r.binding_requests,
        "bindings_accepted": r.bindings,
        "bindings_refused": r.failed_bindings,
        "sessions_refused": r.failed_setups,
        "refused": r.refused.iter().map(refused_json).collect::<Vec<_>>(),
        "lost_sync": r.lost_sync,
        "sessions": r.sessions.iter().map(session_json).collect::<Vec<_>>(),
        "smb_direct": r.direct.iter().map(direct_json).collect::<Vec<_>>(),
    })
}

fn refused_json(r: &RefusedSetup) -> Value {
    json!({
        "client": r.client.to_string(),
        "server": r.server.to_string(),
        "status": r.status,
        "count": r.count,
        "frames": r.frames,
    })
}

fn session_json(s: &SmbSession) -> Value {
    let channels: Vec<Value> = s
        .channels
        .iter()
        .map(|c| {
            json!({
                           "carrier": carrier_name(c.carrier),
            "client": end(c.client),
                           "server": end(c.server),
                           "first_frame": c.first_frame,
                           "binding": c.binding,
                           "binding_requests": c.binding_requests,
                           "status": c.status,
                           "reset": c.reset.is_some(),
                       })
        })
        .collect();
    let interfaces: Vec<Value> = s
        .interfaces
        .iter()
        .map(|i| {
            json!({
                "if_index": i.info.if_index,
                "address": i.info.address.map(|a| a.to_string()),
                "speed_bps": i.info.link_speed,
                "rss": i.info.rss,
                "rdma": i.info.rdma,
                "channels": i.channels,
            })
        })
        .collect();
    json!({
        "id": format!("{:#x}", s.id),
        "client": s.client.to_string(),
        "server": s.server.to_string(),
        "dialect": s.dialect.map(|d| format!("{d:#06x}")),
        "first_frame": s.first_frame,
        "from_start": s.from_start,
        "multichannel": { "client": s.multichannel[0], "server": s.multichannel[1] },
        "encrypted": s.encrypted,
        "interfaces_queried": s.queried,
        "interfaces": interfaces,
        "channels": channels,
        "tcp_bytes_after_query": s.tcp_bytes_after_query,
        "incomplete": s.incomplete,
    })
}

fn direct_json(d: &DirectConnection) -> Value {
    let side = |s: &DirectDirection| {
        json!({
            "messages": s.messages,
            "empty_messages": s.empty,
            "data_bytes": s.data_bytes,
            "fragmented_messages": s.fragmented,
            "keepalives": s.keepalives,
            "credits_granted": s.granted,
            "credits_used": s.used,
            "credits_least": s.least_credits,
            "longest_bytes": s.longest,
        })
    };
    json!({
        "client": d.client.to_string(),
        "server": d.server.to_string(),
        "carrier": rdma_name(d.key.rdma),
        "first_frame": d.first_frame,
        "credits_requested": d.request.credits_requested,
        "max_receive_bytes": d.request.max_receive_size,
        "credits_granted": d.response.as_ref().map(|r| r.credits_granted),
        "max_read_write_bytes": d.response.as_ref().map(|r| r.max_read_write_size),
        "from_client": side(&d.directions[0]),
        "from_server": side(&d.directions[1]),
        "rules_broken": d.broken.iter().fold(0, |n: u64, b| n.saturating_add(b.count)),
        "incomplete": d.incomplete,
    })
}

pub(super) fn iwarp_json(c: &IwarpConnection) -> Value {
    let side = |d: &IwarpDirection| {
        let operations: Vec<Value> = d
            .operations
            .iter()
            .map(|o| {
                json!({
                    "opcode": o.opcode.to_string(),
                    "segments": o.segments,
                    "messages": o.messages,
                    "bytes": o.bytes,
                })
            })
            .collect();
        json!({
            "fpdus": d.fpdus,
            "operations": operations,
            "bad_crc": d.bad_crc,
            "unverified_crc": d.unverified_crc,
            "bad_markers": d.bad_markers,
            "followed_to_frame": d.followed_to,
            "bad_headers": d.bad_headers,
            "tcp_segments": d.tcp.segments,
            "tcp_retransmitted_segments": d.tcp.retransmitted,
        })
    };
    let terminate = c.terminate.as_ref().map(|(by, t, frame)| {
        json!({
            "by": if *by == 0 { "initiator" } else { "responder" },
            "layer": t.layer,
            "type": t.error_type,
            "code": t.error_code,
            "frame": frame,
        })
    });
    json!({
        "initiator": c.initiator.to_string(),
        "responder": c.responder.to_string(),
        "first_frame": c.first_frame,
        "first_ns": c.first_ns,
        "last_ns": c.last_ns,
        "mpa_revision": c.revision,
        "crc": c.crc,
        "markers": c.markers,
        "rejected": c.rejected,
        "established": c.established,
        "private_data_bytes": c.private_data,
        "from_initiator": side(&c.directions[0]),
        "from_responder": side(&c.directions[1]),
        "terminate": terminate,
        "reset": c.reset,
        "smb_direct": c.smb_direct,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};
    use xoff_trace::smb::OfferedInterface;
    use xoff_wire::smb2::InterfaceInfo;

    #[test]
    fn dialects_have_their_names() {
        assert_eq!(dialect_name(0x0202), "SMB 2.0.2");
        assert_eq!(dialect_name(0x0300), "SMB 3.0");
        assert_eq!(dialect_name(0x0311), "SMB 3.1.1");
    }

    #[test]
    fn only_ends_with_ports_show_one() {
        let at = |port| SocketAddr::from(([10, 0, 0, 1], port));
        assert_eq!([end(at(0)), end(at(445))], ["10.0.0.1", "10.0.0.1:445"]);
    }

    #[test]
    fn sessions_and_connections() {
        let address = |n| IpAddr::V4(Ipv4Addr::new(10, 0, 0, n));
        let session = SmbSession {
            id: 0x11,
            client: address(1),
            server: address(2),
            server_guid: None,
            dialect: Some(0x0302),
            first_frame: 3,
            from_start: true,
            multichannel: [Some(true), None],
            encrypted: true,
            queried: true,
            interfaces: vec![OfferedInterface {
                info: InterfaceInfo {
                    if_index: 4,
                    rss: true,
                    rdma: true,
                    link_speed: 1_000_000_000,
                    address: Some(address(2)),
                },
                channels: 0,
            }],
            channels: Vec::new(),
            tcp_bytes_after_query: 0,
            incomplete: false,
        };
        let report = SmbReport {
            tcp_connections: 4,
            messages: 9,
            binding_requests: 6,
            bindings: 3,
            sessions: vec![session; 21],
            ..SmbReport::default()
        };
        let shown = text(&report);
        assert!(
            shown.contains("10.0.0.2, 1Gbps, RSS, RDMA, not used"),
            "{shown}"
        );
        assert!(
            shown.contains("6 session-binding requests (3 accepted, 0 refused)"),
            "{shown}"
        );
        assert!(shown.ends_with("  and 1 session more\n"), "{shown}");
        assert_eq!(
            json(&report)["sessions"][0]["interfaces"][0]["speed_bps"],
            1_000_000_000
        );
        let ends = [1, 2].map(|n| SocketAddr::new(address(n), 5_445));
        let connection = IwarpConnection {
            initiator: ends[0],
            responder: ends[1],
            first_frame: 1,
            first_ns: 0,
            last_ns: 0,
            revision: 1,
            crc: true,
            markers: [true, false],
            rejected: false,
            established: true,
            private_data: [0; 2],
            read_depths: [None; 2],
            directions: Default::default(),
            terminate: None,
            reset: true,
            smb_direct: false,
        };
        let shown = iwarp(std::slice::from_ref(&connection));
        assert!(
            shown.contains("10.0.0.1:5445  10.0.0.2:5445  yes  one way"),
            "{shown}"
        );
        assert_eq!(iwarp_json(&connection)["crc"], true);
    }
}

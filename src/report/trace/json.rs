//! What captures show, for programs. Keys are stable and carry their unit; times are nanoseconds,
//! absolute ones as in the capture.

use super::super::{VERSION, replay};
use super::{
    Failure, Traced, cause_name, operation_name, ranked, recovery_name, service_name, verdict,
};
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use xoff_checks::finding::Finding;
use xoff_model::dcbx::{Dialect, Operational};
use xoff_trace::capture::{Direction, LinkType};
use xoff_trace::class::PauseClass;
use xoff_trace::report::{
    CaptureSummary, Connection, DirectionReport, Endpoint, Link, LinkEnd, Marking, PausePort,
    Service, Vantage,
};
use xoff_wire::{cee, qaz};

/// Version of the layout: raised when a key changes its meaning or goes away.
const LAYOUT: u32 = 2;

pub(crate) fn write(
    out: &mut dyn Write,
    traced: &[Traced],
    failures: &[Failure],
) -> io::Result<()> {
    let unreadable: Vec<Value> = failures
        .iter()
        .map(|(file, error)| json!({ "file": file, "error": error }))
        .collect();
    let document = json!({
        "xoff": VERSION,
        "layout": LAYOUT,
        "captures": traced.iter().map(one).collect::<Vec<_>>(),
        "unreadable": unreadable,
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn list<T>(items: &[T], of: impl Fn(&T) -> Value) -> Value {
    Value::Array(items.iter().map(of).collect())
}

fn one(traced: &Traced) -> Value {
    let report = &traced.report;
    let mut value = json!({
        "file": traced.name,
        "capture": capture(&report.capture),
        "connections": list(&report.connections, connection),
        "pauses": list(&report.pauses, pause),
        "links": list(&report.links, link),
        "smb": super::smb::json(&report.smb),
        "iwarp": list(&report.iwarp, super::smb::iwarp_json),
        "replay": traced.replayed.as_ref().map(replay::json),
        "findings": ranked(&report.findings).into_iter().map(finding).collect::<Vec<_>>(),
    });
    if report.capture.timeless() {
        without_times(&mut value);
    }
    value
}

/// What would be counted from times that the capture does not have is not known.
fn without_times(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match key.ends_with("_ns") {
                    true => *value = Value::Null,
                    false => without_times(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        _ => {}
    }
}

fn finding(f: &Finding) -> Value {
    json!({
        "id": f.check.id,
        "verdict": verdict(f),
        "severity": f.severity,
        "inconclusive": f.inconclusive,
        "subject": f.subject,
        "cause": f.cause,
        "cure": f.cure,
        "count": f.count,
        "frames": f.frames(),
    })
}

fn capture(c: &CaptureSummary) -> Value {
    let interfaces: Vec<Value> = c
        .interfaces
        .iter()
        .map(|(interface, stats, frames)| {
            json!({
                "name": interface.name,
                "description": interface.description,
                "speed_bps": interface.speed,
                "link_type": link_type(interface.link_type),
                "snaplen_bytes": interface.snaplen,
                "mac": interface.mac.map(|m| m.to_string()),
                "frames": frames,
                "start_ns": stats.start_ns,
                "end_ns": stats.end_ns,
                "received_frames": stats.received,
                "dropped_frames": stats.dropped,
            })
        })
        .collect();
    json!({
        "frames": c.frames,
        "captured_bytes": c.bytes,
        "first_ns": c.first_ns,
        "last_ns": c.last_ns,
        "untimed_frames": c.untimed_frames,
        "backwards_frames": c.backwards.frames,
        "backwards_most_ns": c.backwards.most_ns,
        "cut_frames": c.cut_frames,
        "malformed_frames": c.malformed,
        "malformed_roce_frames": c.malformed_roce,
        "unread_frames": c.unread_frames,
        "malformed_examples": list(&c.malformed_examples, |(frame, why)| {
            json!({ "frame": frame, "error": why })
        }),
        "interfaces": interfaces,
        "protocols": list(&c.protocols, |(name, frames)| {
            json!({ "name": name, "frames": frames })
        }),
        "partial": c.partial.as_ref().map(|why| format!("PARTIAL: {why}")),
    })
}

fn link_type(kind: LinkType) -> String {
    match kind {
        LinkType::Ethernet => "ethernet".to_owned(),
        LinkType::RawIp => "raw-ip".to_owned(),
        LinkType::LinuxSll => "linux-sll".to_owned(),
        LinkType::LinuxSll2 => "linux-sll2".to_owned(),
        LinkType::Other(n) => format!("linktype-{n}"),
    }
}

fn endpoint(e: &Endpoint) -> Value {
    json!({
        "address": e.address.to_string(),
        "qpn": Some(e.qpn).filter(|qpn| *qpn != 0),
        "mac": e.mac.to_string(),
    })
}

fn connection(c: &Connection) -> Value {
    let vantage = match c.vantage {
        Vantage::AtA => "a",
        Vantage::AtB => "b",
        Vantage::Between => "between",
    };
    let directions: Vec<Value> = ["a_to_b", "b_to_a"]
        .into_iter()
        .zip(&c.directions)
        .zip(c.speaks_for_sender.into_iter().zip(c.speaks_for_receiver))
        .map(|((name, d), (sender, receiver))| {
            let mut value = direction(d);
            value.insert("direction".to_owned(), json!(name));
            value.insert("speaks_for_sender".to_owned(), json!(sender));
            value.insert("speaks_for_receiver".to_owned(), json!(receiver));
            Value::Object(value)
        })
        .collect();
    json!({
        "service": Some(service_name(c.service)).filter(|_| c.service != Service::Unknown),
        "interface": c.interface,
        "vantage": vantage,
        "a": endpoint(&c.a),
        "b": endpoint(&c.b),
        "first_ns": c.first_ns,
        "last_ns": c.last_ns,
        "roce_version": if c.v1 { 1 } else { 2 },
        "vlan": c.vlan,
        "mtu_bytes": c.mtu,
        "directions": directions,
    })
}

fn marking(m: &Marking) -> Value {
    json!({
        "dscp": m.dscp,
        "pcp": m.pcp,
        "ecn_capable": m.ecn_capable,
        "mixed": m.mixed,
    })
}

fn spread(ns: Option<[u64; 3]>) -> Value {
    ns.map_or(
        Value::Null,
        |[least, mean, greatest]| json!({ "min_ns": least, "mean_ns": mean, "max_ns": greatest }),
    )
}

fn direction(d: &DirectionReport) -> Map<String, Value> {
    let mut all = traffic(d);
    all.extend(answers(d));
    all
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn traffic(d: &DirectionReport) -> Map<String, Value> {
    let runs = list(&d.message_runs, |r| {
        json!({
            "operation": operation_name(r.operation),
            "bytes": r.bytes,
            "count": r.count,
            "start_ns": r.start_ns,
            "done_ns": r.done_ns,
        })
    });
    object(json!({
        "data": marking(&d.data),
        "answers": marking(&d.answers),
        "udp_source_port": d.sport,
        "first_psn": d.first_psn,
        "first_data_ns": d.first_data_ns,
        "last_data_ns": d.last_data_ns,
        "active_ns": d.activity.ns,
        "data_packets": d.data_packets,
        "retransmitted_packets": d.retransmitted_packets,
        "retransmitted_bytes": d.retransmitted_bytes,
        "new_bytes": d.new_bytes,
        "delivered_bytes": d.delivered_bytes,
        "missing_packets": d.gaps,
        "wire_bytes": d.wire_bytes,
        "window_max_packets": d.window_max,
        "messages": d.messages,
        "messages_completed": d.messages_completed,
        "message_runs": runs,
        "completion": spread(d.completion_ns),
        "ce_marked": d.ce_marked,
        "ect_packets": d.ect_packets,
        "bad_icrc": d.bad_icrc,
        "unverified_icrc": d.unverified_icrc,
    }))
}

fn answers(d: &DirectionReport) -> Map<String, Value> {
    let episodes = list(&d.episodes, |e| {
        json!({
            "cause": cause_name(e.cause),
            "at_ns": e.at_ns,
            "frame": e.frame,
            "trigger_frame": e.trigger,
            "psn": e.psn,
            "packets": e.packets,
            "bytes": e.bytes,
            "delay_ns": e.delay_ns,
        })
    });
    let causes: Map<String, Value> = d
        .causes
        .iter()
        .map(|(cause, n)| (cause_name(*cause).to_owned(), json!(n)))
        .collect();
    let counters: Map<String, Value> = d
        .counters
        .named()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    object(json!({
        "acks": d.acks,
        "naks_sequence": d.naks,
        "naks_rnr": d.rnr_naks,
        "naks_invalid_request": d.error_naks[0],
        "naks_remote_access": d.error_naks[1],
        "naks_remote_operational": d.error_naks[2],
        "read_requests": d.read_requests,
        "read_restarts": d.read_restarts,
        "duplicate_requests": d.duplicates,
        "cnps": d.cnps,
        "cnp_spacing_min_ns": d.cnp_spacing_min_ns,
        "ack_latency": spread(d.ack_latency_ns),
        "timeouts": d.timeouts,
        "recovery": recovery_name(d.recovery),
        "retransmission_causes": causes,
        "episodes": episodes,
        "counters": counters,
    }))
}

fn pause(p: &PausePort) -> Value {
    let class = |class: PauseClass| {
        let ([pause, resume], times) = (p.counts(class), p.times(class));
        object(json!({
            "pause_frames": pause,
            "resume_frames": resume,
            "paused_ns": times.paused_ns,
            "longest_ns": times.longest_ns,
            "transitions": times.transitions,
        }))
    };
    let named = p.classes().into_iter();
    let priorities = named.filter_map(|named| {
        let PauseClass::Priority(n) = named else {
            return None;
        };
        let mut value = class(named);
        value.insert("priority".to_owned(), json!(n));
        Some(Value::Object(value))
    });
    let global = (p.global() > 0).then(|| Value::Object(class(PauseClass::All)));
    let direction = match p.direction {
        Direction::Unknown => None,
        Direction::In => Some("in"),
        Direction::Out => Some("out"),
    };
    json!({
        "interface": p.interface,
        "sender_mac": p.sender.to_string(),
        "direction": direction,
        "frames": p.frames,
        "global_pause_frames": p.global_pause,
        "global_resume_frames": p.global_resume,
        "global": global,
        "priorities": priorities.collect::<Vec<_>>(),
        "rate_bps": p.rate,
        "rate_inferred": p.rate_inferred,
        "first_frame": p.first_frame,
    })
}

fn link(l: &Link) -> Value {
    json!({
        "interface": l.interface,
        "ends": list(&l.ends, end),
        "negotiated": l.negotiated.as_ref().map(|both| list(both, operational)),
    })
}

fn end(e: &LinkEnd) -> Value {
    let a = &e.advertised;
    json!({
        "mac": e.mac.to_string(),
        "chassis": e.chassis,
        "port": e.port,
        "system": e.system,
        "ttl_s": e.ttl_s,
        "frames": e.frames,
        "first_frame": e.first_frame,
        "last_ns": e.last_ns,
        "ets": a.ets.as_ref().map(ets),
        "ets_recommended": a.ets_recommended.as_ref().map(ets),
        "pfc": a.pfc.as_ref().map(|p| json!({
            "willing": p.willing,
            "macsec_bypass": p.mbc,
            "capability": p.capability,
            "priorities": priorities(p.enabled),
        })),
        "applications": list(&a.apps, app),
        "congestion_notification": a.congestion.as_ref().map(|q| json!({
            "priorities": priorities(q.cnpv),
            "ready": priorities(q.ready),
        })),
        "cee": a.cee.as_ref().map(cee),
        "port_vlan": e.port_settings.port_vlan,
        "vlan_names": list(&e.port_settings.vlan_names, |(vid, name)| {
            json!({ "vlan": vid, "name": name })
        }),
        "protocol_vlans": e.port_settings.protocol_vlans,
        "management_vlan": e.port_settings.management_vlan,
        "max_frame_bytes": e.port_settings.max_frame,
        "link_aggregation": e.port_settings.aggregation.map(|a| json!({
            "capable": a.capable,
            "aggregated": a.aggregated,
            "port": a.port,
        })),
    })
}

fn priorities(mask: u8) -> Vec<u8> {
    (0..8).filter(|p| mask & 1 << p != 0).collect()
}

fn ets(e: &qaz::Ets) -> Value {
    json!({
        "willing": e.willing,
        "credit_based_shaper": e.cbs,
        "max_classes": e.max_tcs,
        "class_of_priority": e.priority,
        "share_percent": e.bandwidth,
        "selection_algorithm": e.tsa,
    })
}

fn app(a: &qaz::App) -> Value {
    json!({ "priority": a.priority, "selector": a.selector, "protocol": a.protocol })
}

fn feature(f: &cee::Feature) -> Value {
    json!({
        "oper_version": f.oper_version,
        "max_version": f.max_version,
        "enabled": f.enabled,
        "willing": f.willing,
        "error": f.error,
        "subtype": f.subtype,
    })
}

fn cee(c: &cee::Repr) -> Value {
    let apps = c.apps.as_ref().map(|(header, apps)| {
        let table = list(apps, |app| {
            json!({
                "protocol": app.protocol,
                "selector": app.selector,
                "oui": app.oui,
                "priorities": priorities(app.priorities),
            })
        });
        json!({ "feature": feature(header), "table": table })
    });
    json!({
        "oper_version": c.control.oper_version,
        "max_version": c.control.max_version,
        "sequence": c.control.seq,
        "acknowledged": c.control.ack,
        "groups": c.groups.as_ref().map(|g| json!({
            "feature": feature(&g.feature),
            "group_of_priority": g.group,
            "share_percent": g.bandwidth,
            "classes": g.tcs,
        })),
        "pfc": c.pfc.as_ref().map(|p| json!({
            "feature": feature(&p.feature),
            "priorities": priorities(p.enabled),
            "classes": p.tcs,
        })),
        "applications": apps,
    })
}

fn operational(o: &Operational) -> Value {
    let dialect = match o.dialect {
        Dialect::None => None,
        Dialect::Ieee => Some("ieee"),
        Dialect::Cee => Some("cee"),
        Dialect::Both => Some("both"),
    };
    json!({
        "dialect": dialect,
        "pfc_priorities": o.pfc.map(priorities),
        "ets": o.ets.as_ref().map(ets),
        "applications": list(&o.apps, app),
        "notes": o.notes,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::traced;
    use super::*;

    #[test]
    fn the_layout_is_stable() {
        let mut out = Vec::new();
        let failures = [("b".to_owned(), "b: not a capture".to_owned())];
        write(&mut out, &[traced()], &failures).unwrap();
        let shown = String::from_utf8(out).unwrap().replace(VERSION, "VERSION");
        insta::assert_snapshot!(shown);
    }
}

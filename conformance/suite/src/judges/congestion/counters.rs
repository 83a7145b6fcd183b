//! Counters against the wire.

use crate::evidence::{Flow, Status};
use crate::facts::{Facts, Seen};
use crate::judges::Judged;
use crate::judges::view::span;
use std::collections::BTreeMap;
use xoff_checks::counters::IMPLIED_NAK_STUCK;
use xoff_model::Transport;
use xoff_model::rules::Class;
use xoff_wire::bth::{NakCode, Syndrome};
use xoff_wire::psn;
use xoff_wire::roce::{Icrc, Packet};

/// What a host's counters should be, by what passed its port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wire {
    /// Requests, or READ responses, beyond the PSN that was awaited.
    ahead: u64,
    /// Requests that had arrived before.
    again: u64,
    naks_sent: u64,
    naks: u64,
    /// NAKs that acknowledge something besides.
    naks_further: u64,
    rnr_sent: u64,
    rnr: u64,
    /// Gaps in READ responses.
    implied: u64,
    bad_icrc: u64,
    retries_exceeded: u64,
    rnr_retries_exceeded: u64,
}

fn wire(facts: &Facts<'_>, host: usize) -> Wire {
    let mut wire = Wire::default();
    let here = |seen: &&Seen<'_>| seen.host == host;
    for seen in facts.seen.iter().filter(here) {
        let Some(packet) = seen.roce() else {
            continue;
        };
        let bad = matches!(packet.icrc, Icrc::Invalid { .. });
        wire.bad_icrc += u64::from(bad && !seen.out);
    }
    let reliable = |flow: &&Flow| flow.transport == Transport::Rc;
    for flow in facts.evidence.flows.iter().filter(reliable) {
        if flow.responder == host {
            responder(facts, flow, &mut wire);
        }
        if flow.requester == host {
            requester(facts, flow, &mut wire);
            let ended = |status| flow.completions.iter().any(|c| c.status == status);
            wire.retries_exceeded += u64::from(ended(Status::RetryExcErr));
            wire.rnr_retries_exceeded += u64::from(ended(Status::RnrRetryExcErr));
        }
    }
    wire
}

fn refusal(packet: &Packet<'_>) -> Option<Syndrome> {
    let kind = packet.extensions.aeth?.kind();
    matches!(kind, Syndrome::Nak(_) | Syndrome::RnrNak { .. }).then_some(kind)
}

const SEQUENCE: Syndrome = Syndrome::Nak(NakCode::PsnSequenceError);

/// Counts what the responder of a flow counts.
fn responder(facts: &Facts<'_>, flow: &Flow, wire: &mut Wire) {
    let mut expected = flow.first_psn;
    let here = facts.seen.iter().filter(|seen| seen.host == flow.responder);
    for (seen, packet) in here.filter_map(|seen| Some((seen, seen.roce()?))) {
        let at = packet.bth.psn;
        if seen.out && packet.bth.dest_qp == flow.qpn[0] && packet.bth.opcode.is_response() {
            match refusal(packet) {
                Some(SEQUENCE) => wire.naks_sent += 1,
                Some(Syndrome::RnrNak { .. }) => {
                    wire.rnr_sent += 1;
                    expected = at;
                }
                _ => {}
            }
        } else if !seen.out && packet.bth.dest_qp == flow.qpn[1] && is_request(packet) {
            match psn::diff(at, expected) {
                0 => expected = psn::add(at, span(packet, facts.evidence.mtu)),
                ahead if ahead > 0 => wire.ahead += 1,
                _ => wire.again += 1,
            }
        }
    }
}

fn is_request(packet: &Packet<'_>) -> bool {
    packet.bth.opcode.is_request() && packet.icrc == Icrc::Valid
}

/// Counts what the requester of a flow counts.
fn requester(facts: &Facts<'_>, flow: &Flow, wire: &mut Wire) {
    // Everything before it is acknowledged.
    let mut done = flow.first_psn;
    let mut waiting = false;
    let here = facts.seen.iter();
    let here = here.filter(|seen| seen.host == flow.requester && !seen.out);
    for (seen, packet) in here.filter_map(|seen| Some((seen, seen.roce()?))) {
        let ours = packet.bth.dest_qp == flow.qpn[0] && packet.icrc == Icrc::Valid;
        if !ours || !packet.bth.opcode.is_response() {
            continue;
        }
        let at = packet.bth.psn;
        match refusal(packet) {
            Some(SEQUENCE) => {
                wire.naks += 1;
                wire.naks_further += u64::from(psn::before(done, at));
                done = psn::max(done, at);
            }
            Some(Syndrome::RnrNak { .. }) => wire.rnr += 1,
            Some(_) => {}
            None if seen.class == Class::ReadResponse && psn::before(done, at) => {
                wire.ahead += 1;
                wire.implied += u64::from(!waiting);
                waiting = true;
            }
            None => {
                waiting &= at != done;
                done = psn::max(done, psn::add(at, 1));
            }
        }
    }
}

/// Counters by name, with what they should be: those that a stack has are judged.
fn names(wire: &Wire) -> [(&'static str, u64); 16] {
    [
        // mlx5, and the simulator.
        ("out_of_sequence", wire.ahead),
        ("packet_seq_err", wire.naks),
        ("duplicate_request", wire.again),
        ("implied_nak_seq_err", wire.implied),
        ("rnr_nak_retry_err", wire.rnr),
        ("out_of_buffer", wire.rnr_sent),
        ("rx_icrc_encapsulated", wire.bad_icrc),
        ("req_transport_retries_exceeded", wire.retries_exceeded),
        ("req_rnr_retries_exceeded", wire.rnr_retries_exceeded),
        // rxe.
        ("rxe0/out_of_seq_request", wire.naks_sent),
        ("rxe0/rcvd_seq_err", wire.naks_further),
        ("rxe0/duplicate_request", wire.again),
        ("rxe0/rcvd_rnr_err", wire.rnr),
        ("rxe0/send_rnr_err", wire.rnr_sent),
        ("rxe0/retry_exceeded_err", wire.retries_exceeded),
        ("rxe0/retry_rnr_exceeded_err", wire.rnr_retries_exceeded),
    ]
}

type Counters = BTreeMap<String, u64>;

/// Host, its counters, and what they should be.
fn by_host<'f>(
    facts: &'f Facts<'_>,
) -> impl Iterator<Item = (usize, &'f Counters, [(&'static str, u64); 16])> {
    let hosts = facts.evidence.counters.iter().enumerate();
    hosts.map(|(host, counters)| (host, counters, names(&wire(facts, host))))
}

/// N-01.
pub(super) fn equal(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let mut moved = Vec::new();
    for (host, counters, names) in by_host(facts) {
        for (name, wanted) in names {
            let Some(found) = counters.get(name).copied() else {
                continue;
            };
            if wanted > 0 {
                judged.saw();
                moved.push(name);
            }
            if found != wanted {
                let what = format!("h{host}: {name} is {found}, and the wire has {wanted}");
                judged.fault(what, &[]);
            }
        }
    }
    moved.sort_unstable();
    moved.dedup();
    judged.detail = moved.join(", ");
    judged
}

/// N-02: a counter moves when its event happens, and only then.
pub(super) fn moving(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for (host, counters, names) in by_host(facts) {
        for (name, wanted) in names {
            let Some(found) = counters.get(name).copied() else {
                continue;
            };
            if wanted > 0 {
                judged.saw();
            }
            match (wanted > 0, found > 0) {
                (true, false) => {
                    let what = format!("h{host}: {name} does not move, after {wanted} events");
                    match name {
                        "implied_nak_seq_err" => judged.symptom(&IMPLIED_NAK_STUCK, what, &[]),
                        _ => judged.fault(what, &[]),
                    }
                }
                (false, true) => {
                    let what = format!("h{host}: {name} moves without its event");
                    judged.fault(what, &[]);
                }
                _ => {}
            }
        }
    }
    judged
}

/// Whether a counter is of frames that a host discarded: mlx5's, the simulator's, those of Linux
/// interfaces.
fn of_discards(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    let linux = [
        "rx_dropped",
        "tx_dropped",
        "rx_errors",
        "tx_errors",
        "rx_fifo_errors",
    ];
    name.contains("discards") || name.starts_with("drops_") || linux.contains(&name)
}

/// N-03.
pub(super) fn discards(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for (host, counters) in facts.evidence.counters.iter().enumerate() {
        if !counters.is_empty() && facts.seen.iter().any(|seen| seen.host == host) {
            judged.saw();
        }
        for (name, value) in counters.iter().filter(|(name, _)| of_discards(name)) {
            if *value > 0 {
                judged.fault(format!("h{host}: {name} is {value}"), &[]);
            }
        }
    }
    judged
}

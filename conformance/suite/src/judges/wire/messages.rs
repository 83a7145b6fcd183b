//! How messages are cut into packets.

use super::super::view::{
    Message, Sent, describe, is_connected, is_reliable, layout, makes_messages, messages,
    requested, span, streams,
};
use crate::facts::Facts;
use crate::judges::Judged;
use std::collections::BTreeMap;
use std::net::IpAddr;
use xoff_model::Op;
use xoff_model::rules::Class;
use xoff_wire::bth::Operation;
use xoff_wire::dissect::Body;
use xoff_wire::psn;

/// READ requests by the two ends and their PSN: bytes asked for.
type Asked = BTreeMap<(IpAddr, IpAddr, u32), u32>;

fn asked(facts: &Facts<'_>) -> Asked {
    let requests = facts.seen.iter().filter_map(|seen| seen.roce());
    let requests = requests
        .filter(|packet| packet.bth.opcode.operation() == Some(Operation::ReadRequest))
        .filter_map(|packet| {
            let ends = (packet.network.dst, packet.network.src, packet.bth.psn);
            Some((ends, packet.extensions.reth?.len))
        });
    requests.collect()
}

/// Bytes of a message, where something says it.
fn length(message: &Message<'_, '_>, asked: &Asked, facts: &Facts<'_>) -> Option<u64> {
    let (seen, first) = message.packets.first()?;
    let operation = first.bth.opcode.operation()?;
    if operation.is_write() {
        return Some(u64::from(first.extensions.reth?.len));
    }
    if operation.is_read_response() {
        let ends = (first.network.src, first.network.dst, first.bth.psn);
        return asked.get(&ends).map(|len| u64::from(*len));
    }
    let flow = requested(facts, seen, first)?;
    (flow.op == Op::Send).then_some(flow.message_bytes)
}

/// W-10.
pub(super) fn padding(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for (seen, packet) in facts.sent() {
        let Some(at) = layout(seen, packet) else {
            continue;
        };
        let (len, pad) = (packet.payload_len, packet.bth.pad);
        let from = at.icrc.saturating_sub(usize::from(pad));
        let zeros = seen.bytes[from..at.icrc].iter().all(|byte| *byte == 0);
        if len > 0 || pad > 0 {
            judged.saw();
        }
        if !(u64::from(len) + u64::from(pad)).is_multiple_of(4) {
            let what = describe(packet);
            let what = format!("{what}: {len} bytes and {pad} of padding are no multiple of 4");
            judged.fault(what, &[seen.number]);
        } else if !zeros {
            let what = describe(packet);
            judged.fault(format!("{what}: the padding is not zero"), &[seen.number]);
        }
    }
    let asked = asked(facts);
    for (_, stream) in streams(facts, |seen, _| makes_messages(seen)) {
        let whole = messages(&stream).into_iter().filter(|m| m.whole);
        for message in whole {
            let Some(length) = length(&message, &asked, facts) else {
                continue;
            };
            let (found, last) = (message.payload(), is_last(&message, facts));
            if found != length && !(last && found < length) {
                let what = describe(message.packets[0].1);
                judged.fault(
                    format!("{what}: a message of {length} bytes, and PadCnt leaves {found}"),
                    &message.frames(),
                );
            }
        }
    }
    judged
}

/// Whether a SEND may be the last one of its flow, which takes the rest.
fn is_last(message: &Message<'_, '_>, facts: &Facts<'_>) -> bool {
    let Some((seen, packet)) = message.packets.last() else {
        return false;
    };
    requested(facts, seen, packet).is_some_and(|flow| {
        let per_message = psn::packets(flow.message_bytes, facts.evidence.mtu);
        let before = (flow.messages.saturating_sub(1)).saturating_mul(per_message);
        flow.op == Op::Send && u64::from(Facts::relative(flow, packet.bth.psn)) >= before
    })
}

/// W-12.
pub(super) fn opcode_sequence(facts: &Facts<'_>) -> Judged {
    // What is missing may be the request that makes a response right.
    if let Some(why) = facts.holes() {
        return Judged::inconclusive(why);
    }
    let mut judged = Judged::default();
    let asked = asked(facts);
    let requests = |seen: &crate::facts::Seen<'_>, packet: &_| {
        let class = matches!(seen.class, Class::Data | Class::ReadRequest | Class::Atomic);
        class && is_connected(packet)
    };
    for (_, stream) in streams(facts, requests) {
        for pair in stream.windows(2) {
            succession(facts.evidence.mtu, pair[0], pair[1], &mut judged);
        }
    }
    let responses = |seen: &crate::facts::Seen<'_>, _: &_| seen.class == Class::ReadResponse;
    for (_, stream) in streams(facts, responses) {
        for pair in stream.windows(2) {
            let (_, next) = pair[1];
            let ends = (next.network.src, next.network.dst, next.bth.psn);
            // A READ that was asked for again begins anew.
            let anew = next.bth.opcode.starts_message() && asked.contains_key(&ends);
            if !anew {
                succession(facts.evidence.mtu, pair[0], pair[1], &mut judged);
            }
        }
    }
    judged
}

/// What may follow a packet if it has the next PSN.
fn succession(mtu: u32, before: Sent<'_, '_>, after: Sent<'_, '_>, judged: &mut Judged) {
    let (a, b) = (before.1.bth, after.1.bth);
    let taken = span(before.1, mtu);
    let read = a.opcode.operation() == Some(Operation::ReadRequest);
    if b.psn != psn::add(a.psn, taken) || (read && mtu == 0) {
        return;
    }
    let open = a.opcode.is_first() || a.opcode.is_middle();
    let goes_on = b.opcode.is_middle() || b.opcode.is_last();
    let right = if open {
        goes_on && kind(&before) == kind(&after)
    } else {
        !goes_on
    };
    judged.expect(right, &[before.0.number, after.0.number], || {
        let (what, than) = (describe(after.1), a.opcode);
        format!("{what}: cannot follow {than}")
    });
}

/// SEND, WRITE, or READ response.
fn kind(sent: &Sent<'_, '_>) -> (bool, bool) {
    let operation = sent.1.bth.opcode.operation();
    let is = |of: fn(Operation) -> bool| operation.is_some_and(of);
    (is(Operation::is_send), is(Operation::is_write))
}

/// Path MTUs of InfiniBand (IBTA 9.6.1): 256 to 4096.
fn is_path_mtu(bytes: u32) -> bool {
    (256..=4096).contains(&bytes) && bytes.is_power_of_two()
}

/// W-13.
pub(super) fn payload_length(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for (_, stream) in streams(facts, |seen, _| makes_messages(seen)) {
        let mut mtu = Some(facts.evidence.mtu).filter(|mtu| *mtu != 0);
        for (seen, packet) in stream {
            let (opcode, len) = (packet.bth.opcode, packet.payload_len);
            judged.saw();
            let full = opcode.is_first() || opcode.is_middle();
            if full && mtu.is_none() {
                // A foreign capture: the first full packet tells.
                mtu = Some(len).filter(|len| is_path_mtu(*len));
            }
            let most = mtu.unwrap_or(4096);
            let right = match () {
                () if full => len == mtu.unwrap_or(0),
                () if opcode.is_last() => (1..=most).contains(&len),
                () => len <= most,
            };
            if !right {
                let what = describe(packet);
                judged.fault(
                    format!("{what}: {len} bytes of payload, where the MTU is {most}"),
                    &[seen.number],
                );
            }
        }
    }
    judged
}

/// W-17.
pub(super) fn extension_headers(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for seen in facts.seen.iter().filter(|seen| seen.out && seen.cut == 0) {
        if let Body::Malformed(error) = seen.frame.body
            && matches!(error.layer, "BTH" | "extension header")
        {
            judged.saw();
            judged.fault(
                format!("a packet does not fit its opcode: {error}"),
                &[seen.number],
            );
        }
    }
    for (seen, packet) in facts.sent() {
        let opcode = packet.bth.opcode;
        if !opcode.is_known() || opcode.is_cnp() {
            continue;
        }
        let len = packet.payload_len;
        judged.expect(opcode.carries_payload() || len == 0, &[seen.number], || {
            format!(
                "{}: {len} bytes follow, and it carries none",
                describe(packet)
            )
        });
    }
    for (_, stream) in streams(facts, |seen, _| makes_messages(seen)) {
        for message in messages(&stream).iter().filter(|m| m.whole) {
            let (_, first) = message.packets[0];
            let Some(reth) = first.extensions.reth else {
                continue;
            };
            let found = message.payload();
            judged.expect(found == u64::from(reth.len), &message.frames(), || {
                let (what, len) = (describe(first), reth.len);
                format!("{what}: the RETH announces {len} bytes, and {found} come")
            });
        }
    }
    judged
}

/// W-20.
pub(super) fn ack_request(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    // Packets in a row are known only where none is missing.
    let holes = facts.holes();
    let every = facts.expect.ack_request_every;
    let in_a_row = every.filter(|_| holes.is_none());
    let requests = |seen: &crate::facts::Seen<'_>, packet: &_| {
        seen.class == Class::Data && is_reliable(packet)
    };
    for (_, stream) in streams(facts, requests) {
        let mut without = 0;
        for (seen, packet) in stream {
            let asks = packet.bth.ack_request;
            without = if asks { 0 } else { without + 1 };
            if packet.bth.opcode.ends_message() {
                judged.expect(asks, &[seen.number], || {
                    format!(
                        "{}: ends a message and asks for no answer",
                        describe(packet)
                    )
                });
            }
            if in_a_row == Some(without) {
                let what = describe(packet);
                judged.fault(
                    format!("{what}: {without} packets in a row ask for no answer"),
                    &[seen.number],
                );
            }
        }
    }
    judged.unless(holes.filter(|_| every.is_some()))
}

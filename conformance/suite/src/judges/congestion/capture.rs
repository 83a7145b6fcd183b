//! Whether what was captured can be relied on.

use crate::facts::{Facts, Seen};
use crate::judges::Judged;
use crate::judges::view::is_reliable;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use xoff_model::rules::Class;
use xoff_wire::Mac;
use xoff_wire::ip::Kind;

/// T-01: times only grow, nothing is missing, and without rules every RoCE frame arrives as it was
/// sent, in order.
pub(super) fn complete(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged {
        stimuli: facts.seen.len() as u64,
        ..Judged::default()
    };
    if let Some(pair) = facts.seen.windows(2).find(|p| p[0].at_ns > p[1].at_ns) {
        let frames = [pair[0].number, pair[1].number];
        judged.fault("time goes back".to_owned(), &frames);
    }
    let missing = &facts.evidence.missing;
    if missing.lost > 0 {
        let lost = missing.lost;
        let what = format!("{lost} frames were lost while they were captured");
        judged.fault(what, &[]);
    }
    if let Some(why) = &missing.end {
        judged.fault(format!("the capture breaks off: {why}"), &[]);
    }
    if facts.evidence.rules.is_empty() && !facts.evidence.flows.is_empty() {
        passage(facts, &mut judged);
    }
    judged.unless(facts.limit())
}

fn passage(facts: &Facts<'_>, judged: &mut Judged) {
    let mut under_way: BTreeMap<(Mac, Mac), VecDeque<usize>> = BTreeMap::new();
    for (index, seen) in facts.seen.iter().enumerate() {
        if seen.roce().is_none() {
            continue;
        }
        let ends = (seen.frame.ethernet.src, seen.frame.ethernet.dst);
        let queue = under_way.entry(ends).or_default();
        if seen.out {
            queue.push_back(index);
            continue;
        }
        let sent = queue.pop_front().map(|index| &facts.seen[index]);
        match sent {
            Some(sent) if sent.bytes == seen.bytes => {}
            Some(sent) => {
                let what = "a frame arrives that is not the next one that was sent";
                judged.fault(what.to_owned(), &[sent.number, seen.number]);
                return;
            }
            None => {
                judged.fault(
                    "a frame arrives that was not sent".to_owned(),
                    &[seen.number],
                );
                return;
            }
        }
    }
    let left = under_way.values().find_map(|queue| queue.front());
    if let Some(&index) = left {
        let what = "a frame that was sent never arrives";
        judged.fault(what.to_owned(), &[facts.seen[index].number]);
    }
}

/// What to say of a frame that has at least `len` bytes.
fn snapped(seen: &Seen<'_>, len: usize) -> String {
    let kept = seen.bytes.len();
    let len = len.max(kept + seen.cut as usize);
    format!("{kept} bytes of a frame that has {len} were captured")
}

/// T-02: frames are whole and have Ethernet headers, and both directions of reliable connections are
/// there.
pub(super) fn sufficient(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    // By the two ends: data that want an answer, and answers.
    let mut talks: BTreeMap<(IpAddr, IpAddr), (u64, u64)> = BTreeMap::new();
    let foreign = facts.evidence.missing.foreign;
    if foreign > 0 {
        judged.saw();
        let what = format!("{foreign} packets have no Ethernet headers, and cannot be judged");
        judged.fault(what, &[]);
    }
    let unread = |seen: &&Seen<'_>| seen.out && seen.cut > 0 && seen.is_malformed();
    for seen in facts.seen.iter().filter(unread) {
        judged.saw();
        judged.fault(snapped(seen, seen.bytes.len()), &[seen.number]);
    }
    for (seen, packet) in facts.sent() {
        judged.saw();
        let start = seen.frame.ethernet.header_len();
        let header = match packet.network.kind {
            Kind::V4 { header_len, .. } => usize::from(header_len),
            Kind::V6 { .. } | Kind::Grh { .. } => packet.network.buffer_len(),
        };
        let end = start + header + packet.network.payload_len as usize;
        if seen.bytes.len() < end {
            judged.fault(snapped(seen, end), &[seen.number]);
        }
        if !is_reliable(packet) || matches!(seen.class, Class::Cnp | Class::Mad) {
            continue;
        }
        let (src, dst) = (packet.network.src, packet.network.dst);
        if packet.bth.opcode.is_response() {
            talks.entry((dst, src)).or_default().1 += 1;
        } else {
            talks.entry((src, dst)).or_default().0 += 1;
        }
    }
    for ((a, b), (requests, answers)) in talks {
        if requests == 0 || answers == 0 {
            let missing = if requests == 0 { "requests" } else { "answers" };
            judged.fault(format!("there are no {missing} between {a} and {b}"), &[]);
        }
    }
    judged
}

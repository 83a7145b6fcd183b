//! `fct.txt` and `pfc.txt`.

use super::HpccInput;
use crate::model::{PRIORITIES, Role};
use crate::results::{FlowStatus, Results};
use crate::time::{SimDuration, SimTime};
use std::fmt::Write as _;

/// The address of a host or switch in `fct.txt` and in the ECMP hash.
pub fn node_ip(id: u32) -> u32 {
    0x0b00_0001u32
        .wrapping_add((id / 256) << 16)
        .wrapping_add((id % 256) << 8)
}

/// The reference's ECMP hash of a packet's addresses and UDP ports: MurmurHash3 of 12 bytes. `seed`
/// is the switch's node id; the remainder by the number of next hops chooses one.
pub fn ecmp_hash(sip: u32, dip: u32, sport: u16, dport: u16, seed: u32) -> u32 {
    let ports = u32::from(sport) | u32::from(dport) << 16;
    let mut h = seed;
    for word in [sip, dip, ports] {
        let word = word.wrapping_mul(0xcc9e_2d51).rotate_left(15);
        h = (h ^ word.wrapping_mul(0x1b87_3593)).rotate_left(13);
        h = h.wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    h ^= 12;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

/// Completed flows in order of completion:
/// `sip dip sport dport bytes start_ns fct_ns standalone_ns`.
pub fn fct_text(input: &HpccInput, results: &Results) -> String {
    let mut done: Vec<_> = results
        .flows
        .iter()
        .filter(|f| f.status == FlowStatus::Completed)
        .filter_map(|f| Some((f.end?, f.flow)))
        .collect();
    done.sort_unstable();
    let mut text = String::new();
    for (end, id) in done {
        let (Some(flow), Some(standalone)) = (
            input.model.flows.get(id as usize),
            input.standalone.get(id as usize),
        ) else {
            continue;
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:08x} {:08x} {} {} {} {} {} {standalone}",
            node_ip(flow.src),
            node_ip(flow.dst),
            flow.sport,
            flow.dport,
            flow.bytes,
            absolute(input, flow.start).ns(),
            end.since(flow.start).ns(),
        );
    }
    text
}

/// Received PFC frames: `t_ns node node_type interface 1=pause|0=resume`, one line per class.
pub fn pfc_text(input: &HpccInput, results: &Results) -> String {
    let mut text = String::new();
    for entry in &results.pauses {
        let node = input.model.nodes.get(entry.node as usize);
        let is_switch = node.is_some_and(|n| matches!(n.role, Role::Switch(_)));
        for _ in (0..PRIORITIES).filter(|p| entry.mask & (1 << p) != 0) {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{} {} {} {} {}",
                absolute(input, entry.at).ns(),
                entry.node,
                u8::from(is_switch),
                entry.port + 1,
                u8::from(entry.pause),
            );
        }
    }
    text
}

fn absolute(input: &HpccInput, at: SimTime) -> SimTime {
    input.base + SimDuration::from_ps(at.ps())
}

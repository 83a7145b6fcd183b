//! Evidence of wrong stacks that no rule can make.

use crate::evidence::{Evidence, Frame};
use xoff_wire::dissect::{Body, Link, dissect};

/// Every counter of a host is stuck.
pub(super) fn stuck(evidence: &mut Evidence) {
    for counters in &mut evidence.counters {
        counters.values_mut().for_each(|value| *value = 0);
    }
}

/// Every counter counts one too many.
pub(super) fn one_more(evidence: &mut Evidence) {
    for counters in &mut evidence.counters {
        counters
            .values_mut()
            .for_each(|value| *value = value.saturating_add(1));
    }
}

pub(super) fn discarded(evidence: &mut Evidence) {
    if let Some(counters) = evidence.counters.first_mut() {
        counters.insert("rx_discards_phy".to_owned(), 3);
    }
}

/// The last RoCE frame that arrived; what a kernel says besides, of neighbours and routers, may
/// come later and is nobody's loss.
pub(super) fn lost_frame(evidence: &mut Evidence) {
    let at = evidence.frames.iter().rposition(|frame| {
        let len = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        let body = dissect(Link::Ethernet, &frame.bytes, len).body;
        !frame.out && matches!(body, Body::Roce(_))
    });
    if let Some(at) = at {
        evidence.frames.remove(at);
    }
}

pub(super) fn clock_stepped(evidence: &mut Evidence) {
    if let Some(frame) = evidence.frames.get_mut(9) {
        frame.at_ns = frame.at_ns.saturating_add(1_000_000_000);
    }
}

pub(super) fn snapped(evidence: &mut Evidence) {
    for frame in &mut evidence.frames {
        frame.bytes.truncate(128);
    }
}

pub(super) fn one_direction(evidence: &mut Evidence) {
    evidence
        .frames
        .retain(|frame| frame.out == (frame.host == 0));
}

/// Where things are in a MAC control frame.
const OPCODE: usize = 14;
const ENABLE: usize = 16;
const TIMES: usize = 18;

fn is_pause(frame: &Frame) -> bool {
    frame.bytes.len() >= TIMES + 16 && frame.bytes[12..OPCODE] == [0x88, 0x08]
}

fn of_pauses(evidence: &mut Evidence, change: impl Fn(&mut Vec<u8>)) {
    let pauses = evidence.frames.iter_mut().filter(|frame| is_pause(frame));
    pauses.for_each(|frame| change(&mut frame.bytes));
}

pub(super) fn tagged(evidence: &mut Evidence) {
    of_pauses(evidence, |bytes| {
        bytes.splice(12..12, [0x81, 0x00, 0x60, 0x01]);
    });
}

pub(super) fn without_source(evidence: &mut Evidence) {
    of_pauses(evidence, |bytes| bytes[6..12].fill(0));
}

pub(super) fn short(evidence: &mut Evidence) {
    of_pauses(evidence, |bytes| bytes.truncate(46));
}

pub(super) fn ninth_class(evidence: &mut Evidence) {
    of_pauses(evidence, |bytes| bytes[ENABLE] = 1);
}

/// The pauses were for the class that goes on.
pub(super) fn other_class(evidence: &mut Evidence) {
    of_pauses(evidence, |bytes| {
        bytes[ENABLE + 1] = 1;
        bytes.copy_within(TIMES + 6..TIMES + 8, TIMES);
        bytes[TIMES + 6..TIMES + 8].fill(0);
    });
}

/// The first of a frame's times that is not zero.
fn time_of(bytes: &[u8]) -> Option<usize> {
    let fields = (TIMES..TIMES + 16).step_by(2);
    let mut fields = fields.filter(|at| bytes.get(*at..at + 2).is_some_and(|t| t != [0, 0]));
    fields.next()
}

/// The pauses demanded twice the silence that was kept.
pub(super) fn half_the_time(evidence: &mut Evidence) {
    of_pauses(evidence, |bytes| {
        if let Some(at) = time_of(bytes) {
            let quanta = u16::from_be_bytes([bytes[at], bytes[at + 1]]).saturating_mul(2);
            bytes[at..at + 2].copy_from_slice(&quanta.to_be_bytes());
        }
    });
}

/// While any class is paused, none sends.
pub(super) fn all_stop(evidence: &mut Evidence) {
    let mut paused = false;
    evidence.frames.retain(|frame| {
        if is_pause(frame) && !frame.out {
            paused = time_of(&frame.bytes).is_some();
        }
        is_pause(frame) || !frame.out || frame.host != 0 || !paused
    });
}

/// Nothing more passes, the other way, for a while after pause frames.
fn silence(evidence: &mut Evidence, ns: u64, after: impl Fn(&[u8]) -> bool) {
    let begins = evidence.frames.iter();
    let begins = begins.filter(|frame| is_pause(frame) && after(&frame.bytes));
    let begins = begins.map(|frame| (frame.host, !frame.out, frame.at_ns));
    let begins: Vec<(usize, bool, u64)> = begins.collect();
    evidence.frames.retain(|frame| {
        let silent = |(host, out, at): &(usize, bool, u64)| {
            let within = (*at..at.saturating_add(ns)).contains(&frame.at_ns);
            frame.host == *host && frame.out == *out && within
        };
        is_pause(frame) || !begins.iter().any(silent)
    });
}

pub(super) fn slow_to_resume(evidence: &mut Evidence) {
    silence(evidence, 400_000, |bytes| time_of(bytes).is_none());
}

/// Any pause frame stops everything.
pub(super) fn obeys_all(evidence: &mut Evidence) {
    silence(evidence, 90_000, |_| true);
}

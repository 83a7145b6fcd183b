//! A capture, as if it were an experiment.

use crate::evidence::{Evidence, Frame};
use std::collections::{BTreeMap, BTreeSet};
use xoff_trace::capture::read::{CaptureError, Reader};
use xoff_trace::capture::{self, Direction, LinkType};
use xoff_wire::Mac;
use xoff_wire::dissect::{Body, Link, dissect};

mod place;

/// Frames that are kept.
const MAX_FRAMES: usize = 1 << 20;
/// Destination and source address.
const ADDRESSES: usize = 12;

/// A frame, as it was captured.
#[derive(Clone, Debug)]
struct Taken {
    number: u64,
    at_ns: u64,
    interface: u32,
    direction: Direction,
    src: Mac,
    dst: Mac,
    cut: u32,
    bytes: Vec<u8>,
}

/// What was read.
#[derive(Debug, Default)]
struct Heap {
    frames: Vec<Taken>,
    evidence: Evidence,
}

/// Reads a capture. Each station is a host, numbered by first appearance.
///
/// A frame that was captured at a host's own port was sent or received there. What is not known from
/// an end's own port was sent where it was seen first, and received where it was seen last.
///
/// # Errors
/// Not one frame or block could be read. What was read before a later error is kept.
pub fn read(mut reader: Reader) -> Result<Evidence, CaptureError> {
    let mut heap = Heap::default();
    let mut any = false;
    loop {
        match reader.advance() {
            Ok(true) => heap.take(&reader),
            Ok(false) => break,
            Err(e) if any => {
                heap.evidence.missing.end = Some(e.partial());
                break;
            }
            Err(e) => return Err(e),
        }
        any = true;
    }
    let lost = reader.stats().iter().filter_map(|stats| stats.dropped);
    heap.evidence.missing.lost = lost.fold(0, u64::saturating_add);
    Ok(heap.settle(&reader))
}

impl Heap {
    fn take(&mut self, reader: &Reader) {
        let frame = reader.frame();
        let interface = reader.interfaces().get(frame.interface as usize);
        let kind = interface.map_or(LinkType::Other(0), |i| i.link_type);
        if kind != LinkType::Ethernet {
            self.evidence.missing.foreign += u64::from(is_foreign_roce(kind, &frame));
            return;
        }
        let Some((dst, src)) = addresses(frame.data) else {
            return;
        };
        if self.frames.len() >= MAX_FRAMES {
            self.evidence.cut = true;
            return;
        }
        let captured = u32::try_from(frame.data.len()).unwrap_or(u32::MAX);
        self.frames.push(Taken {
            number: frame.number,
            at_ns: frame.at_ns,
            interface: frame.interface,
            direction: frame.direction,
            src,
            dst,
            cut: frame.original_len.saturating_sub(captured),
            bytes: frame.data.to_vec(),
        });
    }

    fn settle(self, reader: &Reader) -> Evidence {
        let mut evidence = self.evidence;
        let mut hosts: BTreeMap<Mac, usize> = BTreeMap::new();
        let places = place::Places::of(&self.frames, reader.interfaces());
        for taken in self.frames {
            let next = hosts.len();
            let from = *hosts.entry(taken.src).or_insert(next);
            let next = hosts.len();
            let to = *hosts.entry(taken.dst).or_insert(next);
            let ends = places.ends(&taken);
            let frame = |host, out, bytes| Frame {
                number: Some(taken.number),
                at_ns: taken.at_ns,
                host,
                out,
                bytes,
                cut: taken.cut,
            };
            if ends.sent && ends.arrived {
                evidence.frames.push(frame(from, true, taken.bytes.clone()));
            } else if ends.sent {
                evidence.frames.push(frame(from, true, taken.bytes));
                continue;
            }
            if ends.arrived {
                evidence.frames.push(frame(to, false, taken.bytes));
            }
        }
        let remote = hosts
            .into_iter()
            .filter(|(mac, _)| !places.has_port_of(*mac));
        evidence.remote = remote.map(|(_, host)| host).collect::<BTreeSet<_>>();
        evidence
    }
}

fn addresses(frame: &[u8]) -> Option<(Mac, Mac)> {
    let both = frame.first_chunk::<ADDRESSES>()?;
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *both;
    Some((Mac([a, b, c, d, e, f]), Mac([g, h, i, j, k, l])))
}

/// Whether a frame that has no Ethernet header holds RoCE all the same.
fn is_foreign_roce(kind: LinkType, frame: &capture::Frame<'_>) -> bool {
    let link = match kind {
        LinkType::RawIp => Link::RawIp,
        LinkType::LinuxSll => Link::LinuxSll,
        LinkType::LinuxSll2 => Link::LinuxSll2,
        LinkType::Ethernet | LinkType::Other(_) => return false,
    };
    let body = dissect(link, frame.data, frame.original_len).body;
    matches!(body, Body::Roce(_))
}

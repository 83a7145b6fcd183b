//! A capture, as if it were an experiment.

use crate::capture::read::{CaptureError, Reader};
use crate::capture::{Direction, LinkType};
use crate::conform::evidence::{Evidence, Frame};
use std::collections::BTreeMap;
use xoff_sim::wire::Mac;

/// Frames that are kept.
const MAX_FRAMES: usize = 1 << 20;
/// Destination and source address.
const ADDRESSES: usize = 12;

/// Reads a capture. Each station is a host, numbered by first appearance.
///
/// A capture with directions at several interfaces, as xoff writes, has every frame at both its
/// ends. In any other each frame was seen once, and counts as sent and as received there.
///
/// # Errors
/// The file is no capture. What was read before it broke off is kept.
pub fn read(mut reader: Reader) -> Result<Evidence, CaptureError> {
    let mut evidence = Evidence::default();
    let mut hosts: BTreeMap<Mac, usize> = BTreeMap::new();
    let mut once = Vec::new();
    let mut directed = [false; 2];
    while reader.advance()? {
        let frame = reader.frame();
        let interfaces = reader.interfaces();
        let link = interfaces.get(frame.interface as usize);
        let ethernet = link.is_some_and(|i| i.link_type == LinkType::Ethernet);
        let whole = frame.data.len() == frame.original_len as usize;
        let Some((dst, src)) = addresses(frame.data).filter(|_| ethernet && whole) else {
            continue;
        };
        if once.len() >= MAX_FRAMES {
            evidence.cut = true;
            break;
        }
        let next = hosts.len();
        let from = *hosts.entry(src).or_insert(next);
        let next = hosts.len();
        let to = *hosts.entry(dst).or_insert(next);
        if let Some(seen) = directed.get_mut(frame.interface as usize) {
            *seen |= frame.direction != Direction::Unknown;
        }
        once.push((frame.at_ns, from, to, frame.direction, frame.data.to_vec()));
    }
    let both_ends = directed == [true; 2];
    for (at_ns, from, to, direction, bytes) in once {
        let mut keep = |host, out| {
            evidence.frames.push(Frame {
                at_ns,
                host,
                out,
                bytes: bytes.clone(),
            });
        };
        if !both_ends || direction != Direction::In {
            keep(from, true);
        }
        if !both_ends || direction == Direction::In {
            keep(to, false);
        }
    }
    Ok(evidence)
}

fn addresses(frame: &[u8]) -> Option<(Mac, Mac)> {
    let both = frame.first_chunk::<ADDRESSES>()?;
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *both;
    Some((Mac([a, b, c, d, e, f]), Mac([g, h, i, j, k, l])))
}

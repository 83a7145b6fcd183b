//! Where the interfaces of a capture are: at hosts, or somewhere between them.

use super::Taken;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use xoff_trace::capture::{Direction, Interface};
use xoff_wire::Mac;
use xoff_wire::dissect::{Body, Link, dissect};

/// Frames that are looked at to learn in which order interfaces see them.
const ORDERED: usize = 10_000;

/// The interfaces that are hosts' own ports.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Whose they are.
    owners: BTreeMap<u32, Mac>,
    stations: BTreeSet<Mac>,
    /// What passes no port of its ends: the interfaces that saw it first and last.
    streams: BTreeMap<Stream, [u32; 2]>,
}

/// What a captured frame tells of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) sent: bool,
    pub(super) arrived: bool,
}

/// Packets that take one way through a network: addresses, UDP or TCP source port, and queue pair or
/// destination port.
type Stream = (Mac, Mac, u16, u32);

/// What an interface with directions saw.
#[derive(Clone, Copy, Debug, Default)]
struct Port {
    /// The source of all that was sent.
    source: Option<Mac>,
    /// There are several: others' frames pass here.
    mixed: bool,
    /// Something came for the address that the interface is said to have.
    received: bool,
}

impl Places {
    pub(super) fn of(frames: &[Taken], interfaces: &[Interface]) -> Places {
        let address = |id: u32| interfaces.get(id as usize).and_then(|i| i.mac);
        let mut ports: BTreeMap<u32, Port> = BTreeMap::new();
        for frame in frames {
            let port = ports.entry(frame.interface).or_default();
            match frame.direction {
                Direction::Unknown => {}
                Direction::In => port.received |= address(frame.interface) == Some(frame.dst),
                Direction::Out => {
                    port.mixed |= port.source.is_some_and(|mac| mac != frame.src);
                    port.source = Some(frame.src);
                }
            }
        }
        let owners = ports.into_iter().filter(|(_, port)| !port.mixed);
        let owners = owners.filter_map(|(id, port)| Some((id, port.owner(address(id))?)));
        let owners: BTreeMap<u32, Mac> = owners.collect();
        let mut places = Places::default();
        if !is_backwards(frames, &owners) {
            places.stations = owners.values().copied().collect();
            places.owners = owners;
        }
        places.streams = places.streams_of(frames);
        places
    }

    /// By which interfaces streams come and go.
    fn streams_of(&self, frames: &[Taken]) -> BTreeMap<Stream, [u32; 2]> {
        let mut seen: BTreeSet<(Stream, u32)> = BTreeSet::new();
        let mut streams = BTreeMap::new();
        for frame in frames.iter().filter(|frame| !self.knows_ends(frame)) {
            let (stream, here) = (stream(frame), frame.interface);
            if seen.insert((stream, here)) {
                streams.entry(stream).or_insert([here; 2])[1] = here;
            }
        }
        streams
    }

    /// An end of it is at its own port.
    fn knows_ends(&self, frame: &Taken) -> bool {
        self.has_port_of(frame.src) || self.has_port_of(frame.dst)
    }

    pub(super) fn has_port_of(&self, station: Mac) -> bool {
        self.stations.contains(&station)
    }

    /// Whether a frame is what its sender sent, or what its receiver got, or both as far as is known.
    pub(super) fn ends(&self, frame: &Taken) -> Ends {
        let owner = self.owners.get(&frame.interface).copied();
        let own = |mac: Mac| owner == Some(mac);
        // What goes to a group arrives at many ports: it is taken as come where nobody knows better.
        let group = frame.dst.is_group();
        let elsewhere = self.stations.len() > 1 && group;
        match frame.direction {
            Direction::Out if own(frame.src) => Ends {
                sent: true,
                arrived: !self.has_port_of(frame.dst) && !elsewhere,
            },
            Direction::In if own(frame.dst) || (owner.is_some() && group) => Ends {
                sent: !self.has_port_of(frame.src),
                arrived: true,
            },
            // A copy.
            _ if self.knows_ends(frame) => Ends::default(),
            _ => {
                let here = frame.interface;
                let [first, last] = self
                    .streams
                    .get(&stream(frame))
                    .copied()
                    .unwrap_or([here; 2]);
                Ends {
                    sent: first == here,
                    arrived: last == here,
                }
            }
        }
    }
}

impl Port {
    /// A host sends its own frames only. A switch's port may seem to, if it leads to one that hears
    /// from one other alone; where the port's own address is known, that one tells.
    fn owner(&self, address: Option<Mac>) -> Option<Mac> {
        match (self.source, address) {
            (Some(source), Some(address)) => (source == address).then_some(address),
            (Some(source), None) => Some(source),
            (None, address) => address.filter(|_| self.received),
        }
    }
}

/// Whether frames arrive before they are sent: then the ports are those of a switch between two.
fn is_backwards(frames: &[Taken], owners: &BTreeMap<u32, Mac>) -> bool {
    let mut first: HashMap<&[u8], (u32, Direction)> = HashMap::new();
    let (mut forwards, mut backwards) = (0_u64, 0_u64);
    let passed = frames.iter().filter(|f| owners.contains_key(&f.interface));
    for frame in passed.take(ORDERED) {
        let here = (frame.interface, frame.direction);
        let (interface, direction) = *first.entry(&frame.bytes).or_insert(here);
        if interface == frame.interface {
            continue;
        }
        match (direction, frame.direction) {
            (Direction::Out, Direction::In) => forwards += 1,
            (Direction::In, Direction::Out) => backwards += 1,
            _ => {}
        }
        first.remove(frame.bytes.as_slice());
    }
    backwards > forwards
}

fn stream(frame: &Taken) -> Stream {
    let wire_len = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
    let body = dissect(
        Link::Ethernet,
        &frame.bytes,
        wire_len.saturating_add(frame.cut),
    )
    .body;
    let (port, end) = match body {
        Body::Roce(packet) => (packet.sport.unwrap_or(0), packet.bth.dest_qp),
        Body::Tcp(_, segment) => (segment.src_port, u32::from(segment.dst_port)),
        _ => (0, 0),
    };
    (frame.src, frame.dst, port, end)
}

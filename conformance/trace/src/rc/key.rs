//! Who talks to whom: keys of half connections, and where they are seen from.

use crate::capture::{Direction, Frame, Interface};
use std::net::IpAddr;
use xoff_wire::{ethernet, roce};

/// Packets from one address to one queue pair of another, at one interface.
///
/// Datagrams tell their source's queue pair too; connections do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) src: u128,
    pub(super) dst: u128,
    pub(super) interface: u32,
    pub(super) dest_qp: u32,
    /// With [`DATAGRAM`]; 0 for connections.
    pub(super) src_qp: u32,
}

/// Set in [`Key::src_qp`] of datagrams.
pub(super) const DATAGRAM: u32 = 1 << 31;

impl Key {
    /// The same flow at any interface.
    pub(super) fn anywhere(mut self) -> Key {
        self.interface = 0;
        self
    }
}

/// The two addresses of a half, from source to destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Hosts {
    pub(super) src: u128,
    pub(super) dst: u128,
    pub(super) interface: u32,
}

impl Hosts {
    pub(super) fn of(key: &Key) -> Hosts {
        Hosts {
            src: key.src,
            dst: key.dst,
            interface: key.interface,
        }
    }

    pub(super) fn reversed(self) -> Hosts {
        Hosts {
            src: self.dst,
            dst: self.src,
            interface: self.interface,
        }
    }
}

/// An address as a number; IPv4 as IPv6 maps it.
#[inline]
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => 0xffff_0000_0000 | u128::from(a.to_bits()),
        IpAddr::V6(a) => a.to_bits(),
    }
}

#[inline]
pub(super) fn of(f: &Frame, p: &roce::Packet) -> Key {
    Key {
        src: number(p.network.src),
        dst: number(p.network.dst),
        interface: f.interface,
        dest_qp: p.bth.dest_qp,
        src_qp: p.extensions.deth.map_or(0, |d| d.src_qp | DATAGRAM),
    }
}

/// Where a half is seen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Source,
    Between,
    Destination,
}

/// An interface's own MAC address decides, if it is known; else a sent frame is seen at its source.
pub(super) fn place(f: &Frame, eth: &ethernet::Repr, interface: Option<&Interface>) -> Place {
    let mac = interface.and_then(|i| i.mac);
    match (mac, f.direction) {
        (Some(m), _) if m == eth.src => Place::Source,
        (Some(m), _) if m == eth.dst => Place::Destination,
        (Some(_), _) | (None, Direction::Unknown) => Place::Between,
        (None, Direction::Out) => Place::Source,
        (None, Direction::In) => Place::Destination,
    }
}

//! Captures: pcap and pcapng in and out, frame by frame.

use xoff_wire::Mac;

pub mod live;
pub mod read;
pub mod write;

/// LINKTYPE_ETHERNET, LINKTYPE_RAW, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2 of the pcap registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LinkType {
    #[default]
    Ethernet,
    RawIp,
    LinuxSll,
    LinuxSll2,
    Other(u32),
}

/// Which way a frame passed the interface that captured it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    #[default]
    Unknown,
    /// Received by the port.
    In,
    /// Sent by the port.
    Out,
}

/// Where frames were captured. Numbered over the whole file, all sections, from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    pub name: Option<String>,
    pub description: Option<String>,
    /// Bit/s.
    pub speed: Option<u64>,
    pub link_type: LinkType,
    /// 0: no limit.
    pub snaplen: u32,
    pub mac: Option<Mac>,
}

/// What the capturing system said of an interface at the end (pcapng interface statistics).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceStats {
    pub start_ns: Option<u64>,
    pub end_ns: Option<u64>,
    pub received: Option<u64>,
    /// Frames that the interface or the capturing system lost.
    pub dropped: Option<u64>,
}

/// One captured frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Position in the file from 1, as Wireshark numbers frames.
    pub number: u64,
    /// Nanoseconds since 1970, or since the start of a simulation; of a frame without a time of
    /// its own, that of the frame before, or 0.
    pub at_ns: u64,
    /// The capture says when.
    pub timed: bool,
    pub interface: u32,
    pub direction: Direction,
    /// Bytes on the wire, without FCS.
    pub original_len: u32,
    /// What was captured of it.
    pub data: &'a [u8],
}

/// A frame without FCS at a host's port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFrame {
    /// Its number in the capture that was read; None: its position in the evidence, from 1.
    pub number: Option<u64>,
    pub at_ns: u64,
    /// Index of the host, in the order of the scenario.
    pub host: usize,
    /// Sent by the host rather than received.
    pub out: bool,
    pub bytes: Vec<u8>,
    /// Bytes at its end that the capture does not have.
    pub cut: u32,
}

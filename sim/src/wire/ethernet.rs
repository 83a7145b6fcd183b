//! Ethernet II with up to two VLAN tags (802.1Q, QinQ).

use super::Mac;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VlanTag {
    /// 0x8100, 0x88a8 or 0x9100.
    pub tpid: u16,
    pub pcp: u8,
    pub dei: bool,
    pub vid: u16,
}

/// Addresses, tags and the type of what follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repr {
    pub dst: Mac,
    pub src: Mac,
    pub outer: Option<VlanTag>,
    /// Present only with `outer`.
    pub inner: Option<VlanTag>,
    /// Type, or length (below 0x600) of an 802.3 frame.
    pub ethertype: u16,
}

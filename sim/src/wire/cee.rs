//! CEE DCBX TLVs (OUI 00-1B-21): control, priority groups, PFC, applications.

/// The feature header before each sub-TLV.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feature {
    pub oper_version: u8,
    pub max_version: u8,
    pub enabled: bool,
    pub willing: bool,
    pub error: bool,
    pub subtype: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    pub oper_version: u8,
    pub max_version: u8,
    pub seq: u32,
    pub ack: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriorityGroups {
    pub feature: Feature,
    /// Group of each priority; 15 is without bandwidth limit.
    pub group: [u8; 8],
    /// Per cent per group.
    pub bandwidth: [u8; 8],
    pub tcs: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pfc {
    pub feature: Feature,
    pub enabled: u8,
    pub tcs: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct App {
    pub protocol: u16,
    /// 0 ethertype, 1 TCP or UDP port.
    pub selector: u8,
    pub oui: [u8; 3],
    /// Bit n for priority n.
    pub priorities: u8,
}

/// One CEE DCBX TLV.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repr {
    pub control: Control,
    pub groups: Option<PriorityGroups>,
    pub pfc: Option<Pfc>,
    pub apps: Option<(Feature, Vec<App>)>,
}

//! How the two ends of a link agree on DCB settings: IEEE 802.1Qaz and the older CEE.

use crate::wire::{Mac, cee, qaz};

/// Which dialect of DCBX a port speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    #[default]
    None,
    Ieee,
    Cee,
    Both,
}

/// What one end advertises, as decoded from its last LLDPDU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advertised {
    pub mac: Mac,
    pub ets: Option<qaz::Ets>,
    pub ets_recommended: Option<qaz::Ets>,
    pub pfc: Option<qaz::Pfc>,
    pub apps: Vec<qaz::App>,
    pub congestion: Option<qaz::Qcn>,
    pub cee: Option<cee::Repr>,
}

/// What one end works with after the negotiation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operational {
    pub dialect: Dialect,
    /// Priorities with PFC, bit n for priority n; None if never exchanged.
    pub pfc: Option<u8>,
    pub ets: Option<qaz::Ets>,
    pub apps: Vec<qaz::App>,
    /// Why this end does not follow the other, or what is in conflict, in words.
    pub notes: Vec<String>,
}

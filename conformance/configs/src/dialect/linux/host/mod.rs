//! What the commands of a script do to a host.

mod build;
mod commands;
mod dcb;
mod lldp;
mod mlnx;
mod sysfs;

pub(super) use build::devices;
pub(super) use commands::run;
use commands::{byte, enslave, module};
use mlnx::value_of;

use crate::fact::Fact;
use crate::lines::Lines;
use crate::remark::{Remark, RemarkKind};
use crate::source::{FileId, Span};
use std::array::from_fn;
use std::collections::BTreeMap;

/// A setting: None is not said.
pub(super) type Said<T> = Option<Fact<T>>;

/// A network interface as the script leaves it.
#[derive(Clone, Debug, Default)]
pub(super) struct Nic {
    pub(super) at: Option<Span>,
    pub(super) trust_dscp: Said<bool>,
    pub(super) pfc: [Said<bool>; 8],
    pub(super) pfc_rx: [Said<bool>; 8],
    pub(super) prio_tc: [Said<u8>; 8],
    /// By traffic class: strict, share in percent.
    pub(super) strict: [Said<bool>; 8],
    pub(super) share: [Said<u32>; 8],
    pub(super) dscp_prio: BTreeMap<u8, Fact<u8>>,
    pub(super) mtu: Said<u32>,
    pub(super) speed_mbps: Said<u64>,
    pub(super) pause_rx: Said<bool>,
    pub(super) pause_tx: Said<bool>,
    pub(super) willing: Said<bool>,
    pub(super) dcbx: Said<bool>,
    pub(super) cnp_dscp: Said<u8>,
    pub(super) cnp_priority: Said<u8>,
    pub(super) cable_m: Said<u32>,
    /// Carrier and VLAN of a VLAN interface; 0: not known.
    pub(super) vlan: Option<(String, Fact<u16>)>,
    pub(super) egress: [Said<u8>; 8],
    /// The bond that it is a member of.
    pub(super) bond: Option<(String, Span)>,
    pub(super) is_bond: bool,
}

/// What sets the marking of an RDMA device.
#[derive(Clone, Debug, Default)]
pub(super) struct Rdma {
    /// ToS byte of rdma_cm.
    pub(super) cma: Said<u8>,
    /// Traffic class of other queue pairs.
    pub(super) verbs: Said<u8>,
    pub(super) v1: Said<bool>,
    /// The interface, where a line says so.
    pub(super) nic: Option<String>,
}

/// The host while it is read.
pub(super) struct State {
    pub(super) file: FileId,
    pub(super) name: Option<(String, Span)>,
    /// In the order in which they are named; `*`: all that are not.
    pub(super) nics: Vec<(String, Nic)>,
    pub(super) rdma: Vec<(String, Rdma)>,
    /// Programs with a traffic class of their own.
    pub(super) apps: Vec<(String, Fact<u8>)>,
    /// NCCL's queue pairs that the GPU makes are not covered by others' settings.
    pub(super) gin: Option<Span>,
    pub(super) mellanox: bool,
    pub(super) intel: bool,
    pub(super) broadcom: bool,
    pub(super) remarks: Vec<Remark>,
    pub(super) lines: Lines,
    /// What is set now depends on a condition that is not known.
    pub(super) maybe: bool,
}

pub(super) const ANY: &str = "*";
const CONDITIONAL: &str = "whether this line runs depends on something that is not known";

impl State {
    pub(super) fn new(file: FileId, lines: u32) -> State {
        State {
            file,
            name: None,
            nics: Vec::new(),
            rdma: Vec::new(),
            apps: Vec::new(),
            gin: None,
            mellanox: false,
            intel: false,
            broadcom: false,
            remarks: Vec::new(),
            lines: Lines::new(file, lines),
            maybe: false,
        }
    }

    pub(super) fn span(&self, line: u32) -> Span {
        Span::line(self.file, line)
    }

    /// The interface of this name; None: every one.
    pub(super) fn nic(&mut self, name: Option<&str>, line: u32) -> &mut Nic {
        let name = name.unwrap_or(ANY);
        let at = self.span(line);
        if let Some(n) = self.nics.iter().position(|(n, _)| n == name) {
            return &mut self.nics[n].1;
        }
        // A new one has what is said of all, from now on.
        let base = self
            .nics
            .iter()
            .find(|(n, _)| n == ANY)
            .map(|(_, nic)| nic.clone());
        let nic = Nic {
            at: Some(at),
            ..base.unwrap_or_default()
        };
        self.nics.push((name.to_owned(), nic));
        let last = self.nics.len() - 1;
        &mut self.nics[last].1
    }

    /// The RDMA device of this name; None: every one.
    pub(super) fn rdma(&mut self, name: Option<&str>) -> &mut Rdma {
        let name = name.unwrap_or(ANY);
        self.mellanox |= name.starts_with("mlx");
        self.intel |= name.starts_with("irdma") || name.starts_with("rocep");
        self.broadcom |= name.starts_with("bnxt");
        if let Some(n) = self.rdma.iter().position(|(n, _)| n == name) {
            return &mut self.rdma[n].1;
        }
        self.rdma.push((name.to_owned(), Rdma::default()));
        let last = self.rdma.len() - 1;
        &mut self.rdma[last].1
    }

    /// Does something to one interface, or to every one.
    pub(super) fn each(&mut self, name: Option<&str>, line: u32, change: impl Fn(&mut Nic)) {
        self.nic(name, line);
        for (n, nic) in &mut self.nics {
            if name.is_none_or(|name| n == name) {
                change(nic);
            }
        }
    }

    /// A fact of this line: unknown if the value is, or if the line may not run.
    pub(super) fn fact<T>(&self, value: Option<T>, line: u32) -> Fact<T> {
        match value {
            _ if self.maybe => Fact::unknown(CONDITIONAL),
            Some(value) => Fact::stated(value, self.span(line)),
            None => Fact::unknown("its value comes from something that is not known"),
        }
    }

    pub(super) fn remark(
        &mut self,
        kind: RemarkKind,
        line: u32,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) {
        let at = self.span(line);
        if !self.remarks.iter().any(|r| r.at == at && r.kind == kind) {
            self.remarks
                .push(Remark::new(kind, at, cause, cure).of_priorities(0xff));
        }
    }
}

/// Eight values of a list such as `0,0,0,1,0,0,0,0`; None if it is none.
pub(super) fn eight<T: Copy>(list: &str, read: impl Fn(&str) -> Option<T>) -> Option<[T; 8]> {
    let values: Vec<T> = list
        .split(',')
        .map(|v| read(v.trim()))
        .collect::<Option<_>>()?;
    let [a, b, c, d, e, f, g, h] = values.as_slice() else {
        return None;
    };
    Some([*a, *b, *c, *d, *e, *f, *g, *h])
}

/// The bits of a mask.
pub(super) fn bits(mask: u8) -> [bool; 8] {
    from_fn(|n| mask & 1 << n != 0)
}

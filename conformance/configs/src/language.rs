//! What a dialect is, to those that have one.

use crate::device::Device;
use crate::repair::{Edit, Wish};
use crate::source::{Fault, FileId, Source};

/// A language that configurations are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    Sonic,
    NxOs,
    Os9,
    Os10,
    Eos,
    Junos,
    /// `traffic.conf`, `datapath.conf`, `qos_features.conf`.
    Cumulus,
    Nvue,
    Onyx,
    Vrp,
    /// PowerShell with the DCB cmdlets, and what `Get-` prints.
    Windows,
    /// Data files of Validate-DCB.
    ValidateDcb,
    /// Shell with `mlnx_qos`, `dcb`, `lldptool` and others, and what they print.
    Linux,
}

/// A file that is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub file: FileId,
    pub source: &'a Source,
}

/// What is known of a dialect. One per file in `dialect/`.
pub struct Language {
    pub dialect: Dialect,
    /// For `--dialect`: `nxos`.
    pub name: &'static str,
    /// As people call it: `Cisco NX-OS`.
    pub title: &'static str,
    /// How sure it is that a file is in it, from what is written there: lines, or keys, that only this
    /// dialect has. 0: nothing speaks for it. Reads at most the beginning of a long file.
    pub recognise: fn(&Source) -> u32,
    /// The devices of a file: one, or the nodes of a script.
    ///
    /// # Errors
    /// The file is not in this dialect, or cut short: nothing of it can be used.
    pub import: fn(Input) -> Result<Vec<Device>, Fault>,
    /// The lines that make a device do what is wished; None: it cannot be said in this dialect, or it
    /// is not known how.
    pub repair: fn(&Device, &Source, &Wish) -> Option<Vec<Edit>>,
}

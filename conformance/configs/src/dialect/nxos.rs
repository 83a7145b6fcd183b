//! Cisco NX-OS.

use crate::device::Device;
use crate::language::{Dialect, Input, Language};
use crate::repair::{Edit, Wish};
use crate::source::{Fault, Source};

pub static LANGUAGE: Language = Language {
    dialect: Dialect::NxOs,
    name: "nxos",
    title: "Cisco NX-OS",
    recognise,
    import,
    repair,
};

fn recognise(_: &Source) -> u32 {
    0
}

fn import(_: Input) -> Result<Vec<Device>, Fault> {
    Err(Fault::whole("this dialect is not read yet", ""))
}

fn repair(_: &Device, _: &Source, _: &Wish) -> Option<Vec<Edit>> {
    None
}

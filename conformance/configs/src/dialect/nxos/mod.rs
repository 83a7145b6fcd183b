//! Cisco NX-OS: Nexus 9000 and 3000, and 5000 with its predefined policies.

mod build;
mod read;
pub(super) use read::vlans;
mod remarks;
mod repair;
#[cfg(test)]
mod tests;

use remarks::remarks as remarked;

use crate::device::Device;
use crate::language::{Dialect, Input, Language};
use crate::source::{Fault, Source};

pub static LANGUAGE: Language = Language {
    dialect: Dialect::NxOs,
    name: "nxos",
    title: "Cisco NX-OS",
    recognise,
    import,
    repair: repair::repair,
};

const SIGNS: [(&str, u32); 17] = [
    ("class-map type qos ", 15),
    ("policy-map type qos ", 15),
    ("class type qos ", 5),
    ("class type network-qos ", 15),
    ("class type queuing ", 15),
    ("service-policy type qos input ", 15),
    ("service-policy type network-qos ", 15),
    ("service-policy type queuing ", 15),
    ("pause pfc-cos ", 15),
    ("priority-flow-control mode ", 5),
    ("priority-flow-control watch-dog", 15),
    ("set qos-group ", 3),
    ("feature ", 3),
    ("vpc domain ", 5),
    ("switchport trunk allowed vlan ", 3),
    ("bandwidth remaining percent ", 5),
    ("boot nxos ", 30),
];

/// Lines of OS10 and EOS, whose class and policy maps look much the same. One of them may be a mistake
/// in an NX-OS configuration, and weighs less than all else in it.
const OTHERS: [&str; 15] = [
    "trust dot1p-map ",
    "trust dscp-map ",
    "trust-map ",
    "qos-map ",
    "ets mode ",
    "service-policy input type ",
    "service-policy output type ",
    "interface ethernet1/1/",
    "tx-queue ",
    "uc-tx-queue ",
    "qos profile ",
    "qos map ",
    "qos rewrite ",
    "set traffic-class ",
    "priority-flow-control pause watchdog ",
];

fn recognise(source: &Source) -> u32 {
    const AGAINST: u32 = 40;
    let (mut score, mut others) = (0_u32, 0_u32);
    for line in source.text.lines().take(400).map(str::trim) {
        let signs = SIGNS.iter().filter(|(sign, _)| line.starts_with(sign));
        score += signs.map(|(_, score)| *score).max().unwrap_or(0);
        others += u32::from(OTHERS.iter().any(|sign| line.starts_with(sign)));
    }
    score.saturating_sub(others * AGAINST)
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    let read = read::read(input)?;
    if read.is_empty() {
        return Err(Fault::whole(
            "there is no interface, class or policy in the file",
            "an NX-OS configuration",
        ));
    }
    Ok(vec![build::device(input, read)])
}

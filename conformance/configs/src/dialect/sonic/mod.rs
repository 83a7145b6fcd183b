//! SONiC: `config_db.json`, and the QoS and buffer files that are made from templates.

mod build;
mod checks;
mod json;
mod qos;
mod repair;
mod state;
mod tables;
#[cfg(test)]
mod tests;

use crate::device::Device;
use crate::language::{Dialect, Input, Language};
use crate::source::{Fault, Source};

pub static LANGUAGE: Language = Language {
    dialect: Dialect::Sonic,
    name: "sonic",
    title: "SONiC",
    recognise,
    import,
    repair: repair::repair,
};

/// Tables that no other JSON has.
const SIGNS: [&str; 15] = [
    "\"DSCP_TO_TC_MAP",
    "\"PORT_QOS_MAP",
    "\"BUFFER_PG",
    "\"BUFFER_PROFILE",
    "\"BUFFER_POOL",
    "\"WRED_PROFILE",
    "\"TC_TO_QUEUE_MAP",
    "\"MAP_PFC_PRIORITY_TO_QUEUE",
    "\"TC_TO_PRIORITY_GROUP_MAP",
    "\"PFC_WD",
    "\"CABLE_LENGTH",
    "\"DEVICE_METADATA\"",
    "\"PORTCHANNEL\"",
    "\"DOT1P_TO_TC_MAP",
    "\"BUFFER_QUEUE",
];

/// A long file is looked at up to here first.
const BEGINNING: usize = 1 << 16;

fn recognise(source: &Source) -> u32 {
    let Some(start) = json::start(&source.text) else {
        return 0;
    };
    let text = &source.text[start..];
    let mut end = text.len().min(BEGINNING);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let count = |text: &str| {
        let found = SIGNS.iter().filter(|sign| text.contains(**sign)).count();
        let ports = text.contains("\"Ethernet") && text.contains("\"PORT\"");
        u32::try_from(found * 30).unwrap_or(0) + if ports { 20 } else { 0 }
    };
    match count(&text[..end]) {
        0 if end < text.len() => count(text),
        score => score,
    }
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    let document = tables::Document::read(input)?;
    Ok(build::devices(input, &document))
}

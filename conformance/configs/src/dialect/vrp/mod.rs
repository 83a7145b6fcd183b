//! Huawei VRP, as on CloudEngine switches.

mod interface;
mod port;
mod remarks;
mod repair;
mod script;
mod state;
#[cfg(test)]
mod tests;
mod values;

use crate::device::{Device, Kind};
use crate::language::{Dialect, Input, Language};
use crate::lines::Lines;
use crate::source::{Fault, Source, Span};
use port::Builder;
use state::State;
use std::collections::BTreeMap;
use values::{Interface, Outcome};

pub static LANGUAGE: Language = Language {
    dialect: Dialect::Vrp,
    name: "vrp",
    title: "Huawei VRP",
    recognise,
    import,
    repair: repair::repair,
};

/// Lines that are read to tell the dialect.
const LOOK: usize = 400;

fn recognise(source: &Source) -> u32 {
    let mut strong = 0;
    let mut weak = 0;
    for line in source.text.lines().take(LOOK) {
        let (much, little) = telling(line);
        strong += much;
        weak += little;
    }
    // What Huawei shares with its relatives speaks for it only beside what is its own.
    if strong > 0 { strong + weak } else { 0 }
}

fn telling(line: &str) -> (u32, u32) {
    let bare = line.trim();
    let bare = match bare.split_once(']') {
        Some((prompt, rest)) if prompt.starts_with("[~") || prompt.starts_with("[*") => rest.trim(),
        _ => bare,
    };
    let bare = bare.strip_prefix("undo ").unwrap_or(bare);
    let mut words = bare.split_ascii_whitespace();
    let first = words.next().unwrap_or_default();
    let second = words.next().unwrap_or_default();
    match (first, second) {
        ("dcb", "pfc" | "ets-profile" | "ets" | "compliance" | "app-profile") => (12, 0),
        ("diffserv", "domain") | ("ip-dscp-inbound" | "8021p-inbound", _) => (10, 0),
        ("trust", "upstream") | ("drop-profile", _) | ("jumboframe", "enable") => (8, 0),
        ("portswitch", _) => (8, 0),
        ("!Software", "Version") if bare.contains("V200R") || bare.contains("V300R") => (12, 0),
        ("interface", name) => {
            let name = name.to_ascii_uppercase();
            let ours = values::by_name(name.as_str()).is_some_and(|_| !name.starts_with('G'));
            (if ours { 8 } else { 0 }, 0)
        }
        ("port", "link-type") | ("sysname" | "return", _) => (0, 3),
        _ => (0, 0),
    }
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    let commands = script::commands(input);
    let mut state = State::new();
    // What was typed and not committed is not in force; it is read only to account for its lines.
    let mut candidate = State::new();
    let mut lines = Lines::new(input.file, input.source.lines());
    let mut known = false;
    for command in &commands {
        let outcome = if command.uncommitted {
            candidate.run(command)
        } else {
            state.run(command)
        };
        known |= outcome != Outcome::Other || command.word(0) == "sysname";
        match outcome {
            Outcome::Other => {}
            Outcome::Understood => lines.understood(command.at.line),
            Outcome::Unknown(why) => lines.unknown(command.at.line, why),
        }
    }
    if !known && state.interfaces.is_empty() {
        return Err(Fault::whole(
            "no statement of VRP that is known",
            "statements such as `interface 100GE1/0/1` or `dcb pfc`",
        ));
    }
    remarks::tell(&mut state, &commands);
    Ok(vec![device(state, input, lines)])
}

fn device(mut state: State, input: Input, lines: Lines) -> Device {
    let mut remarks = std::mem::take(&mut state.remarks);
    remarks.sort_by_key(|r| r.at);
    remarks.dedup();
    let lags: BTreeMap<&str, &Interface> = state
        .interfaces
        .iter()
        .filter(|i| i.name.starts_with("Eth-Trunk"))
        .map(|i| (i.name.as_str(), i))
        .collect();
    let mut builder = Builder::new(&state);
    let ports = state
        .interfaces
        .iter()
        .map(|port| {
            let lag = port.trunk.as_ref().and_then(|t| lags.get(t.value.as_str()));
            let own = of_members(&state, port);
            builder.port(own.as_ref().unwrap_or(port), lag.copied())
        })
        .collect();
    let nobody = Interface::new("", Span::line(input.file, 1));
    let mut other_ports = builder.port(&nobody, None);
    other_ports.at = None;
    let stem = input.source.stem().to_owned();
    Device {
        name: state.name.map_or(stem.clone(), str::to_owned),
        alias: stem,
        dialect: Dialect::Vrp,
        kind: Kind::Switch,
        file: input.file,
        ports,
        other_ports,
        peer_link: state
            .interfaces
            .iter()
            .find_map(|i| Some((i.name.clone(), i.peer_link?))),
        bounce: None,
        host: None,
        remarks,
        lines,
    }
}

/// An Eth-Trunk has the PFC of its first member, since PFC is a matter of members.
fn of_members<'a>(state: &State<'a>, port: &Interface<'a>) -> Option<Interface<'a>> {
    if !port.name.starts_with("Eth-Trunk") {
        return None;
    }
    let member = state
        .interfaces
        .iter()
        .find(|m| m.trunk.as_ref().is_some_and(|t| t.value == port.name))?;
    let mut own = port.clone();
    own.pfc = own.pfc.or(member.pfc);
    own.dcbx = own.dcbx.or(member.dcbx);
    own.ets = own.ets.or(member.ets);
    Some(own)
}

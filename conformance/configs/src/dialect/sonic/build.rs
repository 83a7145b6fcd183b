//! Devices and ports of what the tables say.

use super::checks;
use super::qos;
use super::state::{State, metres};
use super::tables::{About, Document, Tables, about};
use crate::device::*;
use crate::fact::Fact;
use crate::language::{Dialect, Input};
use crate::lines::Lines;
use crate::source::Span;
use xoff_model::units::{BitRate, Length};

/// One device; of a database of several ASICs, one for each.
pub(super) fn devices(input: Input, document: &Document) -> Vec<Device> {
    let parts = document.parts();
    let mut host = None;
    let mut devices = Vec::new();
    for part in &parts {
        let (tables, twice) = part.tables();
        let state = State::new(&tables);
        let own = state.metadata("hostname").map(str::to_owned);
        let asic = part.asic.or_else(|| state.metadata("asic_name"));
        if part.asic.is_none() && parts.len() > 1 {
            host = own.clone();
        }
        let alias = input.source.stem().to_owned();
        let name = own
            .or_else(|| host.clone())
            .unwrap_or_else(|| alias.clone());
        let named = |name: &str| match asic {
            Some(asic) if !name.ends_with(asic) => format!("{name}-{asic}"),
            _ => name.to_owned(),
        };
        devices.push(Device {
            alias: match parts.len() {
                1 => alias,
                _ => named(&alias),
            },
            name: named(&name),
            dialect: Dialect::Sonic,
            kind: Kind::Switch,
            file: input.file,
            ports: ports(&state),
            other_ports: port(&state, "*", None),
            peer_link: None,
            bounce: bounce(&state),
            host: None,
            remarks: checks::check(document, part, &state, &twice),
            lines: lines(input, &tables),
        });
    }
    // The part of the switch itself has no ports of its own.
    match devices.iter().any(|d| !d.ports.is_empty()) && devices.len() > 1 {
        true => devices
            .into_iter()
            .filter(|d| !d.ports.is_empty())
            .collect(),
        false => devices,
    }
}

fn ports(state: &State) -> Vec<Port> {
    let names = state.port_names();
    let mut ports: Vec<Port> = names
        .iter()
        .map(|&(name, at)| port(state, name, Some(at)))
        .collect();
    // Maps and PFC are bound to members; the LAG does what they do.
    for n in 0..ports.len() {
        if ports[n].kind != PortKind::Lag {
            continue;
        }
        let lag = &ports[n].name;
        let member = |p: &&Port| p.lag.as_ref().is_some_and(|(name, _)| name == lag);
        if let Some(qos) = ports.iter().find(member).map(|p| p.qos.clone()) {
            ports[n].qos = qos;
        }
    }
    ports
}

/// Dual-ToR: frames for a server whose active path is the other switch go there through a tunnel.
fn bounce(state: &State) -> Option<Bounce> {
    let rows = state.rows("TUNNEL").iter();
    let mut muxes = rows.filter(|r| r.key.first().is_some_and(|k| k.starts_with("Mux")));
    let tunnel = muxes.next()?;
    state.rows("MUX_CABLE").first()?;
    let maps = [
        "encap_tc_to_queue_map",
        "decap_tc_to_pg_map",
        "decap_dscp_to_tc_map",
    ];
    let remapped = maps.iter().any(|f| tunnel.field(f).is_some());
    Some(Bounce {
        at: tunnel.at,
        remapped,
    })
}

/// What PORT says of QoS; the rest of it is of no bearing.
const PORT_FIELDS: [&str; 4] = ["mtu", "speed", "pfc_asym", "fec"];

fn lines(input: Input, tables: &Tables) -> Lines {
    let mut lines = Lines::new(input.file, input.source.lines());
    for (name, rows) in tables {
        let about = about(name);
        if about == About::Other {
            continue;
        }
        for row in rows {
            let why = |line: u32, what: String, lines: &mut Lines| match about {
                About::Unknown => {
                    lines.unknown(line, format!("what table {name} does is not known"))
                }
                _ => lines.unknown(line, what),
            };
            if row.fields.entries().is_empty() && name != "PORT" {
                match about {
                    About::Qos => lines.understood(row.at.line),
                    _ => why(row.at.line, String::new(), &mut lines),
                }
            }
            for (key, value) in row.fields.entries() {
                if name == "PORT" && !PORT_FIELDS.contains(&key.text.as_str()) {
                    continue;
                }
                let known = about == About::Qos && checks::known(name, &key.text);
                for line in key.at.line..=value.at.end_line {
                    match known {
                        true => lines.understood(line),
                        false => {
                            let what = format!("what `{}` does in {name} is not known", key.text);
                            why(line, what, &mut lines);
                        }
                    }
                }
            }
        }
    }
    lines
}

fn port(state: &State, name: &str, at: Option<Span>) -> Port {
    let mut port = Port::unknown(name, "no table says it");
    port.at = at;
    port.kind = match name.starts_with("PortChannel") {
        true => PortKind::Lag,
        false => PortKind::Physical,
    };
    let row = state.ports.get(name).copied();
    if let Some(row) = row {
        match row.field("admin_status") {
            Some(("down", at)) => port.enabled = Fact::stated(false, at),
            Some(("up", at)) => port.enabled = Fact::stated(true, at),
            _ => {}
        }
        if let Some((mbps, at)) = row.number("speed").filter(|(m, _)| *m > 0) {
            port.speed = Fact::stated(BitRate::from_bps(mbps.saturating_mul(1_000_000)), at);
        }
        if let Some((text, at)) = row.field("description").filter(|(t, _)| !t.is_empty()) {
            port.description = Some((text.to_owned(), at));
        }
    }
    port.lag = state.lags.get(name).map(|&(lag, at)| (lag.to_owned(), at));
    // Members have the MTU of their LAG. MTUs are of IP packets.
    let lag = port
        .lag
        .as_ref()
        .and_then(|(lag, _)| state.ports.get(lag.as_str()));
    let mtu = lag
        .and_then(|r| r.number("mtu"))
        .or_else(|| row.and_then(|r| r.number("mtu")));
    port.mtu = match mtu {
        Some((mtu, at)) => Fact::stated(u32::try_from(mtu).unwrap_or(u32::MAX), at),
        None => Fact::default(9100, "SONiC ports have an MTU of 9100"),
    };
    neighbor(state, &mut port);
    if let Some(&(text, at)) = state.cables.get(name)
        && let Some(metres) = metres(text).filter(|m| *m > 0)
    {
        port.cable = Fact::stated(Length(metres.saturating_mul(1000)), at);
    }
    switching(state, &mut port);
    let asymmetric = row
        .and_then(|r| r.field("pfc_asym"))
        .filter(|(v, _)| *v == "on");
    port.qos = qos::qos(state, name, asymmetric.map(|(_, at)| at));
    port
}

/// What is at the other end, in the words that descriptions have.
fn neighbor(state: &State, port: &mut Port) {
    let Some(row) = state.neighbors.get(port.name.as_str()) else {
        return;
    };
    if port.description.is_some() {
        return;
    }
    if let Some((device, at)) = row.field("name") {
        let far = row.field("port").map(|(p, _)| format!(" {p}"));
        port.description = Some((format!("{device}{}", far.unwrap_or_default()), at));
    }
}

fn switching(state: &State, port: &mut Port) {
    let lag = port.lag.as_ref().map(|(lag, _)| lag.as_str());
    let name = port.name.as_str();
    let routed = state
        .routed
        .get(name)
        .or_else(|| state.routed.get(lag.unwrap_or(name)));
    if let Some(&at) = routed {
        port.routed = Fact::implied(true, at, "a port with an address is routed");
        return;
    }
    let own = state.vlans.get(name);
    let Some(all) = own.or_else(|| state.vlans.get(lag.unwrap_or(name))) else {
        return;
    };
    let Some(first) = all.first() else { return };
    let untagged = all.iter().find(|m| !m.tagged);
    let tagged: Vec<(u16, u16)> = all
        .iter()
        .filter(|m| m.tagged)
        .map(|m| (m.vlan, m.vlan))
        .collect();
    port.routed = Fact::implied(false, first.at, "a member of a VLAN is switched");
    port.native_vlan = Fact::stated(
        untagged.map(|m| m.vlan),
        untagged.map_or(first.at, |m| m.at),
    );
    let at = all.iter().find(|m| m.tagged).map_or(first.at, |m| m.at);
    port.tagged_vlans = Fact::stated(Vlans::These(tagged), at);
}

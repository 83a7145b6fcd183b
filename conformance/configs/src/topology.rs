//! Which port is connected to which: from a file, from descriptions, or by default.

use crate::device::{Device, Kind, PortKind};
use crate::names;
use crate::source::{Fault, FileId, Source, Span};
use serde::Deserialize;
use toml::Spanned;
use xoff_model::scalar::Scalar;
use xoff_model::units::{BitRate, Length};

/// A cable between two ports, as it was given or guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cable {
    pub a: PortName,
    pub b: PortName,
    pub rate: Option<BitRate>,
    pub length: Option<Length>,
    /// In the topology file.
    pub at: Option<Span>,
}

/// `leaf1:Ethernet1/1`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortName {
    pub device: String,
    pub port: String,
}

/// All cables, and what was assumed to know them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    pub cables: Vec<Cable>,
    pub assumed: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    link: Vec<RawLink>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLink {
    a: Spanned<String>,
    b: Spanned<String>,
    rate: Option<Spanned<String>>,
    cable: Option<Spanned<String>>,
}

/// Reads a topology file: `[[link]]` with `a` and `b` as `device:port`, and `rate` and `cable` where
/// they are known.
///
/// # Errors
/// Syntax, unknown keys, quantities that cannot be.
pub fn read(file: FileId, source: &Source) -> Result<Topology, Fault> {
    let span = |range: std::ops::Range<usize>| span_of(file, &source.text, range);
    let raw: Raw = toml::from_str(&source.text).map_err(|e| Fault {
        at: e.span().map(span),
        what: e.message().trim().to_owned(),
        expected: "[[link]] tables with a, b, rate and cable".to_owned(),
    })?;
    let mut cables: Vec<Cable> = Vec::new();
    for link in &raw.link {
        let end = |text: &Spanned<String>| {
            let (device, port) = text.get_ref().split_once(':').unwrap_or_default();
            if device.trim().is_empty() || port.trim().is_empty() {
                let found = format!("`{}` is no port", text.get_ref());
                return Err(Fault::new(span(text.span()), found, "`device:port`"));
            }
            Ok(PortName {
                device: device.trim().to_owned(),
                port: port.trim().to_owned(),
            })
        };
        let (a, b) = (end(&link.a)?, end(&link.b)?);
        let quantity = |text: &Option<Spanned<String>>| {
            text.as_ref().map(|t| (t.get_ref().clone(), span(t.span())))
        };
        let rate = match quantity(&link.rate) {
            None => None,
            Some((text, at)) => Some(
                BitRate::from_text(&text)
                    .ok()
                    .filter(|rate| rate.bps() > 0)
                    .ok_or_else(|| {
                        Fault::new(at, format!("`{text}` is no rate"), "such as 100Gbps")
                    })?,
            ),
        };
        let length = match quantity(&link.cable) {
            None => None,
            Some((text, at)) => Some(
                Length::from_text(&text)
                    .map_err(|_| Fault::new(at, format!("`{text}` is no length"), "such as 5m"))?,
            ),
        };
        let at = Some(span(link.a.span()));
        cables.push(Cable {
            a,
            b,
            rate,
            length,
            at,
        });
    }
    Ok(Topology {
        cables,
        assumed: Vec::new(),
    })
}

fn span_of(file: FileId, text: &str, range: std::ops::Range<usize>) -> Span {
    let before = &text[..range.start.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |n| n + 1) + 1;
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span {
        file,
        line: number(line),
        column: number(column),
        len: number(range.len()),
        end_line: number(line),
    }
}

/// The cables that the configurations themselves tell of: descriptions of ports that name another
/// device, and then, if there is one switch only, a port of it for each host.
pub fn derive(devices: &[Device]) -> Topology {
    let mut topology = described(devices);
    let linked = |name: &str, t: &Topology| {
        t.cables
            .iter()
            .any(|c| [&c.a, &c.b].iter().any(|e| e.device == name))
    };
    let mut switches = devices.iter().filter(|d| d.kind == Kind::Switch);
    let (one, more) = (switches.next(), switches.next());
    if let (Some(switch), None) = (one, more) {
        let hosts: Vec<&Device> = devices
            .iter()
            .filter(|d| d.kind == Kind::Host && !linked(&d.name, &topology))
            .collect();
        one_switch(switch, &hosts, &mut topology);
    }
    if topology.cables.is_empty() && one.is_none() {
        two_hosts(devices, &mut topology);
    }
    topology
}

/// Names of devices in descriptions; the port of the other end too, if the text has it or the other
/// end's description names this device.
fn described(devices: &[Device]) -> Topology {
    let mut topology = Topology::default();
    let mut taken: Vec<PortName> = Vec::new();
    for (n, device) in devices.iter().enumerate() {
        for port in device.ports.iter().filter(|p| p.kind == PortKind::Physical) {
            let Some((text, _)) = &port.description else {
                continue;
            };
            let here = PortName {
                device: device.name.clone(),
                port: port.name.clone(),
            };
            let other = devices
                .iter()
                .enumerate()
                .find(|&(m, d)| m != n && mentions(text, d));
            let Some((_, other)) = other.filter(|_| !taken.contains(&here)) else {
                continue;
            };
            let Some(far) = far_port(device, &port.name, text, other, &taken) else {
                continue;
            };
            topology.assumed.push(format!(
                "{}:{} is connected to {}:{far}, as its description `{text}` says",
                device.name, port.name, other.name
            ));
            let there = PortName {
                device: other.name.clone(),
                port: far,
            };
            taken.extend([here.clone(), there.clone()]);
            topology.cables.push(Cable {
                a: here,
                b: there,
                rate: None,
                length: None,
                at: None,
            });
        }
    }
    topology
}

/// Whether a text names a device as a word of its own.
fn mentions(text: &str, device: &Device) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    text.split(|c: char| !part(c)).any(|word| {
        let is = |name: &str| !name.is_empty() && word.eq_ignore_ascii_case(name);
        is(&device.name) || is(&device.alias)
    })
}

fn far_port(
    device: &Device,
    port: &str,
    text: &str,
    other: &Device,
    taken: &[PortName],
) -> Option<String> {
    let free = |name: &str| {
        !taken
            .iter()
            .any(|t| t.device == other.name && names::key(&t.port) == names::key(name))
    };
    let physical = || {
        other
            .ports
            .iter()
            .filter(|p| p.kind == PortKind::Physical && free(&p.name))
    };
    let named = |name: &str| {
        text.split_whitespace()
            .any(|word| names::key(word.trim_matches([',', ';', '(', ')'])) == names::key(name))
    };
    if let Some(far) = physical().find(|p| named(&p.name)) {
        return Some(far.name.clone());
    }
    // The other end that describes this device; this very port if it says so.
    let back = |p: &&crate::device::Port| {
        p.description
            .as_ref()
            .is_some_and(|(text, _)| mentions(text, device))
    };
    let exact = |p: &&crate::device::Port| {
        let words = p.description.as_ref().map_or("", |(text, _)| text.as_str());
        words
            .split_whitespace()
            .any(|word| names::key(word) == names::key(port))
    };
    let far = physical()
        .filter(back)
        .find(exact)
        .or_else(|| physical().find(back));
    if let Some(far) = far {
        return Some(far.name.clone());
    }
    // Hosts do not describe their ports: the first one with RDMA that is free.
    (other.kind == Kind::Host).then(|| {
        physical()
            .find(|p| p.rdma.is_some())
            .map(|p| p.name.clone())
    })?
}

/// Each host is put on a port of its own of the only switch.
fn one_switch(switch: &Device, hosts: &[&Device], topology: &mut Topology) {
    let used = |t: &Topology, name: &str| {
        t.cables.iter().any(|c| {
            [&c.a, &c.b]
                .iter()
                .any(|e| e.device == switch.name && e.port == name)
        })
    };
    let peer = switch.peer_link.as_ref().map(|(name, _)| name.as_str());
    let usable = |p: &&crate::device::Port| {
        p.kind == PortKind::Physical
            && !p.enabled.is(&false)
            && Some(p.name.as_str()) != peer
            && p.lag.is_none()
    };
    let mut ports: Vec<String> = switch
        .ports
        .iter()
        .filter(usable)
        .map(|p| p.name.clone())
        .collect();
    ports.retain(|name| !used(topology, name));
    let ends = hosts.iter().flat_map(|host| {
        let rdma = host
            .ports
            .iter()
            .filter(|p| p.kind == PortKind::Physical && p.rdma.is_some());
        rdma.map(|p| (host.name.clone(), p.name.clone()))
    });
    for ((host, port), far) in ends.zip(ports) {
        topology.assumed.push(format!(
            "{host}:{port} is connected to {}:{far}: no topology was given, and there is one switch",
            switch.name
        ));
        topology.cables.push(Cable {
            a: PortName {
                device: switch.name.clone(),
                port: far,
            },
            b: PortName { device: host, port },
            rate: None,
            length: None,
            at: None,
        });
    }
}

/// Two hosts alone are connected back to back.
fn two_hosts(devices: &[Device], topology: &mut Topology) {
    let ends: Vec<PortName> = devices
        .iter()
        .filter_map(|d| {
            let port = d
                .ports
                .iter()
                .find(|p| p.kind == PortKind::Physical && p.rdma.is_some())?;
            Some(PortName {
                device: d.name.clone(),
                port: port.name.clone(),
            })
        })
        .collect();
    let [a, b] = ends.as_slice() else { return };
    topology.assumed.push(format!(
        "{}:{} and {}:{} are one cable: there are two hosts and no switch",
        a.device, a.port, b.device, b.port
    ));
    topology.cables.push(Cable {
        a: a.clone(),
        b: b.clone(),
        rate: None,
        length: None,
        at: None,
    });
}

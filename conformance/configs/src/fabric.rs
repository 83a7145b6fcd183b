//! Devices on a topology.

use crate::device::{Device, Kind, Port};
use crate::names;
use crate::source::{Fault, FileId, Source, Span};
use crate::topology::{Cable, PortName, Topology};
use std::collections::BTreeMap;
use xoff_model::units::{BitRate, Length};

/// A device by its position in [`Fabric::nodes`].
pub type NodeId = usize;

/// Everything that is checked together.
#[derive(Clone, Debug)]
pub struct Fabric {
    /// By [`FileId`].
    pub sources: Vec<Source>,
    /// The devices, then the names that only the topology knows.
    pub nodes: Vec<Node>,
    pub links: Vec<Link>,
    /// What was assumed to get here, and what of the topology has no configuration; sentences.
    pub notes: Vec<String>,
    /// The links of each node.
    touching: Vec<Vec<usize>>,
}

/// A device, or a name without a configuration.
#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    pub device: Option<Device>,
}

/// A cable.
#[derive(Clone, Debug)]
pub struct Link {
    pub ends: [End; 2],
    pub rate: Option<BitRate>,
    pub cable: Option<Length>,
    pub at: Option<Span>,
}

/// A port of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    pub node: NodeId,
    /// Index into the device's ports; of a name without a configuration: 0.
    pub port: usize,
}

impl Fabric {
    /// Puts devices on a topology.
    ///
    /// # Errors
    /// Two devices of one name, a port with two cables.
    pub fn new(
        sources: Vec<Source>,
        devices: Vec<Device>,
        topology: Topology,
    ) -> Result<Fabric, Fault> {
        let mut names: BTreeMap<String, (NodeId, FileId)> = BTreeMap::new();
        for (n, device) in devices.iter().enumerate() {
            if let Some((_, other)) =
                names.insert(device.name.to_ascii_lowercase(), (n, device.file))
            {
                let path =
                    |file: FileId| sources.get(file.0 as usize).map_or("", |s| s.path.as_str());
                return Err(Fault {
                    at: Some(Span::line(device.file, 1)),
                    what: format!(
                        "`{}` is the name of a device in {}, too",
                        device.name,
                        path(other)
                    ),
                    expected: "one configuration of each device".to_owned(),
                });
            }
        }
        for (n, device) in devices.iter().enumerate() {
            names
                .entry(device.alias.to_ascii_lowercase())
                .or_insert((n, device.file));
        }
        let nodes = devices.into_iter().map(|device| Node {
            name: device.name.clone(),
            device: Some(device),
        });
        let mut fabric = Fabric {
            sources,
            nodes: nodes.collect(),
            links: Vec::new(),
            notes: topology.assumed,
            touching: Vec::new(),
        };
        let mut known: BTreeMap<String, NodeId> =
            names.into_iter().map(|(name, (n, _))| (name, n)).collect();
        for cable in &topology.cables {
            let ends = [&cable.a, &cable.b].map(|name| fabric.end(name, &mut known));
            fabric.refuse_two(ends, cable)?;
            fabric.join(ends, cable);
        }
        fabric.touching = vec![Vec::new(); fabric.nodes.len()];
        for (n, link) in fabric.links.iter().enumerate() {
            for end in link.ends {
                fabric.touching[end.node].push(n);
            }
        }
        Ok(fabric)
    }

    fn end(&mut self, name: &PortName, known: &mut BTreeMap<String, NodeId>) -> End {
        let key = name.device.to_ascii_lowercase();
        let node = *known.entry(key).or_insert_with(|| {
            self.notes.push(format!(
                "{} has no configuration here: what it does is unknown",
                name.device
            ));
            self.nodes.push(Node {
                name: name.device.clone(),
                device: None,
            });
            self.nodes.len() - 1
        });
        let Some(device) = &mut self.nodes[node].device else {
            return End { node, port: 0 };
        };
        let wanted = names::key(&name.port);
        let found = device
            .ports
            .iter()
            .position(|p| names::key(&p.name) == wanted);
        let port = found.unwrap_or_else(|| {
            self.notes.push(format!(
                "{} configures no port {}: it has what such a port has by default",
                device.name, name.port
            ));
            let port = Port {
                name: name.port.clone(),
                ..device.other_ports.clone()
            };
            device.ports.push(port);
            device.ports.len() - 1
        });
        End { node, port }
    }

    /// A port with a configuration has one cable; of others it is not known what they are.
    fn refuse_two(&self, ends: [End; 2], cable: &Cable) -> Result<(), Fault> {
        let used = |end: &&End| {
            let taken = self.links.iter().any(|l| l.ends.contains(end));
            taken && self.device(end.node).is_some()
        };
        match ends.iter().find(used) {
            None => Ok(()),
            Some(end) => Err(Fault {
                at: cable.at,
                what: format!("`{}` has a cable already", self.label(*end)),
                expected: "one cable for each port".to_owned(),
            }),
        }
    }

    fn join(&mut self, ends: [End; 2], cable: &Cable) {
        let ports = ends.map(|end| self.port(end));
        let speed = ports.iter().flatten().find_map(|port| port.speed.value());
        let length = ports.iter().flatten().find_map(|port| port.cable.value());
        let link = Link {
            ends,
            rate: cable.rate.or(speed),
            cable: cable.length.or(length),
            at: cable.at,
        };
        self.links.push(link);
    }

    pub fn device(&self, node: NodeId) -> Option<&Device> {
        self.nodes[node].device.as_ref()
    }

    pub fn port(&self, end: End) -> Option<&Port> {
        self.device(end.node)?.ports.get(end.port)
    }

    /// The links of a node, by index.
    pub fn links_of(&self, node: NodeId) -> &[usize] {
        &self.touching[node]
    }

    /// `leaf1:Ethernet1/1`
    pub fn label(&self, end: End) -> String {
        let node = &self.nodes[end.node];
        match self.port(end) {
            Some(port) => format!("{}:{}", node.name, port.name),
            None => node.name.clone(),
        }
    }

    /// A host, or a name without a configuration at the edge: frames end there.
    pub fn is_host(&self, node: NodeId) -> bool {
        match self.device(node) {
            Some(device) => device.kind == Kind::Host,
            None => self.links_of(node).len() <= 1,
        }
    }

    /// The same with a link out of order.
    pub fn without(&self, link: usize) -> Fabric {
        let mut fabric = self.clone();
        for links in &mut fabric.touching {
            links.retain(|&n| n != link);
        }
        fabric
    }

    /// All nodes with a configuration.
    pub fn devices(&self) -> impl Iterator<Item = (NodeId, &Device)> {
        self.nodes
            .iter()
            .enumerate()
            .filter_map(|(n, node)| Some((n, node.device.as_ref()?)))
    }

    /// The link at a port, and its other end.
    pub fn peer(&self, end: End) -> Option<(&Link, End)> {
        let link = self
            .links_of(end.node)
            .iter()
            .map(|&n| &self.links[n])
            .find(|l| l.ends.contains(&end))?;
        Some((link, link.other(end)))
    }

    pub fn source(&self, file: FileId) -> &Source {
        &self.sources[file.0 as usize]
    }
}

impl Link {
    /// The end that is not this one.
    pub fn other(&self, end: End) -> End {
        let [a, b] = self.ends;
        if a == end { b } else { a }
    }
}

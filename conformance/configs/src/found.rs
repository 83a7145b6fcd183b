//! Findings while they are collected: about ports of a device, grouped by what they say.

use crate::fabric::{End, Fabric, NodeId};
use crate::repair::Wish;
use crate::source::Span;
use xoff_checks::catalogue::Check;
use xoff_checks::finding::{Finding, Place, Severity, Where};

/// What a finding claims to cost, so that a simulation can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// Frames of RDMA are dropped when the network is busy.
    Drops,
    /// Frames of RDMA never arrive, whatever the load.
    Lost,
    /// Pause comes where marks should have.
    Pauses,
    /// Nothing that traffic shows by itself.
    Nothing,
}

/// What a simulation showed of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Whether it showed what the finding claims. None: there is nothing that traffic would show, or it
    /// was not run.
    pub shown: Option<bool>,
    /// What was counted, one sentence.
    pub says: String,
}

/// One thing that was found in configurations.
#[derive(Clone, Debug)]
pub struct Found {
    pub check: &'static Check,
    pub severity: Severity,
    /// It depends on something that is not known: what, and why. It is then a note.
    pub unknown: Option<String>,
    /// The device that it is about.
    pub node: NodeId,
    /// Ports of it, in the order in which they were found; empty: the device as a whole.
    pub ports: Vec<String>,
    /// What is wrong and why, in sentences, without the names of the ports.
    pub cause: String,
    pub cure: String,
    /// The line that is shown, then those that belong to it. Never empty.
    pub places: Vec<Span>,
    /// What would cure it.
    pub wishes: Vec<(NodeId, Wish)>,
    pub claim: Claim,
    pub proof: Option<Proof>,
    /// Hosts whose RDMA it concerns.
    pub hosts: Vec<NodeId>,
}

impl Found {
    pub fn new(
        check: &'static Check,
        severity: Severity,
        node: NodeId,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) -> Found {
        Found {
            check,
            severity,
            unknown: None,
            node,
            ports: Vec::new(),
            cause: cause.into(),
            cure: cure.into(),
            places: Vec::new(),
            wishes: Vec::new(),
            claim: Claim::Nothing,
            proof: None,
            hosts: Vec::new(),
        }
    }

    pub fn error(
        check: &'static Check,
        node: NodeId,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) -> Found {
        Found::new(check, Severity::Error, node, cause, cure)
    }

    pub fn warning(
        check: &'static Check,
        node: NodeId,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) -> Found {
        Found::new(check, Severity::Warning, node, cause, cure)
    }

    /// A note, because of something unknown.
    pub fn unknown(
        check: &'static Check,
        node: NodeId,
        cause: impl Into<String>,
        why: impl Into<String>,
    ) -> Found {
        Found {
            unknown: Some(why.into()),
            ..Found::new(
                check,
                Severity::Note,
                node,
                cause,
                "Give the configuration that says it, and check again.",
            )
        }
    }

    #[must_use]
    pub fn port(mut self, name: impl Into<String>) -> Found {
        self.ports.push(name.into());
        self
    }

    #[must_use]
    pub fn at(mut self, places: impl IntoIterator<Item = Span>) -> Found {
        self.places.extend(places);
        self
    }

    #[must_use]
    pub fn wish(mut self, wish: Wish) -> Found {
        self.wishes.push((self.node, wish));
        self
    }

    #[must_use]
    pub fn claims(mut self, claim: Claim) -> Found {
        self.claim = claim;
        self
    }

    #[must_use]
    pub fn of_host(mut self, host: NodeId) -> Found {
        self.hosts.push(host);
        self
    }

    /// Says the same of other ports, and can be one with it.
    fn same(&self, other: &Found) -> bool {
        self.check == other.check
            && self.node == other.node
            && self.severity == other.severity
            && self.cause == other.cause
            && self.unknown == other.unknown
    }

    /// `leaf1: Ethernet1/1, Ethernet1/2`
    pub fn subject(&self, fabric: &Fabric) -> String {
        let name = &fabric.nodes[self.node].name;
        match self.ports.as_slice() {
            [] => name.clone(),
            [first, .., last] if self.ports.len() > 4 => {
                format!("{name}: {first} ... {last} ({} ports)", self.ports.len())
            }
            ports => format!("{name}: {}", ports.join(", ")),
        }
    }

    /// As all findings are shown.
    pub fn finding(&self, fabric: &Fabric) -> Finding {
        Finding {
            check: self.check,
            severity: self.severity,
            inconclusive: self.unknown.clone(),
            subject: self.subject(fabric),
            cause: self.cause.clone(),
            cure: self.cure.clone(),
            count: self.ports.len().max(1) as u64,
            at: Where::Text(
                self.places
                    .iter()
                    .map(|&span| place(fabric, span))
                    .collect(),
            ),
        }
    }
}

/// A span with the name of its file.
pub fn place(fabric: &Fabric, span: Span) -> Place {
    Place {
        file: fabric.source(span.file).path.clone(),
        line: span.line.into(),
        end_line: span.end_line.into(),
        column: if span.len == 0 { 0 } else { span.column.into() },
        len: span.len.into(),
    }
}

/// Findings, those that say the same as one.
#[derive(Debug, Default)]
pub struct Collection {
    found: Vec<Found>,
}

impl Collection {
    /// Adds a finding. One without a place gets the first line of its device.
    pub fn push(&mut self, fabric: &Fabric, mut found: Found) {
        if found.places.is_empty() {
            found
                .places
                .extend(default_place(fabric, found.node, found.ports.first()));
        }
        let mut fresh = Found {
            ports: Vec::new(),
            places: Vec::new(),
            wishes: Vec::new(),
            hosts: Vec::new(),
            ..found.clone()
        };
        let one = match self.found.iter_mut().find(|f| f.same(&found)) {
            Some(same) => same,
            None => &mut fresh,
        };
        add(&mut one.ports, found.ports);
        add(&mut one.places, found.places);
        add(&mut one.wishes, found.wishes);
        add(&mut one.hosts, found.hosts);
        if !fresh.places.is_empty() {
            self.found.push(fresh);
        }
    }

    /// Whether there is a finding of this check about the device (and the port, if it is given).
    pub fn has(&self, check: &Check, node: NodeId, port: Option<&str>) -> bool {
        let about =
            |f: &&Found| port.is_none_or(|p| f.ports.is_empty() || f.ports.iter().any(|q| q == p));
        self.found
            .iter()
            .filter(|f| f.check == check && f.node == node)
            .any(|f| about(&f))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Found> {
        self.found.iter()
    }

    /// All, the worst first, then by device and line.
    pub fn sorted(mut self) -> Vec<Found> {
        self.found.sort_by(|a, b| {
            let key = |f: &Found| (f.node, f.places.first().copied(), f.check.id);
            b.severity
                .cmp(&a.severity)
                .then_with(|| key(a).cmp(&key(b)))
        });
        self.found
    }
}

fn default_place(fabric: &Fabric, node: NodeId, port: Option<&String>) -> Option<Span> {
    let Some(device) = fabric.device(node) else {
        return fabric
            .links_of(node)
            .iter()
            .find_map(|&n| fabric.links[n].at);
    };
    let port = port.and_then(|name| device.port(name)).and_then(|p| p.at);
    Some(port.unwrap_or(Span::line(device.file, 1)))
}

/// Adds what is not there yet, in order.
fn add<T: PartialEq>(all: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !all.contains(&item) {
            all.push(item);
        }
    }
}

/// The name of a port at an end.
pub fn port_name(fabric: &Fabric, end: End) -> String {
    fabric
        .port(end)
        .map_or_else(|| fabric.nodes[end.node].name.clone(), |p| p.name.clone())
}

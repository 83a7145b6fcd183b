//! What of class-of-service is bound to a port, by its name or by wildcards, and what DCBX does there.

use super::cos::Said;
use super::inherit::Range;
use super::tree::{Tree, View};
use super::wildcard;
use crate::device::DcbxVersion;
use crate::source::Span;
use std::collections::HashMap;

/// Most wildcards that are tried for each port.
const MOST_PATTERNS: usize = 256;

/// What is bound to one port.
#[derive(Clone, Debug, Default)]
pub(super) struct Binding<'a> {
    pub(super) dscp: Option<Said<&'a str>>,
    pub(super) pcp: Option<Said<&'a str>>,
    pub(super) precedence: Option<Said<&'a str>>,
    /// All that comes in has this class.
    pub(super) fixed: Option<Said<&'a str>>,
    pub(super) profile: Option<Said<&'a str>>,
    pub(super) map: Option<Said<&'a str>>,
    /// forwarding-class-set, traffic-control-profile.
    pub(super) controls: Vec<(Said<&'a str>, Said<&'a str>)>,
    /// A traffic-control-profile for the port as a whole.
    pub(super) control: Option<Said<&'a str>>,
}

/// `[edit class-of-service interfaces]`.
pub(super) struct Bindings<'t, 'a> {
    names: HashMap<&'a str, View<'t, 'a>>,
    /// The most exact one first.
    patterns: Vec<View<'t, 'a>>,
    /// Interface-ranges that are named there.
    ranges: Vec<(View<'t, 'a>, &'t Range)>,
}

fn say<'a>(view: View<'_, 'a>) -> Said<&'a str> {
    Said {
        value: view.word(),
        at: view.at(),
    }
}

impl<'t, 'a> Bindings<'t, 'a> {
    pub(super) fn read(tree: &'t Tree<'a>, ranges: &'t [Range]) -> Bindings<'t, 'a> {
        let mut found = Bindings {
            names: HashMap::new(),
            patterns: Vec::new(),
            ranges: Vec::new(),
        };
        let interfaces = tree.root().walk(&["class-of-service", "interfaces"]);
        for entry in interfaces.into_iter().flat_map(View::kids) {
            entry.see();
            for idle in ["rewrite-rules", "dedicated-buffer-profile"] {
                if let Some(idle) = entry.child(idle) {
                    idle.see_all();
                }
            }
            for unit in entry.values("unit") {
                if let Some(rules) = unit.child("rewrite-rules") {
                    rules.see_all();
                }
            }
            let named = |r: &&Range| tree.view(r.node).word() == entry.word();
            if let Some(range) = ranges.iter().find(named) {
                found.ranges.push((entry, range));
            } else if wildcard::is_pattern(entry.word()) {
                found.patterns.push(entry);
            } else {
                found.names.insert(entry.word(), entry);
            }
        }
        let weight = |v: &View| std::cmp::Reverse(wildcard::weight(v.word()));
        found.patterns.sort_by_key(weight);
        found.patterns.truncate(MOST_PATTERNS);
        found
    }

    /// Names of ports that only class-of-service speaks of.
    pub(super) fn names(&self) -> impl Iterator<Item = View<'t, 'a>> {
        let mut all: Vec<View> = self.names.values().copied().collect();
        all.sort_by_key(|v| v.at());
        all.into_iter()
    }

    /// What is bound to a port with these units (none: any).
    pub(super) fn of(&self, name: &str, units: &[&str]) -> Binding<'a> {
        let mut found = Binding::default();
        if let Some(entry) = self.names.get(name) {
            found.add(*entry, units);
        }
        for (entry, range) in &self.ranges {
            if range.members.iter().any(|m| m == name) {
                found.add(*entry, units);
            }
        }
        for entry in &self.patterns {
            if wildcard::matches(entry.word(), name) {
                found.add(*entry, units);
            }
        }
        found
    }

    /// All that is bound anywhere, whether such ports exist or not.
    pub(super) fn every(&self) -> Vec<Binding<'a>> {
        let ranges = self.ranges.iter().map(|(v, _)| *v);
        let entries = self.names().chain(ranges).chain(self.patterns.clone());
        entries
            .map(|entry| {
                let mut found = Binding::default();
                found.add(entry, &[]);
                found
            })
            .collect()
    }

    /// What is bound to ports that the file does not name: what wildcards say.
    pub(super) fn of_others(&self) -> Binding<'a> {
        let mut found = Binding::default();
        for entry in &self.patterns {
            found.add(*entry, &[]);
        }
        found
    }
}

impl<'a> Binding<'a> {
    /// Takes what is not bound yet.
    fn add(&mut self, entry: View<'_, 'a>, units: &[&str]) {
        let value = |word: &str| entry.value(word).map(say);
        self.profile = self
            .profile
            .or_else(|| value("congestion-notification-profile"));
        self.map = self.map.or_else(|| value("scheduler-map"));
        self.control = self
            .control
            .or_else(|| value("output-traffic-control-profile"));
        if self.controls.is_empty() {
            for set in entry.values("forwarding-class-set") {
                if let Some(control) = set.value("output-traffic-control-profile") {
                    self.controls.push((say(set), say(control)));
                }
            }
        }
        self.classifiers(entry);
        let fits = |unit: &View| {
            let word = unit.word();
            units.is_empty() || word == "*" || units.contains(&word)
        };
        // Several units may have classifiers of their own: the first one speaks for the port.
        let mut named: Vec<View> = entry.values("unit").filter(fits).collect();
        named.sort_by_key(|unit| unit.word() == "*");
        for unit in named {
            self.classifiers(unit);
            self.fixed = self
                .fixed
                .or_else(|| unit.value("forwarding-class").map(say));
            self.map = self.map.or_else(|| unit.value("scheduler-map").map(say));
        }
    }

    fn classifiers(&mut self, holder: View<'_, 'a>) {
        let Some(all) = holder.child("classifiers") else {
            return;
        };
        let value = |word: &str| all.value(word).map(say);
        self.dscp = self.dscp.or_else(|| value("dscp"));
        self.pcp = self.pcp.or_else(|| value("ieee-802.1"));
        self.precedence = self.precedence.or_else(|| value("inet-precedence"));
        for idle in ["dscp-ipv6", "exp"] {
            if let Some(idle) = all.child(idle) {
                idle.see_all();
            }
        }
    }

    /// What a member of a LAG has: the LAG's, and for the rest its own.
    pub(super) fn under(self, lag: Binding<'a>) -> Binding<'a> {
        Binding {
            dscp: lag.dscp.or(self.dscp),
            pcp: lag.pcp.or(self.pcp),
            precedence: lag.precedence.or(self.precedence),
            fixed: lag.fixed.or(self.fixed),
            profile: lag.profile.or(self.profile),
            map: lag.map.or(self.map),
            controls: if lag.controls.is_empty() {
                self.controls
            } else {
                lag.controls
            },
            control: lag.control.or(self.control),
        }
    }
}

/// DCBX on a port.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Negotiation {
    pub(super) off: Option<Span>,
    /// `no-auto-negotiation` of PFC.
    pub(super) fixed: Option<Span>,
    pub(super) version: Option<Said<DcbxVersion>>,
}

/// `[edit protocols dcbx]` for a port.
pub(super) fn negotiation(tree: &Tree, name: &str) -> Negotiation {
    let mut found = Negotiation::default();
    let Some(dcbx) = tree.root().walk(&["protocols", "dcbx"]) else {
        return found;
    };
    found.off = dcbx.child("disable").map(View::at);
    let base = |word: &str| word.split('.').next().unwrap_or_default().to_owned();
    let mut entries: Vec<View> = dcbx
        .values("interface")
        .filter(|v| wildcard::matches(&base(v.word()), name))
        .collect();
    entries.sort_by_key(|v| std::cmp::Reverse(wildcard::weight(v.word())));
    for entry in entries {
        for idle in ["enhanced-transmission-selection", "applications"] {
            if let Some(idle) = entry.child(idle) {
                idle.see_all();
            }
        }
        found.off = found.off.or(entry.child("disable").map(View::at));
        let fixed = entry.walk(&["priority-flow-control", "no-auto-negotiation"]);
        found.fixed = found.fixed.or(fixed.map(View::at));
        let version = entry.value("dcbx-version").or_else(|| entry.value("mode"));
        let version = version.map(|v| Said {
            value: match v.word() {
                "ieee-dcbx" => DcbxVersion::Ieee,
                "dcbx-version-1.01" => DcbxVersion::Cee,
                _ => DcbxVersion::Auto,
            },
            at: v.at(),
        });
        found.version = found.version.or(version);
    }
    found
}

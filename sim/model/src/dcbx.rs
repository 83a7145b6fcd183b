//! How the two ends of a link agree on DCB settings: IEEE 802.1Qaz and the older CEE.

use std::fmt;
use xoff_wire::{Mac, cee, lldp, qaz};

/// Which dialect of DCBX a port speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    #[default]
    None,
    Ieee,
    Cee,
    Both,
}

/// What one end advertises, as decoded from its last LLDPDU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advertised {
    pub mac: Mac,
    pub ets: Option<qaz::Ets>,
    pub ets_recommended: Option<qaz::Ets>,
    pub pfc: Option<qaz::Pfc>,
    pub apps: Vec<qaz::App>,
    pub congestion: Option<qaz::Qcn>,
    pub cee: Option<cee::Repr>,
}

/// What one end works with after the negotiation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operational {
    pub dialect: Dialect,
    /// Priorities with PFC, bit n for priority n; None if never exchanged.
    pub pfc: Option<u8>,
    pub ets: Option<qaz::Ets>,
    pub apps: Vec<qaz::App>,
    /// Why this end does not follow the other, or what is in conflict, in words.
    pub notes: Vec<String>,
    /// The ends cannot agree: on the dialect, on PFC, or on who the peer is.
    pub conflict: bool,
}

impl Dialect {
    const fn of(ieee: bool, cee: bool) -> Self {
        match (ieee, cee) {
            (true, true) => Dialect::Both,
            (true, false) => Dialect::Ieee,
            (false, true) => Dialect::Cee,
            (false, false) => Dialect::None,
        }
    }

    const fn ieee(self) -> bool {
        matches!(self, Dialect::Ieee | Dialect::Both)
    }

    const fn cee(self) -> bool {
        matches!(self, Dialect::Cee | Dialect::Both)
    }

    /// The dialect that two ends end up with: IEEE where both speak it, CEE if it is all that the
    /// peer speaks and this end can follow, none if they have nothing in common.
    pub const fn common(self, peer: Dialect) -> Dialect {
        Dialect::of(
            self.ieee() && peer.ieee(),
            self.cee() && peer.cee() && !(self.ieee() && peer.ieee()),
        )
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Dialect::None => "no DCBX",
            Dialect::Ieee => "IEEE",
            Dialect::Cee => "CEE",
            Dialect::Both => "IEEE and CEE",
        })
    }
}

impl Advertised {
    /// What is spoken, by the TLVs that are there.
    pub fn dialect(&self) -> Dialect {
        let ieee = self.ets.is_some()
            || self.ets_recommended.is_some()
            || self.pfc.is_some()
            || !self.apps.is_empty();
        Dialect::of(ieee, self.cee.is_some())
    }

    /// From an LLDP data unit that `mac` sent.
    pub fn from_lldp(mac: Mac, unit: &lldp::Repr) -> Self {
        Advertised {
            mac,
            ets: unit.ets(),
            ets_recommended: unit.ets_recommended(),
            pfc: unit.pfc(),
            apps: unit.apps().unwrap_or_default().to_vec(),
            congestion: unit.congestion(),
            cee: unit.cee().cloned(),
        }
    }

    /// Whose settings hold where one setting must hold for both ends: those of the end that does
    /// not follow; if both would follow, those of the lower MAC address.
    fn leads(&self, willing: bool, peer: &Advertised, peer_willing: bool) -> bool {
        match (willing, peer_willing) {
            (true, false) => false,
            (true, true) => self.mac <= peer.mac,
            (false, _) => true,
        }
    }
}

/// What `local` works with once it has heard `remote`, or without a peer.
///
/// PFC is a symmetric attribute: both ends work with the same vector if one at least is willing
/// (802.1Q 38.4.2). ETS is asymmetric: a willing end takes what the peer recommends, and keeps its
/// own setting if the peer recommends nothing (38.4.1). The application table is information
/// (38.4.3); as usual implementations do, an end that is willing in ETS follows the peer's table.
pub fn negotiate(local: &Advertised, remote: Option<&Advertised>) -> Operational {
    let own = local.dialect();
    let Some(remote) = remote else {
        return alone(local, own);
    };
    let peer = remote.dialect();
    match own.common(peer) {
        Dialect::Cee => cee(local, remote),
        Dialect::Ieee | Dialect::Both => ieee(local, remote),
        Dialect::None => {
            let mut result = alone(local, own);
            if own != Dialect::None && peer != Dialect::None {
                result.conflict = true;
                result.notes.push(format!(
                    "speaks {own} while the peer speaks {peer}: nothing is negotiated"
                ));
            } else if own != Dialect::None {
                result
                    .notes
                    .push("the peer sends LLDP without DCBX".to_owned());
            }
            result
        }
    }
}

/// The same with any number of neighbours on the link: DCBX is between two ends, so several
/// neighbours count as none (802.1Q 38.4, multiple peers).
pub fn negotiate_among(local: &Advertised, remotes: &[&Advertised]) -> Operational {
    match remotes {
        [] => negotiate(local, None),
        [remote] => negotiate(local, Some(remote)),
        _ => {
            let mut result = negotiate(local, None);
            result.conflict = true;
            result.notes.push(format!(
                "{} neighbours on one link: none of them is followed",
                remotes.len()
            ));
            result
        }
    }
}

/// Local settings.
fn alone(local: &Advertised, dialect: Dialect) -> Operational {
    let mut result = Operational {
        dialect,
        pfc: local.pfc.map(|pfc| pfc.enabled),
        ets: local.ets,
        apps: local.apps.clone(),
        ..Operational::default()
    };
    if dialect == Dialect::Cee
        && let Some(own) = &local.cee
    {
        result.pfc = own.pfc.map(|pfc| pfc_of(&pfc));
        result.ets = own.groups.as_ref().map(ets_of);
        result.apps = apps_of(own);
    }
    result
}

fn ieee(local: &Advertised, remote: &Advertised) -> Operational {
    let mut result = alone(local, Dialect::Ieee);
    let mut note = |text: String| result.notes.push(text);
    match (&local.pfc, &remote.pfc) {
        (Some(own), Some(peer)) => {
            if !local.leads(own.willing, remote, peer.willing) {
                result.pfc = Some(peer.enabled);
            } else if !own.willing && !peer.willing && own.enabled != peer.enabled {
                result.conflict = true;
                note(format!(
                    "PFC on priorities {} here and {} at the peer, and nobody is willing",
                    qaz::priorities(own.enabled),
                    qaz::priorities(peer.enabled)
                ));
            }
            if let Some(vector) = result.pfc
                && own.capability != 0
                && vector.count_ones() > u32::from(own.capability)
            {
                note(format!(
                    "PFC is to be on for {} priorities, this end supports {}",
                    vector.count_ones(),
                    own.capability
                ));
            }
        }
        (Some(_), None) => note("the peer does not advertise PFC".to_owned()),
        (None, Some(_)) => note("this end does not advertise PFC".to_owned()),
        (None, None) => {}
    }
    let willing = local.ets.is_some_and(|ets| ets.willing);
    if willing {
        match &remote.ets_recommended {
            Some(told) => result.ets = local.ets.map(|own| follow(&own, told)),
            None if remote.ets.is_some() => {
                note("willing in ETS, but the peer recommends nothing".to_owned());
            }
            None => {}
        }
        if !remote.apps.is_empty() {
            result.apps = remote.apps.clone();
        }
    }
    result
}

/// What is recommended concerns the tables only.
fn follow(own: &qaz::Ets, told: &qaz::Ets) -> qaz::Ets {
    qaz::Ets {
        priority: told.priority,
        bandwidth: told.bandwidth,
        tsa: told.tsa,
        ..*own
    }
}

/// CEE's feature state: a feature works at the lower of both greatest versions, only if both ends
/// have it on, and is off with the error bit where settings that must agree do not.
fn cee(local: &Advertised, remote: &Advertised) -> Operational {
    let mut result = alone(local, Dialect::Cee);
    let (Some(own), Some(peer)) = (&local.cee, &remote.cee) else {
        return result;
    };
    if let (Some(mine), Some(theirs)) = (&own.pfc, &peer.pfc) {
        let state = FeatureState::of(local, &mine.feature, remote, &theirs.feature);
        let vector = if state.leads {
            mine.enabled
        } else {
            theirs.enabled
        };
        let rigid = !mine.feature.willing && !theirs.feature.willing;
        let conflict = rigid && mine.enabled != theirs.enabled;
        if conflict {
            result.conflict = true;
            result.notes.push(format!(
                "PFC on priorities {} here and {} at the peer, and nobody is willing: off",
                qaz::priorities(mine.enabled),
                qaz::priorities(theirs.enabled)
            ));
        }
        state.note("PFC", &mut result.notes);
        let on = state.on && !conflict;
        result.pfc = Some(if on { vector } else { 0 });
    } else if own.pfc.is_some() {
        result.pfc = Some(0);
        result
            .notes
            .push("the peer does not advertise PFC: off".to_owned());
    }
    if let (Some(mine), Some(theirs)) = (&own.groups, &peer.groups) {
        let state = FeatureState::of(local, &mine.feature, remote, &theirs.feature);
        state.note("priority groups", &mut result.notes);
        let chosen = if state.leads { mine } else { theirs };
        result.ets = state.on.then(|| ets_of(chosen));
    }
    if let (Some((mine, _)), Some((theirs, _))) = (&own.apps, &peer.apps) {
        let state = FeatureState::of(local, mine, remote, theirs);
        state.note("applications", &mut result.notes);
        let chosen = if state.leads { own } else { peer };
        result.apps = if state.on {
            apps_of(chosen)
        } else {
            Vec::new()
        };
    }
    result
}

/// What two feature headers come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FeatureState {
    /// The local settings hold.
    leads: bool,
    on: bool,
    /// Version at which both work.
    version: u8,
    error: bool,
    /// An end says that it works at another version.
    version_differs: bool,
}

impl FeatureState {
    fn of(
        local: &Advertised,
        mine: &cee::Feature,
        remote: &Advertised,
        theirs: &cee::Feature,
    ) -> Self {
        let version = mine.max_version.min(theirs.max_version);
        let error = mine.error || theirs.error;
        FeatureState {
            leads: local.leads(mine.willing, remote, theirs.willing),
            on: mine.enabled && theirs.enabled && !error,
            version,
            error,
            version_differs: mine.oper_version != version || theirs.oper_version != version,
        }
    }

    fn note(&self, feature: &str, notes: &mut Vec<String>) {
        if self.error {
            notes.push(format!(
                "{feature}: the error bit is set, the feature is off"
            ));
        } else if !self.on {
            notes.push(format!("{feature}: not enabled at both ends, hence off"));
        }
        if self.version_differs {
            notes.push(format!(
                "{feature}: an end does not work at version {}, the best that both have",
                self.version
            ));
        }
    }
}

fn pfc_of(pfc: &cee::Pfc) -> u8 {
    if pfc.feature.enabled { pfc.enabled } else { 0 }
}

/// Priority groups as traffic classes; the group without limit is strict, in class 7.
fn ets_of(groups: &cee::PriorityGroups) -> qaz::Ets {
    let unlimited = groups.group.contains(&cee::GROUP_UNLIMITED);
    qaz::Ets {
        willing: groups.feature.willing,
        max_tcs: groups.tcs & 7,
        priority: groups.group.map(|group| group.min(7)),
        bandwidth: groups.bandwidth,
        tsa: std::array::from_fn(|tc| {
            let free = unlimited && tc == 7;
            if free || groups.bandwidth[tc] == 0 && !groups.group.contains(&(tc as u8)) {
                qaz::tsa::STRICT
            } else {
                qaz::tsa::ETS
            }
        }),
        ..qaz::Ets::default()
    }
}

/// CEE's application entries, one per priority.
fn apps_of(cee: &cee::Repr) -> Vec<qaz::App> {
    let Some((_, apps)) = &cee.apps else {
        return Vec::new();
    };
    let entry = |app: &cee::App, priority: u8| qaz::App {
        priority,
        selector: match app.selector {
            0 => qaz::selector::ETHERTYPE,
            1 => qaz::selector::ANY_PORT,
            other => other,
        },
        protocol: app.protocol,
    };
    apps.iter()
        .flat_map(|app| {
            (0..8)
                .filter(|p| app.priorities & 1 << p != 0)
                .map(move |p| entry(app, p))
        })
        .collect()
}

/// What a station remembers of a neighbour: until when its last data unit holds (802.1AB 9.2.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Neighbour {
    /// Time of the last data unit, and its TTL in seconds.
    last: Option<(u64, u16)>,
}

/// What a data unit means for the neighbour's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    New,
    Refreshed,
    /// The entry had expired this many nanoseconds before.
    Late {
        by_ns: u64,
    },
    /// TTL 0: the neighbour leaves, and its entry goes at once.
    Shutdown,
}

impl Neighbour {
    /// Takes note of a data unit.
    pub fn heard(&mut self, now_ns: u64, ttl_s: u16) -> Heard {
        let expiry = self.expiry_ns();
        self.last = (ttl_s != 0).then_some((now_ns, ttl_s));
        match expiry {
            _ if ttl_s == 0 => Heard::Shutdown,
            None => Heard::New,
            Some(expiry) if now_ns > expiry => Heard::Late {
                by_ns: now_ns - expiry,
            },
            Some(_) => Heard::Refreshed,
        }
    }

    /// When the entry goes if nothing more is heard, ns.
    pub fn expiry_ns(&self) -> Option<u64> {
        let (at, ttl_s) = self.last?;
        Some(at.saturating_add(u64::from(ttl_s) * 1_000_000_000))
    }

    /// Whether nothing is known of the neighbour any more, so that local settings hold.
    pub fn expired(&self, now_ns: u64) -> bool {
        self.expiry_ns().is_none_or(|expiry| now_ns > expiry)
    }
}

#[cfg(test)]
mod tests;

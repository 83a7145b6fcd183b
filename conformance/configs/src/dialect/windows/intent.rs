//! Network ATC: intents, from which Windows makes all settings.

use super::acts::{Act, Class, Of, State};
use super::names;
use super::property;
use super::ps::{Call, Table, Value};
use crate::device::Matches;
use crate::fact::Fact;
use crate::source::Span;

/// VLAN of the first storage adapter, by default; the next ones follow.
const FIRST_VLAN: u16 = 711;

/// `Add-NetIntent -Storage ...`
pub(super) fn add(state: &mut State, call: &Call, at: Span) {
    if !call.switch("storage") {
        return;
    }
    let on = call.value("cimsession", usize::MAX).and(call.on());
    let of = call
        .value("adaptername", usize::MAX)
        .map_or(Of::Some, names);
    let overrides = match call.value("qospolicyoverrides", usize::MAX) {
        Some(Value::Table(table)) => Some(table.clone()),
        Some(Value::Unknown(_)) | None => None,
        Some(_) => None,
    };
    let how = "Network ATC makes it for storage";
    let said = |key: &str, default: u32| {
        let found = overrides.as_ref().and_then(|t: &Table| t.get(key));
        match found.and_then(|(value, line)| Some((value.number()?, line))) {
            Some((n, line)) => (
                u32::try_from(n).unwrap_or(default),
                state.span((line.max(at.line), line.max(at.line))),
            ),
            None => (default, at),
        }
    };
    let (smb, _) = said("PriorityValue8021Action_SMB", 3);
    let (cluster, _) = said("PriorityValue8021Action_Cluster", 7);
    let (share, _) = said("BandwidthPercentage_SMB", 50);
    let (heartbeat, _) = said("BandwidthPercentage_Cluster", 1);
    let priority = |n: u32| u8::try_from(n.min(7)).unwrap_or(0);
    let (smb, cluster) = (priority(smb), priority(cluster));
    let mut acts = vec![
        Act::Policy(
            "SMBDirect".to_owned(),
            Matches::NetDirect(445),
            Fact::implied(smb, at, how),
        ),
        Act::Policy(
            "Cluster".to_owned(),
            Matches::Cluster,
            Fact::implied(cluster, at, how),
        ),
        Act::Policy(
            "Default".to_owned(),
            Matches::Default,
            Fact::implied(0, at, how),
        ),
        Act::Pfc(Some(0xff), Fact::implied(false, at, how)),
        Act::Pfc(Some(1 << smb), Fact::implied(true, at, how)),
        Act::Willing(Fact::implied(false, at, how)),
    ];
    for (name, mask, percent) in [("SMBDirect", smb, share), ("Cluster", cluster, heartbeat)] {
        acts.push(Act::Class(Class {
            name: name.to_owned(),
            priorities: Some(Fact::implied(1 << mask, at, how)),
            percent: Some(Fact::implied(percent, at, how)),
            strict: false,
        }));
    }
    for act in acts {
        state.push(act, Of::All, at, on.clone());
    }
    adapters(state, call, at, &of, on);
}

fn adapters(state: &mut State, call: &Call, at: Span, of: &Of, on: Option<Vec<String>>) {
    let how = "Network ATC makes it for storage";
    let vlans = call.value("storagevlans", usize::MAX).cloned();
    let vlans: Option<Vec<Option<i64>>> =
        vlans.map(|v| v.items().iter().map(Value::number).collect());
    let names: Vec<Of> = match of {
        Of::These(all) => all.iter().map(|n| Of::These(vec![n.clone()])).collect(),
        other => vec![other.clone()],
    };
    let unknown = "which adapter it is, and with it its VLAN, is not in the script";
    for (n, of) in names.into_iter().enumerate() {
        let default = FIRST_VLAN.saturating_add(u16::try_from(n).unwrap_or(0));
        let vlan = match (&vlans, &of) {
            (_, Of::Some | Of::All) => Fact::unknown(unknown),
            (Some(all), _) => match all.get(n).copied().flatten() {
                Some(id) => Fact::stated(u16::try_from(id).ok().filter(|&v| v > 0), at),
                None => Fact::unknown("its VLAN is not in the script"),
            },
            (None, _) => Fact::implied(
                Some(default),
                at,
                "Network ATC takes VLAN 711 and those after it for storage",
            ),
        };
        let acts = [
            Act::AdapterQos(Fact::implied(true, at, how)),
            Act::Rdma(Fact::implied(true, at, how)),
            Act::Vlan(vlan),
            Act::Mtu(Fact::unknown("Network ATC decides about jumbo frames")),
        ];
        for act in acts {
            state.push(act, of.clone(), at, on.clone());
        }
        if let Some(Value::Table(table)) = call.value("adapterpropertyoverrides", usize::MAX) {
            for (key, value, _) in table.entries.clone() {
                for act in property::acts(state, call, &key, &value, at) {
                    state.push(act, of.clone(), at, on.clone());
                }
            }
        }
    }
}

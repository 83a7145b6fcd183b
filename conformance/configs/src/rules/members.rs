//! C-23: members of a LAG are configured alike.

use super::Context;
use crate::device::{Device, Port};
use crate::fabric::NodeId;
use crate::found::{Claim, Collection, Found};
use crate::repair::Wish;
use std::collections::BTreeMap;
use xoff_checks::config::C_23;

pub(super) fn check(cx: &Context, found: &mut Collection) {
    for (node, device) in cx.fabric.devices() {
        let mut lags: BTreeMap<&str, Vec<&Port>> = BTreeMap::new();
        for port in &device.ports {
            if let Some((lag, _)) = port
                .lag
                .as_ref()
                .filter(|_| port.kind == crate::device::PortKind::Physical)
            {
                lags.entry(lag).or_default().push(port);
            }
        }
        for (lag, members) in lags {
            compare(cx, node, device, lag, &members, found);
        }
    }
}

fn compare(
    cx: &Context,
    node: NodeId,
    device: &Device,
    lag: &str,
    members: &[&Port],
    found: &mut Collection,
) {
    // What most have is what is meant; of two, the one that has more turned on.
    let rank = |port: &&&Port| {
        let same = members
            .iter()
            .filter(|m| difference(m, port).is_none())
            .count();
        let on = port.qos.pfc.send.iter().filter(|f| f.is(&true)).count();
        (same, on)
    };
    let Some(model) = members.iter().max_by_key(rank) else {
        return;
    };
    for member in members {
        let Some((what, places)) = difference(member, model) else {
            continue;
        };
        let cause = format!(
            "Members of {lag} differ in {what}: {} has what the others have not, and a flow is lossless or not by the \
             member that its hash chooses.",
            member.name
        );
        let cure = format!("Configure it like {}, the other member.", model.name);
        let wish = Wish::Like {
            port: member.name.clone(),
            other: model.name.clone(),
        };
        let one = Found::error(&C_23, node, cause, cure)
            .port(&member.name)
            .at(member.at)
            .at(places);
        let at = device.port(lag).and_then(|p| p.at);
        found.push(
            cx.fabric,
            one.at(model.at).at(at).wish(wish).claims(Claim::Drops),
        );
    }
}

/// The first setting that is known to differ, and where it is said.
fn difference(a: &Port, b: &Port) -> Option<(&'static str, Vec<crate::source::Span>)> {
    fn differ<T: PartialEq>(a: &crate::fact::Fact<T>, b: &crate::fact::Fact<T>) -> bool {
        matches!((a.get(), b.get()), (Some(x), Some(y)) if x != y)
    }
    let spans = |x: Option<crate::source::Span>, y: Option<crate::source::Span>| {
        x.into_iter().chain(y).collect()
    };
    let (p, q) = (&a.qos, &b.qos);
    if differ(&p.pfc.mode, &q.pfc.mode) {
        return Some((
            "the mode of PFC",
            spans(p.pfc.mode.span(), q.pfc.mode.span()),
        ));
    }
    for n in 0..8 {
        if differ(&p.pfc.send[n], &q.pfc.send[n]) || differ(&p.pfc.obey[n], &q.pfc.obey[n]) {
            return Some((
                "the priorities of PFC",
                spans(p.pfc.send[n].span(), q.pfc.send[n].span()),
            ));
        }
        if differ(&p.classes[n].no_drop, &q.classes[n].no_drop) {
            return Some((
                "their lossless classes",
                spans(p.classes[n].no_drop.span(), q.classes[n].no_drop.span()),
            ));
        }
        if differ(&p.pcp[n], &q.pcp[n]) {
            return Some(("the map of PCP", spans(p.pcp[n].span(), q.pcp[n].span())));
        }
    }
    if differ(&p.trust, &q.trust) {
        return Some(("what they trust", spans(p.trust.span(), q.trust.span())));
    }
    if let Some(n) = (0..64).find(|&n| differ(&p.dscp[n], &q.dscp[n])) {
        return Some(("the map of DSCP", spans(p.dscp[n].span(), q.dscp[n].span())));
    }
    if differ(&a.mtu, &b.mtu) {
        return Some(("their MTU", spans(a.mtu.span(), b.mtu.span())));
    }
    None
}

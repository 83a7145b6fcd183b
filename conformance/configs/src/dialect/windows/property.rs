//! Properties of adapters: MTU, VLAN, pause, kind of RDMA.

use super::acts::{Act, Of, State};
use super::ps::{Call, Value};
use super::{names, truth};
use crate::device::Transport;
use crate::fact::Fact;
use crate::remark::RemarkKind;
use crate::source::Span;

/// `*JumboPacket` counts the Ethernet header.
const HEADER: u32 = 14;

/// `Set-NetAdapterAdvancedProperty`, by the keyword of the registry or the name that is shown.
pub(super) fn advanced(state: &mut State, call: &Call, at: Span) {
    let keyword = call
        .text("registrykeyword", usize::MAX)
        .or(call.text("displayname", usize::MAX));
    let value = call
        .value("registryvalue", usize::MAX)
        .or(call.value("displayvalue", usize::MAX))
        .cloned();
    let Some(keyword) = keyword else { return };
    let of = match call.value("name", 0) {
        Some(value) => names(value),
        None => State::of(call),
    };
    let value = value.unwrap_or_else(|| Value::unknown("its value is not in the script"));
    for act in acts(state, call, &keyword, &value, at) {
        state.push(act, of.clone(), at, call.on());
    }
}

/// What a property does.
pub(super) fn acts(
    state: &mut State,
    call: &Call,
    keyword: &str,
    value: &Value,
    at: Span,
) -> Vec<Act> {
    let key: String = keyword
        .to_ascii_lowercase()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let text = value.text().map(|t| t.trim().to_ascii_lowercase());
    let number = text.as_deref().and_then(digits);
    let known = |why: &str| match value {
        Value::Unknown(why) => why.clone(),
        _ => why.to_owned(),
    };
    match key.as_str() {
        "jumbopacket" | "jumbomtu" | "jumboframe" | "jumboframes" | "maxjumbobuffer" => {
            vec![Act::Mtu(mtu(
                state,
                call,
                text.as_deref(),
                number,
                at,
                &known("the size is not a number"),
            ))]
        }
        "vlanid" => {
            let fact = match number {
                Some(n @ 0..=4094) => {
                    state.fact(call, u16::try_from(n).ok().filter(|&n| n > 0), at)
                }
                Some(n) => {
                    let cause = format!("VLAN {n} does not exist: they are from 1 to 4094");
                    state.remark(RemarkKind::BadValue, at, 0xff, cause, "Correct the VLAN.");
                    Fact::unknown("the VLAN is refused")
                }
                None => Fact::unknown(known("the VLAN is not a number")),
            };
            vec![Act::Vlan(fact)]
        }
        "flowcontrol" => {
            let (rx, tx) = pause(text.as_deref());
            let fact = |v: Option<bool>| match v {
                Some(v) => state.fact(call, v, at),
                None => Fact::unknown(known("it is negotiated with the switch")),
            };
            vec![Act::Pause(fact(rx), fact(tx))]
        }
        "networkdirecttechnology" | "rdmamode" | "rocemode" => {
            let kind = transport(text.as_deref());
            vec![Act::Transport(match kind {
                Some(kind) => state.fact(call, kind, at),
                None => Fact::unknown(known("the kind of RDMA is none that is known")),
            })]
        }
        "networkdirect" | "networkdirectfunctionality" | "networkdirectrdma" => {
            vec![Act::Rdma(truth(state, call, value, at))]
        }
        "qos" | "dcb" | "datacenterbridging" => {
            vec![Act::AdapterQos(truth(state, call, value, at))]
        }
        _ => vec![Act::Exists],
    }
}

/// Whether pause of the link is obeyed, and sent.
fn pause(text: Option<&str>) -> (Option<bool>, Option<bool>) {
    match text {
        Some("0" | "disabled" | "off" | "none") => (Some(false), Some(false)),
        Some("1") => (Some(false), Some(true)),
        Some("2") => (Some(true), Some(false)),
        Some("3") => (Some(true), Some(true)),
        Some(t) if t.contains("rx") || t.contains("tx") => {
            (Some(t.contains("rx")), Some(t.contains("tx")))
        }
        _ => (None, None),
    }
}

fn transport(text: Option<&str>) -> Option<Transport> {
    match text?.replace([' ', '.'], "").as_str() {
        "1" | "iwarp" => Some(Transport::Iwarp),
        "3" | "roce" | "rocev1" => Some(Transport::RoceV1),
        "4" | "rocev2" => Some(Transport::RoceV2),
        _ => None,
    }
}

fn mtu(
    state: &State,
    call: &Call,
    text: Option<&str>,
    number: Option<u32>,
    at: Span,
    why: &str,
) -> Fact<u32> {
    match (text, number) {
        (Some("disabled" | "off" | "none"), _) => state.fact(call, 1500, at),
        (_, Some(n)) if (576..=16_384).contains(&n) => state.fact(call, n - HEADER, at),
        // "9KB MTU", which some drivers show.
        (Some(text), Some(n @ 1..=16)) if text.contains('k') => state.fact(call, n * 1000, at),
        // An index into sizes of the driver.
        (_, Some(_)) => Fact::unknown("the value is the driver's number of a size"),
        _ => Fact::unknown(why.to_owned()),
    }
}

/// The number that a text begins with.
fn digits(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

/// `Set-NetAdapter -VlanID 711`
pub(super) fn vlan_of_adapter(state: &mut State, call: &Call, at: Span) {
    let Some(value) = call.value("vlanid", usize::MAX).cloned() else {
        return;
    };
    for line in call.lines.0..=call.lines.1 {
        state.lines.understood(line);
    }
    let of = State::of(call);
    for act in acts(state, call, "VlanID", &value, at) {
        state.push(act, of.clone(), at, call.on());
    }
}

/// `Set-NetIPInterface -NlMtuBytes 9000`
pub(super) fn ip_mtu(state: &mut State, call: &Call, at: Span) {
    let value = call
        .value("nlmtubytes", usize::MAX)
        .or(call.value("nlmtu", usize::MAX));
    let Some(value) = value else { return };
    let fact = match value.number().and_then(|n| u32::try_from(n).ok()) {
        Some(n) => state.fact(call, n, at),
        None => Fact::unknown("its value is not in the script"),
    };
    for line in call.lines.0..=call.lines.1 {
        state.lines.understood(line);
    }
    state.push(Act::Mtu(fact), State::of(call), at, call.on());
}

/// `netsh interface ipv4 set subinterface "pNIC1" mtu=9000`
pub(super) fn netsh(state: &mut State, call: &Call, at: Span) {
    let words: Vec<String> = call.values.iter().filter_map(Value::text).collect();
    let mtu = words
        .iter()
        .find_map(|w| w.to_ascii_lowercase().strip_prefix("mtu=")?.parse().ok());
    let after = words
        .iter()
        .position(|w| w.eq_ignore_ascii_case("subinterface"));
    if let (Some(mtu), Some(name)) = (mtu, after.and_then(|n| words.get(n + 1))) {
        let fact = state.fact(call, mtu, at);
        for line in call.lines.0..=call.lines.1 {
            state.lines.understood(line);
        }
        let name = name
            .trim_start_matches("interface=")
            .trim_matches('"')
            .to_owned();
        state.push(Act::Mtu(fact), Of::These(vec![name]), at, call.on());
    }
}

/// NVIDIA's tool sets markings that are not followed here.
pub(super) fn mlx5cmd(state: &mut State, call: &Call, _: Span) {
    let shown = call
        .params
        .iter()
        .any(|(n, _)| n.starts_with("stat") || n.starts_with("ver"));
    if !shown {
        for line in call.lines.0..=call.lines.1 {
            state
                .lines
                .unknown(line, "options of mlx5cmd are not followed");
        }
    }
}

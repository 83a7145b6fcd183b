//! What PFC of a port really does: its own settings, or what DCBX makes of both ends.

use crate::device::{DcbxVersion, EIGHT, Kind, PfcMode, Port};
use crate::fabric::{End, Fabric};
use crate::fact::Fact;
use crate::language::Dialect;
use std::array::from_fn;

/// PFC of a port as it is in force.
#[derive(Clone, Debug)]
pub struct InForce {
    pub how: How,
    /// By 802.1p priority.
    pub send: [Fact<bool>; EIGHT],
    pub obey: [Fact<bool>; EIGHT],
}

/// How it came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// As the port's own lines say, or its defaults.
    Own,
    /// Off, since no line turns it on.
    Off,
    /// The port took the peer's settings.
    Taken,
    /// DCBX agreed, and left it on.
    Agreed,
    /// DCBX did not agree, which leaves it off: why, as a phrase.
    Refused(String),
    /// A host that takes its settings from a peer that sends none: why, as a phrase.
    NothingToTake(String),
    /// It cannot be told: why.
    Unknown(String),
}

/// PFC of a port, with its peer's part in it.
pub fn in_force(fabric: &Fabric, end: End) -> Option<InForce> {
    let port = fabric.port(end)?;
    let windows = fabric.device(end.node).is_some_and(|d| {
        d.kind == Kind::Host && matches!(d.dialect, Dialect::Windows | Dialect::ValidateDcb)
    });
    let peer = fabric.peer(end);
    let far = peer.and_then(|(_, far)| fabric.port(far));
    let far_name = peer.map_or_else(|| "the peer".to_owned(), |(_, far)| fabric.label(far));
    let pfc = &port.qos.pfc;
    let willing = port.qos.dcbx.willing.is(&true) && !port.qos.dcbx.on.is(&false);
    Some(match pfc.mode.value() {
        None => unknown(
            pfc.mode
                .why_unknown()
                .unwrap_or("the mode of PFC is not known"),
        ),
        // Windows hands its settings to the NIC only if it is not willing.
        Some(PfcMode::On) if windows && willing => take(port, far, &far_name, true),
        Some(PfcMode::Off) if willing => take(port, far, &far_name, false),
        Some(PfcMode::On) => own(port),
        Some(PfcMode::Off) => all_off(How::Off),
        Some(PfcMode::Auto) => agree(port, far, &far_name),
    })
}

fn own(port: &Port) -> InForce {
    let pfc = &port.qos.pfc;
    InForce {
        how: How::Own,
        send: pfc.send.clone(),
        obey: pfc.obey.clone(),
    }
}

fn all_off(how: How) -> InForce {
    let off = |_| Fact::default(false, "PFC is off on the port");
    InForce {
        how,
        send: from_fn(off),
        obey: from_fn(off),
    }
}

fn unknown(why: &str) -> InForce {
    let fact = |_| Fact::unknown(why.to_owned());
    InForce {
        how: How::Unknown(why.to_owned()),
        send: from_fn(fact),
        obey: from_fn(fact),
    }
}

/// A willing port: the peer's settings, if it sends any. `lost`: else it has none, though it has
/// settings of its own.
fn take(port: &Port, far: Option<&Port>, far_name: &str, lost: bool) -> InForce {
    let Some(far) = far else {
        return unknown(&format!(
            "it takes what {far_name} sends, which is not known"
        ));
    };
    if let Some(why) = no_exchange(port, far, far_name) {
        return match lost {
            true => all_off(How::NothingToTake(why)),
            false => all_off(How::Off),
        };
    }
    let dcbx = &far.qos.dcbx;
    match (dcbx.on.value(), far.qos.pfc.mode.value()) {
        (Some(true), Some(PfcMode::On | PfcMode::Auto)) => InForce {
            how: How::Taken,
            send: far.qos.pfc.send.clone(),
            obey: far.qos.pfc.send.clone(),
        },
        (Some(true), Some(PfcMode::Off)) if lost => {
            all_off(How::NothingToTake(format!("{far_name} has no PFC to give")))
        }
        (Some(true), Some(PfcMode::Off)) => all_off(How::Off),
        _ => unknown(&format!(
            "the host takes its settings from {far_name}, and whether that sends DCBX is not known"
        )),
    }
}

/// Why the two cannot talk; None if they do, or if it is not known.
fn no_exchange(port: &Port, far: &Port, far_name: &str) -> Option<String> {
    if port.qos.dcbx.on.is(&false) {
        return Some("DCBX is off on the port itself".to_owned());
    }
    if far.qos.dcbx.on.is(&false) {
        return Some(format!("{far_name} speaks no DCBX"));
    }
    let versions = [port, far].map(|p| p.qos.dcbx.version.value());
    match versions {
        [Some(DcbxVersion::Ieee), Some(DcbxVersion::Cee)] => Some(format!(
            "{far_name} speaks the CEE version of DCBX, and the port IEEE"
        )),
        [Some(DcbxVersion::Cee), Some(DcbxVersion::Ieee)] => Some(format!(
            "{far_name} speaks the IEEE version of DCBX, and the port CEE"
        )),
        _ => None,
    }
}

/// A port in mode auto: on if DCBX agrees.
fn agree(port: &Port, far: Option<&Port>, far_name: &str) -> InForce {
    let Some(far) = far else {
        return unknown(&format!(
            "PFC is on if {far_name} agrees, which is not known"
        ));
    };
    if let Some(why) = no_exchange(port, far, far_name) {
        return all_off(How::Refused(why));
    }
    let agreed = || InForce {
        how: How::Agreed,
        ..own(port)
    };
    match (far.qos.dcbx.on.value(), far.qos.dcbx.willing.value()) {
        (None, _) => unknown(&format!(
            "PFC is on only if {far_name} speaks DCBX, which is not known"
        )),
        (Some(_), Some(true)) => agreed(),
        (Some(_), willing) => {
            let same = (0..EIGHT).all(|n| {
                match (port.qos.pfc.send[n].value(), far.qos.pfc.send[n].value()) {
                    (Some(a), Some(b)) => a == b,
                    _ => false,
                }
            });
            let known = (0..EIGHT).all(|n| {
                port.qos.pfc.send[n].get().is_some() && far.qos.pfc.send[n].get().is_some()
            });
            match (same, known, far.qos.pfc.mode.value(), willing) {
                // Two switches in mode auto with the same priorities agree.
                (true, ..) if !far.qos.pfc.mode.is(&PfcMode::Off) => agreed(),
                (_, true, _, Some(false)) => {
                    let mode = far.qos.pfc.mode.is(&PfcMode::Off);
                    let what = if mode {
                        "has PFC off"
                    } else {
                        "has other PFC priorities"
                    };
                    all_off(How::Refused(format!(
                        "{far_name} is not willing and {what}"
                    )))
                }
                _ => unknown(&format!(
                    "PFC is on only if {far_name} agrees, which is not known"
                )),
            }
        }
    }
}

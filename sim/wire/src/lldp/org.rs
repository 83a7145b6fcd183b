//! Organizationally specific TLVs: those of 802.1, 802.3 and DCBX.

use crate::qaz::{self, App, Ets, Pfc, Qcn, Violations, exactly};
use crate::{Result, cee, take};
use std::fmt;

const OUI_8023: [u8; 3] = [0x00, 0x12, 0x0f];
const HEADER_LEN: usize = 4;

/// Subtypes of 802.1 that are not about DCB (802.1Q annex D).
mod bridge {
    pub(super) const PORT_VLAN: u8 = 1;
    pub(super) const PROTOCOL_VLAN: u8 = 2;
    pub(super) const VLAN_NAME: u8 = 3;
    pub(super) const PROTOCOL_IDENTITY: u8 = 4;
    pub(super) const VID_DIGEST: u8 = 5;
    pub(super) const MANAGEMENT_VID: u8 = 6;
    pub(super) const AGGREGATION: u8 = 7;
}

/// Subtypes of 802.3 (802.3 clause 79).
mod link {
    pub(super) const MAC_PHY: u8 = 1;
    pub(super) const AGGREGATION: u8 = 3;
    pub(super) const MAX_FRAME: u8 = 4;
}

/// One organizationally specific TLV.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Organizational {
    /// PVID of the port.
    PortVlan(u16),
    /// Flags (bit 1: supported, bit 2: enabled) and PPVID.
    ProtocolVlan {
        flags: u8,
        vid: u16,
    },
    VlanName {
        vid: u16,
        name: String,
    },
    ProtocolIdentity(Vec<u8>),
    /// CRC of the VID set.
    VidDigest(u32),
    ManagementVid(u16),
    /// Status (bit 0: capable, bit 1: aggregated) and port. `old`: of 802.3, not of 802.1.
    Aggregation {
        old: bool,
        status: u8,
        port: u32,
    },
    /// Autonegotiation flags and advertised abilities, type of the medium attachment unit.
    MacPhy {
        autonegotiation: u8,
        advertised: u16,
        mau: u16,
    },
    /// Longest frame, bytes with header and FCS.
    MaxFrame(u16),
    Congestion(Qcn),
    EtsConfiguration(Ets),
    EtsRecommendation(Ets),
    Pfc(Pfc),
    App(Vec<App>),
    Cee(cee::Repr),
    /// DCBX 1.00, the dialect before CEE: recognised, not decoded.
    Cin(Vec<u8>),
    Other {
        oui: [u8; 3],
        subtype: u8,
        value: Vec<u8>,
    },
}

impl Organizational {
    /// Reads the value of a TLV of type 127.
    ///
    /// # Errors
    ///
    /// The value has not the length that its subtype asks for.
    pub(super) fn parse(value: &[u8]) -> Result<(Self, Violations)> {
        let layer = "organizational TLV";
        let [a, b, c, subtype] = take::<HEADER_LEN>(value, layer, "at least 4 bytes")?;
        let oui = [a, b, c];
        let body = &value[HEADER_LEN..];
        let parsed = match oui {
            qaz::OUI => Self::parse_8021(subtype, body),
            OUI_8023 => Self::parse_8023(subtype, body),
            cee::OUI => Self::parse_dcbx(subtype, body),
            _ => Ok(None),
        };
        let other = || Organizational::Other {
            oui,
            subtype,
            value: body.to_vec(),
        };
        match parsed {
            Ok(Some(known)) => Ok(known),
            Ok(None) => Ok((other(), Violations::default())),
            Err(error) => Err(error.shifted(HEADER_LEN)),
        }
    }

    fn parse_8021(subtype: u8, body: &[u8]) -> Result<Option<(Self, Violations)>> {
        let none = Violations::default();
        Ok(Some(match subtype {
            bridge::PORT_VLAN => {
                let vid = exactly::<2>(body, "port VLAN ID TLV", "2 bytes")?;
                (Organizational::PortVlan(u16::from_be_bytes(vid)), none)
            }
            bridge::PROTOCOL_VLAN => {
                let [flags, a, b] = exactly::<3>(body, "protocol VLAN ID TLV", "3 bytes")?;
                let vid = u16::from_be_bytes([a, b]);
                (Organizational::ProtocolVlan { flags, vid }, none)
            }
            bridge::VLAN_NAME => (Self::vlan_name(body)?, none),
            bridge::PROTOCOL_IDENTITY => {
                let id = counted(body, 0, "protocol identity TLV")?;
                (Organizational::ProtocolIdentity(id.to_vec()), none)
            }
            bridge::VID_DIGEST => {
                let digest = exactly::<4>(body, "VID usage digest TLV", "4 bytes")?;
                (Organizational::VidDigest(u32::from_be_bytes(digest)), none)
            }
            bridge::MANAGEMENT_VID => {
                let vid = exactly::<2>(body, "management VID TLV", "2 bytes")?;
                (Organizational::ManagementVid(u16::from_be_bytes(vid)), none)
            }
            bridge::AGGREGATION => (Self::aggregation(body, false)?, none),
            qaz::subtype::CONGESTION => (Organizational::Congestion(Qcn::parse(body)?), none),
            qaz::subtype::ETS_CONFIGURATION => {
                let (ets, violations) = Ets::parse_configuration(body)?;
                (Organizational::EtsConfiguration(ets), violations)
            }
            qaz::subtype::ETS_RECOMMENDATION => {
                let (ets, violations) = Ets::parse_recommendation(body)?;
                (Organizational::EtsRecommendation(ets), violations)
            }
            qaz::subtype::PFC => {
                let (pfc, violations) = Pfc::parse(body)?;
                (Organizational::Pfc(pfc), violations)
            }
            qaz::subtype::APPLICATION => {
                let (apps, violations) = App::parse_table(body)?;
                (Organizational::App(apps), violations)
            }
            _ => return Ok(None),
        }))
    }

    fn parse_8023(subtype: u8, body: &[u8]) -> Result<Option<(Self, Violations)>> {
        let tlv = match subtype {
            link::MAC_PHY => {
                let [autonegotiation, a, b, c, d] = exactly::<5>(body, "MAC/PHY TLV", "5 bytes")?;
                Organizational::MacPhy {
                    autonegotiation,
                    advertised: u16::from_be_bytes([a, b]),
                    mau: u16::from_be_bytes([c, d]),
                }
            }
            link::AGGREGATION => Self::aggregation(body, true)?,
            link::MAX_FRAME => {
                let bytes = exactly::<2>(body, "maximum frame size TLV", "2 bytes")?;
                Organizational::MaxFrame(u16::from_be_bytes(bytes))
            }
            _ => return Ok(None),
        };
        Ok(Some((tlv, Violations::default())))
    }

    fn parse_dcbx(subtype: u8, body: &[u8]) -> Result<Option<(Self, Violations)>> {
        Ok(match subtype {
            cee::SUBTYPE_CEE => {
                let (repr, violations) = cee::Repr::parse(body)?;
                Some((Organizational::Cee(repr), violations))
            }
            cee::SUBTYPE_CIN => Some((Organizational::Cin(body.to_vec()), Violations::default())),
            _ => None,
        })
    }

    fn vlan_name(body: &[u8]) -> Result<Self> {
        let [a, b] = take::<2>(body, "VLAN name TLV", "at least 3 bytes")?;
        let name = counted(body, 2, "VLAN name TLV")?;
        Ok(Organizational::VlanName {
            vid: u16::from_be_bytes([a, b]),
            name: super::text(name),
        })
    }

    fn aggregation(body: &[u8], old: bool) -> Result<Self> {
        let [status, a, b, c, d] = exactly::<5>(body, "link aggregation TLV", "5 bytes")?;
        let port = u32::from_be_bytes([a, b, c, d]);
        Ok(Organizational::Aggregation { old, status, port })
    }

    fn subtype(&self) -> ([u8; 3], u8) {
        use Organizational::*;
        match self {
            PortVlan(_) => (qaz::OUI, bridge::PORT_VLAN),
            ProtocolVlan { .. } => (qaz::OUI, bridge::PROTOCOL_VLAN),
            VlanName { .. } => (qaz::OUI, bridge::VLAN_NAME),
            ProtocolIdentity(_) => (qaz::OUI, bridge::PROTOCOL_IDENTITY),
            VidDigest(_) => (qaz::OUI, bridge::VID_DIGEST),
            ManagementVid(_) => (qaz::OUI, bridge::MANAGEMENT_VID),
            Aggregation { old: false, .. } => (qaz::OUI, bridge::AGGREGATION),
            Aggregation { old: true, .. } => (OUI_8023, link::AGGREGATION),
            MacPhy { .. } => (OUI_8023, link::MAC_PHY),
            MaxFrame(_) => (OUI_8023, link::MAX_FRAME),
            Congestion(_) => (qaz::OUI, qaz::subtype::CONGESTION),
            EtsConfiguration(_) => (qaz::OUI, qaz::subtype::ETS_CONFIGURATION),
            EtsRecommendation(_) => (qaz::OUI, qaz::subtype::ETS_RECOMMENDATION),
            Pfc(_) => (qaz::OUI, qaz::subtype::PFC),
            App(_) => (qaz::OUI, qaz::subtype::APPLICATION),
            Cee(_) => (cee::OUI, cee::SUBTYPE_CEE),
            Cin(_) => (cee::OUI, cee::SUBTYPE_CIN),
            Other { oui, subtype, .. } => (*oui, *subtype),
        }
    }

    /// What operators call it.
    pub fn name(&self) -> &'static str {
        use Organizational::*;
        match self {
            PortVlan(_) => "port VLAN ID TLV",
            ProtocolVlan { .. } => "protocol VLAN ID TLV",
            VlanName { .. } => "VLAN name TLV",
            ProtocolIdentity(_) => "protocol identity TLV",
            VidDigest(_) => "VID usage digest TLV",
            ManagementVid(_) => "management VID TLV",
            Aggregation { .. } => "link aggregation TLV",
            MacPhy { .. } => "MAC/PHY TLV",
            MaxFrame(_) => "maximum frame size TLV",
            Congestion(_) => "congestion notification TLV",
            EtsConfiguration(_) => "ETS configuration TLV",
            EtsRecommendation(_) => "ETS recommendation TLV",
            Pfc(_) => "PFC TLV",
            App(_) => "application priority TLV",
            Cee(_) => "CEE DCBX TLV",
            Cin(_) => "CIN DCBX TLV",
            Other { .. } => "organizational TLV",
        }
    }

    /// Whether a unit may hold it once only.
    pub(super) fn is_single(&self) -> bool {
        use Organizational::*;
        !matches!(
            self,
            ProtocolVlan { .. }
                | VlanName { .. }
                | ProtocolIdentity(_)
                | Aggregation { .. }
                | Other { .. }
        )
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        let (oui, subtype) = self.subtype();
        out.extend_from_slice(&oui);
        out.push(subtype);
        use Organizational::*;
        match self {
            PortVlan(v) | ManagementVid(v) | MaxFrame(v) => out.extend_from_slice(&v.to_be_bytes()),
            ProtocolVlan { flags, vid } => {
                out.push(*flags);
                out.extend_from_slice(&vid.to_be_bytes());
            }
            VlanName { vid, name } => {
                out.extend_from_slice(&vid.to_be_bytes());
                put_counted(out, name.as_bytes());
            }
            ProtocolIdentity(id) => put_counted(out, id),
            VidDigest(digest) => out.extend_from_slice(&digest.to_be_bytes()),
            Aggregation { status, port, .. } => {
                out.push(*status);
                out.extend_from_slice(&port.to_be_bytes());
            }
            MacPhy {
                autonegotiation,
                advertised,
                mau,
            } => {
                out.push(*autonegotiation);
                out.extend_from_slice(&advertised.to_be_bytes());
                out.extend_from_slice(&mau.to_be_bytes());
            }
            Congestion(qcn) => qcn.emit(room(out, Qcn::LEN)),
            EtsConfiguration(ets) => ets.emit_configuration(room(out, Ets::LEN)),
            EtsRecommendation(ets) => ets.emit_recommendation(room(out, Ets::LEN)),
            Pfc(pfc) => pfc.emit(room(out, qaz::Pfc::LEN)),
            App(apps) => qaz::App::emit_table(apps, room(out, qaz::App::table_len(apps))),
            Cee(repr) => repr.emit(room(out, repr.buffer_len())),
            Cin(value) | Other { value, .. } => out.extend_from_slice(value),
        }
    }
}

/// What a length byte at `at` announces; it must end the TLV.
fn counted<'a>(body: &'a [u8], at: usize, layer: &'static str) -> Result<&'a [u8]> {
    let error = |expected, found: usize| crate::WireError {
        layer,
        field: "length",
        offset: at.min(body.len()),
        expected,
        found: found as u64,
    };
    let rest = body.get(at..).unwrap_or_default();
    match rest.split_first() {
        Some((&len, rest)) if usize::from(len) == rest.len() => Ok(rest),
        Some((&len, _)) => Err(error("what is left", usize::from(len))),
        None => Err(error("a length byte", body.len())),
    }
}

/// Another `len` bytes.
fn room(out: &mut Vec<u8>, len: usize) -> &mut [u8] {
    let at = out.len();
    out.resize(at + len, 0);
    &mut out[at..]
}

/// Writes a length byte and at most 255 bytes.
fn put_counted(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = bytes.len().min(255);
    out.push(len as u8);
    out.extend_from_slice(&bytes[..len]);
}

impl fmt::Display for Organizational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Organizational::*;
        match self {
            PortVlan(vid) => write!(f, "PVID {vid}"),
            ProtocolVlan { vid, .. } => write!(f, "PPVID {vid}"),
            VlanName { vid, name } => write!(f, "VLAN {vid} {}", name.escape_debug()),
            MaxFrame(bytes) => write!(f, "maximum frame {bytes} B"),
            Congestion(qcn) => write!(f, "QCN, priorities {}", qaz::priorities(qcn.cnpv)),
            EtsConfiguration(ets) => ets.fmt(f),
            EtsRecommendation(ets) => write!(f, "recommended {ets}"),
            Pfc(pfc) => pfc.fmt(f),
            App(apps) => {
                write!(f, "APP")?;
                for (i, app) in apps.iter().enumerate() {
                    write!(f, "{} {app}", if i == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Cee(repr) => repr.fmt(f),
            other => f.write_str(other.name()),
        }
    }
}

//! LLDP data units (802.1AB): what a station says of itself, its port and its DCB settings.
//!
//! A unit is a list of TLVs: seven bits of type, nine of length, value. Chassis, port and time to
//! live come first and once; the order of the others is free. A unit without them, or with a TLV
//! that passes its end, is to be discarded; a TLV that is malformed or comes twice is discarded by
//! itself. [`Repr::parse`] keeps what can be read and lists every such [`Fault`].

use super::qaz::{App, Ets, Pfc, Qcn, Violation};
use super::{Mac, Result, WireError, cee, ethernet, take};
use std::fmt;

mod org;

pub use org::Organizational;

/// Type of LLDP frames.
pub const ETHERTYPE: u16 = 0x88cc;

/// The nearest bridge: where DCBX is sent.
pub const NEAREST_BRIDGE: Mac = Mac([0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e]);

const HEADER_LEN: usize = 2;
const LAYER: &str = "LLDP";
/// Longest value.
const MAX_LEN: usize = 511;

/// Types of TLVs (802.1AB table 8-1).
pub mod kind {
    pub const END: u8 = 0;
    pub const CHASSIS: u8 = 1;
    pub const PORT: u8 = 2;
    pub const TTL: u8 = 3;
    pub const PORT_DESCRIPTION: u8 = 4;
    pub const SYSTEM_NAME: u8 = 5;
    pub const SYSTEM_DESCRIPTION: u8 = 6;
    pub const CAPABILITIES: u8 = 7;
    pub const MANAGEMENT_ADDRESS: u8 = 8;
    pub const ORGANIZATIONAL: u8 = 127;
}

const CHASSIS_MAC: u8 = 4;
const PORT_MAC: u8 = 3;
const NETWORK_ADDRESS: [u8; 2] = [5, 4];

/// One TLV as it lies in the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    pub kind: u8,
    /// Of its header in the unit.
    pub offset: usize,
    pub value: &'a [u8],
}

/// The TLVs of a unit up to its end TLV, or to the first that passes the end.
#[derive(Clone, Debug)]
pub struct Tlvs<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Tlvs<'a> {
    /// `data` follows the type of the frame; it may be padded.
    pub fn new(data: &'a [u8]) -> Self {
        Tlvs { data, at: 0 }
    }

    fn read(&self) -> Result<Tlv<'a>> {
        let rest = &self.data[self.at..];
        let head = take::<HEADER_LEN>(rest, LAYER, "2 bytes of TLV header")
            .map_err(|e| e.shifted(self.at))?;
        let head = u16::from_be_bytes(head);
        let len = usize::from(head & 0x1ff);
        let Some(value) = rest.get(HEADER_LEN..HEADER_LEN + len) else {
            return Err(WireError {
                layer: LAYER,
                field: "TLV length",
                offset: self.at,
                expected: "no more than what is left",
                found: len as u64,
            });
        };
        Ok(Tlv {
            kind: (head >> 9) as u8,
            offset: self.at,
            value,
        })
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<Tlv<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.data.len() {
            return None;
        }
        let tlv = self.read();
        match &tlv {
            Ok(tlv) if tlv.kind != kind::END => self.at += HEADER_LEN + tlv.value.len(),
            // Nothing follows the end, and nothing can be found after an error.
            _ => self.at = self.data.len(),
        }
        match tlv {
            Ok(tlv) if tlv.kind == kind::END => None,
            other => Some(other),
        }
    }
}

/// What identifies a chassis or a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    Mac(Mac),
    /// Name, alias, component or what else is text.
    Text {
        subtype: u8,
        text: String,
    },
    Other {
        subtype: u8,
        bytes: Vec<u8>,
    },
}

impl Default for Id {
    fn default() -> Self {
        Id::Mac(Mac::ZERO)
    }
}

impl Id {
    /// The name of a port.
    pub fn interface(name: &str) -> Id {
        Id::Text {
            subtype: 5,
            text: name.to_owned(),
        }
    }

    fn parse(value: &[u8], mac: u8, address: u8) -> Result<Id> {
        let layer = if mac == CHASSIS_MAC {
            "LLDP chassis ID"
        } else {
            "LLDP port ID"
        };
        let error = |expected| WireError {
            layer,
            field: "length",
            offset: 0,
            expected,
            found: value.len() as u64,
        };
        let (&subtype, rest) = match value.split_first() {
            Some((first, rest)) if (1..=255).contains(&rest.len()) => (first, rest),
            _ => return Err(error("2 to 256 bytes")),
        };
        if subtype == mac {
            let bytes = <[u8; 6]>::try_from(rest).map_err(|_| error("7 bytes"))?;
            return Ok(Id::Mac(Mac(bytes)));
        }
        match std::str::from_utf8(rest) {
            Ok(text) if subtype != address => Ok(Id::Text {
                subtype,
                text: text.to_owned(),
            }),
            _ => Ok(Id::Other {
                subtype,
                bytes: rest.to_vec(),
            }),
        }
    }

    fn emit(&self, mac: u8, out: &mut Vec<u8>) {
        match self {
            Id::Mac(address) => {
                out.push(mac);
                out.extend_from_slice(&address.0);
            }
            Id::Text { subtype, text } => {
                out.push(*subtype);
                out.extend_from_slice(text.as_bytes());
            }
            Id::Other { subtype, bytes } => {
                out.push(*subtype);
                out.extend_from_slice(bytes);
            }
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Id::Mac(mac) => mac.fmt(f),
            Id::Text { text, .. } => write!(f, "{}", text.escape_debug()),
            Id::Other { bytes, .. } => bytes.iter().try_for_each(|b| write!(f, "{b:02x}")),
        }
    }
}

/// Something in a unit that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This TLV is discarded.
    Malformed(WireError),
    /// The TLV, by name, breaks a rule.
    Violation(&'static str, Violation),
    /// A TLV that may come once came again; the first counts.
    Duplicate(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Malformed(error) => error.fmt(f),
            Fault::Violation(tlv, violation) => write!(f, "{tlv}: {violation}"),
            Fault::Duplicate(tlv) => write!(f, "{tlv}: comes twice"),
        }
    }
}

/// An LLDP data unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repr {
    pub chassis: Id,
    pub port: Id,
    /// Seconds for which this holds; 0: the sender shuts down.
    pub ttl: u16,
    pub port_description: Option<String>,
    pub system_name: Option<String>,
    pub system_description: Option<String>,
    /// What the system can be, and what it is.
    pub capabilities: Option<(u16, u16)>,
    pub organizational: Vec<Organizational>,
}

fn missing(tlv: &'static str, found: u8) -> WireError {
    WireError {
        layer: LAYER,
        field: "mandatory TLV",
        offset: 0,
        expected: tlv,
        found: u64::from(found),
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

impl Repr {
    /// Reads a unit and lists what is wrong with it. An unknown or malformed optional TLV does not
    /// hinder the others.
    ///
    /// # Errors
    ///
    /// The three mandatory TLVs are not the first, or are malformed.
    pub fn parse(data: &[u8]) -> Result<(Repr, Vec<Fault>)> {
        let mut tlvs = Tlvs::new(data);
        let mut mandatory = |kind: u8, name: &'static str| match tlvs.next() {
            Some(Ok(tlv)) if tlv.kind == kind => Ok(tlv),
            Some(Ok(tlv)) => Err(missing(name, tlv.kind)),
            Some(Err(error)) => Err(error),
            None => Err(missing(name, kind::END)),
        };
        let chassis = mandatory(kind::CHASSIS, "chassis ID (type 1) first")?;
        let port = mandatory(kind::PORT, "port ID (type 2) second")?;
        let ttl = mandatory(kind::TTL, "time to live (type 3) third")?;
        let start = |tlv: &Tlv<'_>| tlv.offset + HEADER_LEN;
        let seconds = take::<2>(ttl.value, "LLDP time to live", "2 bytes")
            .map_err(|e| e.shifted(start(&ttl)))?;
        let mut repr = Repr {
            chassis: Id::parse(chassis.value, CHASSIS_MAC, NETWORK_ADDRESS[0])
                .map_err(|e| e.shifted(start(&chassis)))?,
            port: Id::parse(port.value, PORT_MAC, NETWORK_ADDRESS[1])
                .map_err(|e| e.shifted(start(&port)))?,
            ttl: u16::from_be_bytes(seconds),
            ..Repr::default()
        };
        let mut faults = Vec::new();
        for tlv in tlvs {
            let read = tlv.and_then(|tlv| {
                repr.optional(&tlv, &mut faults)
                    .map_err(|e| e.shifted(start(&tlv)))
            });
            faults.extend(read.err().map(Fault::Malformed));
        }
        Ok((repr, faults))
    }

    fn optional(&mut self, tlv: &Tlv<'_>, faults: &mut Vec<Fault>) -> Result<()> {
        let (slot, name) = match tlv.kind {
            kind::CHASSIS => return duplicate(faults, "chassis ID TLV"),
            kind::PORT => return duplicate(faults, "port ID TLV"),
            kind::TTL => return duplicate(faults, "time to live TLV"),
            kind::PORT_DESCRIPTION => (&mut self.port_description, "port description TLV"),
            kind::SYSTEM_NAME => (&mut self.system_name, "system name TLV"),
            kind::SYSTEM_DESCRIPTION => (&mut self.system_description, "system description TLV"),
            kind::CAPABILITIES => {
                let [a, b, c, d] = take::<4>(tlv.value, "LLDP capabilities", "4 bytes")?;
                if self.capabilities.is_some() {
                    return duplicate(faults, "system capabilities TLV");
                }
                let words = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
                self.capabilities = Some(words);
                return Ok(());
            }
            kind::ORGANIZATIONAL => {
                let (organizational, violations) = Organizational::parse(tlv.value)?;
                let name = organizational.name();
                let said = violations.iter().map(|v| Fault::Violation(name, v));
                faults.extend(said);
                if organizational.is_single()
                    && self.organizational.iter().any(|o| o.name() == name)
                {
                    return duplicate(faults, name);
                }
                self.organizational.push(organizational);
                return Ok(());
            }
            _ => return Ok(()),
        };
        if slot.is_some() {
            return duplicate(faults, name);
        }
        *slot = Some(text(tlv.value));
        Ok(())
    }

    /// Bytes of the TLVs, with the end TLV.
    pub fn buffer_len(&self) -> usize {
        self.to_bytes().len()
    }

    /// Writes [`Self::buffer_len`] bytes.
    pub fn emit(&self, buffer: &mut [u8]) {
        let bytes = self.to_bytes();
        buffer[..bytes.len()].copy_from_slice(&bytes);
    }

    /// The TLVs, with the end TLV. A value longer than 511 bytes is cut: no TLV holds more.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        put(&mut out, kind::CHASSIS, |o| {
            self.chassis.emit(CHASSIS_MAC, o)
        });
        put(&mut out, kind::PORT, |o| self.port.emit(PORT_MAC, o));
        put(&mut out, kind::TTL, |o| {
            o.extend_from_slice(&self.ttl.to_be_bytes());
        });
        for (kind, text) in [
            (kind::PORT_DESCRIPTION, &self.port_description),
            (kind::SYSTEM_NAME, &self.system_name),
            (kind::SYSTEM_DESCRIPTION, &self.system_description),
        ] {
            if let Some(text) = text {
                put(&mut out, kind, |o| o.extend_from_slice(text.as_bytes()));
            }
        }
        if let Some((can, is)) = self.capabilities {
            put(&mut out, kind::CAPABILITIES, |o| {
                o.extend_from_slice(&can.to_be_bytes());
                o.extend_from_slice(&is.to_be_bytes());
            });
        }
        for tlv in &self.organizational {
            put(&mut out, kind::ORGANIZATIONAL, |o| tlv.emit(o));
        }
        put(&mut out, kind::END, |_| ());
        out
    }

    /// The whole frame from `src`, at least 60 bytes, without FCS.
    pub fn frame(&self, src: Mac) -> Vec<u8> {
        let header = ethernet::Repr {
            dst: NEAREST_BRIDGE,
            src,
            outer: None,
            inner: None,
            ethertype: ETHERTYPE,
        };
        let mut frame = vec![0; header.header_len()];
        header.emit(&mut frame);
        frame.append(&mut self.to_bytes());
        frame.resize(frame.len().max(ethernet::MIN_LEN), 0);
        frame
    }

    /// The first TLV of a kind.
    pub fn find<T>(&self, of: impl Fn(&Organizational) -> Option<T>) -> Option<T> {
        self.organizational.iter().find_map(of)
    }

    pub fn ets(&self) -> Option<Ets> {
        self.find(|o| match o {
            Organizational::EtsConfiguration(ets) => Some(*ets),
            _ => None,
        })
    }

    pub fn ets_recommended(&self) -> Option<Ets> {
        self.find(|o| match o {
            Organizational::EtsRecommendation(ets) => Some(*ets),
            _ => None,
        })
    }

    pub fn pfc(&self) -> Option<Pfc> {
        self.find(|o| match o {
            Organizational::Pfc(pfc) => Some(*pfc),
            _ => None,
        })
    }

    pub fn apps(&self) -> Option<&[App]> {
        self.organizational.iter().find_map(|o| match o {
            Organizational::App(apps) => Some(apps.as_slice()),
            _ => None,
        })
    }

    pub fn congestion(&self) -> Option<Qcn> {
        self.find(|o| match o {
            Organizational::Congestion(qcn) => Some(*qcn),
            _ => None,
        })
    }

    pub fn cee(&self) -> Option<&cee::Repr> {
        self.organizational.iter().find_map(|o| match o {
            Organizational::Cee(cee) => Some(cee),
            _ => None,
        })
    }

    /// Whether DCBX 1.00, the dialect before CEE, is spoken.
    pub fn speaks_cin(&self) -> bool {
        self.organizational
            .iter()
            .any(|o| matches!(o, Organizational::Cin(_)))
    }
}

fn duplicate(faults: &mut Vec<Fault>, name: &'static str) -> Result<()> {
    faults.push(Fault::Duplicate(name));
    Ok(())
}

fn put(out: &mut Vec<u8>, kind: u8, value: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; HEADER_LEN]);
    value(out);
    out.truncate(at + HEADER_LEN + MAX_LEN);
    let len = out.len() - at - HEADER_LEN;
    let head = u16::from(kind) << 9 | len as u16;
    out[at..at + HEADER_LEN].copy_from_slice(&head.to_be_bytes());
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "LLDP, chassis {}, port {}, ttl {} s",
            self.chassis, self.port, self.ttl
        )?;
        if let Some(name) = &self.system_name {
            write!(f, ", system {}", name.escape_debug())?;
        }
        self.organizational
            .iter()
            .try_for_each(|tlv| write!(f, "; {tlv}"))
    }
}

#[cfg(test)]
mod tests;

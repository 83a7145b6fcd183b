//! CEE DCBX TLVs (OUI 00-1B-21): control, priority groups, PFC, applications.
//!
//! The base protocol specification 1.01 of the DCB capability exchange,
//! which vendors published.

use super::qaz::{Violation, Violations, exactly, nibbles, pack_nibbles};
use super::{Result, WireError, take};
use std::fmt;

/// The feature header before each sub-TLV.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feature {
    pub oper_version: u8,
    pub max_version: u8,
    pub enabled: bool,
    pub willing: bool,
    pub error: bool,
    pub subtype: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    pub oper_version: u8,
    pub max_version: u8,
    pub seq: u32,
    pub ack: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriorityGroups {
    pub feature: Feature,
    /// Group of each priority; 15 is without bandwidth limit.
    pub group: [u8; 8],
    /// Per cent per group.
    pub bandwidth: [u8; 8],
    pub tcs: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pfc {
    pub feature: Feature,
    pub enabled: u8,
    pub tcs: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct App {
    pub protocol: u16,
    /// 0 ethertype, 1 TCP or UDP port.
    pub selector: u8,
    pub oui: [u8; 3],
    /// Bit n for priority n.
    pub priorities: u8,
}

/// One CEE DCBX TLV.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repr {
    pub control: Control,
    pub groups: Option<PriorityGroups>,
    pub pfc: Option<Pfc>,
    pub apps: Option<(Feature, Vec<App>)>,
}

/// Organisation of both versions of DCBX before IEEE 802.1Qaz.
pub const OUI: [u8; 3] = [0x00, 0x1b, 0x21];

/// Subtype of DCBX 1.00, "CIN", which came before CEE and is not decoded.
pub const SUBTYPE_CIN: u8 = 1;

/// Subtype of DCBX 1.01, CEE.
pub const SUBTYPE_CEE: u8 = 2;

/// Types of the TLVs inside.
mod kind {
    pub(super) const CONTROL: u8 = 1;
    pub(super) const GROUPS: u8 = 2;
    pub(super) const PFC: u8 = 3;
    pub(super) const APPLICATIONS: u8 = 4;
}

const HEADER_LEN: usize = 2;
const FEATURE_LEN: usize = 4;
const CONTROL_LEN: usize = 10;
const GROUPS_LEN: usize = 17;
const PFC_LEN: usize = 6;
const APP_LEN: usize = 6;

/// Group of priorities whose bandwidth is not limited.
pub const GROUP_UNLIMITED: u8 = 15;

const LAYER: &str = "CEE DCBX TLV";

impl Feature {
    fn parse([oper_version, max_version, flags, subtype]: [u8; FEATURE_LEN]) -> Self {
        Feature {
            oper_version,
            max_version,
            enabled: flags & 0x80 != 0,
            willing: flags & 0x40 != 0,
            error: flags & 0x20 != 0,
            subtype,
        }
    }

    fn emit(&self, buffer: &mut [u8]) {
        buffer[0] = self.oper_version;
        buffer[1] = self.max_version;
        buffer[2] =
            u8::from(self.enabled) << 7 | u8::from(self.willing) << 6 | u8::from(self.error) << 5;
        buffer[3] = self.subtype;
    }
}

impl Control {
    fn parse(body: &[u8]) -> Result<Self> {
        let b = exactly::<CONTROL_LEN>(body, "CEE control TLV", "10 bytes")?;
        Ok(Control {
            oper_version: b[0],
            max_version: b[1],
            seq: u32::from_be_bytes([b[2], b[3], b[4], b[5]]),
            ack: u32::from_be_bytes([b[6], b[7], b[8], b[9]]),
        })
    }

    fn emit(&self, buffer: &mut [u8]) {
        buffer[0] = self.oper_version;
        buffer[1] = self.max_version;
        buffer[2..6].copy_from_slice(&self.seq.to_be_bytes());
        buffer[6..10].copy_from_slice(&self.ack.to_be_bytes());
    }
}

impl PriorityGroups {
    fn parse(body: &[u8]) -> Result<Self> {
        let b = exactly::<GROUPS_LEN>(body, "CEE priority group TLV", "17 bytes")?;
        Ok(PriorityGroups {
            feature: Feature::parse([b[0], b[1], b[2], b[3]]),
            group: nibbles([b[4], b[5], b[6], b[7]]),
            bandwidth: std::array::from_fn(|group| b[8 + group]),
            tcs: b[16],
        })
    }

    /// The rules that these tables break: shares of 100 % together, groups 0 to 7 or 15.
    pub fn violations(&self) -> Violations {
        let mut found = Violations::default();
        let limited = self.group.iter().any(|&g| g < 8);
        let sum: u32 = self.bandwidth.iter().map(|&b| u32::from(b)).sum();
        found.insert_if(limited && sum != 100, Violation::BandwidthSum);
        let reserved = self.group.iter().any(|g| (8..15).contains(g));
        found.insert_if(reserved, Violation::ClassRange);
        found
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.feature.emit(buffer);
        buffer[4..8].copy_from_slice(&pack_nibbles(self.group));
        buffer[8..16].copy_from_slice(&self.bandwidth);
        buffer[16] = self.tcs;
    }
}

impl Pfc {
    fn parse(body: &[u8]) -> Result<Self> {
        let b = exactly::<PFC_LEN>(body, "CEE PFC TLV", "6 bytes")?;
        Ok(Pfc {
            feature: Feature::parse([b[0], b[1], b[2], b[3]]),
            enabled: b[4],
            tcs: b[5],
        })
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.feature.emit(buffer);
        buffer[4] = self.enabled;
        buffer[5] = self.tcs;
    }
}

impl App {
    /// Protocol, then six bits of the OUI and two of the selector, the rest of the OUI, priorities.
    fn parse(b: &[u8]) -> Self {
        App {
            protocol: u16::from_be_bytes([b[0], b[1]]),
            selector: b[2] & 3,
            oui: [b[2] & 0xfc, b[3], b[4]],
            priorities: b[5],
        }
    }

    fn emit(&self, buffer: &mut [u8]) {
        buffer[..2].copy_from_slice(&self.protocol.to_be_bytes());
        buffer[2] = self.oui[0] & 0xfc | self.selector & 3;
        buffer[3] = self.oui[1];
        buffer[4] = self.oui[2];
        buffer[5] = self.priorities;
    }
}

fn parse_apps(body: &[u8]) -> Result<(Feature, Vec<App>)> {
    let layer = "CEE application TLV";
    let head = take::<FEATURE_LEN>(body, layer, "at least 4 bytes")?;
    let entries = body[FEATURE_LEN..].chunks_exact(APP_LEN);
    if !entries.remainder().is_empty() {
        return Err(WireError {
            layer,
            field: "length",
            offset: body.len() - entries.remainder().len(),
            expected: "4 bytes and 6 per entry",
            found: body.len() as u64,
        });
    }
    Ok((Feature::parse(head), entries.map(App::parse).collect()))
}

/// Keeps the first of a feature.
fn put<T>(slot: &mut Option<T>, value: T, violations: &mut Violations) {
    violations.insert_if(slot.is_some(), Violation::DuplicateFeature);
    slot.get_or_insert(value);
}

impl Repr {
    /// Reads what follows OUI and subtype 2: TLVs with LLDP's kind of header. Unknown features are
    /// skipped.
    ///
    /// # Errors
    ///
    /// A TLV has the wrong length or passes the end, or the control TLV is missing.
    pub fn parse(body: &[u8]) -> Result<(Repr, Violations)> {
        let mut repr = Repr::default();
        let mut control = None;
        let mut violations = Violations::default();
        let mut at = 0;
        while at < body.len() {
            let (kind, value) = Self::next(&body[at..]).map_err(|e| e.shifted(at))?;
            let start = at + HEADER_LEN;
            let v = &mut violations;
            match kind {
                kind::CONTROL => Control::parse(value).map(|c| put(&mut control, c, v)),
                kind::GROUPS => PriorityGroups::parse(value).map(|g| put(&mut repr.groups, g, v)),
                kind::PFC => Pfc::parse(value).map(|p| put(&mut repr.pfc, p, v)),
                kind::APPLICATIONS => parse_apps(value).map(|a| put(&mut repr.apps, a, v)),
                _ => Ok(()),
            }
            .map_err(|e| e.shifted(start))?;
            at = start + value.len();
        }
        repr.control = control.ok_or(WireError {
            layer: LAYER,
            field: "control",
            offset: body.len(),
            expected: "a control TLV",
            found: 0,
        })?;
        if let Some(groups) = &repr.groups {
            violations.merge(groups.violations());
        }
        Ok((repr, violations))
    }

    /// Type and value of the TLV at the start.
    fn next(rest: &[u8]) -> Result<(u8, &[u8])> {
        let head = u16::from_be_bytes(take::<HEADER_LEN>(rest, LAYER, "2 bytes of header")?);
        let len = usize::from(head & 0x1ff);
        match rest.get(HEADER_LEN..HEADER_LEN + len) {
            Some(value) => Ok(((head >> 9) as u8, value)),
            None => Err(WireError {
                layer: LAYER,
                field: "length",
                offset: 0,
                expected: "no more than what is left",
                found: len as u64,
            }),
        }
    }

    /// Bytes after OUI and subtype.
    pub fn buffer_len(&self) -> usize {
        let groups = self.groups.map_or(0, |_| HEADER_LEN + GROUPS_LEN);
        let pfc = self.pfc.map_or(0, |_| HEADER_LEN + PFC_LEN);
        let apps = match &self.apps {
            Some((_, apps)) => HEADER_LEN + FEATURE_LEN + APP_LEN * apps.len(),
            None => 0,
        };
        HEADER_LEN + CONTROL_LEN + groups + pfc + apps
    }

    /// Writes [`Self::buffer_len`] bytes. No more than 84 applications fit into a TLV.
    pub fn emit(&self, buffer: &mut [u8]) {
        let mut at = 0;
        let mut next = |buffer: &mut [u8], kind: u8, len: usize| {
            let head = u16::from(kind) << 9 | (len & 0x1ff) as u16;
            buffer[at..at + HEADER_LEN].copy_from_slice(&head.to_be_bytes());
            let start = at + HEADER_LEN;
            at = start + len;
            start
        };
        let start = next(buffer, kind::CONTROL, CONTROL_LEN);
        self.control.emit(&mut buffer[start..]);
        if let Some(groups) = &self.groups {
            let start = next(buffer, kind::GROUPS, GROUPS_LEN);
            groups.emit(&mut buffer[start..]);
        }
        if let Some(pfc) = &self.pfc {
            let start = next(buffer, kind::PFC, PFC_LEN);
            pfc.emit(&mut buffer[start..]);
        }
        if let Some((feature, apps)) = &self.apps {
            let len = FEATURE_LEN + APP_LEN * apps.len();
            let start = next(buffer, kind::APPLICATIONS, len);
            feature.emit(&mut buffer[start..]);
            let entries = buffer[start + FEATURE_LEN..].chunks_exact_mut(APP_LEN);
            for (entry, app) in entries.zip(apps) {
                app.emit(entry);
            }
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {}/{}", self.oper_version, self.max_version)?;
        for (set, word) in [
            (self.enabled, "enabled"),
            (self.willing, "willing"),
            (self.error, "error"),
        ] {
            if set {
                write!(f, " {word}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CEE, seq {} ack {}", self.control.seq, self.control.ack)?;
        if let Some(groups) = &self.groups {
            write!(f, "; groups {}:", groups.feature)?;
            for (group, share) in groups.bandwidth.iter().enumerate() {
                if *share != 0 {
                    write!(f, " {group} {share} %")?;
                }
            }
        }
        if let Some(pfc) = &self.pfc {
            let list = super::qaz::priorities(pfc.enabled);
            write!(f, "; PFC {}: priorities {list}", pfc.feature)?;
        }
        if let Some((feature, apps)) = &self.apps {
            write!(f, "; applications {feature}:")?;
            for app in apps {
                let list = super::qaz::priorities(app.priorities);
                match app.selector {
                    0 => write!(f, " type 0x{:04x} to {list}", app.protocol),
                    1 => write!(f, " port {} to {list}", app.protocol),
                    other => write!(f, " selector {other} {} to {list}", app.protocol),
                }?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Repr {
        let feature = Feature {
            enabled: true,
            willing: true,
            ..Feature::default()
        };
        Repr {
            control: Control {
                seq: 2,
                ack: 1,
                ..Control::default()
            },
            groups: Some(PriorityGroups {
                feature,
                group: [0, 0, 0, 1, 0, 0, 0, 15],
                bandwidth: [50, 50, 0, 0, 0, 0, 0, 0],
                tcs: 8,
            }),
            pfc: Some(Pfc {
                feature,
                enabled: 0x08,
                tcs: 8,
            }),
            apps: Some((
                feature,
                vec![App {
                    protocol: 0x0cbc,
                    selector: 1,
                    oui: OUI,
                    priorities: 0x10,
                }],
            )),
        }
    }

    const SAMPLE: [u8; 51] = [
        0x02, 10, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, //
        0x04, 17, 0, 0, 0xc0, 0, 0, 0x01, 0, 0x0f, 50, 50, 0, 0, 0, 0, 0, 0, 8, //
        0x06, 6, 0, 0, 0xc0, 0, 0x08, 8, //
        0x08, 10, 0, 0, 0xc0, 0, 0x0c, 0xbc, 0x01, 0x1b, 0x21, 0x10,
    ];

    #[test]
    fn each_feature_has_its_bytes() {
        let repr = sample();
        let mut buffer = [0xa5; SAMPLE.len()];
        assert_eq!(repr.buffer_len(), SAMPLE.len());
        repr.emit(&mut buffer);
        assert_eq!(buffer, SAMPLE);
        assert_eq!(
            repr.to_string(),
            "CEE, seq 2 ack 1; groups version 0/0 enabled willing: 0 50 % 1 50 %; \
             PFC version 0/0 enabled willing: priorities 3; \
             applications version 0/0 enabled willing: port 3260 to 4"
        );
    }

    #[test]
    fn malformed_features_are_errors_and_broken_rules_are_named() {
        assert!(Repr::parse(&SAMPLE[..12]).is_ok());
        for cut in (1..SAMPLE.len()).filter(|cut| ![12, 31, 39].contains(cut)) {
            assert!(Repr::parse(&SAMPLE[..cut]).is_err(), "{cut}");
        }
        let error = Repr::parse(&SAMPLE[12..]).unwrap_err();
        assert_eq!(error.field, "control");
        let mut twice = SAMPLE.to_vec();
        twice[22] = 49;
        twice[18] = 0xe0;
        twice.extend_from_slice(&SAMPLE[31..39]);
        let (_, violations) = Repr::parse(&twice).unwrap();
        let names: Vec<_> = violations.iter().collect();
        use Violation::*;
        assert_eq!(names, [BandwidthSum, ClassRange, DuplicateFeature]);
    }

    prop_compose! {
        fn feature()(oper_version: u8, max_version: u8, flags: [bool; 3], subtype: u8) -> Feature {
            let [enabled, willing, error] = flags;
            Feature { oper_version, max_version, enabled, willing, error, subtype }
        }
    }

    proptest! {
        #[test]
        fn emitted_tlvs_parse_to_themselves(
            seq: u32, ack: u32,
            groups in prop::option::of(
                (feature(), prop::array::uniform8(0u8..16), any::<[u8; 8]>(), any::<u8>())),
            pfc in prop::option::of((feature(), any::<u8>(), any::<u8>())),
            apps in prop::option::of((feature(), prop::collection::vec(
                (any::<u16>(), 0u8..4, any::<[u8; 3]>(), any::<u8>()), 0..84))),
        ) {
            let repr = Repr {
                control: Control { oper_version: 0, max_version: 3, seq, ack },
                groups: groups.map(|(feature, group, bandwidth, tcs)|
                    PriorityGroups { feature, group, bandwidth, tcs }),
                pfc: pfc.map(|(feature, enabled, tcs)| Pfc { feature, enabled, tcs }),
                apps: apps.map(|(feature, list)| (feature, list.into_iter().map(
                    |(protocol, selector, [a, b, c], priorities)|
                        App { protocol, selector, oui: [a & 0xfc, b, c], priorities }).collect())),
            };
            let mut buffer = vec![0xa5; repr.buffer_len()];
            repr.emit(&mut buffer);
            prop_assert_eq!(Repr::parse(&buffer).unwrap().0, repr);
        }

        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Repr::parse(&body);
        }
    }
}

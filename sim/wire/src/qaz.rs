//! IEEE 802.1Qaz DCBX TLVs: ETS configuration and recommendation, PFC, application priority, QCN.
//!
//! A TLV that cannot be read is an error; one that breaks a rule is read, and the rule named.

use super::{Result, WireError, take};
use std::fmt;

/// ETS configuration or recommendation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ets {
    /// Configuration only.
    pub willing: bool,
    pub cbs: bool,
    /// Traffic classes supported; 0 means 8. Configuration only.
    pub max_tcs: u8,
    /// Traffic class of each priority (4 bits each).
    pub priority: [u8; 8],
    /// Per cent per traffic class.
    pub bandwidth: [u8; 8],
    /// Selection algorithm per traffic class: 0 strict, 1 credit-based shaper, 2 ETS, 255 vendor.
    pub tsa: [u8; 8],
}

/// PFC configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pfc {
    pub willing: bool,
    /// MACsec bypass capability.
    pub mbc: bool,
    /// How many classes may have PFC at once.
    pub capability: u8,
    pub enabled: u8,
}

/// One entry of the application priority table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct App {
    pub priority: u8,
    /// 1 ethertype, 2 TCP or SCTP port, 3 UDP or DCCP port, 4 any of these ports, 5 DSCP.
    pub selector: u8,
    pub protocol: u16,
}

/// Congestion notification (QCN): bit n for priority n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Qcn {
    pub cnpv: u8,
    pub ready: u8,
}

/// Organisation of the 802.1 TLVs.
pub const OUI: [u8; 3] = [0x00, 0x80, 0xc2];

/// Subtypes of [`OUI`] (802.1Q annex D).
pub mod subtype {
    pub const CONGESTION: u8 = 8;
    pub const ETS_CONFIGURATION: u8 = 9;
    pub const ETS_RECOMMENDATION: u8 = 10;
    pub const PFC: u8 = 11;
    pub const APPLICATION: u8 = 12;
}

/// Transmission selection algorithms (802.1Q table 8-6).
pub mod tsa {
    pub const STRICT: u8 = 0;
    pub const CREDIT_BASED: u8 = 1;
    pub const ETS: u8 = 2;
    pub const VENDOR: u8 = 255;
}

const ETS_LEN: usize = 21;
const APP_LEN: usize = 3;

/// A rule that the values of a readable TLV break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Violation {
    /// The shares of the classes that ETS serves are not 100 % together (802.1Q D.2.8.7).
    BandwidthSum,
    /// A class that ETS does not serve has a share.
    BandwidthWithoutEts,
    /// A selection algorithm between 3 and 254.
    ReservedAlgorithm,
    /// A priority has a traffic class above 7.
    ClassRange,
    /// A priority has a class that the station says it does not have.
    ClassUnsupported,
    /// PFC is on for more priorities than the station supports.
    TooManyPfc,
    /// Selector 0, 6 or 7.
    ReservedSelector,
    /// A DSCP above 63, with selector 5.
    DscpRange,
    /// The same protocol twice.
    DuplicateApplication,
    /// Bits that should be zero are not.
    ReservedBits,
    /// CEE: a feature occurs twice; the first counts.
    DuplicateFeature,
}

impl Violation {
    pub const ALL: [Violation; 11] = [
        Violation::BandwidthSum,
        Violation::BandwidthWithoutEts,
        Violation::ReservedAlgorithm,
        Violation::ClassRange,
        Violation::ClassUnsupported,
        Violation::TooManyPfc,
        Violation::ReservedSelector,
        Violation::DscpRange,
        Violation::DuplicateApplication,
        Violation::ReservedBits,
        Violation::DuplicateFeature,
    ];

    /// Whether receivers may work with the TLV all the same.
    pub fn is_harmless(self) -> bool {
        matches!(
            self,
            Violation::BandwidthWithoutEts
                | Violation::DuplicateApplication
                | Violation::ReservedBits
        )
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Violation::BandwidthSum => "the shares of the ETS classes are not 100 % together",
            Violation::BandwidthWithoutEts => "a class that ETS does not serve has a share",
            Violation::ReservedAlgorithm => "a transmission selection algorithm is reserved",
            Violation::ClassRange => "a priority has a traffic class above 7",
            Violation::ClassUnsupported => "a priority has a traffic class that is not supported",
            Violation::TooManyPfc => "PFC is on for more priorities than supported",
            Violation::ReservedSelector => "an application selector is reserved",
            Violation::DscpRange => "a DSCP is above 63",
            Violation::DuplicateApplication => "an application is listed twice",
            Violation::ReservedBits => "reserved bits are set",
            Violation::DuplicateFeature => "a feature occurs twice",
        })
    }
}

/// A set of violations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Violations(u16);

impl Violations {
    pub fn insert(&mut self, violation: Violation) {
        self.0 |= 1 << violation as u16;
    }

    pub(crate) fn insert_if(&mut self, condition: bool, violation: Violation) {
        if condition {
            self.insert(violation);
        }
    }

    pub fn merge(&mut self, other: Violations) {
        self.0 |= other.0;
    }

    pub fn contains(self, violation: Violation) -> bool {
        self.0 & 1 << violation as u16 != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Violation> {
        let all = Violation::ALL.into_iter();
        all.filter(move |&v| self.contains(v))
    }
}

/// A TLV must be as long as its standard says: longer ones are malformed too.
pub(crate) fn exactly<const N: usize>(
    body: &[u8],
    layer: &'static str,
    expected: &'static str,
) -> Result<[u8; N]> {
    let bytes = take::<N>(body, layer, expected)?;
    if body.len() == N {
        return Ok(bytes);
    }
    Err(WireError {
        layer,
        field: "length",
        offset: N,
        expected,
        found: body.len() as u64,
    })
}

/// Eight values of four bits, the first in the upper half of the first byte.
pub(crate) fn nibbles(bytes: [u8; 4]) -> [u8; 8] {
    std::array::from_fn(|i| bytes[i / 2] >> (4 * (1 - i % 2)) & 0x0f)
}

pub(crate) fn pack_nibbles(values: [u8; 8]) -> [u8; 4] {
    std::array::from_fn(|i| (values[2 * i] & 0x0f) << 4 | values[2 * i + 1] & 0x0f)
}

impl Ets {
    pub const LEN: usize = ETS_LEN;

    /// Reads what follows OUI and subtype of an ETS configuration TLV (802.1Q D.2.8).
    ///
    /// # Errors
    ///
    /// The length is not 21 bytes.
    pub fn parse_configuration(body: &[u8]) -> Result<(Ets, Violations)> {
        let bytes = exactly::<ETS_LEN>(body, "ETS configuration TLV", "21 bytes")?;
        let mut ets = Ets::tables(&bytes);
        ets.willing = bytes[0] & 0x80 != 0;
        ets.cbs = bytes[0] & 0x40 != 0;
        ets.max_tcs = bytes[0] & 7;
        let mut violations = ets.violations();
        violations.insert_if(bytes[0] & 0x38 != 0, Violation::ReservedBits);
        Ok((ets, violations))
    }

    /// Reads what follows OUI and subtype of an ETS recommendation TLV (802.1Q D.2.9).
    ///
    /// # Errors
    ///
    /// The length is not 21 bytes.
    pub fn parse_recommendation(body: &[u8]) -> Result<(Ets, Violations)> {
        let bytes = exactly::<ETS_LEN>(body, "ETS recommendation TLV", "21 bytes")?;
        let ets = Ets::tables(&bytes);
        let mut violations = ets.violations();
        violations.insert_if(bytes[0] != 0, Violation::ReservedBits);
        Ok((ets, violations))
    }

    fn tables(bytes: &[u8; ETS_LEN]) -> Ets {
        Ets {
            priority: nibbles([bytes[1], bytes[2], bytes[3], bytes[4]]),
            bandwidth: std::array::from_fn(|tc| bytes[5 + tc]),
            tsa: std::array::from_fn(|tc| bytes[13 + tc]),
            ..Ets::default()
        }
    }

    /// The rules that these tables break.
    pub fn violations(&self) -> Violations {
        let mut found = Violations::default();
        let served = |tc: &usize| self.tsa[*tc] == tsa::ETS;
        let sum: u32 = (0..8)
            .filter(served)
            .map(|tc| u32::from(self.bandwidth[tc]))
            .sum();
        let any = (0..8).any(|tc| served(&tc));
        found.insert_if(any && sum != 100, Violation::BandwidthSum);
        let stray = (0..8).any(|tc| !served(&tc) && self.bandwidth[tc] != 0);
        found.insert_if(stray, Violation::BandwidthWithoutEts);
        let reserved = self.tsa.iter().any(|t| (3..=254).contains(t));
        found.insert_if(reserved, Violation::ReservedAlgorithm);
        let highest = self.priority.iter().copied().max().unwrap_or(0);
        found.insert_if(highest > 7, Violation::ClassRange);
        let most = if self.max_tcs == 0 { 8 } else { self.max_tcs };
        found.insert_if(
            self.priority.iter().any(|&tc| tc < 8 && tc >= most),
            Violation::ClassUnsupported,
        );
        found
    }

    /// Writes 21 bytes of an ETS configuration TLV.
    pub fn emit_configuration(&self, buffer: &mut [u8]) {
        self.emit_recommendation(buffer);
        buffer[0] = u8::from(self.willing) << 7 | u8::from(self.cbs) << 6 | self.max_tcs & 7;
    }

    /// Writes 21 bytes of an ETS recommendation TLV, which says nothing of willingness.
    pub fn emit_recommendation(&self, buffer: &mut [u8]) {
        buffer[0] = 0;
        buffer[1..5].copy_from_slice(&pack_nibbles(self.priority));
        buffer[5..13].copy_from_slice(&self.bandwidth);
        buffer[13..21].copy_from_slice(&self.tsa);
    }
}

impl Pfc {
    pub const LEN: usize = 2;

    /// Reads what follows OUI and subtype of a PFC TLV (802.1Q D.2.10).
    ///
    /// # Errors
    ///
    /// The length is not 2 bytes.
    pub fn parse(body: &[u8]) -> Result<(Pfc, Violations)> {
        let [flags, enabled] = exactly::<2>(body, "PFC TLV", "2 bytes")?;
        let pfc = Pfc {
            willing: flags & 0x80 != 0,
            mbc: flags & 0x40 != 0,
            capability: flags & 0x0f,
            enabled,
        };
        let mut violations = pfc.violations();
        violations.insert_if(flags & 0x30 != 0, Violation::ReservedBits);
        Ok((pfc, violations))
    }

    /// The rules that these values break. A capability of 0 means that any number is possible.
    pub fn violations(&self) -> Violations {
        let mut found = Violations::default();
        let count = self.enabled.count_ones();
        found.insert_if(
            self.capability != 0 && count > u32::from(self.capability),
            Violation::TooManyPfc,
        );
        found
    }

    /// Writes 2 bytes.
    pub fn emit(&self, buffer: &mut [u8]) {
        buffer[0] = u8::from(self.willing) << 7 | u8::from(self.mbc) << 6 | self.capability & 0x0f;
        buffer[1] = self.enabled;
    }
}

/// Selectors of the application priority table (802.1Q table D-9).
pub mod selector {
    pub const ETHERTYPE: u8 = 1;
    pub const TCP: u8 = 2;
    pub const UDP: u8 = 3;
    pub const ANY_PORT: u8 = 4;
    pub const DSCP: u8 = 5;
}

impl App {
    /// Bytes of one entry.
    pub const LEN: usize = APP_LEN;

    /// Reads what follows OUI and subtype of an application priority TLV (802.1Q D.2.11).
    ///
    /// # Errors
    ///
    /// The length is not one byte and whole entries of three.
    pub fn parse_table(body: &[u8]) -> Result<(Vec<App>, Violations)> {
        let [reserved] = take::<1>(body, "application priority TLV", "at least 1 byte")?;
        let entries = body[1..].chunks_exact(APP_LEN);
        if !entries.remainder().is_empty() {
            return Err(WireError {
                layer: "application priority TLV",
                field: "length",
                offset: body.len() - entries.remainder().len(),
                expected: "1 byte and 3 per entry",
                found: body.len() as u64,
            });
        }
        let mut violations = Violations::default();
        violations.insert_if(reserved != 0, Violation::ReservedBits);
        let mut apps: Vec<App> = Vec::with_capacity(entries.len());
        for entry in entries {
            let app = App {
                priority: entry[0] >> 5,
                selector: entry[0] & 7,
                protocol: u16::from_be_bytes([entry[1], entry[2]]),
            };
            violations.insert_if(entry[0] & 0x18 != 0, Violation::ReservedBits);
            violations.insert_if(
                !(1..=5).contains(&app.selector),
                Violation::ReservedSelector,
            );
            violations.insert_if(
                app.selector == selector::DSCP && app.protocol > 63,
                Violation::DscpRange,
            );
            apps.push(app);
        }
        let mut keys: Vec<(u8, u16)> = apps.iter().map(|a| (a.selector, a.protocol)).collect();
        keys.sort_unstable();
        let twice = keys.windows(2).any(|pair| pair[0] == pair[1]);
        violations.insert_if(twice, Violation::DuplicateApplication);
        Ok((apps, violations))
    }

    /// Bytes of a table.
    pub fn table_len(apps: &[App]) -> usize {
        1 + APP_LEN * apps.len()
    }

    /// Writes [`Self::table_len`] bytes.
    pub fn emit_table(apps: &[App], buffer: &mut [u8]) {
        buffer[0] = 0;
        for (entry, app) in buffer[1..].chunks_exact_mut(APP_LEN).zip(apps) {
            entry[0] = (app.priority & 7) << 5 | app.selector & 7;
            entry[1..].copy_from_slice(&app.protocol.to_be_bytes());
        }
    }

    /// Whether it is about the UDP port of RoCEv2.
    pub fn is_roce(&self) -> bool {
        matches!(self.selector, selector::UDP | selector::ANY_PORT)
            && self.protocol == super::roce::UDP_PORT
    }
}

impl Qcn {
    pub const LEN: usize = 2;

    /// Reads what follows OUI and subtype of a congestion notification TLV (802.1Q D.2.7).
    ///
    /// # Errors
    ///
    /// The length is not 2 bytes.
    pub fn parse(body: &[u8]) -> Result<Qcn> {
        let [cnpv, ready] = exactly::<2>(body, "congestion notification TLV", "2 bytes")?;
        Ok(Qcn { cnpv, ready })
    }

    /// Writes 2 bytes.
    pub fn emit(&self, buffer: &mut [u8]) {
        buffer[0] = self.cnpv;
        buffer[1] = self.ready;
    }
}

/// Priorities of a bit vector: `3,4`, or `none`.
pub fn priorities(vector: u8) -> String {
    let list: Vec<String> = (0..8)
        .filter(|p| vector & 1 << p != 0)
        .map(|p: u8| p.to_string())
        .collect();
    if list.is_empty() {
        "none".to_owned()
    } else {
        list.join(",")
    }
}

impl fmt::Display for Ets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let willing = if self.willing { ", willing" } else { "" };
        write!(f, "ETS{willing}, priority to class")?;
        for tc in self.priority {
            write!(f, " {tc}")?;
        }
        for tc in 0..8 {
            match (self.tsa[tc], self.bandwidth[tc]) {
                (tsa::STRICT, 0) => continue,
                (tsa::STRICT, share) => write!(f, ", class {tc} strict {share} %"),
                (tsa::CREDIT_BASED, share) => write!(f, ", class {tc} credit-based {share} %"),
                (tsa::ETS, share) => write!(f, ", class {tc} {share} %"),
                (other, share) => write!(f, ", class {tc} algorithm {other} {share} %"),
            }?;
        }
        Ok(())
    }
}

impl fmt::Display for Pfc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let willing = if self.willing { ", willing" } else { "" };
        write!(
            f,
            "PFC{willing}, at most {}, priorities {}",
            self.capability,
            priorities(self.enabled)
        )
    }
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let App {
            priority, protocol, ..
        } = self;
        match self.selector {
            selector::ETHERTYPE => write!(f, "type 0x{protocol:04x}"),
            selector::TCP => write!(f, "TCP port {protocol}"),
            selector::UDP => write!(f, "UDP port {protocol}"),
            selector::ANY_PORT => write!(f, "port {protocol}"),
            selector::DSCP => write!(f, "DSCP {protocol}"),
            other => write!(f, "selector {other} protocol {protocol}"),
        }?;
        write!(f, " to priority {priority}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(violations: Violations) -> Vec<Violation> {
        violations.iter().collect()
    }

    #[test]
    fn rules_are_told_from_malformed_tlvs() {
        let good = Ets {
            priority: [0, 0, 0, 1, 0, 0, 0, 0],
            bandwidth: [50, 50, 0, 0, 0, 0, 0, 0],
            tsa: [2, 2, 0, 0, 0, 0, 0, 0],
            ..Ets::default()
        };
        assert!(good.violations().is_empty());
        let bad = Ets {
            max_tcs: 1,
            priority: [15, 0, 0, 1, 0, 0, 0, 0],
            bandwidth: [50, 49, 1, 0, 0, 0, 0, 0],
            tsa: [2, 2, 0, 7, 0, 0, 0, 0],
            ..Ets::default()
        };
        let mut body = [0xa5; 21];
        bad.emit_configuration(&mut body);
        body[0] |= 0x10;
        let (parsed, violations) = Ets::parse_configuration(&body).unwrap();
        assert_eq!(parsed, bad);
        use Violation::*;
        assert_eq!(
            names(violations),
            [
                BandwidthSum,
                BandwidthWithoutEts,
                ReservedAlgorithm,
                ClassRange,
                ClassUnsupported,
                ReservedBits
            ]
        );
        let error = Ets::parse_recommendation(&[0; 22]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ETS recommendation TLV length at byte 21: expected 21 bytes, found 22"
        );
        assert!(Ets::parse_configuration(&[0; 20]).is_err());
        let (_, violations) = Pfc::parse(&[0x12, 0x07]).unwrap();
        assert_eq!(names(violations), [TooManyPfc, ReservedBits]);
        assert!(Pfc::parse(&[1]).is_err() && Qcn::parse(&[1, 2, 3]).is_err());
        assert_eq!(Pfc::parse(&[0, 0xff]).unwrap().1, Violations::default());
        let table = [0, 0x60, 0, 1, 0x65, 0, 64, 0x65, 0, 64];
        let (apps, violations) = App::parse_table(&table).unwrap();
        assert_eq!(apps.len(), 3);
        assert_eq!(
            names(violations),
            [ReservedSelector, DscpRange, DuplicateApplication]
        );
        assert_eq!(App::parse_table(&table[..9]).unwrap_err().offset, 7);
        assert!(App::parse_table(&[]).is_err());
    }

    #[test]
    fn one_line_says_it() {
        let ets = Ets {
            willing: true,
            bandwidth: [40, 60, 0, 0, 0, 0, 0, 0],
            tsa: [2, 2, 0, 0, 0, 0, 0, 9],
            priority: [0, 0, 0, 1, 0, 0, 0, 7],
            ..Ets::default()
        };
        assert_eq!(
            ets.to_string(),
            "ETS, willing, priority to class 0 0 0 1 0 0 0 7, class 0 40 %, class 1 60 %, \
             class 7 algorithm 9 0 %"
        );
        let pfc = Pfc {
            capability: 4,
            enabled: 0x18,
            ..Pfc::default()
        };
        assert_eq!(pfc.to_string(), "PFC, at most 4, priorities 3,4");
        let app = App {
            priority: 3,
            selector: 3,
            protocol: 4791,
        };
        assert_eq!(app.to_string(), "UDP port 4791 to priority 3");
    }

    prop_compose! {
        fn ets()(
            willing: bool, cbs: bool, max_tcs in 0u8..8,
            priority in prop::array::uniform8(0u8..16),
            bandwidth: [u8; 8], tsa: [u8; 8],
        ) -> Ets {
            Ets { willing, cbs, max_tcs, priority, bandwidth, tsa }
        }
    }

    proptest! {
        #[test]
        fn emitted_tlvs_parse_to_themselves(
            ets in ets(), flags: [bool; 2], capability in 0u8..16, enabled: u8,
            apps in prop::collection::vec((0u8..8, 0u8..8, any::<u16>()), 0..20),
        ) {
            let mut body = [0xa5; Ets::LEN];
            ets.emit_configuration(&mut body);
            prop_assert_eq!(Ets::parse_configuration(&body).unwrap().0, ets);
            ets.emit_recommendation(&mut body);
            let told = Ets { willing: false, cbs: false, max_tcs: 0, ..ets };
            prop_assert_eq!(Ets::parse_recommendation(&body).unwrap().0, told);

            let pfc = Pfc { willing: flags[0], mbc: flags[1], capability, enabled };
            let mut body = [0xa5; Pfc::LEN];
            pfc.emit(&mut body);
            prop_assert_eq!(Pfc::parse(&body).unwrap().0, pfc);

            let apps: Vec<App> = apps
                .into_iter()
                .map(|(priority, selector, protocol)| App { priority, selector, protocol })
                .collect();
            let mut body = vec![0xa5; App::table_len(&apps)];
            App::emit_table(&apps, &mut body);
            prop_assert_eq!(App::parse_table(&body).unwrap().0, apps);

            let qcn = Qcn { cnpv: enabled, ready: capability };
            let mut body = [0xa5; Qcn::LEN];
            qcn.emit(&mut body);
            prop_assert_eq!(Qcn::parse(&body), Ok(qcn));
        }
    }
}

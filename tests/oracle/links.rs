//! What link partners tell each other: PFC, 802.3x pauses, LLDP with both dialects of DCBX.

use super::{Fields, Sample};
use xoff_wire::cee::{self, Feature, PriorityGroups};
use xoff_wire::dissect::{Body, Link, dissect};
use xoff_wire::lldp::{Id, Organizational, Repr};
use xoff_wire::qaz::{App, Ets, Pfc, Qcn, tsa};
use xoff_wire::{Mac, mac_control};

const SRC: Mac = Mac([2, 0, 0, 0, 0, 9]);

pub(super) fn samples() -> Vec<Sample> {
    let pfc = |enable, quanta| mac_control::Repr::Pfc { enable, quanta };
    let mut samples = vec![
        pause("PFC", &pfc(0x08, [0, 0, 0, 0xffff, 0, 0, 0, 0])),
        pause("PFC", &pfc(0xff, [1, 2, 3, 4, 5, 6, 7, 800])),
        pause("PFC", &pfc(0x18, [0; 8])),
        pause("802.3x pause", &mac_control::Repr::Pause { quanta: 0xffff }),
        pause("802.3x pause", &mac_control::Repr::Pause { quanta: 0 }),
    ];
    samples.extend([qaz(false), qaz(true), congestion(), cee(false), cee(true)]);
    samples
}

fn pause(kind: &'static str, repr: &mac_control::Repr) -> Sample {
    let frame = repr.frame(SRC).to_vec();
    let mut fields = Fields::default();
    let found = dissect(Link::Ethernet, &frame, frame.len() as u32);
    super::roce::ethernet_fields(&found.ethernet, &mut fields);
    let Body::Pause(pause) = found.body else {
        panic!("{:?}", found.body);
    };
    match pause {
        mac_control::Repr::Pause { quanta } => {
            fields.add("macc.opcode", 1);
            fields.add("macc.pause_time", quanta);
        }
        mac_control::Repr::Pfc { enable, quanta } => {
            fields.add("macc.opcode", 0x101);
            fields.add("macc.cbfc.enbv", enable);
            for (n, quanta) in quanta.into_iter().enumerate() {
                fields.flag(ENABLED[n], enable >> n & 1 == 1);
                fields.add(QUANTA[n], quanta);
            }
        }
        mac_control::Repr::Unknown { opcode } => panic!("{opcode}"),
    }
    Sample {
        kind,
        frame,
        fields,
    }
}

const ENABLED: [&str; 8] = [
    "macc.cbfc.enbv.c0",
    "macc.cbfc.enbv.c1",
    "macc.cbfc.enbv.c2",
    "macc.cbfc.enbv.c3",
    "macc.cbfc.enbv.c4",
    "macc.cbfc.enbv.c5",
    "macc.cbfc.enbv.c6",
    "macc.cbfc.enbv.c7",
];
const QUANTA: [&str; 8] = [
    "macc.cbfc.pause_time.c0",
    "macc.cbfc.pause_time.c1",
    "macc.cbfc.pause_time.c2",
    "macc.cbfc.pause_time.c3",
    "macc.cbfc.pause_time.c4",
    "macc.cbfc.pause_time.c5",
    "macc.cbfc.pause_time.c6",
    "macc.cbfc.pause_time.c7",
];

fn lldp(kind: &'static str, organizational: Vec<Organizational>) -> Sample {
    let repr = Repr {
        chassis: Id::Mac(Mac([2, 0, 0, 0, 0, 1])),
        port: Id::interface("leaf1:3"),
        ttl: 120,
        port_description: Some("to spine 2".to_owned()),
        system_name: Some("leaf1".to_owned()),
        organizational,
        ..Repr::default()
    };
    let frame = repr.frame(SRC);
    let found = dissect(Link::Ethernet, &frame, frame.len() as u32);
    let Body::Lldp(tlvs) = found.body else {
        panic!("{:?}", found.body);
    };
    let (repr, faults) = Repr::parse(tlvs).unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    let mut fields = Fields::default();
    super::roce::ethernet_fields(&found.ethernet, &mut fields);
    if let Id::Mac(mac) = repr.chassis {
        fields.add("lldp.chassis.id.mac", mac);
    }
    if let Id::Text { subtype, text } = &repr.port {
        fields.add("lldp.port.subtype", subtype);
        fields.add("lldp.port.id", text);
    }
    fields.add("lldp.time_to_live", repr.ttl);
    fields.add("lldp.port.desc", repr.port_description.unwrap());
    fields.add("lldp.tlv.system.name", repr.system_name.unwrap());
    for tlv in &repr.organizational {
        organization(tlv, &mut fields);
    }
    Sample {
        kind,
        frame,
        fields,
    }
}

fn organization(tlv: &Organizational, fields: &mut Fields) {
    match tlv {
        Organizational::EtsConfiguration(ets) => {
            fields.flag("lldp.dcbx.ieee.willing", ets.willing);
            fields.flag("lldp.dcbx.ieee.ets.cbs", ets.cbs);
            fields.add("lldp.dcbx.ieee.ets.maxtcs", ets.max_tcs);
            ets_table(ets, fields);
        }
        Organizational::EtsRecommendation(ets) => ets_table(ets, fields),
        Organizational::Pfc(pfc) => {
            fields.flag("lldp.dcbx.ieee.willing", pfc.willing);
            fields.flag("lldp.dcbx.ieee.pfc.mbc", pfc.mbc);
            fields.add("lldp.dcbx.ieee.pfc.numtcs", pfc.capability);
            flags(&PFC, pfc.enabled, fields);
        }
        Organizational::App(apps) => {
            for app in apps {
                fields.add("lldp.dcbx.ieee.app.prio", app.priority);
                fields.add("lldp.dcbx.iee.app.sf", app.selector);
                fields.add("lldp.dcbx.feature.app.proto", app.protocol);
            }
        }
        Organizational::Congestion(qcn) => {
            flags(&CNPV, qcn.cnpv, fields);
            flags(&READY, qcn.ready, fields);
        }
        Organizational::Cee(cee) => cee_fields(cee, fields),
        other => panic!("{other:?}"),
    }
}

fn ets_table(ets: &Ets, fields: &mut Fields) {
    for n in 0..8 {
        fields.add(GROUP[n], ets.priority[n]);
        fields.add(SHARE[n], ets.bandwidth[n]);
        fields.add(TSA[n], ets.tsa[n]);
    }
}

fn flags(names: &[&'static str; 8], bits: u8, fields: &mut Fields) {
    for (n, name) in names.iter().enumerate() {
        fields.flag(name, bits >> n & 1 == 1);
    }
}

macro_rules! eight {
    ($prefix:literal) => {
        [
            concat!($prefix, "0"),
            concat!($prefix, "1"),
            concat!($prefix, "2"),
            concat!($prefix, "3"),
            concat!($prefix, "4"),
            concat!($prefix, "5"),
            concat!($prefix, "6"),
            concat!($prefix, "7"),
        ]
    };
}

const GROUP: [&str; 8] = eight!("lldp.dcbx.feature.pg.pgid_prio");
const SHARE: [&str; 8] = eight!("lldp.dcbx.feature.pg.per");
const TSA: [&str; 8] = eight!("lldp.dcbx.ieee.ets.tsa");
const PFC: [&str; 8] = eight!("lldp.dcbx.feature.pfc.prio");
const CNPV: [&str; 8] = eight!("lldp.ieee.802_1qau.cnpv.prio");
const READY: [&str; 8] = eight!("lldp.ieee.802_1qau.ready.prio");

fn ets(willing: bool) -> Ets {
    Ets {
        willing,
        cbs: false,
        max_tcs: 3,
        priority: [0, 0, 1, 2, 2, 0, 1, 0],
        bandwidth: [20, 30, 50, 0, 0, 0, 0, 0],
        tsa: [tsa::ETS, tsa::ETS, tsa::ETS, 0, 0, 0, 0, 0],
    }
}

/// 802.1Qaz: ETS both ways, PFC, applications of every selector.
fn qaz(willing: bool) -> Sample {
    let app = |priority, selector, protocol| App {
        priority,
        selector,
        protocol,
    };
    let recommended = Ets {
        willing: false,
        max_tcs: 0,
        bandwidth: [10, 20, 70, 0, 0, 0, 0, 0],
        ..ets(false)
    };
    let pfc = Pfc {
        willing,
        mbc: willing,
        capability: 4,
        enabled: if willing { 0x18 } else { 0x08 },
    };
    let apps = vec![
        app(3, 1, 0x8915),
        app(4, 2, 3_260),
        app(3, 3, 4_791),
        app(5, 4, 445),
        app(6, 5, 26),
    ];
    let organizational = vec![
        Organizational::EtsConfiguration(ets(willing)),
        Organizational::EtsRecommendation(recommended),
        Organizational::Pfc(pfc),
        Organizational::App(apps),
    ];
    lldp("LLDP, 802.1Qaz DCBX", organizational)
}

fn congestion() -> Sample {
    let qcn = Qcn {
        cnpv: 0x28,
        ready: 0x08,
    };
    lldp("LLDP, 802.1Qau QCN", vec![Organizational::Congestion(qcn)])
}

fn cee(willing: bool) -> Sample {
    let feature = |subtype| Feature {
        oper_version: 0,
        max_version: 1,
        enabled: true,
        willing,
        error: !willing,
        subtype,
    };
    let app = |protocol, selector, priorities| cee::App {
        protocol,
        selector,
        oui: [0x00, 0x1b, 0x21],
        priorities,
    };
    let repr = cee::Repr {
        control: cee::Control {
            oper_version: 0,
            max_version: 2,
            seq: 0x0102_0304,
            ack: 0x0506_0708,
        },
        groups: Some(PriorityGroups {
            feature: feature(0),
            group: [0, 0, 1, 2, 2, 0, 1, 15],
            bandwidth: [20, 30, 50, 0, 0, 0, 0, 0],
            tcs: 3,
        }),
        pfc: Some(cee::Pfc {
            feature: feature(0),
            enabled: 0x18,
            tcs: 2,
        }),
        apps: Some((feature(0), vec![app(0x8906, 0, 0x08), app(3_260, 1, 0x10)])),
    };
    lldp("LLDP, CEE DCBX", vec![Organizational::Cee(repr)])
}

fn cee_fields(cee: &cee::Repr, fields: &mut Fields) {
    let version = |oper: u8, max: u8, fields: &mut Fields| {
        fields.add("lldp.dcbx.version", oper);
        fields.add("lldp.dcbx.max_version", max);
    };
    let control = &cee.control;
    version(control.oper_version, control.max_version, fields);
    fields.add("lldp.dcbx.control.seq", control.seq);
    fields.add("lldp.dcbx.control.ack", control.ack);
    let feature = |f: &Feature, fields: &mut Fields| {
        version(f.oper_version, f.max_version, fields);
        fields.flag("lldp.dcbx.feature.enabled", f.enabled);
        fields.flag("lldp.dcbx.feature.willing", f.willing);
        fields.flag("lldp.dcbx.feature.error", f.error);
        fields.add("lldp.dcbx.feature.subtype", f.subtype);
    };
    if let Some(groups) = &cee.groups {
        feature(&groups.feature, fields);
        for n in 0..8 {
            fields.add(GROUP[n], groups.group[n]);
            fields.add(SHARE[n], groups.bandwidth[n]);
        }
        fields.add("lldp.dcbx.feature.pg.numtcs", groups.tcs);
    }
    if let Some(pfc) = &cee.pfc {
        feature(&pfc.feature, fields);
        flags(&PFC, pfc.enabled, fields);
        fields.add("lldp.dcbx.feature.pfc.numtcs", pfc.tcs);
    }
    let Some((head, apps)) = &cee.apps else {
        return;
    };
    feature(head, fields);
    for app in apps {
        fields.add("lldp.dcbx.feature.app.proto", app.protocol);
        fields.add("lldp.dcbx.feature.app.sf", app.selector);
        let [a, b, c] = app.oui.map(u32::from);
        fields.add("lldp.dcbx.feature.app.oui", a << 16 | b << 8 | c);
        // tshark has the lowest of the priorities, xoff the set.
        fields.add(
            "lldp.dcbx.feature.app.prio",
            app.priorities.trailing_zeros(),
        );
    }
}

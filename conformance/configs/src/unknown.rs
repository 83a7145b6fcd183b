//! Ports of which nothing is known yet: what importers begin with.

use crate::device::*;
use crate::fact::{Fact, Words};
use std::array::from_fn;
use std::sync::Arc;

impl Port {
    /// A physical port of which nothing is known, for this reason.
    pub fn unknown(name: impl Into<String>, why: impl Into<Words>) -> Port {
        let why = &why.into();
        Port {
            name: name.into(),
            at: None,
            kind: PortKind::Physical,
            lag: None,
            description: None,
            enabled: Fact::default(true, "ports are up unless a line shuts them"),
            routed: unknown(why),
            speed: unknown(why),
            cable: Fact::unknown("no line gives the length of the cable"),
            mtu: unknown(why),
            native_vlan: unknown(why),
            tagged_vlans: unknown(why),
            qos: Qos::unknown(why.clone()),
            rdma: None,
        }
    }
}

impl Qos {
    /// Nothing is known, for this reason.
    pub fn unknown(why: impl Into<Words>) -> Qos {
        let why = &why.into();
        Qos {
            trust: unknown(why),
            default_class: unknown(why),
            dscp: Arc::new(from_fn(|_| unknown(why))),
            pcp: Arc::new(from_fn(|_| unknown(why))),
            classes: from_fn(|_| Class {
                name: String::new(),
                queue: unknown(why),
                group: unknown(why),
                no_drop: unknown(why),
                pause: unknown(why),
                mtu: Fact::default(None, "classes have no MTU of their own"),
            }),
            queues: from_fn(|_| Queue {
                scheduler: unknown(why),
                shaper: Fact::default(None, "no line limits the queue's rate"),
                wred: Wred {
                    action: unknown(why),
                    min: unknown(why),
                    max: unknown(why),
                    percent: unknown(why),
                },
            }),
            groups: from_fn(|_| Group {
                lossless: unknown(why),
                headroom: unknown(why),
                reserved: unknown(why),
                limit: unknown(why),
                xon_offset: unknown(why),
            }),
            pfc: Pfc {
                mode: unknown(why),
                send: from_fn(|_| unknown(why)),
                obey: from_fn(|_| unknown(why)),
                stops: from_fn(|_| unknown(why)),
            },
            pause_rx: unknown(why),
            pause_tx: unknown(why),
            watchdog: Watchdog {
                on: unknown(why),
                detect: unknown(why),
                restore: unknown(why),
                poll: unknown(why),
                drops: unknown(why),
            },
            dcbx: Dcbx {
                on: unknown(why),
                version: unknown(why),
                willing: unknown(why),
            },
        }
    }
}

fn unknown<T>(why: &Words) -> Fact<T> {
    Fact::unknown(why.clone())
}

/// A map by a device's default: `value` of each index.
pub fn defaults<const N: usize>(value: impl Fn(u8) -> u8, why: &'static str) -> [Fact<u8>; N] {
    from_fn(|n| Fact::default(value(u8::try_from(n).unwrap_or(u8::MAX)), why))
}

impl Qos {
    /// A port without any configuration, where a class is its own queue, group and priority: nothing
    /// lossless, no pause, nothing marked. What it trusts, shares and DCBX stay unknown for this reason.
    pub fn plain(why: impl Into<Words>) -> Qos {
        let mut qos = Qos::unknown(why);
        let same = |n: usize| {
            Fact::default(
                u8::try_from(n).unwrap_or(0),
                "a class is its own number by default",
            )
        };
        for n in 0..EIGHT {
            qos.classes[n].queue = same(n);
            qos.classes[n].group = same(n);
            qos.classes[n].pause = same(n);
            qos.classes[n].no_drop = Fact::default(false, "no class is lossless by default");
            qos.queues[n].wred.action =
                Fact::default(WredAction::Off, "queues do not mark by default");
            qos.pfc.send[n] = Fact::default(false, "PFC is off by default");
            qos.pfc.obey[n] = Fact::default(false, "PFC is off by default");
            qos.pfc.stops[n] = same(n);
        }
        qos.pfc.mode = Fact::default(PfcMode::Off, "PFC is off by default");
        qos.default_class = Fact::default(0, "unmarked frames are in class 0");
        qos.pcp = Arc::new(defaults(|n| n, "the PCP is the class by default"));
        qos.dscp = Arc::new(defaults(|n| n >> 3, "DSCP n is in class n / 8 by default"));
        qos.pause_rx = Fact::default(false, "802.3x is off by default");
        qos.pause_tx = Fact::default(false, "802.3x is off by default");
        qos.watchdog.on = Fact::default(false, "no line turns the watchdog on");
        qos
    }
}

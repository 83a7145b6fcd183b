//! The model of an EOS switch.

use super::config::{Config, Interface, Mode};
use super::parse::Parsed;
use super::qos::{Around, Maps, qos};
use super::remarks::remarks;
use crate::device::*;
use crate::fact::Fact;
use crate::language::{Dialect, Input};

/// EOS counts bytes of IP packets on routed ports; switched ones pass all that the hardware does.
const ROUTED_MTU: u32 = 1500;
const SWITCHED_MTU: u32 = 9214;

pub(super) fn device(input: Input, parsed: Parsed) -> Device {
    let Parsed {
        config,
        lines,
        remarks: mut all,
    } = parsed;
    let maps = Maps::new(&config);
    let stem = input.source.stem().to_owned();
    let ports = config
        .interfaces
        .iter()
        .map(|own| port(&config, &maps, own))
        .collect();
    all.extend(remarks(&config));
    let nothing = Interface::default();
    Device {
        name: config.hostname.clone().unwrap_or_else(|| stem.clone()),
        alias: stem,
        dialect: Dialect::Eos,
        kind: Kind::Switch,
        file: input.file,
        ports,
        other_ports: port(&config, &maps, &nothing),
        peer_link: config.peer_link.clone(),
        bounce: None,
        host: None,
        remarks: all,
        lines,
    }
}

fn port(config: &Config, maps: &Maps, own: &Interface) -> Port {
    let mut port = Port::unknown(own.name.clone(), "no line says it");
    let lag = config.lag_of(own);
    let of = lag.unwrap_or(own);
    port.at = own.at;
    port.kind = if own.lag {
        PortKind::Lag
    } else {
        PortKind::Physical
    };
    port.lag = own.member_of.clone();
    port.description = own.description.clone();
    if let Some((shut, at)) = own.shut {
        port.enabled = Fact::stated(!shut, at);
    }
    port.speed = match own.speed {
        Some((rate, at)) => Fact::stated(rate, at),
        None => Fact::unknown("no line gives the speed of the port"),
    };
    port.routed = match (of.routed, config.routed) {
        (Some((routed, at)), _) => Fact::stated(routed, at),
        (None, Some((routed, at))) if of.mode.is_none() => {
            Fact::implied(routed, at, "ports are so by default here")
        }
        _ => Fact::default(false, "EOS ports are switch ports"),
    };
    port.mtu = mtu(config, of, &port.routed);
    vlans(of, &mut port);
    let around = Around {
        config,
        routed: &port.routed,
        speed: own.speed.map(|(rate, _)| rate),
        port: of,
        member: own,
    };
    port.qos = qos(maps, &config.in_force(own), &around);
    port
}

fn mtu(config: &Config, of: &Interface, routed: &Fact<bool>) -> Fact<u32> {
    match routed.value() {
        Some(true) => match (of.mtu, config.mtu) {
            (Some((mtu, at)), _) => Fact::stated(mtu, at),
            (None, Some((mtu, at))) => {
                Fact::implied(mtu, at, "the default of the switch's interfaces")
            }
            (None, None) => Fact::default(ROUTED_MTU, "routed ports of EOS have an MTU of 1500"),
        },
        // `mtu` is for routing; what a switched port passes is `l2 mtu`.
        _ => match (of.l2_mtu, of.mtu) {
            (Some((mtu, at)), _) => Fact::stated(mtu, at),
            (None, Some((mtu, at))) if mtu >= SWITCHED_MTU => Fact::stated(mtu, at),
            _ => Fact::default(SWITCHED_MTU, "switched ports of EOS pass 9214 bytes"),
        },
    }
}

fn vlans(of: &Interface, port: &mut Port) {
    if port.routed.is(&true) {
        port.native_vlan = port.routed.map(|_| None);
        port.tagged_vlans = port.routed.map(|_| Vlans::These(Vec::new()));
        return;
    }
    match of.mode {
        Some((Mode::Trunk, at)) => {
            port.native_vlan = match of.native {
                Some((vlan, at)) => Fact::stated(vlan, at),
                None => Fact::default(Some(1), "the native VLAN is 1"),
            };
            port.tagged_vlans = match &of.allowed {
                Some((vlans, at)) => Fact::stated(vlans.clone(), *at),
                None => Fact::implied(Vlans::All, at, "trunks carry all VLANs"),
            };
        }
        Some((Mode::Tunnel, at)) => {
            port.native_vlan = Fact::unknown("the port is a tunnel of VLANs");
            port.tagged_vlans = Fact::implied(Vlans::All, at, "a tunnel carries all tags");
        }
        _ => {
            port.native_vlan = match of.access {
                Some((vlan, at)) => Fact::stated(Some(vlan), at),
                None => Fact::default(Some(1), "access ports are in VLAN 1"),
            };
            port.tagged_vlans =
                Fact::default(Vlans::These(Vec::new()), "access ports carry no tags");
        }
    }
}

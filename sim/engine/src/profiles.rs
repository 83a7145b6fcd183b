//! Port profiles of a run: one number for what ports have in common, whatever node they are at.

use crate::port::Scheduler;
use crate::switch::Tables;
use xoff_model::topology::fabric::Fabric;
use xoff_model::{Model, NicPortProfile, NicProfile, PauseSpec, Role, SwitchProfile};

/// The profiles of a model in the order in which [`Port::profile`](crate::port::Port::profile)
/// counts them: NIC by NIC, then switch by switch, each with its exceptions.
pub(crate) struct Profiles<'m> {
    /// Of every port of the fabric.
    pub(crate) of_port: Vec<u16>,
    pub(crate) tables: Vec<Tables>,
    pub(crate) schedulers: Vec<Scheduler>,
    pub(crate) pauses: Vec<PauseSpec>,
    pub(crate) nic_specs: Vec<&'m NicPortProfile>,
}

impl<'m> Profiles<'m> {
    /// # Panics
    /// There are more profiles than 16 bits can count; scenarios may have fewer.
    pub(crate) fn new(model: &'m Model, fabric: &Fabric) -> Self {
        let nic_specs: Vec<&NicPortProfile> =
            model.nics.iter().flat_map(NicProfile::ports).collect();
        let of_switch = |s: &'m SwitchProfile| s.ports().map(move |port| (s, port));
        let switches: Vec<_> = model.switches.iter().flat_map(of_switch).collect();
        let count = nic_specs.len() + switches.len();
        assert!(count <= usize::from(u16::MAX) + 1, "{count} port profiles");
        let of_nics = nic_specs.iter().map(|_| Tables::of_nic());
        let of_switches = switches
            .iter()
            .map(|(s, p)| Tables::new(s, p, model.framing));
        let schedulers = nic_specs.iter().map(|p| &p.scheduler);
        let schedulers = schedulers.chain(switches.iter().map(|(_, p)| &p.scheduler));
        let pauses = nic_specs.iter().map(|p| p.pfc);
        Profiles {
            of_port: of_ports(model, fabric, nic_specs.len()),
            tables: of_nics.chain(of_switches).collect(),
            schedulers: schedulers.map(Scheduler::new).collect(),
            pauses: pauses.chain(switches.iter().map(|(_, p)| p.pfc)).collect(),
            nic_specs,
        }
    }
}

/// The profile of every port; those of switches begin at `of_nics`.
fn of_ports(model: &Model, fabric: &Fabric, of_nics: usize) -> Vec<u16> {
    let nics = firsts(0, model.nics.iter().map(|n| n.exceptions.len()));
    let switches = firsts(of_nics, model.switches.iter().map(|s| s.exceptions.len()));
    let of_port = |port: &xoff_model::topology::fabric::PortInfo| {
        let first = match model.nodes[port.node as usize].role {
            Role::Host(profile) => nics[profile as usize],
            Role::Switch(profile) => switches[profile as usize],
        };
        let own = model.exception(port.node, port.index);
        (first + own.map_or(0, |own| own + 1)) as u16
    };
    fabric.ports.iter().map(of_port).collect()
}

/// The number of each device's first profile.
fn firsts(mut next: usize, exceptions: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut first = |own: usize| {
        let number = next;
        next += own + 1;
        number
    };
    exceptions.map(&mut first).collect()
}

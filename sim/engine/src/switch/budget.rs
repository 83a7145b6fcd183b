//! What the reserves and headrooms of a switch take of its buffer.

use std::fmt;
use xoff_model::headroom::{self, Frames};
use xoff_model::time::SimDuration;
use xoff_model::topology::fabric::{Fabric, PortId};
use xoff_model::units::BitRate;
use xoff_model::{
    Headroom, Limit, Model, NodeId, Occupancy, PRIORITIES, PauseMode, PgSpec, PortProfile, Role,
    SwitchProfile,
};

/// Division of a switch's buffer. All values in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    pub size: u64,
    pub reserves: u64,
    /// Sum of the groups' headrooms, or the pool.
    pub headroom_total: u64,
    /// Headroom of each port and group.
    pub headrooms: Vec<[u64; PRIORITIES]>,
}

impl Budget {
    /// What reserves and headrooms take.
    pub fn taken(&self) -> u64 {
        self.reserves.saturating_add(self.headroom_total)
    }

    /// What is left to share; None if nothing is.
    pub fn shared(&self) -> Option<u64> {
        self.size
            .checked_sub(self.taken())
            .filter(|shared| *shared > 0)
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ports need {} bytes of reserve and {} bytes of headroom; the buffer has {} bytes",
            self.headrooms.len(),
            self.reserves,
            self.headroom_total,
            self.size
        )
    }
}

/// A switch that promises more than its buffer holds.
#[derive(Clone, Debug)]
pub struct Exceeded {
    pub node: NodeId,
    pub budget: Budget,
}

/// The switch whose buffer falls short the most, if any does.
pub fn exceeded(model: &Model) -> Option<Exceeded> {
    let fabric = Fabric::new(model);
    (0..model.nodes.len() as NodeId)
        .filter(|&node| fabric.is_switch(node))
        .map(|node| Exceeded {
            node,
            budget: of_switch(model, &fabric, node),
        })
        .filter(|e| e.budget.shared().is_none())
        .max_by_key(|e| (e.budget.taken() - e.budget.size, std::cmp::Reverse(e.node)))
}

/// Groups that a port uses: those that some priority maps to.
fn used_groups(port: &PortProfile) -> [bool; PRIORITIES] {
    std::array::from_fn(|pg| {
        if port.per_port {
            pg == 0
        } else {
            port.priority_to_pg.iter().any(|&g| usize::from(g) == pg)
        }
    })
}

/// The budget of a switch in a model. `node` must be a switch.
pub fn of_switch(model: &Model, fabric: &Fabric, node: NodeId) -> Budget {
    let Role::Switch(profile) = model.nodes[node as usize].role else {
        return Budget {
            size: 0,
            reserves: 0,
            headroom_total: 0,
            headrooms: Vec::new(),
        };
    };
    let profile = &model.switches[profile as usize];
    let mut budget = Budget {
        size: profile.buffer.size.0,
        reserves: 0,
        headroom_total: 0,
        headrooms: Vec::new(),
    };
    for (port, index) in fabric.node_ports(node).zip(0..) {
        let own = model.switch_port(node, index).unwrap_or(&profile.port);
        let used = used_groups(own);
        let mut row = [0; PRIORITIES];
        for pg in (0..PRIORITIES).filter(|&pg| used[pg]) {
            let group = &own.pgs[pg];
            budget.reserves = budget.reserves.saturating_add(group.reserve.0);
            if group.lossless && own.pfc.mode != PauseMode::Off {
                row[pg] = headroom_bytes(model, fabric, port, group.headroom, profile);
            }
        }
        let row_total = row.iter().fold(0u64, |sum, &b| sum.saturating_add(b));
        budget.headroom_total = budget.headroom_total.saturating_add(row_total);
        budget.headrooms.push(row);
    }
    if let Some(pool) = profile.buffer.headroom_pool {
        budget.headroom_total = pool.0;
    }
    budget
}

/// Frames in the switch's own pipeline are admitted only after its latency, so they are under way
/// when the pause is decided just like those on the cable.
fn headroom_bytes(
    model: &Model,
    fabric: &Fabric,
    port: PortId,
    rule: Headroom,
    profile: &SwitchProfile,
) -> u64 {
    let info = &fabric.ports[port as usize];
    let (buffer, latency) = (&profile.buffer, profile.latency);
    match rule {
        Headroom::Bytes(bytes) => bytes.0,
        Headroom::HpccNs3 => {
            let bytes_per_delay =
                u128::from(info.rate.bps()) * u128::from(info.delay.ns()) / 8 / 1_000_000_000;
            (bytes_per_delay * 3).min(u128::from(u32::MAX)) as u64
        }
        Headroom::Auto => {
            let peer = &fabric.ports[info.peer as usize];
            let pause = model.pause_spec(peer.node, peer.index);
            let response = pause.map_or(SimDuration::ZERO, |pause| pause.response);
            let mtu = model.nics.iter().map(|n| n.mtu).max().unwrap_or(4_096);
            let framing = model.widest_framing();
            let gap = framing.gap();
            let frames = Frames {
                min: framing.smallest_frame(),
                max: framing.largest_frame(mtu),
                gap,
                cell: buffer.cell_bytes.max(1),
                extra: if buffer.occupancy == Occupancy::Wire {
                    gap
                } else {
                    0
                },
            };
            headroom::auto_in(info.rate, info.delay, frames, response + latency).0
        }
    }
}

/// How often a port's rate doubles that of the slowest host port, rounded up.
pub fn rate_doublings(model: &Model, fabric: &Fabric, port: PortId) -> u32 {
    let mut ports = model.switches.iter().flat_map(SwitchProfile::ports);
    let scales = |group: &PgSpec| matches!(group.limit, Limit::DynamicByRate { .. });
    let by_rate = ports.any(|port| port.pgs.iter().any(scales));
    if !by_rate {
        return 0;
    }
    let host_rate = fabric
        .ports
        .iter()
        .filter(|p| !fabric.is_switch(p.node))
        .map(|p| p.rate)
        .min()
        .unwrap_or(BitRate::from_gbps(1))
        .bps();
    let mut rate = fabric.ports[port as usize].rate.bps();
    let mut doublings = 0;
    while rate > host_rate && doublings < 32 {
        doublings += 1;
        rate /= 2;
    }
    doublings
}

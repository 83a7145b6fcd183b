//! The wire as a switch: rates, a finite shared buffer, tail drop, marking, pauses.
//!
//! Classes, buffer, thresholds and scheduling are those of a scenario's switch, admission is the
//! simulator's. Times are nominal: a port that is served late catches up, so that rates are right on
//! average. A host that a pause concerns sends nothing at all, as the wire cannot look behind the
//! frame that waits; kernels do not obey pauses themselves.

mod egress;

use self::egress::{Egress, Queued};
use super::held::Release;
use super::is_local;
use crate::LabError;
use crate::report::SwitchPortReport;
use xoff_model::time::SimDuration;
use xoff_model::topology::fabric::Fabric;
use xoff_model::units::BitRate;
use xoff_model::{
    EcnAction, EcnSpec, Model, PRIORITIES, PauseMode, PortProfile, Role, SwitchProfile, Tagging,
    Trust,
};
use xoff_sim::switch::Marking;
use xoff_sim::switch::budget::{self, Budget};
use xoff_sim::switch::buffer::{Admission, Group, Pool, Threshold};
use xoff_wire::dissect::{Body, Dissected, Link, dissect};
use xoff_wire::{Mac, ethernet, mac_control};

/// What surrounds a frame, and the FCS that frames of guests lack.
const AROUND: u64 = (ethernet::PREAMBLE + ethernet::GAP) as u64;
const FCS: u64 = ethernet::FCS as u64;
/// How far ahead of its rate a host may be read: fewer wake-ups for more frames.
const SLACK: SimDuration = SimDuration::from_us(50);

/// A switch that all hosts of a scenario are on.
pub struct Switch {
    profile: SwitchProfile,
    pool: Pool,
    ports: Vec<Port>,
}

/// One of its ports, both directions.
struct Port {
    rate: BitRate,
    profile: PortProfile,
    egress_limits: [Threshold; PRIORITIES],
    groups: [Group; PRIORITIES],
    /// When the host's last frame has come in.
    ingress_busy: u64,
    /// When the pause that is in force is sent again; 0: none is.
    refresh: u64,
    egress: Egress,
    report: SwitchPortReport,
}

impl Switch {
    /// The switch of a scenario; its ports are in the order of `hosts`.
    ///
    /// # Errors
    /// Not all hosts are on one switch, or its ports do what the wire does not.
    pub fn new(model: &Model, hosts: &[(u32, String)]) -> Result<Switch, LabError> {
        let refuse = |name: &str| {
            LabError::Message(format!(
                "the wire can be a switch if each host has one link, to the same one: {name} has not"
            ))
        };
        let fabric = Fabric::new(model);
        let mut of_switch = None;
        let mut ports = Vec::new();
        for (host, name) in hosts {
            let links = model.links.iter();
            let mut links = links.filter(|l| l.a == *host || l.b == *host);
            let (Some(link), None) = (links.next(), links.next()) else {
                return Err(refuse(name));
            };
            let node = if link.a == *host { link.b } else { link.a };
            let Some(Role::Switch(profile)) = model.nodes.get(node as usize).map(|n| n.role) else {
                return Err(refuse(name));
            };
            if *of_switch.get_or_insert((node, profile)) != (node, profile) {
                return Err(refuse(name));
            }
            ports.push((*host, link.rate, name));
        }
        let profile = of_switch.and_then(|(node, profile)| {
            Some((node, model.switches.get(profile as usize)?.clone()))
        });
        let Some((node, profile)) = profile else {
            return Err(refuse("the first"));
        };
        let unable = |port: &PortProfile| {
            let drops = |ecn: &EcnSpec| ecn.action != EcnAction::Mark;
            let tags = port.tagging != Tagging::AsReceived;
            tags || port.link_mtu.is_some() || port.ecn.iter().flatten().any(drops)
        };
        if profile.ports().any(unable) {
            let message = "the wire as a switch has no `link_mtu` and no `tagging`, and its WRED \
                           drops nothing";
            return Err(LabError::Message(message.to_owned()));
        }
        let budget = budget::of_switch(model, &fabric, node);
        let find = |host: u32| {
            let mut places = fabric.node_ports(node).enumerate();
            places.find(|(_, port)| fabric.neighbour(*port) == host)
        };
        let ports = ports.into_iter().map(|(host, rate, name)| {
            let place = find(host);
            let doublings = place.map_or(0, |(_, p)| budget::rate_doublings(model, &fabric, p));
            let row = place.and_then(|(i, _)| budget.headrooms.get(i));
            let headrooms = row.copied().unwrap_or_default();
            let own = place.and_then(|(i, _)| model.switch_port(node, i as u32));
            let own = own.unwrap_or(&profile.port).clone();
            Port::new(own, rate, doublings, headrooms, name, model.seed)
        });
        let ports = ports.collect();
        Ok(Switch {
            pool: pool(&profile, &budget),
            ports,
            profile,
        })
    }

    /// Whether a host may send: its link is free, and no pause concerns it.
    pub(super) fn may_send(&self, from: usize, now: u64) -> bool {
        self.ports.get(from).is_none_or(|port| {
            port.ingress_busy <= now.saturating_add(SLACK.ps()) && !port.pauses()
        })
    }

    /// A frame of a host, to a port or, if None, to all others. `now` in ps; gives what leaves.
    pub(super) fn receive(&mut self, release: Release, now: u64) -> Vec<Release> {
        let Some(port) = self.ports.get_mut(release.from) else {
            return Vec::new();
        };
        let time = wire_time(port.rate, release.frame.len());
        let at = now.max(port.ingress_busy).saturating_add(time);
        port.ingress_busy = at;
        let mut leaving = self.advance(at);
        let dissected = dissect(Link::Ethernet, &release.frame, release.frame.len() as u32);
        if let Body::Pause(pause) = dissected.body {
            self.obey(release.from, &pause, at);
            return leaving;
        }
        if is_local(dissected.ethernet.dst) {
            return leaving;
        }
        let Some(port) = self.ports.get(release.from) else {
            return leaving;
        };
        let (priority, ecn_capable) = (port.priority(&dissected), is_ecn_capable(&dissected));
        let group = port.group_of(priority);
        let targets = match release.to {
            Some(to) => to..to + 1,
            None => 0..self.ports.len(),
        };
        for to in targets.filter(|to| *to != release.from) {
            let queued = Queued {
                from: release.from,
                group,
                bytes: self.occupancy(release.frame.len()),
                arrived: at,
                ecn_capable,
                frame: release.frame.clone(),
            };
            leaving.extend(self.admit(queued, priority, to, at));
        }
        leaving
    }

    /// Queues a frame or drops it; gives the pause that it made necessary.
    fn admit(&mut self, queued: Queued, priority: u8, to: usize, at: u64) -> Option<Release> {
        let out = self.ports.get(to)?;
        let queue = out.queue_of(usize::from(priority));
        let (from, bytes) = (queued.from, queued.bytes);
        let full = {
            let length = out.egress.length(queue);
            let reserve = out.profile.queues[queue].reserve.0;
            let limit = u64::from(out.egress_limits[queue].bytes(self.pool.free()));
            u64::from(length) + u64::from(bytes) > limit.max(reserve)
        };
        let group = self.ports.get_mut(from)?.groups.get_mut(queued.group)?;
        let admission = match full && !group.lossless {
            true => Admission::OverLimit,
            false => self.pool.admit(group, bytes),
        };
        let stops = group.pause_mask != 0 && self.pool.should_pause(group);
        group.paused |= stops;
        let port = self.ports.get_mut(to)?;
        match admission {
            Admission::Admitted => port.egress.push(queue, queued),
            Admission::OverLimit => port.report.tail_drops += 1,
            Admission::HeadroomFull | Admission::HeadroomPoolFull => {
                port.report.headroom_drops += 1;
            }
        }
        if !stops {
            return None;
        }
        self.ports.get_mut(from)?.pause(from, at)
    }

    /// What has left by now, and when something happens next without a further frame.
    pub(super) fn advance(&mut self, now: u64) -> Vec<Release> {
        let mut leaving = Vec::new();
        for to in 0..self.ports.len() {
            while let Some(port) = self.ports.get_mut(to) {
                let Some(sent) = port.egress.next(&port.profile.scheduler, now) else {
                    break;
                };
                port.report.sent += 1;
                let (from, group, bytes) = (sent.from, sent.group, sent.bytes);
                leaving.push(Release {
                    from,
                    to: Some(to),
                    direct: false,
                    frame: sent.frame,
                });
                leaving.extend(self.released(from, group, bytes, now));
            }
        }
        for index in 0..self.ports.len() {
            let port = self.ports.get_mut(index);
            let due = port.filter(|port| port.refresh != 0 && port.refresh <= now);
            leaving.extend(due.and_then(|port| port.pause(index, now)));
        }
        leaving
    }

    /// A frame has left the buffer; gives the end of a pause that this allows.
    fn released(&mut self, from: usize, group: usize, bytes: u32, now: u64) -> Option<Release> {
        let port = self.ports.get_mut(from)?;
        let held = port.groups.get_mut(group)?;
        self.pool.release(held, bytes);
        let mut resumed = false;
        for group in &mut port.groups {
            if self.pool.should_resume(group) {
                group.paused = false;
                resumed = true;
            }
        }
        match resumed {
            true => port.pause(from, now),
            false => None,
        }
    }

    /// When something happens next, in ps.
    pub(super) fn next(&self, now: u64) -> Option<u64> {
        let of_port = |port: &Port| {
            let readable = port.ingress_busy.saturating_sub(SLACK.ps());
            let times = [
                port.egress.next_time(),
                Some(readable).filter(|at| *at > now),
                Some(port.refresh).filter(|at| *at != 0),
            ];
            times.into_iter().flatten().min()
        };
        self.ports.iter().filter_map(of_port).min()
    }

    /// A host pauses the port that sends to it.
    fn obey(&mut self, at_port: usize, pause: &mac_control::Repr, at: u64) {
        let Some(port) = self.ports.get_mut(at_port) else {
            return;
        };
        let spec = port.profile.pfc;
        let global = matches!(pause, mac_control::Repr::Pause { .. });
        let obeyed = match spec.mode {
            PauseMode::Off => false,
            PauseMode::Pfc => !global,
            PauseMode::Global => global,
        };
        port.report.pauses_received += 1;
        if !obeyed {
            return;
        }
        for (priority, quanta) in pause.times().into_iter().enumerate() {
            let Some(quanta) = quanta.filter(|_| spec.rx_mask & 1 << priority != 0) else {
                continue;
            };
            let time = port.rate.serialize_ceil(u64::from(quanta) * 64).ps();
            let queue = port.queue_of(priority);
            port.egress.pause(queue, at, at.saturating_add(time));
        }
    }

    /// Bytes in the buffer.
    fn occupancy(&self, frame: usize) -> u32 {
        let bytes = u32::try_from(frame as u64 + FCS).unwrap_or(u32::MAX);
        bytes.next_multiple_of(self.profile.buffer.cell_bytes.max(1))
    }

    /// What happened, per port. Times of pauses end `now`.
    pub(super) fn reports(&self, now: u64) -> Vec<SwitchPortReport> {
        let report = |port: &Port| SwitchPortReport {
            marked: port.egress.marked,
            peak_queue: port.egress.peak,
            paused_us: port.egress.paused(now) / 1_000_000,
            ..port.report.clone()
        };
        self.ports.iter().map(report).collect()
    }
}

impl Port {
    fn new(
        profile: PortProfile,
        rate: BitRate,
        doublings: u32,
        headrooms: [u64; PRIORITIES],
        name: &str,
        seed: u64,
    ) -> Port {
        let clamp = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
        let group = |index: usize| {
            let spec = &profile.pgs[index];
            let mapped = (0..PRIORITIES as u8).filter(|&priority| {
                let to = profile.priority_to_pg[usize::from(priority)];
                profile.per_port && index == 0 || usize::from(to) == index
            });
            let mask = match profile.pfc.mode {
                _ if !spec.lossless => 0,
                PauseMode::Off => 0,
                PauseMode::Global => u8::MAX,
                PauseMode::Pfc => mapped.fold(0, |mask, p| mask | 1 << p) & profile.pfc.tx_mask,
            };
            Group {
                headroom: clamp(headrooms[index]),
                reserve: clamp(spec.reserve.0),
                xon_offset: clamp(spec.xon_offset.0),
                threshold: Threshold::new(spec.limit, doublings),
                lossless: spec.lossless,
                pause_mask: mask,
                ..Group::UNUSED
            }
        };
        let marking = std::array::from_fn(|queue| {
            let spec = profile.ecn[queue].as_ref()?;
            Marking::new(spec, rate)
        });
        Port {
            rate,
            groups: std::array::from_fn(group),
            egress_limits: profile.queues.map(|q| Threshold::new(q.limit, 0)),
            profile,
            ingress_busy: 0,
            refresh: 0,
            egress: Egress::new(rate, marking, seed, name),
            report: SwitchPortReport {
                name: name.to_owned(),
                ..SwitchPortReport::default()
            },
        }
    }

    fn priority(&self, frame: &Dissected<'_>) -> u8 {
        let profile = &self.profile;
        let known = match profile.trust {
            Trust::None => None,
            Trust::Pcp => {
                let tag = frame.ethernet.outer;
                tag.map(|tag| profile.pcp_to_priority[usize::from(tag.pcp) % PRIORITIES])
            }
            Trust::Dscp => match &frame.body {
                Body::Roce(packet) => Some(packet.network.dscp),
                Body::Tcp(network, _) => Some(network.dscp),
                _ => None,
            }
            .map(|dscp| profile.dscp_to_priority[usize::from(dscp) % 64]),
        };
        known.unwrap_or(profile.default_priority) % PRIORITIES as u8
    }

    fn group_of(&self, priority: u8) -> usize {
        match self.profile.per_port {
            true => 0,
            false => usize::from(self.profile.priority_to_pg[usize::from(priority)]) % PRIORITIES,
        }
    }

    fn queue_of(&self, priority: usize) -> usize {
        let queue = self.profile.priority_to_queue.get(priority);
        usize::from(queue.copied().unwrap_or(0)) % PRIORITIES
    }

    fn pauses(&self) -> bool {
        self.groups.iter().any(|group| group.paused)
    }

    /// Tells the host which of its priorities may not send; zero time for those that may again.
    fn pause(&mut self, index: usize, now: u64) -> Option<Release> {
        let stopped = self.groups.iter().filter(|g| g.paused);
        let stop = stopped.fold(0u8, |mask, g| mask | g.pause_mask);
        let all = self.groups.iter().fold(0u8, |mask, g| mask | g.pause_mask);
        let quanta = self.profile.pfc.quanta.unwrap_or(u16::MAX);
        // Again before it runs out.
        let half = self.rate.serialize_ceil(u64::from(quanta) * 32).ps().max(1);
        self.refresh = if stop == 0 {
            0
        } else {
            now.saturating_add(half)
        };
        self.report.pauses_sent += 1;
        let repr = match self.profile.pfc.mode {
            PauseMode::Off => return None,
            PauseMode::Global => mac_control::Repr::Pause {
                quanta: if stop == 0 { 0 } else { quanta },
            },
            PauseMode::Pfc => mac_control::Repr::Pfc {
                enable: u16::from(all),
                quanta: std::array::from_fn(|p| if stop & 1 << p != 0 { quanta } else { 0 }),
            },
        };
        Some(Release {
            from: index,
            to: Some(index),
            direct: true,
            frame: repr.frame(Mac([2, 0, 0, 0, 1, index as u8])).to_vec(),
        })
    }
}

fn pool(profile: &SwitchProfile, budget: &Budget) -> Pool {
    let clamp = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
    Pool {
        size: clamp(profile.buffer.size.0),
        shared_size: clamp(budget.shared().unwrap_or(0)),
        shared_used: 0,
        headroom_pool: profile.buffer.headroom_pool.map(|bytes| clamp(bytes.0)),
        headroom_used: 0,
        used: 0,
        peak: 0,
    }
}

/// On the cable, in ps.
fn wire_time(rate: BitRate, frame: usize) -> u64 {
    rate.serialize_ceil(frame.max(ethernet::MIN_LEN) as u64 + FCS + AROUND)
        .ps()
}

fn is_ecn_capable(frame: &Dissected<'_>) -> bool {
    use xoff_wire::ip::Ecn;
    match &frame.body {
        Body::Roce(packet) => packet.network.ecn != Ecn::NotEct,
        Body::Tcp(network, _) => network.ecn != Ecn::NotEct,
        _ => false,
    }
}

#[cfg(test)]
mod tests;

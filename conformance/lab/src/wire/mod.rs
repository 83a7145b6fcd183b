//! The wire: a learning switch with one port per guest, which obeys rules and captures everything.
//!
//! Guests connect to sockets (AF_UNIX, SOCK_SEQPACKET: one packet is one frame). A frame passes the
//! rules of its sender, is captured there, passes the rules of the wire, and is captured where it
//! arrives. Nothing is lost that no rule drops: while a guest takes nothing, the others are not read.
//! Only a wire that is a [`switch`] has rates and a buffer that can be full.

mod device;
mod held;
mod packet;
mod port;
mod stage;
pub mod switch;

pub use self::device::{Device, Endpoint};

use self::held::{Held, Release};
use self::port::Port;
use self::stage::{Stage, Way};
use self::switch::Switch;
use super::LabError;
use super::report::{RuleReport, WireReport};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use xoff_model::rules::{Rule, Rules};
use xoff_model::time::SimDuration;
use xoff_trace::capture::write::{Output, Writer};
use xoff_trace::capture::{Direction, Interface};
use xoff_wire::Mac;

/// Addresses that are remembered.
const MAX_ADDRESSES: usize = 4096;
/// The longest frame that a guest can send.
const MAX_FRAME: usize = 65_536;
/// What rules take the wire for when it sends: no host has this number.
const SWITCH: u32 = u32::MAX;
/// Frames for one guest after which nobody is read until it has taken some.
const HIGH_WATER: usize = 512;

/// A host at the wire.
#[derive(Clone, Debug)]
pub struct Attachment {
    pub name: String,
    /// As rules number hosts.
    pub node: u32,
    /// In the order of the scenario.
    pub host: usize,
    /// Only ports of the same network reach one another.
    pub network: usize,
    pub mac: Mac,
    /// Where it connects.
    pub socket: PathBuf,
}

/// When the time of rules begins.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<OnceLock<Instant>>);

impl Clock {
    /// Now, unless it has begun before.
    pub fn start(&self) {
        self.0.get_or_init(Instant::now);
    }

    fn at(&self, now: Instant) -> SimDuration {
        let since = self.0.get().map_or(Duration::ZERO, |start| {
            now.saturating_duration_since(*start)
        });
        SimDuration::from_ns(nanoseconds(since))
    }
}

/// The wire before it runs.
pub struct Wire {
    ports: Vec<Port>,
    /// Of real interfaces.
    names: Vec<String>,
    /// As given: for the report.
    rules: Vec<Rule>,
    /// In the hosts.
    stack: Stage,
    between: Stage,
    switch: Option<Switch>,
    clock: Clock,
    begun: Instant,
    addresses: BTreeMap<Mac, usize>,
    capture: Option<Writer<Output>>,
    /// The file, for messages.
    path: Option<PathBuf>,
    started: u64,
    forwarded: u64,
}

impl Wire {
    /// Opens the sockets and the capture.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(
        hosts: &[Attachment],
        rules: &[Rule],
        seed: u64,
        capture: Option<&Path>,
    ) -> Result<Wire, LabError> {
        let ports = hosts.iter().map(Port::open).collect::<Result<_, _>>()?;
        let addresses = hosts.iter().enumerate().map(|(i, h)| (h.mac, i)).collect();
        let interfaces: Vec<_> = hosts.iter().map(interface).collect();
        Wire::with_ports((ports, addresses), &interfaces, rules, seed, capture)
    }

    /// A wire between real interfaces, whose time begins now.
    ///
    /// # Errors
    /// What the file system says, or the kernel of an interface.
    pub fn between(
        devices: &[Device],
        rules: &[Rule],
        seed: u64,
        capture: Option<&Path>,
    ) -> Result<Wire, LabError> {
        let port = |device: &Device| Ok(Port::device(device.node, device.endpoint.open()?));
        let ports = devices.iter().map(port).collect::<Result<_, LabError>>()?;
        let interface = |device: &Device| Interface {
            name: Some(device.name.clone()),
            description: Some(device.endpoint.to_string()),
            ..Interface::default()
        };
        let interfaces: Vec<_> = devices.iter().map(interface).collect();
        let wire = Wire::with_ports((ports, BTreeMap::new()), &interfaces, rules, seed, capture)?;
        wire.clock.start();
        Ok(Wire {
            names: devices.iter().map(|d| d.to_string()).collect(),
            ..wire
        })
    }

    fn with_ports(
        (ports, addresses): (Vec<Port>, BTreeMap<Mac, usize>),
        interfaces: &[Interface],
        rules: &[Rule],
        seed: u64,
        capture: Option<&Path>,
    ) -> Result<Wire, LabError> {
        let writer = match capture {
            Some(path) => {
                let failed = |e| LabError::file("write", path, &e);
                let out = Output::create(path).map_err(failed)?;
                Some(Writer::new(out, interfaces).map_err(failed)?)
            }
            None => None,
        };
        Ok(Wire {
            ports,
            names: Vec::new(),
            rules: rules.to_vec(),
            stack: Stage::new(Rules::stack(rules, seed)),
            between: Stage::new(Rules::new(rules, seed)),
            switch: None,
            clock: Clock::default(),
            begun: Instant::now(),
            addresses,
            capture: writer,
            path: capture.map(Path::to_owned),
            started: now_ns(),
            forwarded: 0,
        })
    }

    /// Makes it a switch whose ports are in the order of the hosts.
    #[must_use]
    pub fn with_switch(self, switch: Option<Switch>) -> Wire {
        Wire { switch, ..self }
    }

    /// What says when the run begins; until then rules see time zero.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Passes frames until the other end of `stop` is closed.
    ///
    /// # Errors
    /// The capture cannot be written, or waiting failed.
    pub fn run(mut self, stop: &OwnedFd) -> Result<WireReport, LabError> {
        let mut buffer = vec![0; MAX_FRAME];
        loop {
            let ready = self
                .wait(stop)
                .map_err(|e| message("wait for frames", &e))?;
            if ready.stop {
                return self.finish();
            }
            for index in ready.ports {
                self.serve(index, &mut buffer)?;
            }
            self.on_time()?;
        }
    }

    /// Does what is due.
    fn on_time(&mut self) -> Result<(), LabError> {
        let now = Instant::now();
        for release in self.stack.held.due(now) {
            self.transmit(release.from, release.frame)?;
        }
        for release in self.between.held.due(now) {
            self.arrive(release)?;
        }
        let at = self.ps(now);
        let leaving = self.switch.as_mut().map(|switch| switch.advance(at));
        let mut leaving = leaving.into_iter().flatten();
        leaving.try_for_each(|release| self.leave(release))
    }

    /// The switch's time, in ps.
    fn ps(&self, now: Instant) -> u64 {
        nanoseconds(now.saturating_duration_since(self.begun)).saturating_mul(1000)
    }

    /// How long to wait for frames: until something is due.
    fn patience(&self) -> Option<Timespec> {
        let now = Instant::now();
        let at = self.ps(now);
        let held = [self.stack.held.next(), self.between.held.next()];
        let held = held.into_iter().flatten().min();
        let held = held.map(|due| nanoseconds(due.saturating_duration_since(now)));
        let switch = self.switch.as_ref().and_then(|switch| switch.next(at));
        let switch = switch.map(|due| due.saturating_sub(at).div_ceil(1000));
        let left = held.into_iter().chain(switch).min()?;
        Some(Timespec {
            tv_sec: i64::try_from(left / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(left % 1_000_000_000).unwrap_or(0),
        })
    }

    fn wait(&self, stop: &OwnedFd) -> io::Result<Ready> {
        let crowded = self.is_crowded();
        let at = self.ps(Instant::now());
        let mut fds = vec![PollFd::new(stop, PollFlags::IN)];
        let mut owners = Vec::new();
        for (index, port) in self.ports.iter().enumerate() {
            let reading = !crowded && self.may_send(index, at);
            for (fd, flags) in port.interests(reading) {
                fds.push(PollFd::from_borrowed_fd(fd, flags));
                owners.push(index);
            }
        }
        match poll(&mut fds, self.patience().as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        let mut ports: Vec<usize> = fds[1..]
            .iter()
            .zip(&owners)
            .filter(|(fd, _)| !fd.revents().is_empty())
            .map(|(_, owner)| *owner)
            .collect();
        ports.dedup();
        Ok(Ready {
            stop: !fds[0].revents().is_empty(),
            ports,
        })
    }

    /// Too much waits for some guest, or for its time.
    fn is_crowded(&self) -> bool {
        let held = [&self.stack.held, &self.between.held];
        held.into_iter().any(Held::is_full)
            || self.ports.iter().any(|port| port.backlog() >= HIGH_WATER)
    }

    fn may_send(&self, index: usize, at: u64) -> bool {
        let switch = self.switch.as_ref();
        switch.is_none_or(|switch| switch.may_send(index, at))
    }

    /// Accepts, sends what waits, and takes a batch of frames.
    fn serve(&mut self, index: usize, buffer: &mut [u8]) -> Result<(), LabError> {
        const BATCH: usize = 64;
        let Some(port) = self.ports.get_mut(index) else {
            return Ok(());
        };
        port.accept();
        port.flush();
        self.check(index)?;
        for _ in 0..BATCH {
            if self.is_crowded() || !self.may_send(index, self.ps(Instant::now())) {
                break;
            }
            let received = self.ports.get_mut(index).and_then(|p| p.receive(buffer));
            let Some(len) = received else {
                return self.check(index);
            };
            let frame = buffer.get(..len).unwrap_or_default();
            self.take(index, frame.to_vec())?;
        }
        Ok(())
    }

    /// A wire that has lost an interface is none.
    fn check(&self, index: usize) -> Result<(), LabError> {
        let lost = self.ports.get(index).is_some_and(Port::is_lost);
        let name = self.names.get(index).filter(|_| lost);
        name.map_or(Ok(()), |name| {
            let message = format!("{name}: the interface is gone");
            Err(LabError::Message(message))
        })
    }

    /// One frame of a guest, before rules that make the guest seem wrong.
    fn take(&mut self, from: usize, frame: Vec<u8>) -> Result<(), LabError> {
        let now = Instant::now();
        let (way, at) = (self.way(from, &frame), self.clock.at(now));
        for release in self.stack.pass(frame, way, at, now) {
            self.transmit(release.from, release.frame)?;
        }
        Ok(())
    }

    /// One frame that a guest puts on the wire.
    fn transmit(&mut self, from: usize, frame: Vec<u8>) -> Result<(), LabError> {
        self.record(from, Direction::Out, &frame)?;
        self.learn(&frame, from);
        let now = Instant::now();
        let (way, at) = (self.way(from, &frame), self.clock.at(now));
        for release in self.between.pass(frame, way, at, now) {
            self.arrive(release)?;
        }
        Ok(())
    }

    fn way(&self, from: usize, frame: &[u8]) -> Way {
        let node = |index: usize| self.ports.get(index).map(|port| port.node);
        let to = destination(frame).and_then(|dst| self.addresses.get(&dst));
        let to = to.filter(|to| self.joined(from, **to));
        Way {
            from: (from, node(from).unwrap_or_default()),
            to: to.and_then(|to| Some((*to, node(*to)?))),
            paused: None,
        }
    }

    /// Whether two ports are of one network.
    fn joined(&self, a: usize, b: usize) -> bool {
        let network = |index: usize| self.ports.get(index).map(|port| port.network);
        network(a) == network(b)
    }

    /// What rules have let through.
    fn arrive(&mut self, release: Release) -> Result<(), LabError> {
        let at = self.ps(Instant::now());
        if let Some(switch) = self.switch.as_mut().filter(|_| !release.direct) {
            let mut leaving = switch.receive(release, at).into_iter();
            return leaving.try_for_each(|release| self.leave(release));
        }
        let targets = match release.to {
            Some(to) => to..to + 1,
            // A bridge does not pass what is for its own ear (IEEE 802.1Q 8.6.3).
            None if destination(&release.frame).is_none_or(is_local) => 0..0,
            None => 0..self.ports.len(),
        };
        let from = release.from;
        for to in targets {
            if release.direct || (to != from && self.joined(from, to)) {
                self.deliver(to, &release.frame)?;
            }
        }
        Ok(())
    }

    /// What the switch sends: its pauses meet the rules of the wire, as all else has before.
    fn leave(&mut self, release: Release) -> Result<(), LabError> {
        let Some(to) = release.to else {
            return Ok(());
        };
        if !release.direct {
            return self.deliver(to, &release.frame);
        }
        let now = Instant::now();
        let way = Way {
            from: (release.from, SWITCH),
            to: None,
            paused: Some(to),
        };
        let at = self.clock.at(now);
        let mut passed = self.between.pass(release.frame, way, at, now).into_iter();
        passed.try_for_each(|release| self.deliver(to, &release.frame))
    }

    fn deliver(&mut self, to: usize, frame: &[u8]) -> Result<(), LabError> {
        let connected = match self.ports.get_mut(to) {
            Some(port) => port.send(frame),
            None => false,
        };
        if connected {
            self.forwarded += 1;
            self.record(to, Direction::In, frame)?;
        }
        Ok(())
    }

    fn learn(&mut self, frame: &[u8], port: usize) {
        let src = frame.get(6..).and_then(<[u8]>::first_chunk).copied();
        let src = src.map(Mac).filter(|src| !src.is_group());
        if let Some(src) = src.filter(|_| self.addresses.len() < MAX_ADDRESSES) {
            self.addresses.insert(src, port);
        }
    }

    /// As seen by the guest's interface.
    fn record(&mut self, port: usize, direction: Direction, frame: &[u8]) -> Result<(), LabError> {
        let Some(writer) = &mut self.capture else {
            return Ok(());
        };
        let written = writer.frame(now_ns(), port as u32, direction, frame);
        let path = self.path.as_deref().unwrap_or(Path::new("the capture"));
        written.map_err(|e| LabError::file("write", path, &e))
    }

    fn finish(mut self) -> Result<WireReport, LabError> {
        if let Some(writer) = self.capture.take() {
            let path = self.path.as_deref().unwrap_or(Path::new("the capture"));
            let done = writer.finish(self.started, now_ns());
            done.and_then(Output::commit)
                .map_err(|e| LabError::file("write", path, &e))?;
        }
        let now = self.ps(Instant::now());
        let mut stack = RuleReport::of(&self.stack.rules).into_iter();
        let mut between = RuleReport::of(&self.between.rules).into_iter();
        let rules = self.rules.iter().filter_map(|rule| match rule.stack {
            true => stack.next(),
            false => between.next(),
        });
        Ok(WireReport {
            received: self.ports.iter().map(|port| port.received).collect(),
            forwarded: self.forwarded,
            overflowed: self.ports.iter().map(|port| port.overflowed).sum(),
            rules: rules.collect(),
            switch: self
                .switch
                .as_ref()
                .map_or_else(Vec::new, |s| s.reports(now)),
        })
    }
}

struct Ready {
    stop: bool,
    ports: Vec<usize>,
}

fn interface(host: &Attachment) -> Interface {
    Interface {
        name: Some(host.name.clone()),
        description: Some(format!("guest {}", host.name)),
        mac: Some(host.mac),
        ..Interface::default()
    }
}

/// Where a frame is to go.
fn destination(frame: &[u8]) -> Option<Mac> {
    frame.first_chunk().copied().map(Mac)
}

/// Whether an address is for the bridge next to the sender.
fn is_local(address: Mac) -> bool {
    matches!(address.0, [1, 0x80, 0xc2, 0, 0, 0..=0x0f])
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds since 1970.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
}

fn message(doing: &str, error: &io::Error) -> LabError {
    LabError::Message(format!("cannot {doing}: {error}"))
}

#[cfg(test)]
mod tests;

//! The wire: a learning switch with one port per guest, which obeys rules and captures everything.
//!
//! Guests connect to sockets (AF_UNIX, SOCK_SEQPACKET: one packet is one frame). Nothing is lost
//! that no rule drops: while a guest takes nothing, the others are not read.

mod held;
mod port;

use self::held::{Held, Release};
use self::port::Port;
use super::LabError;
use super::report::{RuleReport, WireReport};
use crate::capture::write::{Output, Writer};
use crate::capture::{Direction, Interface};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use xoff_sim::rules::{Rule, Rules, edit};
use xoff_sim::time::SimDuration;
use xoff_sim::wire::Mac;
use xoff_sim::wire::dissect::{Link, dissect};

/// Addresses that are remembered.
const MAX_ADDRESSES: usize = 4096;
/// The longest frame that a guest can send.
const MAX_FRAME: usize = 65_536;
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

/// The wire before it runs.
pub struct Wire {
    ports: Vec<Port>,
    rules: Rules,
    held: Held,
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
        let ports = hosts
            .iter()
            .map(Port::open)
            .collect::<Result<Vec<_>, _>>()?;
        let writer = match capture {
            Some(path) => {
                let failed = |e| LabError::file("write", path, &e);
                let out = Output::create(path).map_err(failed)?;
                let interfaces: Vec<_> = hosts.iter().map(interface).collect();
                Some(Writer::new(out, &interfaces).map_err(failed)?)
            }
            None => None,
        };
        let addresses = hosts.iter().enumerate().map(|(i, h)| (h.mac, i)).collect();
        Ok(Wire {
            ports,
            rules: Rules::new(rules, seed),
            held: Held::default(),
            addresses,
            capture: writer,
            path: capture.map(Path::to_owned),
            started: now_ns(),
            forwarded: 0,
        })
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
            for release in self.held.due(Instant::now()) {
                self.send(release)?;
            }
        }
    }

    fn wait(&self, stop: &OwnedFd) -> io::Result<Ready> {
        let reading = self.ports.iter().all(|port| port.backlog() < HIGH_WATER);
        let mut fds = vec![PollFd::new(stop, PollFlags::IN)];
        let mut owners = Vec::new();
        for (index, port) in self.ports.iter().enumerate() {
            for (fd, flags) in port.interests(reading) {
                fds.push(PollFd::from_borrowed_fd(fd, flags));
                owners.push(index);
            }
        }
        let timeout = self.held.next().map(|at| {
            let left = at.saturating_duration_since(Instant::now());
            Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            }
        });
        match poll(&mut fds, timeout.as_ref()) {
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

    /// Accepts, sends what waits, and takes a batch of frames.
    fn serve(&mut self, index: usize, buffer: &mut [u8]) -> Result<(), LabError> {
        const BATCH: usize = 64;
        let Some(port) = self.ports.get_mut(index) else {
            return Ok(());
        };
        port.accept();
        port.flush();
        for _ in 0..BATCH {
            let crowded = self.ports.iter().any(|port| port.backlog() >= HIGH_WATER);
            let Some(port) = self.ports.get_mut(index).filter(|_| !crowded) else {
                break;
            };
            let Some(len) = port.receive(buffer) else {
                break;
            };
            let frame = buffer.get(..len).unwrap_or_default();
            self.forward(index, frame)?;
        }
        Ok(())
    }

    /// One frame of a guest: what becomes of it, and where it goes.
    fn forward(&mut self, from: usize, frame: &[u8]) -> Result<(), LabError> {
        self.record(from, Direction::Out, frame)?;
        let dissected = dissect(Link::Ethernet, frame, frame.len() as u32);
        self.learn(dissected.ethernet.src, from);
        let dst = dissected.ethernet.dst;
        let network = |index: usize| self.ports.get(index).map(|port| port.network);
        let here = |to: &usize| network(*to) == network(from);
        let to = self.addresses.get(&dst).copied().filter(here);
        let node = |index: usize| self.ports.get(index).map(|port| port.node);
        let (sender, receiver) = (node(from).unwrap_or_default(), to.and_then(node));
        let decision = self
            .rules
            .decide(sender, receiver, &dissected, SimDuration::ZERO);
        // A bridge does not pass what is for its own ear (IEEE 802.1Q 8.6.3).
        let local = matches!(dst.0, [1, 0x80, 0xc2, 0, 0, 0..=0x0f]);
        if decision.drop || local {
            return Ok(());
        }
        let mut bytes = frame.to_vec();
        for change in &decision.edits {
            edit::apply(*change, &mut bytes);
        }
        let delay = Duration::from_nanos(decision.delay.ns());
        let targets: Vec<usize> = match to {
            Some(to) => vec![to],
            None => (0..self.ports.len()).filter(here).collect(),
        };
        for to in targets.into_iter().filter(|to| *to != from) {
            for copy in 0..=decision.copies {
                let release = Release {
                    from,
                    to,
                    frame: bytes.clone(),
                };
                let behind = if copy == 0 { decision.behind } else { 0 };
                let ready = self.held.hold(release, delay, behind, Instant::now());
                for release in ready {
                    self.send(release)?;
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, release: Release) -> Result<(), LabError> {
        let connected = match self.ports.get_mut(release.to) {
            Some(port) => port.send(&release.frame),
            None => false,
        };
        if connected {
            self.forwarded += 1;
            self.record(release.to, Direction::In, &release.frame)?;
        }
        Ok(())
    }

    fn learn(&mut self, src: Mac, port: usize) {
        if !src.is_group() && (self.addresses.len() < MAX_ADDRESSES) {
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
        Ok(WireReport {
            received: self.ports.iter().map(|port| port.received).collect(),
            forwarded: self.forwarded,
            overflowed: self.ports.iter().map(|port| port.overflowed).sum(),
            rules: RuleReport::of(&self.rules),
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

//! A run: guests up, commands, counters, everything down.

use super::event::Event;
use super::event::listen;
use super::guest::{Boot, Guest};
use super::protocol::{FromGuest, Setup, ToGuest};
use super::report::{GuestReport, LabReport, WireReport};
use super::rundir::{RunDir, runs};
use super::wire::switch::Switch;
use super::wire::{Attachment, Clock, Wire};
use super::{LabError, cache};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use xoff_model::{Model, Role};
use xoff_wire::Mac;

/// Interfaces of a guest, at most.
const INTERFACES: usize = 8;
/// Hosts of a lab, at least and at most.
pub const HOSTS: std::ops::RangeInclusive<usize> = 2..=8;

/// Bytes of output of each command that are kept.
const MAX_OUTPUT: usize = 1 << 20;
/// Longest name of a socket (`sun_path`), with its end.
const MAX_SOCKET: usize = 107;

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    pub kernel: &'a Path,
    /// This program.
    pub program: &'a Path,
    /// Where directories of runs are.
    pub temporary: &'a Path,
    /// Where commands run.
    pub directory: &'a Path,
    /// `rxe` or `siw`.
    pub driver: &'a str,
    /// Bytes of an IP packet.
    pub mtu: u32,
    /// Memory of a guest, in MiB.
    pub memory: u32,
    /// For the whole run.
    pub timeout: Duration,
    pub capture: Option<&'a Path>,
    /// The wire is the scenario's switch.
    pub switch: bool,
}

/// The hosts of a scenario: node number and name.
///
/// # Errors
/// Too few or too many.
pub fn hosts(model: &Model) -> Result<Vec<(u32, String)>, LabError> {
    let nodes = model.nodes.iter().enumerate();
    let hosts: Vec<_> = nodes
        .filter(|(_, node)| matches!(node.role, Role::Host(_)))
        .map(|(id, node)| (id as u32, node.name.clone()))
        .collect();
    match HOSTS.contains(&hosts.len()) {
        true => Ok(hosts),
        false => Err(LabError::Message(format!(
            "the scenario has {} hosts; a lab has {} to {}",
            hosts.len(),
            HOSTS.start(),
            HOSTS.end()
        ))),
    }
}

/// Runs one command per host of `model`, in the order of its hosts.
///
/// # Errors
/// The lab did not work: a guest did not boot or did not end in time, the capture could not be
/// written, or somebody interrupted. A command that fails is no error.
pub fn run(
    model: &Model,
    commands: &[String],
    options: &Options<'_>,
) -> Result<LabReport, LabError> {
    let done = with_guests(model, commands, options, false, Lab::commands)?;
    Ok(done.report)
}

/// What guests were taken up for, and what was seen of them.
pub(super) struct Done<T> {
    pub(super) value: T,
    pub(super) report: LabReport,
    pub(super) capture: Option<PathBuf>,
    /// The host of each interface of the capture.
    pub(super) ports: Vec<usize>,
    /// Where the capture may be.
    _dir: RunDir,
}

/// Takes guests up, does something with them, and takes them down, whatever happens. `keep`:
/// there is a capture also if the options name none.
pub(super) fn with_guests<T>(
    model: &Model,
    commands: &[String],
    options: &Options<'_>,
    keep: bool,
    work: impl FnOnce(&mut Lab) -> Result<T, LabError>,
) -> Result<Done<T>, LabError> {
    let begun = Instant::now();
    let (sender, events) = channel();
    let signals = listen(&sender)?;
    let hosts = hosts(model)?;
    let dir = RunDir::create(&runs(options.temporary), "run-")?;
    let attachments = attach(&hosts, &links(model, &hosts), dir.path())?;
    let kept = keep.then(|| dir.path().join("capture.pcapng"));
    let capture = options.capture.map(Path::to_owned).or(kept);
    let switch = match options.switch {
        true => Some(Switch::new(model, &hosts)?),
        false => None,
    };
    let wire = Wire::open(&attachments, &model.rules, model.seed, capture.as_deref())?;
    let wire = wire.with_switch(switch);
    let clock = wire.clock();
    let wire = Running::start(wire, &sender)?;
    let mut lab = Lab {
        guests: Vec::new(),
        reports: hosts
            .iter()
            .enumerate()
            .map(|(i, h)| report(i, &h.1, commands, options))
            .collect(),
        events: Arc::new(Mutex::new(events)),
        begun,
        clock,
        timeout: options.timeout,
    };
    let ran = lab.all(&attachments, dir.path(), &sender, options, work);
    if ran.is_ok() {
        lab.guests.iter_mut().for_each(Guest::power_off);
    }
    lab.guests.clear();
    // What guests fail at when the wire breaks is not theirs.
    let wire = wire.stop()?;
    let (active_ms, value) = ran?;
    signals.end()?;
    let report = LabReport {
        guests: lab.reports,
        wire,
        active_ms,
        total_ms: millis(begun),
    };
    Ok(Done {
        value,
        report,
        capture,
        ports: attachments.iter().map(|at| at.host).collect(),
        _dir: dir,
    })
}

/// How many links each host has.
fn links(model: &Model, hosts: &[(u32, String)]) -> Vec<usize> {
    let of = |(node, _): &(u32, String)| {
        let links = model.links.iter();
        let ends = links.filter(|link| link.a == *node || link.b == *node);
        ends.count().clamp(1, INTERFACES)
    };
    hosts.iter().map(of).collect()
}

/// The host of each interface of a capture.
pub(super) fn ports(model: &Model) -> Result<Vec<usize>, LabError> {
    let links = links(model, &hosts(model)?);
    let rounds = 0..links.iter().copied().max().unwrap_or_default();
    let with = |network: usize| {
        let all = links.iter().enumerate();
        all.filter(move |(_, links)| **links > network)
            .map(|(host, _)| host)
    };
    Ok(rounds.flat_map(with).collect())
}

/// The first interfaces of all hosts, then the second ones, and so on: each round is a network of
/// its own.
fn attach(
    hosts: &[(u32, String)],
    links: &[usize],
    dir: &Path,
) -> Result<Vec<Attachment>, LabError> {
    let rounds = 0..links.iter().copied().max().unwrap_or_default();
    let places = rounds.flat_map(|network| {
        let has = move |(_, links): &(usize, &usize)| **links > network;
        let those = links.iter().enumerate().filter(has);
        those.map(move |(host, _)| (network, host))
    });
    let attachment = |(network, host): (usize, usize)| {
        let (node, name) = hosts.get(host).cloned().unwrap_or_default();
        let socket = match network {
            0 => format!("{host}.wire"),
            _ => format!("{host}-{network}.wire"),
        };
        let socket = dir.join(socket);
        let text = socket.to_string_lossy();
        // The kernel splits its command line at spaces, and device options at commas.
        if text.len() > MAX_SOCKET || text.contains([' ', ',']) {
            return Err(LabError::Message(format!(
                "{text} cannot be a socket of a guest: set TMPDIR to a short plain path"
            )));
        }
        Ok(Attachment {
            name: match network {
                0 => name,
                _ => format!("{name}/{network}"),
            },
            node,
            host,
            network,
            mac: Mac([2, 0, 0, 0, network as u8, host as u8 + 1]),
            socket,
        })
    };
    places.map(attachment).collect()
}

/// Of a host's interface in a network.
pub(super) fn address(network: usize, host: usize) -> String {
    format!("10.9.{network}.{}", host + 1)
}

fn report(index: usize, name: &str, commands: &[String], options: &Options<'_>) -> GuestReport {
    GuestReport {
        name: name.to_owned(),
        address: address(0, index),
        device: format!("{}0", options.driver),
        command: commands.get(index).cloned().unwrap_or_default(),
        ..GuestReport::default()
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The kernel to use: the one given, or the newest of the cache.
///
/// # Errors
/// There is none.
pub fn kernel(cache: &Path, given: Option<&Path>) -> Result<std::path::PathBuf, LabError> {
    match given {
        Some(path) => path
            .canonicalize()
            .map_err(|e| LabError::file("find", path, &e)),
        None => cache::newest(cache, cache::CONFIG).ok_or_else(|| {
            LabError::Message(format!(
                "there is no kernel for guests in {}: run `xoff lab build` first",
                cache.display()
            ))
        }),
    }
}

/// Guests that run.
pub(super) struct Lab {
    pub(super) guests: Vec<Guest>,
    reports: Vec<GuestReport>,
    pub(super) events: Arc<Mutex<Receiver<Event>>>,
    begun: Instant,
    /// Of the rules.
    clock: Clock,
    timeout: Duration,
}

impl Lab {
    /// From boot to counters: when all devices were active, in milliseconds, and what `work` gave.
    fn all<T>(
        &mut self,
        hosts: &[Attachment],
        dir: &Path,
        events: &Sender<Event>,
        options: &Options<'_>,
        work: impl FnOnce(&mut Lab) -> Result<T, LabError>,
    ) -> Result<(u64, T), LabError> {
        self.boot(hosts, dir, events, options).map_err(not_booted)?;
        let active = millis(self.begun);
        self.clock.start();
        let value = work(self)?;
        self.collect()?;
        Ok((active, value))
    }

    fn boot(
        &mut self,
        hosts: &[Attachment],
        dir: &Path,
        events: &Sender<Event>,
        options: &Options<'_>,
    ) -> Result<(), LabError> {
        let of = |host: usize| hosts.iter().filter(move |at| at.host == host);
        for (index, host) in hosts.iter().filter(|at| at.network == 0).enumerate() {
            let memory = format!("{}M", options.memory);
            let device = |at: &Attachment| {
                let socket = at.socket.display();
                let (mac, mtu) = (at.mac, options.mtu);
                format!("transport=bess,dst={socket},mac={mac},mtu={mtu}")
            };
            let boot = Boot {
                name: &host.name,
                kernel: options.kernel,
                program: options.program,
                directory: dir,
                memory: &memory,
                devices: of(host.host).map(device).collect(),
            };
            self.guests.push(Guest::boot(index, &boot, events)?);
        }
        let addresses: Vec<String> = (0..self.guests.len()).map(|h| address(0, h)).collect();
        let setup = |host: usize, name: &str| {
            ToGuest::Setup(Setup {
                name: name.to_owned(),
                host,
                addresses: addresses.clone(),
                interfaces: of(host).map(|at| address(at.network, host)).collect(),
                driver: options.driver.to_owned(),
                mtu: options.mtu,
                directory: options.directory.to_string_lossy().into_owned(),
            })
        };
        self.until(
            "boot",
            |guest, report, index, message, begun| match message {
                FromGuest::Hello => guest.tell(&setup(index, &report.name)).map(|()| false),
                FromGuest::Active => {
                    report.active_ms = millis(begun);
                    Ok(true)
                }
                other => Err(unexpected(guest, other)),
            },
        )
    }

    fn commands(&mut self) -> Result<(), LabError> {
        for (guest, report) in self.guests.iter_mut().zip(&self.reports) {
            let command = report.command.clone();
            guest.tell(&ToGuest::Run { command })?;
        }
        self.await_ends()
    }

    /// Waits until every guest's command has ended, and keeps what they say.
    pub(super) fn await_ends(&mut self) -> Result<(), LabError> {
        self.until(
            "end its command",
            |guest, report, _, message, _| match message {
                FromGuest::Output { error, text } => {
                    collect(report, error, &text);
                    Ok(false)
                }
                FromGuest::Ended { status, ran_ms } => {
                    (report.status, report.ran_ms) = (status, ran_ms);
                    match guest.starved().filter(|_| status != 0) {
                        Some(error) => Err(error),
                        None => Ok(true),
                    }
                }
                other => Err(unexpected(guest, other)),
            },
        )
    }

    fn collect(&mut self) -> Result<(), LabError> {
        for guest in &mut self.guests {
            guest.tell(&ToGuest::Collect)?;
        }
        self.until(
            "say its counters",
            |guest, report, _, message, _| match message {
                FromGuest::Counters(counters) => {
                    report.counters = counters;
                    Ok(true)
                }
                other => Err(unexpected(guest, other)),
            },
        )
    }

    /// Of the whole run.
    pub(super) fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.begun.elapsed())
    }

    /// Hears the guests until each has said what it must: until `hear` has given true for each.
    fn until(
        &mut self,
        what: &str,
        mut hear: impl FnMut(
            &mut Guest,
            &mut GuestReport,
            usize,
            FromGuest,
            Instant,
        ) -> Result<bool, LabError>,
    ) -> Result<(), LabError> {
        let mut done = vec![false; self.guests.len()];
        while let Some(waiting) = done.iter().position(|done| !done) {
            let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            let event = events.recv_timeout(self.left());
            drop(events);
            let event = match event {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let limit = self.timeout.as_secs_f64();
                    return Err(self.blame(waiting, format!("did not {what} within {limit} s")));
                }
            };
            match event {
                Event::Interrupted => return Err(LabError::Interrupted),
                Event::WireOver => return Err(wire_over()),
                Event::Gone(index) => {
                    let message = format!("ended before it could {what}");
                    return Err(self.blame(index, message));
                }
                Event::Says(index, message) => {
                    let known = (self.guests.get_mut(index), self.reports.get_mut(index));
                    if let (Some(guest), Some(report)) = known {
                        let finished = hear(guest, report, index, message, self.begun)?;
                        if let Some(done) = done.get_mut(index) {
                            *done |= finished;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn blame(&self, index: usize, message: String) -> LabError {
        match self.guests.get(index) {
            Some(guest) => guest.failed(message),
            None => LabError::Message(message),
        }
    }
}

/// A guest that does not boot is not to be had: it fails at nothing that it was asked for.
fn not_booted(error: LabError) -> LabError {
    match error {
        LabError::Guest { .. } => LabError::Message(error.to_string()),
        other => other,
    }
}

/// Why a run ends whose wire has; the wire itself says why it did.
pub(super) fn wire_over() -> LabError {
    LabError::Message("the wire has ended".to_owned())
}

fn unexpected(guest: &Guest, message: FromGuest) -> LabError {
    match message {
        FromGuest::Failed { message } => guest.failed(message),
        _ => guest.failed("its agent lost the thread".to_owned()),
    }
}

fn collect(report: &mut GuestReport, error: bool, text: &str) {
    let to = if error {
        &mut report.stderr
    } else {
        &mut report.stdout
    };
    let room = MAX_OUTPUT.saturating_sub(to.len());
    let kept = text.floor_char_boundary(room.min(text.len()));
    to.push_str(text.get(..kept).unwrap_or_default());
    report.cut += (text.len() - kept) as u64;
}

/// The wire in its own thread.
pub(super) struct Running {
    thread: JoinHandle<Result<WireReport, LabError>>,
    /// Closing it stops the wire.
    stop: OwnedFd,
}

impl Running {
    /// `to` is told when it ends.
    pub(super) fn start(wire: Wire, to: &Sender<Event>) -> Result<Running, LabError> {
        let failed = |e| LabError::Message(format!("cannot start the wire: {e}"));
        let (theirs, ours) = std::io::pipe().map_err(failed)?;
        let theirs = OwnedFd::from(theirs);
        let to = to.clone();
        let thread = thread::Builder::new().spawn(move || {
            let ended = wire.run(&theirs);
            // Who has stopped it may not listen any more.
            let _ = to.send(Event::WireOver);
            ended
        });
        Ok(Running {
            thread: thread.map_err(failed)?,
            stop: OwnedFd::from(ours),
        })
    }

    /// What it saw, or why it could not go on.
    pub(super) fn stop(self) -> Result<WireReport, LabError> {
        drop(self.stop);
        let broken = |_| LabError::Message("the wire broke".to_owned());
        self.thread.join().map_err(broken)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_bounded() {
        let mut report = GuestReport::default();
        for _ in 0..3 {
            collect(&mut report, false, &"é".repeat(MAX_OUTPUT / 4 + 1));
        }
        collect(&mut report, true, "x");
        assert_eq!(report.stdout.len(), MAX_OUTPUT);
        assert_eq!(
            report.cut,
            3 * 2 * (MAX_OUTPUT as u64 / 4 + 1) - MAX_OUTPUT as u64
        );
        assert_eq!(report.stderr, "x");
    }

    #[test]
    fn names_of_sockets_must_suit_kernel_and_socket() {
        let hosts = [(0, "h0".to_owned()), (1, "h1".to_owned())];
        let fine = attach(&hosts, &[1, 1], Path::new("/tmp/a")).unwrap();
        assert_eq!(fine[1].socket, Path::new("/tmp/a/1.wire"));
        assert_eq!(fine[1].mac, Mac([2, 0, 0, 0, 0, 2]));
        for bad in ["/tmp/a b", "/tmp/a,b", &"/x".repeat(60)] {
            assert!(attach(&hosts, &[1, 1], Path::new(bad)).is_err(), "{bad}");
        }
    }
}

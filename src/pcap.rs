//! `xoff run --pcap`: one case's traffic as a capture.

use crate::args::RunArgs;
use crate::output::{self, Error};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::Path;
use xoff_model::results::Results;
use xoff_model::topology::fabric::PortId;
use xoff_model::{Framing, Model, Role};
use xoff_scenario::metrics::value::grouped;
use xoff_scenario::plan::Case;
use xoff_scenario::suggest;
use xoff_sim::frames::Frames;
use xoff_sim::{Progress, tap};
use xoff_trace::capture::write::{Output, Writer};
use xoff_trace::capture::{Direction, Interface, LinkType};

/// Stations repeat what they say in LLDP after this time (802.1AB, default).
const LLDP_INTERVAL_NS: u64 = 30_000_000_000;
/// Names that a message lists.
const NAMES: usize = 16;

/// A capture that was asked for.
pub(crate) struct Capture<'a> {
    path: &'a Path,
    taps: &'a [String],
    snaplen: u32,
}

impl<'a> Capture<'a> {
    /// The capture that the arguments ask for, checked against what is to run.
    pub(crate) fn wanted(
        args: &'a RunArgs,
        cases: &[(usize, &Case)],
    ) -> Result<Option<Self>, Error> {
        let Some(path) = &args.pcap else {
            return Ok(None);
        };
        let Some(&(first, case)) = cases.first() else {
            return Ok(None);
        };
        if cases.iter().any(|&(plan, _)| plan != first) {
            let text = "--pcap captures one scenario; several are to run";
            return Err(Error::Message(text.to_owned()));
        }
        let capture = Capture {
            path,
            taps: &args.taps,
            snaplen: args.snaplen.unwrap_or(0),
        };
        // Mistakes show before a long run, not after it.
        capture.ports(&case.model, &frames(&case.model))?;
        Ok(Some(capture))
    }

    /// Whether the report must leave standard output to the capture.
    pub(crate) fn takes_stdout(&self) -> bool {
        output::is_stdout(self.path)
    }

    /// The ports to tap, in the order of nodes.
    fn ports(&self, model: &Model, frames: &Frames<'_>) -> Result<Vec<PortId>, Error> {
        let all = || (0..).zip(frames.ports());
        if self.taps.is_empty() {
            let host = |node: u32| matches!(model.nodes[node as usize].role, Role::Host(_));
            let hosts = all().filter(|(_, info)| host(info.node));
            return Ok(hosts.map(|(port, _)| port).collect());
        }
        let mut chosen = BTreeSet::new();
        for tap in self.taps {
            if tap == "all" {
                chosen.extend(all().map(|(port, _)| port));
                continue;
            }
            let (node, index) = find_tap(model, tap)?;
            let of_node = all().filter(|(_, info)| info.node == node);
            let matching: Vec<PortId> = of_node
                .filter(|(_, info)| index.is_none_or(|index| info.index == index))
                .map(|(port, _)| port)
                .collect();
            if matching.is_empty() {
                let count = all().filter(|(_, info)| info.node == node).count();
                return Err(no_port(tap, count));
            }
            chosen.extend(matching);
        }
        Ok(chosen.into_iter().collect())
    }

    /// Simulates a case and writes what passes the taps.
    pub(crate) fn record(
        &self,
        case: &Case,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Results, Recorded), Error> {
        let frames = frames(&case.model);
        let ports = self.ports(&case.model, &frames)?;
        let fail =
            |e: io::Error| Error::Message(format!("cannot write {}: {e}", self.path.display()));
        let interfaces: Vec<Interface> = ports
            .iter()
            .map(|&port| self.interface(&frames, port))
            .collect();
        let writer = Output::create(self.path)
            .and_then(|out| Writer::new(out, &interfaces))
            .map_err(fail)?;
        let mut recorder = Recorder::new(&frames, &ports, writer);
        let mut sink = |event: &tap::TapEvent| recorder.take(event);
        let results = xoff_sim::run_tapped(&case.model, &ports, &mut sink, progress);
        let frames = recorder.finish(&results).or_else(|e| match e.kind() {
            // A reader of standard output that went away has seen enough.
            ErrorKind::BrokenPipe if self.takes_stdout() => Ok(0),
            _ => Err(fail(e)),
        })?;
        let ports = ports.len();
        Ok((results, Recorded { frames, ports }))
    }

    fn interface(&self, frames: &Frames<'_>, port: PortId) -> Interface {
        let info = &frames.ports()[port as usize];
        Interface {
            name: Some(frames.port_name(port)),
            description: Some(format!(
                "simulated, linked to {}",
                frames.port_name(info.peer)
            )),
            speed: Some(info.rate.bps()),
            link_type: LinkType::Ethernet,
            snaplen: self.snaplen,
            mac: Some(frames.mac(port)),
        }
    }

    /// Says on standard error what was captured.
    pub(crate) fn tell(&self, recorded: &Recorded, case: &Case, several: bool) {
        let labels: Vec<String> = case
            .labels
            .iter()
            .map(|(a, l)| format!("{a}={l}"))
            .collect();
        let which = if several {
            format!(" of case {} (--case chooses another)", labels.join(","))
        } else {
            String::new()
        };
        let (frames, ports) = (grouped(recorded.frames), recorded.ports);
        let s = if ports == 1 { "" } else { "s" };
        let path = self.path.display();
        output::tell(&format!(
            "{path}: {frames} frames at {ports} port{s}{which}"
        ));
        if matches!(case.model.framing, Framing::Fixed { .. }) {
            output::tell(
                "note: times are those of frames of the sizes that simulation.framing gives; the \
                 capture shows them with the headers of RoCEv2",
            );
        }
    }
}

/// What a capture holds.
pub(crate) struct Recorded {
    frames: u64,
    ports: usize,
}

/// The case that tells most: the first with losses, else with pauses, else the first.
pub(crate) fn most_telling(results: &[Results]) -> usize {
    let rank = |r: &Results| {
        let resent = r.flows.iter().any(|f| f.retransmitted_packets > 0);
        let dropped = r
            .ports
            .iter()
            .any(|p| p.drops.iter().flatten().any(|&n| n > 0));
        let paused = r.ports.iter().any(|p| p.pauses_sent() > 0);
        match (resent || dropped, paused) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        }
    };
    (0..results.len())
        .min_by_key(|&n| rank(&results[n]))
        .unwrap_or(0)
}

/// Where the framing is sizes alone, frames are shown as RoCEv2 would have them.
fn frames(model: &Model) -> Frames<'_> {
    Frames::new(model).unwrap_or_else(|| Frames::standing_in(model))
}

/// Node and port that `NODE` or `NODE:PORT` names.
fn find_tap(model: &Model, tap: &str) -> Result<(u32, Option<u32>), Error> {
    let named = |name: &str| model.nodes.iter().position(|n| n.name == name);
    if let Some(node) = named(tap) {
        return Ok((node as u32, None));
    }
    let (name, port) = match tap.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (tap, None),
    };
    let Some(node) = named(name) else {
        return Err(no_node(model, name));
    };
    let index = port.map(|text| {
        let wrong = |_| Error::Message(format!("--tap {tap}: `{text}` is no number of a port"));
        text.parse().map_err(wrong)
    });
    Ok((node as u32, index.transpose()?))
}

fn no_node(model: &Model, name: &str) -> Error {
    let names: Vec<&str> = model.nodes.iter().map(|n| n.name.as_str()).collect();
    let hint = match suggest(name, &names) {
        Some(hint) if names.len() <= NAMES || hint.starts_with("did") => hint,
        _ => {
            let some = names[..names.len().min(NAMES)].join(", ");
            format!("{} nodes, such as {some}", names.len())
        }
    };
    Error::Message(format!("--tap: no node is named `{name}`; {hint}"))
}

fn no_port(tap: &str, count: usize) -> Error {
    let known = match count {
        0 => "the node has no ports".to_owned(),
        1 => "the node has port 0 only".to_owned(),
        n => format!("the node has ports 0 to {}", n - 1),
    };
    Error::Message(format!("--tap {tap}: no such port; {known}"))
}

/// Turns tap events into frames of a file.
struct Recorder<'f> {
    frames: &'f Frames<'f>,
    writer: Writer<Output>,
    ports: &'f [PortId],
    /// Interface of each port.
    interfaces: Vec<u32>,
    buffer: Vec<u8>,
    next_lldp_ns: u64,
    last_ns: u64,
    failed: Option<io::Error>,
}

impl<'f> Recorder<'f> {
    fn new(frames: &'f Frames<'f>, ports: &'f [PortId], writer: Writer<Output>) -> Self {
        let mut interfaces = vec![u32::MAX; frames.ports().len()];
        for (interface, &port) in (0..).zip(ports) {
            interfaces[port as usize] = interface;
        }
        Recorder {
            frames,
            writer,
            ports,
            interfaces,
            buffer: Vec::new(),
            next_lldp_ns: 0,
            last_ns: 0,
            failed: None,
        }
    }

    /// Writes an event, unless writing has failed before.
    fn take(&mut self, event: &tap::TapEvent) {
        if self.failed.is_none() {
            self.failed = self.write(event).err();
        }
    }

    fn write(&mut self, event: &tap::TapEvent) -> io::Result<()> {
        let at_ns = event.at.ps() / 1_000;
        self.lldp_until(at_ns)?;
        self.frames.emit(event, &mut self.buffer);
        let direction = match event.direction {
            tap::Direction::In => Direction::In,
            tap::Direction::Out => Direction::Out,
        };
        self.last_ns = at_ns;
        let interface = self.interfaces[event.port as usize];
        self.writer.frame(at_ns, interface, direction, &self.buffer)
    }

    /// What the stations at both ends of every tapped link say of themselves, when it is due.
    fn lldp_until(&mut self, now_ns: u64) -> io::Result<()> {
        while self.next_lldp_ns <= now_ns {
            let at_ns = self.next_lldp_ns;
            for (interface, &port) in (0..).zip(self.ports) {
                let peer = self.frames.ports()[port as usize].peer;
                for (direction, speaker) in [(Direction::Out, port), (Direction::In, peer)] {
                    let frame = self.frames.lldp(speaker);
                    self.writer.frame(at_ns, interface, direction, &frame)?;
                }
            }
            self.next_lldp_ns += LLDP_INTERVAL_NS;
        }
        Ok(())
    }

    /// Completes the file. Returns the number of frames.
    fn finish(mut self, results: &Results) -> io::Result<u64> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let end_ns = (results.end.ps() / 1_000).max(self.last_ns);
        self.lldp_until(end_ns)?;
        let frames = self.writer.frames();
        self.writer.finish(0, end_ns)?.commit()?;
        Ok(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::plan;

    #[test]
    fn the_case_with_losses_is_captured_first() {
        let (_, results) = plan();
        let quiet = Results::default();
        let mut paused = results[0].clone();
        paused
            .flows
            .iter_mut()
            .for_each(|f| f.retransmitted_packets = 0);
        paused
            .ports
            .iter_mut()
            .for_each(|p| p.drops = Default::default());
        paused.ports[0].priority[3].tx_pause = 1;
        let mut lossy = paused.clone();
        lossy.ports[0].drops[0][3] = 1;
        assert_eq!(most_telling(&[quiet.clone(), paused.clone(), lossy]), 2);
        assert_eq!(most_telling(&[quiet.clone(), paused.clone(), paused]), 1);
        assert_eq!(most_telling(&[quiet.clone(), quiet]), 0);
    }

    #[test]
    fn taps_name_nodes_and_ports() {
        let (plan, _) = plan();
        let model = &plan.cases[0].model;
        let name = model.nodes[0].name.clone();
        assert_eq!(find_tap(model, &name).ok(), Some((0, None)));
        assert_eq!(
            find_tap(model, &format!("{name}:3")).ok(),
            Some((0, Some(3)))
        );
        for wrong in [
            "nobody",
            "nobody:0",
            &format!("{name}:"),
            &format!("{name}:-1"),
            "",
        ] {
            assert!(find_tap(model, wrong).is_err(), "{wrong}");
        }
    }
}

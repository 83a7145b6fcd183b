//! --capture: what LLDP and DCBX really said, beside what the configurations say.

use crate::args::CheckArgs;
use crate::input;
use crate::output::Error;
use xoff_checks::dcbx::X_10;
use xoff_configs::device::Port;
use xoff_configs::fabric::{Fabric, NodeId};
use xoff_configs::found::Found;
use xoff_configs::names;
use xoff_trace::analyzer::{self, Options};
use xoff_trace::capture::read::Reader;
use xoff_trace::report::{LinkEnd, TraceReport};

/// Adds a finding for each port whose announcements differ from its configuration.
pub(super) fn compare(
    args: &CheckArgs,
    fabric: &Fabric,
    found: &mut Vec<Found>,
) -> Result<(), Error> {
    for path in &args.capture {
        let name = path.to_string_lossy();
        let failed = |text: String| Error::Message(format!("{name}: {text}"));
        let input::Capture { source, .. } =
            input::Capture::open(path).map_err(|e| failed(e.to_string()))?;
        let reader = Reader::new(source, &name).map_err(|e| failed(e.to_string()))?;
        let options = Options {
            timeline: false,
            link_rate: None,
        };
        let report = analyzer::analyze(reader, options).map_err(|e| failed(e.to_string()))?;
        let any = announcements(fabric, &report, &name, found);
        if !any {
            return Err(failed("no LLDP of a configured port is in it".to_owned()));
        }
    }
    Ok(())
}

/// Whether some port of the capture is configured here.
fn announcements(
    fabric: &Fabric,
    report: &TraceReport,
    capture: &str,
    found: &mut Vec<Found>,
) -> bool {
    let mut any = false;
    for end in report.links.iter().flat_map(|link| &link.ends) {
        let Some((node, port)) = port_of(fabric, end) else {
            continue;
        };
        any = true;
        found.extend(differences(fabric, node, port, end, capture));
    }
    any
}

/// The port that an end calls itself, by the names of system and port.
fn port_of<'a>(fabric: &'a Fabric, end: &LinkEnd) -> Option<(NodeId, &'a Port)> {
    let system = end.system.as_deref()?;
    let is = |name: &str| {
        name.eq_ignore_ascii_case(system)
            || system
                .split('.')
                .next()
                .is_some_and(|s| s.eq_ignore_ascii_case(name))
    };
    let (node, device) = fabric
        .devices()
        .find(|(_, d)| is(&d.name) || is(&d.alias))?;
    let key = names::key(&end.port);
    let port = device.ports.iter().find(|p| names::key(&p.name) == key)?;
    Some((node, port))
}

fn differences(
    fabric: &Fabric,
    node: NodeId,
    port: &Port,
    end: &LinkEnd,
    capture: &str,
) -> Vec<Found> {
    let mut found = Vec::new();
    let mut add = |cause: String, cure: &str, at: Option<xoff_configs::source::Span>| {
        let mut one = Found::error(&X_10, node, cause, cure)
            .port(&port.name)
            .at(at)
            .at(port.at);
        if one.places.is_empty() {
            one.places.extend(
                fabric
                    .device(node)
                    .map(|d| xoff_configs::source::Span::line(d.file, 1)),
            );
        }
        found.push(one);
    };
    let frame = end.first_frame;
    match end.advertised.pfc {
        None if port.qos.dcbx.on.is(&true) => add(
            format!(
                "DCBX is on in the configuration, but frame {frame} of {capture} announces no PFC."
            ),
            "Have the port send the PFC TLV, or see which agent speaks for it.",
            port.qos.dcbx.on.span(),
        ),
        Some(pfc) => {
            let known = (0..8_u8).all(|n| port.qos.pfc.send[usize::from(n)].get().is_some());
            let configured = (0..8_u8).filter(|&n| port.qos.pfc.send[usize::from(n)].is(&true));
            let mask = configured.fold(0_u8, |mask, n| mask | 1 << n);
            if known && mask != pfc.enabled {
                add(
                    format!(
                        "The configuration enables PFC for priorities {}, and frame {frame} of {capture} announces {}.",
                        listed(mask),
                        listed(pfc.enabled)
                    ),
                    "The running state is not this file: compare them.",
                    port.qos.pfc.send.iter().find_map(|f| f.span()),
                );
            }
            if let Some(willing) = port.qos.dcbx.willing.value().filter(|&w| w != pfc.willing) {
                let says = if willing { "willing" } else { "not willing" };
                add(
                    format!(
                        "The configuration is {says}, and frame {frame} of {capture} says the opposite."
                    ),
                    "The running state is not this file: compare them.",
                    port.qos.dcbx.willing.span(),
                );
            }
        }
        None => {}
    }
    found
}

/// `3 and 4`, or `none`.
fn listed(mask: u8) -> String {
    let all: Vec<String> = (0..8)
        .filter(|n| mask & 1 << n != 0)
        .map(|n| n.to_string())
        .collect();
    match all.is_empty() {
        true => "none".to_owned(),
        false => all.join(" and "),
    }
}

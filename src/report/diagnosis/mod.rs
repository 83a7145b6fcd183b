//! What happened, in plain words: one sentence per finding, the most important first.
//!
//! A sentence is printed only if what the run counted proves it. Where no cause is proved the
//! sentences say what is known: who waited, for how long, where most.

mod bystander;
mod courses;
mod losses;
mod marks;
mod pauses;
#[cfg(test)]
mod tests;
mod waits;

use super::{node_name, port_towards};
use courses::Course;
use xoff_model::results::{FlowStatus, PortResult, Results};
use xoff_model::time::SimDuration;
use xoff_model::{Model, NicProfile, NodeId, PauseSpec, Role, SwitchProfile};
use xoff_scenario::metrics::value::{Value, grouped, ppm};

/// Findings about a run, at least one.
pub(crate) fn diagnose(model: &Model, results: &Results) -> Vec<String> {
    let run = Run::new(model, results);
    let mut found: Vec<String> = Vec::new();
    found.extend(run.deadlock());
    found.extend(run.ignored_pause());
    found.extend(run.losses());
    found.extend(run.watchdog());
    found.extend(run.failed());
    found.extend(run.storms());
    found.extend(run.slow_receiver());
    found.extend(run.waits());
    if found.is_empty() {
        found.extend(run.unexplained());
    }
    found.extend(run.paused());
    found.extend(run.timeouts());
    found.extend(run.marked());
    found.extend(run.unfinished());
    if found.is_empty() {
        found.push(run.calm());
    }
    found
}

struct Run<'a> {
    model: &'a Model,
    results: &'a Results,
    courses: Vec<Course<'a>>,
    /// Of any port and priority.
    longest_pause: SimDuration,
}

impl<'a> Run<'a> {
    fn new(model: &'a Model, results: &'a Results) -> Self {
        let flows = model.flows.iter().zip(&results.flows);
        let priorities = results.ports.iter().flat_map(|p| &p.priority);
        let longest = priorities.map(|q| q.rx_pause_longest).max();
        Run {
            model,
            results,
            longest_pause: longest.unwrap_or(SimDuration::ZERO),
            courses: flows
                .map(|(spec, result)| Course::new(model, results, spec, result))
                .collect(),
        }
    }

    fn name(&self, node: NodeId) -> &'a str {
        node_name(self.model, node)
    }

    fn place(&self, port: &PortResult) -> String {
        port_towards(self.model, port)
    }

    fn role(&self, node: NodeId) -> Option<Role> {
        self.model.nodes.get(node as usize).map(|n| n.role)
    }

    fn nic(&self, node: NodeId) -> Option<&'a NicProfile> {
        match self.role(node)? {
            Role::Host(i) => self.model.nics.get(i as usize),
            Role::Switch(_) => None,
        }
    }

    fn switch(&self, node: NodeId) -> Option<&'a SwitchProfile> {
        match self.role(node)? {
            Role::Switch(i) => self.model.switches.get(i as usize),
            Role::Host(_) => None,
        }
    }

    fn pause_spec(&self, node: NodeId) -> Option<&'a PauseSpec> {
        let nic = self.nic(node).map(|nic| &nic.pfc);
        nic.or_else(|| self.switch(node).map(|switch| &switch.pfc))
    }

    /// The port at the other end of the link.
    fn peer(&self, port: &PortResult) -> Option<&'a PortResult> {
        let key = |p: &PortResult| (p.node, p.port);
        let ports = &self.results.ports;
        let at = ports.binary_search_by_key(&(port.peer, port.peer_port), key);
        at.ok().map(|at| &ports[at])
    }

    fn share_of_run(&self, part: SimDuration) -> u64 {
        ppm(part.ps(), self.results.end.ps()).unwrap_or(0)
    }

    fn drops(&self) -> u64 {
        let all = self.results.ports.iter().flat_map(|p| &p.drops);
        all.flatten().sum()
    }

    fn unfinished(&self) -> Option<String> {
        let flows = &self.results.flows;
        let open = flows
            .iter()
            .filter(|f| f.status == FlowStatus::Unfinished)
            .count() as u64;
        (open > 0).then(|| {
            format!(
                "{} of {} not finished when the run ended at {}",
                grouped(open),
                plural(flows.len() as u64, "flow"),
                self.results.end
            )
        })
    }
}

fn share(ppm: u64) -> Value {
    Value::Share(ppm)
}

/// `1 frame`, `48,211 frames`, `2 switches`
pub(crate) fn plural(n: u64, what: &str) -> String {
    let ending = match n {
        1 => "",
        _ if what.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{} {what}{ending}", grouped(n))
}

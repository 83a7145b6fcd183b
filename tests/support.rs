//! What the tests share: scenario text in, results and metrics out.

use std::path::PathBuf;
use xoff_lab::cache;
use xoff_lab::requirements::Places;
use xoff_model::Model;
use xoff_model::results::{DropCause, FlowResult, FlowStatus, PortResult, Results};
use xoff_scenario::Diagnostic;
use xoff_scenario::Overrides;
use xoff_scenario::metrics::select::MetricRef;
use xoff_scenario::metrics::summary::Summary;
use xoff_scenario::plan::Plan;

/// A model and what became of it.
pub(crate) struct Run {
    pub(crate) model: Model,
    pub(crate) results: Results,
}

pub(crate) fn load(text: &str) -> Result<Plan, Vec<Diagnostic>> {
    let read = |name: &str| Err(format!("{name}: not there"));
    xoff_scenario::load("test.toml", text, &Overrides::default(), &read)
}

/// Runs the only case of a scenario.
pub(crate) fn run(text: &str) -> Run {
    let mut plan = load(text).unwrap_or_else(|e| panic!("{e:#?}\n{text}"));
    assert_eq!(plan.cases.len(), 1, "one case");
    Run::of(plan.cases.remove(0).model)
}

impl Run {
    pub(crate) fn of(model: Model) -> Run {
        let results = xoff_sim::run(&model, &mut |_| {});
        Run { model, results }
    }

    /// The value of a metric such as `goodput.total[group=a]`, in its smallest unit.
    pub(crate) fn get(&self, metric: &str) -> u64 {
        let reference = MetricRef::parse(metric).unwrap_or_else(|e| panic!("{metric}: {e:?}"));
        let summary = Summary::new(&self.model, &self.results);
        match summary.eval(&reference) {
            Ok(value) => value.raw(),
            Err(why) => panic!("{metric}: {}", why.0),
        }
    }

    /// Payload delivered to the flows of a group.
    pub(crate) fn delivered(&self, group: &str) -> u64 {
        self.flows(group).map(|f| f.bytes_delivered).sum()
    }

    pub(crate) fn flows<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a FlowResult> {
        let of_group = move |f: &&FlowResult| self.model.flows[f.flow as usize].group == group;
        self.results.flows.iter().filter(of_group)
    }

    pub(crate) fn drops(&self, cause: DropCause) -> u64 {
        self.results
            .ports
            .iter()
            .flat_map(|p| p.drops[cause as usize])
            .sum()
    }

    pub(crate) fn all_drops(&self) -> u64 {
        self.results
            .ports
            .iter()
            .flat_map(|p| p.drops.iter().flatten())
            .sum()
    }

    pub(crate) fn all_completed(&self) -> bool {
        let done = |f: &FlowResult| f.status == FlowStatus::Completed;
        self.results.flows.iter().all(done)
    }

    /// The port of `node` that leads to `peer`; the first of parallel ones.
    pub(crate) fn port(&self, node: &str, peer: &str) -> &PortResult {
        let id = |name: &str| {
            let found = self.model.nodes.iter().position(|n| n.name == name);
            found.unwrap_or_else(|| panic!("no node {name}")) as u32
        };
        let (node, peer) = (id(node), id(peer));
        let mut ports = self.results.ports.iter();
        ports
            .find(|p| p.node == node && p.peer == peer)
            .expect("the nodes are linked")
    }
}

/// |actual - wanted| ≤ wanted × ppm / 10^6.
#[track_caller]
pub(crate) fn near(what: &str, actual: u64, wanted: u64, ppm: u64) {
    let allowed = u128::from(wanted) * u128::from(ppm) / 1_000_000;
    assert!(
        u128::from(actual.abs_diff(wanted)) <= allowed,
        "{what}: {actual}, wanted {wanted} within {ppm} ppm"
    );
}

/// Says that a test is not made, and why.
pub(crate) fn skip(name: &str, why: &str) {
    note(&format!("SKIP {name}: {why}"));
}

/// Says something even if the test passes; the only place where one can.
pub(crate) fn note(text: &str) {
    let line = format!("{text}\n");
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
}

/// Whether a program that a test needs is on this machine, or on its guests, which see the same files;
/// if not, a note says so.
pub(crate) fn has_program(name: &str, program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs = std::env::split_paths(&path);
    let there = dirs.any(|dir| dir.join(program).exists());
    if !there {
        skip(name, &format!("there is no {program}"));
    }
    there
}

/// The kernel of guests; None, with a note, if the lab cannot run here.
pub(crate) fn guest_kernel(name: &str) -> Option<PathBuf> {
    if std::env::var_os("XOFF_LAB").is_some_and(|lab| lab == "off") {
        skip(name, "XOFF_LAB=off");
        return None;
    }
    let missing = Places::of_machine(std::env::var_os("PATH").as_deref()).missing_to_run();
    if !missing.is_empty() {
        skip(name, &format!("not installed: {}", missing.join(", ")));
        return None;
    }
    let cache = cache::directory(|name| std::env::var_os(name));
    let kernel = cache
        .ok()
        .and_then(|dir| cache::newest(&dir, cache::CONFIG));
    if kernel.is_none() {
        skip(name, "no kernel: run `xoff lab build`");
    }
    kernel
}

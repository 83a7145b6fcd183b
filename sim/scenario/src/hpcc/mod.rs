//! The input and output files of the HPCC ns-3 simulator and its family (`config.txt`,
//! `topology.txt`, `flow.txt`, `trace.txt`; `fct.txt`, `pfc.txt`, `qlen.txt`, the packet trace).
//!
//! Its model is reproduced, its defects are not: time is exact instead of truncated to
//! nanoseconds, flows may exceed 4.29 GB, lost tails are resent, a buffer smaller than its
//! headrooms is an error. Differences that a user could notice are in [`HpccInput::notes`].
//!
//! Which member of the family an input is for is told from its files ([`Dialect`]). A key that
//! changes results is honoured or refused.

mod config;
mod control;
mod dialect;
mod export;
mod files;
mod keys;
mod model;
mod network;
mod output;
mod paths;
#[cfg(test)]
mod tests;
mod text;
mod trace;
mod values;

pub use dialect::Dialect;
pub use export::scenario_text;
pub use output::{Files, standalone};
pub use trace::{TraceWriter, traced_ports};

use crate::Diagnostic;
use config::Config;
use dialect::Clue;
use text::Source;
use xoff_model::Model;

/// A simulation described by the files of the family.
#[derive(Clone, Debug)]
pub struct HpccInput {
    pub dialect: Dialect,
    pub model: Model,
    /// What the configuration wants written.
    pub files: Files,
    /// The dialect and what told it, what differs from the original, and keys without effect: one
    /// sentence each.
    pub notes: Vec<String>,
}

/// Reads a file that an input names.
type Open<'a> = &'a dyn Fn(&str) -> Result<(String, String), Vec<Diagnostic>>;

/// Reads a configuration and the files that it names. `read` gets the text of a file by its path
/// relative to the directory of the configuration, or says why it cannot.
pub fn load(
    config_name: &str,
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<HpccInput, Vec<Diagnostic>> {
    let text = read(config_name).map_err(|why| vec![unreadable(config_name, 0..0, &why)])?;
    let config_source = Source {
        file: config_name,
        text: &text,
    };
    let parsed = config::parse(config_source)?;
    let (config, mut notes) = (parsed.config, parsed.notes);
    let open = |name: &str| {
        read_named(name, read).map_err(|why| {
            let at = text.find(name).unwrap_or(0);
            vec![Diagnostic {
                label: format!("cannot read this: {why}"),
                ..unreadable(config_name, at..at + name.len(), &format!("{name}: {why}"))
            }]
        })
    };
    let (topology_name, topology_text) = open(&config.topology_file)?;
    let (flow_name, flow_text) = open(&config.flow_file)?;
    let source = |file, text| Source { file, text };
    let topology_source = source(topology_name.as_str(), topology_text.as_str());
    let flow_source = source(flow_name.as_str(), flow_text.as_str());
    let (topology, of_topology) = files::topology(topology_source, &mut notes)?;
    let clue = parsed.clue.or(of_topology);
    let context = files::FlowContext {
        topology: &topology,
        dialect: clue.as_ref().map_or(Dialect::Hpcc, |c| c.dialect),
        payload: config.payload,
    };
    let (flows, of_flows) = files::flows(flow_source, &context, &mut notes)?;
    let clue = clue.or(of_flows);
    let dialect = clue.as_ref().map_or(Dialect::Hpcc, |c| c.dialect);
    introduce(dialect, clue, &mut notes);
    no_tcp_flows(&config, &open)?;
    let traced = traced(&config, &open, &topology, &mut notes)?;
    let inputs = model::Inputs {
        dialect,
        config: &config,
        config_source,
        topology: &topology,
        topology_source,
        flows: &flows,
        flow_source,
    };
    let built = inputs.build(&mut notes)?;
    let files = Files {
        base: built.base,
        fct: named(config.fct_file),
        pfc: named(config.pfc_file),
        qlen: config.queue_monitor.and_then(|m| named(m.file)),
        trace: traced,
        node_ids: dialect == Dialect::Conweave,
    };
    Ok(HpccInput {
        dialect,
        model: built.model,
        files,
        notes,
    })
}

/// An empty name asks for no file.
fn named(file: String) -> Option<String> {
    (!file.is_empty()).then_some(file)
}

/// Says which dialect this is and how it was told, unless it is the original.
fn introduce(dialect: Dialect, clue: Option<Clue>, notes: &mut Vec<String>) {
    if let Some(clue) = clue {
        notes.insert(0, format!("an input for {}: {}", dialect.name(), clue.what));
    }
    if let Some(differs) = dialect.differs() {
        notes.insert(1, differs.to_owned());
    }
}

/// ns3-rdma can send TCP flows beside the others.
fn no_tcp_flows(config: &Config, open: Open<'_>) -> Result<(), Vec<Diagnostic>> {
    let older = config.older.as_ref();
    let Some(name) = older.and_then(|o| o.tcp_flow_file.as_ref()) else {
        return Ok(());
    };
    let (file, text) = open(name)?;
    let source = Source {
        file: &file,
        text: &text,
    };
    let counted = source.reader().number::<u32>("the number of TCP flows");
    match counted.map_err(|e| vec![e])? {
        (0, _) => Ok(()),
        (_, word) => {
            let message = "TCP flows are not supported";
            Err(vec![source.error(word.span(), message, "expected 0", None)])
        }
    }
}

/// The file and the nodes of the packet trace. A missing list traces nothing, as in the original.
fn traced(
    config: &Config,
    open: Open<'_>,
    topology: &files::Topology,
    notes: &mut Vec<String>,
) -> Result<Option<(String, Vec<u32>)>, Vec<Diagnostic>> {
    let Some(name) = &config.trace_file else {
        return Ok(None);
    };
    let (file, text) = match open(name) {
        Ok(found) => found,
        Err(_) => {
            notes.push(format!(
                "TRACE_FILE {name} cannot be read: nothing is traced"
            ));
            return Ok(None);
        }
    };
    let source = Source {
        file: &file,
        text: &text,
    };
    let nodes = files::trace(source, topology, notes).map_err(|error| vec![error])?;
    let output = config.trace_output.clone().filter(|_| !nodes.is_empty());
    Ok(output.map(|file| (file, nodes)))
}

/// Reads a file by its name. The reference's own configurations name files from one directory up
/// (`mix/flow.txt` in `mix/config.txt`), so the bare file name is tried as well.
fn read_named(
    name: &str,
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<(String, String), String> {
    let first = match read(name) {
        Ok(text) => return Ok((name.to_owned(), text)),
        Err(why) => why,
    };
    match name.rsplit_once('/') {
        Some((_, bare)) => read(bare)
            .map(|text| (bare.to_owned(), text))
            .map_err(|_| first),
        None => Err(first),
    }
}

fn unreadable(file: &str, span: std::ops::Range<usize>, why: &str) -> Diagnostic {
    Diagnostic {
        file: file.to_owned(),
        span,
        message: format!("cannot read {why}"),
        label: "cannot be read".to_owned(),
        help: None,
    }
}

//! The input and output files of the HPCC ns-3 simulator (`config.txt`, `topology.txt`,
//! `flow.txt`, `trace.txt`; `fct.txt`, `pfc.txt`).
//!
//! Its model is reproduced, its defects are not: time is exact instead of truncated to
//! nanoseconds, flows may exceed 4.29 GB, lost tails are resent, a buffer smaller than its
//! headrooms is an error. Differences that a user could notice are in [`HpccInput::notes`].

mod config;
mod control;
mod files;
mod model;
mod output;
mod paths;
#[cfg(test)]
mod tests;
mod text;

pub use output::{ecmp_hash, fct_text, node_ip, pfc_text};

use crate::model::Model;
use crate::plan::Diagnostic;
use crate::time::SimTime;
use text::Source;

/// A simulation described by the files of the HPCC simulator.
#[derive(Clone, Debug)]
pub struct HpccInput {
    pub model: Model,
    /// Where the configuration wants its results.
    pub fct_file: String,
    pub pfc_file: String,
    /// What differs from the reference, and keys without effect: one sentence each.
    pub notes: Vec<String>,
    /// The absolute time of the model's time zero; the reference's scenarios begin at 2 s.
    pub base: SimTime,
    /// Per flow, the reference's least completion time in nanoseconds.
    pub standalone: Vec<u64>,
}

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
    let (config, mut notes) = config::parse(config_source)?;
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
    let topology_source = Source {
        file: &topology_name,
        text: &topology_text,
    };
    let flow_source = Source {
        file: &flow_name,
        text: &flow_text,
    };
    let topology = files::topology(topology_source, &mut notes)?;
    let flows = files::flows(flow_source, &topology, &mut notes)?;
    if let Some(name) = &config.trace_file {
        let (file, text) = open(name)?;
        let source = Source {
            file: &file,
            text: &text,
        };
        files::trace(source, &topology).map_err(|error| vec![error])?;
    }
    let inputs = model::Inputs {
        config: &config,
        config_source,
        topology: &topology,
        topology_source,
        flows: &flows,
        flow_source,
    };
    let built = inputs.build(&mut notes)?;
    Ok(HpccInput {
        model: built.model,
        fct_file: config.fct_file,
        pfc_file: config.pfc_file,
        notes,
        base: built.base,
        standalone: built.standalone,
    })
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

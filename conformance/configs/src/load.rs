//! From files to a fabric.

use crate::device::Device;
use crate::fabric::Fabric;
use crate::language::{Dialect, Input};
use crate::languages::{detect, import};
use crate::source::{Fault, FileId, Source};
use crate::topology::{self, Topology};
use rayon::prelude::*;

/// A file that was given.
#[derive(Clone, Debug)]
pub struct Given {
    pub source: Source,
    /// It lies in a directory that was given: if it is no configuration, it is passed over.
    pub perhaps: bool,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub fabric: Fabric,
    /// Per file of [`Fabric::sources`]: its dialect; None: the topology, or passed over.
    pub dialects: Vec<Option<Dialect>>,
    /// Files that were passed over.
    pub skipped: Vec<String>,
}

/// Why files cannot be checked, all that could be found: each with its file.
pub type Faults = Vec<(Source, Fault)>;

/// Reads all files and puts the devices on the topology, or on the one that they tell of.
///
/// # Errors
/// Files that cannot be read in their dialect, a wrong topology, two devices of one name.
pub fn load(
    given: Vec<Given>,
    topology: Option<Source>,
    dialect: Option<Dialect>,
) -> Result<Loaded, Faults> {
    let read: Vec<Read> = given
        .par_iter()
        .enumerate()
        .map(|(n, g)| read(n, g, dialect))
        .collect();
    let mut sources: Vec<Source> = given.iter().map(|g| g.source.clone()).collect();
    let (mut devices, mut faults) = (Vec::new(), Vec::new());
    let (mut dialects, mut skipped) = (Vec::new(), Vec::new());
    for (read, source) in read.into_iter().zip(&sources) {
        dialects.push(None);
        match read {
            Read::Devices(found, dialect) => {
                devices.extend(found);
                *dialects.last_mut().expect("pushed above") = Some(dialect);
            }
            Read::Skipped => skipped.push(source.path.clone()),
            Read::Failed(fault) => faults.push((source.clone(), fault)),
        }
    }
    let cables = topology.map(|source| {
        let file = FileId(u32::try_from(sources.len()).unwrap_or(u32::MAX));
        sources.push(source);
        dialects.push(None);
        let source = &sources[file.0 as usize];
        topology::read(file, source).map_err(|fault| (source.clone(), fault))
    });
    let cables: Topology = match cables {
        Some(Ok(cables)) => cables,
        Some(Err(fault)) => {
            faults.push(fault);
            Topology::default()
        }
        None => topology::derive(&devices),
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    let fabric = Fabric::new(sources.clone(), devices, cables);
    let fabric = fabric.map_err(|fault| {
        let file = fault.at.map_or(0, |at| at.file.0 as usize);
        vec![(sources[file].clone(), fault)]
    })?;
    Ok(Loaded {
        fabric,
        dialects,
        skipped,
    })
}

enum Read {
    Devices(Vec<Device>, Dialect),
    Skipped,
    Failed(Fault),
}

fn read(n: usize, given: &Given, dialect: Option<Dialect>) -> Read {
    let file = FileId(u32::try_from(n).unwrap_or(u32::MAX));
    let source = &given.source;
    let dialect = match (dialect, detect(source)) {
        (None, None) if given.perhaps => return Read::Skipped,
        (Some(dialect), None) if given.perhaps && source.text.trim().is_empty() => {
            let _ = dialect;
            return Read::Skipped;
        }
        (given, detected) => given.or(detected),
    };
    match import(Input { file, source }, dialect) {
        Ok(devices) => match dialect.or_else(|| devices.first().map(|d| d.dialect)) {
            Some(dialect) => Read::Devices(devices, dialect),
            None => Read::Skipped,
        },
        Err(fault) => Read::Failed(fault),
    }
}

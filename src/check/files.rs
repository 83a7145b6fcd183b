//! What is read: files and directories of them.

use crate::args::CheckArgs;
use crate::input;
use crate::output::{self, Error};
use std::path::{Path, PathBuf};
use xoff_configs::language::Dialect;
use xoff_configs::languages::LANGUAGES;
use xoff_configs::load::{Faults, Given, Loaded};
use xoff_configs::source::Source;
use xoff_scenario::Diagnostic;

/// Largest configuration that is read.
const MOST: u64 = 64 << 20;
/// The topology of a directory.
const TOPOLOGY: &str = "topology.toml";

pub(super) fn text(path: &Path) -> Result<String, Error> {
    if path == Path::new("-") {
        return input::standard_text(MOST);
    }
    input::text(path, MOST).map_err(|e| Error::Message(format!("{}: {e}", path.display())))
}

/// Configurations as devices write them need not be UTF-8: descriptions have other characters.
fn source(path: &Path) -> Result<Source, Error> {
    let name = path.to_string_lossy().into_owned();
    if path == Path::new("-") {
        return Ok(Source::new(name, text(path)?));
    }
    let bytes = std::fs::read(path).map_err(|e| Error::Message(format!("{name}: {e}")))?;
    if bytes.len() as u64 > MOST {
        return Err(Error::Message(format!(
            "{name}: it is too long for a configuration"
        )));
    }
    let text = match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        all => String::from_utf8_lossy(all).into_owned(),
    };
    Ok(Source::new(name, text))
}

/// PowerShell writes UTF-16.
fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| unit([pair[0], pair[1]]))
        .collect();
    String::from_utf16_lossy(&units)
}

/// Reads what was named.
pub(super) fn load(args: &CheckArgs, paths: &[PathBuf]) -> Result<Loaded, Error> {
    let dialect = args.dialect.as_deref().map(dialect).transpose()?;
    let (mut given, mut topology) = (
        Vec::new(),
        args.topology.as_deref().map(source).transpose()?,
    );
    for path in paths {
        if !path.is_dir() {
            given.push(Given {
                source: source(path)?,
                perhaps: false,
            });
            continue;
        }
        for file in directory(path)? {
            let name = file.file_name().unwrap_or_default();
            if name == TOPOLOGY {
                if topology.is_none() {
                    topology = Some(source(&file)?);
                }
            } else if file.extension().is_none_or(|e| e != "md" && e != "toml") {
                given.push(Given {
                    source: source(&file)?,
                    perhaps: true,
                });
            }
        }
    }
    let loaded = xoff_configs::load::load(given, topology, dialect).map_err(faults)?;
    for path in &loaded.skipped {
        output::tell(&format!("{path}: no configuration, passed over"));
    }
    if loaded.fabric.devices().next().is_none() {
        let text = "there is no configuration of a switch or host in what was given";
        return Err(Error::Message(text.to_owned()));
    }
    Ok(loaded)
}

/// The files of a directory, in the order of their names.
fn directory(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |e: std::io::Error| Error::Message(format!("{}: {e}", path.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if path.is_file() && !hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn dialect(name: &str) -> Result<Dialect, Error> {
    Dialect::named(name).ok_or_else(|| {
        let names = LANGUAGES.map(|l| l.name).join(", ");
        Error::Message(format!("no dialect is called `{name}`; there are {names}"))
    })
}

/// Faults as mistakes in files.
fn faults(faults: Faults) -> Error {
    let mut texts = Vec::new();
    let diagnostics = faults.into_iter().map(|(source, fault)| {
        let whole = 0..source.text.lines().next().map_or(0, str::len);
        let one = Diagnostic {
            file: source.path.clone(),
            span: fault.at.map_or(whole, |at| source.range(at)),
            message: fault.what,
            label: String::new(),
            help: (!fault.expected.is_empty()).then(|| format!("expected {}", fault.expected)),
        };
        texts.push((source.path.clone(), source.text.to_string()));
        one
    });
    let diagnostics = diagnostics.collect();
    Error::Input(diagnostics, texts)
}

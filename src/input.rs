//! Files that are read: no more of them than there is use for, and never what was written since.

use crate::memory;
use crate::output::Error;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use xoff_model::units::Bytes;
use xoff_trace::capture::live::Live;
use xoff_trace::output::is_input;

/// Largest text that is read: lists of flows, topologies.
pub(crate) const TEXT_MAX: u64 = 128 << 20;
/// Largest scenario.
pub(crate) const SCENARIO_MAX: u64 = 4 << 20;
/// Memory that a scenario takes while it is read, as a multiple of its text.
const DOCUMENT: u64 = 100;

/// Refuses a scenario that there is no memory to read.
pub(crate) fn refuse_long(name: &str, text: &str) -> Result<(), Error> {
    let need = text.len() as u64 * DOCUMENT;
    match memory::available().filter(|room| need > *room) {
        None => Ok(()),
        Some(room) => {
            let (need, room) = (Bytes(need), Bytes(room));
            let text = format!("{name} takes about {need} of memory, and {room} may be used");
            Err(Error::Message(text))
        }
    }
}

/// A file's text; an error without its name.
pub(crate) fn text(path: &Path, most: u64) -> Result<String, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    is_input(&file);
    limited(file, most)
}

/// The text of standard input.
pub(crate) fn standard_text(most: u64) -> Result<String, Error> {
    let text = limited(io::stdin().lock(), most);
    text.map_err(|e| Error::Message(format!("cannot read standard input: {e}")))
}

fn limited(source: impl Read, most: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    // A file that ends with its limit is not too long.
    let mut source = source.take(most + 1);
    source.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > most {
        let most = Bytes(most);
        return Err(format!("it is too long: at most {most} are read"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
}

/// Standard input cannot be read twice.
pub(crate) fn refuse_twice<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<(), Error> {
    match paths.filter(|path| *path == Path::new("-")).count() {
        0 | 1 => Ok(()),
        _ => {
            let text = "standard input (-) is given twice, but can be read only once";
            Err(Error::Message(text.to_owned()))
        }
    }
}

/// What a capture is read from.
pub(crate) struct Capture {
    pub(crate) source: Box<dyn Read + Send>,
    /// Set when a signal has ended a capture that is still being made.
    pub(crate) interrupted: Option<Arc<AtomicBool>>,
}

impl Capture {
    /// Opens a capture; `-` is standard input.
    pub(crate) fn open(path: &Path) -> io::Result<Capture> {
        if path == Path::new("-") {
            // Its buffer would hide what has come from those who wait for more.
            let unbuffered = io::stdin().as_fd().try_clone_to_owned()?;
            return Capture::live(File::from(unbuffered));
        }
        let file = File::open(path)?;
        let kind = file.metadata()?;
        if kind.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        is_input(&file);
        match kind.is_file() {
            true => Ok(Capture {
                source: Box::new(file),
                interrupted: None,
            }),
            false => Capture::live(file),
        }
    }

    fn live(source: File) -> io::Result<Capture> {
        let live = Live::new(source)?;
        Ok(Capture {
            interrupted: Some(live.interrupted()),
            source: Box::new(live),
        })
    }
}

/// Whether a signal has ended a capture.
pub(crate) fn was_interrupted(flag: Option<&Arc<AtomicBool>>) -> bool {
    flag.is_some_and(|flag| flag.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_allowed() {
        assert_eq!(limited(&b"four"[..], 4).as_deref(), Ok("four"));
        let long = limited(&b"fours"[..], 4).unwrap_err();
        assert!(long.contains("at most 4B"), "{long}");
        let endless = limited(io::repeat(0), 1 << 20).unwrap_err();
        assert!(endless.contains("too long"), "{endless}");
        assert!(limited(&[0xff][..], 4).unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn standard_input_is_read_once() {
        let twice = |paths: &[&str]| refuse_twice(paths.iter().map(Path::new)).is_err();
        assert!(twice(&["-", "a", "-"]));
        assert!(!twice(&["-", "a", "a"]));
    }
}

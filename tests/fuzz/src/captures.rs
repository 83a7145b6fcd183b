//! Captures: read, explained, replayed, written again.

use std::io::{Cursor, Read};
use xoff_scenario::Overrides;
use xoff_trace::analyzer::{self, Options};
use xoff_trace::capture::read::Reader;
use xoff_trace::capture::write::Writer;
use xoff_trace::capture::{Direction, Interface};
use xoff_trace::replay::{self, figures::Figures};
use xoff_trace::report::TraceReport;

/// A kept frame: time, interface, direction, original length, bytes.
type Kept = (u64, u32, Direction, u32, Vec<u8>);

/// Frames that are compared and written again.
const KEPT: usize = 64;
const GZIP: &[u8] = &[0x1f, 0x8b];

/// A capture file.
pub fn capture(data: &[u8]) {
    let whole = read(Box::new(Cursor::new(data.to_vec())));
    let dribble = read(Box::new(Dribble(Cursor::new(data.to_vec()))));
    match (&whole, &dribble) {
        // How much can be unpacked in front of damage depends on how the data arrive.
        (Ok((a, ..)), Ok((b, ..))) if data.starts_with(GZIP) => {
            let both = a.len().min(b.len());
            assert_eq!(a[..both], b[..both]);
        }
        _ if data.starts_with(GZIP) => {}
        _ => assert_eq!(whole, dribble),
    }
    if let Ok((frames, interfaces, _)) = whole {
        written_again(&frames, &interfaces);
    }
}

/// A pipe that hands out a few bytes at a time.
struct Dribble(Cursor<Vec<u8>>);

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = buffer.len().min(5);
        self.0.read(&mut buffer[..len])
    }
}

type Outcome = Result<(Vec<Kept>, Vec<Interface>, Option<String>), String>;

/// The first frames, the interfaces, and why reading stopped.
fn read(source: Box<dyn Read + Send>) -> Outcome {
    let mut reader = Reader::new(source, "fuzz").map_err(|e| e.to_string())?;
    let (mut kept, mut count, mut position) = (Vec::new(), 0, 0);
    let stopped = loop {
        match reader.advance() {
            Ok(true) => {}
            Ok(false) => break None,
            Err(error) => break Some(format!("{error}; {}", error.partial())),
        }
        count += 1;
        assert!(reader.position() >= position);
        position = reader.position();
        let frame = reader.frame();
        assert_eq!(frame.number, count);
        assert!(frame.data.len() <= frame.original_len as usize);
        assert!((frame.interface as usize) < reader.interfaces().len());
        assert_eq!(reader.stats().len(), reader.interfaces().len());
        if kept.len() < KEPT {
            kept.push((
                frame.at_ns,
                frame.interface,
                frame.direction,
                frame.original_len,
                frame.data.to_vec(),
            ));
        }
    };
    assert_eq!(reader.advance(), Ok(false));
    Ok((kept, reader.interfaces().to_vec(), stopped))
}

fn written_again(frames: &[Kept], interfaces: &[Interface]) {
    let again = written(frames, interfaces)
        .map_err(|e| e.to_string())
        .and_then(|bytes| read(Box::new(Cursor::new(bytes))));
    let Ok((again, interfaces_again, None)) = &again else {
        panic!("what was written reads as {again:?}");
    };
    assert_eq!(interfaces_again, interfaces);
    assert_eq!(again.len(), frames.len());
    for (new, old) in again.iter().zip(frames) {
        assert_eq!((new.0, new.1, new.2), (old.0, old.1, old.2));
        assert!(old.4.starts_with(&new.4));
        let cut = interfaces[new.1 as usize].snaplen;
        assert!(new.4.len() == old.4.len() || new.4.len() == cut as usize);
    }
}

fn written(frames: &[Kept], interfaces: &[Interface]) -> std::io::Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::new(), interfaces)?;
    for (at_ns, interface, direction, _, data) in frames {
        writer.frame(*at_ns, *interface, *direction, data)?;
    }
    writer.finish(0, 1)
}

/// A capture file, explained and replayed.
pub fn trace(data: &[u8]) {
    let (Some(first), Some(second)) = (analyzed(data), analyzed(data)) else {
        return;
    };
    same(first.clone(), second);
    replayed(&first);
}

fn analyzed(data: &[u8]) -> Option<TraceReport> {
    let options = Options {
        timeline: true,
        link_rate: None,
    };
    let reader = Reader::new(Box::new(Cursor::new(data.to_vec())), "fuzz").ok()?;
    analyzer::analyze(reader, options).ok()
}

/// The same frames must give the same report. Timelines are long: text is no way to compare them.
pub(super) fn same(mut a: TraceReport, mut b: TraceReport) {
    match (a.timeline.take(), b.timeline.take()) {
        (Some(a), Some(b)) => {
            assert_eq!(a.flows.len(), b.flows.len());
            assert_eq!((a.start_ns, a.step_ns), (b.start_ns, b.step_ns));
            for (a, b) in a.flows.iter().zip(&b.flows) {
                assert_eq!((a.connection, a.direction), (b.connection, b.direction));
                assert!(a.cells == b.cells);
            }
            assert_eq!(a.pauses.len(), b.pauses.len());
            for (a, b) in a.pauses.iter().zip(&b.pauses) {
                assert_eq!((a.port, a.class), (b.port, b.class));
                assert!(a.paused_ns == b.paused_ns);
            }
        }
        (a, b) => assert!(a.is_none() && b.is_none()),
    }
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
}

/// A scenario that is derived can be read, whatever it was derived from.
pub(super) fn replayed(report: &TraceReport) {
    for rate in [None, Some(25_000_000_000)] {
        let Ok(replay) = replay::derive(report, "fuzz", rate) else {
            return;
        };
        let _ = Figures::of_capture(report, &replay);
        let text = replay.to_toml();
        let read = |name: &str| Err(format!("{name}: not there"));
        let loaded = xoff_scenario::load("fuzz.toml", &text, &Overrides::default(), &read);
        assert!(loaded.is_ok(), "{:?}\n{text}", loaded.err());
    }
}

//! Reads captures as a stream: pcap and pcapng, also compressed with gzip, also from a pipe.
//!
//! Framing is done here rather than by the crate `pcap-file`, whose readers stop at interfaces with
//! picosecond times or names that are no UTF-8, at frames longer than the snaplen of the header, and
//! repeat an error for ever; and so that no foreign length makes the buffer grow.

mod buffer;
mod classic;
mod pcapng;
mod sniff;
#[cfg(test)]
mod tests;

use super::{Direction, Frame, Interface, InterfaceStats, LinkType};
use buffer::Window;
use flate2::read::MultiGzDecoder;
use pcap_file::Endianness;
use std::fmt;
use std::io::{Cursor, ErrorKind, Read};

/// No frame is longer than this.
const MAX_CAPTURED: u32 = 256 << 20;
/// Most bytes that are unpacked at a time.
const PIECE: usize = 4 << 10;
/// How much of a file is looked at to say what it is.
const HEAD: usize = 64;

/// Why reading stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {}{kind}", self.place())]
pub struct CaptureError {
    /// As given to [`Reader::new`].
    pub file: String,
    /// Where the block begins that could not be read, in the unpacked data.
    pub offset: u64,
    pub kind: ErrorKindOfCapture,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKindOfCapture {
    /// What it seems to be instead.
    NotACapture(String),
    /// The file ends inside of this: bytes expected and found, and why if not by its end.
    Cut {
        what: &'static str,
        expected: u64,
        found: u64,
        failure: Option<String>,
    },
    /// What cannot be.
    Corrupt(String),
    /// The operating system or the decompressor gave up.
    Io(String),
}

impl fmt::Display for ErrorKindOfCapture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKindOfCapture::NotACapture(seems) => {
                write!(f, "not a pcap or pcapng capture: it seems to be {seems}")
            }
            ErrorKindOfCapture::Cut {
                what,
                expected,
                found,
                failure,
            } => {
                write!(
                    f,
                    "the file ends inside {what}: expected {expected} bytes, found {found}"
                )?;
                failure.iter().try_for_each(|why| write!(f, " ({why})"))
            }
            ErrorKindOfCapture::Corrupt(what) => f.write_str(what),
            ErrorKindOfCapture::Io(why) => write!(f, "cannot read: {why}"),
        }
    }
}

impl CaptureError {
    fn place(&self) -> String {
        match self.kind {
            ErrorKindOfCapture::NotACapture(_) => String::new(),
            ErrorKindOfCapture::Io(_) if self.offset == 0 => String::new(),
            _ => format!("byte {}: ", self.offset),
        }
    }

    /// What to say of results that end here.
    pub fn partial(&self) -> String {
        format!("reading stopped at byte {}: {}", self.offset, self.kind)
    }
}

/// A place for errors: the file, and where the block being read begins.
struct Where<'a> {
    file: &'a str,
    offset: u64,
}

impl<'a> Where<'a> {
    fn new(file: &'a str, window: &Window) -> Where<'a> {
        Where {
            file,
            offset: window.offset(),
        }
    }

    fn error(&self, kind: ErrorKindOfCapture) -> CaptureError {
        CaptureError {
            file: self.file.to_owned(),
            offset: self.offset,
            kind,
        }
    }

    #[cold]
    fn cut(&self, window: &Window, what: &'static str, expected: usize) -> CaptureError {
        self.error(ErrorKindOfCapture::Cut {
            what,
            expected: expected as u64,
            found: window.data().len() as u64,
            failure: window.failure().map(str::to_owned),
        })
    }

    /// Fine if nothing at all is left, and the source really ended.
    #[cold]
    fn end_or_cut(
        &self,
        window: &Window,
        what: &'static str,
        expected: usize,
    ) -> Result<(), CaptureError> {
        match (window.data().is_empty(), window.failure()) {
            (true, None) => Ok(()),
            (true, Some(why)) => Err(self.error(ErrorKindOfCapture::Io(why.to_owned()))),
            (false, _) => Err(self.cut(window, what, expected)),
        }
    }
}

#[cold]
fn corrupt(place: &Where<'_>, what: String) -> CaptureError {
    place.error(ErrorKindOfCapture::Corrupt(what))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

impl From<Endianness> for Order {
    fn from(order: Endianness) -> Order {
        match order {
            Endianness::Big => Order::Big,
            Endianness::Little => Order::Little,
        }
    }
}

impl Order {
    #[inline]
    fn u16(self, data: &[u8], at: usize) -> Option<u16> {
        let bytes = data.get(at..)?.first_chunk()?;
        Some(match self {
            Order::Big => u16::from_be_bytes(*bytes),
            Order::Little => u16::from_le_bytes(*bytes),
        })
    }

    #[inline]
    fn u32(self, data: &[u8], at: usize) -> Option<u32> {
        let bytes = data.get(at..)?.first_chunk()?;
        Some(match self {
            Order::Big => u32::from_be_bytes(*bytes),
            Order::Little => u32::from_le_bytes(*bytes),
        })
    }

    fn u64(self, data: &[u8], at: usize) -> Option<u64> {
        let bytes = data.get(at..)?.first_chunk()?;
        Some(match self {
            Order::Big => u64::from_be_bytes(*bytes),
            Order::Little => u64::from_le_bytes(*bytes),
        })
    }
}

fn link_type(number: u32) -> LinkType {
    match number {
        1 => LinkType::Ethernet,
        // 12 and 14 are what old libpcaps wrote for it.
        101 | 12 | 14 => LinkType::RawIp,
        113 => LinkType::LinuxSll,
        276 => LinkType::LinuxSll2,
        other => LinkType::Other(other),
    }
}

/// A frame whose bytes lie before the window's beginning.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    at_ns: u64,
    timed: bool,
    interface: u32,
    direction: Direction,
    original_len: u32,
    /// The bytes begin so far back.
    back: usize,
    len: usize,
    /// Bytes of FCS at the end of the original frame.
    fcs: u32,
}

enum Format {
    Classic(classic::Classic),
    Next(pcapng::Sections),
}

/// Reads the frames of one capture in turn.
pub struct Reader {
    file: String,
    window: Window,
    format: Format,
    interfaces: Vec<Interface>,
    stats: Vec<InterfaceStats>,
    position: u64,
    frames: u64,
    record: Record,
    done: bool,
}

impl Reader {
    /// Reads the file header from `source`, which `name` names in errors.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, is no capture, or ends within its header.
    pub fn new(mut source: Box<dyn Read + Send>, name: &str) -> Result<Reader, CaptureError> {
        let start = Where {
            file: name,
            offset: 0,
        };
        let (head, failure) = peek(&mut source);
        if let Some(why) = failure.filter(|_| head.is_empty()) {
            return Err(start.error(ErrorKindOfCapture::Io(why)));
        }
        let packed = head.starts_with(&[0x1f, 0x8b]);
        let source = Cursor::new(head).chain(source);
        let mut window = Window::new(if packed {
            Box::new(Pieces(MultiGzDecoder::new(source)))
        } else {
            Box::new(source)
        });
        window.fill(HEAD);
        let (format, interfaces) = open(&mut window, name, packed)?;
        Ok(Reader {
            file: name.to_owned(),
            window,
            format,
            stats: vec![InterfaceStats::default(); interfaces.len()],
            interfaces,
            position: 0,
            frames: 0,
            record: Record::default(),
            done: false,
        })
    }

    /// Moves to the next frame; false at the end. After an error always false.
    ///
    /// # Errors
    ///
    /// If the file is cut or corrupt. All frames before that place have been returned.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, CaptureError> {
        if self.done {
            return Ok(false);
        }
        self.position = self.window.offset();
        let next = match &mut self.format {
            Format::Classic(classic) => classic.next(&mut self.window, &self.file),
            Format::Next(sections) => {
                let found = pcapng::Found {
                    interfaces: &mut self.interfaces,
                    stats: &mut self.stats,
                    position: &mut self.position,
                };
                sections.next(&mut self.window, &self.file, found)
            }
        };
        match next {
            Ok(Some(record)) => {
                self.record = record;
                self.frames += 1;
                Ok(true)
            }
            Ok(None) => {
                self.done = true;
                Ok(false)
            }
            Err(e) => {
                self.done = true;
                Err(e)
            }
        }
    }

    /// The frame that [`Reader::advance`] moved to.
    #[inline]
    pub fn frame(&self) -> Frame<'_> {
        let r = &self.record;
        let captured = self.window.behind(r.back, r.len);
        // Some writers leave the original length 0, or forget it in frames that they made longer.
        let original = r.original_len.max(r.len as u32).saturating_sub(r.fcs);
        let len = captured.len().min(original as usize);
        Frame {
            number: self.frames,
            at_ns: r.at_ns,
            timed: r.timed,
            interface: r.interface,
            direction: r.direction,
            original_len: original,
            data: &captured[..len],
        }
    }

    /// The next frame; None at the end and after an error.
    ///
    /// # Errors
    ///
    /// As [`Reader::advance`].
    // Not an iterator: a frame borrows the reader.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        Ok(if self.advance()? {
            Some(self.frame())
        } else {
            None
        })
    }

    /// Those described so far, of all sections in turn.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// As many as [`Reader::interfaces`].
    pub fn stats(&self) -> &[InterfaceStats] {
        &self.stats
    }

    /// Where the block begins that is being read: bytes from the start of the unpacked data.
    pub fn position(&self) -> u64 {
        self.position
    }
}

/// Reads a little at a time: what the decompressor unpacked in the call that meets damage is lost.
struct Pieces<R>(R);

impl<R: Read> Read for Pieces<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = buffer.len().min(PIECE);
        self.0.read(&mut buffer[..len])
    }
}

/// The first bytes, as many as there are, and why there are no more if reading failed.
fn peek(source: &mut dyn Read) -> (Vec<u8>, Option<String>) {
    let mut head = vec![0; HEAD];
    let mut filled = 0;
    let mut failure = None;
    while filled < HEAD {
        match source.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => {
                failure = Some(e.to_string());
                break;
            }
        }
    }
    head.truncate(filled);
    (head, failure)
}

fn open(
    window: &mut Window,
    name: &str,
    packed: bool,
) -> Result<(Format, Vec<Interface>), CaptureError> {
    let start = Where::new(name, window);
    let magic = window.data().first_chunk::<4>().copied();
    match magic.map(u32::from_be_bytes) {
        Some(0xa1b2_c3d4 | 0xa1b2_3c4d | 0xd4c3_b2a1 | 0x4d3c_b2a1) => {
            if window.data().len() < classic::HEADER {
                return Err(start.cut(window, "the file header", classic::HEADER));
            }
            let (classic, interface) = classic::open(&window.data()[..classic::HEADER], &start)?;
            window.pass(classic::HEADER);
            Ok((Format::Classic(classic), vec![interface]))
        }
        Some(pcapng::SECTION_HEADER) if pcapng::is_section(window.data()) => {
            Ok((Format::Next(pcapng::Sections::default()), Vec::new()))
        }
        _ => {
            let mut seems = sniff::describe(&window.data()[..window.data().len().min(HEAD)]);
            if packed {
                seems = match window.failure() {
                    Some(why) if window.data().is_empty() => format!("damaged gzip data ({why})"),
                    _ => format!("gzip data that hold {seems}"),
                };
            }
            Err(start.error(ErrorKindOfCapture::NotACapture(seems)))
        }
    }
}

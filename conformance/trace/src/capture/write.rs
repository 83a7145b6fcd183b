//! Writing pcapng: one section, nanosecond times, a direction for every frame.

use super::{Direction, Interface, LinkType};
use crate::output;
use flate2::Compression;
use flate2::write::GzEncoder;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::interface_statistics::{
    InterfaceStatisticsBlock, InterfaceStatisticsOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError};
use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

/// Bytes collected before they go to the file.
const BUFFER: usize = 1 << 18;
/// Times are stated in units of 10^-9 s.
const NANOSECONDS: u8 = 9;

/// A capture that is being written.
pub struct Writer<W: Write> {
    inner: PcapNgWriter<W>,
    /// Bytes kept of each frame, by interface; 0: all.
    snaplens: Vec<u32>,
    frames: Vec<u64>,
}

impl<W: Write> Writer<W> {
    /// Writes the headers. Frames name interfaces by their place in `interfaces`.
    ///
    /// # Errors
    /// What `out` gives.
    pub fn new(out: W, interfaces: &[Interface]) -> io::Result<Self> {
        let section = SectionHeaderBlock {
            // The same bytes on every machine.
            endianness: Endianness::Little,
            options: vec![SectionHeaderOption::UserApplication("xoff".into())],
            ..SectionHeaderBlock::default()
        };
        let mut inner = PcapNgWriter::with_section_header(out, section).map_err(into_io)?;
        for interface in interfaces {
            inner
                .write_pcapng_block(description(interface))
                .map_err(into_io)?;
        }
        Ok(Writer {
            inner,
            snaplens: interfaces.iter().map(|i| i.snaplen).collect(),
            frames: vec![0; interfaces.len()],
        })
    }

    /// Writes one frame, without its FCS. Of frames above the interface's snaplen, the beginning.
    ///
    /// # Errors
    /// What the output gives; `InvalidInput` for an interface that was not announced.
    pub fn frame(
        &mut self,
        at_ns: u64,
        interface: u32,
        direction: Direction,
        data: &[u8],
    ) -> io::Result<()> {
        let index = interface as usize;
        let (Some(&snaplen), Some(count)) = (self.snaplens.get(index), self.frames.get_mut(index))
        else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        *count += 1;
        let kept = match snaplen {
            0 => data,
            limit => &data[..data.len().min(limit as usize)],
        };
        let options = match direction {
            Direction::Unknown => Vec::new(),
            Direction::In => vec![EnhancedPacketOption::Flags(1)],
            Direction::Out => vec![EnhancedPacketOption::Flags(2)],
        };
        let block = EnhancedPacketBlock {
            interface_id: interface,
            timestamp: Duration::from_nanos(at_ns),
            original_len: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data: Cow::Borrowed(kept),
            options,
        };
        self.inner.write_pcapng_block(block).map_err(into_io)?;
        Ok(())
    }

    /// Frames written so far.
    pub fn frames(&self) -> u64 {
        self.frames.iter().sum()
    }

    /// Ends the capture: what each interface counted between the two times.
    ///
    /// # Errors
    /// What the output gives.
    pub fn finish(mut self, start_ns: u64, end_ns: u64) -> io::Result<W> {
        for (interface, &received) in self.frames.iter().enumerate() {
            let block = InterfaceStatisticsBlock {
                interface_id: interface as u32,
                timestamp: Duration::from_nanos(end_ns),
                options: vec![
                    InterfaceStatisticsOption::IsbStartTime(Duration::from_nanos(start_ns)),
                    InterfaceStatisticsOption::IsbEndTime(Duration::from_nanos(end_ns)),
                    InterfaceStatisticsOption::IsbIfRecv(received),
                    InterfaceStatisticsOption::IsbIfDrop(0),
                ],
            };
            self.inner.write_pcapng_block(block).map_err(into_io)?;
        }
        let mut out = self.inner.into_inner();
        out.flush()?;
        Ok(out)
    }
}

fn description(interface: &Interface) -> InterfaceDescriptionBlock<'_> {
    use InterfaceDescriptionOption as O;
    let link = match interface.link_type {
        LinkType::Ethernet => 1,
        LinkType::RawIp => 101,
        LinkType::LinuxSll => 113,
        LinkType::LinuxSll2 => 276,
        LinkType::Other(number) => number,
    };
    let mut options = Vec::new();
    if let Some(name) = &interface.name {
        options.push(O::IfName(name.into()));
    }
    if let Some(text) = &interface.description {
        options.push(O::IfDescription(text.into()));
    }
    if let Some(mac) = &interface.mac {
        options.push(O::IfMacAddr(Cow::Borrowed(&mac.0)));
    }
    if let Some(speed) = interface.speed {
        options.push(O::IfSpeed(speed));
    }
    options.push(O::IfTsResol(NANOSECONDS));
    InterfaceDescriptionBlock {
        linktype: DataLink::from(link),
        snaplen: interface.snaplen,
        options,
    }
}

fn into_io(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

/// Where a capture goes: see [`output`]. A name in `.gz` is compressed.
pub struct Output {
    sink: Sink,
}

enum Sink {
    Plain(Box<BufWriter<output::Output>>),
    Gzip(Box<GzEncoder<BufWriter<output::Output>>>),
}

impl Output {
    /// Opens an output; `-` is standard output.
    ///
    /// # Errors
    /// What opening it gives.
    pub fn create(path: &Path) -> io::Result<Output> {
        let buffered = BufWriter::with_capacity(BUFFER, output::Output::create(path)?);
        let gzip = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("gz"));
        let sink = if gzip {
            Sink::Gzip(Box::new(GzEncoder::new(buffered, Compression::fast())))
        } else {
            Sink::Plain(Box::new(buffered))
        };
        Ok(Output { sink })
    }

    /// Writes what is buffered and puts the file in its place.
    ///
    /// # Errors
    /// What writing or renaming gives; nothing is left of the file then.
    pub fn commit(self) -> io::Result<()> {
        let buffered = match self.sink {
            Sink::Plain(out) => *out,
            Sink::Gzip(out) => out.finish()?,
        };
        buffered
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .commit()
    }
}

impl Write for Output {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Plain(out) => out.write(data),
            Sink::Gzip(out) => out.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Plain(out) => out.flush(),
            Sink::Gzip(out) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pcap_file::pcapng::{Block, PcapNgReader};
    use xoff_wire::Mac;

    fn interface(name: &str, snaplen: u32) -> Interface {
        Interface {
            name: Some(name.to_owned()),
            description: Some("port 0 of h0".to_owned()),
            speed: Some(100_000_000_000),
            link_type: LinkType::Ethernet,
            snaplen,
            mac: Some(Mac([2, 0, 0, 0, 0, 7])),
        }
    }

    fn written() -> Vec<u8> {
        let interfaces = [interface("h0:0", 0), interface("sw0:3", 8)];
        let mut writer = Writer::new(Vec::new(), &interfaces).unwrap();
        writer.frame(5, 0, Direction::Out, &[1; 61]).unwrap();
        writer
            .frame(9_000_000_007, 1, Direction::In, &[2; 60])
            .unwrap();
        writer
            .frame(9_000_000_008, 1, Direction::Unknown, &[])
            .unwrap();
        assert!(writer.frame(10, 2, Direction::In, &[]).is_err());
        assert_eq!(writer.frames(), 3);
        writer.finish(0, 10_000_000_000).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = written();
        let mut reader = PcapNgReader::new(&bytes[..]).unwrap();
        let mut frames = Vec::new();
        let mut received = Vec::new();
        while let Some(block) = reader.next_block() {
            match block.unwrap().into_owned() {
                Block::EnhancedPacket(p) => {
                    frames.push((
                        p.timestamp.as_nanos(),
                        p.original_len,
                        p.data.len(),
                        p.options,
                    ));
                }
                Block::InterfaceStatistics(s) => {
                    assert_eq!(s.timestamp, Duration::from_secs(10));
                    received.push(s.options[2].clone());
                }
                _ => {}
            }
        }
        use EnhancedPacketOption::Flags;
        assert_eq!(frames[0], (5, 61, 61, vec![Flags(2)]));
        assert_eq!(frames[1], (9_000_000_007, 60, 8, vec![Flags(1)]));
        assert_eq!(frames[2], (9_000_000_008, 0, 0, vec![]));
        use InterfaceStatisticsOption::IsbIfRecv;
        assert_eq!(received, [IsbIfRecv(1), IsbIfRecv(2)]);
        let second = &reader.interfaces()[1];
        assert_eq!(second.snaplen, 8);
        use InterfaceDescriptionOption as O;
        assert!(second.options.contains(&O::IfName("sw0:3".into())));
        assert!(second.options.contains(&O::IfSpeed(100_000_000_000)));
        assert!(second.options.contains(&O::IfTsResol(9)));
        let mac = O::IfMacAddr(Cow::Borrowed(&[2, 0, 0, 0, 0, 7]));
        assert!(second.options.contains(&mac));
    }

    #[test]
    fn a_name_in_gz_is_compressed() {
        let dir = std::env::temp_dir().join(format!("xoff-capture-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (path, zipped) = (dir.join("a.pcapng"), dir.join("a.pcapng.gz"));
        for path in [&path, &zipped] {
            let mut out = Output::create(path).unwrap();
            out.write_all(&written()).unwrap();
            out.commit().unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap(), written());
        let mut text = Vec::new();
        let mut unzip = flate2::read::GzDecoder::new(std::fs::File::open(&zipped).unwrap());
        io::Read::read_to_end(&mut unzip, &mut text).unwrap();
        assert_eq!(text, written());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

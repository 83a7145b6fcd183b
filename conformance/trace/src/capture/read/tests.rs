use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;
use xoff_wire::Mac;

/// Builds captures in either byte order.
#[derive(Clone, Copy)]
struct Writer(Order);

const BOTH: [Writer; 2] = [Writer(Order::Big), Writer(Order::Little)];

impl Writer {
    fn u16(self, n: u16) -> Vec<u8> {
        match self.0 {
            Order::Big => n.to_be_bytes().to_vec(),
            Order::Little => n.to_le_bytes().to_vec(),
        }
    }

    fn u32(self, n: u32) -> Vec<u8> {
        match self.0 {
            Order::Big => n.to_be_bytes().to_vec(),
            Order::Little => n.to_le_bytes().to_vec(),
        }
    }

    fn u64(self, n: u64) -> Vec<u8> {
        match self.0 {
            Order::Big => n.to_be_bytes().to_vec(),
            Order::Little => n.to_le_bytes().to_vec(),
        }
    }

    fn pcap(self, magic: u32, snaplen: u32, network: u32) -> Vec<u8> {
        let mut out = self.u32(magic);
        out.extend(self.u16(2));
        out.extend(self.u16(4));
        for n in [0, 0, snaplen, network] {
            out.extend(self.u32(n));
        }
        out
    }

    fn record(self, seconds: u32, fraction: u32, data: &[u8], original: u32) -> Vec<u8> {
        let mut out = Vec::new();
        for n in [seconds, fraction, data.len() as u32, original] {
            out.extend(self.u32(n));
        }
        out.extend(data);
        out
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = self.u32(body.len() as u32 + 12);
        [self.u32(kind), length.clone(), body, length].concat()
    }

    fn section(self) -> Vec<u8> {
        let mut body = self.u32(0x1a2b_3c4d);
        body.extend(self.u16(1));
        body.extend(self.u16(0));
        body.extend(self.u64(u64::MAX));
        self.block(0x0a0d_0d0a, &body)
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut value = value.to_vec();
        let length = self.u16(value.len() as u16);
        value.resize(value.len().next_multiple_of(4), 0);
        [self.u16(code), length, value].concat()
    }

    fn interface(self, network: u16, snaplen: u32, options: &[Vec<u8>]) -> Vec<u8> {
        let mut body = self.u16(network);
        body.extend(self.u16(0));
        body.extend(self.u32(snaplen));
        body.extend(options.concat());
        self.block(1, &body)
    }

    fn packet(self, interface: u32, stamp: u64, data: &[u8], options: &[Vec<u8>]) -> Vec<u8> {
        let mut body = Vec::new();
        let len = data.len() as u32;
        for n in [interface, (stamp >> 32) as u32, stamp as u32, len, len] {
            body.extend(self.u32(n));
        }
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options.concat());
        self.block(6, &body)
    }
}

fn reader(data: &[u8]) -> Result<Reader, CaptureError> {
    Reader::new(Box::new(Cursor::new(data.to_vec())), "x.pcap")
}

type Seen = (u64, u64, u32, Direction, u32, Vec<u8>);

/// All frames, and the error if there is one.
fn read(data: &[u8]) -> (Vec<Seen>, Option<CaptureError>) {
    let mut reader = match reader(data) {
        Ok(reader) => reader,
        Err(e) => return (Vec::new(), Some(e)),
    };
    let mut frames = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(f)) => frames.push((
                f.number,
                f.at_ns,
                f.interface,
                f.direction,
                f.original_len,
                f.data.to_vec(),
            )),
            Ok(None) => return (frames, None),
            Err(e) => {
                for _ in 0..3 {
                    assert!(matches!(reader.next(), Ok(None)), "an error is told once");
                }
                return (frames, Some(e));
            }
        }
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Two sections, three interfaces, every kind of block.
fn sections(w: Writer) -> Vec<u8> {
    let simple = [w.u32(6), b"simple".to_vec()].concat();
    let mut old = w.u16(0);
    old.extend(w.u16(7));
    for n in [0, 3_000, 3, 9] {
        old.extend(w.u32(n));
    }
    old.extend(b"old\0");
    let mut stats = w.u32(0);
    stats.extend(w.u64(0));
    for (code, n) in [(4, 99), (5, 3), (7, 4)] {
        stats.extend(w.option(code, &w.u64(n)));
    }
    let stamp = [w.u32(1), w.u32(2)].concat();
    stats.extend(w.option(2, &stamp));
    [
        w.section(),
        w.block(4, b"names"),
        w.interface(
            1,
            64,
            &[
                w.option(2, b"eth0"),
                w.option(3, b"a \xff port"),
                w.option(6, &[2, 0, 0, 0, 0, 9]),
                w.option(8, &w.u64(100_000_000_000)),
                w.option(9, &[9]),
                w.option(0, b""),
            ],
        ),
        w.packet(
            0,
            1_700_000_000_123_456_789,
            b"first frame",
            &[w.option(2, &w.u32(1))],
        ),
        w.block(3, &simple),
        w.block(5, &stats),
        w.block(0x8000_0001, b"private"),
        BOTH[0].section(),
        BOTH[0].interface(1, 0, &[]),
        BOTH[0].interface(
            101,
            0,
            &[
                BOTH[0].option(9, &[0x81]),
                BOTH[0].option(14, &BOTH[0].u64(5)),
            ],
        ),
        BOTH[0].packet(0, 7, b"", &[]),
        BOTH[0].packet(1, 3, b"ip", &[BOTH[0].option(2, &BOTH[0].u32(2))]),
        w.section(),
        w.interface(1, 0, &[]),
        w.block(2, &old),
    ]
    .concat()
}

#[test]
fn classic_files_of_both_orders_and_resolutions() {
    for w in BOTH {
        for (magic, unit) in [(0xa1b2_c3d4, 1_000), (0xa1b2_3c4d, 1)] {
            // The snaplen of the header is smaller than the second frame.
            let mut file = w.pcap(magic, 4, 1);
            file.extend(w.record(7, 5, b"abc", 3));
            file.extend(w.record(8, 6, b"abcdef", 1_500));
            let (frames, error) = read(&file);
            assert_eq!(error, None);
            let one = 7_000_000_000 + 5 * unit;
            let two = 8_000_000_000 + 6 * unit;
            assert_eq!(
                frames,
                [
                    (1, one, 0, Direction::Unknown, 3, b"abc".to_vec()),
                    (2, two, 0, Direction::Unknown, 1_500, b"abcdef".to_vec()),
                ]
            );
            assert_eq!(read(&gzip(&file)), (frames, None));
        }
    }
}

#[test]
fn blocks_sections_and_interfaces() {
    for w in BOTH {
        let (frames, error) = read(&sections(w));
        assert_eq!(error, None);
        let first = 1_700_000_000_123_456_789;
        let unknown = Direction::Unknown;
        assert_eq!(
            frames,
            [
                (1, first, 0, Direction::In, 11, b"first frame".to_vec()),
                (2, first, 0, unknown, 6, b"simple".to_vec()),
                (3, 7_000, 1, unknown, 0, b"".to_vec()),
                (4, 6_500_000_000, 2, Direction::Out, 2, b"ip".to_vec()),
                (5, 3_000_000, 3, unknown, 9, b"old".to_vec()),
            ]
        );
        let mut reader = reader(&sections(w)).unwrap();
        while reader.advance().unwrap() {}
        assert_eq!(
            reader.interfaces()[0],
            Interface {
                name: Some("eth0".into()),
                description: Some("a \u{fffd} port".into()),
                speed: Some(100_000_000_000),
                link_type: LinkType::Ethernet,
                snaplen: 64,
                mac: Some(Mac([2, 0, 0, 0, 0, 9])),
            }
        );
        assert_eq!(reader.interfaces()[2].link_type, LinkType::RawIp);
        let stats = InterfaceStats {
            start_ns: Some((1 << 32) + 2),
            end_ns: None,
            received: Some(99),
            dropped: Some(7),
        };
        assert_eq!(reader.stats()[0], stats);
        // The obsolete block said that 7 were lost before it.
        assert_eq!(reader.stats()[3].dropped, Some(7));
        assert_eq!(reader.position(), sections(w).len() as u64);
    }
}

#[test]
fn time_stamps_of_every_resolution() {
    let ns = |resolution, stamp_, offset| stamp(resolution, stamp_, offset).unwrap();
    assert_eq!(ns(6, 5, 0), 5_000);
    assert_eq!(ns(0, 5, 1), 6_000_000_000);
    assert_eq!(ns(12, 5_999, 0), 5);
    assert_eq!(ns(127, u64::MAX, 0), 0);
    assert_eq!(ns(0x80 | 30, 3 << 29, 0), 1_500_000_000);
    assert_eq!(ns(0xff, u64::MAX, 0), 0);
    assert_eq!(stamp(0, u64::MAX, 0), None, "far beyond the year 2554");
    assert_eq!(stamp(6, 5, u64::MAX), None, "one second before 1970");
}

/// Reads a stamp back from a file; None: it is no time.
fn stamp(resolution: u8, stamp: u64, offset: u64) -> Option<u64> {
    let w = BOTH[1];
    let options = [w.option(9, &[resolution]), w.option(14, &w.u64(offset))];
    let file = [
        w.section(),
        w.interface(1, 0, &options),
        w.packet(0, stamp, b"", &[]),
    ]
    .concat();
    let mut reader = reader(&file).unwrap();
    assert!(reader.advance().unwrap());
    let frame = reader.frame();
    frame.timed.then_some(frame.at_ns)
}

#[test]
fn frame_check_sequences_are_no_part_of_frames() {
    let w = BOTH[0];
    // Bit 26: the length is known; 2 units of 2 bytes.
    let mut file = w.pcap(0xa1b2_c3d4, 0, 0x2400_0001);
    file.extend(w.record(0, 0, b"frame+fcs.", 10));
    file.extend(w.record(0, 0, b"frame", 10));
    let (frames, _) = read(&file);
    assert_eq!((frames[0].4, frames[0].5.as_slice()), (6, &b"frame+"[..]));
    assert_eq!((frames[1].4, frames[1].5.as_slice()), (6, &b"frame"[..]));
    let flags = [w.option(2, &w.u32(4 << 5))];
    let file = [
        w.section(),
        w.interface(1, 0, &[]),
        w.packet(0, 0, b"x.fcs", &flags),
    ]
    .concat();
    assert_eq!(read(&file).0[0].5, b"x");
}

#[test]
fn a_file_cut_anywhere_gives_its_whole_frames() {
    let w = BOTH[1];
    let mut classic = w.pcap(0xa1b2_c3d4, 65_535, 1);
    let mut ends = vec![24];
    for n in 0..3 {
        classic.extend(w.record(n, 0, &[7; 5], 5));
        ends.push(classic.len());
    }
    for cut in 0..classic.len() {
        let (frames, error) = read(&classic[..cut]);
        let whole = ends.iter().skip(1).filter(|end| **end <= cut).count();
        assert_eq!(frames.len(), whole, "cut at {cut}");
        assert_eq!(
            error.is_none(),
            ends.contains(&cut),
            "cut at {cut}: {error:?}"
        );
        if let Some(error) = error.filter(|_| cut > 24) {
            assert_eq!(
                error.offset, ends[whole] as u64,
                "where the cut record begins"
            );
        }
    }
    let (all, _) = read(&sections(w));
    let mut before = 0;
    for cut in 0..sections(w).len() {
        let (frames, _) = read(&sections(w)[..cut]);
        assert_eq!(frames, all[..frames.len()]);
        assert!(frames.len() >= before, "cut at {cut}");
        before = frames.len();
    }
    let packed = gzip(&sections(w));
    for cut in 0..packed.len() {
        let (frames, error) = read(&packed[..cut]);
        assert_eq!(frames, all[..frames.len()]);
        assert!(error.is_some(), "cut at {cut}");
    }
}

#[test]
fn frames_in_front_of_damage_are_kept() {
    let w = BOTH[0];
    let mut file = w.pcap(0xa1b2_c3d4, 0, 1);
    for n in 0..200_u32 {
        let data = n.wrapping_mul(0x9e37_79b9).to_be_bytes().repeat(125);
        file.extend(w.record(n, n, &data, 500));
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&file).unwrap();
    encoder.flush().unwrap();
    // A block of a type that does not exist.
    let packed = [encoder.get_ref(), &[7][..]].concat();
    let (frames, error) = read(&packed);
    assert!(error.is_some());
    assert!(frames.len() >= 190, "{}", frames.len());
}

#[test]
fn lengths_that_cannot_be_are_named() {
    let w = BOTH[1];
    let mut huge = w.pcap(0xa1b2_c3d4, u32::MAX, 1);
    huge.extend(w.record(0, 0, b"fine", 4));
    huge.extend([0, 0, u32::MAX, u32::MAX].map(|n| w.u32(n)).concat());
    let (frames, error) = read(&huge);
    assert_eq!(frames.len(), 1);
    let shown = error.unwrap().to_string();
    assert_eq!(
        shown,
        "x.pcap: byte 44: a record of 4294967295 captured bytes; at most 268435456 were expected"
    );
    let start = [w.section(), w.interface(1, 0, &[])].concat();
    let at = start.len();
    let long = [w.u32(6), w.u32(0xffff_fffc), w.u32(0)].concat();
    let mut short = w.packet(0, 0, b"abcd", &[]);
    short[20..24].copy_from_slice(&w.u32(5));
    let mut unequal = w.packet(0, 0, b"abcd", &[]);
    let end = unequal.len() - 4;
    unequal[end..].copy_from_slice(&w.u32(8));
    for (block, words) in [
        (long, "a block of 4294967292 bytes"),
        (
            [w.u32(6), w.u32(0), w.u32(0)].concat(),
            "a block of 0 bytes",
        ),
        (
            [w.u32(6), w.u32(13), w.u32(0)].concat(),
            "a block of 13 bytes",
        ),
        (short, "5 captured bytes in a block with room for 4"),
        (unequal, "ends with the length 8"),
        (w.packet(1, 0, b"", &[]), "interface 1; the section has 1"),
        (w.block(1, b""), "cut short"),
        (w.block(6, b"abcd"), "expected 20 or more"),
    ] {
        let (frames, error) = read(&[start.clone(), block].concat());
        assert!(frames.is_empty());
        let error = error.unwrap();
        assert!(error.kind.to_string().contains(words), "{error}");
        assert_eq!(error.offset, at as u64, "{error}");
    }
}

#[test]
fn what_is_no_capture_is_said_to_be_something() {
    for (data, words) in [
        (&b""[..], "an empty file"),
        (b"hello\n", "text"),
        (b"snoop\0\0\0\0\0\0\x02", "snoop"),
        (&gzip(b"<html>"), "gzip data that hold an HTML page"),
        (&gzip(b""), "gzip data that hold an empty file"),
        (&[0x1f, 0x8b, 1, 2, 3], "damaged gzip data"),
    ] {
        let error = read(data).1.unwrap();
        assert!(error.to_string().contains(words), "{error}");
        assert!(
            error.to_string().starts_with("x.pcap: not a pcap"),
            "{error}"
        );
    }
}

/// Gives a byte at a time, is interrupted each time, and fails at the end.
struct Slow(Vec<u8>, usize, bool);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.2 = !self.2;
        if self.2 {
            return Err(ErrorKind::Interrupted.into());
        }
        match self.0.get(self.1) {
            Some(byte) => {
                buffer[0] = *byte;
                self.1 += 1;
                Ok(1)
            }
            None => Err(std::io::Error::other("the disk went away")),
        }
    }
}

#[test]
fn a_source_that_fails_ends_the_capture_with_its_reason() {
    let w = BOTH[0];
    let mut file = w.pcap(0xa1b2_c3d4, 0, 1);
    file.extend(w.record(0, 0, b"abcd", 4));
    let mut reader = Reader::new(Box::new(Slow(file, 0, false)), "pipe").unwrap();
    assert_eq!(reader.next().unwrap().unwrap().data, b"abcd");
    let error = reader.next().unwrap_err();
    let expected = "reading stopped at byte 44: cannot read: the disk went away";
    assert_eq!(error.partial(), expected);
    assert!(reader.next().unwrap().is_none());
    let nothing = Reader::new(Box::new(Slow(Vec::new(), 0, false)), "pipe");
    let error = nothing.err().unwrap();
    assert_eq!(error.to_string(), "pipe: cannot read: the disk went away");
}

#[test]
fn frames_longer_than_the_window_are_whole() {
    let w = BOTH[1];
    let long = vec![9; 1 << 20];
    let start = [w.section(), w.interface(1, 0, &[])].concat();
    let block = w.packet(0, 1, &long, &[]);
    let file = [start, block.clone(), w.packet(0, 2, b"x", &[]), block].concat();
    let (frames, error) = read(&file);
    assert_eq!(error, None);
    assert_eq!(frames.len(), 3);
    assert!(frames[0].5 == long && frames[2].5 == long);
}

proptest! {
    #[test]
    fn any_damage_is_survived(at in 0_usize..600, byte: u8, order in 0_usize..2, packed: bool) {
        let mut file = sections(BOTH[order]);
        let at = at % file.len();
        file[at] = byte;
        if packed {
            file = gzip(&file);
            let at = at % file.len();
            file[at] = byte;
        }
        let (frames, _) = read(&file);
        prop_assert!(frames.len() <= 64);
    }

    #[test]
    fn any_bytes_are_survived(data in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..3) {
        let w = BOTH[1];
        let start = match kind {
            0 => Vec::new(),
            1 => w.pcap(0xa1b2_c3d4, 0, 1),
            _ => [w.section(), w.interface(1, 0, &[])].concat(),
        };
        read(&[start, data].concat());
    }
}

//! The PFC headroom calculator.
//!
//! Headroom holds what still arrives after a priority group reached its XOFF threshold. Three
//! rules are offered: xoff's own, which is exact for this simulator, and the two that are widest
//! used in the field ([`Profile`]).
//!
//! # The exact rule
//!
//! Let F be the largest frame of the class in bytes (FCS included), W = F + 20 its bytes on the
//! wire (preamble 8, gap 12), d the one-way delay of the link, and call t = 0 the arrival of the
//! last bit of the frame that does not fit below the threshold. In the worst case
//!
//! 1. that frame is counted in headroom as a whole: F bytes ("crossing frame");
//! 2. the next frame followed it without a pause, so it left the sender at t = -d;
//! 3. the reverse direction has just begun to send the port's largest frame: the pause frame
//!    starts one wire time of that frame later ("pause wait") and takes 84 byte times itself;
//! 4. the pause frame arrives after d and takes effect after the sender's response time.
//!
//! So the sender starts frames during T = d + wait + 84 byte times + d + response, both ends
//! included: a frame that starts at the last moment is still sent whole ("sender's last frame").
//! All frames but that one fit into T, hence into B = ⌊T × rate⌋ wire bytes. Frames of f bytes take
//! f + 20 of them each, so no mix of sizes puts more than ⌊B × F / W⌋ bytes into the buffer. In
//! total
//!
//! > headroom = F + ⌊B × F / W⌋ + F
//!
//! With frames of F bytes only, ⌊B / W⌋ + 2 frames arrive. That is more than headroom - F, so the
//! rule exceeds the worst case by less than one frame. Whole frames of F bytes alone are *not* an
//! upper bound: slightly smaller ones (no RETH in the middle of a message) may fit once more.
//!
//! A buffer of cells stores f bytes in ⌈f / cell⌉ cells. Then F / W becomes the largest ratio of
//! stored to wire bytes of all frame sizes that the class may have.
//!
//! The rule presumes that pause frames precede all others at the port and that only the latest
//! state is sent; a pause frame of another priority that happens to go first delays by 84 bytes.

mod vendor;

use crate::framing::Framing;
use crate::framing::header::{FRAME_MIN, PREAMBLE_AND_GAP, RETH};
use crate::time::SimDuration;
use crate::units;
use crate::units::{BitRate, Bytes, Length};
use vendor::{mlx5_terms, sonic_size, sonic_terms, sonic_xon};

/// Preamble, start delimiter and gap: wire bytes of a frame beyond the frame itself.
/// A pause frame on the wire.
const PAUSE_WIRE_BYTES: u64 = (FRAME_MIN + PREAMBLE_AND_GAP) as u64;
const PS_BITS: u128 = units::PS_BITS as u128;

/// Time that a receiver of pause frames may take, in quanta of 512 bit times, by rate in Gb/s: IEEE
/// 802.3 31B.3.7 as SONiC tabulates it.
const RESPONSE_QUANTA: [(u64, u64); 9] = [
    (1, 2),
    (10, 67),
    (25, 80),
    (40, 118),
    (50, 147),
    (100, 394),
    (200, 453),
    (400, 905),
    (800, 905),
];

/// Default pause response time of a port: the tabulated number of quanta, for other rates that of
/// the next higher one (above 800 Gb/s of 800 Gb/s). Zero for a zero rate.
pub fn response_time(rate: BitRate) -> SimDuration {
    if rate.bps() == 0 {
        return SimDuration::ZERO;
    }
    rate.serialize_ceil(response_quanta(rate) * 64)
}

fn response_quanta(rate: BitRate) -> u64 {
    let listed = RESPONSE_QUANTA
        .iter()
        .find(|(gbps, _)| rate <= BitRate::from_gbps(*gbps));
    listed
        .unwrap_or(&RESPONSE_QUANTA[RESPONSE_QUANTA.len() - 1])
        .1
}

/// Largest RoCEv2 data frame with `mtu` bytes of payload, FCS included: Ethernet 14 (+4 tagged),
/// IPv4 20 or IPv6 40, UDP 8, BTH 12, RETH 16, ICRC 4, FCS 4.
pub fn roce_frame_bytes(mtu: u32, vlan: bool, ipv6: bool) -> u32 {
    let headers = Framing::RoceV2 { vlan, ipv6 }.base() + RETH;
    mtu.saturating_add(headers)
}

/// Exact headroom of a lossless priority group for untagged RoCEv2 over IPv4 with payloads up to
/// `mtu` bytes in a buffer that counts frame bytes. `delay` is the one-way latency of the link
/// (cable and PHY), `response` the sender's pause response time. Zero for a zero rate.
pub fn auto(rate: BitRate, delay: SimDuration, mtu: u32, response: SimDuration) -> Bytes {
    auto_for_frames(rate, delay, roce_frame_bytes(mtu, false, false), response)
}

/// [`auto`] for a class and a reverse direction whose largest frame has `frame_bytes` (with FCS).
pub fn auto_for_frames(
    rate: BitRate,
    delay: SimDuration,
    frame_bytes: u32,
    response: SimDuration,
) -> Bytes {
    let (min, max, gap) = (frame_bytes, frame_bytes, PREAMBLE_AND_GAP);
    auto_in(
        rate,
        delay,
        Frames {
            min,
            max,
            gap,
            cell: 1,
            extra: 0,
        },
        response,
    )
}

/// The frames of a class, and what they take on the wire and in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frames {
    /// Bytes of the smallest and the largest, FCS included.
    pub min: u32,
    pub max: u32,
    /// Bytes on the wire beyond the frame.
    pub gap: u32,
    /// Allocation unit of the buffer, at least 1.
    pub cell: u32,
    /// Bytes in the buffer beyond the frame, before rounding up to cells.
    pub extra: u32,
}

/// [`auto`] for these frames in this buffer.
pub fn auto_in(rate: BitRate, delay: SimDuration, frames: Frames, response: SimDuration) -> Bytes {
    let (frame, stored) = (frames.max, Stored::new(frames));
    let exact = Exact {
        rate,
        delay,
        response,
        frame,
        reverse: frame,
        stored,
    };
    let add = |sum: u64, term: &Term| sum.saturating_add(term.bytes);
    Bytes(exact.terms().iter().fold(0, add))
}

/// Whose rule computes the headroom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The exact worst case of this simulator.
    Xoff,
    /// The Linux driver of ConnectX NICs (`mlx5e`, port buffers).
    Mlx5,
    /// SONiC's dynamic headroom calculation.
    Sonic,
}

impl Profile {
    pub const ALL: [Profile; 3] = [Profile::Xoff, Profile::Mlx5, Profile::Sonic];

    pub const fn name(self) -> &'static str {
        match self {
            Profile::Xoff => "xoff",
            Profile::Mlx5 => "mlx5",
            Profile::Sonic => "sonic",
        }
    }

    pub fn named(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|p| p.name() == name)
    }
}

/// What headroom depends on. Each profile uses the fields that its rule knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    pub rate: BitRate,
    pub cable: Length,
    /// PHY, FEC and MAC latency of both ends, one way. xoff only.
    pub phy_delay: SimDuration,
    /// Largest frame of the lossless class. xoff: bytes with FCS; SONiC: lossless MTU.
    pub mtu_frame_bytes: u32,
    /// Smallest frame of the lossless class, bytes with FCS: matters to xoff if `cell_bytes` > 1.
    pub min_frame_bytes: u32,
    /// Largest frame of any class. xoff: bytes with FCS; SONiC: port MTU; mlx5: interface MTU.
    pub port_mtu: u32,
    /// The sender's pause response time; None: by rate, [`response_time`]. Not mlx5.
    pub response: Option<SimDuration>,
    /// Allocation unit of the buffer. 1: exact bytes. Not mlx5.
    pub cell_bytes: u32,
    /// Share of small packets, 0 to 100. SONiC only.
    pub small_packet_percent: u32,
    /// Bytes held in MAC and PHY when the pause is generated. SONiC only.
    pub mac_phy_bytes: u64,
    /// Latency of a gearbox. SONiC only.
    pub gearbox_delay: SimDuration,
    /// SONiC only: bytes that may arrive between XON and the first packet, its XON threshold.
    pub pipeline_bytes: u64,
    /// Lanes of the port. SONiC only: 8 have almost twice the pipeline latency.
    pub lanes: u32,
}

impl Input {
    /// RoCEv2 over IPv4 with payloads up to `mtu`, alone on the port, exact-byte buffer, default
    /// response time, everything vendor-specific zero.
    pub fn roce(rate: BitRate, cable: Length, mtu: u32) -> Input {
        let frame = roce_frame_bytes(mtu, false, false);
        Input {
            rate,
            cable,
            phy_delay: SimDuration::ZERO,
            mtu_frame_bytes: frame,
            min_frame_bytes: FRAME_MIN,
            port_mtu: frame,
            response: None,
            cell_bytes: 1,
            small_packet_percent: 0,
            mac_phy_bytes: 0,
            gearbox_delay: SimDuration::ZERO,
            pipeline_bytes: 0,
            lanes: 4,
        }
    }

    /// What SONiC takes for a Spectrum-2 switch with an interface MTU of 9100: a lossless MTU of
    /// 1024, nothing but small packets, cells of 144 bytes, 0.8 KiB in MAC and PHY, and 18 KiB in
    /// the pipeline.
    pub fn sonic(rate: BitRate, cable: Length) -> Input {
        Input {
            mtu_frame_bytes: 1_024,
            port_mtu: 9_100,
            cell_bytes: 144,
            small_packet_percent: 100,
            mac_phy_bytes: 819,
            pipeline_bytes: 18 * 1_024,
            ..Input::roce(rate, cable, 1_024)
        }
    }

    fn response(&self) -> SimDuration {
        self.response.unwrap_or_else(|| response_time(self.rate))
    }
}

/// One summand of a headroom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub name: &'static str,
    /// How it was computed, with numbers.
    pub formula: String,
    pub bytes: u64,
}

/// A headroom and what it consists of: `total` is the sum of the terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakdown {
    pub terms: Vec<Term>,
    pub total: Bytes,
    /// The XON threshold, where the profile computes one.
    pub xon: Option<Bytes>,
    /// Size of the buffer profile: XON and headroom, where the profile computes them.
    pub size: Option<Bytes>,
}

/// An input outside the range that the formulas cover.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} must be {range}")]
pub struct InputError {
    pub field: &'static str,
    pub range: &'static str,
}

/// Headroom by the rule of `profile`.
pub fn calculate(profile: Profile, input: &Input) -> Result<Breakdown, InputError> {
    check(input)?;
    let terms = match profile {
        Profile::Xoff => xoff_terms(input),
        Profile::Mlx5 => mlx5_terms(input),
        Profile::Sonic => sonic_terms(input),
    };
    let total = Bytes(terms.iter().map(|t| t.bytes).sum());
    let sonic = profile == Profile::Sonic;
    Ok(Breakdown {
        terms,
        total,
        xon: sonic.then(|| sonic_xon(input)),
        size: sonic.then(|| sonic_size(input, total)),
    })
}

/// The bounds keep every product below 2^127.
fn check(i: &Input) -> Result<(), InputError> {
    let second = SimDuration::from_ms(1_000);
    let frame = |bytes| (FRAME_MIN..=65_536).contains(&bytes);
    let rate = (BitRate::from_bps(1_000_000)..=BitRate::from_gbps(100_000)).contains(&i.rate);
    let frame_order = frame(i.min_frame_bytes) && i.min_frame_bytes <= i.mtu_frame_bytes;
    let checks = [
        (rate, "rate", "between 1Mbps and 100Tbps"),
        (
            i.cable <= Length(100_000_000_000),
            "cable",
            "at most 100000km",
        ),
        (i.phy_delay <= second, "PHY delay", "at most 1s"),
        (i.response() <= second, "response time", "at most 1s"),
        (i.gearbox_delay <= second, "gearbox delay", "at most 1s"),
        (
            frame(i.mtu_frame_bytes),
            "largest lossless frame",
            "64 to 65536 bytes",
        ),
        (frame(i.port_mtu), "largest frame", "64 to 65536 bytes"),
        (
            frame_order,
            "smallest lossless frame",
            "64 bytes to the largest lossless frame",
        ),
        (
            (1..=65_536).contains(&i.cell_bytes),
            "cell size",
            "1 to 65536 bytes",
        ),
        (
            i.small_packet_percent <= 100,
            "share of small packets",
            "0 to 100",
        ),
        (i.mac_phy_bytes <= 1 << 30, "MAC/PHY delay", "at most 1GiB"),
        (
            i.pipeline_bytes <= 1 << 30,
            "pipeline latency",
            "at most 1GiB",
        ),
        ((1..=8).contains(&i.lanes), "number of lanes", "1 to 8"),
    ];
    match checks.into_iter().find(|(ok, ..)| !ok) {
        Some((_, field, range)) => Err(InputError { field, range }),
        None => Ok(()),
    }
}

/// Bytes that a frame occupies in the buffer, and the most that frames occupy per wire byte.
#[derive(Clone, Copy)]
struct Stored {
    largest: u64,
    numerator: u128,
    denominator: u128,
}

impl Stored {
    /// The largest ratio is that of the smallest frame, of the largest, or of a size that just
    /// needs one more cell; in a byte buffer of the largest.
    fn new(frames: Frames) -> Stored {
        let Frames {
            min,
            max,
            gap,
            cell,
            extra,
        } = frames;
        let stored =
            |frame: u32| (u128::from(frame) + u128::from(extra)).next_multiple_of(u128::from(cell));
        let ratio = |frame: u32| (stored(frame), u128::from(frame) + u128::from(gap));
        let mut best = ratio(max);
        // A frame of one byte more than this fills whole cells.
        let full = |cells: u32| cells.saturating_mul(cell).saturating_sub(extra);
        let first = (min.saturating_add(extra) / cell).saturating_add(1);
        let end = if cell > 1 { max } else { 0 };
        let steps = (full(first).saturating_add(1)..end).step_by(cell as usize);
        for frame in std::iter::once(min).chain(steps) {
            let (num, den) = ratio(frame);
            if num * best.1 > best.0 * den {
                best = (num, den);
            }
        }
        Stored {
            largest: stored(max) as u64,
            numerator: best.0,
            denominator: best.1.max(1),
        }
    }

    #[cfg(test)]
    fn cells(min: u32, max: u32, cell: u32) -> Stored {
        Stored::new(Frames {
            min,
            max,
            gap: PREAMBLE_AND_GAP,
            cell,
            extra: 0,
        })
    }
}

/// The quantities of the exact rule.
struct Exact {
    rate: BitRate,
    delay: SimDuration,
    response: SimDuration,
    /// Largest frame of the class, and of the reverse direction.
    frame: u32,
    reverse: u32,
    stored: Stored,
}

impl Exact {
    fn terms(&self) -> Vec<Term> {
        if self.rate.bps() == 0 {
            return Vec::new();
        }
        let reverse_wire = u64::from(self.reverse) + u64::from(PREAMBLE_AND_GAP);
        let wait = self.rate.serialize_ceil(reverse_wire);
        let pause = self.rate.serialize_ceil(PAUSE_WIRE_BYTES);
        let whole = |name| Term {
            name,
            formula: format!("frame of {} B", self.frame),
            bytes: self.stored.largest,
        };
        let spans = [
            (
                "on the cable",
                self.delay,
                format!("one-way delay {}", self.delay),
            ),
            (
                "pause wait",
                wait,
                format!("{reverse_wire} B on the wire = {wait}"),
            ),
            (
                "pause frame",
                pause,
                format!("{PAUSE_WIRE_BYTES} B on the wire = {pause}"),
            ),
            (
                "pause travels",
                self.delay,
                format!("one-way delay {}", self.delay),
            ),
            (
                "pause response",
                self.response,
                format!("response time {}", self.response),
            ),
        ];
        let mut terms = vec![whole("crossing frame")];
        let (mut elapsed, mut before) = (SimDuration::ZERO, 0);
        // Differences of the running total, so that the sum of the terms is rounded only once.
        for (name, span, formula) in spans {
            elapsed += span;
            let now = self.arrived(elapsed);
            terms.push(Term {
                name,
                formula,
                bytes: now - before,
            });
            before = now;
        }
        terms.push(whole("sender's last frame"));
        terms
    }

    /// Most buffer bytes of frames that fit into `span` whole.
    fn arrived(&self, span: SimDuration) -> u64 {
        let wire = u128::from(self.rate.bps()) * u128::from(span.ps()) / PS_BITS;
        let bytes = wire.saturating_mul(self.stored.numerator) / self.stored.denominator;
        u64::try_from(bytes).unwrap_or(u64::MAX).min(u64::MAX / 4)
    }
}

fn xoff_terms(input: &Input) -> Vec<Term> {
    let exact = Exact {
        rate: input.rate,
        delay: input.cable.propagation() + input.phy_delay,
        response: input.response(),
        frame: input.mtu_frame_bytes,
        reverse: input.port_mtu,
        stored: Stored::new(Frames {
            min: input.min_frame_bytes,
            max: input.mtu_frame_bytes,
            gap: PREAMBLE_AND_GAP,
            cell: input.cell_bytes,
            extra: 0,
        }),
    };
    exact.terms()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    const GBPS: [u64; 6] = [10, 25, 40, 100, 200, 400];
    const MTUS: [u32; 3] = [1_024, 2_048, 4_096];

    /// Every link that the exact rule is tested for: rate, delay, largest frame.
    fn links() -> impl Iterator<Item = (BitRate, SimDuration, u32)> {
        let lengths = [0, 3, 7, 100, 300, 1_000, 10_000];
        GBPS.into_iter().flat_map(move |gbps| {
            let mtus = move |m: u64| MTUS.map(|mtu| (m, mtu));
            lengths
                .into_iter()
                .flat_map(mtus)
                .map(move |(metres, mtu)| {
                    let delay = Length(metres * 1_000).propagation();
                    (
                        BitRate::from_gbps(gbps),
                        delay,
                        roce_frame_bytes(mtu, false, false),
                    )
                })
        })
    }

    /// Plays the worst case out: how many bytes are stored from the crossing frame on, if the
    /// sender's frames have the sizes that `next` gives.
    fn played(
        rate: BitRate,
        delay: SimDuration,
        largest: u32,
        mut next: impl FnMut() -> u32,
    ) -> u64 {
        let wire = |bytes: u32| rate.serialize_ceil(u64::from(bytes) + 20).ps();
        let crossing_at = 1_000_000_000_000u64;
        // A reverse frame has just started when the crossing frame arrives.
        let pause_leaves = crossing_at + wire(largest);
        let pause_arrives = pause_leaves + wire(64) + delay.ps();
        let obeyed = pause_arrives + response_time(rate).ps();
        let mut stored = u64::from(largest);
        let mut start = crossing_at - delay.ps();
        while start <= obeyed {
            let frame = next();
            stored += u64::from(frame);
            start += wire(frame);
        }
        stored
    }

    #[test]
    fn exact_rule_is_enough_and_one_frame_less_is_not() {
        for (rate, delay, frame) in links() {
            let bytes = auto_for_frames(rate, delay, frame, response_time(rate)).0;
            let worst = played(rate, delay, frame, || frame);
            assert!(worst <= bytes, "{rate} {delay} {frame}: {worst} > {bytes}");
            assert!(
                worst > bytes - u64::from(frame),
                "{rate} {delay} {frame}: {bytes} too much"
            );
        }
    }

    #[test]
    fn exact_rule_is_enough_for_smaller_and_mixed_frames() {
        let mut rng = Stream::new(1, 0, 0, Purpose::Workload);
        for (rate, delay, frame) in links() {
            let bytes = auto_for_frames(rate, delay, frame, response_time(rate)).0;
            for smaller in [16, 20, 100, frame / 2, frame - 64] {
                assert!(played(rate, delay, frame, || frame - smaller) <= bytes);
            }
            for _ in 0..20 {
                let mixed = || frame - rng.below(40) as u32;
                assert!(played(rate, delay, frame, mixed) <= bytes);
            }
        }
    }

    #[test]
    fn cells_are_counted_at_their_worst() {
        for (min, max, cell) in [
            (64, 1_102, 208),
            (64, 4_174, 144),
            (66, 1_102, 256),
            (64, 90, 96),
        ] {
            let stored = Stored::cells(min, max, cell);
            for frame in min..=max {
                let occupied = u128::from(frame.next_multiple_of(cell));
                assert!(occupied * stored.denominator <= stored.numerator * u128::from(frame + 20));
            }
        }
        let wire = Frames {
            min: 64,
            max: 1_102,
            gap: 20,
            cell: 208,
            extra: 20,
        };
        let stored = Stored::new(wire);
        for frame in 64..=1_102u32 {
            let occupied = u128::from((frame + 20).next_multiple_of(208));
            assert!(occupied * stored.denominator <= stored.numerator * u128::from(frame + 20));
        }
        let large = Stored::cells(1_102, 1_102, 208);
        assert_eq!(
            (large.largest, large.numerator, large.denominator),
            (1_248, 1_248, 1_122)
        );
    }

    #[test]
    fn breakdown_states_each_term() {
        let input = Input::roce(BitRate::from_gbps(100), Length(100_000), 1_024);
        let breakdown = calculate(Profile::Xoff, &input).unwrap();
        let bytes: Vec<_> = breakdown.terms.iter().map(|t| (t.name, t.bytes)).collect();
        // 500 ns are 6250 wire bytes, the response of 394 quanta 25216; 1102 of 1122 are stored.
        let expected = [
            ("crossing frame", 1_102),
            ("on the cable", 6_138),
            ("pause wait", 1_102),
            ("pause frame", 83),
            ("pause travels", 6_138),
            ("pause response", 24_767),
            ("sender's last frame", 1_102),
        ];
        assert_eq!(bytes, expected);
        assert_eq!(breakdown.total, Bytes(40_432));
        let delay = SimDuration::from_ns(500);
        assert_eq!(
            auto(input.rate, delay, 1_024, response_time(input.rate)),
            breakdown.total
        );
    }

    #[test]
    fn response_times_follow_the_table() {
        let ps = |gbps| response_time(BitRate::from_gbps(gbps)).ps();
        assert_eq!(ps(100), 394 * 5_120);
        assert_eq!(ps(400), 905 * 1_280);
        assert_eq!(ps(10), 67 * 51_200);
        assert_eq!(response_quanta(BitRate::from_gbps(56)), 394);
        assert_eq!(response_quanta(BitRate::from_gbps(1_600)), 905);
        assert_eq!(response_time(BitRate::from_bps(0)), SimDuration::ZERO);
    }

    #[test]
    fn absurd_inputs_are_refused_or_saturate() {
        let good = Input::roce(BitRate::from_gbps(100), Length(7_000), 4_096);
        let bad = [
            (
                Input {
                    rate: BitRate::from_bps(0),
                    ..good
                },
                "rate",
            ),
            (
                Input {
                    cable: Length(u64::MAX),
                    ..good
                },
                "cable",
            ),
            (
                Input {
                    response: Some(SimDuration::MAX),
                    ..good
                },
                "response time",
            ),
            (
                Input {
                    cell_bytes: 0,
                    ..good
                },
                "cell size",
            ),
            (
                Input {
                    mtu_frame_bytes: u32::MAX,
                    ..good
                },
                "largest lossless frame",
            ),
            (
                Input {
                    min_frame_bytes: 9_000,
                    ..good
                },
                "smallest lossless frame",
            ),
            (
                Input {
                    small_packet_percent: 101,
                    ..good
                },
                "share of small packets",
            ),
        ];
        for (input, field) in bad {
            assert_eq!(calculate(Profile::Xoff, &input).unwrap_err().field, field);
        }
        let extreme = Input {
            rate: BitRate::from_gbps(100_000),
            cable: Length(100_000_000_000),
            phy_delay: SimDuration::from_ms(1_000),
            mtu_frame_bytes: 65_536,
            port_mtu: 65_536,
            response: Some(SimDuration::from_ms(1_000)),
            cell_bytes: 65_536,
            small_packet_percent: 100,
            mac_phy_bytes: 1 << 30,
            gearbox_delay: SimDuration::from_ms(1_000),
            pipeline_bytes: 1 << 30,
            ..good
        };
        for profile in Profile::ALL {
            assert!(calculate(profile, &extreme).is_ok());
            assert_eq!(Profile::named(profile.name()), Some(profile));
        }
        let most = BitRate::from_bps(u64::MAX);
        assert!(auto(most, SimDuration::MAX, u32::MAX, SimDuration::MAX).0 > 1 << 61);
        assert_eq!(
            auto(
                BitRate::from_bps(0),
                SimDuration::ZERO,
                1_024,
                SimDuration::ZERO
            )
            .0,
            0
        );
    }
}

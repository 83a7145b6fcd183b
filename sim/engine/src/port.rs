//! State of ports and queues, laid out for the packet path: what a hop touches is together.

use super::packet::{Fifo, PacketId, PacketPool};
use crate::cc::Averaged;
use xoff_model::results::{CAUSES, DropCause, PriorityResult};
use xoff_model::time::SimTime;
use xoff_model::units::BitRate;
use xoff_model::{PRIORITIES, SchedulerSpec};

/// "No time is set" in the u64 picosecond fields of hot structs.
pub const NEVER: u64 = SimTime::NEVER.ps();

/// Bits of [`Port::flags`].
pub mod port_flag {
    pub const HOST: u16 = 0x01;
    pub const DOWN: u16 = 0x02;
    /// The other end is a switch that cuts through.
    pub const PEER_CUTS_THROUGH: u16 = 0x04;
    /// The link loses or damages frames.
    pub const LOSSY: u16 = 0x08;
    /// A pause frame waits to be sent.
    pub const PAUSE_PENDING: u16 = 0x10;
    /// Some queue marks ECN.
    pub const ECN: u16 = 0x20;
    /// A shaper limits some queue.
    pub const SHAPED: u16 = 0x40;
    /// The other end is a host.
    pub const PEER_HOST: u16 = 0x80;
    /// The watchdog discards what is sent to some queue.
    pub const DISCARDS: u16 = 0x100;
    /// The pending Arrive event is about frames that a link failure took ([`super::Rx`]).
    pub const STALE_ARRIVAL: u16 = 0x200;
    /// What is sent is reported, and what is received.
    pub const TAPPED: u16 = 0x400;
    /// Rules act on what this host sends.
    pub const RULED: u16 = 0x1000;
    /// What is to leave by this switch port is looked at first.
    pub const CHECKED: u16 = 0x2000;
    /// The other end has a link MTU.
    pub const PEER_MTU: u16 = 0x4000;
}

/// A port: its transmitter, and what that knows of the link that leads away from it.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Port {
    /// The frame being sent ends at this time.
    pub busy_until: u64,
    /// Time of the pending TxReady event.
    pub tx_at: u64,
    /// Latency of the link, and of the receiving switch's pipeline.
    pub delay: u64,
    pub peer: u32,
    /// Index among switches or among hosts.
    pub unit: u32,
    /// Bytes of a frame after which the switch at the other end may forward it; 0: all of them.
    pub peer_header: u32,
    /// Picoseconds per byte; 0 if that is not a whole number.
    pub ps_per_byte: u32,
    /// Index among the port profiles of the run.
    pub profile: u16,
    /// Bytes in all egress queues.
    pub backlog: u32,
    pub backlog_peak: u32,
    /// Queues that hold packets.
    pub ready: u8,
    /// Host: queues with queue pairs that are ready to send.
    pub rings: u8,
    /// Queues that may not send.
    pub paused: u8,
    pub flags: u16,
    /// Deficit round robin: the queue whose turn it is.
    pub turn: u8,
}

impl Port {
    pub const fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Queues that may send now, pause permitting.
    #[inline]
    pub const fn eligible(&self) -> u8 {
        (self.ready | self.rings) & !self.paused
    }
}

/// The receiving end of a link: what is on its way to a port. It belongs to the node there; the
/// transmitter at the other end adds to it, and that is the only place where two nodes meet.
#[derive(Clone, Debug)]
#[repr(align(32))]
pub struct Rx {
    /// Frames on the link, oldest first.
    pub flight: Fifo,
    /// The port that receives.
    pub port: u32,
    /// Arrive events that are pending for frames that are gone.
    pub stale_arrivals: u32,
    /// Of the receiving port: [`port_flag::HOST`], [`port_flag::TAPPED`],
    /// [`port_flag::STALE_ARRIVAL`].
    pub flags: u16,
    /// Index of the receiving port among the port profiles of the run.
    pub profile: u16,
}

impl Rx {
    pub const fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

/// Frames dropped, by cause and priority. Few ports ever drop one.
#[derive(Clone, Debug, Default)]
pub struct Drops(Option<Box<[[u64; PRIORITIES]; CAUSES]>>);

impl Drops {
    /// Counts one more.
    pub fn count(&mut self, cause: DropCause, priority: u8) {
        let counts = self.0.get_or_insert_default();
        counts[cause as usize][usize::from(priority)] += 1;
    }

    pub fn of(&self, cause: DropCause) -> [u64; PRIORITIES] {
        let counts = self.0.as_ref();
        counts.map_or([0; PRIORITIES], |counts| counts[cause as usize])
    }

    pub fn total(&self) -> u64 {
        self.0
            .iter()
            .flat_map(|counts| counts.iter().flatten())
            .sum()
    }
}

/// An egress queue of a port.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Queue {
    pub fifo: Fifo,
    pub bytes: u32,
    pub peak: u32,
    /// Bytes that the queue may still send in its turn.
    pub deficit: i32,
    /// Frame bytes of the first packet. Reading them when it becomes the first, one packet ahead of
    /// its turn, also brings its cache line closer.
    pub head_frame: u16,
    /// Arrivals that competed for the slot of the last packet.
    pub contenders: u32,
    pub tx_bytes: u64,
    pub tx_frames: u32,
    pub marked: u32,
    /// Shaper: no packet may start before this time.
    pub shaper_next: u64,
    /// Last time that a packet left.
    pub last_tx: u64,
}

impl Queue {
    pub const EMPTY: Queue = Queue {
        fifo: Fifo::EMPTY,
        bytes: 0,
        peak: 0,
        deficit: 0,
        head_frame: 0,
        contenders: 0,
        tx_bytes: 0,
        tx_frames: 0,
        marked: 0,
        shaper_next: 0,
        last_tx: 0,
    };

    #[inline]
    pub fn push(&mut self, pool: &mut PacketPool, id: PacketId) {
        if self.fifo.is_empty() {
            self.head_frame = pool[id].frame;
        }
        self.fifo.push(pool, id);
    }

    /// Takes the first packet. The queue must not be empty: the number of no packet is beyond
    /// every pool, where this ends.
    #[inline]
    pub fn pop(&mut self, pool: &PacketPool) -> PacketId {
        let id = self.fifo.head;
        self.fifo.head = pool[id].next;
        if !self.fifo.is_empty() {
            self.head_frame = pool[self.fifo.head].frame;
        }
        id
    }
}

/// What a port knows about pauses that it received. Cold.
#[derive(Clone, Debug, Default)]
pub struct PauseRx {
    /// Received pause frames that have not taken effect. The other end adds to them.
    pub pending: Fifo,
    /// End of the pause per priority; zero: not paused.
    pub until: [u64; PRIORITIES],
    /// Since when it is paused; while the watchdog ignores pauses, when they would have ended.
    pub since: [u64; PRIORITIES],
    /// Time of the pending PauseExpire event.
    pub expire_at: u64,
    /// 802.3x frames with time > 0, and with time = 0.
    pub global_pauses: u64,
    pub global_resumes: u64,
    /// Frames that the port does not obey by its configuration.
    pub unheeded: u64,
    /// Priorities whose pause the watchdog ignores, and those it discards.
    pub ignored: u8,
    pub discarded: u8,
}

/// What a port does to pause its peer. Cold.
#[derive(Clone, Debug, Default)]
pub struct PauseTx {
    /// From the last bit of a pause frame to its effect, ps: latency of the link, and the
    /// response time at the other end.
    pub delay: u64,
    /// Priorities that the peer must not send.
    pub xoff: u8,
    /// Priorities whose change or refresh is not sent yet.
    pub pending: u8,
    /// A pause of given quanta for a mask of priorities that is to be sent once.
    pub once: (u8, u16),
    /// Time of the pending PauseRefresh event.
    pub refresh_at: u64,
    /// 802.3x frames with time > 0, and with time = 0.
    pub global_pauses: u64,
    pub global_resumes: u64,
    /// Priorities paused by a fault (a storm), whatever the buffer holds.
    pub forced: u8,
}

/// Everything about a port that the packet path touches seldom.
#[derive(Clone, Debug, Default)]
pub struct PortCold {
    pub rate: BitRate,
    pub rx: PauseRx,
    pub tx: PauseTx,
    pub stats: [PriorityResult; PRIORITIES],
    /// Frames dropped here.
    pub drops: Drops,
    /// Frames that this port sent and that were lost on the link.
    pub lost_tx: Drops,
    pub pause_frames: u64,
    pub pause_bytes: u64,
    /// Data frames since the last one that `drop_every` removed.
    pub every_count: u32,
    /// Frame bytes that fit the link MTU.
    pub max_frame: u32,
    /// DCQCN notification point with port scope: earliest time of the next CNP.
    pub cnp_next: u64,
    /// HPCC-PINT.
    pub average: Averaged,
    /// Frames that rules added to what this port sent.
    pub added: u64,
}

/// A scheduler ready for use: masks and quanta instead of an enum per queue.
#[derive(Clone, Debug)]
pub struct Scheduler {
    pub strict: u8,
    /// Bytes per turn of each weighted queue.
    pub quantum: [i32; PRIORITIES],
    /// Rate limit of each queue.
    pub max: [Option<BitRate>; PRIORITIES],
    pub burst: u64,
    pub plain: bool,
}

impl Scheduler {
    /// Bytes per turn of the queue with the least weight: small enough for shares to be exact
    /// within a few frames, large enough that a turn is found in a few steps.
    const QUANTUM_MIN: u64 = 1_600;

    pub fn new(spec: &SchedulerSpec) -> Self {
        use xoff_model::QueueSched::{Dwrr, Strict};
        let weight = |q: usize| match spec.queues[q] {
            Strict => None,
            Dwrr(w) => Some(u64::from(w.max(1))),
        };
        let least = (0..PRIORITIES).filter_map(weight).min().unwrap_or(1);
        let quantum = std::array::from_fn(|q| {
            weight(q).map_or(0, |w| (w * Self::QUANTUM_MIN / least).min(1 << 28) as i32)
        });
        let strict = (0..PRIORITIES)
            .filter(|&q| weight(q).is_none())
            .fold(0, |mask, q| mask | 1 << q);
        Scheduler {
            strict,
            quantum,
            max: spec.shapers,
            burst: spec.shaper_burst.0,
            plain: spec.shapers.iter().all(Option::is_none),
        }
    }
}

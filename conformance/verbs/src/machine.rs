//! What the agent has made, and what it does with it.

mod connect;

use crate::sys::{
    AddressHandle, Channel, Completions, Context, Domain, Id, Pair, Receive, Refused, Region,
    Result, Send, SharedReceives, Target,
};
use crate::{names, pattern};
use connect::Connector;
use rdma_sys::{ibv_send_flags, ibv_sge, ibv_wc, ibv_wc_flags};
use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::fs;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};
use xoff_lab::agent::{
    Access, Address, CreateQp, Device, Range, RecvWork, Reply, Request, SendWork, Side, Steps, Work,
};

/// Bytes that one request may look at.
const MAX_PEEK: u64 = 65_536;
/// Objects of each kind, and requests of one call.
const MAX_OBJECTS: usize = 65_536;
/// Address handles that are kept.
const MAX_HANDLES: usize = 256;

/// Objects by the numbers that are given out.
struct Table<T> {
    kind: &'static str,
    entries: Vec<Option<T>>,
}

impl<T> Table<T> {
    fn new(kind: &'static str) -> Table<T> {
        let entries = Vec::new();
        Table { kind, entries }
    }

    fn insert(&mut self, entry: T) -> Result<u32> {
        if self.entries.len() >= MAX_OBJECTS {
            let nospc = rustix::io::Errno::NOSPC.raw_os_error();
            return Err(Refused::new(self.kind, nospc));
        }
        self.entries.push(Some(entry));
        Ok(self.entries.len() as u32 - 1)
    }

    fn unknown(&self) -> Refused {
        Refused::new(self.kind, rustix::io::Errno::NOENT.raw_os_error())
    }

    fn get(&self, handle: u32) -> Result<&T> {
        let entry = self.entries.get(handle as usize).and_then(Option::as_ref);
        entry.ok_or_else(|| self.unknown())
    }

    fn get_mut(&mut self, handle: u32) -> Result<&mut T> {
        let unknown = self.unknown();
        let entry = self
            .entries
            .get_mut(handle as usize)
            .and_then(Option::as_mut);
        entry.ok_or(unknown)
    }

    fn remove(&mut self, handle: u32) -> Result<T> {
        let unknown = self.unknown();
        let entry = self.entries.get_mut(handle as usize).and_then(Option::take);
        entry.ok_or(unknown)
    }

    fn all(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().filter_map(Option::as_mut)
    }
}

/// A queue pair and its completions that nobody asked for yet.
struct Entry {
    pair: Pair,
    sends: VecDeque<Work>,
    receives: VecDeque<Work>,
}

impl Entry {
    fn drain(&mut self) {
        take(&self.pair.sends, &mut self.sends);
        take(&self.pair.receives, &mut self.receives);
    }

    fn arm(&self) {
        // A queue that cannot be armed is still emptied when it is polled.
        let _ = self.pair.sends.arm();
        let _ = self.pair.receives.arm();
    }
}

fn take(from: &Completions, to: &mut VecDeque<Work>) {
    while let Ok(Some(entry)) = from.poll() {
        to.push_back(work(&entry));
    }
}

struct Opened {
    context: Rc<Context>,
    domain: Rc<Domain>,
    channel: Rc<Channel>,
    name: String,
    connector: Option<Connector>,
}

pub(crate) struct Machine {
    pairs: Table<Entry>,
    /// With the number of receives that fit.
    shared: Table<(Rc<SharedReceives>, u32)>,
    regions: Table<Region>,
    handles: BTreeMap<Vec<u8>, Rc<AddressHandle>>,
    opened: Option<Opened>,
}

impl Default for Machine {
    fn default() -> Machine {
        Machine {
            pairs: Table::new("qp"),
            shared: Table::new("srq"),
            regions: Table::new("mr"),
            handles: BTreeMap::new(),
            opened: None,
        }
    }
}

impl Machine {
    /// What becomes readable when there are completions.
    pub(crate) fn announces(&self) -> Option<BorrowedFd<'_>> {
        self.opened.as_ref().map(|opened| opened.channel.fd())
    }

    /// Takes all completions.
    pub(crate) fn drain(&mut self) {
        if let Some(opened) = &self.opened {
            opened.channel.clear();
        }
        for entry in self.pairs.all() {
            // What comes after arming is announced; what came before is taken now.
            entry.arm();
            entry.drain();
        }
    }

    pub(crate) fn handle(&mut self, request: &Request) -> Reply {
        if let Request::Batch(all) = request {
            return Reply::Batch(all.iter().map(|request| self.handle(request)).collect());
        }
        self.obey(request).unwrap_or_else(|refused| Reply::Failed {
            call: refused.call.to_owned(),
            errno: refused.error.raw_os_error().unwrap_or(0),
            message: refused.error.to_string(),
        })
    }

    fn obey(&mut self, request: &Request) -> Result<Reply> {
        match request {
            Request::Batch(_) => Ok(self.handle(request)),
            Request::Open {
                device,
                gid_index,
                ipv6,
            } => self.open(device.as_deref(), *gid_index, *ipv6),
            Request::Register { len, access, seed } => self.register(*len, access, *seed),
            Request::Deregister { mr } => self.regions.remove(*mr).map(|_| Reply::Done),
            Request::Fill { mr, seed } => self.fill(*mr, *seed),
            Request::Peek { mr, offset, len } => self.peek(*mr, *offset, *len),
            Request::Poke { mr, offset, bytes } => self.poke(*mr, *offset, bytes),
            Request::Hash { mr, offset, len } => self.hash(*mr, *offset, *len).map(Reply::Hash),
            Request::Hashes {
                mr,
                offset,
                len,
                step,
                count,
            } => self.hashes(*mr, *offset, *len, *step, *count),
            Request::CreateSrq { max_wr, limit } => self.create_srq(*max_wr, *limit),
            Request::LimitSrq { srq, limit } => {
                self.shared.get(*srq)?.0.limit(*limit)?;
                Ok(Reply::Done)
            }
            Request::CreateQp(wanted) => self.create_qp(wanted, None),
            Request::ModifyQp { qp, attributes } => {
                self.pairs.get(*qp)?.pair.modify(attributes)?;
                Ok(Reply::Done)
            }
            Request::QueryQp { qp } => self.pairs.get(*qp)?.pair.state().map(Reply::State),
            Request::Listen { port } => self.listen(*port),
            Request::Resolve { to, wanted } => self.resolve(*to, wanted),
            Request::Connect { qp, reads } => self.with_id(*qp, |id| id.connect(*reads)),
            Request::Requested { wanted, timeout_ms } => self.requested(wanted, *timeout_ms),
            Request::Accept { qp, reads } => self.with_id(*qp, |id| id.accept(*reads)),
            Request::Established { qp, timeout_ms } => {
                self.with_id(*qp, |id| id.established(*timeout_ms))
            }
            Request::DestroyQp { qp } => self.pairs.remove(*qp).map(|_| Reply::Done),
            Request::PostSend { qp, work } => self.post_sends(*qp, work),
            Request::PostSends { qp, first, steps } => {
                repeat(steps, |at| send_step(first, steps, at))
                    .and_then(|work| self.post_sends(*qp, &work))
            }
            Request::PostRecv { qp, work } => self.post_receives(*qp, work),
            Request::PostRecvs { qp, first, steps } => {
                repeat(steps, |at| receive_step(first, steps, at))
                    .and_then(|work| self.post_receives(*qp, &work))
            }
            Request::PostSrqRecv { srq, work } => self.post_shared(*srq, work),
            Request::Poll {
                qp,
                side,
                count,
                timeout_ms,
            } => self.poll(*qp, *side, *count, *timeout_ms),
            Request::Wait { timeout_ms } => self.wait(*timeout_ms),
            Request::Events { timeout_ms } => self.events(*timeout_ms),
            Request::Counters => self.opened().map(|opened| counters(&opened.name)),
            Request::Close => {
                *self = Machine::default();
                Ok(Reply::Done)
            }
        }
    }

    fn opened(&self) -> Result<&Opened> {
        let nodev = rustix::io::Errno::NODEV.raw_os_error();
        self.opened
            .as_ref()
            .ok_or_else(|| Refused::new("open", nodev))
    }

    fn open(&mut self, device: Option<&str>, gid_index: Option<u8>, ipv6: bool) -> Result<Reply> {
        let context = Context::open(device)?;
        let (limits, port) = (context.limits()?, context.port()?);
        let name = context.name();
        let gid_index = gid_index.unwrap_or_else(|| best_gid(&context, &name, ipv6));
        let opened = Device {
            name: name.clone(),
            firmware: text(&limits.fw_ver),
            vendor_id: limits.vendor_id,
            vendor_part_id: limits.vendor_part_id,
            mtu: names::mtu(port.active_mtu),
            gid_index,
            gid: context.gid(gid_index)?.to_vec(),
            max_qp_rd_atom: u8::try_from(limits.max_qp_rd_atom).unwrap_or(u8::MAX),
            managed: connect::addresses(&context)?,
        };
        let (domain, channel) = (Domain::new(&context)?, Channel::new(&context)?);
        *self = Machine::default();
        self.opened = Some(Opened {
            context,
            domain,
            channel,
            name,
            connector: None,
        });
        Ok(Reply::Opened(opened))
    }

    fn register(&mut self, len: u64, access: &Access, seed: u64) -> Result<Reply> {
        let domain = &self.opened()?.domain;
        let region = Region::new(domain, len, names::access(access))?;
        paint(&region, seed);
        let (address, (lkey, rkey)) = (region.address(), region.keys());
        let mr = self.regions.insert(region)?;
        Ok(Reply::Registered {
            mr,
            address,
            lkey,
            rkey,
        })
    }

    fn fill(&mut self, mr: u32, seed: u64) -> Result<Reply> {
        paint(self.regions.get(mr)?, seed);
        Ok(Reply::Done)
    }

    fn peek(&self, mr: u32, offset: u64, len: u64) -> Result<Reply> {
        let region = self.regions.get(mr)?;
        let outside = || Refused::invalid("peek");
        let len = usize::try_from(len).ok().filter(|_| len <= MAX_PEEK);
        let mut bytes = vec![0; len.ok_or_else(outside)?];
        region.read(offset, &mut bytes).ok_or_else(outside)?;
        Ok(Reply::Bytes(bytes))
    }

    fn poke(&mut self, mr: u32, offset: u64, bytes: &[u8]) -> Result<Reply> {
        let written = self.regions.get(mr)?.write(offset, bytes);
        written
            .map(|()| Reply::Done)
            .ok_or_else(|| Refused::invalid("poke"))
    }

    fn hash(&self, mr: u32, offset: u64, len: u64) -> Result<String> {
        let region = self.regions.get(mr)?;
        let outside = || Refused::invalid("hash");
        let mut hash = Sha256::new();
        let mut block = [0; 4096];
        let mut at = 0;
        while at < len {
            let part = block
                .len()
                .min(usize::try_from(len - at).unwrap_or(usize::MAX));
            let part = block.get_mut(..part).ok_or_else(outside)?;
            let from = offset.checked_add(at).ok_or_else(outside)?;
            region.read(from, part).ok_or_else(outside)?;
            hash.update(&*part);
            at += part.len() as u64;
        }
        let mut text = String::new();
        for byte in hash.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(text)
    }

    fn hashes(&self, mr: u32, offset: u64, len: u64, step: u64, count: u32) -> Result<Reply> {
        let outside = || Refused::invalid("hashes");
        if count as usize > MAX_OBJECTS {
            return Err(outside());
        }
        let one = |index: u64| {
            let from = step
                .checked_mul(index)
                .and_then(|at| at.checked_add(offset));
            self.hash(mr, from.ok_or_else(outside)?, len)
        };
        let hashes = (0..u64::from(count)).map(one).collect::<Result<Vec<_>>>()?;
        Ok(Reply::Hashes(hashes))
    }

    fn create_srq(&mut self, max_wr: u32, limit: u32) -> Result<Reply> {
        let srq = SharedReceives::new(&self.opened()?.domain, max_wr)?;
        if limit > 0 {
            srq.limit(limit)?;
        }
        let handle = self.shared.insert((srq, max_wr))?;
        Ok(Reply::Created { handle, qpn: 0 })
    }

    fn create_qp(&mut self, wanted: &CreateQp, id: Option<Id>) -> Result<Reply> {
        let opened = self.opened()?;
        let shared = wanted.srq.map(|srq| self.shared.get(srq)).transpose()?;
        let shared = shared.map(|(srq, depth)| (srq, *depth));
        let pair = Pair::new(&opened.domain, &opened.channel, shared, wanted, id)?;
        let qpn = pair.number();
        let (sends, receives) = (VecDeque::new(), VecDeque::new());
        let handle = self.pairs.insert(Entry {
            pair,
            sends,
            receives,
        })?;
        Ok(Reply::Created { handle, qpn })
    }

    fn post_sends(&mut self, qp: u32, work: &[SendWork]) -> Result<Reply> {
        let work = work
            .iter()
            .map(|work| self.send(work))
            .collect::<Result<Vec<_>>>()?;
        self.pairs.get(qp)?.pair.post_sends(&work)?;
        Ok(Reply::Done)
    }

    fn post_receives(&mut self, qp: u32, work: &[RecvWork]) -> Result<Reply> {
        let work = self.receives(work)?;
        self.pairs.get(qp)?.pair.post_receives(&work)?;
        Ok(Reply::Done)
    }

    fn post_shared(&mut self, srq: u32, work: &[RecvWork]) -> Result<Reply> {
        let work = self.receives(work)?;
        self.shared.get(srq)?.0.post(&work)?;
        Ok(Reply::Done)
    }

    fn receives(&self, work: &[RecvWork]) -> Result<Vec<Receive>> {
        let one = |work: &RecvWork| {
            let local = self.local(&work.local)?;
            Ok(Receive { wr: work.wr, local })
        };
        work.iter().map(one).collect()
    }

    /// Ranges as the device wants them. That they are in their region the device checks.
    fn local(&self, ranges: &[Range]) -> Result<Vec<ibv_sge>> {
        let one = |range: &Range| {
            let region = self.regions.get(range.mr)?;
            Ok(ibv_sge {
                addr: region.address().wrapping_add(range.offset),
                length: range.len,
                lkey: region.keys().0,
            })
        };
        ranges.iter().map(one).collect()
    }

    fn send(&mut self, work: &SendWork) -> Result<Send> {
        let mut flags = ibv_send_flags(0);
        let bits = [
            (work.signaled, ibv_send_flags::IBV_SEND_SIGNALED),
            (work.solicited, ibv_send_flags::IBV_SEND_SOLICITED),
            (work.fence, ibv_send_flags::IBV_SEND_FENCE),
        ];
        for (given, bit) in bits {
            if given {
                flags |= bit;
            }
        }
        let to = match &work.to {
            Some(to) => Some(Target {
                handle: self.address(&to.address)?,
                qpn: to.qpn,
                qkey: to.qkey,
            }),
            None => None,
        };
        Ok(Send {
            wr: work.wr,
            op: work.op,
            local: self.local(&work.local)?,
            remote_address: work.remote_address,
            rkey: work.rkey,
            imm: work.imm,
            compare: work.compare,
            swap_or_add: work.swap_or_add,
            flags,
            to,
        })
    }

    fn address(&mut self, address: &Address) -> Result<Rc<AddressHandle>> {
        let key = [
            &address.gid[..],
            &[address.gid_index, address.traffic_class, address.hop_limit],
            &address.flow_label.to_be_bytes(),
        ];
        let key = key.concat();
        if let Some(known) = self.handles.get(&key) {
            return Ok(Rc::clone(known));
        }
        if self.handles.len() >= MAX_HANDLES {
            return Err(Refused::invalid("ibv_create_ah"));
        }
        let made = AddressHandle::new(&self.opened()?.domain, address)?;
        self.handles.insert(key, Rc::clone(&made));
        Ok(made)
    }

    fn poll(&mut self, qp: u32, side: Side, count: u32, timeout_ms: u32) -> Result<Reply> {
        let deadline = Instant::now() + Duration::from_millis(timeout_ms.into());
        loop {
            let entry = self.pairs.get_mut(qp)?;
            entry.drain();
            let waiting = match side {
                Side::Send => &mut entry.sends,
                Side::Receive => &mut entry.receives,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if waiting.len() >= count as usize || left.is_zero() {
                let taken = waiting.len().min(count as usize);
                return Ok(Reply::Completions(waiting.drain(..taken).collect()));
            }
            self.await_announcement(left)?;
        }
    }

    fn wait(&mut self, timeout_ms: u32) -> Result<Reply> {
        let deadline = Instant::now() + Duration::from_millis(timeout_ms.into());
        loop {
            self.pairs.all().for_each(Entry::drain);
            let left = deadline.saturating_duration_since(Instant::now());
            let is_waiting =
                |entry: &mut Entry| !entry.sends.is_empty() || !entry.receives.is_empty();
            if left.is_zero() || self.pairs.all().any(is_waiting) {
                return Ok(Reply::Done);
            }
            self.await_announcement(left)?;
        }
    }

    fn await_announcement(&mut self, left: Duration) -> Result<()> {
        // Not less than a millisecond, or the last one would be spent in a loop.
        let left = u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1);
        if self.opened()?.channel.announced(left) {
            self.drain();
        }
        Ok(())
    }

    fn events(&mut self, timeout_ms: u32) -> Result<Reply> {
        const MAX_EVENTS: usize = 4096;
        let context = &self.opened()?.context;
        let mut events = Vec::new();
        let mut patience = timeout_ms;
        while let Some(event) = context.event(patience)? {
            events.push(event);
            patience = 0;
            if events.len() >= MAX_EVENTS {
                break;
            }
        }
        Ok(Reply::Events(events))
    }
}

/// Fills a region with the pattern of a seed.
fn paint(region: &Region, seed: u64) {
    let mut block = [0; 4096];
    let mut at = 0;
    while at < region.len() {
        let len = block
            .len()
            .min(usize::try_from(region.len() - at).unwrap_or(usize::MAX));
        let part = block.get_mut(..len).unwrap_or_default();
        pattern::fill(seed, at, part);
        if region.write(at, part).is_none() {
            return;
        }
        at += len as u64;
    }
}

fn repeat<T>(steps: &Steps, one: impl Fn(u64) -> T) -> Result<Vec<T>> {
    if steps.count as usize > MAX_OBJECTS {
        return Err(Refused::invalid("steps"));
    }
    Ok((0..u64::from(steps.count)).map(one).collect())
}

fn step(ranges: &[Range], by: u64) -> Vec<Range> {
    let one = |range: &Range| Range {
        offset: range.offset.wrapping_add(by),
        ..*range
    };
    ranges.iter().map(one).collect()
}

fn send_step(first: &SendWork, steps: &Steps, at: u64) -> SendWork {
    SendWork {
        wr: first.wr.wrapping_add(at),
        local: step(&first.local, steps.local.wrapping_mul(at)),
        remote_address: first
            .remote_address
            .wrapping_add(steps.remote.wrapping_mul(at)),
        ..first.clone()
    }
}

fn receive_step(first: &RecvWork, steps: &Steps, at: u64) -> RecvWork {
    RecvWork {
        wr: first.wr.wrapping_add(at),
        local: step(&first.local, steps.local.wrapping_mul(at)),
    }
}

fn work(entry: &ibv_wc) -> Work {
    let has = |flag: ibv_wc_flags| entry.wc_flags & flag.0 != 0;
    // SAFETY: both readings of the union are any 32 bits.
    let value = unsafe { entry.imm_data_invalidated_rkey_union.invalidated_rkey };
    Work {
        wr: entry.wr_id,
        status: names::status(entry.status),
        vendor_error: entry.vendor_err,
        opcode: names::opcode(entry.opcode),
        bytes: entry.byte_len,
        imm: has(ibv_wc_flags::IBV_WC_WITH_IMM).then(|| u32::from_be(value)),
        invalidated: has(ibv_wc_flags::IBV_WC_WITH_INV).then_some(value),
        grh: has(ibv_wc_flags::IBV_WC_GRH),
        qpn: entry.qp_num,
        src_qpn: entry.src_qp,
        at_ns: now_ns(),
    }
}

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0))
}

fn text(chars: &[std::os::raw::c_char]) -> String {
    let bytes = chars
        .iter()
        .map(|byte| *byte as u8)
        .take_while(|byte| *byte != 0);
    String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned()
}

/// The first RoCEv2 GID of an address of the family, or else the first of RoCEv2, or else the first.
fn best_gid(context: &Context, name: &str, ipv6: bool) -> u8 {
    /// IPv4 in IPv6, and addresses that no router passes.
    const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
    const LINK_LOCAL: [u8; 2] = [0xfe, 0x80];
    let types = format!("/sys/class/infiniband/{name}/ports/1/gid_attrs/types");
    let is_v2 = |index: &u8| {
        let kind = fs::read_to_string(Path::new(&types).join(index.to_string()));
        kind.is_ok_and(|kind| kind.trim() == "RoCE v2")
    };
    let v2: Vec<u8> = (0..=u8::MAX).filter(is_v2).collect();
    let fits = |&&index: &&u8| {
        context.gid(index).is_ok_and(|gid| match ipv6 {
            false => gid.starts_with(&MAPPED),
            true => !gid.starts_with(&MAPPED) && !gid.starts_with(&LINK_LOCAL),
        })
    };
    let best = v2.iter().find(fits).or(v2.first());
    best.copied().unwrap_or(0)
}

fn counters(device: &str) -> Reply {
    let mut counters = BTreeMap::new();
    for kind in ["counters", "hw_counters"] {
        let dir = format!("/sys/class/infiniband/{device}/ports/1/{kind}");
        let entries = fs::read_dir(dir).into_iter().flatten();
        for entry in entries.filter_map(std::result::Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let value = fs::read_to_string(entry.path()).unwrap_or_default();
            if let (Ok(value), false) = (value.trim().parse(), name == "lifespan") {
                counters.insert(format!("{device}/{name}"), value);
            }
        }
    }
    Reply::Counters(counters)
}

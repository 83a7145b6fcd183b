//! What scripts share: memory and queue pairs at both hosts.

use crate::evidence::Status;
use xoff_lab::agent::{
    Access, Address, AgentError, Attributes, CreateQp, Device, Pair, QpState, QpType, Range,
    RecvWork, Reply, Request, SendOp, SendWork, Side, Work, managed,
};

/// How long something may take that must come.
pub(super) const SOON_MS: u32 = 3000;
/// How long is waited for something that must not come.
pub(super) const NEVER_MS: u32 = 200;
/// Index of who asks, and of who answers.
pub(super) const NEAR: usize = 0;
pub(super) const FAR: usize = 1;

const HOP_LIMIT: u8 = 64;

/// Two devices.
pub(super) struct Rig<'a> {
    pair: &'a mut Pair,
    pub(super) devices: [Device; 2],
}

/// Registered memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) side: usize,
    pub(super) mr: u32,
    pub(super) address: u64,
    pub(super) rkey: u32,
    pub(super) len: u64,
}

impl Memory {
    pub(super) fn range(&self, offset: u64, len: u32) -> Range {
        Range {
            mr: self.mr,
            offset,
            len,
        }
    }
}

/// A queue pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    pub(super) side: usize,
    pub(super) qp: u32,
    pub(super) qpn: u32,
}

/// What a connection is to be like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) access: Access,
    pub(super) depth: u32,
    pub(super) srq: Option<u32>,
    pub(super) psn: u32,
    pub(super) rnr_retry: u8,
    /// READs and atomics that the requester starts, and that the responder keeps.
    pub(super) reads: [u8; 2],
}

impl Default for Wish {
    fn default() -> Wish {
        Wish {
            access: Access::ALL,
            depth: 32,
            srq: None,
            psn: 0x10_0000,
            rnr_retry: 6,
            reads: [4, 4],
        }
    }
}

impl Wish {
    const TIMEOUT: u8 = 14;
    const RETRY: u8 = 6;
    /// 1.28 ms.
    const RNR_TIMER: u8 = 14;
    const MTU: u32 = 1024;

    pub(super) fn init(&self) -> Attributes {
        Attributes {
            state: Some(QpState::Init),
            access: Some(self.access),
            pkey_index: Some(0),
            port: Some(1),
            ..Attributes::default()
        }
    }

    pub(super) fn rtr(&self, side: usize, devices: &[Device; 2], peer: u32) -> Attributes {
        Attributes {
            state: Some(QpState::Rtr),
            path_mtu: Some(Self::MTU),
            dest_qpn: Some(peer),
            rq_psn: Some(self.psn),
            max_dest_rd_atomic: Some(self.reads[if side == FAR { 1 } else { 0 }]),
            min_rnr_timer: Some(Self::RNR_TIMER),
            address: Some(address(side, devices)),
            ..Attributes::default()
        }
    }

    pub(super) fn rts(&self, side: usize) -> Attributes {
        Attributes {
            state: Some(QpState::Rts),
            sq_psn: Some(self.psn),
            max_rd_atomic: Some(self.reads[if side == FAR { 1 } else { 0 }].max(1)),
            timeout: Some(Self::TIMEOUT),
            retry_cnt: Some(Self::RETRY),
            rnr_retry: Some(self.rnr_retry),
            ..Attributes::default()
        }
    }
}

/// The way from a side to the other.
pub(super) fn address(side: usize, devices: &[Device; 2]) -> Address {
    let [near, far] = devices;
    let (from, to) = if side == NEAR {
        (near, far)
    } else {
        (far, near)
    };
    Address {
        gid: to.gid.clone(),
        gid_index: from.gid_index,
        traffic_class: 0,
        flow_label: 0,
        hop_limit: HOP_LIMIT,
    }
}

/// A request that names remote memory.
pub(super) fn remote(wr: u64, op: SendOp, local: Vec<Range>, to: &Memory, at: u64) -> SendWork {
    SendWork {
        remote_address: to.address.wrapping_add(at),
        rkey: to.rkey,
        ..SendWork::new(wr, op, local)
    }
}

impl<'a> Rig<'a> {
    pub(super) fn open(pair: &'a mut Pair) -> Result<Rig<'a>, AgentError> {
        let mut devices: [Device; 2] = Default::default();
        for (agent, device) in pair.agents.iter_mut().zip(&mut devices) {
            *device = agent.open(false)?;
        }
        managed::listen(&mut pair.agents, &devices)?;
        Ok(Rig { pair, devices })
    }

    /// The check is skipped.
    pub(super) fn lacks<T>(&self, side: usize, what: &str) -> Result<T, AgentError> {
        let host = self.pair.agents[side].host.clone();
        let what = what.to_owned();
        Err(AgentError::Lacks { host, what })
    }

    fn nonsense<T>(&self, side: usize, reply: &Reply) -> Result<T, AgentError> {
        Err(self.pair.agents[side].nonsense(reply))
    }

    pub(super) fn ask(&mut self, side: usize, request: &Request) -> Result<Reply, AgentError> {
        self.pair.agents[side].ask(request)
    }

    pub(super) fn done(&mut self, side: usize, request: &Request) -> Result<(), AgentError> {
        self.pair.agents[side].done(request)
    }

    /// Whether something is refused.
    pub(super) fn refuses(&mut self, side: usize, request: &Request) -> Result<bool, AgentError> {
        let reply = self.pair.agents[side].call(request)?;
        Ok(matches!(reply, Reply::Failed { .. }))
    }

    pub(super) fn memory(
        &mut self,
        side: usize,
        len: u64,
        access: Access,
    ) -> Result<Memory, AgentError> {
        // Apart on both sides, or a transfer would change nothing.
        let seed = 1 + side as u64;
        match self.ask(side, &Request::Register { len, access, seed })? {
            Reply::Registered {
                mr, address, rkey, ..
            } => Ok(Memory {
                side,
                mr,
                address,
                rkey,
                len,
            }),
            other => self.nonsense(side, &other),
        }
    }

    pub(super) fn hash(&mut self, memory: &Memory) -> Result<String, AgentError> {
        self.hash_of(memory, 0, memory.len)
    }

    pub(super) fn hash_of(
        &mut self,
        memory: &Memory,
        offset: u64,
        len: u64,
    ) -> Result<String, AgentError> {
        let mr = memory.mr;
        match self.ask(memory.side, &Request::Hash { mr, offset, len })? {
            Reply::Hash(hash) => Ok(hash),
            other => self.nonsense(memory.side, &other),
        }
    }

    pub(super) fn peek(
        &mut self,
        memory: &Memory,
        offset: u64,
        len: u64,
    ) -> Result<Vec<u8>, AgentError> {
        let mr = memory.mr;
        match self.ask(memory.side, &Request::Peek { mr, offset, len })? {
            Reply::Bytes(bytes) => Ok(bytes),
            other => self.nonsense(memory.side, &other),
        }
    }

    pub(super) fn create(
        &mut self,
        side: usize,
        kind: QpType,
        depth: u32,
        srq: Option<u32>,
    ) -> Result<Queue, AgentError> {
        let wanted = wanted(kind, depth, srq);
        match self.ask(side, &Request::CreateQp(wanted))? {
            Reply::Created { handle, qpn } => Ok(Queue {
                side,
                qp: handle,
                qpn,
            }),
            other => self.nonsense(side, &other),
        }
    }

    pub(super) fn modify(
        &mut self,
        queue: Queue,
        attributes: Attributes,
    ) -> Result<(), AgentError> {
        let qp = queue.qp;
        self.done(queue.side, &Request::ModifyQp { qp, attributes })
    }

    /// To a state that needs nothing else.
    pub(super) fn to(&mut self, queue: Queue, state: QpState) -> Result<(), AgentError> {
        let attributes = Attributes {
            state: Some(state),
            ..Attributes::default()
        };
        self.modify(queue, attributes)
    }

    /// Whether a queue pair that may send goes to SQD. Not every adapter has that state: mlx5 of
    /// Linux refuses it.
    pub(super) fn drains(&mut self, queue: Queue, notify: bool) -> Result<bool, AgentError> {
        let attributes = Attributes {
            state: Some(QpState::Sqd),
            sqd_async_notify: notify.then_some(true),
            ..Attributes::default()
        };
        let qp = queue.qp;
        let refused = self.refuses(queue.side, &Request::ModifyQp { qp, attributes })?;
        Ok(!refused)
    }

    pub(super) fn state(&mut self, queue: Queue) -> Result<QpState, AgentError> {
        let qp = queue.qp;
        match self.ask(queue.side, &Request::QueryQp { qp })? {
            Reply::State(state) => Ok(state),
            other => self.nonsense(queue.side, &other),
        }
    }

    /// From RESET to RTS.
    pub(super) fn raise(&mut self, queue: Queue, wish: &Wish, peer: u32) -> Result<(), AgentError> {
        let rtr = wish.rtr(queue.side, &self.devices, peer);
        for attributes in [wish.init(), rtr, wish.rts(queue.side)] {
            self.modify(queue, attributes)?;
        }
        Ok(())
    }

    /// A reliable connection: requester and responder.
    pub(super) fn connect(&mut self, wish: &Wish) -> Result<[Queue; 2], AgentError> {
        if self.devices[FAR].managed.is_some() {
            return self.connect_managed(wish);
        }
        let near = self.create(NEAR, QpType::Rc, wish.depth, None)?;
        let far = self.create(FAR, QpType::Rc, wish.depth, wish.srq)?;
        self.raise(far, wish, near.qpn)?;
        self.raise(near, wish, far.qpn)?;
        Ok([near, far])
    }

    fn connect_managed(&mut self, wish: &Wish) -> Result<[Queue; 2], AgentError> {
        let [near, far] = &self.devices;
        let queues = [None, wish.srq].map(|srq| wanted(QpType::Rc, wish.depth, srq));
        let agents = &mut self.pair.agents;
        let begun = managed::begin(agents, [NEAR, FAR], [near, far], queues, wish.reads)?;
        managed::finish(agents, &begun)?;
        let queue = |side: usize| {
            let (qp, qpn) = begun.queues[side];
            Queue { side, qp, qpn }
        };
        Ok([queue(NEAR), queue(FAR)])
    }

    pub(super) fn send(&mut self, queue: Queue, work: Vec<SendWork>) -> Result<(), AgentError> {
        let qp = queue.qp;
        self.done(queue.side, &Request::PostSend { qp, work })
    }

    pub(super) fn receive(&mut self, queue: Queue, work: Vec<RecvWork>) -> Result<(), AgentError> {
        let qp = queue.qp;
        self.done(queue.side, &Request::PostRecv { qp, work })
    }

    pub(super) fn poll(
        &mut self,
        queue: Queue,
        side: Side,
        count: u32,
        timeout_ms: u32,
    ) -> Result<Vec<Work>, AgentError> {
        let request = Request::Poll {
            qp: queue.qp,
            side,
            count,
            timeout_ms,
        };
        match self.ask(queue.side, &request)? {
            Reply::Completions(works) => Ok(works),
            other => self.nonsense(queue.side, &other),
        }
    }

    /// Posts one request and gives the status of its completion; None: it has none.
    pub(super) fn one(
        &mut self,
        queue: Queue,
        work: SendWork,
    ) -> Result<Option<Status>, AgentError> {
        self.send(queue, vec![work])?;
        let works = self.poll(queue, Side::Send, 1, SOON_MS)?;
        Ok(works.first().map(|work| work.status))
    }

    pub(super) fn events(
        &mut self,
        side: usize,
        timeout_ms: u32,
    ) -> Result<Vec<(String, u32)>, AgentError> {
        match self.ask(side, &Request::Events { timeout_ms })? {
            Reply::Events(events) => Ok(events),
            other => self.nonsense(side, &other),
        }
    }

    /// A counter of the device; 0: it has none of this name.
    pub(super) fn counter(&mut self, side: usize, name: &str) -> Result<Option<u64>, AgentError> {
        let key = format!("{}/{name}", self.devices[side].name);
        match self.ask(side, &Request::Counters)? {
            Reply::Counters(all) => Ok(all.get(&key).copied()),
            other => self.nonsense(side, &other),
        }
    }
}

fn wanted(kind: QpType, depth: u32, srq: Option<u32>) -> CreateQp {
    CreateQp {
        kind,
        send_depth: depth,
        recv_depth: depth,
        max_sge: 2,
        srq,
        signal_all: true,
    }
}

/// A status, or that there is none, as faults say it.
pub(super) fn said(status: Option<Status>) -> String {
    match status {
        Some(status) => format!("{status:?}"),
        None => "no completion".to_owned(),
    }
}

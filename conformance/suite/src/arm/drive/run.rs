//! Posting and polling until all is done.

use super::plan::QKEY;
use super::{Connected, Task, post_receives, runs, succeeded};
use crate::evidence::Completion;
use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};
use xoff_lab::agent::{
    Agent, AgentError, Datagram, Range, Reply, Request, SendOp, SendWork, Side, Steps, Work,
};
use xoff_model::{Op, Transport};

/// Completions that are taken at a time.
const BATCH: u32 = 64;
/// How long an agent waits for something to happen before the next is asked.
const WAIT_MS: u32 = 5;

/// A receive that completed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub(super) completion: Completion,
    pub(super) bytes: u64,
}

/// How far a flow is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    posted: u64,
    pub(super) completions: Vec<Completion>,
    /// An error ended it.
    failed: bool,
    receives: u64,
    pub(super) received: Vec<Received>,
    receiver_failed: bool,
    /// When receives are to be posted again.
    reposts: VecDeque<Instant>,
}

impl Progress {
    fn succeeded(&self) -> u64 {
        self.completions.iter().filter(|c| succeeded(c)).count() as u64
    }

    fn sender_done(&self, flow: &Connected) -> bool {
        let completed = self.completions.len() as u64;
        completed >= flow.plan.messages || (self.failed && completed >= self.posted)
    }

    /// Whether everything arrived that is known to have arrived.
    fn receiver_done(&self, flow: &Connected) -> bool {
        let arrived = self.received.iter().filter(|r| succeeded(&r.completion));
        let sure = flow.plan.op != Op::Send || arrived.count() as u64 >= self.succeeded();
        sure && (flow.plan.transport == Transport::Rc || flow.plan.op == Op::Send)
    }

    fn window(&self, flow: &Connected) -> u64 {
        let plan = &flow.plan;
        let waiting = self.posted.saturating_sub(self.completions.len() as u64);
        let mut room = plan.window.saturating_sub(waiting);
        room = room.min(plan.messages.saturating_sub(self.posted));
        // Where the scenario wants no shortage, nothing is sent that has no receive.
        if plan.op == Op::Send && plan.ample && !self.receiver_failed {
            room = room.min(self.receives.saturating_sub(self.posted));
        }
        if self.failed { 0 } else { room }
    }

    fn take_sends(&mut self, works: &[Work]) {
        for work in works {
            let completion = completion(work);
            self.failed |= !succeeded(&completion);
            self.completions.push(completion);
        }
    }

    fn take_receives(&mut self, works: &[Work], repost: Duration) {
        for work in works {
            let completion = completion(work);
            if succeeded(&completion) {
                self.reposts.push_back(Instant::now() + repost);
            } else {
                self.receiver_failed = true;
            }
            self.received.push(Received {
                completion,
                bytes: work.bytes.into(),
            });
        }
    }
}

fn completion(work: &Work) -> Completion {
    Completion {
        wr: work.wr,
        status: work.status,
        at_ns: work.at_ns,
    }
}

/// Runs all flows to their ends, or until there is no patience left.
pub(super) fn run(
    agents: &mut [Agent],
    flows: &[Connected],
    task: &Task,
) -> Result<Vec<Progress>, AgentError> {
    let begun = Instant::now();
    let mut all: Vec<Progress> = flows
        .iter()
        .map(|flow| Progress {
            receives: if flow.plan.op == Op::Send {
                flow.plan.receives
            } else {
                0
            },
            ..Progress::default()
        })
        .collect();
    let mut last = begun;
    let mut turn = 0usize;
    while begun.elapsed() < task.patience {
        let mut happened = false;
        for (flow, progress) in flows.iter().zip(&mut all) {
            happened |= post(agents, flow, progress, begun)?;
        }
        for index in 0..agents.len() {
            happened |= poll(agents, index, flows, &mut all)?;
        }
        if happened {
            last = Instant::now();
            continue;
        }
        let mut both = flows.iter().zip(&all);
        if both.all(|(flow, progress)| progress.sender_done(flow)) {
            let mut both = flows.iter().zip(&all);
            let sure = both.all(|(flow, progress)| progress.receiver_done(flow));
            if sure || last.elapsed() >= task.quiet {
                break;
            }
        }
        turn = (turn + 1) % agents.len().max(1);
        if let Some(agent) = agents.get_mut(turn) {
            let timeout_ms = WAIT_MS;
            agent.done(&Request::Wait { timeout_ms })?;
        }
    }
    // What is still on its way belongs to the evidence.
    thread::sleep(task.quiet);
    for index in 0..agents.len() {
        poll(agents, index, flows, &mut all)?;
    }
    Ok(all)
}

/// Posts what may be posted; whether there was something.
fn post(
    agents: &mut [Agent],
    flow: &Connected,
    progress: &mut Progress,
    begun: Instant,
) -> Result<bool, AgentError> {
    let plan = &flow.plan;
    let mut posted = false;
    let now = Instant::now();
    let mut due = 0;
    while progress.reposts.front().is_some_and(|at| *at <= now) {
        progress.reposts.pop_front();
        due += 1;
    }
    if due > 0
        && !progress.receiver_failed
        && let Some(agent) = agents.get_mut(flow.ends[1].agent)
    {
        let left = plan.messages.saturating_sub(progress.receives);
        let count = due.min(left);
        post_receives(agent, plan, flow.ends[1], progress.receives, count)?;
        progress.receives += count;
        posted |= count > 0;
    }
    let room = progress.window(flow);
    if room == 0 || begun.elapsed() < Duration::from_nanos(plan.start_ns) {
        return Ok(posted);
    }
    if let Some(agent) = agents.get_mut(flow.ends[0].agent) {
        for (wr, count) in pieces(flow, progress.posted, room) {
            agent.done(&sends(flow, wr, count))?;
            progress.posted += count;
        }
        posted = true;
    }
    Ok(posted)
}

/// Rows of equal messages: the last is shorter.
fn pieces(flow: &Connected, from: u64, count: u64) -> Vec<(u64, u64)> {
    let plan = &flow.plan;
    let end = from + count;
    if end == plan.messages && plan.len(end - 1) != plan.message_bytes {
        let mut pieces = runs(plan.slots(), from, count - 1);
        pieces.push((end - 1, 1));
        return pieces;
    }
    runs(plan.slots(), from, count)
}

fn sends(flow: &Connected, wr: u64, count: u64) -> Request {
    let plan = &flow.plan;
    let slot = wr % plan.slots();
    let remote = match plan.op {
        Op::Atomic => 0,
        Op::Send | Op::Write | Op::Read => plan.step(1),
    };
    let to = plan.datagram().then(|| Datagram {
        address: plan.address(0, &flow.devices),
        qpn: flow.ends[1].qpn,
        qkey: QKEY,
    });
    let first = SendWork {
        wr,
        op: match plan.op {
            Op::Send => SendOp::Send,
            Op::Write => SendOp::Write,
            Op::Read => SendOp::Read,
            Op::Atomic => SendOp::FetchAdd,
        },
        local: vec![Range {
            mr: flow.ends[0].mr,
            offset: slot * plan.step(0),
            len: plan.len(wr) as u32,
        }],
        remote_address: flow.ends[1].address.wrapping_add(slot * remote),
        rkey: flow.ends[1].rkey,
        imm: 0,
        compare: 0,
        swap_or_add: 1,
        signaled: true,
        solicited: false,
        fence: false,
        to,
    };
    let steps = Steps {
        count: count as u32,
        local: plan.step(0),
        remote,
    };
    Request::PostSends {
        qp: flow.ends[0].qp,
        first,
        steps,
    }
}

/// Takes completions at one agent; whether there were any.
fn poll(
    agents: &mut [Agent],
    index: usize,
    flows: &[Connected],
    all: &mut [Progress],
) -> Result<bool, AgentError> {
    let mut asked = Vec::new();
    let mut whose = Vec::new();
    for (number, (flow, progress)) in flows.iter().zip(all.iter()).enumerate() {
        let sends = flow.ends[0].agent == index && !progress.sender_done(flow);
        let receives = flow.ends[1].agent == index && flow.plan.op == Op::Send;
        let sides = [(sends, Side::Send, 0), (receives, Side::Receive, 1)];
        for (_, side, end) in sides.into_iter().filter(|(wanted, ..)| *wanted) {
            whose.push((number, side));
            asked.push(Request::Poll {
                qp: flow.ends[end].qp,
                side,
                count: BATCH,
                timeout_ms: 0,
            });
        }
    }
    let Some(agent) = agents.get_mut(index).filter(|_| !asked.is_empty()) else {
        return Ok(false);
    };
    let mut happened = false;
    for (reply, (number, side)) in agent.batch(asked)?.into_iter().zip(whose) {
        let works = match reply {
            Reply::Completions(works) => works,
            other => return Err(agent.nonsense(&other)),
        };
        let (Some(progress), Some(flow)) = (all.get_mut(number), flows.get(number)) else {
            continue;
        };
        happened |= !works.is_empty();
        match side {
            Side::Send => progress.take_sends(&works),
            Side::Receive => {
                let repost = Duration::from_nanos(flow.plan.repost_ns);
                progress.take_receives(&works, repost);
            }
        }
    }
    Ok(happened)
}

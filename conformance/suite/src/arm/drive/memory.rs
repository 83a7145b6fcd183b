//! Whether what arrived is what was sent.

use super::plan::GRH;
use super::run::Progress;
use super::{Connected, succeeded};
use std::collections::BTreeSet;
use xoff_lab::agent::{Agent, AgentError, Reply, Request};
use xoff_model::{Op, Transport};

/// Messages, or packets, that are looked at one by one.
const MAX_PRINTS: u64 = 4096;
/// Ranges that one request asks for.
const BATCH: u64 = 512;
/// Bytes that one request asks for.
const PEEK: u64 = 4096;

/// Hashes of ranges.
pub(super) type Prints = Vec<String>;

/// None: cannot be told, or there is nothing to tell.
pub(super) fn intact(
    agents: &mut [Agent],
    flow: &Connected,
    progress: &Progress,
) -> Result<Option<bool>, AgentError> {
    match (flow.plan.op, flow.plan.transport) {
        (Op::Atomic, _) => atomics(agents, flow, progress),
        (Op::Send, _) => receives(agents, flow, progress),
        (Op::Write, Transport::Uc) => pieces(agents, flow),
        (Op::Write | Op::Read, _) => places(agents, flow, progress),
    }
}

/// The memory of a side at an offset, hashed.
fn hashes(
    agents: &mut [Agent],
    flow: &Connected,
    side: usize,
    (offset, len): (u64, u64),
    (step, count): (u64, u64),
) -> Result<Prints, AgentError> {
    let end = flow.ends[side];
    let Some(agent) = agents.get_mut(end.agent) else {
        return Ok(Vec::new());
    };
    let mut prints = Vec::new();
    let mut at = 0;
    while at < count {
        let here = BATCH.min(count - at);
        let request = Request::Hashes {
            mr: end.mr,
            offset: offset + at * step,
            len,
            step,
            count: here as u32,
        };
        match agent.ask(&request)? {
            Reply::Hashes(more) => prints.extend(more),
            other => return Err(agent.nonsense(&other)),
        }
        at += here;
    }
    Ok(prints)
}

/// A hash for each message in the places of a side.
fn messages(
    agents: &mut [Agent],
    flow: &Connected,
    side: usize,
    count: u64,
) -> Result<Prints, AgentError> {
    let plan = &flow.plan;
    let skip = if side == 1 && plan.datagram() { GRH } else { 0 };
    let step = plan.step(side);
    let full = count - u64::from(plan.len(count - 1) != plan.message_bytes);
    let len = plan.message_bytes;
    let mut prints = hashes(agents, flow, side, (skip, len), (step, full))?;
    if full < count {
        let last = (skip + full * step, plan.len(full));
        prints.extend(hashes(agents, flow, side, last, (step, 1))?);
    }
    Ok(prints)
}

/// WRITE and READ over a reliable connection: the places of completed messages are equal.
fn places(
    agents: &mut [Agent],
    flow: &Connected,
    progress: &Progress,
) -> Result<Option<bool>, AgentError> {
    let plan = &flow.plan;
    let done: BTreeSet<u64> = progress
        .completions
        .iter()
        .filter(|c| succeeded(c))
        .map(|c| c.wr)
        .collect();
    if done.is_empty() {
        return Ok(None);
    }
    if done.len() as u64 == plan.messages && (plan.bytes == plan.slots() * plan.message_bytes) {
        let whole = (0, plan.bytes);
        let near = hashes(agents, flow, 0, whole, (0, 1))?;
        return Ok(Some(near == hashes(agents, flow, 1, whole, (0, 1))?));
    }
    if plan.slots() > MAX_PRINTS || plan.slots() < plan.messages {
        return Ok(None);
    }
    let near = messages(agents, flow, 0, plan.messages)?;
    let far = messages(agents, flow, 1, plan.messages)?;
    let same = |wr: &u64| near.get(*wr as usize) == far.get(*wr as usize);
    Ok(Some(done.iter().all(same)))
}

/// SEND: what was received is what was sent, in order, over a reliable connection without gaps.
fn receives(
    agents: &mut [Agent],
    flow: &Connected,
    progress: &Progress,
) -> Result<Option<bool>, AgentError> {
    let plan = &flow.plan;
    let arrived: Vec<_> = progress
        .received
        .iter()
        .filter(|received| succeeded(&received.completion))
        .collect();
    let many = plan.slots() > MAX_PRINTS || plan.slots() < plan.messages;
    if arrived.is_empty() || many {
        return Ok(None);
    }
    let sent = messages(agents, flow, 0, plan.messages)?;
    let header = if plan.datagram() { GRH } else { 0 };
    let step = plan.step(1);
    let mut next = 0;
    for received in arrived {
        let len = received.bytes.saturating_sub(header);
        let place = received.completion.wr % plan.slots() * step + header;
        if len > plan.message_bytes {
            return Ok(Some(false));
        }
        let print = hashes(agents, flow, 1, (place, len), (step, 1))?;
        let from = sent.get(next..).unwrap_or_default();
        let Some(at) = from.iter().position(|sent| Some(sent) == print.first()) else {
            return Ok(Some(false));
        };
        if at != 0 && plan.transport == Transport::Rc {
            return Ok(Some(false));
        }
        next += at + 1;
    }
    Ok(Some(true))
}

/// A hash for each packet's payload in the places of a side; None: too many.
pub(super) fn prints(
    agents: &mut [Agent],
    flow: &Connected,
    side: usize,
) -> Result<Option<Prints>, AgentError> {
    let plan = &flow.plan;
    let mtu = u64::from(plan.mtu);
    if plan.messages > plan.slots()
        || plan.messages.saturating_mul(plan.message_bytes / mtu + 1) > MAX_PRINTS
    {
        return Ok(None);
    }
    let mut prints = Vec::new();
    for message in 0..plan.messages {
        let (start, len) = (message * plan.step(side), plan.len(message));
        let full = len / mtu;
        prints.extend(hashes(agents, flow, side, (start, mtu), (mtu, full))?);
        if full * mtu < len {
            let rest = (start + full * mtu, len - full * mtu);
            prints.extend(hashes(agents, flow, side, rest, (0, 1))?);
        }
    }
    Ok(Some(prints))
}

/// WRITE over an unreliable connection: a packet arrives as it was sent, or not at all.
fn pieces(agents: &mut [Agent], flow: &Connected) -> Result<Option<bool>, AgentError> {
    let sent = prints(agents, flow, 0)?;
    let after = prints(agents, flow, 1)?;
    let (Some(sent), Some(before), Some(after)) = (sent, &flow.before, after) else {
        return Ok(None);
    };
    let right =
        |((after, sent), before): ((&String, &String), &String)| after == sent || after == before;
    let mut all = after.iter().zip(&sent).zip(before);
    Ok(Some(sent.len() == after.len() && all.all(right)))
}

/// Fetch-and-add by one: every request was made once, and each saw another value.
fn atomics(
    agents: &mut [Agent],
    flow: &Connected,
    progress: &Progress,
) -> Result<Option<bool>, AgentError> {
    let plan = &flow.plan;
    if plan.slots() < plan.messages {
        return Ok(None);
    }
    let counter = words(agents, flow, 1, 1)?.first().copied();
    let seen = words(agents, flow, 0, plan.messages)?;
    let done: Vec<u64> = progress
        .completions
        .iter()
        .filter(|c| succeeded(c))
        .map(|c| c.wr)
        .collect();
    let originals: BTreeSet<u64> = done
        .iter()
        .filter_map(|wr| seen.get(*wr as usize).copied())
        .collect();
    let counter = counter.unwrap_or_default();
    let posted = progress.completions.len() as u64;
    let distinct = originals.len() == done.len();
    let below = originals.last().is_none_or(|last| *last < counter);
    let once = (done.len() as u64..=posted).contains(&counter);
    Ok(Some(distinct && below && once))
}

/// The first words of a side's memory.
fn words(
    agents: &mut [Agent],
    flow: &Connected,
    side: usize,
    count: u64,
) -> Result<Vec<u64>, AgentError> {
    let end = flow.ends[side];
    let Some(agent) = agents.get_mut(end.agent) else {
        return Ok(Vec::new());
    };
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < count * 8 {
        let offset = bytes.len() as u64;
        let request = Request::Peek {
            mr: end.mr,
            offset,
            len: PEEK.min(count * 8 - offset),
        };
        match agent.ask(&request)? {
            Reply::Bytes(more) if !more.is_empty() => bytes.extend(more),
            other => return Err(agent.nonsense(&other)),
        }
    }
    let (words, _) = bytes.as_chunks::<8>();
    Ok(words.iter().map(|word| u64::from_ne_bytes(*word)).collect())
}

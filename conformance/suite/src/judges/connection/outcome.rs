//! What the applications got.

use crate::Judged;
use crate::evidence::{Flow, Status};
use crate::exchange::Exchange;
use xoff_model::Op;

/// The first completion that is no success.
pub(super) fn first_error(flow: &Flow) -> Option<(usize, Status)> {
    let mut completions = flow.completions.iter().enumerate();
    completions
        .find(|(_, completion)| completion.status != Status::Success)
        .map(|(index, completion)| (index, completion.status))
}

pub(super) fn successes(flow: &Flow) -> u64 {
    let done = flow.completions.iter();
    done.filter(|c| c.status == Status::Success).count() as u64
}

/// What is wrong if every message must have arrived once, whole and in order.
pub(in crate::judges) fn complaint(flow: &Flow) -> Option<String> {
    let name = &flow.name;
    if let Some((index, status)) = first_error(flow) {
        let status = status.name();
        return Some(format!("{name}: message {index} completed with {status}"));
    }
    let (done, messages) = (flow.completions.len() as u64, flow.messages);
    if done != messages {
        return Some(format!(
            "{name}: {done} completions for {messages} messages"
        ));
    }
    let mut order = (0..).zip(&flow.completions);
    if let Some((index, other)) = order.find(|(index, c)| c.wr != *index) {
        let wr = other.wr;
        return Some(format!(
            "{name}: completion {index} is that of message {wr}"
        ));
    }
    let received = flow.received.iter();
    let received = received.filter(|c| c.status == Status::Success).count() as u64;
    if flow.op == Op::Send && !flow.received.is_empty() && received != messages {
        return Some(format!(
            "{name}: {received} receives for {messages} messages"
        ));
    }
    (flow.intact == Some(false)).then(|| format!("{name}: what arrived is not what was sent"))
}

/// Finds fault unless all arrived once, whole and in order; `frames` show what was done to them.
pub(super) fn expect_whole(judged: &mut Judged, exchange: &Exchange<'_>, frames: &[u64]) {
    if let Some(complaint) = complaint(exchange.flow) {
        judged.fault(complaint, frames);
    }
}

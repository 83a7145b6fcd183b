//! iWARP: what a responder refuses, and what becomes of the rest. Codes of completions are not those
//! of InfiniBand: a WRITE is done when TCP has it, and an error ends the connection.

use super::rig::{FAR, Memory, NEAR, NEVER_MS, Queue, Rig, SOON_MS, Wish, remote};
use crate::Judged;
use crate::evidence::Status;
use std::thread;
use std::time::{Duration, Instant};
use xoff_checks::iwarp::{POSTED_AFTER_END, READ_RESPONDER_LIVES, READ_WITHOUT_RIGHT};
use xoff_lab::agent::{
    Access, AgentError, Pair, QpState, RecvWork, Request, SendOp, SendWork, Side, Work,
};

const LEN: u64 = 8192;
const READ_ONLY: Access = Access {
    remote_write: false,
    ..Access::ALL
};
const WRITE_ONLY: Access = Access {
    remote_read: false,
    ..Access::ALL
};
/// What iWARP devices register.
const ALL: Access = Access {
    remote_atomic: false,
    ..Access::ALL
};

/// Requests that must not be done, by operation: where each begins, its length, what the region
/// allows, and how its key is wrong.
fn forbidden(op: SendOp) -> [(&'static str, u64, u32, Access, u32); 5] {
    let without = if op == SendOp::Read {
        WRITE_ONLY
    } else {
        READ_ONLY
    };
    [
        ("another key", 0, 64, ALL, 0x100),
        ("one byte beyond the end", LEN - 63, 64, ALL, 0),
        ("one byte before the start", u64::MAX, 64, ALL, 0),
        ("far beyond the end", 1 << 40, 64, ALL, 0),
        ("no right", 0, 64, without, 0),
    ]
}

/// They leave no trace in memory.
pub(super) fn refuse(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    let mut cases = 0;
    for op in [SendOp::Write, SendOp::Read] {
        for (what, at, len, access, key) in forbidden(op) {
            let near = rig.memory(NEAR, LEN, ALL)?;
            let far = rig.memory(FAR, LEN, access)?;
            let before = (rig.hash(&near)?, rig.hash(&far)?);
            let [queue, _] = rig.connect(&Wish::default())?;
            let mut work = remote(0, op, vec![near.range(0, len)], &far, at);
            work.rkey ^= key;
            let status = rig.one(queue, work)?;
            let without_right = op == SendOp::Read && access == WRITE_ONLY;
            let symptom = without_right.then_some(&READ_WITHOUT_RIGHT);
            let what = format!("{op:?} with {what}");
            // A WRITE is done when TCP has it.
            let refused = op == SendOp::Write || status != Some(Status::Success);
            judged.expect_not(symptom, refused, &[], || {
                format!("{what}: completes with success")
            });
            if op == SendOp::Write {
                ended(&mut rig, queue)?;
            }
            let after = (rig.hash(&near)?, rig.hash(&far)?);
            judged.expect_not(symptom, before == after, &[], || {
                format!("{what}: changes memory")
            });
            cases += 1;
        }
    }
    judged.detail = format!("{cases} requests refused");
    Ok(judged)
}

/// A request that is refused is the end of the connection at both hosts.
pub(super) fn end(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    for op in [SendOp::Write, SendOp::Read] {
        let near = rig.memory(NEAR, 64, ALL)?;
        let far = rig.memory(FAR, 64, ALL)?;
        let queues = rig.connect(&Wish::default())?;
        post_receives(&mut rig, queues, [&near, &far])?;
        let mut work = remote(0, op, vec![near.range(0, 64)], &far, 0);
        work.rkey ^= 0x100;
        rig.one(queues[0], work)?;
        for (queue, who) in queues.into_iter().zip(["requester", "responder"]) {
            let state = ended(&mut rig, queue)?;
            let reading = op == SendOp::Read && who == "responder";
            let symptom = reading.then_some(&READ_RESPONDER_LIVES);
            judged.expect_not(symptom, state == QpState::Err, &[], || {
                format!("{op:?} with another key: the {who}'s queue pair stays in {state:?}")
            });
            let mut received = rig.poll(queue, Side::Receive, 3, NEVER_MS)?;
            received.extend(rig.poll(queue, Side::Receive, 8, NEVER_MS)?);
            let order = received.iter().map(|work| work.wr).eq(RECEIVES);
            let right = order && !received.iter().any(fine);
            judged.expect_not(symptom, right, &[], || {
                let list = super::order::list(&received);
                format!("{op:?} with another key: the {who}'s receives are flushed as {list}")
            });
        }
    }
    judged.detail = "a WRITE and a READ that are refused".to_owned();
    Ok(judged)
}

const RECEIVES: std::ops::Range<u64> = 100..103;

fn post_receives(
    rig: &mut Rig<'_>,
    queues: [Queue; 2],
    memories: [&Memory; 2],
) -> Result<(), AgentError> {
    for (queue, memory) in queues.into_iter().zip(memories) {
        let receive = |wr| RecvWork {
            wr,
            local: vec![memory.range(0, 64)],
        };
        rig.receive(queue, RECEIVES.map(receive).collect())?;
    }
    Ok(())
}

fn fine(work: &Work) -> bool {
    work.status == Status::Success
}

/// The state of a queue pair, once it is ERR or the time for that is over.
fn ended(rig: &mut Rig<'_>, queue: Queue) -> Result<QpState, AgentError> {
    let begun = Instant::now();
    loop {
        let state = rig.state(queue)?;
        if state == QpState::Err || begun.elapsed() >= SOON {
            return Ok(state);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

const SOON: Duration = Duration::from_secs(1);

/// Requests behind one that fails are flushed, each once and in order.
pub(super) fn stop(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    let near = rig.memory(NEAR, 4096, ALL)?;
    let far = rig.memory(FAR, 4096, ALL)?;
    // All may be outstanding: where one waits for its turn, siw flushes it twice (D-SIW-05).
    let [queue, _] = rig.connect(&Wish {
        reads: [8, 8],
        ..Wish::default()
    })?;
    let mut works: Vec<SendWork> = (0..8)
        .map(|wr| remote(wr, SendOp::Read, vec![near.range(0, 512)], &far, 0))
        .collect();
    if let Some(bad) = works.get_mut(2) {
        bad.rkey ^= 0x100;
    }
    rig.send(queue, works)?;
    let mut sent = rig.poll(queue, Side::Send, 8, SOON_MS)?;
    sent.extend(rig.poll(queue, Side::Send, 8, NEVER_MS)?);
    let in_order = sent.iter().map(|work| work.wr).eq(0..8);
    let right = in_order && sent.iter().take(2).all(fine) && !sent.iter().skip(2).any(fine);
    judged.expect(right, &[], || {
        let list = super::order::list(&sent);
        format!("READs 0 to 7, of which 2 fails, complete as {list}")
    });
    ended(&mut rig, queue)?;
    let late = remote(8, SendOp::Write, vec![near.range(0, 512)], &far, 0);
    let post = Request::PostSend {
        qp: queue.qp,
        work: vec![late],
    };
    if rig.refuses(NEAR, &post)? {
        judged.saw();
        return Ok(judged);
    }
    let late = rig.poll(queue, Side::Send, 1, SOON_MS)?;
    let flushed = late.len() == 1 && late.iter().all(|w| w.wr == 8 && !fine(w));
    judged.expect_not(&POSTED_AFTER_END, flushed, &[], || {
        let list = super::order::list(&late);
        format!("a request that is posted after the end completes as {list}")
    });
    judged.detail = "2 READs done, 6 not, and 1 after the end".to_owned();
    Ok(judged)
}

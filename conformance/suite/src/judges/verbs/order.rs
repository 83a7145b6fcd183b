//! What a send queue does with several requests: RC-27, RC-31, RC-33.

use super::rig::{FAR, NEAR, NEVER_MS, Rig, SOON_MS, Wish, remote};
use crate::Judged;
use crate::evidence::Status;
use xoff_checks::rc::{DEPTH_ROUNDED_UP, WAITS_FOR_MORE};
use xoff_lab::agent::{Access, AgentError, Pair, QpState, RecvWork, SendOp, SendWork, Side, Work};

/// Whether these are the requests of some numbers in order, with these statuses.
fn are(works: &[Work], expected: &[(u64, Status)]) -> bool {
    let seen = works.iter().map(|work| (work.wr, work.status));
    seen.eq(expected.iter().copied())
}

pub(super) fn list(works: &[Work]) -> String {
    let each = works
        .iter()
        .map(|work| format!("{} {:?}", work.wr, work.status));
    format!("[{}]", each.collect::<Vec<_>>().join(", "))
}

pub(super) fn flush(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    let near = rig.memory(NEAR, 4096, Access::ALL)?;
    let far = rig.memory(FAR, 4096, Access::ALL)?;
    let queues = rig.connect(&Wish::default())?;
    for queue in queues {
        let receive = |wr| RecvWork {
            wr,
            local: Vec::new(),
        };
        rig.receive(queue, (100..103).map(receive).collect())?;
    }
    let mut works: Vec<SendWork> = (0..8)
        .map(|wr| remote(wr, SendOp::Write, vec![near.range(0, 512)], &far, 0))
        .collect();
    if let Some(bad) = works.get_mut(2) {
        bad.rkey ^= 0x100;
    }
    let [queue, _] = queues;
    rig.send(queue, works)?;
    let mut sent = rig.poll(queue, Side::Send, 8, SOON_MS)?;
    sent.extend(rig.poll(queue, Side::Send, 8, NEVER_MS)?);
    let mut expected = vec![
        (0, Status::Success),
        (1, Status::Success),
        (2, Status::RemAccessErr),
    ];
    expected.extend((3..8).map(|wr| (wr, Status::WrFlushErr)));
    judged.expect(are(&sent, &expected), &[], || {
        format!(
            "requests 0 to 7, of which 2 fails, complete as {}",
            list(&sent)
        )
    });
    for (queue, who) in queues.into_iter().zip(["requester", "responder"]) {
        let flushed: Vec<_> = (100..103).map(|wr| (wr, Status::WrFlushErr)).collect();
        let mut received = rig.poll(queue, Side::Receive, 3, SOON_MS)?;
        received.extend(rig.poll(queue, Side::Receive, 8, NEVER_MS)?);
        judged.expect(are(&received, &flushed), &[], || {
            format!(
                "receives 100 to 102 of the {who} complete as {}",
                list(&received)
            )
        });
        let state = rig.state(queue)?;
        judged.expect(state == QpState::Err, &[], || {
            format!("the {who}'s queue pair is in {state:?}, not in ERR")
        });
    }
    rig.send(queue, vec![SendWork::new(8, SendOp::Send, Vec::new())])?;
    let late = rig.poll(queue, Side::Send, 1, SOON_MS)?;
    judged.expect(are(&late, &[(8, Status::WrFlushErr)]), &[], || {
        format!(
            "a request that is posted in ERR completes as {}",
            list(&late)
        )
    });
    judged.detail = "1 error, 5 requests and 6 receives flushed".to_owned();
    Ok(judged)
}

/// READ responses come late, so that what the requester starts before can be counted.
pub(super) const LATE: &str = "
[[rule]]
name = \"late\"
action = \"delay\"
delay = \"300ms\"
class = \"read-response\"
from = \"h1\"
round = 0
";

const READS: u64 = 6;

pub(super) fn depth(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    for limit in [2, 3] {
        outstanding(&mut rig, &mut judged, limit)?;
    }
    let near = rig.memory(NEAR, 64, Access::ALL)?;
    let far = rig.memory(FAR, 64, Access::ALL)?;
    let [queue, _] = rig.connect(&Wish {
        reads: [1, 0],
        ..Wish::default()
    })?;
    let work = remote(0, SendOp::Read, vec![near.range(0, 64)], &far, 0);
    let status = rig.one(queue, work)?;
    judged.expect(status == Some(Status::RemInvReqErr), &[], || {
        let said = super::rig::said(status);
        format!("a READ that the responder keeps no place for: {said}")
    });
    judged.detail = "6 READs with places for 2 and for 3; 1 with none".to_owned();
    Ok(judged)
}

/// Starts more READs than may be outstanding, and counts packets before the first answer.
fn outstanding(rig: &mut Rig<'_>, judged: &mut Judged, limit: u8) -> Result<(), AgentError> {
    let near = rig.memory(NEAR, 4096, Access::ALL)?;
    let far = rig.memory(FAR, 4096, Access::ALL)?;
    let [queue, _] = rig.connect(&Wish {
        reads: [limit, limit],
        ..Wish::default()
    })?;
    let works = (0..READS).map(|wr| {
        let at = wr * 64;
        remote(wr, SendOp::Read, vec![near.range(at, 64)], &far, at)
    });
    let before = rig.counter(NEAR, "sent_pkts")?;
    rig.send(queue, works.collect())?;
    // Less than the timeout, after which requests are repeated.
    let early = rig.poll(queue, Side::Send, 1, 40)?;
    let after = rig.counter(NEAR, "sent_pkts")?;
    if let Some((before, after)) = before.zip(after) {
        let started = after.wrapping_sub(before);
        let limit = u64::from(limit);
        let rounded = started > limit && started == limit.next_power_of_two();
        let symptom = rounded.then_some(&DEPTH_ROUNDED_UP);
        let right = started == limit && early.is_empty();
        judged.expect_not(symptom, right, &[], || {
            format!("{started} READs are outstanding with max_rd_atomic {limit}")
        });
    }
    let all = rig.poll(queue, Side::Send, READS as u32, SOON_MS)?;
    let right = all.len() as u64 == READS && all.iter().all(|w| w.status == Status::Success);
    let mine = rig.hash_of(&near, 0, READS * 64)?;
    let theirs = rig.hash_of(&far, 0, READS * 64)?;
    judged.expect(right && mine == theirs, &[], || {
        format!("READs within the limit complete as {}", list(&all))
    });
    Ok(())
}

/// Acknowledgements come late, so that requests are under way when the queue begins to drain.
pub(super) const SLOW: &str = "
[[rule]]
name = \"slow\"
action = \"delay\"
delay = \"30ms\"
class = \"ack\"
from = \"h1\"
";

pub(super) fn drain(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    let near = rig.memory(NEAR, 4096, Access::ALL)?;
    let far = rig.memory(FAR, 4096, Access::ALL)?;
    let [queue, _] = rig.connect(&Wish::default())?;
    let write = |wr| remote(wr, SendOp::Write, vec![near.range(0, 512)], &far, wr * 512);
    rig.send(queue, (0..4).map(write).collect())?;
    if !rig.drains(queue, true)? {
        return rig.lacks(NEAR, "has no queue pairs that drain (SQD)");
    }
    rig.send(queue, (4..6).map(write).collect())?;
    let drained = rig.events(NEAR, SOON_MS)?;
    let of_queue: Vec<_> = drained
        .iter()
        .filter(|(_, qpn)| *qpn == queue.qpn)
        .collect();
    judged.expect(
        of_queue.len() == 1 && of_queue.iter().all(|(name, _)| name == "SQ_DRAINED"),
        &[],
        || format!("draining is announced by {drained:?}, not by one SQ_DRAINED"),
    );
    let during = rig.poll(queue, Side::Send, 8, NEVER_MS)?;
    let expected: Vec<_> = (0..4).map(|wr| (wr, Status::Success)).collect();
    let begun = expected.get(..during.len()).unwrap_or_default();
    judged.expect(during.len() <= 4 && are(&during, begun), &[], || {
        format!(
            "4 requests before and 2 after the drain complete as {}",
            list(&during)
        )
    });
    let untouched = rig.hash_of(&far, 4 * 512, 1024)?;
    let source = rig.memory(FAR, 4096, Access::ALL)?;
    let fresh = rig.hash_of(&source, 4 * 512, 1024)?;
    judged.expect(untouched == fresh, &[], || {
        "a request that was posted while the queue drained has changed memory".to_owned()
    });
    rig.to(queue, QpState::Rts)?;
    let left = 6 - during.len().min(6) as u32;
    let mut rest = rig.poll(queue, Side::Send, left, SOON_MS)?;
    judged.expect_not(&WAITS_FOR_MORE, rest.len() as u32 == left, &[], || {
        "after SQD to RTS requests that were posted before do not start".to_owned()
    });
    rig.send(queue, vec![write(6)])?;
    let missing = left + 1 - rest.len() as u32;
    rest.extend(rig.poll(queue, Side::Send, missing, SOON_MS)?);
    let expected: Vec<_> = (6 - u64::from(left)..7)
        .map(|wr| (wr, Status::Success))
        .collect();
    judged.expect(are(&rest, &expected), &[], || {
        format!("after the drain the rest completes as {}", list(&rest))
    });
    judged.detail = "4 requests drained, 2 waited, 1 after".to_owned();
    Ok(judged)
}

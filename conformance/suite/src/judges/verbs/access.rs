//! What a responder refuses: RC-22, RC-26, RC-28, RC-29.

use super::rig::{FAR, Memory, NEAR, Rig, Wish, remote, said};
use crate::Judged;
use crate::evidence::Status;
use xoff_lab::agent::{Access, AgentError, Pair, SendOp, SendWork};

const LEN: u64 = 8192;
const NO_ATOMIC: Access = Access {
    remote_atomic: false,
    ..Access::ALL
};
const NO_WRITE: Access = Access {
    remote_write: false,
    ..Access::ALL
};
const NO_READ: Access = Access {
    remote_read: false,
    ..Access::ALL
};

/// One request that is refused: over a connection of its own, and without a trace in memory.
fn refused(
    rig: &mut Rig<'_>,
    judged: &mut Judged,
    what: &str,
    (near, far): (&Memory, &Memory),
    work: SendWork,
    expected: Status,
) -> Result<(), AgentError> {
    let before = (rig.hash(near)?, rig.hash(far)?);
    let [queue, _] = rig.connect(&Wish::default())?;
    let status = rig.one(queue, work)?;
    judged.expect(status == Some(expected), &[], || {
        format!("{what}: completes with {}, not {expected:?}", said(status))
    });
    let after = (rig.hash(near)?, rig.hash(far)?);
    judged.expect(before == after, &[], || format!("{what}: changes memory"));
    Ok(())
}

/// Libraries refuse to post an atomic that is not aligned: the wire moves the target.
pub(super) const MOVED: &str = "
[[rule]]
name = \"moved by 4\"
action = \"rewrite\"
field = \"va\"
add = 4
class = \"atomic\"
from = \"h0\"
qp = 0
[[rule]]
name = \"moved by 1\"
action = \"rewrite\"
field = \"va\"
add = 1
class = \"atomic\"
from = \"h0\"
qp = 1
";

pub(super) fn atomics(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    let (all, invalid, access) = (Access::ALL, Status::RemInvReqErr, Status::RemAccessErr);
    let cases = [
        (
            "fetch-and-add at offset 12",
            SendOp::FetchAdd,
            4,
            all,
            invalid,
        ),
        (
            "compare-and-swap at offset 9",
            SendOp::CompareSwap,
            1,
            all,
            invalid,
        ),
        (
            "fetch-and-add without right",
            SendOp::FetchAdd,
            0,
            NO_ATOMIC,
            access,
        ),
        (
            "compare-and-swap without right",
            SendOp::CompareSwap,
            0,
            NO_ATOMIC,
            access,
        ),
    ];
    for (what, op, moved, access, expected) in cases {
        let near = rig.memory(NEAR, 64, Access::ALL)?;
        let far = rig.memory(FAR, 64, access)?;
        let value = rig.peek(&far, 8 + moved, 8)?;
        // It would change memory if it were done.
        let compare = value
            .first_chunk()
            .map_or(0, |word| u64::from_ne_bytes(*word));
        let work = SendWork {
            compare,
            swap_or_add: 1,
            ..remote(0, op, vec![near.range(0, 8)], &far, 8)
        };
        refused(&mut rig, &mut judged, what, (&near, &far), work, expected)?;
    }
    judged.detail = "4 atomics refused".to_owned();
    Ok(judged)
}

/// The wire turns the access errors of the first and the third connection into others.
pub(super) const CODES: &str = "
[[rule]]
name = \"invalid request\"
action = \"rewrite\"
field = \"syndrome\"
value = 0x61
class = \"nak\"
from = \"h1\"
qp = 0
[[rule]]
name = \"operational error\"
action = \"rewrite\"
field = \"syndrome\"
value = 0x63
class = \"nak\"
from = \"h1\"
qp = 2
";

pub(super) fn codes(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    let cases = [
        ("NAK 0x61 (invalid request)", Status::RemInvReqErr),
        ("NAK 0x62 (remote access error)", Status::RemAccessErr),
        ("NAK 0x63 (remote operational error)", Status::RemOpErr),
    ];
    for (what, expected) in cases {
        let near = rig.memory(NEAR, 64, Access::ALL)?;
        let far = rig.memory(FAR, 64, NO_WRITE)?;
        let work = remote(0, SendOp::Write, vec![near.range(0, 64)], &far, 0);
        refused(&mut rig, &mut judged, what, (&near, &far), work, expected)?;
    }
    judged.detail = "3 codes".to_owned();
    Ok(judged)
}

pub(super) fn bounds(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    let mut cases = 0;
    for (op, without) in [(SendOp::Write, NO_WRITE), (SendOp::Read, NO_READ)] {
        // Where the request begins, its length, and what is wrong.
        let wrong: [(&str, u64, u32, Access, u32); 7] = [
            ("another key", 0, 64, Access::ALL, 0x100),
            ("a key with another low byte", 0, 64, Access::ALL, 1),
            ("one byte beyond the end", LEN - 63, 64, Access::ALL, 0),
            ("one byte before the start", u64::MAX, 64, Access::ALL, 0),
            (
                "several packets, the last too long",
                LEN - 4095,
                4096,
                Access::ALL,
                0,
            ),
            ("far beyond the end", 1 << 40, 64, Access::ALL, 0),
            ("no right", 0, 64, without, 0),
        ];
        for (what, at, len, access, key) in wrong {
            let near = rig.memory(NEAR, LEN, Access::ALL)?;
            let far = rig.memory(FAR, LEN, access)?;
            let mut work = remote(0, op, vec![near.range(0, len)], &far, at);
            work.rkey ^= key;
            let what = format!("{op:?} with {what}");
            let ends = (&near, &far);
            refused(
                &mut rig,
                &mut judged,
                &what,
                ends,
                work,
                Status::RemAccessErr,
            )?;
            cases += 1;
        }
    }
    judged.detail = format!("{cases} requests refused");
    Ok(judged)
}

pub(super) fn empty(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    for op in [SendOp::Write, SendOp::Read] {
        let [queue, _] = rig.connect(&Wish::default())?;
        let work = SendWork {
            remote_address: 0x1000,
            rkey: 0xdead_beef,
            ..SendWork::new(0, op, Vec::new())
        };
        let status = rig.one(queue, work)?;
        judged.expect(status == Some(Status::Success), &[], || {
            format!("an empty {op:?} with a key of nothing: {}", said(status))
        });
    }
    judged.detail = "empty WRITE and READ".to_owned();
    Ok(judged)
}

//! States of queue pairs: RC-36, RC-39.

use super::rig::{FAR, NEAR, NEVER_MS, Queue, Rig, SOON_MS, Wish, remote};
use crate::Judged;
use crate::evidence::Status;
use xoff_lab::agent::{
    Access, AgentError, Attributes, Pair, QpState, QpType, Request, SendOp, Side,
};

use QpState::{Err, Init, Reset, Rtr, Rts, Sqd};

/// Steps that are not allowed (IBTA 10.3.1): from and to.
const ILLEGAL: &[(QpState, QpState)] = &[
    (Reset, Rtr),
    (Reset, Rts),
    (Reset, Sqd),
    (Init, Rts),
    (Init, Sqd),
    (Rtr, Init),
    (Rtr, Sqd),
    (Rts, Init),
    (Rts, Rtr),
    (Sqd, Init),
    (Sqd, Rtr),
    (Err, Init),
    (Err, Rtr),
    (Err, Rts),
    (Err, Sqd),
];

/// The way to a state from RESET.
fn way(state: QpState) -> &'static [QpState] {
    match state {
        Init => &[Init],
        Rtr => &[Init, Rtr],
        Rts => &[Init, Rtr, Rts],
        Sqd => &[Init, Rtr, Rts, Sqd],
        Err => &[Init, Rtr, Rts, Err],
        Reset | QpState::Sqe | QpState::Unknown => &[],
    }
}

/// What takes a queue pair to a state, complete.
fn attributes(rig: &Rig<'_>, state: QpState, peer: u32) -> Attributes {
    let wish = Wish::default();
    match state {
        Init => wish.init(),
        Rtr => wish.rtr(NEAR, &rig.devices, peer),
        Rts => wish.rts(NEAR),
        other => Attributes {
            state: Some(other),
            ..Attributes::default()
        },
    }
}

fn fresh(rig: &mut Rig<'_>, state: QpState, peer: u32) -> Result<Queue, AgentError> {
    let queue = rig.create(NEAR, QpType::Rc, 4, None)?;
    for step in way(state) {
        let attributes = attributes(rig, *step, peer);
        rig.modify(queue, attributes)?;
    }
    Ok(queue)
}

pub(super) fn matrix(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    let peer = rig.create(FAR, QpType::Rc, 4, None)?.qpn;
    let probe = fresh(&mut rig, Rts, peer)?;
    let drains = rig.drains(probe, false)?;
    rig.done(NEAR, &Request::DestroyQp { qp: probe.qp })?;
    let exists = |state: QpState| drains || state != Sqd;
    let mut made = 0;
    for state in [Reset, Init, Rtr, Rts, Sqd, Err] {
        if exists(state) {
            made += ends(&mut rig, &mut judged, state, peer)?;
        }
    }
    let mut refused = 0;
    for (from, to) in ILLEGAL.iter().copied().filter(|(from, _)| exists(*from)) {
        illegal(&mut rig, &mut judged, (from, to), peer)?;
        refused += 1;
    }
    no_peer(&mut rig, &mut judged, peer)?;
    refused += 1;
    if drains {
        let queue = fresh(&mut rig, Sqd, peer)?;
        rig.to(queue, Rts)?;
        let state = rig.state(queue)?;
        judged.expect(state == Rts, &[], || {
            format!("SQD to RTS leads to {state:?}")
        });
        made += 1;
    }
    let without = if drains { "" } else { "; there is no SQD" };
    judged.detail = format!("{refused} steps refused, {made} made{without}");
    Ok(judged)
}

/// A state is shown, and left for those that every state may be left for. How many steps were made.
fn ends(
    rig: &mut Rig<'_>,
    judged: &mut Judged,
    state: QpState,
    peer: u32,
) -> Result<usize, AgentError> {
    let queue = fresh(rig, state, peer)?;
    let seen = rig.state(queue)?;
    judged.expect(seen == state, &[], || {
        format!("{state:?} is shown as {seen:?}")
    });
    // Nothing of a queue pair in RESET can fail.
    let ends: &[QpState] = if state == Reset {
        &[Reset]
    } else {
        &[Err, Reset]
    };
    for to in ends.iter().copied() {
        let attributes = attributes(rig, to, peer);
        let qp = queue.qp;
        let refused = rig.refuses(NEAR, &Request::ModifyQp { qp, attributes })?;
        judged.expect(!refused, &[], || format!("{state:?} to {to:?} is refused"));
    }
    rig.done(NEAR, &Request::DestroyQp { qp: queue.qp })?;
    Ok(ends.len())
}

fn illegal(
    rig: &mut Rig<'_>,
    judged: &mut Judged,
    (from, to): (QpState, QpState),
    peer: u32,
) -> Result<(), AgentError> {
    let queue = fresh(rig, from, peer)?;
    let attributes = attributes(rig, to, peer);
    let qp = queue.qp;
    let refused = rig.refuses(NEAR, &Request::ModifyQp { qp, attributes })?;
    let after = rig.state(queue)?;
    judged.expect(refused && after == from, &[], || {
        let how = if refused { "refused" } else { "accepted" };
        format!("{from:?} to {to:?} is {how}, and the queue pair in {after:?}")
    });
    rig.done(NEAR, &Request::DestroyQp { qp })
}

/// Without a peer there is no way to RTR.
fn no_peer(rig: &mut Rig<'_>, judged: &mut Judged, peer: u32) -> Result<(), AgentError> {
    let queue = fresh(rig, Init, peer)?;
    let attributes = Attributes {
        dest_qpn: None,
        ..attributes(rig, Rtr, peer)
    };
    let qp = queue.qp;
    let refused = rig.refuses(NEAR, &Request::ModifyQp { qp, attributes })?;
    judged.expect(refused, &[], || {
        "INIT to RTR without a peer is accepted".to_owned()
    });
    Ok(())
}

/// A packet of the first connection comes again when that is gone: it was repeated before.
pub(super) const STALE: &str = "
[[rule]]
name = \"stale\"
action = \"delay\"
delay = \"500ms\"
class = \"data\"
from = \"h0\"
qp = 0
nth = 3
";

/// The same packet as if the second connection had begun there: what it is to guard against.
pub(super) const REVIVED: &str = "
[[rule]]
name = \"stale\"
action = \"delay\"
delay = \"500ms\"
class = \"data\"
from = \"h0\"
qp = 0
nth = 3
[[rule]]
name = \"revived\"
action = \"rewrite\"
field = \"psn\"
value = 0x300000
class = \"data\"
from = \"h0\"
qp = 0
nth = 3
";

pub(super) fn stale(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    let near = rig.memory(NEAR, 8192, Access::ALL)?;
    let far = rig.memory(FAR, 8192, Access::ALL)?;
    let wish = Wish::default();
    let [queue, peer] = rig.connect(&wish)?;
    let write = |wr, at| remote(wr, SendOp::Write, vec![near.range(at, 4096)], &far, at);
    // The third packet is late and was sent again. The late one must do nothing in what follows.
    let first = rig.one(queue, write(0, 0))?;
    judged.expect(first == Some(Status::Success), &[], || {
        format!("the first WRITE: {}", super::rig::said(first))
    });
    rig.to(queue, Reset)?;
    rig.to(peer, Reset)?;
    rig.done(
        FAR,
        &Request::Fill {
            mr: far.mr,
            seed: 2,
        },
    )?;
    let before = rig.hash(&far)?;
    let later = Wish {
        psn: 0x30_0000,
        ..wish
    };
    rig.raise(peer, &later, queue.qpn)?;
    rig.raise(queue, &later, peer.qpn)?;
    let early = rig.poll(queue, Side::Send, 1, 600)?;
    judged.expect(early.is_empty(), &[], || {
        "a request of the connection before completes in this one".to_owned()
    });
    let after = rig.hash(&far)?;
    judged.expect(before == after, &[], || {
        "a packet of the connection before changes memory".to_owned()
    });
    for queue in [queue, peer] {
        let state = rig.state(queue)?;
        judged.expect(state == Rts, &[], || {
            format!("a packet of the connection before takes the queue pair to {state:?}")
        });
    }
    let status = rig.one(queue, write(1, 4096))?;
    judged.expect(status == Some(Status::Success), &[], || {
        let said = super::rig::said(status);
        format!("after a packet of the connection before, a WRITE: {said}")
    });
    let (mine, theirs) = (
        rig.hash_of(&near, 4096, 4096)?,
        rig.hash_of(&far, 4096, 4096)?,
    );
    judged.expect(mine == theirs, &[], || {
        "after a packet of the connection before, a WRITE does not arrive whole".to_owned()
    });
    let extra = rig.poll(queue, Side::Send, 1, NEVER_MS.min(SOON_MS))?;
    judged.expect(extra.is_empty(), &[], || {
        "a request completes twice".to_owned()
    });
    judged.detail = "1 late packet".to_owned();
    Ok(judged)
}

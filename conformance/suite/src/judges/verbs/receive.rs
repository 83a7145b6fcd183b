//! What a receiver is told: RC-34, RC-35, UD-01.

use super::rig::{FAR, Memory, NEAR, NEVER_MS, Queue, Rig, SOON_MS, Wish, address, remote};
use crate::Judged;
use crate::evidence::Status;
use xoff_lab::agent::{
    Access, AgentError, Attributes, Datagram, Pair, QpState, QpType, RecvWork, Reply, Request,
    SendOp, SendWork, Side, Work,
};

const LEN: u32 = 300;

pub(super) fn immediate(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    let near = rig.memory(NEAR, 4096, Access::ALL)?;
    let far = rig.memory(FAR, 4096, Access::ALL)?;
    let [queue, peer] = rig.connect(&Wish::default())?;
    let receive = |wr| RecvWork {
        wr,
        local: vec![far.range(1024 * wr, 1024)],
    };
    rig.receive(peer, (0..3).map(receive).collect())?;
    let local = || vec![near.range(0, LEN)];
    let sent = [
        SendWork {
            imm: 0x0102_0304,
            ..SendWork::new(0, SendOp::SendImm, local())
        },
        SendWork {
            imm: 0xfffe_fdfc,
            ..remote(1, SendOp::WriteImm, local(), &far, 3072)
        },
        SendWork::new(2, SendOp::Send, local()),
    ];
    rig.send(queue, sent.to_vec())?;
    let got = rig.poll(peer, Side::Receive, 3, SOON_MS)?;
    let expected = [
        ("RECV", Some(0x0102_0304)),
        ("RECV_RDMA_WITH_IMM", Some(0xfffe_fdfc)),
        ("RECV", None),
    ];
    judged.expect(got.len() == 3, &[], || {
        format!("{} of 3 messages complete a receive", got.len())
    });
    for (work, (opcode, imm)) in got.iter().zip(expected) {
        let right = work.status == Status::Success
            && work.opcode == opcode
            && work.imm == imm
            && work.bytes == LEN;
        judged.expect(right, &[], || {
            format!(
                "message {} completes as {} with immediate {:x?} and {} bytes, not as {opcode} \
                 with {imm:x?} and {LEN}",
                work.wr, work.opcode, work.imm, work.bytes
            )
        });
    }
    let source = rig.hash_of(&near, 0, LEN.into())?;
    let written = rig.hash_of(&far, 3072, LEN.into())?;
    judged.expect(source == written, &[], || {
        "the WRITE with immediate data did not arrive whole".to_owned()
    });
    judged.detail = "SEND and WRITE with immediate data, SEND without".to_owned();
    Ok(judged)
}

pub(super) fn shared(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    let near = rig.memory(NEAR, 64, Access::ALL)?;
    let far = rig.memory(FAR, 64, Access::ALL)?;
    let request = Request::CreateSrq {
        max_wr: 8,
        limit: 0,
    };
    let Reply::Created { handle: srq, .. } = rig.ask(FAR, &request)? else {
        return Ok(judged);
    };
    let post = |wrs: std::ops::Range<u64>| Request::PostSrqRecv {
        srq,
        work: wrs
            .map(|wr| RecvWork {
                wr,
                local: vec![far.range(0, 64)],
            })
            .collect(),
    };
    rig.done(FAR, &post(0..4))?;
    rig.done(FAR, &Request::LimitSrq { srq, limit: 3 })?;
    let wish = Wish {
        srq: Some(srq),
        rnr_retry: 7,
        ..Wish::default()
    };
    let [queue, peer] = rig.connect(&wish)?;
    let send = |wr| SendWork::new(wr, SendOp::Send, vec![near.range(0, 64)]);
    rig.send(queue, (0..4).map(send).collect())?;
    let done = rig.poll(queue, Side::Send, 4, SOON_MS)?;
    judged.expect(all_fine(&done, 4), &[], || {
        "not all messages arrive for which there are shared receives".to_owned()
    });
    let events = rig.events(FAR, SOON_MS)?;
    let limits = events
        .iter()
        .filter(|(name, _)| name == "SRQ_LIMIT_REACHED");
    let limits = limits.count();
    judged.expect(limits == 1, &[], || {
        format!("the limit of the shared queue is announced {limits} times, not once")
    });
    rig.send(queue, vec![send(4)])?;
    let early = rig.poll(queue, Side::Send, 1, NEVER_MS)?;
    judged.expect(early.is_empty(), &[], || {
        "a message completes although the shared queue is empty".to_owned()
    });
    rig.done(FAR, &post(4..5))?;
    let late = rig.poll(queue, Side::Send, 1, SOON_MS)?;
    judged.expect(all_fine(&late, 1), &[], || {
        "a message does not arrive once there is a shared receive again".to_owned()
    });
    let got = rig.poll(peer, Side::Receive, 5, SOON_MS)?;
    judged.expect(all_fine(&got, 5), &[], || {
        format!("{} of 5 shared receives complete", got.len())
    });
    judged.detail = "4 messages, then 1 that waited; 1 limit event".to_owned();
    Ok(judged)
}

fn all_fine(works: &[Work], count: usize) -> bool {
    works.len() == count && works.iter().all(|work| work.status == Status::Success)
}

const QKEY: u32 = 0x2222_2222;
const GRH: u32 = 40;

fn datagrams(rig: &mut Rig<'_>) -> Result<[Queue; 2], AgentError> {
    let mut queues = Vec::new();
    for side in [NEAR, FAR] {
        let queue = rig.create(side, QpType::Ud, 16, None)?;
        rig.modify(
            queue,
            Attributes {
                state: Some(QpState::Init),
                pkey_index: Some(0),
                port: Some(1),
                qkey: Some(QKEY),
                ..Attributes::default()
            },
        )?;
        rig.to(queue, QpState::Rtr)?;
        rig.modify(
            queue,
            Attributes {
                state: Some(QpState::Rts),
                sq_psn: Some(7),
                ..Attributes::default()
            },
        )?;
        queues.push(queue);
    }
    Ok([queues[0], queues[1]])
}

pub(super) fn datagram(pair: &mut Pair) -> Result<Judged, AgentError> {
    let mut rig = Rig::open(pair)?;
    let mut judged = Judged::default();
    let near = rig.memory(NEAR, 4096, Access::ALL)?;
    let far = rig.memory(FAR, 4096, Access::ALL)?;
    let [queue, peer] = datagrams(&mut rig)?;
    let to = Datagram {
        address: address(NEAR, &rig.devices),
        qpn: peer.qpn,
        qkey: QKEY,
    };
    let send = |wr: u64, qkey: u32| SendWork {
        to: Some(Datagram { qkey, ..to.clone() }),
        ..SendWork::new(wr, SendOp::Send, vec![near.range(0, LEN)])
    };
    let room = |wr: u64, len: u32| RecvWork {
        wr,
        local: vec![far.range(wr * 512, len)],
    };
    rig.receive(peer, vec![room(0, GRH + LEN)])?;
    let status = rig.one(queue, send(0, QKEY))?;
    judged.expect(status == Some(Status::Success), &[], || {
        format!("a datagram completes with {}", super::rig::said(status))
    });
    let got = rig.poll(peer, Side::Receive, 1, SOON_MS)?;
    check_datagram(&mut rig, &mut judged, &got, (&near, &far), queue.qpn)?;
    // A datagram with another key is not received, and the next with the right one is.
    rig.receive(peer, vec![room(1, GRH + LEN)])?;
    rig.one(queue, send(1, QKEY ^ 1))?;
    let foreign = rig.poll(peer, Side::Receive, 1, NEVER_MS)?;
    judged.expect(foreign.is_empty(), &[], || {
        "a datagram with another Q_Key is received".to_owned()
    });
    rig.one(queue, send(2, QKEY))?;
    let next = rig.poll(peer, Side::Receive, 1, SOON_MS)?;
    judged.expect(all_fine(&next, 1), &[], || {
        "after a datagram with another Q_Key none is received".to_owned()
    });
    // One byte too small.
    rig.receive(peer, vec![room(2, GRH + LEN - 1)])?;
    rig.one(queue, send(3, QKEY))?;
    let small = rig.poll(peer, Side::Receive, 1, NEVER_MS)?;
    judged.expect(
        small.iter().all(|work| work.status != Status::Success),
        &[],
        || "a datagram is received into a buffer that is too small for it".to_owned(),
    );
    judged.detail = "4 datagrams: 2 received, 1 of another Q_Key, 1 too long".to_owned();
    Ok(judged)
}

/// 40 bytes in front: of IPv4 the last 20 (RoCEv2 annex, 17.4.5 of IBTA in own words).
fn check_datagram(
    rig: &mut Rig<'_>,
    judged: &mut Judged,
    got: &[Work],
    (near, far): (&Memory, &Memory),
    from: u32,
) -> Result<(), AgentError> {
    let Some(work) = got.first() else {
        judged.expect(false, &[], || "a datagram is not received".to_owned());
        return Ok(());
    };
    let right = work.status == Status::Success && work.bytes == GRH + LEN && work.grh;
    judged.expect(right && work.src_qpn == from, &[], || {
        format!(
            "a datagram of {LEN} bytes completes as {:?} with {} bytes, header {}",
            work.status, work.bytes, work.grh
        )
    });
    let payload = rig.hash_of(far, GRH.into(), LEN.into())?;
    let source = rig.hash_of(near, 0, LEN.into())?;
    judged.expect(payload == source, &[], || {
        "the payload of a datagram is not what was sent behind 40 bytes".to_owned()
    });
    let header = rig.peek(far, 0, GRH.into())?;
    let [mine, theirs] = [NEAR, FAR].map(|side| rig.devices[side].gid.get(12..16));
    let v4 =
        header.get(20) == Some(&0x45) && header.get(32..36) == mine && header.get(36..40) == theirs;
    let [mine, theirs] = [NEAR, FAR].map(|side| Some(&rig.devices[side].gid[..]));
    let v6 = header.first().is_some_and(|byte| byte >> 4 == 6)
        && header.get(8..24) == mine
        && header.get(24..40) == theirs;
    judged.expect(v4 || v6, &[], || {
        "the 40 bytes in front of a datagram are no header with its addresses".to_owned()
    });
    Ok(())
}

//! Verbs agents in guests, where there is a kernel and this was built with agents; otherwise a
//! note says why not.

use crate::support::{guest_kernel, skip};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use xoff_lab::agent::{
    Access, Address, AgentError, Attributes, CreateQp, Datagram, Pair, QpState, QpType, Range,
    RecvWork, Reply, Request, SendOp, SendWork, Side,
};
use xoff_lab::run::Options;
use xoff_suite::arm::lab::LabStage;
use xoff_suite::arm::{Stage, StageError};
use xoff_suite::evidence::{Evidence, Status};
use xoff_suite::experiment::model;
use xoff_suite::judges::{self, Means, Wrong};
use xoff_suite::script::Script;
use xoff_suite::{Facts, Judged};
use xoff_wire::ip::Kind;

/// Guests of one test; None, with a note, if there can be none.
struct Guests {
    kernel: PathBuf,
    temporary: PathBuf,
}

impl Guests {
    fn new(name: &str) -> Option<Guests> {
        let temporary = std::env::temp_dir().join(format!("xoff-a-{name}-{}", std::process::id()));
        let kernel = guest_kernel(name)?;
        std::fs::create_dir_all(&temporary).unwrap();
        Some(Guests { kernel, temporary })
    }

    fn stage(&self) -> LabStage<'_> {
        LabStage {
            options: Options {
                kernel: &self.kernel,
                program: Path::new(env!("CARGO_BIN_EXE_xoff")),
                temporary: &self.temporary,
                directory: Path::new("/"),
                driver: "rxe",
                mtu: 1500,
                memory: 256,
                timeout: Duration::from_secs(60),
                capture: None,
                switch: false,
            },
        }
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.temporary);
    }
}

fn observe(stage: &mut LabStage<'_>, experiment: &str, rules: &str) -> Option<Evidence> {
    match stage.observe(&model(experiment, rules).unwrap()) {
        Ok(evidence) => Some(evidence),
        Err(StageError::Unable(why)) if !cfg!(feature = "verbs") => {
            assert!(why.contains("built without verbs"), "{why}");
            skip(experiment, &why);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_operation_arrives_whole() {
    let Some(guests) = Guests::new("clean") else {
        return;
    };
    let mut stage = guests.stage();
    let Some(seen) = observe(&mut stage, "clean", "") else {
        return;
    };
    for flow in &seen.flows {
        let done = flow
            .completions
            .iter()
            .filter(|c| c.status == Status::Success);
        assert_eq!(done.count() as u64, flow.messages, "{flow:?}");
        assert_eq!(flow.intact, Some(true), "{flow:?}");
    }
    assert_eq!(seen.flows.len(), 6);
    assert_eq!(seen.flows[1].received.len() as u64, seen.flows[1].messages);
}

#[test]
fn scripts_judge_real_queue_pairs() {
    let Some(guests) = Guests::new("scripts") else {
        return;
    };
    let mut stage = guests.stage();
    for case in judges::cases().filter(|case| ["RC-26", "RC-27"].contains(&case.check.id)) {
        let Means::Script(script) = case.means else {
            panic!("{} is no script", case.check.id);
        };
        let judged = match stage.script(&script, None) {
            Ok(judged) => judged,
            Err(StageError::Unable(why)) if !cfg!(feature = "verbs") => {
                return skip(case.check.id, &why);
            }
            Err(error) => panic!("{error}"),
        };
        assert!(judged.stimuli > 0 && judged.faults.is_empty(), "{judged:?}");
        let Wrong::Verbs(lie) = case.mutants[0].wrong else {
            panic!("{}: the first mutant lies", case.check.id);
        };
        let judged = stage.script(&script, Some(lie)).unwrap();
        assert!(!judged.faults.is_empty(), "{}: {judged:?}", case.check.id);
    }
}

const QKEY: u32 = 0x1111_1111;
const LEN: u32 = 64;

/// Memory, and a queue pair for datagrams: handles, and its number.
fn datagrams(pair: &mut Pair, side: usize) -> Result<(u32, u32, u32), AgentError> {
    let agent = &mut pair.agents[side];
    let register = Request::Register {
        len: 4096,
        access: Access::ALL,
        seed: 1,
    };
    let Reply::Registered { mr, .. } = agent.ask(&register)? else {
        panic!("not registered")
    };
    let wanted = CreateQp {
        kind: QpType::Ud,
        send_depth: 4,
        recv_depth: 4,
        max_sge: 1,
        srq: None,
        signal_all: true,
    };
    let Reply::Created { handle: qp, qpn } = agent.ask(&Request::CreateQp(wanted))? else {
        panic!("not created")
    };
    let to = |state| Attributes {
        state: Some(state),
        ..Attributes::default()
    };
    let init = Attributes {
        pkey_index: Some(0),
        port: Some(1),
        qkey: Some(QKEY),
        ..to(QpState::Init)
    };
    let rts = Attributes {
        sq_psn: Some(7),
        ..to(QpState::Rts)
    };
    for attributes in [init, to(QpState::Rtr), rts] {
        agent.done(&Request::ModifyQp { qp, attributes })?;
    }
    Ok((mr, qp, qpn))
}

/// Two datagrams arrive, 400 ms and 1500 ms late. A queue pair is destroyed while the first is
/// announced, unless this machine is very slow; the second must be announced all the same.
fn destroy_beside(pair: &mut Pair) -> Result<Judged, AgentError> {
    let [near, far] = [pair.agents[0].open(false)?, pair.agents[1].open(false)?];
    let (local, queue, _) = datagrams(pair, 0)?;
    let (_, other, _) = datagrams(pair, 1)?;
    let (mr, peer, qpn) = datagrams(pair, 1)?;
    let receive = |wr: u64| RecvWork {
        wr,
        local: vec![Range {
            mr,
            offset: wr * 512,
            len: LEN + 40,
        }],
    };
    let work = (0..2).map(receive).collect();
    pair.agents[1].done(&Request::PostRecv { qp: peer, work })?;
    let to = Datagram {
        address: Address {
            gid: far.gid,
            gid_index: near.gid_index,
            traffic_class: 0,
            flow_label: 0,
            hop_limit: 64,
        },
        qpn,
        qkey: QKEY,
    };
    let send = |wr| {
        let local = vec![Range {
            mr: local,
            offset: 0,
            len: LEN,
        }];
        SendWork {
            to: Some(to.clone()),
            ..SendWork::new(wr, SendOp::Send, local)
        }
    };
    let work = (0..2).map(send).collect();
    pair.agents[0].done(&Request::PostSend { qp: queue, work })?;
    let poll = |timeout_ms| Request::Poll {
        qp: peer,
        side: Side::Receive,
        count: 1,
        timeout_ms,
    };
    let begun = Instant::now();
    // At once, or the agent takes what is announced between two requests.
    let replies = pair.agents[1].batch(vec![
        Request::Events { timeout_ms: 800 },
        Request::DestroyQp { qp: other },
        poll(30_000),
        poll(30_000),
    ])?;
    let took = begun.elapsed();
    let mut judged = Judged::default();
    let one = |reply: &Reply| matches!(reply, Reply::Completions(works) if works.len() == 1);
    judged.expect(one(&replies[2]) && one(&replies[3]), &[], || {
        format!("{replies:?}")
    });
    judged.expect(took < Duration::from_secs(20), &[], || format!("{took:?}"));
    Ok(judged)
}

#[test]
fn completions_are_announced_when_another_queue_pair_goes() {
    let Some(guests) = Guests::new("announced") else {
        return;
    };
    let rules = "[[rule]]\naction = \"delay\"\ndelay = \"400ms\"\nclass = \"data\"\nnth = 1\n\
                 [[rule]]\naction = \"delay\"\ndelay = \"1500ms\"\nclass = \"data\"\nnth = 2\n";
    let script = Script {
        rules,
        run: destroy_beside,
    };
    match guests.stage().script(&script, None) {
        Ok(judged) => assert_eq!(judged.faults, []),
        Err(StageError::Unable(why)) if !cfg!(feature = "verbs") => skip("announced", &why),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn hosts_speak_ipv6() {
    let Some(guests) = Guests::new("ipv6") else {
        return;
    };
    let Some(seen) = observe(&mut guests.stage(), "ipv6", "") else {
        return;
    };
    assert!(seen.flows.iter().all(|flow| flow.intact == Some(true)));
    let facts = Facts::new(&seen);
    let mut v6 = facts.sent().map(|(_, packet)| &packet.network.kind);
    assert!(v6.all(|kind| matches!(kind, Kind::V6 { .. })));
}

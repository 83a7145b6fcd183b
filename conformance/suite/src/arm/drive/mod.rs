//! Drives a scenario's flows by verbs agents: one queue pair on each side of every flow.

mod memory;
mod plan;
mod run;

use crate::evidence::{Completion, Flow, Status};
use plan::Plan;
use run::Progress;
use std::time::Duration;
use xoff_lab::agent::{
    Access, Agent, AgentError, Device, QpState, Range, RecvWork, Reply, Request, Steps, managed,
};
use xoff_model::{Framing, Model, Op, Transport};

/// Flows and what became of them.
pub(super) struct Driven {
    pub(super) flows: Vec<Flow>,
    pub(super) mtu: u32,
}

/// What is to be driven.
pub(super) struct Task {
    plans: Vec<Plan>,
    ipv6: bool,
    pub(super) mtu: u32,
    /// How long flows may take.
    patience: Duration,
    /// How long nothing must happen until nothing more is expected.
    quiet: Duration,
}

impl Task {
    /// # Errors
    /// Why queue pairs cannot do what the model says.
    pub(super) fn new(model: &Model, patience: Duration) -> Result<Task, String> {
        let plans = plan::plans(model)?;
        let until = model.until.map(|at| Duration::from_nanos(at.ps() / 1000));
        Ok(Task {
            mtu: plans.iter().map(|plan| plan.mtu).min().unwrap_or(1024),
            plans,
            ipv6: matches!(model.framing, Framing::RoceV2 { ipv6: true, .. }),
            patience: until.map_or(patience, |until| until.min(patience)),
            quiet: QUIET + longest_delay(model),
        })
    }
}

/// Without delays of the wire.
const QUIET: Duration = Duration::from_millis(100);

fn longest_delay(model: &Model) -> Duration {
    const MOST: Duration = Duration::from_secs(2);
    let delays = model.rules.iter().map(|rule| match rule.action {
        xoff_model::rules::Action::Delay(span) => Duration::from_nanos(span.ps() / 1000),
        _ => Duration::ZERO,
    });
    delays.max().unwrap_or_default().min(MOST)
}

/// A flow's queue pair and memory at one side.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    /// The agent by index.
    agent: usize,
    qp: u32,
    qpn: u32,
    mr: u32,
    address: u64,
    rkey: u32,
}

/// A flow that is connected.
struct Connected {
    plan: Plan,
    ends: [End; 2],
    devices: [Device; 2],
    /// Of datagram-like WRITEs: what the memory was before.
    before: Option<memory::Prints>,
}

/// Does all flows at once and waits for their ends.
///
/// # Errors
/// An agent is gone, or something was refused that should not have been.
pub(super) fn drive(agents: &mut [Agent], task: &Task) -> Result<Driven, AgentError> {
    let mut devices = Vec::new();
    for agent in agents.iter_mut() {
        devices.push(agent.open(task.ipv6)?);
    }
    managed::listen(agents, &devices)?;
    let mut flows = Vec::new();
    for plan in &task.plans {
        flows.push(connect(agents, &devices, plan)?);
    }
    let progress = run::run(agents, &flows, task)?;
    let mut driven = Vec::new();
    for (flow, progress) in flows.iter().zip(progress) {
        let intact = memory::intact(agents, flow, &progress)?;
        driven.push(evidence(flow, progress, intact));
    }
    for agent in agents.iter_mut() {
        agent.done(&Request::Close)?;
    }
    Ok(Driven {
        flows: driven,
        mtu: task.mtu,
    })
}

fn connect(agents: &mut [Agent], devices: &[Device], plan: &Plan) -> Result<Connected, AgentError> {
    let of = |side: usize| devices.get(plan.hosts[side]).cloned().unwrap_or_default();
    let devices = [of(0), of(1)];
    let mut ends = [End::default(); 2];
    for (side, end) in ends.iter_mut().enumerate() {
        *end = register(agents, plan, side)?;
    }
    if devices[1].managed.is_some() {
        connect_managed(agents, &devices, plan, &mut ends)?;
    } else {
        connect_plain(agents, &devices, plan, &mut ends)?;
    }
    let mut flow = Connected {
        plan: plan.clone(),
        ends,
        devices,
        before: None,
    };
    if plan.op == Op::Write && plan.transport == Transport::Uc {
        flow.before = memory::prints(agents, &flow, 1)?;
    }
    Ok(flow)
}

/// By the connection manager.
fn connect_managed(
    agents: &mut [Agent],
    devices: &[Device; 2],
    plan: &Plan,
    ends: &mut [End; 2],
) -> Result<(), AgentError> {
    let [near, far] = devices;
    let wanted = [0, 1].map(|side| plan.queue_pair(side));
    let reads = [plan.reads(devices); 2];
    let begun = managed::begin(agents, plan.hosts, [near, far], wanted, reads)?;
    for (end, (qp, qpn)) in ends.iter_mut().zip(begun.queues) {
        (end.qp, end.qpn) = (qp, qpn);
    }
    if let (Op::Send, Some(agent)) = (plan.op, agents.get_mut(ends[1].agent)) {
        post_receives(agent, plan, ends[1], 0, plan.receives)?;
    }
    managed::finish(agents, &begun)
}

/// By taking both queue pairs from state to state.
fn connect_plain(
    agents: &mut [Agent],
    devices: &[Device; 2],
    plan: &Plan,
    ends: &mut [End; 2],
) -> Result<(), AgentError> {
    for (side, end) in ends.iter_mut().enumerate() {
        let Some(agent) = agents.get_mut(end.agent) else {
            continue;
        };
        let wanted = plan.queue_pair(side);
        (end.qp, end.qpn) = match agent.ask(&Request::CreateQp(wanted))? {
            Reply::Created { handle, qpn } => (handle, qpn),
            other => return Err(agent.nonsense(&other)),
        };
    }
    for side in 0..2 {
        let (end, peer) = (ends[side], ends[1 - side]);
        let Some(agent) = agents.get_mut(end.agent) else {
            continue;
        };
        for attributes in plan.steps(side, devices, peer.qpn) {
            // Before it can receive anything.
            if attributes.state == Some(QpState::Rtr) && side == 1 && plan.op == Op::Send {
                post_receives(agent, plan, end, 0, plan.receives)?;
            }
            let qp = end.qp;
            agent.done(&Request::ModifyQp { qp, attributes })?;
        }
    }
    Ok(())
}

/// Memory of a side; its queue pair is still to come.
fn register(agents: &mut [Agent], plan: &Plan, side: usize) -> Result<End, AgentError> {
    let index = plan.hosts[side];
    let Some(agent) = agents.get_mut(index) else {
        return Ok(End::default());
    };
    let register = Request::Register {
        len: plan.memory(side).max(1),
        access: Access::ALL,
        seed: plan.seed(side),
    };
    let (mr, address, rkey) = match agent.ask(&register)? {
        Reply::Registered {
            mr, address, rkey, ..
        } => (mr, address, rkey),
        other => return Err(agent.nonsense(&other)),
    };
    if plan.op == Op::Atomic && side == 1 {
        agent.done(&Request::Poke {
            mr,
            offset: 0,
            bytes: vec![0; 8],
        })?;
    }
    Ok(End {
        agent: index,
        mr,
        address,
        rkey,
        ..End::default()
    })
}

/// Posts receives `from..from + count`, each into the place of its number.
fn post_receives(
    agent: &mut Agent,
    plan: &Plan,
    end: End,
    from: u64,
    count: u64,
) -> Result<(), AgentError> {
    for (wr, count) in runs(plan.slots(), from, count) {
        let step = plan.step(1);
        let range = Range {
            mr: end.mr,
            offset: wr % plan.slots() * step,
            len: step as u32,
        };
        agent.done(&Request::PostRecvs {
            qp: end.qp,
            first: RecvWork {
                wr,
                local: vec![range],
            },
            steps: Steps {
                count: count as u32,
                local: step,
                remote: 0,
            },
        })?;
    }
    Ok(())
}

/// Cuts a row of numbers where their places begin anew.
fn runs(slots: u64, from: u64, count: u64) -> Vec<(u64, u64)> {
    let (mut at, end) = (from, from.saturating_add(count));
    let mut runs = Vec::new();
    while at < end {
        let room = slots - at % slots;
        let here = room.min(end - at);
        runs.push((at, here));
        at += here;
    }
    runs
}

fn evidence(flow: &Connected, progress: Progress, intact: Option<bool>) -> Flow {
    let plan = &flow.plan;
    let received = progress.received.iter().map(|work| work.completion);
    Flow {
        name: plan.name.clone(),
        transport: plan.transport,
        op: plan.op,
        requester: plan.hosts[0],
        responder: plan.hosts[1],
        qpn: flow.ends.map(|end| end.qpn),
        first_psn: plan.first_psn,
        messages: plan.messages,
        message_bytes: plan.message_bytes,
        limits: plan.limits,
        received: received.collect(),
        completions: progress.completions,
        intact,
    }
}

/// Whether work was done.
fn succeeded(completion: &Completion) -> bool {
    completion.status == Status::Success
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_where_places_begin_anew() {
        assert_eq!(runs(4, 0, 3), [(0, 3)]);
        assert_eq!(runs(4, 2, 7), [(2, 2), (4, 4), (8, 1)]);
        assert_eq!(runs(1, 5, 2), [(5, 1), (6, 1)]);
        assert!(runs(9, 5, 0).is_empty());
    }
}

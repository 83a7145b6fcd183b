//! The simulator.

use crate::arm::{Lie, Stage, StageError};
use crate::evidence::{Completion, Evidence, Flow, Frame, Limits, Status};
use crate::script::Script;
use crate::{Arm, Judged};
use std::collections::BTreeMap;
use xoff_lab::report::{Hit, RuleReport};
use xoff_model::results::{
    DropCause, FlowResult, FlowStatus, Outcome, Results, RuleResult, WorkCompletion,
};
use xoff_model::topology::fabric::PortId;
use xoff_model::{FlowSpec, Model, NodeId, Role};
use xoff_sim::frames::Frames;
use xoff_sim::tap;

/// Frames that are kept.
const MAX_FRAMES: usize = 1 << 20;

/// Runs a model. None if its frames have no bytes (fixed framing).
pub fn observe(model: &Model) -> Option<Evidence> {
    let frames = Frames::new(model)?;
    let hosts = hosts(model);
    let host_of = |node: NodeId| hosts.iter().position(|host| *host == node).unwrap_or(0);
    let ports: Vec<PortId> = (0..)
        .zip(frames.ports())
        .filter(|(_, info)| hosts.contains(&info.node))
        .map(|(port, _)| port)
        .collect();
    let mut kept = Vec::new();
    let mut cut = false;
    let results = {
        let mut sink = |event: &tap::TapEvent| {
            if kept.len() >= MAX_FRAMES {
                cut = true;
                return;
            }
            let mut bytes = Vec::new();
            frames.emit(event, &mut bytes);
            kept.push(Frame {
                at_ns: event.at.ps() / 1000,
                host: host_of(frames.ports()[event.port as usize].node),
                out: event.direction == tap::Direction::Out,
                bytes,
                ..Frame::default()
            });
        };
        xoff_sim::observe(model, &ports, &mut sink, &mut |_| {})
    };
    let flows = model.flows.iter().zip(&results.flows).enumerate();
    let flows = flows.map(|(index, (spec, result))| Flow {
        requester: host_of(spec.src),
        responder: host_of(spec.dst),
        qpn: frames.flows()[index].ends.map(|end| end.qpn),
        first_psn: frames.flows()[index].first_psn,
        ..flow(model, spec, result)
    });
    Some(Evidence {
        flows: flows.collect(),
        frames: kept,
        cut,
        counters: counters(&results, &hosts),
        rules: rules(&results),
        mtu: mtu(model, &hosts),
        ..Evidence::default()
    })
}

fn hosts(model: &Model) -> Vec<NodeId> {
    let nodes = (0..).zip(&model.nodes);
    nodes
        .filter(|(_, node)| matches!(node.role, Role::Host(_)))
        .map(|(id, _)| id)
        .collect()
}

fn mtu(model: &Model, hosts: &[NodeId]) -> u32 {
    let nics = hosts.iter().filter_map(|&host| nic(model, host));
    nics.map(|nic| nic.mtu).min().unwrap_or_default()
}

fn nic(model: &Model, node: NodeId) -> Option<&xoff_model::NicProfile> {
    match model.nodes.get(node as usize)?.role {
        Role::Host(nic) => model.nics.get(nic as usize),
        Role::Switch(_) => None,
    }
}

/// All but what the frames' addresses say.
fn flow(model: &Model, spec: &FlowSpec, result: &FlowResult) -> Flow {
    let (near, far) = (nic(model, spec.src), nic(model, spec.dst));
    Flow {
        name: spec.name.clone(),
        transport: spec.transport,
        op: spec.op,
        requester: 0,
        responder: 0,
        qpn: [0; 2],
        first_psn: 0,
        messages: result.messages,
        message_bytes: spec.message_bytes,
        limits: Limits {
            timeout_ns: near.map_or(0, |nic| nic.rc.timeout.ns()),
            retry: near.and_then(|nic| nic.rc.retry_cnt),
            rnr_retry: near.and_then(|nic| nic.rc.rnr_retry),
            rnr_timer_ns: far.map_or(0, |nic| nic.rc.rnr_timer.ns()),
        },
        completions: completions(result),
        received: received(result),
        intact: result.observed.as_ref().and_then(|o| o.intact),
    }
}

/// Successes, the error that ended the queue pair, and what it flushed.
fn completions(result: &FlowResult) -> Vec<Completion> {
    let error = match result.status {
        FlowStatus::RetryExceeded => Status::RetryExcErr,
        FlowStatus::RnrRetryExceeded => Status::RnrRetryExcErr,
        FlowStatus::RemoteInvalidRequest => Status::RemInvReqErr,
        FlowStatus::RemoteAccess => Status::RemAccessErr,
        FlowStatus::RemoteOperational => Status::RemOpErr,
        FlowStatus::Completed | FlowStatus::Unfinished | FlowStatus::Unreachable => {
            Status::GeneralErr
        }
    };
    let sent = result.observed.iter().flat_map(|o| &o.sent);
    entries(sent, error)
}

/// Completions of receives.
fn received(result: &FlowResult) -> Vec<Completion> {
    let received = result.observed.iter().flat_map(|o| &o.received);
    entries(received, Status::GeneralErr)
}

fn entries<'r>(list: impl Iterator<Item = &'r WorkCompletion>, error: Status) -> Vec<Completion> {
    let entry = |(wr, done): (u64, &WorkCompletion)| Completion {
        wr,
        status: match done.outcome {
            Outcome::Success => Status::Success,
            Outcome::Error => error,
            Outcome::Flushed => Status::WrFlushErr,
        },
        at_ns: done.at.ps() / 1000,
    };
    (0..).zip(list).map(entry).collect()
}

fn rules(results: &Results) -> Vec<RuleReport> {
    let hit = |hit: &xoff_model::rules::Hit| Hit {
        n: hit.n,
        frame: hit.to_string(),
    };
    let report = |rule: &RuleResult| RuleReport {
        name: rule.name.clone(),
        matched: rule.matched,
        applied: rule.applied,
        hits: rule.hits.iter().map(hit).collect(),
    };
    results.rules.iter().map(report).collect()
}

/// Counters of queue pairs are those of the host that keeps them.
fn counters(results: &Results, hosts: &[NodeId]) -> Vec<BTreeMap<String, u64>> {
    let of = |&host: &NodeId| {
        let node = results.nodes.get(host as usize);
        let kept = node.map(|node| node.counters).unwrap_or_default();
        let mut named: BTreeMap<String, u64> = kept
            .named()
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        let ports = || results.ports.iter().filter(|port| port.node == host);
        // What the receive buffer turned away has counters of its own below.
        let full = ports().flat_map(|port| port.drops[DropCause::RxBuffer as usize]);
        if let Some(value) = named.get_mut("out_of_buffer") {
            *value = value.saturating_sub(full.sum());
        }
        for (name, value) in
            ports().flat_map(|port| xoff_scenario::metrics::counters::port_counters(results, port))
        {
            *named.entry(name).or_default() += value;
        }
        named
    };
    hosts.iter().map(of).collect()
}

/// The simulator as a stage.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimStage;

impl Stage for SimStage {
    fn arm(&self) -> Arm {
        Arm::Sim
    }

    fn observe(&mut self, model: &Model) -> Result<Evidence, StageError> {
        let why = "the framing of the scenario has no bytes";
        observe(model).ok_or_else(|| StageError::Unable(why.to_owned()))
    }

    fn script(&mut self, _: &Script, _: Option<Lie>) -> Result<Judged, StageError> {
        let why = "the model has queue pairs, but no verbs";
        Err(StageError::Unable(why.to_owned()))
    }
}

//! The simulator.

use crate::agent::Script;
use crate::conform::evidence::{Completion, Evidence, Flow, Frame, Limits, Status};
use crate::conform::run::{Lie, Stage, StageError};
use crate::conform::{Arm, Judged};
use crate::lab::report::{Hit, RuleReport};
use std::collections::BTreeMap;
use xoff_sim::engine::{self, tap};
use xoff_sim::frames::Frames;
use xoff_sim::model::{FlowSpec, Model, NodeId, Op, Role};
use xoff_sim::results::{
    FlowResult, FlowStatus, Outcome, RdmaCounters, Results, RuleResult, WorkCompletion,
};
use xoff_sim::topology::fabric::PortId;

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
            });
        };
        engine::observe(model, &ports, &mut sink, &mut |_| {})
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
        counters: counters(model, &results, &hosts),
        rules: rules(&results),
        mtu: mtu(model, &hosts),
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

fn nic(model: &Model, node: NodeId) -> Option<&xoff_sim::model::NicProfile> {
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
    let hit = |hit: &xoff_sim::rules::Hit| Hit {
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
fn counters(model: &Model, results: &Results, hosts: &[NodeId]) -> Vec<BTreeMap<String, u64>> {
    let of = |&host: &NodeId| {
        let mut sum = RdmaCounters::default();
        let flows = model.flows.iter().zip(&results.flows);
        for (spec, result) in flows.filter(|(spec, _)| spec.src == host || spec.dst == host) {
            // A flow counts for both its ends under names that only one of them can move.
            sum.add(&side(
                &result.counters,
                spec.src == host,
                spec.op == Op::Read,
            ));
        }
        let mut named: BTreeMap<String, u64> = sum
            .named()
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        let of_node = results.nodes.get(host as usize);
        let icrc = of_node.map_or(0, |node| node.counters.rx_icrc_encapsulated);
        named.insert("rx_icrc_encapsulated".to_owned(), icrc);
        let ports = results.ports.iter().filter(|port| port.node == host);
        for (name, value) in
            ports.flat_map(|port| xoff_sim::metrics::counters::port_counters(results, port))
        {
            *named.entry(name).or_default() += value;
        }
        named
    };
    hosts.iter().map(of).collect()
}

/// What one end of a flow counts. Those that receive data see gaps and marks; for READ that is the
/// requester.
fn side(all: &RdmaCounters, requester: bool, read: bool) -> RdmaCounters {
    let mut mine = RdmaCounters::default();
    if requester {
        mine.packet_seq_err = all.packet_seq_err;
        mine.implied_nak_seq_err = all.implied_nak_seq_err;
        mine.local_ack_timeout_err = all.local_ack_timeout_err;
        mine.rnr_nak_retry_err = all.rnr_nak_retry_err;
        mine.req_transport_retries_exceeded = all.req_transport_retries_exceeded;
        mine.req_rnr_retries_exceeded = all.req_rnr_retries_exceeded;
    } else {
        mine.duplicate_request = all.duplicate_request;
        mine.out_of_buffer = all.out_of_buffer;
    }
    if requester == read {
        mine.out_of_sequence = all.out_of_sequence;
        mine.np_cnp_sent = all.np_cnp_sent;
        mine.np_ecn_marked_roce_packets = all.np_ecn_marked_roce_packets;
    } else {
        mine.rp_cnp_handled = all.rp_cnp_handled;
        mine.rp_cnp_ignored = all.rp_cnp_ignored;
    }
    mine
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

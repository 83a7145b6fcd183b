use super::{order, state};
use std::collections::VecDeque;
use xoff_lab::agent::{Agent, AgentError, Device, Line, Pair, QpState, Reply, Request};

/// A device without SQD, as far as states go.
#[derive(Default)]
struct Undrained {
    states: Vec<QpState>,
    replies: VecDeque<Reply>,
}

/// As the table of IBTA 10.3.1, without SQD.
fn allowed(from: QpState, to: QpState) -> bool {
    use QpState::{Err, Init, Reset, Rtr, Rts};
    match to {
        Reset => true,
        Err => from != Reset,
        Init => matches!(from, Reset | Init),
        Rtr => from == Init,
        Rts => matches!(from, Rtr | Rts),
        _ => false,
    }
}

impl Undrained {
    fn modify(&mut self, qp: u32, wanted: &xoff_lab::agent::Attributes) -> Option<()> {
        let to = wanted.state?;
        let state = self.states.get_mut(qp as usize)?;
        let has_peer = to != QpState::Rtr || wanted.dest_qpn.is_some();
        (allowed(*state, to) && has_peer).then(|| *state = to)
    }

    fn reply(&mut self, request: &Request) -> Reply {
        match request {
            Request::Open { .. } => Reply::Opened(Device::default()),
            Request::Register { .. } => Reply::Registered {
                mr: 0,
                address: 0,
                lkey: 0,
                rkey: 0,
            },
            Request::CreateQp(_) => {
                self.states.push(QpState::Reset);
                let handle = self.states.len() as u32 - 1;
                Reply::Created {
                    handle,
                    qpn: handle + 2,
                }
            }
            Request::ModifyQp { qp, attributes } => match self.modify(*qp, attributes) {
                Some(()) => Reply::Done,
                None => Reply::Failed {
                    call: "ibv_modify_qp".to_owned(),
                    errno: 22,
                    message: "Invalid argument".to_owned(),
                },
            },
            Request::QueryQp { qp } => Reply::State(self.states[*qp as usize]),
            _ => Reply::Done,
        }
    }
}

impl Line for Undrained {
    fn send(&mut self, line: &[u8]) -> Result<(), AgentError> {
        let reply = self.reply(&serde_json::from_slice(line).unwrap());
        self.replies.push_back(reply);
        Ok(())
    }

    fn receive(&mut self) -> Result<Vec<u8>, AgentError> {
        let reply = self.replies.pop_front().unwrap();
        Ok(serde_json::to_vec(&reply).unwrap())
    }
}

fn pair() -> Pair {
    let agent = |host| Agent::new(host, Box::<Undrained>::default(), None);
    Pair {
        agents: [agent("h0"), agent("h1")],
    }
}

#[test]
fn devices_without_sqd_are_judged_by_their_other_states() {
    let judged = state::matrix(&mut pair()).unwrap();
    assert_eq!(judged.faults, []);
    assert_eq!(judged.detail, "14 steps refused, 9 made; there is no SQD");
}

#[test]
fn devices_without_sqd_are_not_asked_to_drain() {
    match order::drain(&mut pair()) {
        Err(AgentError::Lacks { host, .. }) => assert_eq!(host, "h0"),
        other => panic!("{other:?}"),
    }
}

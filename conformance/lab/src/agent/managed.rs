//! Connections that the connection manager makes: iWARP.

use super::{Agent, AgentError, CreateQp, Device, Reply, Request};
use std::net::SocketAddr;

/// Where responders listen.
const PORT: u16 = 18_515;
const PATIENCE_MS: u32 = 5000;

/// A connection that begins: the responder has its queue pair, and has not accepted yet.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// Agents by index: requester and responder.
    pub ends: [usize; 2],
    /// Handle and QPN at each.
    pub queues: [(u32, u32); 2],
    reads: [u8; 2],
}

/// Lets agents listen whose devices need the connection manager. Once, after they are open.
///
/// # Errors
/// An agent is gone, or refused.
pub fn listen(agents: &mut [Agent], devices: &[Device]) -> Result<(), AgentError> {
    for (agent, device) in agents.iter_mut().zip(devices) {
        if device.managed.is_some() {
            agent.done(&Request::Listen { port: PORT })?;
        }
    }
    Ok(())
}

/// Makes both queue pairs. `reads`: how many READs the requester may have outstanding, and how many
/// the responder keeps.
///
/// # Errors
/// An agent is gone, or refused.
pub fn begin(
    agents: &mut [Agent],
    ends: [usize; 2],
    devices: [&Device; 2],
    wanted: [CreateQp; 2],
    reads: [u8; 2],
) -> Result<Begun, AgentError> {
    let [near, far] = wanted;
    let ips = devices[1].managed.iter().flatten();
    let ip = ips.min().ok_or_else(|| AgentError::Lost {
        host: devices[1].name.clone(),
        message: "its device has no address to connect to".to_owned(),
    })?;
    let to = SocketAddr::new(*ip, PORT);
    let near = create(agents, ends[0], &Request::Resolve { to, wanted: near })?;
    let connect = Request::Connect {
        qp: near.0,
        reads: [reads[0], reads[0]],
    };
    done(agents, ends[0], &connect)?;
    let requested = Request::Requested {
        wanted: far,
        timeout_ms: PATIENCE_MS,
    };
    let far = create(agents, ends[1], &requested)?;
    Ok(Begun {
        ends,
        queues: [near, far],
        reads,
    })
}

/// Lets the responder accept, and waits for both.
///
/// # Errors
/// An agent is gone, or refused.
pub fn finish(agents: &mut [Agent], begun: &Begun) -> Result<(), AgentError> {
    let accept = Request::Accept {
        qp: begun.queues[1].0,
        reads: [begun.reads[1], begun.reads[1]],
    };
    done(agents, begun.ends[1], &accept)?;
    for ((qp, _), end) in begun.queues.into_iter().zip(begun.ends) {
        let timeout_ms = PATIENCE_MS;
        done(agents, end, &Request::Established { qp, timeout_ms })?;
    }
    Ok(())
}

fn of(agents: &mut [Agent], index: usize) -> Result<&mut Agent, AgentError> {
    agents.get_mut(index).ok_or_else(|| AgentError::Lost {
        host: format!("host {index}"),
        message: "it has no agent".to_owned(),
    })
}

fn create(agents: &mut [Agent], index: usize, request: &Request) -> Result<(u32, u32), AgentError> {
    let agent = of(agents, index)?;
    match agent.ask(request)? {
        Reply::Created { handle, qpn } => Ok((handle, qpn)),
        other => Err(agent.nonsense(&other)),
    }
}

fn done(agents: &mut [Agent], index: usize, request: &Request) -> Result<(), AgentError> {
    of(agents, index)?.done(request)
}

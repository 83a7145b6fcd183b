//! The near end of an agent.

use super::protocol::{Device, Reply, Request};
use thiserror::Error;

/// Why an agent did not do as it was told.
#[derive(Debug, Error)]
pub enum AgentError {
    /// It went away, or said what cannot be understood.
    #[error("agent on {host}: {message}")]
    Lost { host: String, message: String },
    /// A call was refused that should not have been.
    #[error("agent on {host}: {call}: {message} (errno {errno})")]
    Refused {
        host: String,
        call: String,
        errno: i32,
        message: String,
    },
    /// The device has no such thing, and need not have it.
    #[error("{host} {what}")]
    Lacks { host: String, what: String },
}

/// How lines go to an agent and come back.
pub trait Line: Send {
    /// # Errors
    /// The agent is gone.
    fn send(&mut self, line: &[u8]) -> Result<(), AgentError>;
    /// # Errors
    /// The agent is gone, or the time is over.
    fn receive(&mut self) -> Result<Vec<u8>, AgentError>;
}

/// One agent.
pub struct Agent {
    pub host: String,
    line: Box<dyn Line>,
    /// A lie told of replies (see `conform::suite::Wrong::Verbs`).
    lie: Option<fn(&Request, &mut Reply)>,
    choice: Choice,
}

/// What is opened where nobody asks for something else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// By name; None: the first.
    pub device: Option<String>,
    /// None: the first GID that fits. Only of IPv4: that of IPv6 is another one.
    pub gid_index: Option<u8>,
}

impl Choice {
    fn fill(&self, request: &Request) -> Option<Request> {
        let Request::Open {
            device,
            gid_index,
            ipv6,
        } = request
        else {
            return None;
        };
        let chosen = self.gid_index.filter(|_| !ipv6);
        Some(Request::Open {
            device: device.clone().or_else(|| self.device.clone()),
            gid_index: gid_index.or(chosen),
            ipv6: *ipv6,
        })
    }
}

/// The hosts of a script: requester and responder.
pub struct Pair {
    pub agents: [Agent; 2],
}

impl Agent {
    pub fn new(host: &str, line: Box<dyn Line>, lie: Option<fn(&Request, &mut Reply)>) -> Agent {
        Agent {
            host: host.to_owned(),
            line,
            lie,
            choice: Choice::default(),
        }
    }

    /// The same, with devices of one's choice.
    pub fn choosing(self, choice: Choice) -> Agent {
        Agent { choice, ..self }
    }

    /// Opens the device of one's choice, or the first, with a GID of IPv4 or IPv6.
    ///
    /// # Errors
    /// The agent is lost, or cannot.
    pub fn open(&mut self, ipv6: bool) -> Result<Device, AgentError> {
        let request = Request::Open {
            device: None,
            gid_index: None,
            ipv6,
        };
        match self.ask(&request)? {
            Reply::Opened(device) => Ok(device),
            other => Err(self.nonsense(&other)),
        }
    }

    /// Tells the agent something and gives its answer, [`Reply::Failed`] included.
    ///
    /// # Errors
    /// [`AgentError::Lost`] if the agent's process ended.
    pub fn call(&mut self, request: &Request) -> Result<Reply, AgentError> {
        let lost = |message: String| AgentError::Lost {
            host: self.host.clone(),
            message,
        };
        let chosen = self.choice.fill(request);
        let request = chosen.as_ref().unwrap_or(request);
        let mut text = serde_json::to_vec(request).map_err(|e| lost(e.to_string()))?;
        text.push(b'\n');
        self.line.send(&text)?;
        let answer = self.line.receive()?;
        let mut reply = serde_json::from_slice(&answer)
            .map_err(|e| lost(format!("it said what cannot be understood: {e}")))?;
        if let Some(lie) = self.lie {
            lie(request, &mut reply);
        }
        Ok(reply)
    }

    /// The same, where a refusal is an error.
    ///
    /// # Errors
    /// [`AgentError::Lost`] if the agent's process ended; or it refused.
    pub fn ask(&mut self, request: &Request) -> Result<Reply, AgentError> {
        match self.call(request)? {
            Reply::Failed {
                call,
                errno,
                message,
            } => Err(AgentError::Refused {
                host: self.host.clone(),
                call,
                errno,
                message,
            }),
            reply => Ok(reply),
        }
    }

    /// The same, where there is nothing to answer.
    ///
    /// # Errors
    /// [`AgentError::Lost`] if the agent's process ended; or it refused.
    pub fn done(&mut self, request: &Request) -> Result<(), AgentError> {
        match self.ask(request)? {
            Reply::Done => Ok(()),
            other => Err(self.nonsense(&other)),
        }
    }

    /// Tells several things at once, and gives the answers in their order, refusals included.
    ///
    /// # Errors
    /// [`AgentError::Lost`] if the agent's process ended.
    pub fn batch(&mut self, requests: Vec<Request>) -> Result<Vec<Reply>, AgentError> {
        let count = requests.len();
        match self.ask(&Request::Batch(requests))? {
            Reply::Batch(replies) if replies.len() == count => Ok(replies),
            other => Err(self.nonsense(&other)),
        }
    }

    /// What to say of an answer that does not fit.
    pub fn nonsense(&self, reply: &Reply) -> AgentError {
        let mut said = format!("{reply:?}");
        said.truncate(said.floor_char_boundary(200));
        AgentError::Lost {
            host: self.host.clone(),
            message: format!("it gave an answer that does not fit: {said}"),
        }
    }
}

//! A session: guests up, each with a verbs agent, and somebody who talks with the agents.

use super::LabError;
use super::event::Event;
use super::protocol::{self, FromGuest, ToGuest};
use super::report::LabReport;
use super::run::{Lab, Options, hosts, wire_over, with_guests};
use crate::agent::{Agent, AgentError, Line, Reply, Request};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use xoff_model::Model;
use xoff_trace::capture::Direction;
use xoff_trace::capture::HostFrame as Frame;
use xoff_trace::capture::read::Reader;

/// This program as a guest has it: the guest's first process.
const AGENT: &str = "exec /proc/1/exe agent";
/// What it says if it was built without an agent.
pub const NO_VERBS: &str = "built without verbs";
/// Longest reply of an agent.
const MAX_REPLY: usize = 16 << 20;
/// What is kept of an agent's complaints.
const MAX_COMPLAINT: usize = 4096;
/// Input that is given to a guest at a time.
const PIECE: usize = 4096;
/// Frames that are kept.
const MAX_FRAMES: usize = 1 << 20;

/// What a session left.
pub struct Session<T> {
    pub value: T,
    pub report: LabReport,
    /// All frames at the guests' interfaces in the order of time, which begins with the first.
    pub frames: Vec<Frame>,
    /// Frames beyond what is kept were left out.
    pub cut: bool,
}

/// Takes up the hosts of a model with its rules on the wire, gives an agent for each to `work`,
/// and takes everything down. `lie` is told of replies.
///
/// # Errors
/// The lab did not work, or an agent went away. [`LabError::Unable`]: this program has no agent.
pub fn with_agents<T>(
    model: &Model,
    options: &Options<'_>,
    lie: Option<fn(&Request, &mut Reply)>,
    work: impl FnOnce(&mut Vec<Agent>) -> Result<T, AgentError>,
) -> Result<Session<T>, LabError> {
    let commands = vec![AGENT.to_owned(); hosts(model)?.len()];
    let done = with_guests(model, &commands, options, true, |lab| {
        talk(lab, AGENT, |lines| {
            let agent = |(host, line): (String, Box<dyn Line>)| Agent::new(&host, line, lie);
            work(&mut lines.into_iter().map(agent).collect())
        })
    })?;
    let (frames, cut) = match &done.capture {
        Some(path) => frames(path, &done.ports)?,
        None => (Vec::new(), false),
    };
    Ok(Session {
        value: done.value,
        report: done.report,
        frames,
        cut,
    })
}

/// Starts a command in every guest that speaks lines, and gives the lines, with the guests' names,
/// to `work`.
pub(super) fn talk<T>(
    lab: &mut Lab,
    command: &str,
    work: impl FnOnce(Vec<(String, Box<dyn Line>)>) -> Result<T, AgentError>,
) -> Result<T, LabError> {
    for guest in &mut lab.guests {
        let command = command.to_owned();
        guest.tell(&ToGuest::Start { command })?;
    }
    let board = Arc::new(Mutex::new(Board {
        events: Arc::clone(&lab.events),
        deadline: Instant::now() + lab.left(),
        heard: lab.guests.iter().map(|_| Heard::default()).collect(),
        fate: None,
    }));
    let mut lines: Vec<(String, Box<dyn Line>)> = Vec::new();
    for (index, guest) in lab.guests.iter().enumerate() {
        let failed = |e: std::io::Error| guest.failed(format!("cannot be told anything: {e}"));
        let line = GuestLine {
            index,
            host: guest.name.clone(),
            to: guest.line().map_err(failed)?,
            board: Arc::clone(&board),
        };
        lines.push((guest.name.clone(), Box::new(line)));
    }
    let worked = work(lines);
    let fate = board
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .fate
        .take();
    let value = match (worked, fate) {
        (Ok(value), _) => value,
        (Err(_), Some(Fate::Interrupted)) => return Err(LabError::Interrupted),
        (Err(_), Some(Fate::WireOver)) => return Err(wire_over()),
        (Err(_), Some(Fate::NoVerbs(why))) => return Err(LabError::Unable(why)),
        (Err(_), Some(Fate::Lost(index, why))) => return Err(lab.blame(index, why)),
        (Err(error), None) => {
            return Err(match error {
                AgentError::Lacks { .. } => LabError::Unable(error.to_string()),
                AgentError::Refused { .. } => LabError::Refused(error.to_string()),
                AgentError::Lost { .. } => LabError::Message(error.to_string()),
            });
        }
    };
    for guest in &mut lab.guests {
        guest.tell(&ToGuest::EndInput)?;
    }
    lab.await_ends()?;
    Ok(value)
}

/// What the guests said, each line for whom it is.
struct Board {
    events: Arc<Mutex<Receiver<Event>>>,
    deadline: Instant,
    heard: Vec<Heard>,
    /// Why it is over.
    fate: Option<Fate>,
}

#[derive(Default)]
struct Heard {
    lines: VecDeque<Vec<u8>>,
    /// The beginning of a line.
    begun: Vec<u8>,
    complaint: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Interrupted,
    WireOver,
    NoVerbs(String),
    /// By which guest, and why.
    Lost(usize, String),
}

impl Fate {
    fn message(&self) -> String {
        match self {
            Fate::Interrupted => "interrupted".to_owned(),
            Fate::WireOver => wire_over().to_string(),
            Fate::NoVerbs(why) | Fate::Lost(_, why) => why.clone(),
        }
    }
}

impl Board {
    /// The next line of a guest.
    fn next(&mut self, index: usize) -> Result<Vec<u8>, String> {
        loop {
            if let Some(fate) = &self.fate {
                return Err(fate.message());
            }
            let heard = self.heard.get_mut(index);
            if let Some(line) = heard.and_then(|heard| heard.lines.pop_front()) {
                return Ok(line);
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            let event = events.recv_timeout(left);
            drop(events);
            match event {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let why = "its verbs agent did not answer in time".to_owned();
                    self.fate = Some(Fate::Lost(index, why));
                }
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Interrupted => self.fate = Some(Fate::Interrupted),
            Event::WireOver => self.fate = Some(Fate::WireOver),
            Event::Gone(index) => {
                let why = "ended while its verbs agent was at work".to_owned();
                self.fate = Some(Fate::Lost(index, why));
            }
            Event::Says(index, message) => {
                let Some(heard) = self.heard.get_mut(index) else {
                    return;
                };
                match message {
                    FromGuest::Output { error: false, text } => {
                        if !heard.take(text.as_bytes()) {
                            let why = "its verbs agent says too long a line".to_owned();
                            self.fate = Some(Fate::Lost(index, why));
                        }
                    }
                    FromGuest::Output { error: true, text } => {
                        let room = MAX_COMPLAINT.saturating_sub(heard.complaint.len());
                        let kept = text.floor_char_boundary(room.min(text.len()));
                        let kept = text.get(..kept).unwrap_or_default();
                        heard.complaint.push_str(kept);
                    }
                    FromGuest::Ended { status, .. } => {
                        self.fate = Some(ended(index, status, heard.complaint.trim()));
                    }
                    FromGuest::Failed { message } => {
                        self.fate = Some(Fate::Lost(index, message));
                    }
                    FromGuest::Hello | FromGuest::Active | FromGuest::Counters(_) => {}
                }
            }
        }
    }
}

fn ended(index: usize, status: i32, complaint: &str) -> Fate {
    match complaint.find(NO_VERBS) {
        Some(at) => {
            let why = complaint.get(at..).unwrap_or_default();
            Fate::NoVerbs(format!("this xoff was {why}"))
        }
        None => Fate::Lost(
            index,
            format!("its verbs agent ended with status {status}: {complaint}"),
        ),
    }
}

impl Heard {
    /// False: too long a line.
    fn take(&mut self, bytes: &[u8]) -> bool {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.lines.push_back(std::mem::take(&mut self.begun));
            }
        }
        self.begun.len() <= MAX_REPLY
    }
}

/// How lines go through a guest's first process to its agent and back.
struct GuestLine {
    index: usize,
    host: String,
    to: UnixStream,
    board: Arc<Mutex<Board>>,
}

impl GuestLine {
    fn lost(&self, message: String) -> AgentError {
        AgentError::Lost {
            host: self.host.clone(),
            message,
        }
    }
}

impl Line for GuestLine {
    fn send(&mut self, line: &[u8]) -> Result<(), AgentError> {
        let mut rest = String::from_utf8_lossy(line).into_owned();
        while !rest.is_empty() {
            let tail = rest.split_off(rest.floor_char_boundary(PIECE.min(rest.len())));
            let text = std::mem::replace(&mut rest, tail);
            let sent =
                protocol::line(&ToGuest::Input { text }).and_then(|line| self.to.write_all(&line));
            if let Err(e) = sent {
                let why = format!("does not listen: {e}");
                let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
                let fate = Fate::Lost(self.index, why.clone());
                board.fate.get_or_insert(fate);
                drop(board);
                return Err(self.lost(why));
            }
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<Vec<u8>, AgentError> {
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        let line = board.next(self.index);
        drop(board);
        line.map_err(|why| self.lost(why))
    }
}

/// The frames of a capture of the wire, whose interfaces belong to hosts.
fn frames(path: &Path, ports: &[usize]) -> Result<(Vec<Frame>, bool), LabError> {
    let file = File::open(path).map_err(|e| LabError::file("read", path, &e))?;
    let failed = |e: xoff_trace::capture::read::CaptureError| LabError::Message(e.to_string());
    let name = path.to_string_lossy();
    let mut reader = Reader::new(Box::new(file), &name).map_err(failed)?;
    let mut frames = Vec::new();
    let mut first = None;
    while let Some(frame) = reader.next().map_err(failed)? {
        if frames.len() >= MAX_FRAMES {
            return Ok((frames, true));
        }
        let first = *first.get_or_insert(frame.at_ns);
        frames.push(Frame {
            at_ns: frame.at_ns.saturating_sub(first),
            host: ports
                .get(frame.interface as usize)
                .copied()
                .unwrap_or_default(),
            out: frame.direction == Direction::Out,
            bytes: frame.data.to_vec(),
            ..Frame::default()
        });
    }
    Ok((frames, false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    fn says(index: usize, error: bool, text: &str) -> Event {
        let text = text.to_owned();
        Event::Says(index, FromGuest::Output { error, text })
    }

    fn board(events: Receiver<Event>) -> Board {
        Board {
            events: Arc::new(Mutex::new(events)),
            deadline: Instant::now() + Duration::from_millis(50),
            heard: vec![Heard::default(), Heard::default()],
            fate: None,
        }
    }

    #[test]
    fn lines_go_to_whom_they_are_for() {
        let (to, events) = channel();
        let mut board = board(events);
        for event in [
            says(1, false, "a"),
            says(0, false, "x\ny\nz"),
            says(1, false, "b\n"),
        ] {
            assert!(to.send(event).is_ok());
        }
        assert_eq!(board.next(1).unwrap(), b"ab\n");
        assert_eq!(board.next(0).unwrap(), b"x\n");
        assert_eq!(board.next(0).unwrap(), b"y\n");
        assert!(board.next(0).unwrap_err().contains("in time"));
    }

    #[test]
    fn agents_that_end_say_why() {
        let (to, events) = channel();
        let mut first = board(events);
        let complaint = says(0, true, "error: built without verbs: cargo build\n");
        assert!(to.send(complaint).is_ok());
        let ended = |index| FromGuest::Ended {
            status: index,
            ran_ms: 1,
        };
        assert!(to.send(Event::Says(0, ended(2))).is_ok());
        let why = first.next(1).unwrap_err();
        assert_eq!(why, "this xoff was built without verbs: cargo build");
        assert!(matches!(first.fate, Some(Fate::NoVerbs(_))));
        let (to, events) = channel();
        let mut second = board(events);
        assert!(to.send(says(1, true, "oops")).is_ok());
        assert!(to.send(Event::Says(1, ended(101))).is_ok());
        assert!(second.next(0).unwrap_err().contains("status 101: oops"));
        assert!(matches!(second.fate, Some(Fate::Lost(1, _))));
    }
}

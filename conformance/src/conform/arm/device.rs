//! Real RDMA devices of two hosts, each reached by a command that runs `xoff agent` there.

use super::drive::{Task, drive};
use super::lab::play;
use crate::agent::{Agent, AgentError, Line, Reply, Request, Script};
use crate::conform::evidence::Evidence;
use crate::conform::run::{Lie, Stage, StageError};
use crate::conform::{Arm, Judged};
use crate::lab::session::NO_VERBS;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use xoff_sim::model::Model;

/// Longest reply.
const MAX_REPLY: u64 = 16 << 20;
/// What is kept of what a command complains.
const MAX_COMPLAINT: usize = 4096;
/// How long flows may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The arm for the suite.
#[derive(Clone, Debug)]
pub struct DeviceStage {
    /// What reaches the agents of requester and responder, such as `ssh HOST xoff agent`.
    pub commands: [String; 2],
    /// For each experiment and script.
    pub timeout: Duration,
}

impl Stage for DeviceStage {
    fn arm(&self) -> Arm {
        Arm::Device
    }

    /// No frames are seen.
    fn observe(&mut self, model: &Model) -> Result<Evidence, StageError> {
        if !model.rules.is_empty() {
            let why = "there is no wire between devices that could obey rules";
            return Err(StageError::Unable(why.to_owned()));
        }
        let task = Task::new(model, PATIENCE.min(self.timeout / 2)).map_err(StageError::Unable)?;
        let mut agents = self.agents(None)?;
        let before = counters(&mut agents)?;
        let driven = drive(&mut agents, &task).map_err(stage_error)?;
        let mut counters = counters(&mut agents)?;
        for (after, before) in counters.iter_mut().zip(&before) {
            for (name, value) in after.iter_mut() {
                *value = value.saturating_sub(before.get(name).copied().unwrap_or_default());
            }
        }
        Ok(Evidence {
            flows: driven.flows,
            counters,
            mtu: driven.mtu,
            ..Evidence::default()
        })
    }

    fn script(&mut self, script: &Script, lie: Option<Lie>) -> Result<Judged, StageError> {
        if !script.rules.is_empty() {
            let why = "there is no wire between devices that could obey rules";
            return Err(StageError::Unable(why.to_owned()));
        }
        let mut agents = self.agents(lie)?;
        // Whether there are devices at all is known before anything is judged.
        counters(&mut agents)?;
        play(&mut agents, script).map_err(stage_error)
    }
}

impl DeviceStage {
    fn agents(&self, lie: Option<Lie>) -> Result<Vec<Agent>, StageError> {
        let deadline = Instant::now() + self.timeout;
        let begin = |command: &String| {
            let line = CommandLine::begin(command, deadline).map_err(stage_error)?;
            Ok(Agent::new(command, Box::new(line), lie))
        };
        self.commands.iter().map(begin).collect()
    }
}

/// Of each device; opens it.
fn counters(agents: &mut [Agent]) -> Result<Vec<BTreeMap<String, u64>>, StageError> {
    let mut all = Vec::new();
    for agent in agents {
        let open = Request::Open {
            device: None,
            gid_index: None,
            ipv6: false,
        };
        match agent.ask(&open).map_err(stage_error)? {
            Reply::Opened(_) => {}
            other => return Err(stage_error(agent.nonsense(&other))),
        }
        match agent.ask(&Request::Counters).map_err(stage_error)? {
            Reply::Counters(counters) => all.push(counters),
            other => return Err(stage_error(agent.nonsense(&other))),
        }
    }
    Ok(all)
}

fn stage_error(error: AgentError) -> StageError {
    const ABSENT: [Errno; 3] = [Errno::NODEV, Errno::NOSYS, Errno::NOENT];
    match &error {
        AgentError::Refused {
            host, call, errno, ..
        } if call == "ibv_get_device_list"
            && ABSENT.iter().any(|absent| absent.raw_os_error() == *errno) =>
        {
            StageError::Unable(format!("{host}: there is no RDMA device"))
        }
        AgentError::Lost { message, .. } if message.contains(NO_VERBS) => {
            StageError::Unable(error.to_string())
        }
        _ => StageError::Broken(error.to_string()),
    }
}

/// A command that speaks on standard input and output. Ends with this.
struct CommandLine {
    command: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
    complaint: Arc<Mutex<String>>,
    deadline: Instant,
}

impl CommandLine {
    fn begin(command: &str, deadline: Instant) -> Result<CommandLine, AgentError> {
        let lost = |message: String| AgentError::Lost {
            host: command.to_owned(),
            message,
        };
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(command);
        shell.stdin(Stdio::piped());
        shell.stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = shell.spawn();
        let mut child = started.map_err(|e| lost(format!("cannot be started: {e}")))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        // One reply is on its way at a time.
        let (to, lines) = sync_channel(1);
        thread::spawn(move || {
            let Some(output) = output else { return };
            let mut from = BufReader::new(output);
            loop {
                let mut line = Vec::new();
                let read = from.by_ref().take(MAX_REPLY).read_until(b'\n', &mut line);
                if !read.is_ok_and(|len| len > 0) || to.send(line).is_err() {
                    return;
                }
            }
        });
        let complaint = Arc::new(Mutex::new(String::new()));
        let (errors, kept) = (child.stderr.take(), Arc::clone(&complaint));
        thread::spawn(move || {
            let Some(errors) = errors else { return };
            for line in BufReader::new(errors.take(MAX_REPLY))
                .lines()
                .map_while(Result::ok)
            {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() + line.len() < MAX_COMPLAINT {
                    kept.push_str(&line);
                    kept.push(' ');
                }
            }
        });
        Ok(CommandLine {
            command: command.to_owned(),
            child,
            input,
            lines,
            complaint,
            deadline,
        })
    }

    fn lost(&self, message: &str) -> AgentError {
        // What it says last may still be under way.
        thread::sleep(Duration::from_millis(100));
        let complaint = self
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        AgentError::Lost {
            host: self.command.clone(),
            message: format!("{message} {complaint}").trim().to_owned(),
        }
    }
}

impl Line for CommandLine {
    fn send(&mut self, line: &[u8]) -> Result<(), AgentError> {
        let sent = match &mut self.input {
            Some(input) => input.write_all(line).and_then(|()| input.flush()),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        };
        sent.map_err(|_| self.lost("does not listen:"))
    }

    fn receive(&mut self) -> Result<Vec<u8>, AgentError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.lines.recv_timeout(left).map_err(|e| match e {
            RecvTimeoutError::Timeout => self.lost("did not answer in time:"),
            RecvTimeoutError::Disconnected => self.lost("has ended:"),
        })
    }
}

impl Drop for CommandLine {
    fn drop(&mut self) {
        const GRACE: Duration = Duration::from_millis(500);
        // The end of its input is the end of an agent.
        self.input = None;
        let begun = Instant::now();
        while begun.elapsed() < GRACE && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(commands: [&str; 2]) -> DeviceStage {
        DeviceStage {
            commands: commands.map(str::to_owned),
            timeout: Duration::from_secs(5),
        }
    }

    const SCRIPT: Script = Script {
        rules: "",
        run: |_| Ok(Judged::default()),
    };

    #[test]
    fn what_is_missing_is_a_reason_to_skip() {
        let none = r#"read x; echo '{"failed":{"call":"ibv_get_device_list","errno":38,"message":""}}'; cat > /dev/null"#;
        let no_verbs = "echo error: built without verbs: rebuild >&2";
        for (command, why) in [
            (none, "no RDMA device"),
            (no_verbs, "without verbs: rebuild"),
        ] {
            match stage([command, command]).script(&SCRIPT, None) {
                Err(StageError::Unable(told)) => assert!(told.contains(why), "{told}"),
                other => panic!("{other:?}"),
            }
        }
        let rules = Script {
            rules: "[[rule]]",
            ..SCRIPT
        };
        let refused = stage(["true", "true"]).script(&rules, None);
        assert!(matches!(refused, Err(StageError::Unable(_))));
    }

    #[test]
    fn agents_that_fail_are_named() {
        for (command, why) in [
            ("echo oops >&2; exit 3", "oops"),
            ("echo nonsense; cat > /dev/null", "cannot be understood"),
            ("read x; echo '\"done\"'; cat > /dev/null", "does not fit"),
        ] {
            match stage([command, command]).script(&SCRIPT, None) {
                Err(StageError::Broken(told)) => {
                    // Both what was run and what it said.
                    assert!(told.contains(command) && told.contains(why), "{told}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

//! Real RDMA devices of two hosts, each reached by a command that runs `xoff agent` there.

use super::drive::{Task, drive};
use super::lab::play;
use crate::arm::{Lie, Stage, StageError};
use crate::evidence::Evidence;
use crate::script::Script;
use crate::{Arm, Judged};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use xoff_lab::agent::{Agent, AgentError, Choice, Line, Reply, Request};
use xoff_lab::session::NO_VERBS;
use xoff_model::Model;

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
    pub choices: [Choice; 2],
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
        let before = self.counters(&mut agents)?;
        let driven = drive(&mut agents, &task).map_err(stage_error)?;
        let mut counters = self.counters(&mut agents)?;
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
        self.counters(&mut agents)?;
        play(&mut agents, script).map_err(stage_error)
    }
}

impl DeviceStage {
    fn agents(&self, lie: Option<Lie>) -> Result<Vec<Agent>, StageError> {
        let deadline = Instant::now() + self.timeout;
        let begin = |(command, choice): (&String, &Choice)| {
            let line = CommandLine::begin(command, deadline).map_err(stage_error)?;
            Ok(Agent::new(command, Box::new(line), lie).choosing(choice.clone()))
        };
        self.commands.iter().zip(&self.choices).map(begin).collect()
    }

    /// Of each device; opens it. What cannot be opened is no stack that could be judged.
    fn counters(&self, agents: &mut [Agent]) -> Result<Vec<BTreeMap<String, u64>>, StageError> {
        let mut all = Vec::new();
        for (agent, choice) in agents.iter_mut().zip(&self.choices) {
            let opened = agent.open(false);
            opened.map_err(|error| not_opened(error, choice.device.as_deref()))?;
            match agent.ask(&Request::Counters).map_err(stage_error)? {
                Reply::Counters(counters) => all.push(counters),
                other => return Err(stage_error(agent.nonsense(&other))),
            }
        }
        Ok(all)
    }
}

fn not_opened(error: AgentError, wanted: Option<&str>) -> StageError {
    const ABSENT: [Errno; 3] = [Errno::NODEV, Errno::NOSYS, Errno::NOENT];
    match &error {
        AgentError::Refused {
            host, call, errno, ..
        } if call == "ibv_get_device_list" && is_one_of(*errno, &ABSENT) => {
            match wanted {
                None => StageError::Unable(format!("{host}: there is no RDMA device")),
                // Skipped checks would hide a name that is wrong.
                Some(name) => {
                    StageError::Broken(format!("{host}: no RDMA device is called {name}"))
                }
            }
        }
        AgentError::Refused { .. } => StageError::Broken(error.to_string()),
        _ => stage_error(error),
    }
}

/// Only an agent that is lost is the end of a run.
fn stage_error(error: AgentError) -> StageError {
    // What a driver says of what its device does not have.
    const LACKING: [Errno; 3] = [Errno::NOSYS, Errno::OPNOTSUPP, Errno::PROTONOSUPPORT];
    let text = error.to_string();
    match error {
        AgentError::Lacks { .. } => StageError::Unable(text),
        AgentError::Refused { errno, .. } if is_one_of(errno, &LACKING) => StageError::Unable(text),
        AgentError::Refused { .. } => StageError::Refused(text),
        AgentError::Lost { message, .. } if message.contains(NO_VERBS) => StageError::Unable(text),
        AgentError::Lost { .. } => StageError::Broken(text),
    }
}

fn is_one_of(errno: i32, known: &[Errno]) -> bool {
    known.iter().any(|known| known.raw_os_error() == errno)
}

/// An agent that is reached at all says something by then.
const FIRST_WORD: Duration = Duration::from_secs(15);

/// A command that speaks on standard input and output. Ends with this.
struct CommandLine {
    command: String,
    child: Child,
    /// What it is to be told; a thread waits until it listens. None: nothing more.
    input: Option<Sender<Vec<u8>>>,
    lines: Receiver<Vec<u8>>,
    complaint: Arc<Mutex<String>>,
    deadline: Instant,
    /// It has answered once.
    speaks: bool,
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
            input: Some(told(input)),
            lines,
            complaint,
            deadline,
            speaks: false,
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

/// A thread that tells a command what it is to be told: one that does not listen holds up nobody.
fn told(input: Option<ChildStdin>) -> Sender<Vec<u8>> {
    let (to, requests) = channel::<Vec<u8>>();
    thread::spawn(move || {
        let Some(mut input) = input else { return };
        for request in requests {
            let sent = input.write_all(&request).and_then(|()| input.flush());
            if sent.is_err() {
                return;
            }
        }
    });
    to
}

impl Line for CommandLine {
    fn send(&mut self, line: &[u8]) -> Result<(), AgentError> {
        let sent = self.input.as_ref().map(|input| input.send(line.to_owned()));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(self.lost("does not listen:")),
        }
    }

    fn receive(&mut self) -> Result<Vec<u8>, AgentError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let patience = if self.speaks {
            left
        } else {
            left.min(FIRST_WORD)
        };
        let line = self.lines.recv_timeout(patience).map_err(|e| match e {
            RecvTimeoutError::Timeout => self.lost("did not answer in time:"),
            RecvTimeoutError::Disconnected => self.lost("has ended:"),
        })?;
        self.speaks = true;
        Ok(line)
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
            choices: Default::default(),
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

    /// An agent that says yes to opening, and no to all the rest.
    const REFUSES: &str = r#"say() { echo "$1"; }
        while read -r line; do
            case "$line" in
            *open*) say '{"opened":{"name":"mlx5_0","firmware":"","vendor_id":0,"vendor_part_id":0,"mtu":1024,"gid_index":3,"gid":[0,0,0,0,0,0,0,0,0,0,255,255,10,0,0,1],"max_qp_rd_atom":16}}' ;;
            *counters*) say '{"counters":{}}' ;;
            *) say '{"failed":{"call":"ibv_modify_qp","errno":ERRNO,"message":"no"}}' ;;
            esac
        done"#;

    fn asked(pair: &mut xoff_lab::agent::Pair) -> Result<Judged, AgentError> {
        pair.agents[0].done(&Request::QueryQp { qp: 0 })?;
        Ok(Judged::default())
    }

    #[test]
    fn a_refusal_is_the_end_of_one_check_and_not_of_the_run() {
        let script = Script {
            run: asked,
            ..SCRIPT
        };
        let with = |errno: &str| {
            let command = REFUSES.replace("ERRNO", errno);
            stage([&command, &command]).script(&script, None)
        };
        let refused = with("22");
        assert!(matches!(&refused, Err(StageError::Refused(what)) if what.contains("errno 22")));
        assert!(matches!(with("95"), Err(StageError::Unable(_))));
    }

    #[test]
    fn a_device_that_cannot_be_opened_ends_the_run() {
        let none = r#"read x; echo '{"failed":{"call":"ibv_query_gid","errno":22,"message":"no"}}'; cat > /dev/null"#;
        let opened = stage([none, none]).script(&SCRIPT, None);
        assert!(matches!(opened, Err(StageError::Broken(_))), "{opened:?}");
    }

    #[test]
    fn a_device_that_is_named_must_be_there() {
        let none = r#"read x; echo '{"failed":{"call":"ibv_get_device_list","errno":19,"message":""}}'; cat > /dev/null"#;
        let mut stage = stage([none, none]);
        stage.choices[0].device = Some("mlx5_9".to_owned());
        match stage.script(&SCRIPT, None) {
            Err(StageError::Broken(told)) => assert!(told.contains("called mlx5_9"), "{told}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn devices_and_gids_are_chosen() {
        let says = r#"read -r line; case "$line" in *mlx5_2*'"gid_index":5'*) echo '"done"' ;; esac; cat > /dev/null"#;
        let mut stage = stage([says, says]);
        for choice in &mut stage.choices {
            choice.device = Some("mlx5_2".to_owned());
            choice.gid_index = Some(5);
        }
        // It heard both, and what it says then does not fit.
        match stage.script(&SCRIPT, None) {
            Err(StageError::Broken(told)) => assert!(told.contains("does not fit"), "{told}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn agents_that_do_not_listen_or_answer_are_given_up() {
        let tell_much = Script {
            run: |pair: &mut xoff_lab::agent::Pair| {
                let much = vec![Request::QueryQp { qp: 0 }; 10_000];
                pair.agents[0].batch(much)?;
                Ok(Judged::default())
            },
            ..SCRIPT
        };
        // It opens its device and says its counters, and is deaf then.
        let opened = REFUSES.split(" ;;").next().unwrap();
        let deaf =
            format!("{opened} ;;\n*) say '{{\"counters\":{{}}}}'; exec sleep 60 ;; esac; done");
        for command in ["exec sleep 60", &deaf] {
            let begun = Instant::now();
            let mut stage = stage([command, command]);
            stage.timeout = Duration::from_secs(2);
            match stage.script(&tell_much, None) {
                Err(StageError::Broken(told)) => assert!(told.contains("in time"), "{told}"),
                other => panic!("{other:?}"),
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{command}");
        }
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

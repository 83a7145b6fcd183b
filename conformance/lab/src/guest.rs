//! A guest as seen from outside: its process, its console, its agent.

use super::LabError;
use super::build::last_lines;
use super::event::Event;
use super::protocol::{self, ToGuest};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of a console that are kept: its end.
const CONSOLE: usize = 16_384;
/// Lines of it that errors show.
const SHOWN: usize = 20;
/// How long a guest may take to read what it is told.
const PATIENCE: Duration = Duration::from_secs(10);
/// How a kernel begins to say that it has killed for want of memory.
const MEMORY: &str = "Out of memory";
/// How long a guest may take to power off.
const GRACE: Duration = Duration::from_secs(3);

/// What to boot.
pub(super) struct Boot<'a> {
    pub(super) name: &'a str,
    pub(super) kernel: &'a Path,
    /// This program, which is the guest's first process, too.
    pub(super) program: &'a Path,
    pub(super) directory: &'a Path,
    /// Size as the kernel takes it, such as 256M.
    pub(super) memory: &'a str,
    /// The options of each vector device.
    pub(super) devices: Vec<String>,
}

pub(super) struct Guest {
    pub(super) name: String,
    child: Child,
    group: Arc<Group>,
    line: UnixStream,
    console: Arc<Mutex<VecDeque<u8>>>,
}

impl Guest {
    /// Starts the kernel. Its life ends with the thread that calls this.
    pub(super) fn boot(
        index: usize,
        boot: &Boot<'_>,
        to: &Sender<Event>,
    ) -> Result<Guest, LabError> {
        let failed =
            |e: std::io::Error| LabError::Message(format!("cannot start guest {}: {e}", boot.name));
        let (line, theirs) = UnixStream::pair().map_err(failed)?;
        let (output, input) = std::io::pipe().map_err(failed)?;
        let mut command = Command::new(boot.program);
        command
            .args(["lab", "exec"])
            .arg(std::process::id().to_string());
        command.arg(boot.kernel).args(arguments(boot));
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        command
            .stdout(input.try_clone().map_err(failed)?)
            .stderr(input);
        // A terminal's Ctrl-C is ours alone.
        command.process_group(0).env_clear().env("HOME", "/");
        let child = command.spawn().map_err(failed)?;
        drop(command);
        let group = Arc::new(Group::of(&child));
        let console = Arc::new(Mutex::new(VecDeque::new()));
        let guest = Guest {
            name: boot.name.to_owned(),
            child,
            group: Arc::clone(&group),
            line,
            console: Arc::clone(&console),
        };
        thread::spawn(move || group.follow());
        thread::spawn(move || keep(output, &console));
        let from = guest.line.try_clone().map_err(failed)?;
        let to = to.clone();
        thread::spawn(move || {
            let mut from = BufReader::new(from);
            while let Ok(Some(message)) = protocol::read(&mut from) {
                if to.send(Event::Says(index, message)).is_err() {
                    return;
                }
            }
            let _ = to.send(Event::Gone(index));
        });
        Ok(guest)
    }

    /// A second end of its line, on which a hung guest does not hold up whoever writes.
    pub(super) fn line(&self) -> std::io::Result<UnixStream> {
        self.line.set_write_timeout(Some(PATIENCE))?;
        self.line.try_clone()
    }

    pub(super) fn tell(&mut self, message: &ToGuest) -> Result<(), LabError> {
        let sent = protocol::line(message).and_then(|line| self.line.write_all(&line));
        sent.map_err(|e| self.failed(format!("does not listen: {e}")))
    }

    /// An error with the end of the console.
    pub(super) fn failed(&self, message: String) -> LabError {
        // What a dying kernel says last may still be under way.
        thread::sleep(Duration::from_millis(100));
        let console = self.console.lock().unwrap_or_else(PoisonError::into_inner);
        let text: Vec<u8> = console.iter().copied().collect();
        let message = match cause(&text) {
            Some(cause) => format!("{message}: {cause}"),
            None => message,
        };
        LabError::Guest {
            guest: self.name.clone(),
            message,
            console: last_lines(&text, SHOWN),
        }
    }

    /// The error, if its kernel has killed something for want of memory.
    pub(super) fn starved(&self) -> Option<LabError> {
        let console = self.console.lock().unwrap_or_else(PoisonError::into_inner);
        let text: Vec<u8> = console.iter().copied().collect();
        drop(console);
        let killed = cause(&text).is_some_and(|cause| cause.starts_with(MEMORY));
        killed.then(|| self.failed("has too little memory (see --memory)".to_owned()))
    }

    /// Asks the guest to power off, and waits a little.
    pub(super) fn power_off(&mut self) {
        if self.tell(&ToGuest::Off).is_err() {
            return;
        }
        let begun = Instant::now();
        while begun.elapsed() < GRACE && self.group.lives() {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.group.end();
        let _ = self.child.wait();
    }
}

/// A guest's processes, until they are ended; only then may its kernel be waited for, or the number
/// could be another's.
struct Group(Mutex<Option<Pid>>);

impl Group {
    fn of(kernel: &Child) -> Group {
        let kernel = i32::try_from(kernel.id()).ok().and_then(Pid::from_raw);
        Group(Mutex::new(kernel))
    }

    fn number(&self) -> MutexGuard<'_, Option<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lives(&self) -> bool {
        self.number().is_some()
    }

    fn end(&self) {
        if let Some(group) = self.number().take() {
            // None is left if it has powered off.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// Ends what outlives the kernel and would hold the guest's line open: when it is killed as it
    /// tries out the host's ptrace, a stopped process.
    fn follow(&self) {
        let Some(kernel) = *self.number() else { return };
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(kernel), ended), Err(Errno::INTR)) {}
        self.end();
    }
}

fn arguments(boot: &Boot<'_>) -> Vec<OsString> {
    let option = |name: &str, path: &Path| {
        let mut option = OsString::from(name);
        option.push(path);
        option
    };
    let mut words: Vec<OsString> = [
        &format!("mem={}", boot.memory),
        "root=/dev/root",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        "quiet",
        "panic=-1",
        // Channels that are not named would be terminals.
        "con=null",
        "con0=null,fd:1",
        "ssl=null",
        "ssl0=fd:0,fd:0",
        &format!("umid={}", boot.name),
    ]
    .map(OsString::from)
    .to_vec();
    for (index, device) in boot.devices.iter().enumerate() {
        words.push(format!("vec{index}:{device}").into());
    }
    words.push(option("uml_dir=", boot.directory));
    words.push(option("init=", boot.program));
    words.extend(["--", "lab", "agent"].map(OsString::from));
    words
}

/// What a kernel says of its end, before the stack that fills the last lines.
fn cause(console: &[u8]) -> Option<String> {
    const SIGNS: [&str; 3] = ["Kernel panic", MEMORY, "No working init"];
    let lines = last_lines(console, usize::MAX);
    let tells = |line: &&String| SIGNS.iter().any(|sign| line.contains(sign));
    lines.iter().find(tells).map(|line| {
        let at = SIGNS
            .iter()
            .filter_map(|sign| line.find(sign))
            .min()
            .unwrap_or(0);
        line.get(at..).unwrap_or_default().to_owned()
    })
}

/// Reads a console to its end.
fn keep(mut from: impl Read, console: &Mutex<VecDeque<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        let mut console = console.lock().unwrap_or_else(PoisonError::into_inner);
        console.extend(buffer.get(..len).unwrap_or_default());
        let over = console.len().saturating_sub(CONSOLE);
        console.drain(..over);
    }
}

/// Turns this process into a guest's kernel that dies with `parent`. Returns only on failure.
pub fn become_kernel(parent: u32, kernel: &Path, arguments: &[OsString]) -> LabError {
    if let Err(e) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        return LabError::Message(format!("cannot bind the guest to its parent: {e}"));
    }
    // It may have gone before.
    let alive = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().cast_unsigned());
    if alive != Some(parent) {
        return LabError::Message("the parent is gone".to_owned());
    }
    let error = Command::new(kernel).args(arguments).exec();
    LabError::file("run", kernel, &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_told_before_the_stack() {
        let console = b"Run /x as init\n<0>Kernel panic - not syncing: sysrq\nStack:\n 6dc37d60\n";
        assert_eq!(cause(console).unwrap(), "Kernel panic - not syncing: sysrq");
        assert_eq!(cause(b"Run /x as init\n"), None);
        let killed = b"x invoked oom-killer: gfp\nOut of memory: Killed process 9 (x) total\n";
        assert!(cause(killed).is_some_and(|cause| cause.starts_with(MEMORY)));
    }

    #[test]
    fn consoles_keep_their_end() {
        let console = Mutex::new(VecDeque::new());
        let mut text = vec![b'a'; 3 * CONSOLE];
        text.push(b'z');
        keep(&text[..], &console);
        let console = console.into_inner().unwrap();
        assert_eq!((console.len(), console.back()), (CONSOLE, Some(&b'z')));
    }
}

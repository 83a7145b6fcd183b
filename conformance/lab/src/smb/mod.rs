//! SMB in the lab: Linux's server (ksmbd) in one guest, its client (cifs) in the other.
//!
//! [`protocol`] is what the guests are asked and tell, a JSON value per line; [`guest`] does it
//! there, as `xoff lab smb`; [`Pair`] is the near end.

pub mod guest;
pub mod protocol;
mod state;

pub use state::{ClientState, ServerInterface};

use self::protocol::{Ask, Tell};
use super::LabError;
use super::report::LabReport;
use super::run::{Options, hosts, ports, with_guests};
use super::rundir::{RunDir, runs};
use super::session::talk;
use crate::agent::{AgentError, Line};
use std::fs::File;
use xoff_model::Model;
use xoff_trace::capture::read::Reader;

/// This program as a guest has it.
const COMMAND: &str = "exec /proc/1/exe lab smb";

/// Programs that the guests run, with the Debian packages that have them.
pub const PROGRAMS: [(&str, &str); 4] = [
    ("ksmbd.mountd", "ksmbd-tools"),
    ("ksmbd.adduser", "ksmbd-tools"),
    ("mount.cifs", "cifs-utils"),
    ("sha256sum", "coreutils"),
];

/// The packages that are missing on this machine.
pub fn missing() -> Vec<&'static str> {
    let there = |program: &str| {
        let dirs = ["/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        dirs.iter()
            .any(|dir| std::path::Path::new(dir).join(program).exists())
    };
    let absent = PROGRAMS.iter().filter(|(program, _)| !there(program));
    let mut packages: Vec<_> = absent.map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

/// The address of a host's first interface.
pub fn first_address(host: usize) -> String {
    super::run::address(0, host)
}

/// A guest to ask.
pub struct Guest {
    name: String,
    line: Box<dyn Line>,
}

impl Guest {
    fn lost(&self, message: String) -> AgentError {
        AgentError::Lost {
            host: self.name.clone(),
            message,
        }
    }

    /// Asks, and does not wait.
    ///
    /// # Errors
    /// [`AgentError::Lost`] if the guest's process ended.
    pub fn ask(&mut self, ask: &Ask) -> Result<(), AgentError> {
        let mut text = serde_json::to_vec(ask).map_err(|e| self.lost(e.to_string()))?;
        text.push(b'\n');
        self.line.send(&text)
    }

    /// What it tells next.
    ///
    /// # Errors
    /// It is gone, or what it was asked did not work.
    pub fn hear(&mut self) -> Result<Tell, AgentError> {
        let line = self.line.receive()?;
        let told = serde_json::from_slice(&line)
            .map_err(|e| self.lost(format!("it said what cannot be understood: {e}")))?;
        match told {
            Tell::Failed(why) => Err(self.lost(why)),
            told => Ok(told),
        }
    }

    /// Asks, and gives the answer.
    ///
    /// # Errors
    /// As [`Guest::hear`].
    pub fn call(&mut self, ask: &Ask) -> Result<Tell, AgentError> {
        self.ask(ask)?;
        self.hear()
    }
}

/// The guests of a run.
pub struct Pair {
    pub server: Guest,
    pub client: Guest,
}

/// What a run left.
pub struct Ran<T, R> {
    /// An error if a guest died of it.
    pub value: Result<T, LabError>,
    /// What was read of the capture.
    pub seen: R,
    pub report: Option<LabReport>,
}

/// Takes up the two hosts of a model, server and client, lets `work` ask them, and takes everything
/// down; then `read` is given the capture and the host of each of its interfaces.
///
/// # Errors
/// The lab did not work. [`LabError::Unable`]: programs are missing.
pub fn with_pair<T, R>(
    model: &Model,
    options: &Options<'_>,
    work: impl FnOnce(&mut Pair) -> Result<T, AgentError>,
    read: impl FnOnce(Reader, &[usize]) -> Result<R, LabError>,
) -> Result<Ran<T, R>, LabError> {
    let missing = missing();
    if !missing.is_empty() {
        let why = format!("not installed: {}", missing.join(", "));
        return Err(LabError::Unable(why));
    }
    let count = hosts(model)?.len();
    if count != 2 {
        let why = format!("SMB needs 2 hosts: server and client; there are {count}");
        return Err(LabError::Message(why));
    }
    let dir = RunDir::create(&runs(options.temporary), "smb-")?;
    let path = dir.path().join("capture.pcapng");
    let options = Options {
        capture: Some(&path),
        ..*options
    };
    let commands = vec![COMMAND.to_owned(); count];
    let done = with_guests(model, &commands, &options, false, |lab| {
        talk(lab, COMMAND, |lines| pair(lines, work))
    });
    let (value, report) = match done {
        Ok(done) => (Ok(done.value), Some(done.report)),
        Err(died @ LabError::Guest { .. }) => (Err(died), None),
        Err(other) => return Err(other),
    };
    let file = File::open(&path).map_err(|e| LabError::file("read", &path, &e))?;
    let reader = Reader::new(Box::new(file), &path.to_string_lossy());
    let reader = reader.map_err(|e| LabError::Message(e.to_string()))?;
    let seen = read(reader, &ports(model)?)?;
    Ok(Ran {
        value,
        seen,
        report,
    })
}

fn pair<T>(
    lines: Vec<(String, Box<dyn Line>)>,
    work: impl FnOnce(&mut Pair) -> Result<T, AgentError>,
) -> Result<T, AgentError> {
    let mut guests = lines.into_iter().map(|(name, line)| Guest { name, line });
    let (Some(server), Some(client)) = (guests.next(), guests.next()) else {
        return Err(AgentError::Lost {
            host: "the lab".to_owned(),
            message: "there are no two guests".to_owned(),
        });
    };
    work(&mut Pair { server, client })
}

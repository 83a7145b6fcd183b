//! The lab: real kernels as guests, and xoff as the switch between them.
//!
//! Each host of a scenario is a User Mode Linux process whose root is the host's file system,
//! read-only. Its network device is connected to [`wire`], which applies the scenario's rules to
//! every frame. [`agent`] is what runs inside: the same executable, as the guest's init.
//!
//! [`build`] makes the kernel, [`run`] takes guests up and down; [`cache`] says where things are.

pub mod agent;
pub mod bridge;
pub mod build;
pub mod cache;
mod event;
mod guest;
pub mod init;
mod protocol;
pub mod report;
pub mod requirements;
pub mod run;
pub mod rundir;
pub mod session;
pub mod shell;
pub mod smb;
pub mod wire;

pub use guest::become_kernel;

use std::io;
use std::path::Path;
use thiserror::Error;
use xoff_trace::signals;

/// Why the lab could not do its work.
#[derive(Debug, Error)]
pub enum LabError {
    #[error("{0}")]
    Message(String),
    /// A guest that had booted did not do what it must.
    #[error("guest {guest}: {message}{}", tail(.console))]
    Guest {
        guest: String,
        message: String,
        /// The last lines of its console.
        console: Vec<String>,
    },
    #[error("interrupted")]
    Interrupted,
    /// What was asked cannot be done here: a reason to skip it.
    #[error("{0}")]
    Unable(String),
    /// A stack refused what it was asked.
    #[error("{0}")]
    Refused(String),
}

impl From<signals::Refused> for LabError {
    fn from(refused: signals::Refused) -> LabError {
        match refused {
            signals::Refused::Interrupted => LabError::Interrupted,
            signals::Refused::Unable(_) => LabError::Message(refused.to_string()),
        }
    }
}

impl LabError {
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> LabError {
        LabError::Message(format!("cannot {doing} {}: {error}", path.display()))
    }
}

fn tail(console: &[String]) -> String {
    match console {
        [] => "\n(its console is empty)".to_owned(),
        lines => format!("\nthe end of its console:\n  {}", lines.join("\n  ")),
    }
}

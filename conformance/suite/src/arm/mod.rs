//! Arms: how an experiment is run.

pub mod device;
mod drive;
pub mod lab;
pub mod sim;
pub mod smb;
pub mod trace;

use crate::evidence::Evidence;
use crate::script::Script;
use crate::{Arm, Judged};
use smb::{Experiment, SmbEvidence};
use thiserror::Error;
use xoff_lab::agent::{Reply, Request};
use xoff_model::Model;

/// Falsifies what agents say.
pub type Lie = fn(&Request, &mut Reply);

/// Judges reports, or reports that are damaged in the way that is named.
pub type Printer = fn(Option<&str>) -> Judged;

/// An arm at work.
pub trait Stage {
    fn arm(&self) -> Arm;

    /// Runs an experiment.
    ///
    /// # Errors
    /// See [`StageError`].
    fn observe(&mut self, model: &Model) -> Result<Evidence, StageError>;

    /// What was seen, if that is one thing for all experiments (a capture).
    fn fixed(&mut self) -> Option<Evidence> {
        None
    }

    /// Runs SMB between the guests of a lab.
    ///
    /// # Errors
    /// See [`StageError`].
    fn smb(&mut self, _: Experiment) -> Result<SmbEvidence, StageError> {
        let why = "SMB needs the kernels of guests";
        Err(StageError::Unable(why.to_owned()))
    }

    /// Runs a script against two agents.
    ///
    /// # Errors
    /// See [`StageError`].
    fn script(&mut self, script: &Script, lie: Option<Lie>) -> Result<Judged, StageError>;
}

/// Why an arm gives nothing.
#[derive(Clone, Debug, Error)]
pub enum StageError {
    /// It cannot: the check is skipped.
    #[error("{0}")]
    Unable(String),
    /// The stack refused what it must do: the check fails.
    #[error("{0}")]
    Refused(String),
    /// It should have, and did not: the run ends.
    #[error("{0}")]
    Broken(String),
}

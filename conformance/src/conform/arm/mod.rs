//! Arms: how an experiment is run.

pub mod sim;
pub mod trace;
